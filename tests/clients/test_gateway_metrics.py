"""What the gateway's metrics say of calls that it forwards."""
import os
import re
import sys
import time
import urllib.request
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import Code, Office, Person, run  # noqa: E402

ADMIN = Office("metrics").admin
GET = "/crm.contacts.v1.ContactsService/GetContact"


def count(name, **labels):
    with urllib.request.urlopen(f"http://{os.environ['GATEWAY_METRICS_ADDR']}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    wanted = ",".join(f'{key}="{value}"' for key, value in labels.items())
    found = re.search(rf"^{name}{{{re.escape(wanted)}}} (\d+)$", text, re.M)
    return int(found[1]) if found else 0


def grows_by(n, call, name, **labels):
    """The count follows the answer: it is waited for, and does not go further."""
    before, end = count(name, **labels), time.monotonic() + 10
    for _ in range(n):
        call()
    while count(name, **labels) < before + n:
        assert time.monotonic() < end, (name, labels, before, count(name, **labels))
        time.sleep(0.02)
    assert count(name, **labels) == before + n


def forwarded_calls_are_counted_by_method_and_code():
    contact = ADMIN.CreateContact(contact={"display_name": "Jana"})
    grows_by(3, lambda: ADMIN.GetContact(id=contact.id), "crm_calls_total", method=GET, code="OK")
    grows_by(2, lambda: ADMIN.error("GetContact", id=str(uuid.uuid4())), "crm_calls_total", method=GET, code="NOT_FOUND")
    grows_by(1, lambda: ADMIN.GetContact(id=contact.id), "crm_call_seconds_count", method=GET)


def streams_are_counted_when_they_end():
    grows_by(1, lambda: list(ADMIN.ExportContacts()), "crm_calls_total", method="/crm.contacts.v1.ContactsService/ExportContacts", code="OK")


def what_the_gateway_refuses_itself_is_counted():
    grows_by(2, lambda: Person().error("GetContact", id=str(uuid.uuid4())), "crm_calls_total", method=GET, code="UNAUTHENTICATED")


def methods_that_nobody_has_make_no_metrics():
    channel = ADMIN.client.channel

    def call():
        try:
            channel.unary_unary(f"/crm.contacts.v1.ContactsService/No{uuid.uuid4().hex}")(b"", metadata=(("authorization", "Bearer " + ADMIN.client.token),), timeout=10)
        except Exception as error:  # grpc's own, with the code
            assert error.code() == Code.UNIMPLEMENTED, error
    grows_by(3, call, "crm_calls_total", method="other", code="UNIMPLEMENTED")


if __name__ == "__main__":
    run([forwarded_calls_are_counted_by_method_and_code, streams_are_counted_when_they_end, what_the_gateway_refuses_itself_is_counted,
         methods_that_nobody_has_make_no_metrics])
