"""Contacts as their users know them, told in small stories: what the server makes of one, changes, deletion, batches. Lists and search have their own test."""
import uuid

from office import CRM, Code, Office, ids, in_parallel, run, stories

OFFICE = Office("contacts")
ADMIN = OFFICE.admin


def person(given, family, **fields):
    return ADMIN.CreateContact(contact={"name": {"given": given, "family": family}, **fields})


# ---- what the server makes of a contact ----


def a_contact_is_filled_in_by_the_server():
    c = person("Jana", "Nováková", emails=[{"address": "jana@example.cz"}], phones=[{"number": "604 893 825"}])
    assert c.display_name == "Jana Nováková" and c.owner_id == c.creator_id == ADMIN.id
    assert c.emails[0].primary and c.phones[0].e164 == "+420604893825"
    assert c.revision == 1 and c.etag and c.create_time == c.update_time and not c.HasField("delete_time")
    assert ADMIN.GetContact(id=c.id) == c


def a_display_name_is_made_from_the_name():
    c = ADMIN.CreateContact(contact={"name": {"prefix": "Ing.", "given": "Jana", "family": "Nováková"}})
    assert c.display_name == "Ing. Jana Nováková"
    assert ADMIN.CreateContact(contact={"emails": [{"address": "only@example.cz"}]}).display_name == "only@example.cz"


def numbers_are_in_e164_and_one_is_primary():
    c = person("Jana", "Nováková", phones=[{"number": "604 893 825", "region": "CZ"}, {"number": "+380 44 279 1234", "primary": True}])
    assert [(p.e164, p.primary) for p in c.phones] == [("+420604893825", False), ("+380442791234", True)]


def what_a_client_may_not_set_is_ignored():
    c = person("A", "B", creator_id=str(uuid.uuid4()), revision=7, create_time="2001-01-01T00:00:00Z")
    assert c.creator_id == ADMIN.id and c.revision == 1 and c.create_time.seconds > 1700000000


def what_is_wrong_with_a_contact_is_named():
    two_primary = [{"address": "a@example.com", "primary": True}, {"address": "b@example.com", "primary": True}]
    cases = {
        "contact.name": {"note": "nobody"},
        "contact.phones[1].number": {"display_name": "x", "phones": [{"number": "+420604893825"}, {"number": "12"}]},
        "contact.emails[1].primary": {"emails": two_primary},
        "contact.language": {"display_name": "X", "language": "Czech!"},
        "contact.birth_date": {"display_name": "X", "birth_date": "2026-02-30"},
        "contact.addresses[0].country": {"display_name": "X", "addresses": [{"country": "Czechia"}]},
    }
    for field, fields in cases.items():
        assert ADMIN.error("CreateContact", contact=fields) == (Code.INVALID_ARGUMENT, [field]), field


# ---- changes ----


def only_the_fields_of_the_mask_change():
    c = person("Petr", "Starý", note="old", labels={"a": "1", "b": "2"}, language="cs")
    u = ADMIN.UpdateContact(contact={"id": c.id, "etag": c.etag, "name": {"family": "Nový"}, "note": "new", "labels": {"c": "3"}}, update_mask="name.family,labels")
    assert (u.name.given, u.name.family, u.note, dict(u.labels), u.language) == ("Petr", "Nový", "old", {"c": "3"}, "cs"), u
    assert u.display_name == "Petr Nový"  # one that the server made follows the name
    assert u.revision == 2 and u.etag != c.etag and u.create_time == c.create_time
    assert ADMIN.GetContact(id=c.id) == u


def without_a_mask_the_fields_that_are_set_change():
    c = person("Eva", "Malá", note="old", source="fair")
    u = ADMIN.UpdateContact(contact={"id": c.id, "note": "new"})
    assert (u.note, u.source, u.name.given) == ("new", "fair", "Eva")
    assert ADMIN.UpdateContact(contact={"id": c.id, "display_name": "Eva M."}).display_name == "Eva M."


def a_mask_can_clear():
    c = person("Eva", "Malá", note="old", birth_date="1990-02-03", emails=[{"address": "eva@example.cz"}])
    u = ADMIN.UpdateContact(contact={"id": c.id}, update_mask="note,birthDate,emails")
    assert (u.note, u.birth_date, len(u.emails)) == ("", "", 0)


def an_update_that_would_leave_nothing_to_know_somebody_by_is_refused():
    c = ADMIN.CreateContact(contact={"emails": [{"address": "only@example.cz"}]})
    assert ADMIN.code("UpdateContact", contact={"id": c.id}, update_mask="emails,displayName,name,phones") == Code.INVALID_ARGUMENT


def a_mask_of_unknown_or_immutable_fields_is_refused():
    c = person("A", "B")
    for mask in ("nothing", "id", "createTime", "emails.address", "name.nothing"):
        assert ADMIN.error("UpdateContact", contact={"id": c.id}, update_mask=mask) == (Code.INVALID_ARGUMENT, ["update_mask"]), mask


def an_old_etag_is_refused():
    c = person("A", "B")
    ADMIN.UpdateContact(contact={"id": c.id, "note": "1", "etag": c.etag})
    e = ADMIN.failure("UpdateContact", contact={"id": c.id, "note": "2", "etag": c.etag})
    assert e.code() == Code.ABORTED and CRM.details(e)["ErrorInfo"].reason == "ETAG_MISMATCH", e
    assert ADMIN.code("DeleteContact", id=c.id, etag=c.etag) == Code.ABORTED


def of_twenty_writers_at_once_each_success_is_one_revision():
    c = person("A", "B")
    codes = in_parallel(20, lambda i: ADMIN.code("UpdateContact", contact={"id": c.id, "labels": {"writer": str(i)}}, update_mask="labels"))
    assert set(codes) <= {Code.OK, Code.ABORTED} and codes.count(Code.OK) >= 5, codes
    assert ADMIN.GetContact(id=c.id).revision == c.revision + codes.count(Code.OK)


def of_ten_with_one_etag_exactly_one_wins():
    c = person("A", "B")
    codes = in_parallel(10, lambda i: ADMIN.code("UpdateContact", contact={"id": c.id, "etag": c.etag, "note": str(i)}, update_mask="note"))
    assert (codes.count(Code.OK), codes.count(Code.ABORTED)) == (1, 9), codes


def twenty_times_at_once_with_one_request_id_make_one_contact():
    request_id = str(uuid.uuid4())
    made = in_parallel(20, lambda i: ADMIN.CreateContact(contact={"display_name": "Once"}, request_id=request_id).id)
    assert ids(ADMIN.all("ListContacts", "contacts", filter='display_name = "Once"')) == [made[0]] and set(made) == {made[0]}, made


# ---- deletion ----


def what_is_deleted_is_hidden_and_can_come_back():
    c = person("Dočasný", "Člověk", labels={"run": "deleted"})
    d = ADMIN.DeleteContact(id=c.id)
    assert d.HasField("delete_time") and d.revision == 2
    assert ADMIN.GetContact(id=c.id) == d  # by its id it can be seen, as AIP-164 wants
    assert ADMIN.code("BatchGetContacts", ids=[c.id]) == Code.NOT_FOUND
    assert ADMIN.code("UpdateContact", contact={"id": c.id, "note": "x"}) == Code.NOT_FOUND
    assert ADMIN.code("DeleteContact", id=c.id) == Code.NOT_FOUND
    listed = 'labels.run = "deleted"'
    assert not ADMIN.ListContacts(filter=listed).contacts
    assert ids(ADMIN.ListContacts(filter=listed, show_deleted=True).contacts) == [c.id]
    assert c.id not in [r.contact.id for r in ADMIN.SearchContacts(query="Dočasný Člověk").results]
    u = ADMIN.UndeleteContact(id=c.id)
    assert not u.HasField("delete_time") and u.revision == 3
    assert ids(ADMIN.ListContacts(filter=listed).contacts) == [c.id]
    assert ADMIN.code("UndeleteContact", id=c.id) == Code.FAILED_PRECONDITION


# ---- batches ----


def a_batch_is_made_and_read_in_the_order_asked():
    made = ADMIN.BatchCreateContacts(requests=[{"contact": {"display_name": f"Batch {i}"}} for i in range(100)]).contacts
    assert [c.display_name for c in made] == [f"Batch {i}" for i in range(100)] and len(set(ids(made))) == 100
    assert ADMIN.BatchGetContacts(ids=ids(made)[::-1]).contacts[:] == made[::-1]


def a_batch_is_all_or_nothing():
    good = {"contact": {"display_name": "Dávka", "labels": {"run": "batch"}}}
    listed = 'labels.run = "batch"'
    code, fields = ADMIN.error("BatchCreateContacts", requests=[good, {"contact": {"emails": [{"address": "x"}]}}])
    assert code == Code.INVALID_ARGUMENT and fields[0].startswith("requests[1].contact.emails[0]"), fields
    assert ADMIN.error("BatchCreateContacts", requests=[good, {"contact": {"note": "nobody"}}]) == (Code.INVALID_ARGUMENT, ["requests[1].contact.name"])
    assert not ADMIN.ListContacts(filter=listed).contacts
    made = ADMIN.BatchCreateContacts(requests=[good] * 3).contacts
    updates = [{"contact": {"id": c.id, "note": f"n{n}"}} for n, c in enumerate(made)]
    missing = {"contact": {"id": str(uuid.uuid4()), "note": "x"}}
    assert ADMIN.code("BatchUpdateContacts", requests=updates + [missing]) == Code.NOT_FOUND
    assert [c.note for c in ADMIN.BatchGetContacts(ids=ids(made)).contacts] == ["", "", ""]
    assert [c.note for c in ADMIN.BatchUpdateContacts(requests=updates).contacts] == ["n0", "n1", "n2"]
    stale = [{"id": made[0].id}, {"id": made[1].id, "etag": made[1].etag}]
    assert ADMIN.code("BatchDeleteContacts", requests=stale) == Code.ABORTED
    assert len(ADMIN.ListContacts(filter=listed).contacts) == 3
    assert len(ADMIN.BatchDeleteContacts(requests=[{"id": c.id} for c in made]).contacts) == 3
    assert not ADMIN.ListContacts(filter=listed).contacts


def a_batch_names_what_is_missing_and_takes_nobody_twice():
    c, missing = person("A", "B"), str(uuid.uuid4())
    e = ADMIN.failure("BatchGetContacts", ids=[c.id, missing])
    assert e.code() == Code.NOT_FOUND and missing in e.details(), e
    assert ADMIN.code("BatchUpdateContacts", requests=[{"contact": {"id": c.id, "note": "x"}, "update_mask": "note"}] * 2) == Code.INVALID_ARGUMENT
    assert ADMIN.code("BatchCreateContacts", requests=[{"contact": {"display_name": "x"}}] * 101) == Code.INVALID_ARGUMENT


if __name__ == "__main__":
    run(stories())
