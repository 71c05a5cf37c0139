"""Two replicas of contacts on one database: one relay publishes at a time, nothing is published twice, the other takes over when one dies, and a request_id is one everywhere."""
import os
import signal
import sys
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import grpc  # noqa: E402

import crmpb  # noqa: E402
from faults import CONTACTS, CRM, Consumer, Load, Service, Tenant, check, connect, metric, run_tests, until  # noqa: E402

TENANT = Tenant("twin")
CONSUMER = Consumer(TENANT)
TAKE_OVER = 5  # seconds
ids = []


FIRST, SECOND = Service("contacts").replica(), Service("contacts").replica()  # beside the stack's own, which nobody calls
BOTH = (FIRST, SECOND)
for service in BOTH:
    service.start_and_wait()


def published():
    """How many events each has published, the stack's own among them."""
    return [metric("crm_outbox_published_total", a) for a in (os.environ["CONTACTS_METRICS_ADDR"], FIRST.env["CRM_METRICS"], SECOND.env["CRM_METRICS"])]


def one_relay_at_a_time():
    before = sum(published())
    load = Load(TENANT, "both replicas", targets=[s.address for s in BOTH]).start().finish()
    load.check_records()
    CONSUMER.check_events(load)
    until(lambda: sum(published()) - before >= load.total, 10, "the relays have counted")
    check(sum(published()) - before == load.total, "the relays together publish each event once", published())
    ids.extend(load.acknowledged.values())


def a_request_id_is_one_everywhere():
    clients = [connect(s.address, TENANT.token) for s in BOTH]
    request = {"contact": {"display_name": "Once"}, "request_id": str(uuid.uuid4())}
    answers = [c.call(CONTACTS + "CreateContact", **request) for c in clients]
    check(answers[0] == answers[1], "the same request at two replicas, one after the other, has one effect and one answer", answers)
    error = crmpb.error_of(clients[1].call, CONTACTS + "CreateContact", contact={"display_name": "Other"}, request_id=request["request_id"])
    check(error.code() == grpc.StatusCode.INVALID_ARGUMENT, "its request_id with another body is refused at the other replica", error.code())

    pairs, wrong = [], []
    for i in range(200):
        request = CRM.new("crm.contacts.v1.CreateContactRequest", contact={"display_name": f"At once {i}"}, request_id=str(uuid.uuid4()))
        pairs.append([c.callable(CONTACTS + "CreateContact").future(request, timeout=10, metadata=c._metadata(())) for c in clients])
    for pair in pairs:
        try:
            made = [call.result() for call in pair]
            if made[0] != made[1]:
                wrong.append(made)
            ids.append(made[0].id)
        except grpc.RpcError as e:
            wrong.append(f"{e.code()} {e.details()}")
    ids.append(answers[0].id)
    check(not wrong, "200 requests at two replicas at the same time have one effect and one answer each", wrong[:2])
    names = [name for _, name in TENANT.contacts() if name.startswith(("At once", "Once"))]
    check(len(names) == 201 and len(set(names)) == 201, "each is there once", len(names))


def the_other_takes_over():
    """kill -9 of replicas under load, then at rest: what the dead one had acknowledged is published by the others."""
    load = Load(TENANT, "a replica dies", targets=[s.address for s in BOTH], total=600).start()
    load.wait_until(200)
    SECOND.signal(signal.SIGKILL)
    SECOND.process.wait(5)
    until(lambda: load.codes, 10, "the loss is felt")
    SECOND.start_and_wait()
    load.finish()
    load.check_records()
    CONSUMER.check_events(load)
    ids.extend(load.acknowledged.values())

    for dying, living in (BOTH, BOTH[::-1]):
        made = connect(dying.address, TENANT.token).call(CONTACTS + "CreateContact", contact={"display_name": "From the one that dies"})
        dying.signal(signal.SIGKILL)
        dying.process.wait(5)
        after = connect(living.address, TENANT.token).call(CONTACTS + "CreateContact", contact={"display_name": "From the one that lives"})
        begun = time.monotonic()
        missing = CONSUMER.wait_for([made.id, after.id], TAKE_OVER)
        check(not missing, f"within {TAKE_OVER} s of a replica's death the others publish what it left and what is new", missing)
        print(f"# took over after {time.monotonic() - begun:.2f} s", flush=True)
        ids.extend((made.id, after.id))
        dying.start_and_wait()


def a_hanging_replica():
    """One that is stopped in the middle keeps its lock and its connections; others serve, and its events come when it goes on."""
    load = Load(TENANT, "a replica hangs", targets=[FIRST.address], total=300, clients=8).start()
    load.wait_until(50)
    SECOND.signal(signal.SIGSTOP)
    load.finish()
    SECOND.signal(signal.SIGCONT)
    load.check_records()
    CONSUMER.check_events(load)
    ids.extend(load.acknowledged.values())


def the_stream():
    CONSUMER.close()
    CONSUMER.check_stream(ids, "after all of it the stream holds one event per contact")


run_tests(one_relay_at_a_time, a_request_id_is_one_everywhere, the_other_takes_over, a_hanging_replica, the_stream)
