"""What the programs of tests/clients share: a tenant of its own with people in it, and one way to say how a test went.

    office = Office("acme")                       # a new tenant; office.admin is its administrator
    seller = office.person("seller", {"contacts.*": "LEVEL_OWN"}, team)
    seller.CreateContact(contact={...})           # any RPC by its name alone, the request's fields as keywords
    seller.code("GetContact", id=...)             # OK, or the code that the call ends with
    seller.error("GetContact", id=...)            # (code, fields at fault) of a call that must fail
    seller.all("ListContacts", "contacts")        # the records of all pages

Calls go through the gateway unless told otherwise. Tests are functions named as sentences: `run(stories())` at the end of a file runs them all.
"""
import inspect
import os
import sys
import threading
import time
import traceback
import uuid

import grpc

import crmpb

CRM = crmpb.Crm(os.path.join(os.environ["CRM_BUILD"], "gen/all.pb"))
Code = grpc.StatusCode
PASSWORD = "correct horse battery staple"
failed = []


# ---- telling ----


def report(fine, name, why=""):
    if not fine:
        failed.append(name)
    print(f"{'ok' if fine else 'not ok'} - {name}{'' if fine else f': {why}'}", flush=True)


def finish():
    sys.exit(1 if failed else 0)


def stories():
    """The public functions of the calling program that take nothing, in their order."""
    of_caller = inspect.stack()[1].frame.f_globals
    return [f for name, f in of_caller.items()
            if inspect.isfunction(f) and f.__module__ == "__main__" and not name.startswith("_") and not inspect.signature(f).parameters]


def run(functions):
    """Runs each and says how it went, a line each; the exit status tells whether all went well."""
    for function in functions:
        name = function.__name__.replace("_", " ")
        try:
            function()
            report(True, name)
        except Exception:  # whatever it is, the next one is to run
            report(False, name, "\n" + traceback.format_exc())
    finish()


# ---- waiting, and doing at once ----


def until(condition, seconds, what):
    """Waits for a condition and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def in_parallel(n, work):
    """The outcomes of work(0..n-1), run at the same moment."""
    results, gate = [None] * n, threading.Barrier(n)

    def one(i):
        gate.wait()
        results[i] = work(i)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


# ---- people ----


def ids(records):
    return [r.id for r in records]


def code_of(call, *args, **kwargs):
    """OK, or the code that the call ends with."""
    try:
        answer = call(*args, **kwargs)
        if hasattr(answer, "__next__"):
            list(answer)
        return Code.OK
    except grpc.RpcError as error:
        return error.code()


class Person:
    """A client that names methods without their service: p.GetContact(id=...)."""

    PATHS = {m.split("/")[1]: m for s in CRM.services() if s.startswith("crm.") and ".internal." not in s for m in CRM.methods(s)}

    def __init__(self, token=None, address="GATEWAY_ADDR"):
        self.client = CRM.client(os.environ[address], token=token)
        self.id = self.session = self.refresh_token = None

    def __getattr__(self, name):
        if name not in self.PATHS:
            raise AttributeError(name)
        path = self.PATHS[name]
        return lambda request=None, **fields: self.client.call(path, request, **fields)

    def at(self, address):
        """The same token at another address."""
        return Person(self.client.token, address)

    def code(self, name, request=None, **fields):
        return code_of(getattr(self, name), request, **fields)

    def failure(self, name, request=None, **fields):
        """The grpc.RpcError of a call that must fail."""
        return crmpb.error_of(getattr(self, name), request, **fields)

    def error(self, name, request=None, **fields):
        """(code, fields at fault) of a call that must fail."""
        e = self.failure(name, request, **fields)
        return e.code(), CRM.fields_at_fault(e)

    def all(self, name, field, page_size=100, **fields):
        """The records of all pages of a list."""
        found, token = [], ""
        while True:
            page = getattr(self, name)(page_size=page_size, page_token=token, **fields)
            assert len(getattr(page, field)) <= page_size
            found += getattr(page, field)
            token = page.next_page_token
            if not token:
                return found

    def sign_in(self, tenant, email, password=PASSWORD):
        answer = self.Authenticate(password={"tenant_key": tenant, "email": email, "password": password})
        self.client.token = answer.access_token
        self.id, self.session, self.refresh_token = answer.session.user_id, answer.session.id, answer.refresh_token
        return self


class Office:
    def __init__(self, name):
        self.key = f"{name}-{uuid.uuid4().hex[:8]}"
        Person().CreateTenant(tenant={"key": self.key, "display_name": name.title()}, administrator_email=self.email("admin"), administrator_name="Admin",
                              administrator_password=PASSWORD, bootstrap_secret=bootstrap_secret())
        self.admin = self.sign_in("admin")

    def email(self, name):
        return f"{name}@{self.key}.example.com"

    def sign_in(self, name, password=PASSWORD):
        """One more client of somebody who is there."""
        return Person().sign_in(self.key, self.email(name), password)

    def team(self, name, parent=""):
        return self.admin.CreateTeam(team={"display_name": name, "parent_id": parent}).id

    def role(self, name, grants):
        return self.admin.CreateRole(role={"display_name": name, "grants": [{"permission": p, "level": level} for p, level in grants.items()]}).id

    def person(self, name, grants=None, team=""):
        """A user with a role of these grants, signed in."""
        roles = [self.role(f"role of {name}", grants)] if grants else []
        self.admin.CreateUser(user={"email": self.email(name), "display_name": name.title(), "password": PASSWORD, "team_id": team, "role_ids": roles})
        return self.sign_in(name)


def bootstrap_secret():
    secret = uuid.uuid4().hex
    with open(os.environ["BOOTSTRAP_FILE"], "a", encoding="utf-8") as f:
        f.write(f"\n{secret}\n")
    return secret
