"""Log lines hold ids, never what people wrote: no secrets, tokens, addresses, names or texts, whatever a call ends with.

Every RPC there is is called with telling values, valid, twice and broken, at the level debug; then the logs are searched for them.
"""
import glob
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_every_rpc as every  # noqa: E402
from faults import Service  # noqa: E402
from office import CRM, PASSWORD, Code, Office, Person, bootstrap_secret, code_of, finish, report  # noqa: E402
from test_every_rpc import METHODS, Caller, Records, rules, walk  # noqa: E402

PHONE = "+420777666555"
TELLING = ["canary", PHONE, PHONE[4:], PASSWORD]
every.VALUES.update({0: "canary text {n}", 2: "canary{n}@canary.example.com", 3: PHONE, 4: PHONE, 5: "https://canary.example.com/a", 11: "canary-{n}", 12: "canary.example.com"})


def texts(path, sample):
    """Requests with one text each that is not valid."""
    for i, (_, _, field, _) in enumerate(list(walk(sample.request(path)))):
        if field.cpp_type == field.CPPTYPE_STRING and field.type != field.TYPE_BYTES and field.label != field.LABEL_REPEATED:
            request = sample.request(path)
            setattr(list(walk(request))[i][1], field.name, "canary " + "x" * (rules(field).max_length or 1024))
            yield request


def call_everything(records):
    answered = set()
    callers = (records.admin, Caller(True, records.admin.token), Caller(True, "canary-token"), Caller())
    for path in METHODS:
        if path.split(".")[1] == "internal":
            continue
        valid = records.remade(path).request(path)
        for request in (valid, valid, *texts(path, records)):
            for caller in callers[:1] if request is not valid else callers:
                answered.add(caller.call(path, request.SerializeToString())[0])
        for field in ("filter", "order_by", "page_token"):
            if field in valid.DESCRIPTOR.fields_by_name:
                odd = records.request(path)
                setattr(odd, field, 'canary = "canary@canary.example.com"')
                answered.add(records.admin.call(path, odd.SerializeToString())[0])
    return answered


def sign_ins(office):
    """Secrets that were in use, beside those made up."""
    key = office.admin.CreateApiKey(api_key={"display_name": "canary", "user_id": office.admin.id})
    machine = Person().Authenticate(api_key=key.secret)
    fresh = office.admin.RefreshSession(refresh_token=office.admin.refresh_token)
    code_of(Person().sign_in, office.key, "canary@canary.example.com", "canary password")
    office.admin.client.metadata = (("x-request-id", "an id \"canary"), ("traceparent", "canary"), ("x-canary", "canary"), ("cookie", "canary"))
    office.admin.code("ListContacts")
    office.admin.client.metadata = ()
    secret = bootstrap_secret()
    Person().code("CreateTenant", tenant={"key": "canary", "display_name": "canary"}, administrator_email="canary@canary.example.com", administrator_name="canary",
                  administrator_password="canary password", bootstrap_secret=secret)
    return [key.secret, machine.access_token, machine.refresh_token, fresh.access_token, fresh.refresh_token, office.admin.client.token, office.email("admin"), secret]


def lines():
    """(service, line) of the logs of our services."""
    for path in sorted(glob.glob(os.path.join(os.environ["CRM_RUN_DIR"], "log", "*.log"))):
        name = os.path.basename(path)[:-4]
        if os.path.exists(os.path.join(os.environ["CRM_BUILD"], "bin/crm-" + name)):
            with open(path, encoding="utf-8") as log:
                yield from ((name, line.rstrip("\n")) for line in log)


def is_json(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def main():
    ours = [Service.instead_of_the_stack(name, log_level="debug") for name in ("identity", "contacts", "gateway")]
    records, office = Records("logs"), Office("canary-office")
    answered = call_everything(records)
    wanted = {Code.OK, Code.INVALID_ARGUMENT, Code.UNAUTHENTICATED, Code.ALREADY_EXISTS}
    report(wanted <= answered, "the calls end in many ways", answered)
    telling = TELLING + sign_ins(office) + [records.admin.token]
    for service in ours:
        service.process.terminate()
        service.process.wait(60)
    written = list(lines())
    report(len({name for name, _ in written}) == 3 and sum('"method"' in line for _, line in written) > len(METHODS), "every service logs its calls", len(written))
    odd = [line for _, line in written if not is_json(line)]
    report(not odd, "every line is an object of JSON", odd[:3])
    told = [f"{name}: {line}" for name, line in written for value in telling if value in line]
    for name in ("postgres", "nats"):
        with open(os.path.join(os.environ["CRM_RUN_DIR"], "log", name + ".log"), encoding="utf-8") as log:
            told += [f"{name}: {line}" for line in log for value in telling if value in line]
    report(not told, "no line holds what a client sent or a service keeps secret", "\n".join(told[:10]))
    Service.end_all()
    finish()


if __name__ == "__main__":
    main()
