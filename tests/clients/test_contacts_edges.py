"""The contacts service as its users know it: lists, filters, masks, etags, batches, search, history, inquiries, import and export."""
import threading
import uuid

from crmpb import error_of
from tenant import CRM, Code, Tenant, code_of, finish, report

C = "ContactsService/"
t = Tenant("contacts")
me = t.admin


def contact(name, **more):
    return me.call(C + "CreateContact", contact=dict(display_name=name, **more))


def in_parallel(n, work):
    """The outcomes of work(0..n-1), run at once."""
    results, gate = [None] * n, threading.Barrier(n)

    def one(i):
        gate.wait()
        results[i] = work(i)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
    return results


# ---- what the server makes of a contact ----
jana = me.call(C + "CreateContact", contact={"name": {"prefix": "Ing.", "given": "Jana", "family": "Nováková"}, "emails": [{"address": "Jana.Novakova@Example.com"}],
                                             "phones": [{"number": "604 893 825", "region": "CZ"}, {"number": "+380 44 279 1234", "primary": True}], "labels": {"segment": "retail"}})
report(jana.display_name == "Ing. Jana Nováková", "the display name is made from the name", jana.display_name)
report([p.e164 for p in jana.phones] == ["+420604893825", "+380442791234"] and [p.primary for p in jana.phones] == [False, True], "numbers are in E.164, one is primary", jana.phones)
report(jana.emails[0].primary and jana.owner_id == me.id and jana.revision == 1, "the first e-mail is primary, the caller owns it")
for field, fields in {
    "contact.name": {"note": "nobody"}, "contact.phones[0].number": {"phones": [{"number": "12"}]}, "contact.emails[1].primary":
    {"emails": [{"address": "a@example.com", "primary": True}, {"address": "b@example.com", "primary": True}]}, "contact.language": {"display_name": "X", "language": "Czech!"},
    "contact.birth_date": {"display_name": "X", "birth_date": "2026-02-30"}, "contact.addresses[0].country": {"display_name": "X", "addresses": [{"country": "Czechia"}]},
}.items():
    error = me.error(C + "CreateContact", contact=fields)
    report(error.code() == Code.INVALID_ARGUMENT and field in CRM.fields_at_fault(error), f"{field} is named when it is wrong", f"{error.code()} {CRM.fields_at_fault(error)}")

# ---- updates ----
changed = me.call(C + "UpdateContact", contact={"id": jana.id, "etag": jana.etag, "name": {"family": "Dvořáková"}}, update_mask="name.family")
report(changed.name.given == "Jana" and changed.display_name == "Ing. Jana Dvořáková" and changed.revision == 2, "a mask replaces what it names; a made display name follows", changed)
error = me.error(C + "UpdateContact", contact={"id": jana.id, "etag": jana.etag, "note": "late"}, update_mask="note")
report(error.code() == Code.ABORTED and CRM.details(error)["ErrorInfo"].reason == "ETAG_MISMATCH", "an old etag is ABORTED", error)
report(me.call(C + "UpdateContact", contact={"id": jana.id, "display_name": "Jana D."}).display_name == "Jana D.", "without a mask what is set counts")
for mask in ("no.such", "createTime", "emails.address", "id"):
    report(me.code(C + "UpdateContact", contact={"id": jana.id}, update_mask=mask) == Code.INVALID_ARGUMENT, f"the mask {mask} is refused")
report(me.code(C + "UpdateContact", contact={"id": jana.id}, update_mask="name,displayName,emails,phones") == Code.INVALID_ARGUMENT, "an outcome without any identity is refused")
before = me.call(C + "GetContact", id=jana.id).revision
codes = in_parallel(20, lambda i: me.code(C + "UpdateContact", contact={"id": jana.id, "labels": {"writer": str(i)}}, update_mask="labels"))
after = me.call(C + "GetContact", id=jana.id).revision
report(after - before == codes.count(Code.OK) and set(codes) <= {Code.OK, Code.ABORTED} and codes.count(Code.OK) >= 5, "20 writers at once: each success is one revision", codes)
etag = me.call(C + "GetContact", id=jana.id).etag
codes = in_parallel(10, lambda i: me.code(C + "UpdateContact", contact={"id": jana.id, "etag": etag, "note": str(i)}, update_mask="note"))
report(codes.count(Code.OK) == 1 and codes.count(Code.ABORTED) == 9, "of ten with one etag exactly one wins", codes)
request_id = str(uuid.uuid4())
ids = in_parallel(20, lambda i: me.call(C + "CreateContact", contact={"display_name": "Once"}, request_id=request_id).id)
report(len(set(ids)) == 1 and len(me.all(C + "ListContacts", "contacts", filter='display_name = "Once"')) == 1, "20 times at once with one request_id: one contact", ids)

# ---- delete ----
gone = contact("Gone")
deleted = me.call(C + "DeleteContact", id=gone.id)
report(deleted.HasField("delete_time"), "a delete is soft")
report(gone.id not in [c.id for c in me.all(C + "ListContacts", "contacts")] and gone.id in [c.id for c in me.all(C + "ListContacts", "contacts", show_deleted=True)], "it is listed on request only")
report(me.code(C + "UpdateContact", contact={"id": gone.id, "note": "x"}) == Code.NOT_FOUND and me.code(C + "DeleteContact", id=gone.id) == Code.NOT_FOUND, "it cannot be changed or deleted again")
report(not me.call(C + "UndeleteContact", id=gone.id).HasField("delete_time") and me.code(C + "UndeleteContact", id=gone.id) == Code.FAILED_PRECONDITION, "it can be undeleted, once")

# ---- lists ----
people = ["Aleš", "Čeněk", "Cyril", "Dana", "Žofie", "Ábel", "Zdena"]
for name in people:
    contact(name, source="fixture", language="cs", birth_date="1990-07-01" if name in ("Dana", "Žofie") else "", labels={"wine": "red"} if name < "D" else {})
fixture = 'source = "fixture"'
names = [c.display_name for c in me.all(C + "ListContacts", "contacts", page_size=2, filter=fixture, order_by="display_name")]
report(names == ["Ábel", "Aleš", "Čeněk", "Cyril", "Dana", "Zdena", "Žofie"] and sorted(names) == sorted(people), "names are in the order of people, over pages of two", names)
reverse = [c.display_name for c in me.all(C + "ListContacts", "contacts", page_size=3, filter=fixture, order_by="display_name desc")]
report(reverse == names[::-1], "and in reverse", reverse)
for text, expected in {
    'display_name = "A*"': {"Aleš"}, "birth_date >= 1990-01-01": {"Dana", "Žofie"}, 'labels.wine = "red"': {"Aleš", "Cyril"}, 'NOT labels:wine': {"Ábel", "Čeněk", "Dana", "Zdena", "Žofie"},
    'display_name = "dana" OR display_name = "zdena"': {"Dana", "Zdena"}, '(display_name = "A*" OR display_name = "D*") AND -birth_date:*': {"Aleš"}, "language = cs": set(people),
    'language = "cs\' OR 1=1 --"': set(), 'display_name : "le"': {"Aleš"},
}.items():
    found = {c.display_name for c in me.all(C + "ListContacts", "contacts", filter=f"{fixture} AND ({text})")}
    report(found == expected, f"filter {text}", found)
for text in ("display_name =", "no_field = 1", "create_time > yesterday", '"open', "((((", "display_name = 'a' AND", "birth_date = red"):
    error = me.error(C + "ListContacts", filter=text)
    report(error.code() == Code.INVALID_ARGUMENT and CRM.fields_at_fault(error) == ["filter"], f"filter {text} is refused", error)
page = me.call(C + "ListContacts", page_size=2, filter=fixture)
for what, fields in {"another filter": {"filter": "language = cs"}, "another order": {"filter": fixture, "order_by": "display_name"}, "a changed token": {"filter": fixture, "page_token": page.next_page_token[:-2] + "xx"}}.items():
    fields = {"page_token": page.next_page_token, "page_size": 2, **fields}
    report(me.code(C + "ListContacts", **fields) == Code.INVALID_ARGUMENT, f"a page token with {what} is refused")
report(t.user("reader", grants={"contacts.contacts.read": "LEVEL_ALL"}).code(C + "ListContacts", page_token=page.next_page_token, filter=fixture, page_size=2) == Code.INVALID_ARGUMENT,
       "and somebody else's token")
report(me.code(C + "ListContacts", page_size=-1) == Code.INVALID_ARGUMENT and len(me.call(C + "ListContacts", page_size=5000).contacts) <= 1000, "page sizes are capped, negative ones refused")

seen, token, stop = [], "", threading.Event()
steady = {c.id for c in me.all(C + "ListContacts", "contacts")}


def write_on():
    while not stop.is_set():
        contact("Meanwhile")


writer = threading.Thread(target=write_on)
writer.start()
while True:
    page = me.call(C + "ListContacts", page_size=3, page_token=token)
    seen += [c.id for c in page.contacts]
    token = page.next_page_token
    if not token or len(seen) > 2000 or steady <= set(seen):
        break
stop.set()
writer.join(30)
report(len(seen) == len(set(seen)) and steady <= set(seen), "pages during writes: none missed, none twice", f"{len(seen)} seen, {len(steady - set(seen))} missed")

# ---- batches ----
made = me.call(C + "BatchCreateContacts", requests=[{"contact": {"display_name": f"Batch {i}"}} for i in range(100)]).contacts
report([c.display_name for c in made] == [f"Batch {i}" for i in range(100)], "BatchCreate makes a hundred, in order")
error = me.error(C + "BatchCreateContacts", requests=[{"contact": {"display_name": "Never"}}, {"contact": {"note": "nobody"}}])
report(error.code() == Code.INVALID_ARGUMENT and CRM.fields_at_fault(error) == ["requests[1].contact.name"], "one that is wrong is named with its place", CRM.fields_at_fault(error))
report(not me.all(C + "ListContacts", "contacts", filter='display_name = "Never"'), "and none of the batch is there")
report([c.id for c in me.call(C + "BatchGetContacts", ids=[made[7].id, made[3].id]).contacts] == [made[7].id, made[3].id], "BatchGet keeps the order asked")
missing = str(uuid.uuid4())
error = me.error(C + "BatchGetContacts", ids=[made[0].id, missing])
report(error.code() == Code.NOT_FOUND and missing in error.details(), "and names what is missing", error)
report(me.code(C + "BatchCreateContacts", requests=[{"contact": {"display_name": "x"}}] * 101) == Code.INVALID_ARGUMENT, "101 are too many")
updates = [{"contact": {"id": c.id, "note": "all"}, "update_mask": "note"} for c in made[:3]]
report({c.note for c in me.call(C + "BatchUpdateContacts", requests=updates).contacts} == {"all"}, "BatchUpdate")
report(me.code(C + "BatchUpdateContacts", requests=updates + updates[:1]) == Code.INVALID_ARGUMENT, "the same one twice is refused")
report(me.code(C + "BatchDeleteContacts", requests=[{"id": c.id} for c in made]) == Code.OK, "BatchDelete")

# ---- organizations ----
firm = me.call(C + "CreateOrganization", organization={"name": "Holding a.s.", "domains": ["holding.example"]})
branch = me.call(C + "CreateOrganization", organization={"name": "Pobočka s.r.o.", "parent_id": firm.id})
report(me.code(C + "UpdateOrganization", organization={"id": firm.id, "parent_id": branch.id}, update_mask="parentId") == Code.FAILED_PRECONDITION, "organizations form a tree: no circle")
pair = [me.call(C + "CreateOrganization", organization={"name": f"Pair {i}"}).id for i in range(2)]
codes = in_parallel(2, lambda i: me.code(C + "UpdateOrganization", organization={"id": pair[i], "parent_id": pair[1 - i]}, update_mask="parentId"))
report(sorted(c.name for c in codes) == ["FAILED_PRECONDITION", "OK"], "not even by two changes at the same moment", codes)
report(me.code(C + "CreateOrganization", organization={"name": "X", "parent_id": str(uuid.uuid4())}) == Code.NOT_FOUND, "a parent must exist")
report(len(me.all(C + "ListOrganizations", "organizations", filter=f'parent_id = "{firm.id}"')) == 1, "branches are listed by parent")
link = me.call(C + "CreateAffiliation", affiliation={"contact_id": jana.id, "organization_id": firm.id, "title": "Jednatelka", "primary": True})
report(link.organization_name == "Holding a.s.", "a link shows the names")
report(me.code(C + "CreateAffiliation", affiliation={"contact_id": jana.id, "organization_id": firm.id}) == Code.ALREADY_EXISTS, "a pair is linked once")
error = me.error(C + "CreateAffiliation", affiliation={"contact_id": jana.id, "organization_id": branch.id, "primary": True})
report(error.code() == Code.ALREADY_EXISTS and CRM.fields_at_fault(error) == ["affiliation.primary"], "one organization is primary", CRM.fields_at_fault(error))
report(me.code(C + "CreateAffiliation", affiliation={"contact_id": jana.id, "organization_id": branch.id, "start_date": "2026-02-01", "end_date": "2026-01-01"}) == Code.INVALID_ARGUMENT,
       "an end before the start is refused")
report(me.code(C + "DeleteAffiliation", id=link.id) == Code.OK and me.code(C + "GetAffiliation", id=link.id) == Code.NOT_FOUND, "a link can be cut")

# ---- search ----
for given, family, email, phone in (("Oleksandr", "Шевченко", "shevchenko@furniture.example", "+380442791234"), ("Łukasz", "Żółkiewski", "lz@firma.example", "+48601234567"),
                                    ("Günther", "Großmann", "g.grossmann@haus.example", "+4930123456"), ("Ľudmila", "Ďurišová", "ludmila@obchod.example", "+421905123456")):
    me.call(C + "CreateContact", contact={"name": {"given": given, "family": family}, "emails": [{"address": email}], "phones": [{"number": phone}]})
for query, expected in {"шевченко": "Шевченко", "zolkiewski": "Żółkiewski", "ŻÓŁKIEWSKI": "Żółkiewski", "Zolkievski": "Żółkiewski", "grossmann": "Großmann", "durisova": "Ďurišová", "Ďurišová": "Ďurišová",
                        "lz@firma.example": "Żółkiewski", "LZ@FIRMA.EXAMPLE": "Żółkiewski", "obchod.example": "Ďurišová", "+48 601 234 567": "Żółkiewski", "905 123 456": "Ďurišová"}.items():
    results = me.call(C + "SearchContacts", query=query).results
    report(bool(results) and results[0].contact.name.family == expected, f"search {query}", [(r.contact.display_name, r.score) for r in results[:3]])
report(me.call(C + "SearchContacts", query="601 234 567", region="PL").results[0].score == 1000, "a number in national notation is found exactly with its region")
fresh = contact("Úplně čerstvá")
report(me.call(C + "SearchContacts", query="cerstva").results[0].contact.id == fresh.id, "what was created is found at once")
report(not me.call(C + "SearchContacts", query="%%%").results and not me.call(C + "SearchContacts", query="__ __").results, "wildcards are characters like others")
report(me.code(C + "SearchContacts", query="x ") == Code.INVALID_ARGUMENT, "one character is too little")

# ---- inquiries and history ----
inquiries = [me.call(C + "SubmitInquiry", inquiry=fields) for fields in (
    {"channel": "web", "from_name": "Nový, Petr", "from_email": "petr.novy@example.com", "from_phone": "+420 777 111 222", "subject": "Kuchyně"},
    {"channel": "mail", "from_email": "Petr.Novy@EXAMPLE.com", "body": "Jak daleko jste?"}, {"channel": "phone", "from_phone": "777111222", "region": "CZ"})]
report(len({i.contact_id for i in inquiries}) == 1, "one person over three channels is one contact with three inquiries")
petr = me.call(C + "GetContact", id=inquiries[0].contact_id)
report((petr.name.given, petr.name.family) == ("Petr", "Nový") and petr.source == "web", "the person's name is taken from the first", petr)
same = [me.call(C + "SubmitInquiry", inquiry={"channel": "web", "channel_message_id": "m-1", "from_email": "x@example.com"}).id for _ in range(2)]
report(same[0] == same[1], "a message of a channel is taken in once")
at_once = in_parallel(20, lambda i: me.call(C + "SubmitInquiry", inquiry={"channel": "web", "from_email": "at.once@example.com", "subject": str(i)}))
report(len({i.contact_id for i in at_once}) == 1 and len({i.id for i in at_once}) == 20, "20 inquiries of a new person at once: one contact, 20 inquiries", len({i.contact_id for i in at_once}))
at_once = in_parallel(20, lambda i: me.call(C + "SubmitInquiry", inquiry={"channel": "web", "channel_message_id": "m-2", "from_email": "once.more@example.com"}))
report(len({i.id for i in at_once}) == 1, "20 times the same message at once: one inquiry")
report(me.code(C + "SubmitInquiry", inquiry={"channel": "web", "subject": "who?"}) == Code.INVALID_ARGUMENT, "somebody must have asked")
me.call(C + "LogInteraction", interaction={"contact_id": petr.id, "kind": "KIND_CALL", "direction": "DIRECTION_OUTBOUND", "subject": "called back"})
answered = [me.call(C + "GetInquiry", id=i.id) for i in inquiries]
report(all(i.state == 2 and i.HasField("first_response_time") for i in answered), "an outbound interaction answers what is open")
twice = [me.call(C + "LogInteraction", interaction={"contact_id": petr.id, "kind": "KIND_EMAIL", "channel": "mail", "channel_message_id": "<1@example.com>"}).id for _ in range(2)]
report(twice[0] == twice[1], "a message is logged once")
for i in range(30):
    me.call(C + "LogInteraction", interaction={"contact_id": petr.id, "kind": "KIND_NOTE", "subject": f"note {i}", "occur_time": f"2026-01-01T00:00:{i:02d}Z"})
history = me.all(C + "ListTimeline", "entries", page_size=7, contact_id=petr.id)
times = [(e.time.seconds, e.time.nanos) for e in history]
report(len(history) == 35 and times == sorted(times, reverse=True) and len({e.id for e in history}) == 35, "the history holds everything, newest first, over pages", len(history))
me.call(C + "CreateAffiliation", affiliation={"contact_id": petr.id, "organization_id": firm.id})
me.call(C + "LogInteraction", interaction={"organization_id": firm.id, "kind": "KIND_MEETING", "subject": "with the firm"})
report(len(me.all(C + "ListTimeline", "entries", organization_id=firm.id)) == 36, "an organization's history includes its people's")
report(me.code(C + "ListTimeline") == Code.INVALID_ARGUMENT and me.code(C + "ListTimeline", contact_id=petr.id, organization_id=firm.id) == Code.INVALID_ARGUMENT, "a history is somebody's")

# ---- import and export ----
new = CRM.type("crm.contacts.v1.ImportContactsRequest")
rows = [new(source="old-crm", key="f1", organization={"name": "Importovaná s.r.o."})]
rows += [new(key=f"p{i}", contact={"display_name": f"Import {i}"}, organization_key="f1", title="Člen") for i in range(300)]
rows[150:150] = [new(key="bad mail", contact={"emails": [{"address": "nobody"}]}), new(key="bad rule", contact={"note": "nobody"}), new(key="no firm", contact={"display_name": "X"}, organization_key="f9"),
                 new(key="empty"), new(key="p7", contact={"display_name": "Twice"})]
done = me.call(C + "ImportContacts", iter(rows), timeout=60)
verdicts = {v.key: v for v in done.verdicts}
report((done.created_count, done.existing_count, done.invalid_count) == (301, 1, 4) and [v.row for v in done.verdicts] == list(range(1, 307)), "an import gives a verdict per row",
       (done.created_count, done.existing_count, done.invalid_count))
report([verdicts[k].field for k in ("bad mail", "bad rule", "no firm")] == ["contact.emails[0].address", "contact.name", "organization_key"], "that names the field at fault",
       [verdicts[k].field for k in ("bad mail", "bad rule", "no firm")])
again = me.call(C + "ImportContacts", iter(rows), timeout=60)
report((again.created_count, again.existing_count) == (0, 302), "the same rows again make nothing new", (again.created_count, again.existing_count))
report({v.key: v.id for v in again.verdicts if v.id} == {v.key: v.id for v in done.verdicts if v.id}, "and say what they became")
report(len(me.all(C + "ListAffiliations", "affiliations", filter=f'organization_id = "{verdicts["f1"].id}"', page_size=1000)) == 300, "the people are linked to their organization")
report(code_of(me.call, C + "ImportContacts", iter([new(key="k", contact={"display_name": "X"})])) == Code.INVALID_ARGUMENT, "an import needs a source")
exported = list(me.call(C + "ExportContacts", filter='display_name = "Import *"', timeout=60))
report(len(exported) == 300 and len({c.id for c in exported}) == 300, "an export streams what fits the filter", len(exported))
error = error_of(me.call, C + "ExportContacts", filter="nonsense =")
report(error.code() == Code.INVALID_ARGUMENT and CRM.fields_at_fault(error) == ["filter"], "a wrong filter is refused", error)
finish()
