"""How people are found again: lists with pages, orders and filters, and search."""
import threading
import uuid

from office import Code, Office, ids, run, stories

OFFICE = Office("lists")
ADMIN = OFFICE.admin
FIXTURE = 'source = "fixture"'
IN_ORDER = ["Ábel", "Aleš", "Čeněk", "Cyril", "Dana", "Zdena", "Žofie"]  # as people sort names, not as bytes do

for known in ("Aleš", "Čeněk", "Cyril", "Dana", "Žofie", "Ábel", "Zdena"):
    ADMIN.CreateContact(contact={"display_name": known, "source": "fixture", "language": "cs", "birth_date": "1990-07-01" if known in ("Dana", "Žofie") else "",
                                 "labels": {"wine": "red"} if known < "D" else {}})


def person(given, family, **fields):
    return ADMIN.CreateContact(contact={"name": {"given": given, "family": family}, **fields})


def names(contacts):
    return [c.display_name for c in contacts]


# ---- pages ----


def pages_hold_everybody_once_in_order():
    made = ids(person(f"P{n % 3}", f"Strana{n:02}", labels={"run": "pages"}) for n in range(23))
    for order in ("", "display_name", "display_name desc", "create_time desc", "update_time, display_name"):
        seen = ADMIN.all("ListContacts", "contacts", page_size=5, filter='labels.run = "pages"', order_by=order)
        assert sorted(ids(seen)) == sorted(made), order
        if order.startswith("display_name"):
            assert names(seen) == sorted(names(seen), reverse="desc" in order), order
        if order in ("", "create_time desc"):
            assert ids(seen) == (made if not order else made[::-1]), order


def names_are_in_the_order_of_people():
    for size, order, expected in ((2, "display_name", IN_ORDER), (3, "display_name desc", IN_ORDER[::-1])):
        found = names(ADMIN.all("ListContacts", "contacts", page_size=size, filter=FIXTURE, order_by=order))
        assert found == expected, found


def pages_during_writes_miss_nobody_and_hold_nobody_twice():
    steady, stop = set(ids(ADMIN.all("ListContacts", "contacts"))), threading.Event()

    def write_on():
        while not stop.is_set():
            ADMIN.CreateContact(contact={"display_name": "Meanwhile"})
    writer = threading.Thread(target=write_on)
    writer.start()
    seen, token = [], ""
    while len(seen) <= 2000 and not steady <= set(seen):
        page = ADMIN.ListContacts(page_size=3, page_token=token)
        seen += ids(page.contacts)
        token = page.next_page_token
        if not token:
            break
    stop.set()
    writer.join(30)
    assert steady <= set(seen) and len(seen) == len(set(seen)), f"{len(seen)} seen, {len(steady - set(seen))} missed"


def a_page_token_is_for_one_question_of_one_person():
    asked = {"filter": FIXTURE, "page_size": 2}
    token = ADMIN.ListContacts(**asked).next_page_token
    changes = {
        "no filter": {"filter": ""}, "another filter": {"filter": "language = cs"}, "another order": {"order_by": "display_name"},
        "deleted ones too": {"show_deleted": True}, "a changed end": {"page_token": token[:-2] + "xx"}, "a changed beginning": {"page_token": "x" + token},
    }
    for what, change in changes.items():
        assert ADMIN.error("ListContacts", **{**asked, "page_token": token, **change}) == (Code.INVALID_ARGUMENT, ["page_token"]), what
    for somebody_else in (OFFICE.person("reader", {"contacts.contacts.read": "LEVEL_ALL"}), Office("stranger").admin):
        assert somebody_else.code("ListContacts", page_token=token, **asked) == Code.INVALID_ARGUMENT


def page_sizes_are_capped_and_negative_ones_refused():
    assert ADMIN.code("ListContacts", page_size=-1) == Code.INVALID_ARGUMENT
    assert len(ADMIN.ListContacts(page_size=5000).contacts) <= 1000


# ---- filters ----


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


def filters_take_names_in_any_case_but_with_their_accents():
    cases = {
        'display_name = "A*"': {"Aleš"}, "birth_date >= 1990-01-01": {"Dana", "Žofie"}, 'labels.wine = "red"': {"Aleš", "Cyril"},
        "NOT labels:wine": {"Ábel", "Čeněk", "Dana", "Zdena", "Žofie"}, 'display_name = "dana" OR display_name = "zdena"': {"Dana", "Zdena"},
        '(display_name = "A*" OR display_name = "D*") AND -birth_date:*': {"Aleš"}, "language = cs": set(IN_ORDER), 'language = "cs\' OR 1=1 --"': set(),
        'display_name : "le"': {"Aleš"},
    }
    for text, expected in cases.items():
        found = set(names(ADMIN.all("ListContacts", "contacts", filter=f"{FIXTURE} AND ({text})")))
        assert found == expected, (text, found)


def a_filter_or_an_order_that_is_none_is_refused():
    for text in ("language =", "no_field = 1", 'note = "x"', "((", "(" * 500, "create_time > yesterday", "birth_date = red", 'language = "cs" AND', '"open', '"' * 3):
        assert ADMIN.error("ListContacts", filter=text) == (Code.INVALID_ARGUMENT, ["filter"]), text
    # words without a field are looked for as text, whatever they spell
    ADMIN.ListContacts(filter="id; DROP TABLE contact")
    for text in ("note", "display_name up", "display_name,,", "create_time; --"):
        assert ADMIN.error("ListContacts", order_by=text) == (Code.INVALID_ARGUMENT, ["order_by"]), text


# ---- search ----


def search_finds_people_as_people_ask():
    people = {
        "stepan": person("Štěpán", "Říčař", phones=[{"number": "+420 773 111 222"}], emails=[{"address": "stepan.ricar@mlyn.example"}]),
        "oksana": person("Оксана", "Коваленко", phones=[{"number": "+380 50 123 45 67"}]),
        "wolf": person("Wolfgang", "Größmann"),
        "zofia": person("Zofia", "Łąkowska"),
    }
    cases = {
        "stepan ricar": "stepan", "ŠTĚPÁN": "stepan", "ricar stepan": "stepan", "Ričař": "stepan", "773 111 222": "stepan", "+420773111222": "stepan",
        "ricar@mlyn": "stepan", "STEPAN.RICAR@mlyn.example": "stepan", "коваленко": "oksana", "+380501234567": "oksana", "grossmann": "wolf", "Groessmann": "wolf",
        "lakowska": "zofia", "Zofja Lakowska": "zofia",
    }
    for query, key in cases.items():
        found = [r.contact.id for r in ADMIN.SearchContacts(query=query).results]
        assert people[key].id in found[:3], query
    assert [r.contact.id for r in ADMIN.SearchContacts(query="050 123 45 67", region="UA").results][:1] == [people["oksana"].id]
    best = ADMIN.SearchContacts(query="+420 773 111 222").results[0]
    assert (best.contact.id, best.score) == (people["stepan"].id, 1000)


def the_best_result_of_a_search_is_the_first():
    for given, family, email, phone in (("Oleksandr", "Шевченко", "shevchenko@furniture.example", "+380442791234"), ("Łukasz", "Żółkiewski", "lz@firma.example", "+48601234567"),
                                        ("Günther", "Großmann", "g.grossmann@haus.example", "+4930123456"), ("Ľudmila", "Ďurišová", "ludmila@obchod.example", "+421905123456")):
        person(given, family, emails=[{"address": email}], phones=[{"number": phone}])
    cases = {
        "шевченко": "Шевченко", "zolkiewski": "Żółkiewski", "ŻÓŁKIEWSKI": "Żółkiewski", "Zolkievski": "Żółkiewski", "grossmann": "Großmann", "durisova": "Ďurišová",
        "Ďurišová": "Ďurišová", "lz@firma.example": "Żółkiewski", "LZ@FIRMA.EXAMPLE": "Żółkiewski", "obchod.example": "Ďurišová",
        "+48 601 234 567": "Żółkiewski", "905 123 456": "Ďurišová",
    }
    for query, family in cases.items():
        results = ADMIN.SearchContacts(query=query).results
        assert results and results[0].contact.name.family == family, (query, [(r.contact.display_name, r.score) for r in results[:3]])
    assert ADMIN.SearchContacts(query="601 234 567", region="PL").results[0].score == 1000  # found exactly: national notation with its region


def what_was_created_is_found_at_once():
    fresh = ADMIN.CreateContact(contact={"display_name": "Úplně čerstvá"})
    assert ADMIN.SearchContacts(query="cerstva").results[0].contact.id == fresh.id


def search_takes_odd_text_as_it_is():
    for query in ("%%", "%%%", "__", "__ __", "\\\\", "'; --", "a" * 200, "()&|!:*", "😀😀"):
        assert not ADMIN.SearchContacts(query=query).results, query
    for query in ("", " ", "a", "x ", "  x "):
        assert ADMIN.error("SearchContacts", query=query) == (Code.INVALID_ARGUMENT, ["query"]), query


if __name__ == "__main__":
    run(stories())
