"""Clients that misbehave harm nobody else: while they do, another client's calls all succeed within their deadline, and the services take a bounded amount of memory.

Each misbehaviour goes to the gateway and to a service directly. The abusers are processes of their own (rude.py).
"""
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import grpc  # noqa: E402

from faults import CONTACTS, CRM, Code, Service, Tenant, address, check, connect, health, memory_mb, metric, pid_of, run_tests, stack, until  # noqa: E402

NAMES = ("gateway", "contacts", "identity")
CALLS, DEADLINE = 500, 5
MAX_GROWTH_MB = 300  # 256 are for what is being received
WATCH, IMPORT, EXPORT, GET, CREATE = "grpc.health.v1.Health/Watch", CONTACTS + "ImportContacts", CONTACTS + "ExportContacts", CONTACTS + "GetContact", CONTACTS + "CreateContact"
TENANT = Tenant("rude")
NEIGHBOUR = Tenant("kind")
TENANT.fill(3000)
VICTIM = NEIGHBOUR.client().call(CREATE, contact={"display_name": "Neighbour"})


# ---- the measure ----


class Neighbour(threading.Thread):
    """Another client: its unary calls, their latency. A patient one tries again, within its deadline, when it is told to."""

    def __init__(self, target, is_patient):
        super().__init__(daemon=True)
        self.client, self.is_patient, self.seconds, self.errors, self.repeats = connect(target, NEIGHBOUR.token), is_patient, [], [], 0

    def run(self):
        while len(self.seconds) < CALLS and len(self.errors) < 20:
            begun = time.monotonic()
            try:
                self.call(begun + DEADLINE)
            except grpc.RpcError as error:
                self.errors.append(f"{error.code().name} {error.details()}")
            self.seconds.append(time.monotonic() - begun)
        self.client.channel.close()

    def call(self, end):
        while True:
            try:
                return self.client.call(GET, id=VICTIM.id, timeout=max(0.001, end - time.monotonic()))
            except grpc.RpcError as error:
                if not self.is_patient or error.code() not in (Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED) or time.monotonic() > end:
                    raise
            self.repeats += 1
            time.sleep(0.02)


def start_rude(target, kind, path, **fields):
    body = CRM.new(CRM.method(path).input_type.full_name, **fields).SerializeToString().hex()
    process = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "rude.py"), kind, target, TENANT.token, path, body],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n", f"{kind} {path} did not come about"
    return process


def end_rude(process):
    process.stdin.close()
    try:
        return process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        return "had to be killed"


def restart_peak(name):
    with open(f"/proc/{pid_of(name)}/clear_refs", "w", encoding="ascii") as f:
        f.write("5")
    return memory_mb(pid_of(name))


def abuse(name, kind, path, is_patient=False, **fields):
    """Runs the abuse until it says that it is in full swing, then the neighbours' calls beside it, and looks at what it cost."""
    target, label = address(name), f"{kind.replace('_', ' ')} ({path.rsplit('/', 1)[-1]}) at {name}"
    before = {n: restart_peak(n) for n in NAMES}
    process = start_rude(target, kind, path, **fields)
    neighbours = [Neighbour(t, is_patient) for t in (address("gateway"), address("contacts"))]
    for neighbour in neighbours:
        neighbour.start()
    for neighbour in neighbours:
        neighbour.join()
    grown = {n: memory_mb(pid_of(n), "VmHWM") - before[n] for n in NAMES}
    status = end_rude(process)
    errors = [e for n in neighbours for e in n.errors]
    slowest = max(s for n in neighbours for s in n.seconds)
    print(f"# {label}: slowest {slowest * 1000:.0f} ms, {sum(n.repeats for n in neighbours)} repeats, memory {', '.join(f'{n} {g:+.0f} MB' for n, g in grown.items())}", flush=True)
    check(not errors, f"{label}: another client's calls all succeed", f"{len(errors)}: {errors[:2]}")
    check(max(grown.values()) < MAX_GROWTH_MB, f"{label}: memory stays bounded", grown)
    check(status == 0, f"{label}: went on to its end", status)
    for n in NAMES:
        until(lambda n=n: health(address(n)) == "SERVING", 10, f"{n} still serves")


# ---- the misbehaviour: rude.py ----


def both_ways(kind, path, **fields):
    for name in ("contacts", "gateway"):
        abuse(name, kind, path, **fields)


def a_client_that_reads_nothing():
    both_ways("reading_nothing", EXPORT)


def a_client_that_reads_slowly():
    both_ways("reading_slowly", EXPORT)


def a_client_that_opens_10_000_streams():
    both_ways("opening_10_000_streams", WATCH)
    both_ways("opening_10_000_streams", IMPORT)
    both_ways("opening_10_000_streams", GET)


def a_client_that_never_half_closes():
    both_ways("never_half_closing", IMPORT, source="rude", key="1", contact={"display_name": "Row"})


def a_client_that_sends_100_MB():
    both_ways("sending_100_MB", CREATE)
    # then gRPC ends streams without asking whose they are: others are told to try again
    both_ways("sending_100_MB_eight_times", CREATE, is_patient=True)


def a_client_that_resets_streams():
    both_ways("resetting_streams", GET, id=VICTIM.id)
    both_ways("resetting_streams", EXPORT)


def garbage():
    for name in NAMES:
        abuse(name, "sending_garbage", GET)


def a_crowd_at_a_service_that_hangs():
    """Calls that fork, at a gateway without rate limits, while the service that they wait for does nothing."""
    gateway = Service.instead_of_the_stack("gateway", principal_rate=0, address_rate=0)
    until(lambda: ask(NEIGHBOUR.client()) is None, 10, "calls succeed through the gateway")
    contacts = pid_of("contacts")
    os.kill(contacts, signal.SIGSTOP)
    try:
        process = start_rude(gateway.address, "asking_10_000_times", "crm.gateway.v1.GatewayService/GetCustomer360", contact_id=VICTIM.id)
        until(lambda: metric("crm_calls_in_flight", os.environ["GATEWAY_METRICS_ADDR"]) > 2000, 20, "calls pile up")
        until(lambda: health(gateway.address) is not None, 20, "a gateway with calls piled up behind a service that hangs answers probes")
        grown = memory_mb(gateway.process.pid)
    finally:
        os.kill(contacts, signal.SIGCONT)
    until(lambda: ask(NEIGHBOUR.client()) is None, 20, "calls succeed again")
    check(gateway.is_alive(), "and goes on when the service does")
    check(grown < 1000, "its memory stays bounded", grown)
    check(end_rude(process) == 0, "the client went on to its end")
    gateway.signal(signal.SIGTERM)
    check(gateway.process.wait(35) == 0, "the gateway ends as ever")


def ask(client):
    """None, or how it failed."""
    try:
        client.call(GET, id=VICTIM.id, timeout=2)
        return None
    except grpc.RpcError as error:
        return error
    finally:
        client.channel.close()


def afterwards():
    """Everything is given back."""
    for name in NAMES:
        stack("stop", name)
        stack("start", name)
    check(len(NEIGHBOUR.contacts()) == 1, "the services stop and start as ever afterwards")


run_tests(garbage, a_client_that_reads_nothing, a_client_that_reads_slowly, a_client_that_never_half_closes, a_client_that_sends_100_MB, a_client_that_resets_streams,
          a_client_that_opens_10_000_streams, afterwards, a_crowd_at_a_service_that_hangs)
