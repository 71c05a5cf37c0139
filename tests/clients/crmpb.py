"""The project's protos for python3-grpcio clients, from the descriptor set that the build makes: no generated code.

    crm = crmpb.Crm("build/gen/all.pb")
    client = crm.client("127.0.0.1:7401", token="...")
    contact = client.call("crm.contacts.v1.ContactsService/GetContact", id="...")

A request is a message or its fields as keywords. Streams: an iterable of requests in, an iterator of answers out.
"""
import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

TIMEOUT = 20


class Crm:
    """The descriptors: message classes and methods by name."""

    def __init__(self, path):
        files = descriptor_pb2.FileDescriptorSet()
        with open(path, "rb") as f:
            files.ParseFromString(f.read())
        self.pool = descriptor_pool.DescriptorPool()
        self.files = files.file
        for file in self.files:
            self.pool.Add(file)
        self.factory = message_factory.MessageFactory(self.pool)

    def type(self, name):
        """The class of a message, by full name."""
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName(name))

    def new(self, name, **fields):
        """A message from plain Python values, nested ones as dicts and lists (proto names)."""
        return json_format.ParseDict(fields, self.type(name)())

    def services(self):
        """Full names of all services that the set declares."""
        return [f"{file.package}.{service.name}" for file in self.files for service in file.service]

    def methods(self, service):
        """Paths of a service's methods, "package.Service/Method"."""
        return [f"{service}/{m.name}" for m in self.pool.FindServiceByName(service).methods]

    def streams(self, path):
        """Whether the client and the server of a method stream: the descriptor itself does not tell in this version."""
        proto = descriptor_pb2.MethodDescriptorProto()
        self.method(path).CopyToProto(proto)
        return proto.client_streaming, proto.server_streaming

    def method(self, path):
        """The descriptor of "package.Service/Method", with or without the leading slash."""
        service, name = path.lstrip("/").split("/")
        return self.pool.FindServiceByName(service).methods_by_name[name]

    def client(self, target, token=None, metadata=(), channel=None):
        return Client(self, channel or grpc.insecure_channel(target), token, tuple(metadata))

    # ---- errors ----

    def status(self, error):
        """The google.rpc.Status of a grpc.RpcError, or None."""
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                return self.type("google.rpc.Status").FromString(value)
        return None

    def details(self, error):
        """The details of a grpc.RpcError: a dict from short type name (ErrorInfo, BadRequest, RetryInfo) to message."""
        found = {}
        status = self.status(error)
        for any_ in status.details if status else ():
            name = any_.type_url.rsplit("/", 1)[-1]
            found[name.rsplit(".", 1)[-1]] = self.type(name).FromString(any_.value)
        return found

    def fields_at_fault(self, error):
        """Names of the fields that BadRequest lists."""
        bad = self.details(error).get("BadRequest")
        return [v.field for v in bad.field_violations] if bad else []


class Client:
    """A channel with metadata for every call."""

    def __init__(self, crm, channel, token, metadata):
        self.crm = crm
        self.channel = channel
        self.metadata = metadata
        self.token = token

    def _metadata(self, more):
        own = (("authorization", "Bearer " + self.token),) if self.token else ()
        return self.metadata + own + tuple(more)

    def callable(self, path):
        """grpc's multi-callable of the kind that the method is."""
        method = self.crm.method(path)
        kind = "_".join("stream" if streams else "unary" for streams in self.crm.streams(path))
        return getattr(self.channel, kind)(
            "/" + path.lstrip("/"),
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=self.crm.type(method.output_type.full_name).FromString)

    def call(self, path, request=None, timeout=TIMEOUT, metadata=(), **fields):
        """Unary: the answer. Streams: grpc's call object, an iterator where the answer is a stream."""
        method = self.crm.method(path)
        if request is None:
            request = self.crm.new(method.input_type.full_name, **fields)
        return self.callable(path)(request, timeout=timeout, metadata=self._metadata(metadata))

    def with_call(self, path, request=None, timeout=TIMEOUT, metadata=(), **fields):
        """Unary: (answer, call), for headers and trailers."""
        method = self.crm.method(path)
        if request is None:
            request = self.crm.new(method.input_type.full_name, **fields)
        return self.callable(path).with_call(request, timeout=timeout, metadata=self._metadata(metadata))

    def raw(self, path, body, timeout=TIMEOUT, metadata=()):
        """Unary with bytes as they are; answers bytes."""
        same = {"request_serializer": lambda b: b, "response_deserializer": lambda b: b}
        return self.channel.unary_unary("/" + path.lstrip("/"), **same)(body, timeout=timeout, metadata=self._metadata(metadata))


def error_of(call, *args, **kwargs):
    """The grpc.RpcError that the call must end with."""
    try:
        answer = call(*args, **kwargs)
        if hasattr(answer, "__next__"):
            list(answer)
    except grpc.RpcError as e:
        return e
    raise AssertionError("the call did not fail")
