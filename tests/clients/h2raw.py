"""HTTP/2 by hand, for clients that misbehave in ways that no library offers: frames as bytes, no flow control of our own, and reading only when told to."""
import select
import socket
import struct
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
INITIAL_WINDOW_SIZE = 4
CANCEL = 8


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def literal(text):
    """A string of HPACK, not compressed."""
    raw = text.encode()
    if len(raw) < 127:
        return bytes([len(raw)]) + raw
    rest, out = len(raw) - 127, bytearray([127])
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out) + raw


def header_block(path, token=None):
    """A request's headers, each a literal that is not indexed."""
    pairs = [(":method", "POST"), (":scheme", "http"), (":path", "/" + path), (":authority", "crm"), ("te", "trailers"), ("content-type", "application/grpc")]
    if token:
        pairs.append(("authorization", "Bearer " + token))
    return b"".join(b"\0" + literal(name) + literal(value) for name, value in pairs)


def message(body):
    """A gRPC message: a byte for the compression, its length, itself."""
    return b"\0" + struct.pack(">I", len(body)) + body


class Connection:
    def __init__(self, target, window=65535):
        host, port = target.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self.next = 1
        self.pending = b""
        self.is_closed = False  # by the other side, which may well do that with the likes of us
        self.send(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, window)))

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            self.is_closed = True

    def request(self, block, body=None, end=False):
        """Opens a stream; its number."""
        stream = self.next
        self.next += 2
        last = END_STREAM if end else 0
        out = frame(HEADERS, END_HEADERS | (0 if body is not None else last), stream, block)
        if body is not None:
            out += frame(DATA, last, stream, body)
        self.send(out)
        return stream

    def data(self, stream, payload, end=False):
        self.send(frame(DATA, END_STREAM if end else 0, stream, payload))

    def reset(self, stream):
        self.send(frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))

    def frames(self, seconds=0.0):
        """What has come, and comes within the time: (kind, flags, stream, payload); settings and pings are acknowledged. Ends when the other side has closed."""
        end = time.monotonic() + seconds
        while True:
            while len(self.pending) >= 9:
                n = int.from_bytes(self.pending[:3], "big")
                if len(self.pending) < 9 + n:
                    break
                kind, flags, stream = self.pending[3], self.pending[4], struct.unpack(">I", self.pending[5:9])[0]
                payload, self.pending = self.pending[9:9 + n], self.pending[9 + n:]
                if kind in (SETTINGS, PING) and not flags & ACK:
                    self.send(frame(kind, ACK, 0, payload if kind == PING else b""))
                yield kind, flags, stream, payload
            readable = select.select([self.socket], [], [], max(0.0, end - time.monotonic()))[0]
            if not readable:
                return
            try:
                more = self.socket.recv(1 << 16)
            except ConnectionResetError:
                more = b""
            if not more:
                self.is_closed = True
                return
            self.pending += more

    def close(self):
        self.socket.close()
