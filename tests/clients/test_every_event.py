"""Every RPC that declares an event writes it, from the descriptors: a new RPC is covered without a line here.

After a successful call the event is on JetStream once, with the right tenant, actor, request id, trace, revision, changed fields, before and after, and without secrets; a
repeat of the request writes none, and neither does a call that only reads.
"""
import base64
import json
import os
import subprocess
import sys
import threading
import uuid

import grpc

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_every_rpc as every  # noqa: E402
from faults import TOP  # noqa: E402
from office import CRM, PASSWORD, bootstrap_secret, finish, report, until  # noqa: E402
from test_every_rpc import IDENTITY, METHODS, Records, policy, rules  # noqa: E402



class Stream:
    """All events, as they come, by a consumer on the nats package."""

    def __init__(self):
        self.events = []  # (subject, message id, Event)
        self.process = subprocess.Popen(["node", os.path.join(TOP, "tests/clients/events.mjs"), "follow", "judge-of-every-event", "crm.>"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        event_type = CRM.type("crm.events.v1.Event")
        for line in self.process.stdout:
            message = json.loads(line)
            self.events.append((message["subject"], message["id"], event_type.FromString(base64.b64decode(message["payload"]))))

    def of_trace(self, trace):
        return [e for e in self.events if e[2].traceparent == trace]

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)


def new_trace():
    return f"00-{uuid.uuid4().hex}-00f067aa0ba902b7-01"


# ---- requests that descriptors alone cannot tell ----


def particular(path, tenant, request):
    """What a request must say that no rule of a field tells."""
    name = path.split("/")[1]
    if name == "CreateTenant":
        request.bootstrap_secret = bootstrap_secret()
        request.tenant.key = f"events-{uuid.uuid4().hex[:8]}"
    elif name == "Authenticate":
        request.password.CopyFrom(CRM.new("crm.identity.v1.PasswordCredential", tenant_key=tenant.key, email=f"admin@{tenant.key}.example.com", password=PASSWORD))
    elif name == "ChangePassword":
        request.old_password = PASSWORD
        request.new_password = PASSWORD
    elif name in ("LogInteraction", "SubmitInquiry"):  # a message of a channel is taken in once
        getattr(request, "interaction" if name == "LogInteraction" else "inquiry").channel_message_id = str(uuid.uuid4())
    elif name == "ImportContacts":
        request.key = str(uuid.uuid4())
        request.ClearField("organization")
        request.ClearField("organization_key")
        request.contact.display_name = "Imported"


def call(tenant, path, request, trace):
    client = tenant.client(path)
    client_streams, server_streams = CRM.streams(path)
    answer = client.call(path, iter([request]) if client_streams else request, metadata=(("traceparent", trace),))
    return list(answer) if server_streams else answer


# ---- what an event must say ----


def top_level_differences(before, after):
    """Names of fields that differ; all that are set where one side is missing."""
    if before is None or after is None:
        return {f.name for f, _ in (before or after).ListFields()}

    def value(message, field):
        there = [v for f, v in message.ListFields() if f is field]
        return there[0] if there else None

    return {f.name for f in after.DESCRIPTOR.fields if value(before, f) != value(after, f)}


def secrets_in(message):
    for field, value in message.ListFields():
        if rules(field).secret:
            yield field.full_name
        if every.is_ours(field):
            for child in value if field.label == field.LABEL_REPEATED else [value]:
                yield from secrets_in(child)


def secret_fields(message):
    """Their names may be told, so that a changed password is known to have changed."""
    return {f.name for f in message.DESCRIPTOR.fields if rules(f).secret}


def side(event, part):
    data = getattr(event, part)
    return CRM.type(event.resource_type).FromString(data) if data else None


def faults_of(path, tenant, request, subject, message_id, event):
    """Everything about an event that is not as it must be."""
    before, after = side(event, "before"), side(event, "after")
    there = after or before
    service, entity, verb = subject.split(".")[2], subject.split(".")[3], subject.split(".")[5]
    expect = {
        "subject": subject == f"crm.{event.tenant_id}.{path.split('.')[1]}.{entity}.{event.resource_id}.{event.verb}" and service == path.split(".")[1],
        "verb": verb == event.verb,
        "message id": message_id == event.event_id and len(event.event_id) == 36,
        "tenant": event.tenant_id == (tenant.ids["tenant"] if not path.endswith("CreateTenant") else event.tenant_id),
        "actor": path.endswith("CreateTenant") or event.actor_id == tenant.administrator,
        "time": event.HasField("occur_time"),
        "version": event.schema_version == 1,
        "a side": there is not None,
        "id": there is None or there.id == event.resource_id,
        "no secrets": there is None or not [s for m in (before, after) if m is not None for s in secrets_in(m)],
        "changed fields": there is None or set(event.changed_fields) - secret_fields(there) == top_level_differences(before, after),
        "request id": "request_id" not in request.DESCRIPTOR.fields_by_name or event.request_id == request.request_id,
    }
    if event.verb == "created":
        expect["created: only after, revision 1"] = before is None and after is not None and event.revision == 1
    if event.verb == "updated":
        expect["updated: both sides"] = before is not None and after is not None
    if there is not None and "revision" in there.DESCRIPTOR.fields_by_name:
        expect["revision"] = event.revision == (after.revision if after is not None else before.revision + 1)
        if before is not None and after is not None:
            expect["next revision"] = after.revision == before.revision + 1
    return [name for name, fine in expect.items() if not fine]


def check_event(path, tenant, stream):
    declared = policy(path).event
    request = tenant.remade(path).request(path)
    particular(path, tenant, request)
    if "request_id" in request.DESCRIPTOR.fields_by_name:
        request.request_id = str(uuid.uuid4())
    trace = new_trace()
    try:
        call(tenant, path, request, trace)
    except grpc.RpcError as error:
        report(False, f"{path} succeeds", f"{error.code()} {error.details()}")
        return
    entity, verb = declared.split(".")
    wanted = lambda: [e for e in stream.of_trace(trace) if e[0].split(".")[3] == entity and e[2].verb == verb]
    try:
        until(wanted, 10, declared)
    except AssertionError:
        report(False, f"{path} writes {declared}", [e[0] for e in stream.of_trace(trace)])
        return
    faults = {e[0]: found for e in stream.of_trace(trace) if (found := faults_of(path, tenant, request, *e))}
    report(not faults, f"{path} writes {declared} as it should be", faults)
    check_repeat(path, tenant, request, stream)


def check_repeat(path, tenant, request, stream):
    """Once more with the same request_id: seen by a later event of the same relay, which keeps the order."""
    if not getattr(request, "request_id", ""):
        return
    again, mark = new_trace(), new_trace()
    try:
        call(tenant, path, request, again)
    except grpc.RpcError as error:
        report(False, f"{path} again answers", f"{error.code()} {error.details()}")
        return
    flush(path.split(".")[1], tenant, mark, stream)
    report(not stream.of_trace(again), f"{path} again writes no event", [e[0] for e in stream.of_trace(again)])


def has_secret(message):
    return any(rules(f).secret or (every.is_ours(f) and has_secret(f.message_type)) for f in message.fields)


def flush(service, tenant, trace, stream):
    """An event of the same service, behind which nothing earlier can come."""
    path = next(m for m in METHODS if m.split(".")[1] == service and m.split("/")[1].startswith("Create") and not has_secret(CRM.method(m).input_type))
    call(tenant, path, tenant.remade(path).request(path), trace)
    until(lambda: stream.of_trace(trace), 10, "the mark")


def check_read_only(paths, tenant, stream):
    traces = {path: new_trace() for path in paths}
    for path, trace in traces.items():
        try:
            call(tenant, path, tenant.request(path), trace)
        except grpc.RpcError:
            pass  # whatever it answers, it changes nothing
    for service in sorted({p.split(".")[1] for p in METHODS if policy(p).event}):
        flush(service, tenant, new_trace(), stream)
    wrote = [path for path, trace in traces.items() if stream.of_trace(trace)]
    report(not wrote, f"{len(paths)} methods that only read write no event", wrote)


class Tenant(Records):
    def __init__(self, key):
        super().__init__(key)
        self.administrator = self.must(IDENTITY + "ListSessions").sessions[0].user_id
        # the other services have heard of everybody who may own something
        until(lambda: self.make("crm.contacts.v1.ContactsService/CreateContact"), 10, "contacts knows the users")

    def client(self, path):
        return CRM.client(os.environ[path.split(".")[1].upper() + "_ADDR"], self.admin.token)


def main():
    tenant = Tenant("events")
    stream = Stream()
    paths = every.chosen(sys.argv[1:])
    silent = [p for p in paths if not policy(p).read_only and not policy(p).event]
    report(silent == [IDENTITY + "RefreshSession"], "every method that changes a record declares its event", silent)
    for path in paths:
        if policy(path).event:
            check_event(path, tenant, stream)
    check_read_only([p for p in paths if policy(p).read_only], tenant, stream)
    stream.close()
    finish()


if __name__ == "__main__":
    main()
