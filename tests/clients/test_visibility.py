"""Who sees what: own, team, subtree, all, on every way to read a record. No list, search, export, history or write reaches a record that its reader may not see."""
import time

from office import Code, Office, ids, run, stories

OFFICE = Office("visibility")
SALES = OFFICE.team("Sales")
NORTH, SOUTH = OFFICE.team("North", SALES), OFFICE.team("South", SALES)
RIGHTS = ("contacts.contacts.*", "contacts.organizations.*", "contacts.affiliations.*", "contacts.interactions.*", "contacts.inquiries.*")


def colleague(name, team, level):
    return OFFICE.person(name, dict.fromkeys(RIGHTS, level), team)


PEOPLE = {
    "north own": colleague("n1", NORTH, "LEVEL_OWN"), "north team": colleague("n2", NORTH, "LEVEL_TEAM"), "south own": colleague("s1", SOUTH, "LEVEL_OWN"),
    "head": colleague("head", SALES, "LEVEL_SUBTREE"), "all": colleague("all", "", "LEVEL_ALL"), "no team": colleague("alone", "", "LEVEL_TEAM"),
}
SEES = {
    "north own": {"north own"}, "north team": {"north own", "north team"}, "south own": {"south own"}, "head": {"north own", "north team", "south own", "head"},
    "all": {"north own", "north team", "south own", "head", "no team"}, "no team": {"no team"},
}


def email(name):
    return f"{name.replace(' ', '.')}@customer.example"


def records_of(name):
    """(id of a contact, id of an organization) that somebody made."""
    someone = PEOPLE[name]
    contact = someone.CreateContact(contact={"display_name": f"Customer of {name}", "emails": [{"address": email(name)}]}).id
    organization = someone.CreateOrganization(organization={"name": f"Firm of {name}"}).id
    someone.CreateAffiliation(affiliation={"contact_id": contact, "organization_id": organization})
    someone.LogInteraction(interaction={"contact_id": contact, "kind": "KIND_NOTE", "subject": "x"})
    return contact, organization


RECORDS = {name: records_of(name) for name in ("north own", "north team", "south own", "head", "no team")}
# (viewer's name, viewer, owner's name, whether the viewer may see what the owner has)
PAIRS = [(name, viewer, other, other in SEES[name]) for name, viewer in PEOPLE.items() for other in RECORDS]


def owners(found, which=0):
    """Whose records these ids are."""
    found = set(found)
    return {name for name, pair in RECORDS.items() if pair[which] in found}


def every_way_to_many_records_shows_those_that_one_may_see():
    for name, viewer in PEOPLE.items():
        seen = {
            "ListContacts": owners(ids(viewer.all("ListContacts", "contacts", page_size=2))),
            "ListOrganizations": owners(ids(viewer.all("ListOrganizations", "organizations", page_size=2)), 1),
            "ListAffiliations": owners(a.contact_id for a in viewer.all("ListAffiliations", "affiliations")),
            "SearchContacts": owners(r.contact.id for r in viewer.SearchContacts(query="customer of", page_size=100).results),
            "ExportContacts": owners(ids(viewer.ExportContacts())),
        }
        for way, found in seen.items():
            assert found == SEES[name], (name, way, found)


def every_call_on_one_record_finds_it_or_not():
    for name, viewer, other, may_see in PAIRS:
        contact, organization = RECORDS[other]
        answers = {
            "GetContact": viewer.code("GetContact", id=contact),
            "BatchGetContacts": viewer.code("BatchGetContacts", ids=[contact]),
            "GetOrganization": viewer.code("GetOrganization", id=organization),
            "ListTimeline": viewer.code("ListTimeline", contact_id=contact),
            "ListTimeline of the organization": viewer.code("ListTimeline", organization_id=organization),
            "LogInteraction": viewer.code("LogInteraction", interaction={"contact_id": contact, "kind": "KIND_NOTE"}),
            "UpdateContact": viewer.code("UpdateContact", contact={"id": contact, "note": "seen"}, update_mask="note"),
            "BatchUpdateContacts": viewer.code("BatchUpdateContacts", requests=[{"contact": {"id": contact, "note": name}, "update_mask": "note"}]),
            "UpdateOrganization": viewer.code("UpdateOrganization", organization={"id": organization, "note": "seen"}, update_mask="note"),
            "GetCustomer360": viewer.code("GetCustomer360", contact_id=contact),
        }
        wrong = {call: code for call, code in answers.items() if code != (Code.OK if may_see else Code.NOT_FOUND)}
        assert not wrong, (name, other, wrong)


def search_by_address_finds_nobody_whom_one_may_not_see():
    for name, viewer, other, may_see in PAIRS:
        found = [r.contact.id for r in viewer.SearchContacts(query=email(other)).results]
        assert (RECORDS[other][0] in found) == may_see, (name, other)


def nobody_deletes_or_links_what_they_may_not_see():
    for name, viewer, other, may_see in PAIRS:
        if not may_see:
            contact, organization = RECORDS[other]
            assert viewer.code("DeleteContact", id=contact) == Code.NOT_FOUND, (name, other)
            assert viewer.code("CreateAffiliation", affiliation={"contact_id": contact, "organization_id": organization}) == Code.NOT_FOUND, (name, other)


# ---- ownership goes only where one's own arm reaches ----


def at_level_own_a_record_stays_with_its_maker():
    own, somebody = PEOPLE["north own"], PEOPLE["south own"].id
    assert own.code("UpdateContact", contact={"id": RECORDS["north own"][0], "owner_id": somebody}, update_mask="ownerId") == Code.PERMISSION_DENIED
    assert own.code("CreateContact", contact={"display_name": "X", "owner_id": somebody}) == Code.PERMISSION_DENIED


def once_heard_of(call):
    """The directory hears of new users by event: an owner may be unknown for a moment."""
    for _ in range(100):
        try:
            return call()
        except Exception as e:
            if e.code() != Code.INVALID_ARGUMENT:
                raise
        time.sleep(0.05)
    return call()


def at_level_subtree_a_record_moves_within_the_subtree():
    head, south = PEOPLE["head"], PEOPLE["south own"]
    given = head.CreateContact(contact={"display_name": "Given away"})
    once_heard_of(lambda: head.UpdateContact(contact={"id": given.id, "owner_id": south.id, "team_id": SOUTH}, update_mask="ownerId,teamId"))
    assert south.code("GetContact", id=given.id) == Code.OK
    assert PEOPLE["north own"].code("GetContact", id=given.id) == Code.NOT_FOUND


def a_new_record_is_in_the_team_of_its_owner_who_is_a_user_of_the_tenant():
    boss, south = PEOPLE["all"], PEOPLE["south own"]
    assert boss.code("CreateContact", contact={"display_name": "X", "owner_id": "01890a5d-ac96-774b-bcce-b302099a8057"}) == Code.INVALID_ARGUMENT
    made = once_heard_of(lambda: boss.CreateContact(contact={"display_name": "For the south", "owner_id": south.id}))
    assert made.team_id == SOUTH
    assert south.CreateContact(contact={"display_name": "Of the south"}).team_id == SOUTH


def another_tenant_sees_nothing():
    other = Office("elsewhere").admin
    assert not other.all("ListContacts", "contacts") and not list(other.ExportContacts())
    assert not other.SearchContacts(query="customer of").results


def a_message_that_somebody_else_took_in_is_not_shown_to_who_repeats_it():
    message = {"channel": "web", "channel_message_id": "taken once", "from_email": email("north own"), "body": "secret wish"}
    first = PEOPLE["north own"].SubmitInquiry(inquiry=message)
    assert PEOPLE["north own"].SubmitInquiry(inquiry=message).id == first.id
    assert PEOPLE["head"].SubmitInquiry(inquiry=message).id == first.id
    assert PEOPLE["south own"].error("SubmitInquiry", inquiry=message) == (Code.ALREADY_EXISTS, ["inquiry.channel_message_id"])


if __name__ == "__main__":
    run(stories())
