"""Many records in and out: ImportContacts with a verdict a row, ExportContacts."""
import uuid

from office import CRM, Code, Office, ids, run, stories

OFFICE = Office("import")
ADMIN = OFFICE.admin
CREATED, EXISTING, INVALID = 1, 2, 3


def rows(list_of_rows):
    for row in list_of_rows:
        yield CRM.new("crm.contacts.v1.ImportContactsRequest", **row)


def load(list_of_rows):
    return ADMIN.ImportContacts(rows(list_of_rows), timeout=60)


def counts(answer):
    return answer.created_count, answer.existing_count, answer.invalid_count


def an_import_gives_a_verdict_on_each_row():
    source = f"old-{uuid.uuid4()}"
    answer = load([
        {"source": source, "key": "o1", "organization": {"name": "Import s.r.o."}},
        {"key": "c1", "contact": {"display_name": "První"}, "organization_key": "o1", "title": "ředitel"},
        {"key": "c2", "contact": {"emails": [{"address": "not an address"}]}},
        {"key": "c3", "contact": {"phones": [{"number": "1"}]}},
        {"key": "c4"},
        {"key": "c5", "contact": {"display_name": "Pátý"}, "organization_key": "nowhere"},
        {"key": "c1", "contact": {"display_name": "Dvakrát"}},
        {"key": "c6", "contact": {"display_name": "Šestý"}},
        {"key": "c7", "contact": {"note": "nobody"}}])
    expected = [CREATED, CREATED, INVALID, INVALID, INVALID, INVALID, EXISTING, CREATED, INVALID]
    assert [(v.row, v.outcome) for v in answer.verdicts] == list(enumerate(expected, 1)), answer.verdicts
    at_fault = {v.key: v.field for v in answer.verdicts if v.outcome == INVALID and v.key != "c4"}
    assert at_fault == {"c2": "contact.emails[0].address", "c3": "contact.phones[0].number", "c5": "organization_key", "c7": "contact.name"}, at_fault
    assert answer.verdicts[6].id == answer.verdicts[1].id and counts(answer) == (3, 1, 5)
    linked = ADMIN.ListAffiliations(filter=f'contact_id = "{answer.verdicts[1].id}"').affiliations
    assert [(a.organization_id, a.title) for a in linked] == [(answer.verdicts[0].id, "ředitel")]


def the_same_rows_again_make_nothing_new():
    given = [{"source": f"again-{uuid.uuid4()}", "key": "f1", "organization": {"name": "Importovaná s.r.o."}}]
    given += [{"key": f"p{i}", "contact": {"display_name": f"Import {i}"}, "organization_key": "f1", "title": "Člen"} for i in range(300)]
    given[150:150] = [{"key": "bad", "contact": {"note": "nobody"}}]
    first = load(given)
    again = load(given)
    assert (counts(first), counts(again)) == ((301, 0, 1), (0, 301, 1))
    assert [(v.key, v.id) for v in again.verdicts] == [(v.key, v.id) for v in first.verdicts]
    links = ADMIN.all("ListAffiliations", "affiliations", filter=f'organization_id = "{first.verdicts[0].id}"', page_size=1000)
    assert len(links) == 300


def an_import_without_a_source_is_refused():
    assert ADMIN.code("ImportContacts", rows([{"key": "c1", "contact": {"display_name": "x"}}])) == Code.INVALID_ARGUMENT


def a_large_import_and_its_export_hold_everybody():
    source, n = f"large-{uuid.uuid4()}", 3000
    answer = load([{"source": source, "key": str(i), "contact": {"display_name": f"Velký {i}", "labels": {"run": source}}} for i in range(n)])
    assert answer.created_count == n and len(answer.verdicts) == n
    exported = ids(ADMIN.ExportContacts(filter=f'labels.run = "{source}"', timeout=60))
    assert sorted(exported) == sorted(ids(answer.verdicts))


def an_export_streams_what_fits_the_filter():
    load([{"source": "export", "key": str(i), "contact": {"display_name": f"{'Export' if i % 2 else 'Jiný'} {i}"}} for i in range(20)])
    assert sorted(c.display_name for c in ADMIN.ExportContacts(filter='display_name = "Export *"')) == sorted(f"Export {i}" for i in range(1, 20, 2))
    assert ADMIN.error("ExportContacts", filter="nonsense =") == (Code.INVALID_ARGUMENT, ["filter"])


if __name__ == "__main__":
    run(stories())
