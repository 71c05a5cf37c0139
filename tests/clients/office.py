"""What the stories of tests/clients share: a tenant of its own with people in it, and a runner of functions named as sentences.

    office = Office("acme")                       # a new tenant; office.admin is a client of its administrator
    seller = office.person("seller", {"contacts.*": "LEVEL_OWN"}, team="")

Every client calls through the gateway unless told otherwise.
"""
import os
import sys
import traceback
import uuid

import grpc

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import crmpb  # noqa: E402

CRM = crmpb.Crm(os.path.join(os.environ["CRM_BUILD"], "gen/all.pb"))
Code = grpc.StatusCode
PASSWORD = "correct horse battery staple"


class Person:
    """A client that names methods without their service: p.GetContact(id=...)."""

    SERVICES = {m.split("/")[1]: m for s in CRM.services() if s.startswith("crm.") and ".internal." not in s for m in CRM.methods(s)}

    def __init__(self, token=None, address="GATEWAY_ADDR"):
        self.client = CRM.client(os.environ[address], token=token)
        self.id = None

    def __getattr__(self, name):
        if name not in self.SERVICES:
            raise AttributeError(name)
        path = self.SERVICES[name]
        return lambda request=None, **fields: self.client.call(path, request, **fields)

    def error(self, name, **fields):
        """(code, fields at fault) of a call that must fail."""
        e = crmpb.error_of(getattr(self, name), **fields)
        return e.code(), CRM.fields_at_fault(e)

    def sign_in(self, tenant, email, password=PASSWORD):
        answer = self.Authenticate(password={"tenant_key": tenant, "email": email, "password": password})
        self.client.token = answer.access_token
        self.id = answer.session.user_id
        return answer


class Office:
    def __init__(self, name):
        self.key = f"{name}-{uuid.uuid4().hex[:8]}"
        self.admin = Person()
        email = f"admin@{self.key}.example.com"
        self.admin.CreateTenant(tenant={"key": self.key, "display_name": name.title()}, administrator_email=email, administrator_name="Admin",
                                administrator_password=PASSWORD, bootstrap_secret=bootstrap_secret())
        self.admin.sign_in(self.key, email)

    def team(self, name, parent=""):
        return self.admin.CreateTeam(team={"display_name": name, "parent_id": parent}).id

    def role(self, name, grants):
        return self.admin.CreateRole(role={"display_name": name, "grants": [{"permission": p, "level": level} for p, level in grants.items()]}).id

    def person(self, name, grants=None, team=""):
        """A user with a role of these grants, signed in."""
        email = f"{name}@{self.key}.example.com"
        roles = [self.role(f"role of {name}", grants)] if grants else []
        self.admin.CreateUser(user={"email": email, "display_name": name.title(), "password": PASSWORD, "team_id": team, "role_ids": roles})
        someone = Person()
        someone.sign_in(self.key, email)
        return someone


def bootstrap_secret():
    secret = uuid.uuid4().hex
    with open(os.environ["BOOTSTRAP_FILE"], "a", encoding="utf-8") as f:
        f.write(f"\n{secret}\n")
    return secret


def run(functions):
    """Runs each and says how it went, a line each; the exit status tells whether all went well."""
    failed = 0
    for function in functions:
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok - {name}", flush=True)
        except Exception:  # whatever it is, the next one is to run
            failed += 1
            print(f"not ok - {name}\n{traceback.format_exc()}", flush=True)
    sys.exit(1 if failed else 0)
