"""PostgreSQL or NATS away, at start and later: the services stay, say NOT_SERVING, answer UNAVAILABLE with RetryInfo where they cannot serve, and recover by themselves; nothing
acknowledged is lost."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import grpc  # noqa: E402

from faults import CONTACTS, CRM, Code, Consumer, Load, Service, Tenant, address, check, connect, health, pid_of, run_tests, stack, until  # noqa: E402

TENANT = Tenant("away")
CONSUMER = Consumer(TENANT)
NAMES = ("identity", "contacts", "gateway")
SERVICES = {name: Service.instead_of_the_stack(name) for name in NAMES}


def all_are(state, seconds=20):
    """The health of each service is as expected; the names of those that are not when the time is over."""
    try:
        until(lambda: all(health(address(n)) == state for n in NAMES), seconds, state)
        return []
    except AssertionError:
        return [n for n in NAMES if health(address(n)) != state]


def dead():
    return [n for n in NAMES if not SERVICES[n].is_alive()]


def stop_all():
    for name in NAMES:
        SERVICES[name].signal(15)
    for name in NAMES:
        SERVICES[name].process.wait(35)


def start_all():
    for name in NAMES:
        SERVICES[name].start()
    until(lambda: all(health(address(n)) is not None for n in NAMES), 10, "the services answer")


def answers(path, target, timeout=5, **fields):
    """(code, whether the details say when to try again)"""
    client = connect(target, TENANT.token)
    try:
        client.call(path, timeout=timeout, **fields)
        return Code.OK, False
    except grpc.RpcError as error:
        return error.code(), "RetryInfo" in CRM.details(error)
    finally:
        client.channel.close()


def check_unavailable(when):
    wrong = {}
    for target in ("identity", "contacts", "gateway"):
        path = ("crm.identity.v1.IdentityService/ListUsers" if target == "identity" else CONTACTS + "ListContacts")
        answer = answers(path, address(target))
        if answer != (Code.UNAVAILABLE, True):
            wrong[target] = answer
    check(not wrong, f"calls answer UNAVAILABLE with RetryInfo while {when}", wrong)


def check_back(what):
    late = all_are("SERVING")
    check(not late, f"all services serve by themselves once {what} is back", late)
    check(not dead(), f"no service ended while {what} was away", dead())
    until(lambda: answers(CONTACTS + "ListContacts", address("gateway"))[0] == Code.OK, 10, "calls succeed")


def postgres_at_start():
    stop_all()
    stack("stop", "postgres")
    start_all()
    late = all_are("NOT_SERVING", 5)
    check(not late, "without PostgreSQL at start every service says NOT_SERVING", late)
    check_unavailable("PostgreSQL is away at start")
    stack("start", "postgres")
    check_back("PostgreSQL")


def postgres_later():
    made = Load(TENANT, "before PostgreSQL goes", total=50, clients=4).start().finish()
    stack("stop", "postgres")
    late = all_are("NOT_SERVING", 10)
    check(not late, "when PostgreSQL goes away every service says NOT_SERVING", late)
    check_unavailable("PostgreSQL is away")
    stack("start", "postgres")
    check_back("PostgreSQL")
    made.check_records()
    CONSUMER.check_events(made)


def nats_at_start():
    stop_all()
    stack("stop", "nats")
    start_all()
    until(lambda: answers(CONTACTS + "ListContacts", address("contacts"))[0] == Code.OK, 20, "contacts serves what it can without NATS")
    states = {n: health(address(n)) for n in NAMES}
    check(set(states.values()) == {"NOT_SERVING"}, "without NATS at start every service says NOT_SERVING", states)
    load = Load(TENANT, "NATS away at start", total=100, clients=4).start().finish()
    load.check_records()
    stack("start", "nats")
    check_back("NATS")
    CONSUMER.check_events(load)


def nats_later():
    stack("stop", "nats")
    late = all_are("NOT_SERVING", 10)
    check(not late, "when NATS goes away every service says NOT_SERVING", late)
    load = Load(TENANT, "NATS gone", total=500, clients=10).start().finish()
    check(not load.codes, "creates go on without NATS", load.codes)
    load.check_records()
    stack("start", "nats")
    check_back("NATS")
    CONSUMER.check_events(load)


def family(pid):
    """A process and its children: PostgreSQL is many."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [pid] + [int(child) for child in f.read().split()]


def freeze(component, signo):
    for pid in family(pid_of(component)):
        os.kill(pid, signo)


def postgres_hangs():
    """It does not go away, it only does not answer any more."""
    load = Load(TENANT, "PostgreSQL hangs", total=500).start()
    load.wait_until(100)
    freeze("postgres", signal.SIGSTOP)
    try:
        begun = time.monotonic()
        answer = answers(CONTACTS + "ListContacts", address("gateway"), timeout=2)
        check(answer[0] in (Code.DEADLINE_EXCEEDED, Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED) and time.monotonic() - begun < 4, "a call ends by its deadline when PostgreSQL hangs", answer)
        check(all(health(address(n)) is not None for n in NAMES), "the services answer probes when PostgreSQL hangs")
    finally:
        freeze("postgres", signal.SIGCONT)
    load.finish()
    check_back("PostgreSQL")
    load.check_records()
    CONSUMER.check_events(load)


def postgres_hangs_for_long():
    """Each connection looks well to TCP; none answers."""
    one = SERVICES["contacts"].replica(statement_timeout="500ms").start_and_wait()
    until(lambda: answers(CONTACTS + "ListContacts", one.address)[0] == Code.OK, 10, "calls succeed")

    def is_noticed():
        answers(CONTACTS + "ListContacts", one.address, timeout=1)
        return health(one.address) == "NOT_SERVING"

    freeze("postgres", signal.SIGSTOP)
    try:
        until(is_noticed, 30, "a PostgreSQL that answers nothing for long is as good as away")
    finally:
        freeze("postgres", signal.SIGCONT)
    until(one.serving, 20, "the service recovers by itself")
    check(True, "a PostgreSQL that answers nothing for long is as good as away")
    one.end()
    check_back("PostgreSQL")


def nats_hangs():
    freeze("nats", signal.SIGSTOP)
    try:
        load = Load(TENANT, "NATS hangs", total=300, clients=10).start().finish()
        check(not load.codes, "creates go on when NATS hangs", load.codes)
    finally:
        freeze("nats", signal.SIGCONT)
    check_back("NATS")
    load.check_records()
    CONSUMER.check_events(load)


def both():
    stop_all()
    stack("stop", "postgres")
    stack("stop", "nats")
    start_all()
    check_unavailable("everything is away")
    stack("start", "nats")
    stack("start", "postgres")
    check_back("everything")
    CONSUMER.close()
    CONSUMER.check_stream([i for i, _ in TENANT.contacts()], "the stream holds one event per contact after all absences")


run_tests(postgres_at_start, postgres_later, postgres_hangs, postgres_hangs_for_long, nats_at_start, nats_later, nats_hangs, both)
