"""SIGTERM of each service during load: nothing acknowledged is lost, calls in flight finish, the exit status is 0, and a restart goes on with the data."""
import os
import queue
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import grpc  # noqa: E402

import h2raw  # noqa: E402
from faults import CONTACTS, CRM, TRANSIENT, Code, Consumer, Load, Service, Tenant, address, check, connect, health, metric, run_tests, until  # noqa: E402

TENANT = Tenant("stop")
CONSUMER = Consumer(TENANT)
# gRPC's server answers a call that reaches it after it began to go, and before the client has read so, with a bare CANCELLED: nothing was done for it
TURNED_AWAY = TRANSIENT + (Code.CANCELLED,)
SERVICES = {name: Service.instead_of_the_stack(name) for name in ("identity", "contacts", "gateway")}


class Import:
    """An ImportContacts call in flight: it has sent a row and waits for more."""

    def __init__(self, target, key):
        self.key, self.rows, self.sent = key, queue.Queue(), threading.Event()
        self.client = connect(target, TENANT.token)
        self.put(1)
        self.call = self.client.callable(CONTACTS + "ImportContacts").future(self.feed(), metadata=self.client._metadata(()), timeout=20)
        assert self.sent.wait(5), "the import has begun"

    def put(self, row):
        self.rows.put(CRM.new("crm.contacts.v1.ImportContactsRequest", source="stop", key=f"{self.key}-{row}", contact={"display_name": f"Imported {self.key} {row}"}))

    def feed(self):
        for row in iter(self.rows.get, None):
            yield row
            self.sent.set()

    def finish(self):
        self.put(2)
        self.rows.put(None)
        return self.call.result(20)


def refuses(target):
    """A new client gets no answer any more, or is told to come again."""
    return health(target) in (None, "NOT_SERVING")


def stop(name):
    load = Load(TENANT, f"SIGTERM of {name}", transient=TURNED_AWAY).start()
    load.wait_until(100)
    direct = address("contacts" if name == "identity" else name)
    in_flight = Import(direct, name)
    load.wait_until(200)
    service = SERVICES[name]
    service.signal(signal.SIGTERM)
    until(lambda: refuses(service.address), 5, f"{name} takes no new calls")
    check(service.is_alive() or name == "identity", f"{name} stays while a call is in flight")
    verdicts = in_flight.finish().verdicts
    check([v.Outcome.Name(v.outcome) for v in verdicts] == ["OUTCOME_CREATED"] * 2, f"a call in flight when {name} was told to stop finishes", verdicts)
    begun = time.monotonic()
    status = service.process.wait(30)
    check(status == 0, f"{name} ends with exit status 0", status)
    check(time.monotonic() - begun < 10, f"{name} does not linger once its calls have ended", f"{time.monotonic() - begun:.1f} s")
    service.start_and_wait()
    load.finish()
    check(not load.broken, f"{load.name}: clients are told only what they can try again", load.broken[:3])
    load.check_records()
    CONSUMER.check_events(load)
    until(lambda: health(address("gateway")) == "SERVING", 15, "the gateway serves again")


def contacts():
    stop("contacts")


def gateway():
    stop("gateway")


def identity():
    stop("identity")


def identity_during_sign_ins():
    """Signing in burns CPU outside the loop: those begun are finished, others are told to come again."""
    codes, lock = {}, threading.Lock()

    def sign_in():
        for _ in range(10):
            try:
                TENANT.sign_in(target=address("identity"))
                code = Code.OK
            except grpc.RpcError as error:
                code = error.code()
            with lock:
                codes[code] = codes.get(code, 0) + 1

    threads = [threading.Thread(target=sign_in) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: codes.get(Code.OK, 0) >= 4, 20, "sign-ins succeed")
    service = SERVICES["identity"]
    service.signal(signal.SIGTERM)
    status = service.process.wait(30)
    service.start_and_wait()
    for thread in threads:
        thread.join()
    check(status == 0, "identity ends with exit status 0 during sign-ins", status)
    check(set(codes) <= {Code.OK, *TURNED_AWAY}, "each sign-in is answered, or told to come again", codes)
    check(TENANT.sign_in(target=address("identity")).access_token != "", "one can sign in after the restart")


def an_idle_client():
    """One that holds its connection and reads nothing does not hold up the end."""
    service = SERVICES["contacts"]
    connection = h2raw.Connection(service.address)
    list(connection.frames(0.2))
    begun = time.monotonic()
    service.signal(signal.SIGTERM)
    status = service.process.wait(35)
    check(status == 0 and time.monotonic() - begun < 5, "a client that only holds its connection does not hold up the end", f"{status} after {time.monotonic() - begun:.1f} s")
    connection.close()
    service.start_and_wait()


def twice():
    """Asked a second time a service ends at once, whatever runs."""
    in_flight = Import(address("contacts"), "twice")
    until(lambda: metric("crm_calls_in_flight", os.environ["CONTACTS_METRICS_ADDR"]) >= 2, 5, "contacts serves the import")  # and the gateway's watch
    service = SERVICES["contacts"]
    service.signal(signal.SIGTERM)
    until(lambda: refuses(service.address), 5, "contacts takes no new calls")
    service.signal(signal.SIGTERM)
    status = service.process.wait(5)
    check(status == 1, "a second SIGTERM ends a service at once, and the status tells", status)
    in_flight.rows.put(None)
    service.start_and_wait()


run_tests(contacts, gateway, identity, identity_during_sign_ins, an_idle_client, twice)
