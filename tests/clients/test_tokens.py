"""Tokens over time: signing keys that change, rights that do not fit, credentials that end meanwhile.

identity runs as a child of ours with keys that sign for two seconds and tokens of ten.
"""
import base64
import json
import os
import sys
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from crmpb import error_of  # noqa: E402
from faults import Service, until  # noqa: E402
from office import CRM, PASSWORD, Code, Office, Person, in_parallel, run, stories  # noqa: E402

ODD = Service("identity", key_rotation_time="2s", access_token_time="1h", listen="127.0.0.1:0", metrics="")
IDENTITY = Service.instead_of_the_stack("identity", key_rotation_time="2s", access_token_time="10s", account_attempts=5)
OFFICE = Office("tokens")


def _part(token, i):
    text = token.split(".")[i]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _kid(token):
    return _part(token, 0)["kid"]


def _kids():
    return {k.kid for k in Person().GetKeySet().keys}


def _reason(error):
    return CRM.details(error)["ErrorInfo"].reason


def _token_of_a_newer_key(old):
    """Signs in until another key signs."""
    def signed():
        token = OFFICE.sign_in("admin").client.token
        return token if _kid(token) != _kid(old) else None

    return until(signed, 10, "another key signs")


def keys_rotate_and_tokens_of_both_are_good_everywhere():
    old = _token_of_a_newer_key(OFFICE.sign_in("admin").client.token)  # the first one was made to last for days
    new = _token_of_a_newer_key(old)
    assert {_kid(old), _kid(new)} <= _kids()
    for address in ("GATEWAY_ADDR", "CONTACTS_ADDR", "IDENTITY_ADDR"):
        method = "GetTenant" if address == "IDENTITY_ADDR" else "ListContacts"
        for token in (new, old):  # a service asks for a key that it has never seen
            assert Person(token, address).code(method) == Code.OK, address
    until(lambda: _kid(old) not in _kids(), 30, "a key goes once nothing it signed is good any more")
    until(lambda: Person(old, "CONTACTS_ADDR").code("ListContacts") == Code.UNAUTHENTICATED, 10, "its tokens are refused, but for clocks that are some seconds apart")


def keys_outlive_a_restart_and_services_go_on_without_identity():
    token = OFFICE.sign_in("admin").client.token
    for address in ("GATEWAY_ADDR", "CONTACTS_ADDR"):
        assert Person(token, address).code("ListContacts") == Code.OK
    IDENTITY.end()
    try:
        assert Person(token, "CONTACTS_ADDR").code("ListContacts") == Code.OK
        assert Person(token).code("ListContacts") == Code.OK
    finally:
        IDENTITY.start_and_wait()
    until(lambda: Person().code("GetKeySet") == Code.OK, 10, "the gateway reaches it again")
    assert Person(token, "IDENTITY_ADDR").code("GetTenant") == Code.OK
    assert _kid(token) in _kids()


def a_setting_that_would_keep_too_many_keys_stops_the_start():
    assert ODD.start().process.wait(20) == 2


def a_session_of_an_api_key_ends_with_the_key():
    admin = OFFICE.sign_in("admin")
    soon = time.time() + 3
    key = admin.CreateApiKey(api_key={"display_name": "short", "user_id": admin.id, "expire_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(soon + 1))})
    answer = Person().Authenticate(api_key=key.secret)
    assert Person().code("RefreshSession", refresh_token=answer.refresh_token) == Code.OK
    until(lambda: Person().code("Authenticate", api_key=key.secret) == Code.UNAUTHENTICATED, 10, "the key ends")
    assert Person().code("RefreshSession", refresh_token=answer.refresh_token) == Code.UNAUTHENTICATED


def a_stolen_token_does_not_serve_to_guess_the_password():
    OFFICE.admin = OFFICE.sign_in("admin")
    OFFICE.person("victim")
    thief = OFFICE.sign_in("victim")
    codes = [thief.code("ChangePassword", old_password=f"guess {i}", new_password="something else") for i in range(7)]
    assert codes == [Code.PERMISSION_DENIED] * 5 + [Code.RESOURCE_EXHAUSTED] * 2, codes
    assert OFFICE.sign_in("victim")  # signing in is counted for itself: nobody is locked out by that


def many_teams_go_into_a_token_and_too_many_are_said():
    admin = OFFICE.sign_in("admin")
    top = OFFICE.team("Top")
    grants = {"contacts.*": "LEVEL_SUBTREE", "identity.users.read": "LEVEL_ALL"}
    roles = [OFFICE.role("subtree", grants)]
    admin.CreateUser(user={"email": OFFICE.email("chief"), "display_name": "Chief", "password": PASSWORD, "team_id": top, "role_ids": roles})
    OFFICE.admin = admin
    below = in_parallel(8, lambda n: [OFFICE.team(f"T{n}-{i}", top) for i in range(50)])[-1]
    chief = OFFICE.sign_in("chief")
    token = chief.client.token
    assert len(_part(token, 1)["teams"]) == 401 and 16 * 1024 < len(token) <= 24 * 1024, len(token)
    mine = OFFICE.admin.CreateContact(contact={"display_name": "Far down", "team_id": below[-1]})
    assert [c.id for c in chief.all("ListContacts", "contacts")] == [mine.id]
    for address in ("CONTACTS_ADDR", "GATEWAY_ADDR"):
        assert Person(token, address).code("ListContacts") == Code.OK
    assert chief.code("GetCustomer360", contact_id=mine.id) == Code.OK

    OFFICE.admin = OFFICE.sign_in("admin")
    in_parallel(5, lambda n: [OFFICE.team(f"U{n}-{i}", top) for i in range(20)])
    error = error_of(OFFICE.sign_in, "chief")
    assert error.code() == Code.FAILED_PRECONDITION and _reason(error) == "RIGHTS_TOO_MANY" and "501 teams" in error.details(), error
    assert Person().code("RefreshSession", refresh_token=chief.refresh_token) == Code.FAILED_PRECONDITION

    # who sees all needs no teams
    OFFICE.admin = OFFICE.sign_in("admin")
    OFFICE.admin.UpdateUser(user={"id": chief.id, "role_ids": [OFFICE.role("everything", {"contacts.*": "LEVEL_ALL"})]}, update_mask="roleIds")
    assert len(OFFICE.sign_in("chief").client.token) < 1024


def a_stored_answer_is_for_who_may_still_do_it():
    OFFICE.admin = OFFICE.sign_in("admin")
    clerk = OFFICE.person("clerk", {"contacts.contacts.create": "LEVEL_OWN"})
    request = {"contact": {"display_name": "Once"}, "request_id": str(uuid.uuid4())}
    made = clerk.CreateContact(**request)
    assert clerk.CreateContact(**request).id == made.id
    OFFICE.admin.UpdateUser(user={"id": clerk.id}, update_mask="roleIds")
    assert OFFICE.sign_in("clerk").code("CreateContact", **request) == Code.PERMISSION_DENIED
    assert OFFICE.admin.CreateContact(**request).id != made.id  # another's request_id is another request


def metadata_beyond_the_limit_is_refused_clearly():
    admin = OFFICE.sign_in("admin")
    for address in ("GATEWAY_ADDR", "CONTACTS_ADDR"):
        client = CRM.client(os.environ[address], admin.client.token)
        fine = client.call("crm.contacts.v1.ContactsService/ListContacts", metadata=(("x-large", "x" * 20000),))
        assert fine is not None
        error = error_of(client.call, "crm.contacts.v1.ContactsService/ListContacts", metadata=(("x-large", "x" * 40000),))
        assert error.code() == Code.RESOURCE_EXHAUSTED, error


if __name__ == "__main__":
    try:
        run(stories())
    finally:
        Service.end_all()
