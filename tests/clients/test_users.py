"""Users, their rights and how far they reach, told in small stories; signing in has its own test."""
import os
import sys
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import Code, Office, PASSWORD, Person, run  # noqa: E402

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


def a_tenant_is_renamed_but_keeps_its_key():
    t = ADMIN.UpdateTenant(tenant={"display_name": "Nové jméno"})
    assert (t.display_name, t.key) == ("Nové jméno", OFFICE.key)
    assert ADMIN.error("UpdateTenant", tenant={"key": "other"}, update_mask="key") == (Code.INVALID_ARGUMENT, ["update_mask"])
    assert ADMIN.error("UpdateTenant", tenant={"display_name": "x", "etag": "old"})[0] == Code.ABORTED


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


def nobody_takes_over_who_may_do_more():
    clerk = OFFICE.person("clerk", {"identity.users.update": "LEVEL_ALL", "identity.users.read": "LEVEL_ALL"})
    peer = OFFICE.person("peer", {"identity.users.read": "LEVEL_OWN"})
    # whoever sets the password or the address of another can sign in as them
    for fields in ({"password": "another good password"}, {"email": email("mine")}):
        assert clerk.error("UpdateUser", user={"id": ADMIN.id, **fields})[0] == Code.PERMISSION_DENIED, fields
    clerk.UpdateUser(user={"id": ADMIN.id, "display_name": "Renamed"})
    clerk.UpdateUser(user={"id": peer.id, "password": "another good password"})
    Person().sign_in(OFFICE.key, email("peer"), "another good password")
    clerk.UpdateUser(user={"id": clerk.id, "password": "another good password"})


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
