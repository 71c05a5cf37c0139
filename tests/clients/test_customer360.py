"""The view of one customer: sections side by side, each with its own fate."""
import os
import signal
import subprocess
import time
import uuid

from faults import pid_of
from office import CRM, Code, Office, run, stories

OFFICE = Office("view")
ADMIN = OFFICE.admin
CONTACT = ADMIN.CreateContact(contact={"display_name": "Zákazník"})
ORGANIZATION = ADMIN.CreateOrganization(organization={"name": "Mlýn s.r.o."})
ADMIN.CreateAffiliation(affiliation={"contact_id": CONTACT.id, "organization_id": ORGANIZATION.id, "title": "mlynář"})
ADMIN.LogInteraction(interaction={"contact_id": CONTACT.id, "kind": "KIND_CALL", "direction": "DIRECTION_INBOUND", "subject": "Poptávka"})


def stack(*command):
    subprocess.run(["tools/stack", *command], check=True, stdout=subprocess.DEVNULL)


def states(view):
    names = CRM.pool.FindEnumTypeByName("crm.gateway.v1.Section.State").values_by_number
    return {s.name: names[s.state].name for s in view.sections}


def the_view_has_all_sides():
    view = ADMIN.GetCustomer360(contact_id=CONTACT.id)
    assert set(states(view).values()) == {"STATE_OK"}, states(view)
    assert view.contact.id == CONTACT.id and view.owner.id == ADMIN.id
    assert [a.title for a in view.affiliations] == ["mlynář"] and [e.interaction.subject for e in view.timeline] == ["Poptávka"]


def who_is_not_there_is_not_found():
    assert ADMIN.error("GetCustomer360", contact_id=str(uuid.uuid4())) == (Code.NOT_FOUND, ["contact_id"])
    assert Office("stranger").admin.error("GetCustomer360", contact_id=CONTACT.id) == (Code.NOT_FOUND, ["contact_id"])


def a_side_that_the_caller_may_not_see_is_denied_alone():
    clerk = OFFICE.person("clerk", {"contacts.contacts.read": "LEVEL_ALL"})
    view = clerk.GetCustomer360(contact_id=CONTACT.id)
    assert states(view) == {"contact": "STATE_OK", "affiliations": "STATE_DENIED", "timeline": "STATE_DENIED", "owner": "STATE_DENIED"}, states(view)
    assert view.contact.id == CONTACT.id and not view.affiliations and not view.timeline and not view.HasField("owner")


def sides_of_a_service_that_is_down_are_unreachable_and_give_no_address_away():
    stack("stop", "contacts")
    try:
        begun = time.monotonic()
        view = ADMIN.GetCustomer360(contact_id=CONTACT.id)
        assert time.monotonic() - begun < 8
        assert set(states(view).values()) == {"STATE_UNREACHABLE"}, states(view)
        said = " ".join(s.message for s in view.sections)
        assert all(s.message for s in view.sections) and "127.0.0.1" not in said and "ipv4" not in said, said
    finally:
        stack("start", "contacts")


def what_does_not_need_the_service_that_is_down_is_there():
    stack("stop", "identity")
    try:
        view = ADMIN.GetCustomer360(contact_id=CONTACT.id)
        assert states(view) == {"contact": "STATE_OK", "affiliations": "STATE_OK", "timeline": "STATE_OK", "owner": "STATE_UNREACHABLE"}, states(view)
    finally:
        stack("start", "identity")


def a_service_that_hangs_does_not_keep_the_caller_beyond_the_deadline():
    for name, expected in (("identity", {"STATE_OK", "STATE_UNREACHABLE"}), ("contacts", {"STATE_UNREACHABLE"})):
        os.kill(pid_of(name), signal.SIGSTOP)
        try:
            for timeout, patience in ((2, 2), (None, 8)):
                begun = time.monotonic()
                view = ADMIN.GetCustomer360(contact_id=CONTACT.id, timeout=timeout)
                assert time.monotonic() - begun < patience and set(states(view).values()) == expected, (name, timeout, time.monotonic() - begun, states(view))
        finally:
            os.kill(pid_of(name), signal.SIGCONT)


if __name__ == "__main__":
    run(stories())
