"""Builders for client tests: a tenant with users, teams and roles of its own.

    t = tenant.Tenant("acme")
    north = t.team("North", parent=sales)
    jana = t.user("jana", team=north, grants={"contacts.*": "LEVEL_OWN"})
    jana.call("ContactsService/CreateContact", contact={...})
"""
import os
import sys
import uuid

import grpc

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import crmpb  # noqa: E402

CRM = crmpb.Crm(os.path.join(os.environ["CRM_BUILD"], "gen/all.pb"))
Code = grpc.StatusCode
PASSWORD = "correct horse battery staple"
outcome = {"failed": 0}


def report(fine, name, why=""):
    outcome["failed"] += not fine
    print(f"{'ok' if fine else 'not ok'} - {name}{'' if fine else ': ' + str(why)}", flush=True)
    return fine


def finish():
    sys.exit(1 if outcome["failed"] else 0)


def code_of(call, *args, **kwargs):
    """OK or the code that the call ends with."""
    try:
        answer = call(*args, **kwargs)
        if hasattr(answer, "__next__"):
            list(answer)
        return Code.OK
    except grpc.RpcError as error:
        return error.code()


def path_of(method):
    service, name = method.split("/")
    package = {"ContactsService": "contacts", "IdentityService": "identity", "GatewayService": "gateway"}[service]
    return f"crm.{package}.v1.{service}/{name}"


class User:
    def __init__(self, address=None, token=None):
        self.client = CRM.client(address or os.environ["GATEWAY_ADDR"], token=token)
        self.id = self.session = self.refresh_token = None

    def call(self, method, request=None, **fields):
        return self.client.call(path_of(method), request, **fields)

    def code(self, method, **fields):
        return code_of(self.call, method, **fields)

    def error(self, method, **fields):
        return crmpb.error_of(self.call, method, **fields)

    def sign_in(self, key, email, password=PASSWORD):
        answer = self.call("IdentityService/Authenticate", password={"tenant_key": key, "email": email, "password": password})
        self.client.token = answer.access_token
        self.id, self.session, self.refresh_token = answer.session.user_id, answer.session.id, answer.refresh_token
        return self

    # the ids of everything that a list gives, over all pages
    def all(self, method, field, page_size=100, **fields):
        found, token = [], ""
        while True:
            page = self.call(method, page_size=page_size, page_token=token, **fields)
            found += list(getattr(page, field))
            token = page.next_page_token
            if not token:
                return found


def bootstrap_secret():
    secret = uuid.uuid4().hex
    with open(os.environ["BOOTSTRAP_FILE"], "a", encoding="utf-8") as f:
        f.write(f"\n{secret}\n")
    return secret


class Tenant:
    def __init__(self, key):
        self.key = key
        User().call("IdentityService/CreateTenant", tenant={"key": key, "display_name": key}, administrator_email=f"admin@{key}.example.com", administrator_name="Admin",
                    administrator_password=PASSWORD, bootstrap_secret=bootstrap_secret())
        self.admin = User().sign_in(key, f"admin@{key}.example.com")

    def team(self, name, parent=None):
        return self.admin.call("IdentityService/CreateTeam", team={"display_name": name, "parent_id": parent or ""}).id

    def role(self, grants):
        return self.admin.call("IdentityService/CreateRole", role={"display_name": f"role {uuid.uuid4()}", "grants": [
            {"permission": p, "level": level} for p, level in grants.items()]}).id

    def user(self, name, team=None, grants=None):
        made = self.admin.call("IdentityService/CreateUser", user={"email": f"{name}@{self.key}.example.com", "display_name": name, "password": PASSWORD, "team_id": team or "",
                                                                 "role_ids": [self.role(grants)] if grants else []})
        user = User().sign_in(self.key, made.email)
        return user
