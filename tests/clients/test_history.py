"""What happened with a customer: interactions, inquiries, and the timeline that shows both."""
import uuid

from office import Code, Office, ids, in_parallel, run, stories

OFFICE = Office("history")
ADMIN = OFFICE.admin


def submit(**fields):
    return ADMIN.SubmitInquiry(inquiry=fields)


def log(**fields):
    return ADMIN.LogInteraction(interaction=fields)


def subjects(entries):
    return [e.interaction.subject or e.inquiry.subject for e in entries]


# ---- the timeline ----


def a_timeline_is_newest_first_and_holds_inquiries_too():
    firm = ADMIN.CreateOrganization(organization={"name": "Historie s.r.o."})
    c = ADMIN.CreateContact(contact={"display_name": "Hana Dávná", "emails": [{"address": "hana@historie.example"}]})
    ADMIN.CreateAffiliation(affiliation={"contact_id": c.id, "organization_id": firm.id})
    for day in (3, 1, 2):
        log(contact_id=c.id, kind="KIND_CALL", subject=f"day {day}", occur_time=f"2026-01-0{day}T10:00:00Z")
    log(organization_id=firm.id, kind="KIND_VISIT", subject="visit", occur_time="2026-01-02T12:00:00Z")
    q = submit(channel="web", from_email="HANA@historie.example", subject="asks", receive_time="2026-01-02T11:00:00Z")
    assert q.contact_id == c.id and q.state == 1
    assert subjects(ADMIN.ListTimeline(contact_id=c.id).entries) == ["day 3", "asks", "day 2", "day 1"]
    # an organization's history includes its people's
    assert subjects(ADMIN.all("ListTimeline", "entries", page_size=2, organization_id=firm.id)) == ["day 3", "visit", "asks", "day 2", "day 1"]


def a_long_timeline_is_whole_over_its_pages():
    c = ADMIN.CreateContact(contact={"display_name": "Často Volaný"})
    for i in range(30):
        log(contact_id=c.id, kind="KIND_NOTE", subject=f"note {i}", occur_time=f"2026-01-01T00:00:{i:02d}Z")
    entries = ADMIN.all("ListTimeline", "entries", page_size=7, contact_id=c.id)
    times = [(e.time.seconds, e.time.nanos) for e in entries]
    assert len(set(ids(entries))) == len(entries) == 30 and times == sorted(times, reverse=True), times


def a_timeline_is_that_of_one_who_is_there():
    c = ADMIN.CreateContact(contact={"display_name": "X"})
    firm = ADMIN.CreateOrganization(organization={"name": "Y"})
    assert ADMIN.code("ListTimeline") == Code.INVALID_ARGUMENT
    assert ADMIN.code("ListTimeline", contact_id=c.id, organization_id=firm.id) == Code.INVALID_ARGUMENT
    assert ADMIN.code("ListTimeline", contact_id=str(uuid.uuid4())) == Code.NOT_FOUND


def a_message_of_a_channel_is_logged_once():
    c = ADMIN.CreateContact(contact={"display_name": "Dvakrát Volaný"})
    message = {"contact_id": c.id, "kind": "KIND_EMAIL", "channel": "mail", "channel_message_id": "<1@example.com>"}
    first = log(**message, subject="one")
    assert log(**message, subject="two") == first
    assert len(ADMIN.ListTimeline(contact_id=c.id).entries) == 1


# ---- inquiries ----


def an_inquiry_is_taken_in_once_and_makes_its_person():
    inquiry = {"channel": "web", "channel_message_id": str(uuid.uuid4()), "from_name": "Nová, Osoba", "from_phone": "604 000 111", "body": "Dobrý den\nmám zájem"}
    first = submit(**inquiry)
    assert submit(**inquiry) == first and ADMIN.GetInquiry(id=first.id) == first
    made = ADMIN.GetContact(id=first.contact_id)
    assert (made.name.given, made.name.family, made.phones[0].e164, made.source) == ("Osoba", "Nová", "+420604000111", "web")
    assert ids(ADMIN.ListInquiries(filter=f'contact_id = "{made.id}"').inquiries) == [first.id]
    assert ADMIN.code("SubmitInquiry", inquiry={"channel": "web", "subject": "who?"}) == Code.INVALID_ARGUMENT


def one_person_over_three_channels_is_one_contact():
    made = [submit(channel="web", from_name="Nový, Petr", from_email="petr.novy@example.com", from_phone="+420 777 111 222", subject="Kuchyně"),
            submit(channel="mail", from_email="Petr.Novy@EXAMPLE.com", body="Jak daleko jste?"),
            submit(channel="phone", from_phone="777111222", region="CZ")]
    assert len(set(ids(made))) == 3 and len({i.contact_id for i in made}) == 1, made
    assert ids(ADMIN.ListInquiries(filter=f'contact_id = "{made[0].contact_id}"').inquiries) == ids(made)


def twenty_inquiries_of_a_new_person_at_once_make_one_contact():
    made = in_parallel(20, lambda i: submit(channel="web", from_email="at.once@example.com", subject=str(i)))
    assert len({i.contact_id for i in made}) == 1 and len(set(ids(made))) == 20


def twenty_times_the_same_message_at_once_is_one_inquiry():
    made = in_parallel(20, lambda i: submit(channel="web", channel_message_id="m-2", from_email="once.more@example.com"))
    assert len(set(ids(made))) == 1


def an_answer_is_noted_on_every_open_inquiry():
    asked = [submit(channel="web", from_email="ptam.se@example.cz", subject=subject) for subject in ("Cena?", "A sleva?")]
    log(contact_id=asked[0].contact_id, kind="KIND_EMAIL", direction="DIRECTION_OUTBOUND")
    for q in asked:
        answered = ADMIN.GetInquiry(id=q.id)
        assert answered.state == 2 and answered.HasField("first_response_time"), answered


if __name__ == "__main__":
    run(stories())
