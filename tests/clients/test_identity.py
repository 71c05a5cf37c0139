"""Signing in, staying, leaving: bootstrap secrets, tokens, sessions, passwords, API keys, throttling. Users and their rights have their own test."""
import base64
import json
import uuid

from office import CRM, PASSWORD, Code, Office, Person, bootstrap_secret, code_of, run, stories, until

OFFICE = Office("identity")
ADMIN = OFFICE.admin
ADDRESSES = ("GATEWAY_ADDR", "IDENTITY_ADDR", "CONTACTS_ADDR")
OTHER_PASSWORD = "another good password"


def is_refused(someone, address="GATEWAY_ADDR"):
    """Whether a service refuses somebody's access token."""
    return someone.at(address).code("ListContacts" if address == "CONTACTS_ADDR" else "GetTenant") == Code.UNAUTHENTICATED


def is_refused_everywhere_within_5_s(someone):
    for address in ADDRESSES:
        until(lambda: is_refused(someone, address), 5, f"the token is refused at {address}")


def part(token, i):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[i] + "=="))


def encoded(part_of_token):
    return base64.urlsafe_b64encode(json.dumps(part_of_token).encode()).decode().rstrip("=")


# ---- tenants ----


def a_bootstrap_secret_makes_one_tenant():
    def fields(key):
        return {"tenant": {"key": key, "display_name": key}, "administrator_email": "a@example.com", "administrator_name": "A", "administrator_password": PASSWORD}
    secret = bootstrap_secret()
    nobody = Person()
    assert nobody.code("CreateTenant", bootstrap_secret="a secret that nobody gave", **fields("again")) == Code.PERMISSION_DENIED
    assert nobody.code("CreateTenant", bootstrap_secret=secret, **fields("again")) == Code.OK
    assert nobody.code("CreateTenant", bootstrap_secret=secret, **fields("third")) == Code.PERMISSION_DENIED
    assert nobody.code("CreateTenant", bootstrap_secret=bootstrap_secret(), **fields("again")) == Code.ALREADY_EXISTS
    e = nobody.failure("CreateTenant", bootstrap_secret=bootstrap_secret(), **{**fields("short"), "administrator_password": "too short"})
    assert e.code() == Code.INVALID_ARGUMENT and CRM.fields_at_fault(e) == ["administrator_password"] and "too short" not in e.details(), e


def a_tenant_begins_with_three_roles():
    assert {"administrator", "manager", "salesperson"} <= {r.display_name for r in Office("new").admin.all("ListRoles", "roles")}


def a_tenant_is_renamed_but_keeps_its_key():
    t = ADMIN.UpdateTenant(tenant={"display_name": "Nové jméno"})
    assert (t.display_name, t.key) == ("Nové jméno", OFFICE.key)
    assert ADMIN.error("UpdateTenant", tenant={"key": "other"}, update_mask="key") == (Code.INVALID_ARGUMENT, ["update_mask"])
    assert ADMIN.code("UpdateTenant", tenant={"display_name": "x", "etag": "old"}) == Code.ABORTED


# ---- tokens ----


def an_access_token_is_good_for_10_minutes_and_its_key_is_in_the_key_set():
    claims, kid = part(ADMIN.client.token, 1), part(ADMIN.client.token, 0)["kid"]
    assert claims["exp"] - claims["iat"] == 600, claims
    keys = Person().GetKeySet()
    assert kid in [k.kid for k in keys.keys] and kid in [k["kid"] for k in json.loads(keys.jwks)["keys"]]


def a_token_that_was_tampered_with_is_refused_everywhere():
    head, body, signature = ADMIN.client.token.split(".")
    forged = {
        "tampered claims": ".".join([head, encoded({**part(ADMIN.client.token, 1), "sub": str(uuid.uuid4())}), signature]),
        "alg none": ".".join([encoded({"alg": "none", "typ": "JWT"}), body, ""]),
        "an unknown key": ".".join([encoded({"alg": "EdDSA", "typ": "JWT", "kid": str(uuid.uuid4())}), body, signature]),
        "half a token": ADMIN.client.token[: len(ADMIN.client.token) // 2],
    }
    for what, token in forged.items():
        for address in ADDRESSES:
            assert is_refused(Person(token), address), (what, address)


# ---- sessions ----


def a_refresh_token_that_comes_back_late_was_stolen():
    someone = OFFICE.person("robbed", {"contacts.contacts.read": "LEVEL_OWN"})
    first = someone.refresh_token
    second = someone.RefreshSession(refresh_token=first)
    assert second.access_token and second.refresh_token != first and second.session.id == someone.session
    assert someone.code("RefreshSession", refresh_token=first) == Code.OK  # again, at once: the answer was lost on its way
    third = someone.RefreshSession(refresh_token=second.refresh_token)
    e = someone.failure("RefreshSession", refresh_token=first)
    assert e.code() == Code.UNAUTHENTICATED and CRM.details(e)["ErrorInfo"].reason == "REFRESH_TOKEN_REUSED", e
    assert someone.code("RefreshSession", refresh_token=third.refresh_token) == Code.UNAUTHENTICATED
    is_refused_everywhere_within_5_s(someone)


def one_lists_and_revokes_ones_own_sessions():
    here = OFFICE.person("leaving", {"contacts.contacts.read": "LEVEL_OWN"})
    assert len(here.ListSessions().sessions) == 1
    elsewhere = OFFICE.sign_in("leaving")
    assert {s.id for s in here.ListSessions().sessions} == {here.session, elsewhere.session}
    assert ADMIN.code("ListSessions", user_id=here.id) == Code.OK
    assert here.code("ListSessions", user_id=ADMIN.id) == Code.PERMISSION_DENIED
    assert here.code("RevokeSession", id=ADMIN.session) == Code.NOT_FOUND
    here.RevokeSession(id=elsewhere.session)
    is_refused_everywhere_within_5_s(elsewhere)
    assert here.code("ListContacts") == Code.OK


# ---- passwords ----


def a_new_password_ends_all_other_sessions():
    here = OFFICE.person("careful", {"contacts.contacts.read": "LEVEL_OWN"})
    elsewhere = OFFICE.sign_in("careful")
    assert here.code("ChangePassword", old_password="wrong", new_password=OTHER_PASSWORD) == Code.PERMISSION_DENIED
    here.ChangePassword(old_password=PASSWORD, new_password=OTHER_PASSWORD)
    is_refused_everywhere_within_5_s(elsewhere)
    assert here.code("ListContacts") == Code.OK
    assert code_of(OFFICE.sign_in, "careful") == Code.UNAUTHENTICATED
    assert code_of(OFFICE.sign_in, "CAREFUL", OTHER_PASSWORD) == Code.OK  # an address is the same in any case


def no_answer_holds_a_password():
    made = ADMIN.CreateUser(user={"email": OFFICE.email("discreet"), "display_name": "x", "password": PASSWORD})
    assert not made.password and not ADMIN.GetUser(id=made.id).password
    assert not [u for u in ADMIN.all("ListUsers", "users") if u.password]


def who_is_suspended_or_deleted_is_out_within_5_s_and_stays_out():
    someone = OFFICE.person("suspended", {"contacts.contacts.read": "LEVEL_OWN"})
    assert ADMIN.code("UpdateUser", user={"id": ADMIN.id, "state": "STATE_SUSPENDED"}, update_mask="state") == Code.FAILED_PRECONDITION  # nobody suspends themselves
    ADMIN.UpdateUser(user={"id": someone.id, "state": "STATE_SUSPENDED"}, update_mask="state")
    is_refused_everywhere_within_5_s(someone)
    assert code_of(OFFICE.sign_in, "suspended") == Code.UNAUTHENTICATED
    someone = OFFICE.person("deleted", {"contacts.contacts.read": "LEVEL_OWN"})
    ADMIN.DeleteUser(id=someone.id)
    is_refused_everywhere_within_5_s(someone)
    assert code_of(OFFICE.sign_in, "deleted") == Code.UNAUTHENTICATED
    ADMIN.UndeleteUser(id=someone.id)
    OFFICE.sign_in("deleted")


# ---- API keys ----


def a_machine_signs_in_with_an_api_key_and_acts_as_its_user():
    user = OFFICE.person("importer", {"contacts.contacts.read": "LEVEL_TEAM"})
    key = ADMIN.CreateApiKey(api_key={"display_name": "importer", "user_id": user.id})
    machine = Person()
    machine.client.token = machine.Authenticate(api_key=key.secret).access_token
    assert machine.code("ListContacts") == Code.OK
    assert key.secret and not ADMIN.GetApiKey(id=key.id).secret  # it is shown once
    assert machine.code("Authenticate", api_key=key.secret[:-1] + ("x" if key.secret[-1] != "x" else "y")) == Code.UNAUTHENTICATED
    ADMIN.DeleteApiKey(id=key.id)
    is_refused_everywhere_within_5_s(machine)
    assert machine.code("Authenticate", api_key=key.secret) == Code.UNAUTHENTICATED


# ---- throttling ----


def after_ten_failures_an_account_is_locked_and_others_are_not():
    OFFICE.person("guessed")
    tries = [code_of(OFFICE.sign_in, "guessed", f"wrong {i}") for i in range(12)]
    assert tries == [Code.UNAUTHENTICATED] * 10 + [Code.RESOURCE_EXHAUSTED] * 2, tries
    e = Person().failure("Authenticate", password={"tenant_key": OFFICE.key, "email": OFFICE.email("guessed"), "password": PASSWORD})
    assert e.code() == Code.RESOURCE_EXHAUSTED and CRM.details(e)["RetryInfo"].retry_delay.seconds > 600, e
    assert code_of(OFFICE.sign_in, "admin") == Code.OK


if __name__ == "__main__":
    run(stories())
