"""Many records at once: memory stays flat over many rows in and out, and whoever breaks off in the middle leaves nothing behind that is half done."""
import itertools
import os
import sys
import threading
import time
import uuid

import grpc

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faults import Service, connect, memory_mb, until  # noqa: E402
from office import CRM, Code, Office, run, stories  # noqa: E402

ROWS = 15000  # with 50 000 it is the same
METHOD = "crm.contacts.v1.ContactsService/"
OFFICE = Office("volume")
CONTACTS = Service.instead_of_the_stack("contacts")
DIRECT = connect(CONTACTS.address, OFFICE.admin.client.token)
GATEWAY = connect(os.environ["GATEWAY_ADDR"], OFFICE.admin.client.token)
SOURCE = "volume"


def _rows(n, first=0, source=SOURCE):
    row = CRM.type("crm.contacts.v1.ImportContactsRequest")
    for i in range(first, first + n):
        made = row(source=source, key=f"row {i}")
        made.contact.display_name = f"{source} {i}"
        made.contact.note = "x" * 200
        yield made


def _grown(before):
    return memory_mb(CONTACTS.process.pid) - before


def _peak(work):
    """Most memory that the service had more during some work, in MB."""
    with open(f"/proc/{CONTACTS.process.pid}/clear_refs", "w", encoding="ascii") as f:
        f.write("5")  # the peak begins anew
    before = memory_mb(CONTACTS.process.pid)
    begun = time.monotonic()
    work()
    peak = memory_mb(CONTACTS.process.pid, "VmHWM") - before
    print(f"# {work.__name__}: {peak:.1f} MB above {before:.1f} MB, {time.monotonic() - begun:.1f} s", flush=True)
    return peak


def memory_is_flat_over_many_rows():
    def warm_up():
        assert DIRECT.call(METHOD + "ImportContacts", _rows(500, source="warm"), timeout=60).created_count == 500

    def import_all():
        answer = DIRECT.call(METHOD + "ImportContacts", _rows(ROWS), timeout=240)
        assert answer.created_count == ROWS and len(answer.verdicts) == ROWS

    def export_all():
        assert sum(1 for _ in DIRECT.call(METHOD + "ExportContacts", timeout=240)) >= ROWS

    def export_slowly():
        for i, _ in enumerate(DIRECT.call(METHOD + "ExportContacts", timeout=240)):
            if i % 500 == 0:
                time.sleep(0.01)

    _peak(warm_up)
    assert _peak(import_all) < 24  # the verdicts themselves are a good one
    assert _peak(export_all) < 16
    assert _peak(export_slowly) < 16


def one_row_too_many_is_said():
    more = itertools.repeat(next(_rows(1)), 50001)
    assert _code(DIRECT.call, METHOD + "ImportContacts", more, timeout=240) == Code.RESOURCE_EXHAUSTED


def verdicts_that_would_not_fit_an_answer_are_said():
    def rows():
        for i in range(20000):
            yield CRM.new("crm.contacts.v1.ImportContactsRequest", source="long", key=f"{i} {'k' * 190}", contact={"note": "nobody"})

    assert _code(DIRECT.call, METHOD + "ImportContacts", rows(), timeout=120) == Code.RESOURCE_EXHAUSTED


def _code(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
        return Code.OK
    except grpc.RpcError as error:
        return error.code()


def an_import_that_breaks_off_keeps_whole_portions_and_can_be_sent_again():
    for client in (DIRECT, GATEWAY):
        source = f"broken {uuid.uuid4()}"
        gate = threading.Event()

        def rows():
            yield from _rows(250, source=source)
            gate.wait(60)  # the client hangs here until it is cancelled

        def is_stored(i):
            return len(DIRECT.call(METHOD + "ListContacts", filter=f'display_name = "{source} {i}"').contacts) == 1

        call = client.callable(METHOD + "ImportContacts").future(rows(), timeout=60, metadata=client._metadata(()))
        until(lambda: is_stored(199), 20, "two portions are stored")
        call.cancel()
        gate.set()
        answer = DIRECT.call(METHOD + "ImportContacts", _rows(250, source=source), timeout=60)
        assert (answer.existing_count, answer.created_count) == (200, 50), (answer.existing_count, answer.created_count)
        assert is_stored(0) and is_stored(249)


def exports_that_break_off_free_what_they_held():
    for client in (DIRECT, GATEWAY):
        for _ in range(20):
            call = client.call(METHOD + "ExportContacts", timeout=60)
            next(call)
            call.cancel()
        assert sum(1 for _ in client.call(METHOD + "ExportContacts", filter=f'display_name = "{SOURCE} 12"', timeout=60)) > 0
    before = memory_mb(CONTACTS.process.pid)
    for _ in range(50):
        call = DIRECT.call(METHOD + "ExportContacts", timeout=60)
        next(call)
        call.cancel()
    assert _grown(before) < 16


if __name__ == "__main__":
    try:
        run(stories())
    finally:
        Service.end_all()
