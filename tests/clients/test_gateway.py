"""A call through the gateway behaves as a direct one: metadata, trailers, status details, deadline, cancellation, half-close, large messages, all four kinds of streaming.

The upstream is a python3-grpcio server of this test's own. The gateway learns the methods of its service Echo by reflection, so that unary calls take the fast path; those
of its service Hidden are not in the reflection and go through the pump. Everything is tried on both.
"""
import os
import queue
import subprocess
import threading
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2

import crmpb
from faults import free_port
from office import CRM, Code, Office, finish, report, until

PACKAGE = "crm.echo.v1"
BIG = os.urandom(3 * 1024 * 1024)


# ---- the upstream ----


class Upstream:
    """Echoes bytes; remembers what it saw."""

    KINDS = {"Unary": (False, False), "Upload": (True, False), "Download": (False, True), "Chat": (True, True), "Fail": (False, False), "FailMidway": (False, True),
             "Slow": (False, False), "SlowStream": (True, True)}

    def __init__(self):
        self.metadata = {}
        self.remaining = None
        self.cancelled = threading.Event()
        self.server = grpc.server(futures.ThreadPoolExecutor(64), options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)])
        for service in ("Echo", "Hidden"):
            self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(f"{PACKAGE}.{service}", self.handlers()),))
        self.server.add_generic_rpc_handlers((self.health(), self.reflection()))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def handlers(self):
        made = {}
        for name, (up, down) in self.KINDS.items():
            make = getattr(grpc, f"{'stream' if up else 'unary'}_{'stream' if down else 'unary'}_rpc_method_handler")
            made[name] = make(getattr(self, name))
        return made

    def note(self, context):
        self.metadata = dict(context.invocation_metadata())
        self.remaining = context.time_remaining()
        context.send_initial_metadata((("x-served", "yes"), ("x-raw-bin", b"\x00\xff")))
        context.set_trailing_metadata((("x-trailer", "last"), ("x-trailer-bin", b"\x01\xfe")))

    def Unary(self, request, context):
        self.note(context)
        return request

    def Upload(self, requests, context):
        self.note(context)
        return b"".join(requests)

    def Download(self, request, context):
        self.note(context)
        for i in range(int(request)):
            yield b"%d" % i

    def Chat(self, requests, context):
        self.note(context)
        for request in requests:
            yield request
        yield b"bye"

    def Fail(self, request, context):
        self.note(context)
        context.set_trailing_metadata((("grpc-status-details-bin", request), ("x-trailer", "last")))
        context.abort(Code.FAILED_PRECONDITION, "nejde to: příliš žluťoučký 100 %")

    def FailMidway(self, request, context):
        yield b"one"
        context.set_trailing_metadata((("grpc-status-details-bin", request),))
        context.abort(Code.DATA_LOSS, "midway")

    def wait(self, context):
        self.note(context)
        context.add_callback(self.cancelled.set)
        self.cancelled.wait(30)

    def Slow(self, request, context):
        self.wait(context)
        return b""

    def SlowStream(self, requests, context):
        self.wait(context)
        yield b""

    def health(self):
        def watch(_, context):
            yield CRM.new("grpc.health.v1.HealthCheckResponse", status="SERVING").SerializeToString()
            gone = threading.Event()
            context.add_callback(gone.set)
            gone.wait()

        return grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Watch": grpc.unary_stream_rpc_method_handler(watch)})

    def reflection(self):
        file = descriptor_pb2.FileDescriptorProto(name="echo.proto", package=PACKAGE, syntax="proto3")
        file.message_type.add(name="Blob")
        service = file.service.add(name="Echo")
        for name, (up, down) in self.KINDS.items():
            service.method.add(name=name, input_type=f".{PACKAGE}.Blob", output_type=f".{PACKAGE}.Blob", client_streaming=up, server_streaming=down)
        answer_type = CRM.type("grpc.reflection.v1.ServerReflectionResponse")

        def info(requests, _):
            for body in requests:
                question = CRM.type("grpc.reflection.v1.ServerReflectionRequest").FromString(body)
                answer = answer_type(original_request=question)
                if question.WhichOneof("message_request") == "list_services":
                    answer.list_services_response.service.add(name=f"{PACKAGE}.Echo")
                else:
                    answer.file_descriptor_response.file_descriptor_proto.append(file.SerializeToString())
                yield answer.SerializeToString()

        return grpc.method_handlers_generic_handler("grpc.reflection.v1.ServerReflection", {"ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(info)})


# ---- the gateway in front of it ----


class Gateway:
    def __init__(self, upstream_port, **settings):
        self.port = free_port()
        env = dict(os.environ, CRM_LISTEN=f"127.0.0.1:{self.port}", CRM_METRICS="", CRM_UPSTREAMS=f"{PACKAGE}=127.0.0.1:{upstream_port}",
                   CRM_IDENTITY=os.environ["IDENTITY_ADDR"], CRM_NATS=os.environ["NATS_URL"], CRM_SECRET_FILE=os.environ["SECRET_FILE"], CRM_MAX_MESSAGE="8M",
                   **settings)
        self.log = open(os.path.join(os.environ["CRM_RUN_DIR"], f"gateway-{self.port}.log"), "wb")
        self.process = subprocess.Popen([os.path.join(os.environ["CRM_BUILD"], "bin/crm-gateway")], env=env, stderr=self.log)
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}", options=[("grpc.max_receive_message_length", -1), ("grpc.initial_reconnect_backoff_ms", 50)])
        self.wait_until_serving()

    def wait_until_serving(self):
        check = self.channel.unary_unary("/grpc.health.v1.Health/Check")

        def serves():
            try:
                return check(b"", timeout=5, wait_for_ready=True) == b"\x08\x01"
            except grpc.RpcError:
                return False
        until(serves, 20, "the gateway serves")

    def stop(self):
        self.channel.close()
        self.process.terminate()
        return self.process.wait(60)


# ---- the checks ----


class Caller:
    def __init__(self, channel, service, token):
        self.channel, self.service, self.token = channel, service, token

    def method(self, name):
        up, down = Upstream.KINDS[name]
        return getattr(self.channel, f"{'stream' if up else 'unary'}_{'stream' if down else 'unary'}")(f"/{PACKAGE}.{self.service}/{name}")

    def metadata(self, *more):
        return (("authorization", "Bearer " + self.token),) + more


def check_metadata(caller, upstream, direct):
    sent = (("x-client", "abc"), ("x-client-bin", b"\x00\x01\xff"), ("x-client", "twice"), ("x-forwarded-for", "8.8.8.8"))
    answer, call = caller.method("Unary").with_call(b"hello", metadata=caller.metadata(*sent), timeout=10)
    seen = upstream.metadata
    initial, trailing = dict(call.initial_metadata()), dict(call.trailing_metadata())
    report(answer == b"hello", "the answer comes back")
    report(seen.get("x-client-bin") == b"\x00\x01\xff" and "x-client" in seen, "metadata of the client arrives", seen)
    report(initial.get("x-served") == "yes" and initial.get("x-raw-bin") == b"\x00\xff", "initial metadata of the service comes back", initial)
    report(trailing.get("x-trailer") == "last" and trailing.get("x-trailer-bin") == b"\x01\xfe", "trailers come back", trailing)
    if not direct:
        report(seen.get("x-forwarded-for") == "127.0.0.1", "x-forwarded-for is the peer, whatever the client claims", seen)
        report(len(seen.get("x-request-id", "")) >= 16, "a request id is given")


def check_status(caller):
    details = b"\x08\x09\x12\x03abc"
    error = crmpb.error_of(caller.method("Fail"), details, metadata=caller.metadata(), timeout=10)
    trailing = dict(error.trailing_metadata())
    report(error.code() == Code.FAILED_PRECONDITION and error.details() == "nejde to: příliš žluťoučký 100 %", "code and message come back", error)
    report(trailing.get("grpc-status-details-bin") == details and trailing.get("x-trailer") == "last", "status details and trailers come back", trailing)
    got, call = [], caller.method("FailMidway")(details, metadata=caller.metadata(), timeout=10)
    try:
        for message in call:
            got.append(message)
    except grpc.RpcError as e:
        report(got == [b"one"] and e.code() == Code.DATA_LOSS and e.details() == "midway", "a stream that fails midway delivers what it had", f"{got} {e}")
    else:
        report(False, "a stream that fails midway fails")


def check_streams(caller):
    parts = [os.urandom(1000) for _ in range(200)]
    report(caller.method("Upload")(iter(parts), metadata=caller.metadata(), timeout=20) == b"".join(parts), "a client stream arrives whole and in order")
    report(list(caller.method("Download")(b"500", metadata=caller.metadata(), timeout=20)) == [b"%d" % i for i in range(500)], "a server stream arrives whole and in order")
    outgoing = queue.Queue()
    call = caller.method("Chat")(iter(outgoing.get, None), metadata=caller.metadata(), timeout=20)
    turns = []
    for word in (b"a", b"b", b"c"):
        outgoing.put(word)
        turns.append(next(call))  # the answer comes before the next word is sent
    outgoing.put(None)
    report(turns == [b"a", b"b", b"c"] and list(call) == [b"bye"] and call.code() == Code.OK, "both sides take turns; half-close reaches the service", turns)
    report(list(caller.method("Chat")(iter(()), metadata=caller.metadata(), timeout=20)) == [b"bye"], "a stream without a message works")
    report(caller.method("Unary")(b"", metadata=caller.metadata(), timeout=10) == b"", "an empty message works")


def check_large(caller):
    report(caller.method("Unary")(BIG, metadata=caller.metadata(), timeout=30) == BIG, "a message of 3 MB works")
    report(caller.method("Upload")(iter([BIG, BIG]), metadata=caller.metadata(), timeout=30) == BIG + BIG, "large messages of a stream work")
    error = crmpb.error_of(caller.method("Unary"), b"x" * (9 * 1024 * 1024), metadata=caller.metadata(), timeout=30)
    report(error.code() == Code.RESOURCE_EXHAUSTED, "a message beyond the limit is RESOURCE_EXHAUSTED", error)


def check_deadline(caller, upstream):
    caller.method("Unary")(b"", metadata=caller.metadata(), timeout=7)
    report(upstream.remaining is not None and 1 < upstream.remaining < 7.5, "the client's deadline travels", upstream.remaining)
    caller.method("Unary")(b"", metadata=caller.metadata())
    report(upstream.remaining is not None and upstream.remaining <= 3700, "a call without a deadline gets one", upstream.remaining)
    upstream.cancelled.clear()
    error = crmpb.error_of(caller.method("Slow"), b"", metadata=caller.metadata(), timeout=0.5)
    report(error.code() == Code.DEADLINE_EXCEEDED, "a deadline that passes is DEADLINE_EXCEEDED", error)
    report(upstream.cancelled.wait(5), "the service learns of it")


def check_cancel(caller, upstream):
    for name, request in (("Slow", b""), ("SlowStream", None)):
        upstream.cancelled.clear()
        upstream.metadata = {}
        method = caller.method(name)
        call = method.future(request, metadata=caller.metadata(), timeout=30) if request is not None else method(iter(queue.Queue().get, None), metadata=caller.metadata(), timeout=30)
        until(lambda: upstream.metadata, 5, f"{name} reaches the service")
        call.cancel()
        report(upstream.cancelled.wait(5), f"cancelling {name} reaches the service")


def check_token(caller, upstream):
    upstream.metadata = {}
    error = crmpb.error_of(caller.method("Unary"), b"", metadata=(("authorization", "Bearer nonsense"),), timeout=10)
    report(error.code() == Code.UNAUTHENTICATED and not upstream.metadata, "a token that is not good is refused before the service is asked", error)


def check_limits(upstream):
    gateway = Gateway(upstream.port, CRM_ADDRESS_RATE="20", CRM_ADDRESS_BURST="10")
    try:
        codes, retry = [], None
        for _ in range(40):
            try:
                gateway.channel.unary_unary(f"/{PACKAGE}.Hidden/Unary")(b"", timeout=10)
                codes.append(Code.OK)
            except grpc.RpcError as e:
                codes.append(e.code())
                retry = CRM.details(e).get("RetryInfo") or retry
        report(Code.RESOURCE_EXHAUSTED in codes and codes[:10] == [Code.OK] * 10, "beyond the burst calls are RESOURCE_EXHAUSTED", codes)
        report(retry is not None and (retry.retry_delay.nanos or retry.retry_delay.seconds), "and say when to try again")
    finally:
        gateway.stop()


def check_upstream_down(gateway, upstream, token):
    watch = gateway.channel.unary_stream("/grpc.health.v1.Health/Watch")(b"\x0a" + bytes([len(PACKAGE) + 5]) + f"{PACKAGE}.Echo".encode(), timeout=60)
    report(next(watch) == b"\x08\x01", "health of the service's name is SERVING while it serves")
    upstream.server.stop(0).wait()
    error = crmpb.error_of(Caller(gateway.channel, "Echo", token).method("Unary"), b"", metadata=(("authorization", "Bearer " + token),), timeout=10)
    report(error.code() == Code.UNAVAILABLE and "RetryInfo" in CRM.details(error), "a service that is down is UNAVAILABLE with RetryInfo", error)
    report("127.0.0.1" not in (error.details() or ""), "and the message gives no address away", error.details())
    report(next(watch) == b"\x08\x02", "its health turns to NOT_SERVING")


def main():
    token = Office("edge").admin.client.token
    upstream = Upstream()
    gateway = Gateway(upstream.port)
    direct = grpc.insecure_channel(f"127.0.0.1:{upstream.port}", options=[("grpc.max_receive_message_length", -1)])
    for title, channel, service in (("direct", direct, "Echo"), ("fast path", gateway.channel, "Echo"), ("pump", gateway.channel, "Hidden")):
        print(f"# {title}")
        caller = Caller(channel, service, token)
        check_metadata(caller, upstream, title == "direct")
        check_status(caller)
        check_streams(caller)
        check_cancel(caller, upstream)
        if title != "direct":
            check_large(caller)
            check_deadline(caller, upstream)
            check_token(caller, upstream)
    error = crmpb.error_of(gateway.channel.unary_unary("/no.such.v1.Service/Method"), b"", timeout=10)
    report(error.code() == Code.UNIMPLEMENTED, "a service that nobody has is UNIMPLEMENTED", error)
    check_limits(upstream)
    check_upstream_down(gateway, upstream, token)
    report(gateway.stop() == 0, "SIGTERM ends the gateway with status 0")
    finish()


if __name__ == "__main__":
    main()
