"""Who sees what: own, team, subtree, all, on every way to read a record. No list, search, export, history or write reaches a record that its reader may not see."""
import time

from tenant import CRM, Code, Tenant, code_of, finish, report

t = Tenant("visibility")
sales = t.team("Sales")
north, south = t.team("North", sales), t.team("South", sales)
everything = {p: None for p in ("contacts.contacts.*", "contacts.organizations.*", "contacts.affiliations.*", "contacts.interactions.*", "contacts.inquiries.*")}


def grants(level):
    return {p: level for p in everything}


people = {
    "north own": t.user("n1", north, grants("LEVEL_OWN")), "north team": t.user("n2", north, grants("LEVEL_TEAM")), "south own": t.user("s1", south, grants("LEVEL_OWN")),
    "head": t.user("head", sales, grants("LEVEL_SUBTREE")), "all": t.user("all", None, grants("LEVEL_ALL")), "no team": t.user("alone", None, grants("LEVEL_TEAM")),
}
records = {}
for name in ("north own", "north team", "south own", "head", "no team"):
    c = people[name].call("ContactsService/CreateContact", contact={"display_name": f"Customer of {name}", "emails": [{"address": f"{name.replace(' ', '.')}@customer.example"}]})
    o = people[name].call("ContactsService/CreateOrganization", organization={"name": f"Firm of {name}"})
    people[name].call("ContactsService/CreateAffiliation", affiliation={"contact_id": c.id, "organization_id": o.id})
    people[name].call("ContactsService/LogInteraction", interaction={"contact_id": c.id, "kind": "KIND_NOTE", "subject": "x"})
    records[name] = (c.id, o.id)

SEES = {
    "north own": {"north own"}, "north team": {"north own", "north team"}, "south own": {"south own"}, "head": {"north own", "north team", "south own", "head"},
    "all": set(records), "no team": {"no team"},
}


def owners(ids, which):
    return {name for name, pair in records.items() if pair[which] in ids}


for name, user in people.items():
    seen = SEES[name]
    contacts = {r.id for r in user.all("ContactsService/ListContacts", "contacts", page_size=2)}
    report(owners(contacts, 0) == seen, f"{name}: ListContacts", owners(contacts, 0))
    organizations = {r.id for r in user.all("ContactsService/ListOrganizations", "organizations", page_size=2)}
    report(owners(organizations, 1) == seen, f"{name}: ListOrganizations", owners(organizations, 1))
    links = {r.contact_id for r in user.all("ContactsService/ListAffiliations", "affiliations")}
    report(owners(links, 0) == seen, f"{name}: ListAffiliations", owners(links, 0))
    found = {r.contact.id for r in user.call("ContactsService/SearchContacts", query="customer of", page_size=100).results}
    report(owners(found, 0) == seen, f"{name}: SearchContacts by name", owners(found, 0))
    exported = {c.id for c in user.call("ContactsService/ExportContacts")}
    report(owners(exported, 0) == seen, f"{name}: ExportContacts", owners(exported, 0))
    for other, (contact, organization) in records.items():
        expected = Code.OK if other in seen else Code.NOT_FOUND
        email = f"{other.replace(' ', '.')}@customer.example"
        answers = {
            "GetContact": user.code("ContactsService/GetContact", id=contact),
            "BatchGetContacts": user.code("ContactsService/BatchGetContacts", ids=[contact]),
            "GetOrganization": user.code("ContactsService/GetOrganization", id=organization),
            "ListTimeline": user.code("ContactsService/ListTimeline", contact_id=contact),
            "ListTimeline of the organization": user.code("ContactsService/ListTimeline", organization_id=organization),
            "LogInteraction": user.code("ContactsService/LogInteraction", interaction={"contact_id": contact, "kind": "KIND_NOTE"}),
            "UpdateContact": user.code("ContactsService/UpdateContact", contact={"id": contact, "note": "seen"}, update_mask="note"),
            "BatchUpdateContacts": user.code("ContactsService/BatchUpdateContacts", requests=[{"contact": {"id": contact, "note": name}, "update_mask": "note"}]),
            "UpdateOrganization": user.code("ContactsService/UpdateOrganization", organization={"id": organization, "note": "seen"}, update_mask="note"),
            "GetCustomer360": user.code("GatewayService/GetCustomer360", contact_id=contact),
        }
        wrong = {k: v for k, v in answers.items() if v != expected}
        report(not wrong, f"{name}: every call on the record of {other} is {expected.name}", wrong)
        hits = user.call("ContactsService/SearchContacts", query=email).results
        report(bool([h for h in hits if h.contact.id == contact]) == (other in seen), f"{name}: SearchContacts by the e-mail of {other}")
        if other not in seen:
            report(user.code("ContactsService/DeleteContact", id=contact) == Code.NOT_FOUND, f"{name}: cannot delete the record of {other}")
            report(user.code("ContactsService/CreateAffiliation", affiliation={"contact_id": contact, "organization_id": organization}) == Code.NOT_FOUND,
                   f"{name}: cannot link the record of {other}")

# ownership goes only where one's own arm reaches
own = people["north own"]
report(own.code("ContactsService/UpdateContact", contact={"id": records["north own"][0], "owner_id": people["south own"].id}, update_mask="ownerId") == Code.PERMISSION_DENIED,
       "level own: a record cannot be given away")
report(own.code("ContactsService/CreateContact", contact={"display_name": "X", "owner_id": people["south own"].id}) == Code.PERMISSION_DENIED, "level own: nor made for somebody else")


def retried(call):
    """The directory hears of new users by event: an owner may be unknown for a moment."""
    for _ in range(100):
        code = code_of(call)
        if code != Code.INVALID_ARGUMENT:
            return code
        time.sleep(0.05)
    return code


head, boss = people["head"], people["all"]
given = head.call("ContactsService/CreateContact", contact={"display_name": "Given away"})
moved = {"id": given.id, "owner_id": people["south own"].id, "team_id": south}
report(retried(lambda: head.call("ContactsService/UpdateContact", contact=moved, update_mask="ownerId,teamId")) == Code.OK, "level subtree: a record can be moved within the subtree")
report(people["south own"].code("ContactsService/GetContact", id=given.id) == Code.OK, "the new owner sees it")
report(own.code("ContactsService/GetContact", id=given.id) == Code.NOT_FOUND, "others do not")
report(boss.code("ContactsService/CreateContact", contact={"display_name": "X", "owner_id": "01890a5d-ac96-774b-bcce-b302099a8057"}) == Code.INVALID_ARGUMENT,
       "an owner must be a user of the tenant")
for_south = []
report(retried(lambda: for_south.append(boss.call("ContactsService/CreateContact", contact={"display_name": "For the south", "owner_id": people["south own"].id}))) == Code.OK
       and for_south[0].team_id == south, "the team of a new record is its owner's", for_south)

# another tenant sees nothing of it
other = Tenant("elsewhere").admin
report(not other.all("ContactsService/ListContacts", "contacts") and not list(other.call("ContactsService/ExportContacts")), "another tenant sees nothing")
report(not other.call("ContactsService/SearchContacts", query="customer of").results, "not even by search")

# explained
why = t.admin.call("IdentityService/ExplainAccess", user_id=own.id, permission="contacts.contacts.read",
                   resource={"type": "crm.contacts.v1.Contact", "id": given.id, "owner_id": people["south own"].id, "team_id": south})
report(not why.granted and "own records" in why.reason and len(why.rules) == 1 and not why.rules[0].reaches, "ExplainAccess names the rule that does not reach", why.reason)
why = t.admin.call("IdentityService/ExplainAccess", user_id=head.id, permission="contacts.contacts.read",
                   resource={"owner_id": people["south own"].id, "team_id": south})
report(why.granted and why.level == CRM.pool.FindEnumTypeByName("crm.identity.v1.Level").values_by_name["LEVEL_SUBTREE"].number, "and the one that does", why.reason)
finish()
