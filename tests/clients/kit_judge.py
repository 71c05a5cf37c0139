"""A client that others wrote (python3-grpcio, python3-protobuf) against the test service of tests/support/kit_service.h.

kit_judge.py TARGET ALL.PB TOKEN: exit status 0 if the service behaved.
"""
import os
import sys
import threading

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import crmpb  # noqa: E402

CONTACTS = "crm.contacts.v1.ContactsService/"
ID = "01890000-0000-7000-8000-0000000000aa"
OURS = ["crm.contacts.v1.ContactsService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection"]


def calls(crm, client):
    answer, call = client.with_call(CONTACTS + "GetContact", id=ID, metadata=(("x-request-id", "judge-1"),))
    assert answer.id == ID
    assert ("x-request-id", "judge-1") in [tuple(m) for m in call.initial_metadata()]


def details(crm, client):
    e = crmpb.error_of(client.call, CONTACTS + "GetContact")
    assert e.code() == grpc.StatusCode.INVALID_ARGUMENT, e
    found = crm.details(e)
    assert found["ErrorInfo"].reason == "INVALID_ARGUMENT" and found["ErrorInfo"].domain == "contacts.crm"
    assert crm.fields_at_fault(e) == ["id"], e
    assert crm.status(e).message == e.details() and e.details().startswith("id: ")
    e = crmpb.error_of(client.call, CONTACTS + "DeleteContact", id=ID, etag="14")
    assert crm.details(e)["RetryInfo"].retry_delay.seconds == 1
    # sixteen faults with long paths still fit into a client's limits
    contact = {"emails": [{"address": "@" * 200}] * 20, "display_name": "ž" * 5000}
    e = crmpb.error_of(client.call, CONTACTS + "CreateContact", contact=contact)
    assert e.code() == grpc.StatusCode.INVALID_ARGUMENT, e
    assert "contact.emails[0].address" in crm.fields_at_fault(e), e


def no_token(crm, client):
    stranger = crm.client(None, channel=client.channel)
    e = crmpb.error_of(stranger.call, CONTACTS + "GetContact", id=ID)
    assert e.code() == grpc.StatusCode.UNAUTHENTICATED and crm.details(e)["ErrorInfo"].reason == "TOKEN_MISSING", e


def hostile_bytes(crm, client):
    for body in (b"\x0a\x02\xff\xfe", b"\x0a\x01\x00", b"\x0b" * 100, b"\x0a\xff\xff\xff\xff\x0f", b"\xff" * 50):
        e = crmpb.error_of(client.raw, CONTACTS + "GetContact", body)
        assert e.code() == grpc.StatusCode.INVALID_ARGUMENT, (body, e)
    deep = b""
    for _ in range(10000):
        deep = b"\x0a" + varint(len(deep)) + deep
    e = crmpb.error_of(client.raw, CONTACTS + "CreateContact", deep)
    assert e.code() == grpc.StatusCode.INVALID_ARGUMENT, e


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def streams(crm, client):
    new = crm.type("crm.contacts.v1.ImportContactsRequest")
    answer = client.call(CONTACTS + "ImportContacts", iter([new(key="a"), new(key=""), new(key="c")]))
    assert (answer.created_count, answer.invalid_count) == (2, 1)
    assert [c.revision for c in client.call(CONTACTS + "ExportContacts")] == [0, 1, 2]


def health(crm, client):
    stranger = crm.client(None, channel=client.channel)
    for name in [""] + OURS:
        assert stranger.call("grpc.health.v1.Health/Check", service=name).status == 1, name
    assert crmpb.error_of(stranger.call, "grpc.health.v1.Health/Check", service="x").code() == grpc.StatusCode.NOT_FOUND
    watch = stranger.call("grpc.health.v1.Health/Watch", service="")
    assert next(watch).status == 1
    watch.cancel()
    assert next(stranger.call("grpc.health.v1.Health/Watch", service="x")).status == 3


class Reflection:
    """One stream of questions."""

    def __init__(self, crm, client, version):
        self.new = crm.type(f"grpc.reflection.{version}.ServerReflectionRequest")
        self.questions = []
        self.more = threading.Semaphore(0)
        self.answers = client.call(f"grpc.reflection.{version}.ServerReflection/ServerReflectionInfo", self._ask())

    def _ask(self):
        while True:
            self.more.acquire()
            question = self.questions.pop(0)
            if question is None:
                return
            yield question

    def ask(self, **fields):
        self.questions.append(self.new(**fields))
        self.more.release()
        answer = next(self.answers)
        assert answer.original_request == self.new(**fields)
        return answer

    def end(self):
        self.questions.append(None)
        self.more.release()
        assert list(self.answers) == []


def files_of(answer):
    return [descriptor_pb2.FileDescriptorProto.FromString(f) for f in answer.file_descriptor_response.file_descriptor_proto]


def reflection(crm, client):
    stranger = crm.client(None, channel=client.channel)
    for version in ("v1", "v1alpha"):
        r = Reflection(crm, stranger, version)
        assert sorted(s.name for s in r.ask(list_services="").list_services_response.service) == OURS
        files = files_of(r.ask(file_containing_symbol=OURS[0]))
        assert files[0].name == "crm/contacts/v1/contacts_service.proto"
        assert len(files) == len({f.name for f in files})
        pool = pool_of(files)
        assert len(pool.FindServiceByName(OURS[0]).methods) == len(crm.methods(OURS[0]))
        assert pool.FindMessageTypeByName("crm.contacts.v1.Contact").fields_by_name["emails"]
        # a second question does not send again what the stream had
        again = files_of(r.ask(file_by_filename="crm/contacts/v1/contact.proto"))
        assert [f.name for f in again] == ["crm/contacts/v1/contact.proto"]
        for symbol in ("crm.contacts.v1.Contact.emails", "crm.contacts.v1.ContactsService.GetContact"):
            assert files_of(r.ask(file_containing_symbol=symbol)), symbol
        options = "google.protobuf.FieldOptions"
        extension = {"containing_type": options, "extension_number": 51002}
        assert files_of(r.ask(file_containing_extension=extension))[0].name == "crm/common/v1/options.proto"
        numbers = r.ask(all_extension_numbers_of_type=options).all_extension_numbers_response
        assert 51002 in numbers.extension_number and numbers.base_type_name == options
        for missing in ({"file_containing_symbol": "crm.contacts.v1.Nothing"}, {"file_by_filename": "no.proto"},
                        {"all_extension_numbers_of_type": "no.Type"},
                        {"file_containing_extension": {"containing_type": options, "extension_number": 1}}):
            assert r.ask(**missing).error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0], missing
        assert r.ask().error_response.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        r.end()


def pool_of(files):
    """Adds each file after those that it needs."""
    pool = descriptor_pool.DescriptorPool()
    waiting = {f.name: f for f in files}

    def add(name):
        file = waiting.pop(name, None)
        if file is None:
            return
        for needed in file.dependency:
            add(needed)
        pool.Add(file)

    for file in files:
        add(file.name)
    return pool


def main():
    target, descriptors, token = sys.argv[1:4]
    crm = crmpb.Crm(descriptors)
    client = crm.client(target, token=token)
    for scenario in (calls, details, no_token, hostile_bytes, streams, health, reflection):
        scenario(crm, client)
        print("ok", scenario.__name__)


if __name__ == "__main__":
    main()
