"""Clients that misbehave, by HTTP/2 written by hand: rude.py KIND TARGET TOKEN PATH BODY. BODY is a message in hex.

Says "ready" when it is in full swing, goes on until its standard input ends, and then ends with status 0.
"""
import os
import random
import select
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import h2raw  # noqa: E402

TARGET, TOKEN, PATH = sys.argv[2:5]
BODY = h2raw.message(bytes.fromhex(sys.argv[5]))
BLOCK = h2raw.header_block(PATH, TOKEN)


def ready():
    print("ready", flush=True)


def is_over(seconds):
    """Whether we were told to end within the time."""
    return bool(select.select([sys.stdin], [], [], seconds)[0])


def linger(connections=()):
    """Until it is over; keeps the connections open and reads what comes."""
    while not is_over(0.05):
        for connection in connections:
            for _ in connection.frames():
                pass


def reading_nothing():
    """Asks for everything, over and over, and reads none of it."""
    connections = [h2raw.Connection(TARGET, window=1 << 30) for _ in range(4)]
    for connection in connections:
        for _ in range(25):
            connection.request(BLOCK, BODY, end=True)
    ready()
    while not is_over(1):
        pass


def reading_slowly():
    """A window of one byte at a time."""
    connection = h2raw.Connection(TARGET, window=1)
    streams = [connection.request(BLOCK, BODY, end=True) for _ in range(50)]
    ready()
    while not is_over(0.01):
        for _ in connection.frames():
            pass
        connection.send(b"".join(h2raw.frame(h2raw.WINDOW_UPDATE, 0, s, b"\0\0\0\1") for s in streams))


def opening_10_000_streams():
    """Opens streams and says nothing on them. Over several connections, since one may only have so many."""
    connections = [h2raw.Connection(TARGET) for _ in range(10)]
    for connection in connections:
        list(connection.frames(0.1))  # what the server settles
    for _ in range(20):
        for connection in connections:
            for _ in range(50):
                connection.request(BLOCK)
            list(connection.frames())
    ready()
    linger(connections)


def asking_10_000_times():
    """Whole requests, as many as there may be, whose answers are not waited for."""
    connections = [h2raw.Connection(TARGET) for _ in range(10)]
    for _ in range(20):
        for connection in connections:
            for _ in range(50):
                connection.request(BLOCK, BODY, end=True)
            list(connection.frames())
    ready()
    linger(connections)


def never_half_closing():
    """Sends a message on each of many streams and then nothing, without an end."""
    connection = h2raw.Connection(TARGET)
    for _ in range(200):
        connection.request(BLOCK, BODY)
    ready()
    linger([connection])


class Window:
    """How much may be sent on a stream and on its connection."""

    def __init__(self, connection, stream):
        self.connection, self.stream, self.of_stream, self.of_connection = connection, stream, 65535, 65535
        self.is_over = False

    def take(self, n):
        self.of_stream, self.of_connection = self.of_stream - n, self.of_connection - n

    def room(self):
        return 0 if self.is_over else min(self.of_stream, self.of_connection)

    def hear(self, seconds):
        self.is_over |= self.connection.is_closed
        for kind, flags, number, payload in self.connection.frames(seconds):
            if kind == h2raw.WINDOW_UPDATE:
                more = int.from_bytes(payload, "big")
                self.of_stream, self.of_connection = self.of_stream + (number == self.stream) * more, self.of_connection + (number == 0) * more
            elif kind == h2raw.SETTINGS and not flags & h2raw.ACK:
                for at in range(0, len(payload), 6):
                    if int.from_bytes(payload[at:at + 2], "big") == h2raw.INITIAL_WINDOW_SIZE:
                        self.of_stream += int.from_bytes(payload[at + 2:at + 6], "big") - 65535
            elif number == self.stream and kind in (h2raw.RST_STREAM, h2raw.HEADERS):
                self.is_over = True


def sending_100_MB(connections=1):
    """A message of 100 MB, as fast as flow control lets it."""
    size, chunk = 100 * 1024 * 1024, b"x" * 16384
    windows = []
    for _ in range(connections):
        connection = h2raw.Connection(TARGET)
        windows.append(Window(connection, connection.request(BLOCK, b"\0" + size.to_bytes(4, "big"))))
        windows[-1].take(5)
    ready()
    end = time.monotonic() + 5
    while time.monotonic() < end and not is_over(0) and not all(w.is_over for w in windows):
        for window in windows:
            while window.room() >= len(chunk):
                window.connection.data(window.stream, chunk)
                window.take(len(chunk))
            window.hear(0.005)
    linger([w.connection for w in windows])


def sending_100_MB_eight_times():
    """More at once than a service has memory for."""
    sending_100_MB(8)


def resetting_streams():
    """Opens streams and resets them at once."""
    connection = h2raw.Connection(TARGET)
    for i in range(5000):
        connection.reset(connection.request(BLOCK, BODY, end=True))
        if i % 50 == 0:
            list(connection.frames())
        if i == 500:
            ready()
    linger([connection])


def sending_garbage():
    """What is no HTTP/2, or only begins as it. Half of the connections stay."""
    chance = random.Random(1)
    beginnings = (b"", h2raw.PREFACE, h2raw.PREFACE[:10], b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                  h2raw.PREFACE + h2raw.frame(h2raw.SETTINGS, 0, 0))
    kept = []
    host, port = TARGET.rsplit(":", 1)
    for i in range(300):
        connection = socket.create_connection((host, int(port)), timeout=5)
        try:
            connection.sendall(beginnings[i % len(beginnings)] + chance.randbytes(chance.randrange(5000)))
        except OSError:
            pass  # refused already
        kept.append(connection)
        if i % 2:
            kept.pop().close()
        if i == 100:
            ready()
    linger()


KINDS = {f.__name__: f for f in (reading_nothing, asking_10_000_times, reading_slowly, opening_10_000_streams, never_half_closing, sending_100_MB,
                                 sending_100_MB_eight_times, resetting_streams, sending_garbage)}
KINDS[sys.argv[1]]()
