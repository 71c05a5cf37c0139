#!/usr/bin/python3
"""make bench: what a request costs, beside the limit, in interleaved rounds on one machine.

Everything is CPU per request, from /proc, because wall-clock figures on a shared machine move by a factor of two. The limit of a database scenario is pgbench -M prepared
with the very same statements on rows of the same kind: its CPU and PostgreSQL's per transaction, against ours and PostgreSQL's per call (of a create that includes relaying its
event). For reads that is one statement a round trip; what pgbench needs with 16 of them under one Sync, as our lanes send them, stands in the table of scenarios: no service reaches
that, since a bare call costs more than the difference. Before each measurement the tables are vacuumed, since autovacuum is off, and the load runs for a second unmeasured. Prints a table, writes build/bench/results.json: a
list of {name, value, unit, limit, ratio, goal, ok}.

  run.py BUILD [--rounds N] [--seconds S] [--contacts N] [--only TEXT]
"""
import argparse
import json
import os
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import uuid

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(TOP, "tests/clients"), os.path.join(TOP, "tools")]
import crmpb  # noqa: E402
import sqlfile  # noqa: E402

CONTACTS = "crm.contacts.v1.ContactsService"
HZ = os.sysconf("SC_CLK_TCK")
IN_FLIGHT = 64
PIPELINE = 16  # reads that pgbench sends under one Sync, as our lanes do
DISTINCT = 5000  # requests of one kind
STRIDE = 7919  # between the contacts that are read one after the other


# ---- processes ----


def cpu_us(pid):
    """User and system time of a process."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1_000_000 // HZ, (int(fields[13]) + int(fields[14])) * 1_000_000 // HZ


def tree_cpu_us(pid):
    """Of a process, its children that live and those that ended."""
    own, ended = cpu_us(pid)
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        children = f.read().split()
    return own + ended + sum(cpu_us(child)[0] for child in children if os.path.exists(f"/proc/{child}"))


def rss_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) / 1024


class Stack:
    """PostgreSQL, nats-server and the services, on ports and in a folder of their own."""

    def __init__(self, build):
        self.folder = tempfile.TemporaryDirectory(prefix="crm-bench.", dir="/tmp")
        self.env = dict(os.environ, CRM_BIN_DIR=os.path.join(build, "bin"), CRM_RUN_DIR=self.folder.name, CRM_PORT_BASE="auto", CRM_PRINCIPAL_RATE="0", CRM_ADDRESS_RATE="0",
                        CRM_UP_TIMEOUT="60")
        self.run("up")
        with open(os.path.join(self.folder.name, "env"), encoding="utf-8") as f:
            self.addresses = dict(re.findall(r"^(\w+)='(.*)'$", f.read(), re.M))

    def run(self, *words):
        done = subprocess.run([os.path.join(TOP, "tools/stack"), *words], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"tools/stack {' '.join(words)}:\n{done.stdout[-3000:]}")
        return done.stdout

    def pid(self, name):
        with open(os.path.join(self.folder.name, "pid", name), encoding="ascii") as f:
            return int(f.read().split()[0])

    def cpu(self, names):
        return {n: tree_cpu_us(self.pid(n)) if n == "postgres" else cpu_us(self.pid(n))[0] for n in names}

    def psql(self, sql):
        return subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", self.addresses["DATABASE_URL"], "-c", sql], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    def down(self):
        self.run("reset")
        self.folder.cleanup()


# ---- data ----


class Data:
    """A tenant with many contacts; ids are numbers, so that pgbench can make them up."""

    def __init__(self, stack, build, n):
        self.crm = crmpb.Crm(os.path.join(build, "gen/all.pb"))
        self.stack, self.n = stack, n
        stack.psql("ALTER SYSTEM SET autovacuum = off")
        stack.psql("SELECT pg_reload_conf()")
        identity = self.crm.client(stack.addresses["IDENTITY_ADDR"])
        secret, password = uuid.uuid4().hex, "a password of length"
        with open(stack.addresses["BOOTSTRAP_FILE"], "a", encoding="utf-8") as f:
            f.write(f"\n{secret}\n")
        service = "crm.identity.v1.IdentityService/"
        made = identity.call(service + "CreateTenant", tenant={"key": "bench", "display_name": "Bench"}, administrator_email="a@example.com", administrator_name="A",
                             administrator_password=password, bootstrap_secret=secret)
        self.tenant, self.user = made.tenant.id, made.administrator.id
        self.sign_in = lambda: identity.call(service + "Authenticate", password={"tenant_key": "bench", "email": "a@example.com", "password": password}).access_token
        self.contact = self.sample(0)
        self.fill()

    def sample(self, i):
        fields = dict(name={"prefix": "Ing.", "given": "Přemysl", "family": f"Dvořáček {i}"}, language="cs-CZ", time_zone="Europe/Prague",
                               emails=[{"address": f"premysl.dvoracek.{i}@example.com", "type": "work", "primary": True}], labels={"segment": "retail"},
                               phones=[{"number": f"+420604{i % 1000000:06d}", "type": "mobile", "primary": True}], source="web",
                               addresses=[{"type": "billing", "street": "Dlouhá 12", "city": "Brno", "postal_code": "602 00", "country": "CZ"}])
        return self.crm.new("crm.contacts.v1.CreateContactRequest", contact=fields).contact

    def fill(self):
        values = column_values(self.contact, self.tenant, self.user, "lpad(to_hex(n), 32, '0')::uuid", "now() - (interval '1 s' * (%d - n))" % self.n)
        self.stack.psql(f"SET search_path = contacts, public; INSERT INTO contact ({', '.join(values)}) SELECT {', '.join(values.values())} FROM generate_series(1, {self.n}) AS n")
        self.tidy()
        self.stack.psql("CHECKPOINT")

    def tidy(self):
        """What autovacuum would do at a time of its own."""
        self.stack.psql("VACUUM ANALYZE contacts.contact, contacts.contact_key, contacts.outbox")

    def ids(self, n):
        return [str(uuid.UUID(int=1 + (i * STRIDE) % self.n)) for i in range(n)]

    def requests(self, path, messages):
        with open(path, "wb") as f:
            for message in messages:
                body = message.SerializeToString()
                f.write(struct.pack("<I", len(body)) + body)
        return path


def quoted(value):
    return "'" + str(value).replace("'", "''") + "'"


def array(values):
    return "'{" + ",".join('"%s"' % v if isinstance(v, str) else str(v).lower() for v in values) + "}'"


def column_values(c, tenant, user, id_sql, time_sql):
    """Column -> SQL of a row like the sample, for the table that the migrations made."""
    e, p, a = c.emails[0], c.phones[0], c.addresses[0]
    return {
        "tenant_id": quoted(tenant) + "::uuid", "id": id_sql, "revision": "1", "create_time": time_sql, "update_time": time_sql, "creator_id": quoted(user) + "::uuid",
        "owner_id": quoted(user) + "::uuid", "name_prefix": quoted(c.name.prefix), "name_given": quoted(c.name.given), "name_middle": "''", "name_family": "'Dvořáček ' || n",
        "name_suffix": "''", "display_name": "'Ing. Přemysl Dvořáček ' || n", "email_address": "ARRAY['premysl.dvoracek.' || n || '@example.com']", "email_type": array([e.type]),
        "email_primary": "'{t}'", "phone_number": array([p.number]), "phone_e164": array([p.number]), "phone_region": array([""]), "phone_type": array([p.type]),
        "phone_primary": "'{t}'", "address_type": array([a.type]), "address_street": array([a.street]), "address_city": array([a.city]), "address_region": array([""]),
        "address_postal_code": array([a.postal_code]), "address_country": array([a.country]), "language": quoted(c.language), "time_zone": quoted(c.time_zone), "note": "''",
        "labels": "'{\"segment\": \"retail\"}'", "source": quoted(c.source), "search_text": "'ing. premysl dvoracek ' || n || ' premysl.dvoracek.' || n || '@example.com'",
    }


# ---- loads ----


class Bench:
    def __init__(self, stack, data, build, options):
        self.stack, self.data, self.build, self.options = stack, data, build, options
        self.statements = {s.name: s for folder in ("services/contacts", "common/kit") for s in sqlfile.read_folder(os.path.join(TOP, folder))}
        self.folder = stack.folder.name
        self.samples = {}  # scenario -> list of {figure: value}

    def measured(self, names, work):
        """CPU per call of each process while work(seconds) runs, which returns a dict with calls."""
        self.data.tidy()
        work(1)
        before = self.stack.cpu(names)
        outcome = work(self.options.seconds)
        after = self.stack.cpu(names)
        if not outcome["calls"]:
            sys.exit(f"no call succeeded: {outcome}")
        return dict(outcome, **{f"{n}_us": (after[n] - before[n]) / outcome["calls"] for n in names})

    def load(self, address, method, requests, names, in_flight=IN_FLIGHT):
        def work(seconds):
            out = subprocess.run([os.path.join(self.build, "bin/crm-bench"), address, f"/{method}", requests, str(seconds), str(in_flight), self.token],
                                 stdout=subprocess.PIPE, text=True, check=False).stdout
            outcome = json.loads(out)
            if outcome["failures"] > outcome["calls"] // 1000:
                sys.exit(f"{method}: {outcome['failures']} of {outcome['calls']} calls failed: {outcome['last_failure']}")
            return outcome
        return self.measured(names, work)

    def pgbench(self, script, per_transaction, clients=8):
        path = os.path.join(self.folder, "script.pgbench")
        with open(path, "w", encoding="utf-8") as f:
            f.write(script)

        def work(seconds):
            used = os.times()
            out = subprocess.run(["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(seconds), "-D", f"start={time.time_ns() // 1_000_000}", "-f", path,
                                  self.stack.addresses["DATABASE_URL"] + "?options=-csearch_path%3Dcontacts,public"],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
            found = re.search(r"actually processed: (\d+)", out)
            if not found or int(found[1]) == 0:
                sys.exit(f"pgbench failed:\n{out[-2000:]}")
            now = os.times()
            return {"calls": int(found[1]) * per_transaction,
                    "client_us": (now.children_user - used.children_user + now.children_system - used.children_system) * 1e6 / (int(found[1]) * per_transaction)}
        return self.measured(["postgres"], work)

    def sql(self, name, values):
        """A statement as pgbench takes it: values by parameter path."""
        s = self.statements[name]
        text = s.sql.replace("\x01", "TRUE").replace("\x02", "c.create_time, c.id").replace("\x03", "51")
        return re.sub(r"\$(\d+)", lambda m: "(" + values[s.params[int(m[1]) - 1]] + ")", text).replace("\n", " ") + ";"

    def scope(self):
        return {"call.tenant_id": quoted(self.data.tenant) + "::uuid", "call.user_id": quoted(self.data.user), "call.sees_all": "true", "call.teams": "'{}'",
                "with_deleted": "false", "show_deleted": "false", "call.now": "now()", "id": "lpad(to_hex(:n::bigint), 32, '0')"}

    def pgbench_reads(self, name, pipeline):
        """That many reads; more than one under one Sync."""
        head = [f"\\set n{i} 1 + random(0, {DISTINCT - 1}) * {STRIDE} % {self.data.n}" for i in range(pipeline)]
        lines = [self.sql(name, self.scope()).replace(":n::", f":n{i}::") for i in range(pipeline)]
        if pipeline > 1:
            lines = ["\\startpipeline", *lines, "\\endpipeline"]
        return "\n".join(head + lines)

    def limit_of_reads(self, name, pipeline=1):
        return self.pgbench(self.pgbench_reads(name, pipeline), pipeline)

    def pgbench_create(self):
        """The statements of a create. The ids grow with the time as ours do; names, addresses and numbers differ as in our requests."""
        c, row = self.data.contact, dict(self.scope())
        e, p, a = c.emails[0], c.phones[0], c.addresses[0]
        # pgbench takes :name for a variable even in quotes, hence chr(58)
        email, phone = "'premysl.dvoracek.' || :i::text || '@example.com'", "'+420604' || lpad(:i::text, 6, '0')"
        row.update({
            "id": "lpad(to_hex(:start::bigint), 12, '0') || lpad(to_hex(:n::bigint), 20, '0')",
            "revision": "1", "create_time": "now()", "update_time": "now()", "delete_time": "NULL::timestamptz", "creator_id": quoted(self.data.user), "owner_id": quoted(self.data.user),
            "team_id": "NULL", "name.prefix": quoted(c.name.prefix), "name.given": quoted(c.name.given), "name.middle": "''", "name.family": "'Dvořáček ' || :i::text",
            "name.suffix": "''", "display_name": "'Ing. Přemysl Dvořáček ' || :i::text", "emails.address": f"ARRAY[{email}]", "emails.type": array([e.type]), "emails.primary": "'{t}'",
            "phones.number": f"ARRAY[{phone}]", "phones.e164": f"ARRAY[{phone}]", "phones.region": array([""]), "phones.type": array([p.type]), "phones.primary": "'{t}'",
            "addresses.type": array([a.type]), "addresses.street": array([a.street]), "addresses.city": array([a.city]), "addresses.region": array([""]),
            "addresses.postal_code": array([a.postal_code]), "addresses.country": array([a.country]), "language": quoted(c.language), "time_zone": quoted(c.time_zone),
            "birth_date": "NULL", "note": "''", "labels": "'{\"segment\": \"retail\"}'", "source": quoted(c.source),
            "keys": f"ARRAY['e' || chr(58) || {email}, 'p' || chr(58) || {phone}]", "subject": quoted("crm." + self.data.tenant + ".contacts.contact." + self.data.user + ".created"),
            "payload": "decode(repeat('ab', 700), 'hex')",
        })
        row["contact_id"] = row["id"]
        lines = [f"\\set i random(0, {DISTINCT - 1})", "\\set start :start + 1", "\\set n random(1, 9000000000000000)", "\\startpipeline"]
        lines += [self.sql(n, row) for n in ("contact_insert", "contact_keys_insert", "outbox_insert")]
        return "\n".join(lines + ["\\endpipeline"])

    def limit_of_create(self):
        """Without the relay, which would carry pgbench's events to the broker meanwhile."""
        self.stack.run("stop", "contacts")
        try:
            return self.pgbench(self.pgbench_create(), 1)
        finally:
            self.stack.psql("TRUNCATE contacts.outbox")
            self.stack.run("start", "contacts")

    def h2load(self, address, method, message):
        path = os.path.join(self.folder, "h2load.body")
        body = message.SerializeToString()
        with open(path, "wb") as f:
            f.write(struct.pack(">BI", 0, len(body)) + body)

        def work(seconds):
            out = subprocess.run(["h2load", "-D", str(seconds), "-c", "4", "-m", "16", "-d", path, "-H", "content-type: application/grpc", "-H", "te: trailers",
                                  "-H", f"authorization: Bearer {self.token}", f"http://{address}/{method}"], stdout=subprocess.PIPE, text=True, check=False).stdout
            found = re.search(r"requests: .* (\d+) succeeded, (\d+) failed", out)
            return {"calls": int(found[1]), "failures": int(found[2])}
        return self.measured(["contacts", "postgres"], work)

    # ---- rounds ----

    def scenarios(self):
        """name -> what one round of it does; in this order, round after round"""
        at = self.stack.addresses
        d, new = self.data, self.data.crm.new
        get = d.requests(os.path.join(self.folder, "get"), [new("crm.contacts.v1.GetContactRequest", id=i) for i in d.ids(DISTINCT)])
        page = d.requests(os.path.join(self.folder, "list"), [new("crm.contacts.v1.ListContactsRequest", page_size=50)])
        create = d.requests(os.path.join(self.folder, "create"), [new("crm.contacts.v1.CreateContactRequest", contact=json_of(d.sample(i))) for i in range(DISTINCT)])
        empty = d.requests(os.path.join(self.folder, "empty"), [new("crm.identity.v1.GetTenantRequest")])
        direct, gateway = ["contacts", "postgres"], ["gateway", "contacts", "postgres"]
        first = new("crm.contacts.v1.GetContactRequest", id=d.ids(1)[0])
        return {
            "bare": lambda: self.bare(empty),
            "get": lambda: self.load(at["CONTACTS_ADDR"], f"{CONTACTS}/GetContact", get, direct),
            "get pgbench": lambda: self.limit_of_reads("contact_get"),
            "get pgbench 16": lambda: self.limit_of_reads("contact_get", PIPELINE),
            "get gateway": lambda: self.load(at["GATEWAY_ADDR"], f"{CONTACTS}/GetContact", get, gateway),
            "get h2load": lambda: self.h2load(at["CONTACTS_ADDR"], f"{CONTACTS}/GetContact", first),
            "list": lambda: self.load(at["CONTACTS_ADDR"], f"{CONTACTS}/ListContacts", page, direct),
            "list pgbench": lambda: self.limit_of_reads("contact_list"),
            "list pgbench 16": lambda: self.limit_of_reads("contact_list", PIPELINE),
            "list gateway": lambda: self.load(at["GATEWAY_ADDR"], f"{CONTACTS}/ListContacts", page, gateway),
            "create": lambda: self.load(at["CONTACTS_ADDR"], f"{CONTACTS}/CreateContact", create, direct + ["nats"]),
            "create pgbench": self.limit_of_create,
            "create gateway": lambda: self.load(at["GATEWAY_ADDR"], f"{CONTACTS}/CreateContact", create, gateway + ["nats"]),
        }

    def bare(self, requests):
        server = subprocess.Popen([os.path.join(self.build, "bin/crm-bench"), "serve", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
        port = int(server.stdout.readline())
        before = cpu_us(server.pid)[0]
        out = subprocess.run([os.path.join(self.build, "bin/crm-bench"), f"127.0.0.1:{port}", "/bench.v1.Bare/Method50", requests, str(self.options.seconds), str(IN_FLIGHT)],
                             stdout=subprocess.PIPE, text=True, check=True).stdout
        outcome = json.loads(out)
        used = cpu_us(server.pid)[0] - before
        server.terminate()
        server.wait()
        return dict(outcome, server_us=used / outcome["calls"])

    def rounds(self):
        scenarios = self.scenarios()
        for i in range(self.options.rounds):
            self.token = self.data.sign_in()
            for name, work in scenarios.items():
                if self.options.only and not name.startswith(self.options.only):
                    continue
                self.samples.setdefault(name, []).append(work())
                print(f"round {i + 1} of {self.options.rounds}: {name}", file=sys.stderr, flush=True)

    def median(self, scenario, figure):
        return statistics.median(s[figure] for s in self.samples[scenario])

    # ---- once ----

    def metric(self, service, name):
        import urllib.request
        with urllib.request.urlopen(f"http://{self.stack.addresses[service.upper() + '_METRICS_ADDR']}/metrics", timeout=10) as answer:
            found = re.search(rf"^{name}(?:{{.*}})? (\d+)", answer.read().decode(), re.M)
        return int(found[1]) if found else 0

    def outbox_rate(self, n=100000):
        """Events a second that the relay of a just started service takes from a full outbox to the broker."""
        self.stack.run("stop", "contacts")
        self.stack.psql("SET search_path = contacts, public; TRUNCATE outbox; INSERT INTO outbox (id, tenant_id, subject, payload, create_time)"
                        f" SELECT gen_random_uuid(), {quoted(self.data.tenant)}, 'crm.{self.data.tenant}.contacts.contact.' || n || '.updated', decode(repeat('ab', 700), 'hex'), now()"
                        f" FROM generate_series(1, {n}) AS n; ANALYZE outbox")
        self.stack.run("start", "contacts")
        first = last = None
        for _ in range(6000):
            published, now = self.metric("contacts", "crm_outbox_published_total"), time.monotonic()
            if published and not first:
                first = (published, now)
            if published >= n:
                last = (published, now)
                break
            time.sleep(0.01)
        if not last or last[1] == first[1]:
            sys.exit("the outbox was not emptied")
        return (last[0] - first[0]) / (last[1] - first[1])

    def idle(self, seconds=10):
        names = ["identity", "contacts", "gateway"]
        for n in names:  # as it is after a start, not with the caches that the load has left behind
            self.stack.run("stop", n)
            self.stack.run("start", n)
        time.sleep(2)
        before = self.stack.cpu(names)
        time.sleep(seconds)
        after = self.stack.cpu(names)
        return {n: {"cpu_us_per_s": (after[n] - before[n]) / seconds, "rss_mb": rss_mb(self.stack.pid(n))} for n in names}

    def start_up_ms(self, times=5):
        """From the start of the process to SERVING, by the service's own log; the median."""
        return statistics.median(self.start_once_ms() for _ in range(times))

    def start_once_ms(self):
        self.stack.run("stop", "contacts")
        self.stack.run("start", "contacts")
        with open(f"/proc/{self.stack.pid('contacts')}/stat", encoding="ascii") as f:
            ticks = int(f.read().rsplit(")", 1)[1].split()[19])
        with open("/proc/uptime", encoding="ascii") as f:
            boot = time.time() - float(f.read().split()[0])
        with open(os.path.join(self.folder, "log/contacts.log"), encoding="utf-8") as f:
            serving = [json.loads(line) for line in f if '"event":"serving"' in line][-1]["time"]
        serving_at = time.mktime(time.strptime(serving[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone + float("0" + serving[19:-1])
        return (serving_at - boot - ticks / HZ) * 1000


def json_of(message):
    from google.protobuf import json_format
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


# ---- results ----


class Results:
    def __init__(self):
        self.list = []

    def add(self, name, value, unit, goal, limit=None, ratio=None, at_most=True):
        judged = ratio if ratio is not None else value
        fine = judged <= goal if at_most else judged >= goal
        self.list.append({"name": name, "value": round(value, 2), "unit": unit, "limit": None if limit is None else round(limit, 2),
                          "ratio": None if ratio is None else round(ratio, 3), "goal": f"{'<=' if at_most else '>='} {goal}", "ok": fine})

    def print(self):
        print(f"\n{'figure':58} {'value':>10} {'unit':10} {'limit':>9} {'ratio':>6} {'goal':>10}")
        for r in self.list:
            limit = "" if r["limit"] is None else r["limit"]
            ratio = "" if r["ratio"] is None else r["ratio"]
            print(f"{r['name']:58} {r['value']:>10} {r['unit']:10} {limit:>9} {ratio:>6} {r['goal']:>10} {'ok' if r['ok'] else 'MISSED'}")


def judge(bench, results):
    if "bare" in bench.samples:
        results.add("bare unary, 100 methods: server CPU", bench.median("bare", "server_us"), "us", 15)
    for name, goal in (("get", 0.75), ("list", 0.7), ("create", 0.7)):
        if name not in bench.samples:
            continue
        ours = bench.median(name, "contacts_us") + bench.median(name, "postgres_us")
        limit = bench.median(f"{name} pgbench", "client_us") + bench.median(f"{name} pgbench", "postgres_us")
        if name == "get":
            results.add("GetContact: service + PostgreSQL CPU", ours, "us", 43)
        results.add(f"{name}: capacity by CPU against pgbench", ours, "us", goal, limit, limit / ours, at_most=False)
        if name == "get":
            results.add("gateway hop, unary: CPU", bench.median("get gateway", "gateway_us"), "us", 40)


def print_scenarios(bench):
    print(f"\n{'scenario':16} {'calls/s':>9} {'p50 us':>8} {'p99 us':>8}  CPU us per call of each process")
    for name, samples in bench.samples.items():
        figures = {k: bench.median(name, k) for k in samples[0] if isinstance(samples[0][k], (int, float))}
        rate = figures["calls"] / figures.get("seconds", bench.options.seconds)
        parts = ", ".join(f"{k[:-3]} {v:.1f}" for k, v in figures.items() if k.endswith("_us") and k not in ("p50_us", "p99_us", "cpu_us"))
        print(f"{name:16} {rate:>9.0f} {figures.get('p50_us', 0):>8.0f} {figures.get('p99_us', 0):>8.0f}  {parts}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--contacts", type=int, default=100000)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    stack = Stack(build)
    try:
        bench = Bench(stack, Data(stack, build, options.contacts), build, options)
        bench.rounds()
        results = Results()
        judge(bench, results)
        busy = {n: rss_mb(stack.pid(n)) for n in ("identity", "contacts", "gateway")}
        if not options.only:
            results.add("outbox relay, batches of 256", bench.outbox_rate(), "events/s", 20000, at_most=False)
            for name, idle in bench.idle().items():
                results.add(f"idle {name}: CPU", idle["cpu_us_per_s"], "us/s", 1000)
                results.add(f"idle {name}: RSS", idle["rss_mb"], "MB", 25)
            results.add("contacts: start to SERVING", bench.start_up_ms(), "ms", 300)
        print_scenarios(bench)
        print("RSS after the load: " + ", ".join(f"{n} {mb:.0f} MB" for n, mb in busy.items()))
        results.print()
    finally:
        stack.down()
    os.makedirs(os.path.join(build, "bench"), exist_ok=True)
    with open(os.path.join(build, "bench/results.json"), "w", encoding="utf-8") as f:
        json.dump(results.list, f, indent=2)
        f.write("\n")


if __name__ == "__main__":
    main()
