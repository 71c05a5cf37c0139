"""Users, roles and teams, and how far the rights of each reach; signing in has its own test."""
import uuid

from office import PASSWORD, Code, Office, Person, run, stories

OFFICE = Office("users")
ADMIN = OFFICE.admin
OTHER_PASSWORD = "another good password"


# ---- users ----


def a_user_is_created_changed_deleted_and_brought_back():
    u = ADMIN.CreateUser(user={"email": OFFICE.email("life"), "display_name": "Život", "password": PASSWORD, "language": "cs"})
    assert u.state == 1
    assert ADMIN.code("CreateUser", user={"email": OFFICE.email("LIFE"), "display_name": "x", "password": PASSWORD}) == Code.ALREADY_EXISTS
    assert ADMIN.UpdateUser(user={"id": u.id, "display_name": "Jiný"}).display_name == "Jiný"
    ADMIN.DeleteUser(id=u.id)
    by_address = f'email = "{OFFICE.email("life")}"'
    assert not ADMIN.ListUsers(filter=by_address).users and len(ADMIN.ListUsers(filter=by_address, show_deleted=True).users) == 1
    ADMIN.UndeleteUser(id=u.id)
    assert [found.id for found in ADMIN.ListUsers(filter=by_address).users] == [u.id]


def nobody_takes_over_who_may_do_more():
    clerk = OFFICE.person("clerk", {"identity.users.update": "LEVEL_ALL", "identity.users.read": "LEVEL_ALL"})
    peer = OFFICE.person("peer", {"identity.users.read": "LEVEL_OWN"})
    # whoever sets the password or the address of another can sign in as them
    for fields in ({"password": OTHER_PASSWORD}, {"email": OFFICE.email("mine")}):
        assert clerk.code("UpdateUser", user={"id": ADMIN.id, **fields}) == Code.PERMISSION_DENIED, fields
    clerk.UpdateUser(user={"id": ADMIN.id, "display_name": "Renamed"})
    clerk.UpdateUser(user={"id": peer.id, "password": OTHER_PASSWORD})
    OFFICE.sign_in("peer", OTHER_PASSWORD)
    clerk.UpdateUser(user={"id": clerk.id, "password": OTHER_PASSWORD})


def nobody_gives_more_than_they_have():
    clerk = OFFICE.person("generous", {"identity.*": "LEVEL_ALL", "contacts.contacts.read": "LEVEL_TEAM"})
    administrator = next(r for r in ADMIN.all("ListRoles", "roles") if r.display_name == "administrator")

    def role_of(level):
        return {"display_name": f"read at {level}", "grants": [{"permission": "contacts.contacts.read", "level": level}]}
    assert clerk.code("CreateRole", role=role_of("LEVEL_ALL")) == Code.PERMISSION_DENIED
    assert clerk.code("CreateRole", role=role_of("LEVEL_TEAM")) == Code.OK
    assert clerk.code("UpdateUser", user={"id": clerk.id, "role_ids": [administrator.id]}, update_mask="roleIds") == Code.PERMISSION_DENIED
    assert clerk.code("CreateApiKey", api_key={"display_name": "k", "user_id": ADMIN.id}) == Code.PERMISSION_DENIED
    assert ADMIN.code("UpdateRole", role={"id": administrator.id, "display_name": "x"}, update_mask="displayName") == Code.FAILED_PRECONDITION


# ---- roles ----


def changed_roles_count_from_the_next_token_on():
    role = OFFICE.role("reader", {"contacts.contacts.read": "LEVEL_ALL"})
    someone = OFFICE.person("reader")

    def renew():
        new = Person().RefreshSession(refresh_token=someone.refresh_token)
        someone.client.token, someone.refresh_token = new.access_token, new.refresh_token
    assert someone.code("ListContacts") == Code.PERMISSION_DENIED
    ADMIN.UpdateUser(user={"id": someone.id, "role_ids": [role]})
    renew()
    someone.ListContacts()
    ADMIN.UpdateRole(role={"id": role, "grants": [{"permission": "contacts.organizations.read", "level": "LEVEL_ALL"}]})
    renew()
    assert someone.code("ListContacts") == Code.PERMISSION_DENIED
    someone.ListOrganizations()
    ADMIN.UpdateUser(user={"id": someone.id}, update_mask="roleIds")
    renew()
    assert someone.code("ListOrganizations") == Code.PERMISSION_DENIED


def a_role_that_somebody_holds_stays():
    someone = OFFICE.person("holder", {"contacts.contacts.read": "LEVEL_OWN"})
    assert ADMIN.code("DeleteRole", id=ADMIN.GetUser(id=someone.id).role_ids[0]) == Code.FAILED_PRECONDITION


def a_permission_must_be_one():
    grants = [{"permission": 'contacts..read"', "level": "LEVEL_ALL"}]
    assert ADMIN.code("CreateRole", role={"display_name": "bad", "grants": grants}) == Code.INVALID_ARGUMENT


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
    assert ask("deals.deals.read", owner_id=seller.id).granted
    denied = ask("deals.deals.read", type="crm.deals.v1.Deal", id=str(uuid.uuid4()), owner_id=ADMIN.id, team_id=shop)
    assert not denied.granted and "own records" in denied.reason and [r.reaches for r in denied.rules] == [False], denied
    rules = ask("contacts.contacts.read", team_id=shop).rules
    assert [(r.role_display_name, r.permission, r.reaches) for r in rules if r.reaches] == [("role of explained", "contacts.contacts.*", True)], rules
    assert seller.ExplainAccess(permission="contacts.contacts.read").granted
    assert seller.code("ExplainAccess", user_id=ADMIN.id, permission="contacts.contacts.read") == Code.PERMISSION_DENIED
    assert ADMIN.code("ExplainAccess", user_id=str(uuid.uuid4()), permission="contacts.contacts.read") == Code.NOT_FOUND


# ---- teams ----


def teams_are_a_tree_and_only_an_empty_one_goes():
    top = OFFICE.team("Top")
    middle = OFFICE.team("Middle", top)
    bottom = OFFICE.team("Bottom", middle)
    for parent in (bottom, top):
        assert ADMIN.code("UpdateTeam", team={"id": top, "parent_id": parent}, update_mask="parentId") == Code.FAILED_PRECONDITION
    assert ADMIN.code("DeleteTeam", id=middle) == Code.FAILED_PRECONDITION
    member = OFFICE.person("member", team=bottom)
    assert ADMIN.code("DeleteTeam", id=bottom) == Code.FAILED_PRECONDITION
    ADMIN.UpdateUser(user={"id": member.id}, update_mask="teamId")
    ADMIN.DeleteTeam(id=bottom)
    ADMIN.DeleteTeam(id=middle)


# ---- tenants ----


def tenants_do_not_see_each_other():
    other = Office("neighbour").admin
    assert [u.id for u in other.ListUsers().users] == [other.id]
    assert other.code("GetUser", id=ADMIN.id) == Code.NOT_FOUND
    assert other.code("ExplainAccess", user_id=ADMIN.id, permission="a.b.c") == Code.NOT_FOUND
    role = OFFICE.role("ours", {"contacts.contacts.read": "LEVEL_ALL"})
    team = OFFICE.team("ours")
    for fields in ({"role_ids": [role]}, {"team_id": team}):
        code = other.code("CreateUser", user={"email": "x@example.com", "display_name": "x", "password": PASSWORD, **fields})
        assert code in (Code.NOT_FOUND, Code.INVALID_ARGUMENT), (fields, code)


if __name__ == "__main__":
    run(stories())
