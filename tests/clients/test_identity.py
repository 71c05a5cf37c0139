"""Signing in, staying, leaving; and that nobody can give more than they have."""
import base64
import json
import os
import time
import uuid

from crmpb import error_of
from tenant import CRM, PASSWORD, Code, Tenant, User, bootstrap_secret, code_of, finish, report

I = "IdentityService/"
NEW_TENANT = dict(tenant={"key": "again", "display_name": "Again"}, administrator_email="a@example.com", administrator_name="A", administrator_password=PASSWORD)

# ---- tenants by bootstrap secret ----
nobody = User()
secret = bootstrap_secret()
report(nobody.code(I + "CreateTenant", bootstrap_secret="a secret that nobody gave", **NEW_TENANT) == Code.PERMISSION_DENIED, "a wrong bootstrap secret makes no tenant")
report(nobody.code(I + "CreateTenant", bootstrap_secret=secret, **NEW_TENANT) == Code.OK, "a bootstrap secret makes a tenant")
NEW_TENANT["tenant"]["key"] = "third"
report(nobody.code(I + "CreateTenant", bootstrap_secret=secret, **NEW_TENANT) == Code.PERMISSION_DENIED, "but only once")
NEW_TENANT["tenant"]["key"] = "again"
report(nobody.code(I + "CreateTenant", bootstrap_secret=bootstrap_secret(), **NEW_TENANT) == Code.ALREADY_EXISTS, "a key is taken once")
NEW_TENANT.update(tenant={"key": "short", "display_name": "S"}, administrator_password="too short")
error = nobody.error(I + "CreateTenant", bootstrap_secret=bootstrap_secret(), **NEW_TENANT)
report(error.code() == Code.INVALID_ARGUMENT and CRM.fields_at_fault(error) == ["administrator_password"] and "too short" not in error.details(), "a short password is refused, unquoted", error)

t = Tenant("identity")
admin = t.admin
roles = {r.display_name: r for r in admin.all(I + "ListRoles", "roles")}
report({"administrator", "manager", "salesperson"} <= set(roles), "a tenant begins with three roles", list(roles))

# ---- tokens ----
claims = json.loads(base64.urlsafe_b64decode(admin.client.token.split(".")[1] + "=="))
report(claims["exp"] - claims["iat"] == 600, "an access token is good for 10 minutes", claims)
keys = User().call(I + "GetKeySet")
kid = json.loads(base64.urlsafe_b64decode(admin.client.token.split(".")[0] + "=="))["kid"]
report(kid in [k.kid for k in keys.keys] and kid in [k["kid"] for k in json.loads(keys.jwks)["keys"]], "its key is in the key set")
head, body, signature = admin.client.token.split(".")
forged = dict(claims, sub=str(uuid.uuid4()))
for what, token in {
    "tampered claims": ".".join([head, base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("="), signature]),
    "alg none": ".".join([base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("="), body, ""]),
    "an unknown key": ".".join([base64.urlsafe_b64encode(b'{"alg":"EdDSA","typ":"JWT","kid":"%s"}' % str(uuid.uuid4()).encode()).decode().rstrip("="), body, signature]),
    "half a token": admin.client.token[: len(admin.client.token) // 2],
}.items():
    for where in ("GATEWAY_ADDR", "IDENTITY_ADDR", "CONTACTS_ADDR"):
        user = User(os.environ[where], token)
        method = "ContactsService/ListContacts" if where == "CONTACTS_ADDR" else I + "GetTenant"
        report(user.code(method) == Code.UNAUTHENTICATED, f"{what} is UNAUTHENTICATED at {where[:-5].lower()}")

# ---- sessions ----
jana = t.user("jana", grants={"contacts.contacts.read": "LEVEL_OWN"})
first = jana.refresh_token
answer = jana.call(I + "RefreshSession", refresh_token=first)
report(answer.access_token and answer.refresh_token != first and answer.session.id == jana.session, "RefreshSession gives new tokens of the same session")
report(jana.code(I + "RefreshSession", refresh_token=first) == Code.OK, "the same token again, at once: the answer was lost on its way")
answer = jana.call(I + "RefreshSession", refresh_token=answer.refresh_token)
error = jana.error(I + "RefreshSession", refresh_token=first)
report(error.code() == Code.UNAUTHENTICATED and CRM.details(error)["ErrorInfo"].reason == "REFRESH_TOKEN_REUSED", "an older token was stolen", error)
report(jana.code(I + "RefreshSession", refresh_token=answer.refresh_token) == Code.UNAUTHENTICATED, "so the session has ended")


def refused_within(user, seconds, method="ContactsService/ListContacts"):
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        if user.code(method) == Code.UNAUTHENTICATED:
            return True
        time.sleep(0.02)
    return False


report(refused_within(jana, 5), "and its access tokens are refused within 5 s")
jana.sign_in("identity", "jana@identity.example.com")
report(len(jana.call(I + "ListSessions").sessions) == 1, "ListSessions lists those that are good")
elsewhere = User().sign_in("identity", "jana@identity.example.com")
report(admin.code(I + "ListSessions", user_id=jana.id) == Code.OK and jana.code(I + "ListSessions", user_id=admin.id) == Code.PERMISSION_DENIED, "others' sessions need a permission")
report(jana.code(I + "RevokeSession", id=admin.session) == Code.NOT_FOUND, "somebody else's session cannot be revoked")
report(jana.code(I + "RevokeSession", id=elsewhere.session) == Code.OK, "one's own can")
for address in ("GATEWAY_ADDR", "CONTACTS_ADDR"):
    report(refused_within(User(os.environ[address], elsewhere.client.token), 5), f"it is refused at {address[:-5].lower()} within 5 s")
report(refused_within(User(os.environ["IDENTITY_ADDR"], elsewhere.client.token), 5, I + "GetTenant"), "and at identity")

# ---- passwords ----
other = User().sign_in("identity", "jana@identity.example.com")
report(jana.code(I + "ChangePassword", old_password="wrong", new_password="another password") == Code.PERMISSION_DENIED, "a password is changed with the old one only")
report(jana.code(I + "ChangePassword", old_password=PASSWORD, new_password="another password") == Code.OK, "ChangePassword")
report(refused_within(other, 5), "other sessions end")
report(jana.code("ContactsService/ListContacts") == Code.OK, "the present one stays")
report(code_of(User().sign_in, "identity", "jana@identity.example.com") == Code.UNAUTHENTICATED, "the old password is of no use")
report(code_of(User().sign_in, "identity", "JANA@identity.example.com", "another password") == Code.OK, "the new one is, in any case of the address")
listed = [u for u in admin.all(I + "ListUsers", "users") if u.password]
report(not listed, "no answer holds a password")

# ---- users that may not sign in any more ----
report(admin.code(I + "UpdateUser", user={"id": admin.id, "state": "STATE_SUSPENDED"}, update_mask="state") == Code.FAILED_PRECONDITION, "nobody suspends themselves")
report(admin.code(I + "UpdateUser", user={"id": jana.id, "state": "STATE_SUSPENDED"}, update_mask="state") == Code.OK, "a user is suspended")
report(refused_within(jana, 5), "and signed out everywhere within 5 s")
report(code_of(User().sign_in, "identity", "jana@identity.example.com", "another password") == Code.UNAUTHENTICATED, "a suspended user cannot sign in")
report(admin.code(I + "CreateUser", user={"email": "Jana@Identity.example.com", "display_name": "J"}) == Code.ALREADY_EXISTS, "an e-mail address is taken once, in any case")

# ---- nobody gives more than they have ----
clerk = t.user("clerk", grants={"identity.*": "LEVEL_ALL", "contacts.contacts.read": "LEVEL_TEAM"})
grant = [{"permission": "contacts.contacts.read", "level": "LEVEL_ALL"}]
report(clerk.code(I + "CreateRole", role={"display_name": "more", "grants": grant}) == Code.PERMISSION_DENIED, "a role cannot allow more than its maker may")
grant[0]["level"] = "LEVEL_TEAM"
report(clerk.code(I + "CreateRole", role={"display_name": "as much", "grants": grant}) == Code.OK, "as much it can")
report(clerk.code(I + "UpdateUser", user={"id": clerk.id, "role_ids": [roles["administrator"].id]}, update_mask="roleIds") == Code.PERMISSION_DENIED, "nor can a role be given that allows more")
report(clerk.code(I + "CreateApiKey", api_key={"display_name": "k", "user_id": admin.id}) == Code.PERMISSION_DENIED, "nor a key for a user who may more")
report(admin.code(I + "UpdateRole", role={"id": roles["administrator"].id, "display_name": "x"}, update_mask="displayName") == Code.FAILED_PRECONDITION, "built-in roles stay as they are")
report(admin.code(I + "CreateRole", role={"display_name": "bad", "grants": [{"permission": "contacts..read\"", "level": "LEVEL_ALL"}]}) == Code.INVALID_ARGUMENT, "a permission must be one")

# ---- API keys ----
key = admin.call(I + "CreateApiKey", api_key={"display_name": "importer", "user_id": clerk.id})
machine = User()
machine.client.token = machine.call(I + "Authenticate", api_key=key.secret).access_token
report(machine.code("ContactsService/ListContacts") == Code.OK, "a machine signs in with an API key and acts as its user")
report(not admin.call(I + "GetApiKey", id=key.id).secret, "the secret is shown once")
report(code_of(machine.call, I + "Authenticate", api_key=key.secret[:-1] + "x") == Code.UNAUTHENTICATED, "a wrong key is refused")
report(admin.code(I + "DeleteApiKey", id=key.id) == Code.OK and refused_within(machine, 5), "deleting the key ends its sessions")
report(code_of(machine.call, I + "Authenticate", api_key=key.secret) == Code.UNAUTHENTICATED, "and nobody signs in with it")

# ---- teams ----
top = t.team("Top")
middle = t.team("Middle", top)
bottom = t.team("Bottom", middle)
report(admin.code(I + "UpdateTeam", team={"id": top, "parent_id": bottom}, update_mask="parentId") == Code.FAILED_PRECONDITION, "teams form a tree: no circle")
report(admin.code(I + "UpdateTeam", team={"id": top, "parent_id": top}, update_mask="parentId") == Code.FAILED_PRECONDITION, "not even of one")
report(admin.code(I + "DeleteTeam", id=middle) == Code.FAILED_PRECONDITION, "a team with teams below it stays")
member = t.user("member", bottom)
report(admin.code(I + "DeleteTeam", id=bottom) == Code.FAILED_PRECONDITION, "and one with members")
report(admin.code(I + "UpdateUser", user={"id": member.id}, update_mask="teamId") == Code.OK and admin.code(I + "DeleteTeam", id=bottom) == Code.OK, "an empty one goes")
report(admin.code(I + "DeleteRole", id=clerk.call(I + "GetUser", id=clerk.id).role_ids[0]) == Code.FAILED_PRECONDITION, "a role that somebody holds stays")

# ---- throttled ----
tries = [code_of(User().sign_in, "identity", "clerk@identity.example.com", f"wrong {i}") for i in range(12)]
report(tries[:10] == [Code.UNAUTHENTICATED] * 10 and tries[10:] == [Code.RESOURCE_EXHAUSTED] * 2, "after ten failures an account is locked", tries)
error = error_of(User().sign_in, "identity", "clerk@identity.example.com", PASSWORD)
report(error.code() == Code.RESOURCE_EXHAUSTED and CRM.details(error)["RetryInfo"].retry_delay.seconds > 600, "even with the right password; RetryInfo says for how long", error)
report(code_of(User().sign_in, "identity", "admin@identity.example.com") == Code.OK, "other accounts are not")
finish()
