"""What users of the contacts service notice, told in small stories."""
import os
import sys
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import CRM, Code, Office, run  # noqa: E402

OFFICE = Office("contacts")
ADMIN = OFFICE.admin


def person(given, family, **fields):
    return ADMIN.CreateContact(contact={"name": {"given": given, "family": family}, **fields})


def names(answer):
    return [c.display_name for c in answer.contacts]


def ids(records):
    return [r.id for r in records]


# ---- contacts ----


def a_contact_is_filled_in_by_the_server():
    c = person("Jana", "Nováková", emails=[{"address": "jana@example.cz"}], phones=[{"number": "604 893 825"}])
    assert c.display_name == "Jana Nováková" and c.owner_id == c.creator_id == ADMIN.id
    assert c.emails[0].primary and c.phones[0].e164 == "+420604893825"
    assert c.revision == 1 and c.etag and c.create_time == c.update_time and not c.HasField("delete_time")
    assert ADMIN.GetContact(id=c.id) == c


def what_a_client_may_not_set_is_ignored():
    c = person("A", "B", creator_id=str(uuid.uuid4()), revision=7, create_time="2001-01-01T00:00:00Z")
    assert c.creator_id == ADMIN.id and c.revision == 1 and c.create_time.seconds > 1700000000


def somebody_without_a_trace_is_refused():
    code, fields = ADMIN.error("CreateContact", contact={"note": "nobody"})
    assert code == Code.INVALID_ARGUMENT and fields, fields


def a_phone_that_is_none_is_refused():
    code, fields = ADMIN.error("CreateContact", contact={"display_name": "x", "phones": [{"number": "+420604893825"}, {"number": "12"}]})
    assert (code, fields) == (Code.INVALID_ARGUMENT, ["contact.phones[1].number"]), (code, fields)


def only_the_fields_of_the_mask_change():
    c = person("Petr", "Starý", note="old", labels={"a": "1", "b": "2"}, language="cs")
    u = ADMIN.UpdateContact(contact={"id": c.id, "name": {"family": "Nový"}, "note": "new", "labels": {"c": "3"}}, update_mask="name.family,labels")
    assert (u.name.given, u.name.family, u.note, dict(u.labels), u.language) == ("Petr", "Nový", "old", {"c": "3"}, "cs"), u
    assert u.revision == 2 and u.etag != c.etag and u.create_time == c.create_time
    assert ADMIN.GetContact(id=c.id) == u


def without_a_mask_the_fields_that_are_set_change():
    c = person("Eva", "Malá", note="old", source="fair")
    u = ADMIN.UpdateContact(contact={"id": c.id, "note": "new"})
    assert (u.note, u.source, u.name.given) == ("new", "fair", "Eva")


def a_mask_can_clear():
    c = person("Eva", "Malá", note="old", birth_date="1990-02-03", emails=[{"address": "eva@example.cz"}])
    u = ADMIN.UpdateContact(contact={"id": c.id}, update_mask="note,birthDate,emails")
    assert (u.note, u.birth_date, len(u.emails)) == ("", "", 0)


def an_update_that_would_leave_nothing_to_know_somebody_by_is_refused():
    c = ADMIN.CreateContact(contact={"emails": [{"address": "only@example.cz"}]})
    assert c.display_name == "only@example.cz"
    assert ADMIN.error("UpdateContact", contact={"id": c.id}, update_mask="emails,displayName,name,phones")[0] == Code.INVALID_ARGUMENT


def a_mask_of_unknown_or_immutable_fields_is_refused():
    c = person("A", "B")
    for mask in ("nothing", "id", "createTime", "emails.address", "name.nothing"):
        code, fields = ADMIN.error("UpdateContact", contact={"id": c.id}, update_mask=mask)
        assert code == Code.INVALID_ARGUMENT and fields == ["update_mask"], (mask, code, fields)


def an_old_etag_is_refused():
    c = person("A", "B")
    ADMIN.UpdateContact(contact={"id": c.id, "note": "1", "etag": c.etag})
    assert ADMIN.error("UpdateContact", contact={"id": c.id, "note": "2", "etag": c.etag})[0] == Code.ABORTED
    assert ADMIN.error("DeleteContact", id=c.id, etag=c.etag)[0] == Code.ABORTED


def what_is_deleted_is_hidden_and_can_come_back():
    c = person("Dočasný", "Člověk", labels={"run": "deleted"})
    d = ADMIN.DeleteContact(id=c.id)
    assert d.HasField("delete_time") and d.revision == 2
    assert ADMIN.error("UpdateContact", contact={"id": c.id, "note": "x"})[0] in (Code.NOT_FOUND, Code.FAILED_PRECONDITION)
    listed = 'labels.run = "deleted"'
    assert not ADMIN.ListContacts(filter=listed).contacts
    assert ids(ADMIN.ListContacts(filter=listed, show_deleted=True).contacts) == [c.id]
    assert c.id not in [r.contact.id for r in ADMIN.SearchContacts(query="Dočasný Člověk").results]
    u = ADMIN.UndeleteContact(id=c.id)
    assert not u.HasField("delete_time") and u.revision == 3
    assert ids(ADMIN.ListContacts(filter=listed).contacts) == [c.id]
    assert ADMIN.error("UndeleteContact", id=c.id)[0] == Code.FAILED_PRECONDITION


# ---- lists ----


def pages_hold_everybody_once_in_order():
    made = [person(f"P{n % 3}", f"Strana{n:02}", labels={"run": "pages"}).id for n in range(23)]
    for order in ("", "display_name", "display_name desc", "create_time desc", "update_time, display_name"):
        seen, token = [], ""
        while True:
            page = ADMIN.ListContacts(filter='labels.run = "pages"', order_by=order, page_size=5, page_token=token)
            assert len(page.contacts) <= 5
            seen += page.contacts
            token = page.next_page_token
            if not token:
                break
        assert sorted(ids(seen)) == sorted(made), order
        if order.startswith("display_name"):
            shown = [c.display_name for c in seen]
            assert shown == sorted(shown, reverse="desc" in order), order
        if order in ("", "create_time desc"):
            assert ids(seen) == (made if not order else made[::-1]), order


def a_page_token_is_for_one_question():
    token = ADMIN.ListContacts(filter='labels.run = "pages"', page_size=5).next_page_token
    for change in ({"filter": ""}, {"filter": 'labels.run = "pages"', "order_by": "display_name"}, {"filter": 'labels.run = "pages"', "show_deleted": True}):
        code, fields = ADMIN.error("ListContacts", page_size=5, page_token=token, **change)
        assert (code, fields) == (Code.INVALID_ARGUMENT, ["page_token"]), (change, code, fields)
    other = Office("stranger")
    assert other.admin.error("ListContacts", filter='labels.run = "pages"', page_size=5, page_token=token)[0] == Code.INVALID_ARGUMENT
    assert ADMIN.error("ListContacts", page_token="x" + token)[0] == Code.INVALID_ARGUMENT


def filters_find_what_they_say():
    a = person("Adéla", "Filtrová", language="cs", source="web", birth_date="1990-05-01", labels={"run": "filter", "tier": "gold"},
               emails=[{"address": "Adela@Example.cz"}], phones=[{"number": "+420 604 893 826"}])
    b = person("Bohdan", "Filtr", language="uk", source="fair", labels={"run": "filter"})
    cases = {
        'language = "cs"': [a], 'language != "cs"': [b], 'source = "web" OR source = "fair"': [a, b], 'NOT source = "web"': [b],
        'display_name = "Bohdan*"': [b], 'name.given = "Adéla"': [a], 'name.family = "Filtr"': [b], 'labels.tier = "gold"': [a], 'labels:tier': [a],
        '-labels:tier': [b], 'emails.address = "Adela@Example.cz"': [a], 'phones.e164 = "+420604893826"': [a],
        'birth_date >= "1990-01-01" AND birth_date < "1991-01-01"': [a], f'owner_id = "{ADMIN.id}"': [a, b],
        f'creator_id = "{uuid.uuid4()}"': [], 'create_time > "2020-01-01T00:00:00Z" (language = "uk" OR language = "sk")': [b],
    }
    for text, expected in cases.items():
        found = ids(ADMIN.ListContacts(filter=f'labels.run = "filter" AND ({text})').contacts)
        assert found == ids(expected), (text, found)


def a_filter_that_is_none_is_refused():
    for text in ("language =", 'note = "x"', "((", "create_time > yesterday", 'language = "cs" AND', '"' * 3, "(" * 500):
        code, fields = ADMIN.error("ListContacts", filter=text)
        assert (code, fields) == (Code.INVALID_ARGUMENT, ["filter"]), (text, code, fields)
    # words without a field are looked for as text, whatever they spell
    ADMIN.ListContacts(filter="id; DROP TABLE contact")
    for text in ("note", "display_name up", "display_name,,", "create_time; --"):
        code, fields = ADMIN.error("ListContacts", order_by=text)
        assert (code, fields) == (Code.INVALID_ARGUMENT, ["order_by"]), (text, code, fields)


# ---- search ----


def search_finds_people_as_people_ask():
    people = {
        "stepan": person("Štěpán", "Říčař", phones=[{"number": "+420 773 111 222"}], emails=[{"address": "stepan.ricar@mlyn.example"}]),
        "oksana": person("Оксана", "Шевченко", phones=[{"number": "+380 50 123 45 67"}]),
        "wolf": person("Wolfgang", "Größmann"),
        "zofia": person("Zofia", "Łąkowska"),
    }
    cases = {
        "stepan ricar": "stepan", "ŠTĚPÁN": "stepan", "ricar stepan": "stepan", "Ričař": "stepan", "773 111 222": "stepan", "+420773111222": "stepan",
        "ricar@mlyn": "stepan", "STEPAN.RICAR@mlyn.example": "stepan", "шевченко": "oksana", "+380501234567": "oksana", "grossmann": "wolf",
        "Groessmann": "wolf", "lakowska": "zofia", "Zofja Lakowska": "zofia",
    }
    missed = []
    for query, key in cases.items():
        found = [r.contact.id for r in ADMIN.SearchContacts(query=query).results]
        if people[key].id not in found[:3]:
            missed.append(query)
    assert not missed, missed
    best = ADMIN.SearchContacts(query="+420 773 111 222").results[0]
    assert (best.contact.id, best.score) == (people["stepan"].id, 1000)
    assert [r.contact.id for r in ADMIN.SearchContacts(query="050 123 45 67", region="UA").results][:1] == [people["oksana"].id]


def search_takes_odd_text_as_it_is():
    for query in ("%%", "__", "\\\\", "'; --", "a" * 200, "()&|!:*", "😀😀"):
        ADMIN.SearchContacts(query=query)
    for query in ("", " ", "a", "  x "):
        assert ADMIN.error("SearchContacts", query=query) == (Code.INVALID_ARGUMENT, ["query"]), query


# ---- batches ----


def a_batch_is_all_or_nothing():
    good = {"contact": {"display_name": "Dávka", "labels": {"run": "batch"}}}
    code, fields = ADMIN.error("BatchCreateContacts", requests=[good, {"contact": {"emails": [{"address": "x"}]}}])
    assert code == Code.INVALID_ARGUMENT and fields[0].startswith("requests[1].contact.emails[0]"), fields
    assert not ADMIN.ListContacts(filter='labels.run = "batch"').contacts
    made = ADMIN.BatchCreateContacts(requests=[good] * 3).contacts
    assert len(set(ids(made))) == 3
    assert ADMIN.BatchGetContacts(ids=ids(made)[::-1]).contacts[:] == made[::-1]
    updates = [{"contact": {"id": c.id, "note": f"n{n}"}} for n, c in enumerate(made)]
    missing = {"contact": {"id": str(uuid.uuid4()), "note": "x"}}
    assert ADMIN.error("BatchUpdateContacts", requests=updates + [missing])[0] == Code.NOT_FOUND
    assert [c.note for c in ADMIN.BatchGetContacts(ids=ids(made)).contacts] == ["", "", ""]
    assert [c.note for c in ADMIN.BatchUpdateContacts(requests=updates).contacts] == ["n0", "n1", "n2"]
    assert ADMIN.error("BatchGetContacts", ids=[made[0].id, missing["contact"]["id"]])[0] == Code.NOT_FOUND
    stale = [{"id": made[0].id}, {"id": made[1].id, "etag": made[1].etag}]
    assert ADMIN.error("BatchDeleteContacts", requests=stale)[0] == Code.ABORTED
    assert len(ADMIN.ListContacts(filter='labels.run = "batch"').contacts) == 3
    assert len(ADMIN.BatchDeleteContacts(requests=[{"id": c.id} for c in made]).contacts) == 3
    assert not ADMIN.ListContacts(filter='labels.run = "batch"').contacts


# ---- organizations ----


def organizations_are_a_tree_without_circles():
    top = ADMIN.CreateOrganization(organization={"name": "Koncern a.s."})
    middle = ADMIN.CreateOrganization(organization={"name": "Závod s.r.o.", "parent_id": top.id})
    leaf = ADMIN.CreateOrganization(organization={"name": "Dílna", "parent_id": middle.id})
    for child, parent in ((top, leaf), (top, middle), (top, top)):
        assert ADMIN.error("UpdateOrganization", organization={"id": child.id, "parent_id": parent.id})[0] == Code.FAILED_PRECONDITION
    assert ids(ADMIN.ListOrganizations(filter=f'parent_id = "{top.id}"').organizations) == [middle.id]
    assert ADMIN.error("CreateOrganization", organization={"name": "x", "parent_id": str(uuid.uuid4())})[0] in (Code.NOT_FOUND, Code.INVALID_ARGUMENT)
    assert ADMIN.UpdateOrganization(organization={"id": leaf.id}, update_mask="parentId").parent_id == ""


def people_belong_to_organizations():
    org = ADMIN.CreateOrganization(organization={"name": "Mlýn Horka"})
    other = ADMIN.CreateOrganization(organization={"name": "Pila Dolní"})
    c = person("Karel", "Mlynář")
    a = ADMIN.CreateAffiliation(affiliation={"contact_id": c.id, "organization_id": org.id, "title": "mlynář", "primary": True})
    assert ADMIN.error("CreateAffiliation", affiliation={"contact_id": c.id, "organization_id": org.id})[0] == Code.ALREADY_EXISTS
    assert ADMIN.error("CreateAffiliation", affiliation={"contact_id": c.id, "organization_id": other.id, "primary": True})[0] == Code.ALREADY_EXISTS
    assert ADMIN.error("CreateAffiliation", affiliation={"contact_id": str(uuid.uuid4()), "organization_id": org.id})[0] == Code.NOT_FOUND
    assert ids(ADMIN.ListAffiliations(filter=f'contact_id = "{c.id}"').affiliations) == [a.id]
    assert ADMIN.UpdateAffiliation(affiliation={"id": a.id, "title": "mistr"}).title == "mistr"
    ADMIN.DeleteAffiliation(id=a.id)
    assert ADMIN.error("GetAffiliation", id=a.id)[0] == Code.NOT_FOUND


# ---- history ----


def a_timeline_is_newest_first_and_holds_inquiries_too():
    org = ADMIN.CreateOrganization(organization={"name": "Historie s.r.o."})
    c = person("Hana", "Dávná", emails=[{"address": "hana@historie.example"}])
    ADMIN.CreateAffiliation(affiliation={"contact_id": c.id, "organization_id": org.id})
    for day in (3, 1, 2):
        ADMIN.LogInteraction(interaction={"contact_id": c.id, "kind": "KIND_CALL", "subject": f"day {day}", "occur_time": f"2026-01-0{day}T10:00:00Z"})
    ADMIN.LogInteraction(interaction={"organization_id": org.id, "kind": "KIND_VISIT", "subject": "visit", "occur_time": "2026-01-02T12:00:00Z"})
    q = ADMIN.SubmitInquiry(inquiry={"channel": "web", "from_email": "HANA@historie.example", "subject": "asks", "receive_time": "2026-01-02T11:00:00Z"})
    assert q.contact_id == c.id and q.state == 1
    shown = [(e.interaction.subject or e.inquiry.subject) for e in ADMIN.ListTimeline(contact_id=c.id).entries]
    assert shown == ["day 3", "asks", "day 2", "day 1"], shown
    shown, token = [], ""
    while True:
        page = ADMIN.ListTimeline(organization_id=org.id, page_size=2, page_token=token)
        shown += [(e.interaction.subject or e.inquiry.subject) for e in page.entries]
        token = page.next_page_token
        if not token:
            break
    assert shown == ["day 3", "visit", "asks", "day 2", "day 1"], shown
    assert ADMIN.error("ListTimeline")[0] == Code.INVALID_ARGUMENT
    assert ADMIN.error("ListTimeline", contact_id=c.id, organization_id=org.id)[0] == Code.INVALID_ARGUMENT
    assert ADMIN.error("ListTimeline", contact_id=str(uuid.uuid4()))[0] == Code.NOT_FOUND


def a_message_of_a_channel_is_logged_once():
    c = person("Dvakrát", "Volaný")
    fields = {"contact_id": c.id, "kind": "KIND_EMAIL", "channel": "mail", "channel_message_id": str(uuid.uuid4())}
    first = ADMIN.LogInteraction(interaction={**fields, "subject": "one"})
    assert ADMIN.LogInteraction(interaction={**fields, "subject": "two"}) == first
    assert len(ADMIN.ListTimeline(contact_id=c.id).entries) == 1


def an_inquiry_is_taken_in_once_and_makes_its_person():
    message = str(uuid.uuid4())
    inquiry = {"channel": "web", "channel_message_id": message, "from_name": "Nová, Osoba", "from_phone": "604 000 111", "body": "Dobrý den\nmám zájem"}
    first = ADMIN.SubmitInquiry(inquiry=inquiry)
    assert ADMIN.SubmitInquiry(inquiry=inquiry) == first and ADMIN.GetInquiry(id=first.id) == first
    made = ADMIN.GetContact(id=first.contact_id)
    assert (made.name.given, made.name.family, made.phones[0].e164) == ("Osoba", "Nová", "+420604000111")
    again = ADMIN.SubmitInquiry(inquiry={"channel": "phone", "from_phone": "+420604000111"})
    assert again.contact_id == first.contact_id and again.id != first.id
    assert ids(ADMIN.ListInquiries(filter=f'contact_id = "{made.id}"').inquiries) == [first.id, again.id]
    assert ADMIN.error("SubmitInquiry", inquiry={"channel": "web", "subject": "who?"})[0] == Code.INVALID_ARGUMENT


def an_answer_is_noted_on_the_inquiry():
    q = ADMIN.SubmitInquiry(inquiry={"channel": "web", "from_email": "ptam.se@example.cz", "subject": "Cena?"})
    ADMIN.LogInteraction(interaction={"contact_id": q.contact_id, "kind": "KIND_EMAIL", "direction": "DIRECTION_OUTBOUND"})
    answered = ADMIN.GetInquiry(id=q.id)
    assert answered.state == 2 and answered.HasField("first_response_time"), answered


# ---- import and export ----


def rows(*list_of_rows):
    for row in list_of_rows:
        yield CRM.new("crm.contacts.v1.ImportContactsRequest", **row)


def an_import_gives_a_verdict_on_each_row():
    source = f"old-{uuid.uuid4()}"
    answer = ADMIN.ImportContacts(rows(
        {"source": source, "key": "o1", "organization": {"name": "Import s.r.o."}},
        {"key": "c1", "contact": {"display_name": "První"}, "organization_key": "o1", "title": "ředitel"},
        {"key": "c2", "contact": {"emails": [{"address": "not an address"}]}},
        {"key": "c3", "contact": {"phones": [{"number": "1"}]}},
        {"key": "c4"},
        {"key": "c5", "contact": {"display_name": "Pátý"}, "organization_key": "nowhere"},
        {"key": "c1", "contact": {"display_name": "Dvakrát"}},
        {"key": "c6", "contact": {"display_name": "Šestý"}}))
    verdicts = {v.row: (v.key, v.outcome, v.field) for v in answer.verdicts}
    assert [v.row for v in answer.verdicts] == list(range(1, 9))
    assert verdicts[1][1] == verdicts[2][1] == verdicts[8][1] == 1, verdicts
    assert verdicts[3][1:] == (3, "contact.emails[0].address") and verdicts[4][1:] == (3, "contact.phones[0].number"), verdicts
    assert verdicts[5][1] == 3 and verdicts[6][1:] == (3, "organization_key"), verdicts
    assert verdicts[7][1] == 2 and answer.verdicts[6].id == answer.verdicts[1].id, verdicts
    assert (answer.created_count, answer.existing_count, answer.invalid_count) == (3, 1, 4)
    linked = ADMIN.ListAffiliations(filter=f'contact_id = "{answer.verdicts[1].id}"').affiliations
    assert [(a.organization_id, a.title) for a in linked] == [(answer.verdicts[0].id, "ředitel")]
    again = ADMIN.ImportContacts(rows({"source": source, "key": "c6", "contact": {"display_name": "Šestý"}}))
    assert (again.existing_count, again.verdicts[0].id) == (1, answer.verdicts[7].id)


def an_import_without_a_source_is_refused():
    assert ADMIN.error("ImportContacts", request=rows({"key": "c1", "contact": {"display_name": "x"}}))[0] == Code.INVALID_ARGUMENT


def a_large_import_and_its_export_hold_everybody():
    source, n = f"large-{uuid.uuid4()}", 3000
    answer = ADMIN.ImportContacts(rows(*[{"source": source, "key": str(i), "contact": {"display_name": f"Velký {i}", "labels": {"run": source}}} for i in range(n)]))
    assert answer.created_count == n and len(answer.verdicts) == n
    exported = [c.id for c in ADMIN.ExportContacts(filter=f'labels.run = "{source}"')]
    assert sorted(exported) == sorted(v.id for v in answer.verdicts)


# ---- who may see what ----


def records_are_seen_by_owner_and_team_as_the_level_says():
    region = OFFICE.team("region")
    shop, other = OFFICE.team("shop", region), OFFICE.team("other", region)
    every = {f"contacts.contacts.{verb}": None for verb in ("read", "create", "update", "delete", "export")}
    people = {
        "own": OFFICE.person("own", dict.fromkeys(every, "LEVEL_OWN"), shop), "team": OFFICE.person("team", dict.fromkeys(every, "LEVEL_TEAM"), shop),
        "subtree": OFFICE.person("subtree", dict.fromkeys(every, "LEVEL_SUBTREE"), region), "all": OFFICE.person("all", dict.fromkeys(every, "LEVEL_ALL")),
        "elsewhere": OFFICE.person("elsewhere", dict.fromkeys(every, "LEVEL_TEAM"), other),
    }
    run_label = uuid.uuid4().hex
    made = {}
    for name, someone in people.items():
        made[name] = someone.CreateContact(contact={"display_name": f"Viditelný {name} {run_label}", "labels": {"run": run_label}})
    seen_by = {"own": {"own"}, "team": {"own", "team"}, "subtree": {"own", "team", "elsewhere", "subtree"}, "all": set(people), "elsewhere": {"elsewhere"}}
    for name, someone in people.items():
        expected = {made[n].id for n in seen_by[name]}
        assert set(ids(someone.ListContacts(filter=f'labels.run = "{run_label}"').contacts)) == expected, name
        assert {c.id for c in someone.ExportContacts(filter=f'labels.run = "{run_label}"')} == expected, name
        found = {r.contact.id for r in someone.SearchContacts(query=f"Viditelný {run_label}").results}
        assert expected <= found and not found & {m.id for n, m in made.items() if m.id not in expected}, name
        for n, m in made.items():
            if m.id in expected:
                assert someone.GetContact(id=m.id).id == m.id
                someone.UpdateContact(contact={"id": m.id, "note": name})
            else:
                assert someone.error("GetContact", id=m.id)[0] == Code.NOT_FOUND, (name, n)
                assert someone.error("UpdateContact", contact={"id": m.id, "note": name})[0] == Code.NOT_FOUND, (name, n)
                assert someone.error("DeleteContact", id=m.id)[0] == Code.NOT_FOUND, (name, n)
                assert someone.error("BatchGetContacts", ids=[m.id])[0] == Code.NOT_FOUND, (name, n)
    assert made["own"].team_id == shop


if __name__ == "__main__":
    run([f for name, f in list(globals().items()) if callable(f) and getattr(f, "__module__", "") == "__main__" and "_" in name])
