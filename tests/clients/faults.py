"""What the fault tests share: components that are killed and come back, services of our own, a tenant with records, load that does not give up, and the events that came.

Nothing here sleeps for luck: `until` waits for a condition and fails when its time is over.
"""
import copy
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import uuid

import grpc

from office import CRM, PASSWORD, Code, bootstrap_secret, finish, report as check, until

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
IDENTITY, CONTACTS = "crm.identity.v1.IdentityService/", "crm.contacts.v1.ContactsService/"
TRANSIENT = (Code.UNAVAILABLE, Code.UNKNOWN, Code.ABORTED, Code.DEADLINE_EXCEEDED)
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


# ---- telling ----


def run_tests(*tests):
    """Runs each in turn; one that breaks off counts as failed. The exit status."""
    for test in tests:
        begun = time.monotonic()
        try:
            test()
        except Exception:  # the other tests are told about all the same
            traceback.print_exc(file=sys.stdout)
            check(False, test.__name__.replace("_", " "), "broke off, see above")
        print(f"# {test.__name__}: {time.monotonic() - begun:.1f} s", flush=True)
    Service.end_all()
    finish()


# ---- components ----


def stack(*words):
    with open(os.path.join(os.environ["CRM_RUN_DIR"], "port-base"), encoding="ascii") as f:
        env = dict(os.environ, CRM_PORT_BASE=f.read().strip())  # the same ports, whatever of the stack runs at the moment
    done = subprocess.run([os.path.join(TOP, "tools/stack"), *words], capture_output=True, text=True, timeout=120, check=False, env=env)
    assert done.returncode == 0, f"tools/stack {words}: {done.stdout}{done.stderr}"


def pid_of(name):
    with open(os.path.join(os.environ["CRM_RUN_DIR"], "pid", name), encoding="ascii") as f:
        return int(f.read().split()[0])


def address(name):
    return os.environ[name.upper() + "_ADDR"]


def memory_mb(pid, what="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(what)) / 1024


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Service:
    """A service as a child of ours, with the settings that the stack gave it, so that we see how it ends."""

    running = []

    def __init__(self, name, **settings):
        self.name = name
        with open(f"/proc/{pid_of(name)}/environ", encoding="utf-8") as f:
            self.env = dict(pair.split("=", 1) for pair in f.read().split("\0") if pair)
        self.env.update({"CRM_" + key.upper(): str(value) for key, value in settings.items()})
        self.process = None

    def replica(self, **settings):
        """Another one like it, at addresses of its own."""
        other = copy.copy(self)
        other.process = None
        other.env = dict(self.env, CRM_LISTEN=f"127.0.0.1:{free_port()}", CRM_METRICS=f"127.0.0.1:{free_port()}")
        other.env.update({"CRM_" + key.upper(): str(value) for key, value in settings.items()})
        return other

    @property
    def address(self):
        return self.env["CRM_LISTEN"]

    def start(self):
        log = open(os.path.join(os.environ["CRM_RUN_DIR"], "log", self.name + ".log"), "ab")
        self.process = subprocess.Popen([os.path.join(os.environ["CRM_BUILD"], "bin/crm-" + self.name)], env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        log.close()
        Service.running.append(self)
        return self

    def serving(self):
        return health(self.address) == "SERVING"

    def start_and_wait(self):
        self.start()
        until(self.serving, 20, f"{self.name} serves")
        return self

    def is_alive(self):
        return self.process.poll() is None

    def signal(self, signo):
        self.process.send_signal(signo)

    def end(self):
        if self.process and self.is_alive():
            self.process.kill()
            self.process.wait(10)

    @classmethod
    def end_all(cls):
        for service in cls.running:
            service.end()

    @classmethod
    def instead_of_the_stack(cls, name, **settings):
        """Stops the stack's and has one of our own at the same address."""
        own = cls(name, **settings)
        stack("stop", name)
        return own.start_and_wait()


OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.min_reconnect_backoff_ms", 4000), ("grpc.max_reconnect_backoff_ms", 500),
           ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


def connect(target, token=None):
    """A client with a connection of its own that tries often."""
    return CRM.client(target, token, channel=grpc.insecure_channel(target, options=OPTIONS))


def health(target, service=""):
    """What the health service says; None if nobody answers."""
    client = connect(target)
    try:
        answer = client.call("grpc.health.v1.Health/Check", service=service, timeout=2)
        return answer.ServingStatus.Name(answer.status)
    except grpc.RpcError:
        return None
    finally:
        client.channel.close()


def metric(name, service):
    """The value of a metric of a service, summed over its labels."""
    import urllib.request
    with urllib.request.urlopen(f"http://{service}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + " ", name + "{")))


# ---- records ----


class Tenant:
    """A tenant with its administrator signed in."""

    def __init__(self, key):
        self.key, self.email = key, f"admin@{key}.example.com"
        client = connect(address("gateway"))
        answer = client.call(IDENTITY + "CreateTenant", tenant={"key": key, "display_name": key}, administrator_email=self.email, administrator_name="Admin",
                             administrator_password=PASSWORD, bootstrap_secret=bootstrap_secret())
        self.id, self.administrator_id = answer.tenant.id, answer.administrator.id
        client.channel.close()
        self.token = self.sign_in().access_token

    def sign_in(self, email=None, password=PASSWORD, target=None):
        client = connect(target or address("gateway"))
        try:
            return client.call(IDENTITY + "Authenticate", password={"tenant_key": self.key, "email": email or self.email, "password": password})
        finally:
            client.channel.close()

    def client(self, target=None):
        return connect(target or address("gateway"), self.token)

    def contacts(self):
        """All contacts, page by page: a list of (id, display name)."""
        client, found, token = self.client(), [], ""
        while True:
            page = client.call(CONTACTS + "ListContacts", page_size=1000, page_token=token)
            found += [(c.id, c.display_name) for c in page.contacts]
            token = page.next_page_token
            if not token:
                client.channel.close()
                return found

    def fill(self, n):
        """n contacts, with a note so that they weigh something."""
        client = self.client()
        for first in range(0, n, 100):
            client.call(CONTACTS + "BatchCreateContacts", timeout=30,
                        requests=[{"contact": {"display_name": f"Filled {i}", "note": "x" * 500}} for i in range(first, min(first + 100, n))])
        client.channel.close()


# ---- load ----


class Load:
    """Creates from several clients at once, each with a request_id of its own, repeated with the same one until it is acknowledged."""

    def __init__(self, tenant, name, total=1000, clients=20, targets=None, transient=TRANSIENT):
        self.tenant, self.name, self.total, self.transient = tenant, name, total, transient
        self.targets = targets or [address("gateway")]
        self.acknowledged = {}  # display name -> id
        self.codes = {}  # code -> how often it was answered
        self.broken = []
        self.numbers = iter(range(total))
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.work, args=(i,), daemon=True) for i in range(clients)]
        self.end = time.monotonic() + 60

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def work(self, i):
        client = connect(self.targets[i % len(self.targets)], self.tenant.token)
        while True:
            with self.lock:
                number = next(self.numbers, None)
            if number is None:
                break
            self.create(client, f"{self.name} {number:04}")
        client.channel.close()

    def create(self, client, name):
        request_id = str(uuid.uuid4())
        while time.monotonic() < self.end:
            try:
                made = client.call(CONTACTS + "CreateContact", contact={"display_name": name}, request_id=request_id, timeout=5)
            except grpc.RpcError as error:
                self.count(error.code())
                if error.code() not in self.transient:
                    with self.lock:
                        self.broken.append(f"{error.code()} {error.details()}")
                    return
                time.sleep(0.05)
                continue
            with self.lock:
                self.acknowledged[name] = made.id
            return

    def count(self, code):
        with self.lock:
            self.codes[code.name] = self.codes.get(code.name, 0) + 1

    def wait_until(self, n):
        until(lambda: len(self.acknowledged) >= n or not any(t.is_alive() for t in self.threads), 40, f"{n} creates are acknowledged")

    def finish(self):
        for thread in self.threads:
            thread.join(70)
        print(f"# {self.name}: {len(self.acknowledged)} acknowledged, errors on the way {self.codes}", flush=True)
        return self

    def check_records(self):
        """Each acknowledged create is there once, and nothing is there that was not asked for."""
        check(len(self.acknowledged) == self.total, f"{self.name}: every create is acknowledged in the end", f"{len(self.acknowledged)} of {self.total}; {self.broken[:3]}")
        there = [pair for pair in self.tenant.contacts() if pair[1].startswith(self.name + " ")]
        expected = sorted((i, name) for name, i in self.acknowledged.items())
        check(sorted(there) == expected, f"{self.name}: every acknowledged create is there exactly once", f"{len(there)} there, {len(expected)} acknowledged")


# ---- events ----


class Consumer:
    """A durable JetStream consumer in a process of its own, on a library that others wrote."""

    def __init__(self, tenant):
        self.subject = f"crm.{tenant.id}.contacts.contact.*.created"
        self.seen = {}  # contact id -> set of event ids
        self.process = subprocess.Popen(["node", os.path.join(TOP, "tests/clients/events.mjs"), "follow", "judge-" + tenant.key, self.subject],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            self.seen.setdefault(event["subject"].split(".")[4], set()).add(event["id"])

    def wait_for(self, ids, seconds=30):
        """The ids whose event did not come."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not all(i in self.seen for i in ids):
            time.sleep(0.02)
        return [i for i in ids if i not in self.seen]

    def check_events(self, load, seconds=30):
        ids = list(load.acknowledged.values())
        missing = self.wait_for(ids, seconds)
        check(not missing, f"{load.name}: the event of every acknowledged create arrives", f"{len(missing)} missing")
        doubled = [i for i in ids if len(self.seen.get(i, ())) > 1]
        check(not doubled, f"{load.name}: each arrives once", f"{len(doubled)} more than once")

    def check_stream(self, ids, name):
        """The stream itself holds one event for each, not even one that a consumer would have to drop."""
        done = subprocess.run(["node", os.path.join(TOP, "tests/clients/events.mjs"), "all", self.subject], capture_output=True, text=True, timeout=60, check=True)
        counts = {}
        for event in {e["seq"]: e for e in map(json.loads, done.stdout.splitlines())}.values():  # what was delivered twice is there once
            contact = event["subject"].split(".")[4]
            counts[contact] = counts.get(contact, 0) + 1
        wrong = {i: counts.get(i, 0) for i in ids if counts.get(i, 0) != 1}
        check(not wrong and len(counts) == len(ids), name, f"{len(wrong)} of {len(ids)} are not there once ({list(wrong.values())[:5]}), {len(counts)} in all")

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
