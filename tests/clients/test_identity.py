"""What users of the identity service notice, told in small stories."""
import base64
import json
import os
import sys
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import CRM, Code, Office, PASSWORD, Person, bootstrap_secret, run  # noqa: E402
import crmpb  # noqa: E402

OFFICE = Office("identity")
ADMIN = OFFICE.admin
REVOKED_WITHIN_S = 5


def email(name):
    return f"{name}@{OFFICE.key}.example.com"


def until(condition, seconds):
    """Whether the condition comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def is_refused(someone, address="GATEWAY_ADDR"):
    other = Person(someone.client.token, address)
    try:
        other.GetTenant() if address != "CONTACTS_ADDR" else other.ListContacts()
    except Exception as e:
        return e.code() == Code.UNAUTHENTICATED
    return False


# ---- the tenant ----


def a_bootstrap_secret_works_once():
    secret = bootstrap_secret()

    def make(key):
        return {"tenant": {"key": key, "display_name": key}, "administrator_email": "a@example.com", "administrator_name": "A",
                "administrator_password": PASSWORD, "bootstrap_secret": secret}
    key = f"once-{uuid.uuid4().hex[:8]}"
    answer = Person().CreateTenant(**make(key))
    assert answer.tenant.key == key and answer.administrator.role_ids and not answer.administrator.password
    assert Person().error("CreateTenant", **make(key + "x"))[0] == Code.PERMISSION_DENIED
    assert Person().error("CreateTenant", **{**make(key + "y"), "bootstrap_secret": "x" * 40})[0] == Code.PERMISSION_DENIED
    # a key that is taken does not use the secret up
    fresh = bootstrap_secret()
    assert Person().error("CreateTenant", **{**make(key), "bootstrap_secret": fresh})[0] == Code.ALREADY_EXISTS
    Person().CreateTenant(**{**make(key + "z"), "bootstrap_secret": fresh})


def a_tenant_is_renamed_but_keeps_its_key():
    t = ADMIN.UpdateTenant(tenant={"display_name": "Nové jméno"})
    assert (t.display_name, t.key) == ("Nové jméno", OFFICE.key)
    assert ADMIN.error("UpdateTenant", tenant={"key": "other"}, update_mask="key") == (Code.INVALID_ARGUMENT, ["update_mask"])
    assert ADMIN.error("UpdateTenant", tenant={"display_name": "x", "etag": "old"})[0] == Code.ABORTED


# ---- signing in ----


def a_password_that_is_wrong_says_nothing_more():
    OFFICE.person("someone")
    refusals = set()
    for tenant, address, password in ((OFFICE.key, email("someone"), "wrong password!"), (OFFICE.key, email("nobody"), PASSWORD),
                                      ("no-such-tenant", email("someone"), PASSWORD)):
        e = crmpb.error_of(Person().Authenticate, password={"tenant_key": tenant, "email": address, "password": password})
        refusals.add((e.code(), e.details()))
    assert len(refusals) == 1 and refusals.pop()[0] == Code.UNAUTHENTICATED
    assert Person().error("Authenticate")[0] == Code.INVALID_ARGUMENT


def an_address_signs_in_in_any_case():
    OFFICE.person("case")
    Person().sign_in(OFFICE.key, email("case").upper())


def a_token_is_a_signed_jwt_of_the_key_set():
    token = Person()
    answer = token.sign_in(OFFICE.key, email("admin"))
    head, claims, _ = (base64.urlsafe_b64decode(part + "==") for part in answer.access_token.split("."))
    keys = Person().GetKeySet()
    assert json.loads(head)["alg"] == "EdDSA" and json.loads(head)["kid"] in [k.kid for k in keys.keys]
    assert {k["kid"] for k in json.loads(keys.jwks)["keys"]} == {k.kid for k in keys.keys}
    assert all(len(k.public_key) == 32 for k in keys.keys)
    lifetime = answer.access_expire_time.seconds - time.time()
    assert 500 < lifetime <= 601 and json.loads(claims)["exp"] == answer.access_expire_time.seconds


def a_token_that_was_tampered_with_is_refused():
    head, claims, signature = ADMIN.client.token.split(".")
    forged = base64.urlsafe_b64encode(base64.urlsafe_b64decode(claims + "==").replace(b"{", b'{"x":1,', 1)).rstrip(b"=").decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    for token in (f"{head}.{forged}.{signature}", f"{none}.{claims}.", f"{head}.{claims}", "x", f"{head}.{claims}.{'A' * 86}", "." * 100, "é"):
        for address in ("GATEWAY_ADDR", "IDENTITY_ADDR", "CONTACTS_ADDR"):
            if token.isascii():
                assert is_refused(Person(token), address), (token[:40], address)


def refresh_tokens_work_once_and_a_second_use_ends_the_session():
    someone = OFFICE.person("refresher")
    first = someone.sign_in(OFFICE.key, email("refresher"))
    second = Person().RefreshSession(refresh_token=first.refresh_token)
    assert second.session.id == first.session.id and second.refresh_token != first.refresh_token
    third = Person().RefreshSession(refresh_token=second.refresh_token)
    assert not is_refused(Person(third.access_token))
    assert Person().error("RefreshSession", refresh_token=first.refresh_token)[0] == Code.UNAUTHENTICATED
    # whoever has the newest is out as well
    assert Person().error("RefreshSession", refresh_token=third.refresh_token)[0] == Code.UNAUTHENTICATED
    assert until(lambda: is_refused(Person(third.access_token)), REVOKED_WITHIN_S)
    for token in ("x", third.refresh_token[:-1], third.refresh_token + "x"):
        assert Person().error("RefreshSession", refresh_token=token)[0] == Code.UNAUTHENTICATED, token


def a_revoked_session_is_refused_by_every_service():
    someone = OFFICE.person("revoked", {"contacts.contacts.read": "LEVEL_ALL"})
    addresses = ("GATEWAY_ADDR", "IDENTITY_ADDR", "CONTACTS_ADDR")
    assert not any(is_refused(someone, a) for a in addresses)
    sessions = someone.ListSessions().sessions
    assert len(sessions) == 1 and sessions[0].user_id == someone.id
    someone.RevokeSession()
    assert until(lambda: all(is_refused(someone, a) for a in addresses), REVOKED_WITHIN_S)
    assert not ADMIN.ListSessions(user_id=someone.id).sessions


def others_sessions_need_a_permission():
    victim, snoop = OFFICE.person("victim"), OFFICE.person("snoop")
    session = victim.ListSessions().sessions[0].id
    assert snoop.error("ListSessions", user_id=victim.id)[0] == Code.PERMISSION_DENIED
    assert snoop.error("RevokeSession", id=session)[0] == Code.NOT_FOUND
    assert ADMIN.RevokeSession(id=session).session.HasField("revoke_time")


def guessing_passwords_is_throttled():
    OFFICE.person("guessed")
    guess = {"password": {"tenant_key": OFFICE.key, "email": email("guessed"), "password": "wrong password!"}}
    for _ in range(40):
        e = crmpb.error_of(Person().Authenticate, **guess)
        if e.code() == Code.RESOURCE_EXHAUSTED:
            assert CRM.details(e)["RetryInfo"].retry_delay.ToMilliseconds() > 0
            break
        assert e.code() == Code.UNAUTHENTICATED
    else:
        raise AssertionError("never throttled")
    # the right one is not let in meanwhile either: it would tell
    guess["password"]["password"] = PASSWORD
    assert Person().error("Authenticate", **guess)[0] == Code.RESOURCE_EXHAUSTED


def a_changed_password_ends_the_other_sessions():
    someone = OFFICE.person("changer")
    other = Person()
    other.sign_in(OFFICE.key, email("changer"))
    assert someone.error("ChangePassword", old_password="wrong password!", new_password="another good password")[0] == Code.PERMISSION_DENIED
    assert someone.error("ChangePassword", old_password=PASSWORD, new_password="short") == (Code.INVALID_ARGUMENT, ["new_password"])
    someone.ChangePassword(old_password=PASSWORD, new_password="another good password")
    assert until(lambda: is_refused(other), REVOKED_WITHIN_S) and not is_refused(someone)
    assert Person().error("Authenticate", password={"tenant_key": OFFICE.key, "email": email("changer"), "password": PASSWORD})[0] == Code.UNAUTHENTICATED
    Person().sign_in(OFFICE.key, email("changer"), "another good password")


# ---- users ----


def a_user_is_created_changed_deleted_and_brought_back():
    u = ADMIN.CreateUser(user={"email": email("life"), "display_name": "Život", "password": PASSWORD, "language": "cs"})
    assert not u.password and u.state == 1
    assert ADMIN.error("CreateUser", user={"email": email("LIFE"), "display_name": "x", "password": PASSWORD})[0] == Code.ALREADY_EXISTS
    assert ADMIN.UpdateUser(user={"id": u.id, "display_name": "Jiný"}).display_name == "Jiný"
    someone = Person()
    someone.sign_in(OFFICE.key, email("life"))
    ADMIN.DeleteUser(id=u.id)
    assert until(lambda: is_refused(someone), REVOKED_WITHIN_S)
    assert Person().error("Authenticate", password={"tenant_key": OFFICE.key, "email": email("life"), "password": PASSWORD})[0] == Code.UNAUTHENTICATED
    by_address = f'email = "{email("life")}"'
    assert not ADMIN.ListUsers(filter=by_address).users and len(ADMIN.ListUsers(filter=by_address, show_deleted=True).users) == 1
    ADMIN.UndeleteUser(id=u.id)
    someone.sign_in(OFFICE.key, email("life"))


def a_suspended_user_is_out_at_once():
    someone = OFFICE.person("suspended")
    ADMIN.UpdateUser(user={"id": someone.id, "state": "STATE_SUSPENDED"})
    assert until(lambda: is_refused(someone), REVOKED_WITHIN_S)
    assert Person().error("Authenticate", password={"tenant_key": OFFICE.key, "email": email("suspended"), "password": PASSWORD})[0] == Code.UNAUTHENTICATED
    ADMIN.UpdateUser(user={"id": someone.id, "state": "STATE_ACTIVE"})
    someone.sign_in(OFFICE.key, email("suspended"))


def nobody_gives_more_than_they_hold():
    clerk = OFFICE.person("clerk", {"identity.users.create": "LEVEL_ALL", "identity.users.update": "LEVEL_ALL", "identity.roles.create": "LEVEL_ALL",
                                    "identity.roles.update": "LEVEL_ALL", "identity.roles.read": "LEVEL_ALL"})
    administrator = [r.id for r in ADMIN.ListRoles(filter='built_in = true').roles if r.display_name == "administrator"]
    assert len(administrator) == 1
    user = {"email": email("puppet"), "display_name": "Puppet", "password": PASSWORD}
    assert clerk.error("CreateUser", user={**user, "role_ids": administrator})[0] == Code.PERMISSION_DENIED
    assert clerk.error("UpdateUser", user={"id": clerk.id, "role_ids": administrator})[0] == Code.PERMISSION_DENIED
    assert clerk.error("CreateRole", role={"display_name": "more", "grants": [{"permission": "contacts.*", "level": "LEVEL_OWN"}]})[0] == Code.PERMISSION_DENIED
    made = clerk.CreateRole(role={"display_name": "less", "grants": [{"permission": "identity.users.create", "level": "LEVEL_OWN"}]})
    assert clerk.error("UpdateRole", role={"id": made.id, "grants": [{"permission": "*", "level": "LEVEL_ALL"}]})[0] == Code.PERMISSION_DENIED
    # nor takes over somebody who holds more, by setting their password
    assert clerk.error("UpdateUser", user={"id": ADMIN.id, "password": "another good password"})[0] == Code.PERMISSION_DENIED
    clerk.CreateUser(user={**user, "role_ids": [made.id]})


def the_last_word_on_built_in_roles_is_ours():
    for role in ADMIN.ListRoles(filter="built_in = true").roles:
        assert ADMIN.error("DeleteRole", id=role.id)[0] == Code.FAILED_PRECONDITION
    held = OFFICE.role("held", {"contacts.contacts.read": "LEVEL_OWN"})
    u = ADMIN.CreateUser(user={"email": email("holder"), "display_name": "x", "password": PASSWORD, "role_ids": [held]})
    assert ADMIN.error("DeleteRole", id=held)[0] == Code.FAILED_PRECONDITION
    ADMIN.UpdateUser(user={"id": u.id}, update_mask="roleIds")
    ADMIN.DeleteRole(id=held)
    assert ADMIN.error("CreateRole", role={"display_name": "administrator"})[0] == Code.ALREADY_EXISTS
    assert ADMIN.error("CreateRole", role={"display_name": "odd", "grants": [{"permission": "a b", "level": "LEVEL_OWN"}]})[0] == Code.INVALID_ARGUMENT


def changed_roles_count_from_the_next_token_on():
    role = OFFICE.role("reader", {"contacts.contacts.read": "LEVEL_ALL"})
    someone = OFFICE.person("reader")
    tokens = someone.sign_in(OFFICE.key, email("reader"))
    assert someone.error("ListContacts")[0] == Code.PERMISSION_DENIED

    def renew(old):
        new = Person().RefreshSession(refresh_token=old.refresh_token)
        someone.client.token = new.access_token
        return new
    ADMIN.UpdateUser(user={"id": someone.id, "role_ids": [role]})
    tokens = renew(tokens)
    someone.ListContacts()
    ADMIN.UpdateRole(role={"id": role, "grants": [{"permission": "contacts.organizations.read", "level": "LEVEL_ALL"}]})
    tokens = renew(tokens)
    assert someone.error("ListContacts")[0] == Code.PERMISSION_DENIED
    someone.ListOrganizations()
    ADMIN.UpdateUser(user={"id": someone.id}, update_mask="roleIds")
    renew(tokens)
    assert someone.error("ListOrganizations")[0] == Code.PERMISSION_DENIED


# ---- teams ----


def teams_are_a_tree_without_circles():
    top = OFFICE.team("top")
    middle = OFFICE.team("middle", top)
    leaf = OFFICE.team("leaf", middle)
    for child, parent in ((top, leaf), (top, top), (middle, leaf)):
        assert ADMIN.error("UpdateTeam", team={"id": child, "parent_id": parent})[0] == Code.FAILED_PRECONDITION
    assert ADMIN.error("DeleteTeam", id=middle)[0] == Code.FAILED_PRECONDITION
    u = ADMIN.CreateUser(user={"email": email("member"), "display_name": "x", "password": PASSWORD, "team_id": leaf})
    assert ADMIN.error("DeleteTeam", id=leaf)[0] == Code.FAILED_PRECONDITION
    ADMIN.UpdateUser(user={"id": u.id}, update_mask="teamId")
    ADMIN.DeleteTeam(id=leaf)
    ADMIN.DeleteTeam(id=middle)
    assert [t.id for t in ADMIN.ListTeams(filter=f'parent_id = "{top}"').teams] == []
    assert ADMIN.error("CreateTeam", team={"display_name": "x", "parent_id": str(uuid.uuid4())})[0] in (Code.NOT_FOUND, Code.INVALID_ARGUMENT)


# ---- machines ----


def a_machine_signs_in_with_its_key_until_it_is_deleted():
    someone = OFFICE.person("machine", {"contacts.contacts.read": "LEVEL_ALL"})
    key = ADMIN.CreateApiKey(api_key={"display_name": "web shop", "user_id": someone.id})
    assert key.secret and not ADMIN.GetApiKey(id=key.id).secret
    machine = Person()
    answer = machine.Authenticate(api_key=key.secret)
    machine.client.token = answer.access_token
    machine.ListContacts()
    assert answer.session.api_key_id == key.id and answer.session.user_id == someone.id
    assert Person().error("Authenticate", api_key=key.secret[:-1] + "x")[0] == Code.UNAUTHENTICATED
    ADMIN.DeleteApiKey(id=key.id)
    assert Person().error("Authenticate", api_key=key.secret)[0] == Code.UNAUTHENTICATED
    assert until(lambda: is_refused(machine), REVOKED_WITHIN_S)
    assert ADMIN.error("CreateApiKey", api_key={"display_name": "x", "user_id": str(uuid.uuid4())})[0] in (Code.NOT_FOUND, Code.INVALID_ARGUMENT)


# ---- explaining ----


def access_is_explained_by_rule():
    region = OFFICE.team("explained region")
    shop = OFFICE.team("explained shop", region)
    seller = OFFICE.person("explained", {"contacts.contacts.*": "LEVEL_SUBTREE", "deals.*": "LEVEL_OWN"}, region)

    def ask(permission, **resource):
        return ADMIN.ExplainAccess(user_id=seller.id, permission=permission, **({"resource": resource} if resource else {}))
    assert ask("contacts.contacts.read").granted and ask("contacts.contacts.read").level == 3
    assert not ask("identity.users.read").granted and ask("identity.users.read").reason
    assert ask("contacts.contacts.read", team_id=shop).granted
    assert not ask("contacts.contacts.read", team_id=OFFICE.team("explained elsewhere")).granted
    assert ask("deals.deals.read", owner_id=seller.id).granted and not ask("deals.deals.read", owner_id=ADMIN.id).granted
    rules = ask("contacts.contacts.read", team_id=shop).rules
    assert [(r.role_display_name, r.permission, r.reaches) for r in rules if r.reaches] == [("role of explained", "contacts.contacts.*", True)], rules
    assert seller.ExplainAccess(permission="contacts.contacts.read").granted
    assert seller.error("ExplainAccess", user_id=ADMIN.id, permission="contacts.contacts.read")[0] == Code.PERMISSION_DENIED
    assert ADMIN.error("ExplainAccess", user_id=str(uuid.uuid4()), permission="contacts.contacts.read")[0] == Code.NOT_FOUND


def tenants_do_not_see_each_other():
    other = Office("neighbour").admin
    assert [u.id for u in other.ListUsers().users] == [other.id]
    assert other.error("GetUser", id=ADMIN.id)[0] == Code.NOT_FOUND
    assert other.error("ExplainAccess", user_id=ADMIN.id, permission="a.b.c")[0] == Code.NOT_FOUND
    role = OFFICE.role("ours", {"contacts.contacts.read": "LEVEL_ALL"})
    team = OFFICE.team("ours")
    for fields in ({"role_ids": [role]}, {"team_id": team}):
        code, _ = other.error("CreateUser", user={"email": "x@example.com", "display_name": "x", "password": PASSWORD, **fields})
        assert code in (Code.NOT_FOUND, Code.INVALID_ARGUMENT), (fields, code)


if __name__ == "__main__":
    run([f for name, f in list(globals().items()) if callable(f) and getattr(f, "__module__", "") == "__main__" and "_" in name and name != "is_refused"])
