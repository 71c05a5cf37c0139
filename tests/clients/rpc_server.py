"""A server that others wrote (python3-grpcio) for the client side of the rpc adapter.

rpc_server.py PORT: listens on 127.0.0.1 (0 picks a port), prints the port, serves until killed.
"""
import sys
import threading
import time
from concurrent import futures

import grpc


def unary(request, context):
    context.send_initial_metadata((("x-server", "python"),))
    return request


def fail(request, context):
    context.set_trailing_metadata((
        ("grpc-status-details-bin", b"\x08\x05\x00\xff"), ("x-reason", "because")))
    code = [c for c in grpc.StatusCode if c.value[0] == int(request)][0]
    context.abort(code, "čeština 100% \n")


def wait(request, context):
    done = threading.Event()
    context.add_callback(done.set)
    done.wait(30)
    return request


def remaining(request, context):
    return b"%d" % (context.time_remaining() * 1000)


def count(request, context):
    for n in range(int(request)):
        yield b"%d" % n


def total(requests, context):
    return b"%d" % sum(len(r) for r in requests)


def chat(requests, context):
    yield from requests


def large(request, context):
    return bytes(int(request))


HANDLERS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Wait": grpc.unary_unary_rpc_method_handler(wait),
    "Remaining": grpc.unary_unary_rpc_method_handler(remaining),
    "Large": grpc.unary_unary_rpc_method_handler(large),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Sum": grpc.stream_unary_rpc_method_handler(total),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
}


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8),
                         options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("test.Echo", HANDLERS),))
    port = server.add_insecure_port("127.0.0.1:" + sys.argv[1])
    server.start()
    sys.stdout.write("%d\n" % port)  # in one piece: the reader takes one
    sys.stdout.flush()
    time.sleep(120)  # ends by itself if nobody kills it


main()
