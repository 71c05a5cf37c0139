"""A client that others wrote (python3-grpcio) against the test service of tests/support/rpc_fixture.h.

rpc_echo.py TARGET SCENARIO [CA]: exit status 0 if the server behaved.
"""
import os
import sys
import threading
import time

import grpc

SAME = {"request_serializer": lambda b: b, "response_deserializer": lambda b: b}
TIMEOUT = 20


def path(name):
    return "/test.Echo/" + name


def unary(channel, name, request, **kwargs):
    kwargs.setdefault("timeout", TIMEOUT)
    return channel.unary_unary(path(name), **SAME).with_call(request, **kwargs)


def error_of(call, *args, **kwargs):
    try:
        result = call(*args, **kwargs)
        if hasattr(result, "__next__"):
            list(result)
    except grpc.RpcError as e:
        return e
    raise AssertionError("the call did not fail")


def answers(channel):
    assert unary(channel, "Unary", b"ahoj")[0] == b"ahoj"
    assert unary(channel, "Unary", b"")[0] == b""
    big = bytes(4 * 1024 * 1024 - 1)
    assert unary(channel, "Unary", big)[0] == big


def failures(channel):
    e = error_of(unary, channel, "Fail", b"5")
    assert e.code() == grpc.StatusCode.NOT_FOUND, e
    assert e.details() == "čeština 100% \n", e.details()
    trailers = dict(e.trailing_metadata())
    assert trailers["grpc-status-details-bin"] == b"\x08\x05\x00\xff", trailers
    assert trailers["x-reason"] == "because"
    for code in grpc.StatusCode:
        if code != grpc.StatusCode.OK:
            number = str(code.value[0]).encode()
            assert error_of(unary, channel, "Fail", number).code() == code
    assert error_of(unary, channel, "Nothing", b"").code() == grpc.StatusCode.UNIMPLEMENTED
    assert error_of(unary, channel, "Silent", b"").code() == grpc.StatusCode.UNKNOWN


def metadata(channel):
    sent = (("x-one", "1"), ("x-one", "2"), ("x-raw-bin", b"\x00\xff\n"))
    _, call = unary(channel, "Meta", b"", metadata=sent)
    for received in (call.initial_metadata(), call.trailing_metadata()):
        mine = [(k, v) for k, v in received if k.startswith("x-")]
        assert sorted(mine) == sorted(sent), mine
    assert not any(k == "upper-case" for k, _ in call.initial_metadata())


def streams(channel):
    numbers = channel.unary_stream(path("Count"), **SAME)(b"500", timeout=TIMEOUT)
    assert [int(b) for b in numbers] == list(range(500))
    total = channel.stream_unary(path("Sum"), **SAME)((b"x" * n for n in range(100)), timeout=TIMEOUT)
    assert int(total) == 99 * 100 // 2
    words = [b"%d" % n for n in range(200)]
    assert list(channel.stream_stream(path("Chat"), **SAME)(iter(words), timeout=TIMEOUT)) == words


def early_headers(channel):
    call = channel.unary_stream(path("Late"), **SAME)(b"", timeout=1)
    assert ("x-early", "yes") in [tuple(m) for m in call.initial_metadata()]
    assert error_of(lambda: call).code() == grpc.StatusCode.DEADLINE_EXCEEDED


def too_large(channel):
    e = error_of(unary, channel, "Unary", bytes(4 * 1024 * 1024 + 1))
    assert e.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, e
    assert unary(channel, "Unary", b"next")[0] == b"next"


def compressed(channel):
    e = error_of(unary, channel, "Unary", bytes(100000), compression=grpc.Compression.Gzip)
    assert e.code() == grpc.StatusCode.UNIMPLEMENTED, e
    assert unary(channel, "Unary", b"next")[0] == b"next"


def deadline(channel):
    start = time.monotonic()
    e = error_of(unary, channel, "Wait", b"", timeout=0.1)
    assert e.code() == grpc.StatusCode.DEADLINE_EXCEEDED, e
    assert time.monotonic() - start < 5


def cancel(channel):
    gate = threading.Event()

    def words():
        yield b"one"
        gate.wait(TIMEOUT)

    call = channel.stream_stream(path("Chat"), **SAME)(words(), timeout=TIMEOUT)
    assert next(call) == b"one"
    call.cancel()
    gate.set()
    assert error_of(lambda: call).code() == grpc.StatusCode.CANCELLED


def dies(channel):
    call = channel.unary_stream(path("Flood"), **SAME)(b"", timeout=TIMEOUT)
    next(call)
    os._exit(0)


def side_by_side(channel):
    calls = [channel.unary_unary(path("Unary"), **SAME).future(b"%d" % n, timeout=TIMEOUT)
             for n in range(2000)]
    assert [int(c.result()) for c in calls] == list(range(2000))


def main():
    target, scenario = sys.argv[1:3]
    options = [("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0)]
    if len(sys.argv) > 3:
        with open(sys.argv[3], "rb") as ca:
            credentials = grpc.ssl_channel_credentials(ca.read())
        channel = grpc.secure_channel(target, credentials, options)
    else:
        channel = grpc.insecure_channel(target, options)
    with channel:
        globals()[scenario](channel)


main()
