"""Organizations, which are a tree, and who belongs to them."""
import uuid

from office import Code, Office, ids, in_parallel, run, stories

OFFICE = Office("organizations")
ADMIN = OFFICE.admin


def organization(name, **fields):
    return ADMIN.CreateOrganization(organization={"name": name, **fields})


def organizations_are_a_tree_without_circles():
    top = organization("Koncern a.s.", domains=["koncern.example"])
    middle = organization("Závod s.r.o.", parent_id=top.id)
    leaf = organization("Dílna", parent_id=middle.id)
    for child, parent in ((top, leaf), (top, middle), (top, top)):
        assert ADMIN.code("UpdateOrganization", organization={"id": child.id, "parent_id": parent.id}, update_mask="parentId") == Code.FAILED_PRECONDITION
    assert ids(ADMIN.ListOrganizations(filter=f'parent_id = "{top.id}"').organizations) == [middle.id]
    assert ADMIN.UpdateOrganization(organization={"id": leaf.id}, update_mask="parentId").parent_id == ""
    assert ADMIN.code("CreateOrganization", organization={"name": "x", "parent_id": str(uuid.uuid4())}) == Code.NOT_FOUND


def two_changes_at_the_same_moment_make_no_circle():
    pair = [organization(f"Pair {i}").id for i in range(2)]
    codes = in_parallel(2, lambda i: ADMIN.code("UpdateOrganization", organization={"id": pair[i], "parent_id": pair[1 - i]}, update_mask="parentId"))
    assert sorted(c.name for c in codes) == ["FAILED_PRECONDITION", "OK"], codes


def people_belong_to_organizations():
    mill, saw = organization("Mlýn Horka"), organization("Pila Dolní")
    c = ADMIN.CreateContact(contact={"display_name": "Karel Mlynář"})
    a = ADMIN.CreateAffiliation(affiliation={"contact_id": c.id, "organization_id": mill.id, "title": "mlynář", "primary": True})
    assert (a.contact_display_name, a.organization_name) == ("Karel Mlynář", "Mlýn Horka")
    assert ADMIN.code("CreateAffiliation", affiliation={"contact_id": c.id, "organization_id": mill.id}) == Code.ALREADY_EXISTS
    second = {"contact_id": c.id, "organization_id": saw.id, "primary": True}
    assert ADMIN.error("CreateAffiliation", affiliation=second) == (Code.ALREADY_EXISTS, ["affiliation.primary"])
    assert ADMIN.code("CreateAffiliation", affiliation={**second, "contact_id": str(uuid.uuid4())}) == Code.NOT_FOUND
    backwards = {"contact_id": c.id, "organization_id": saw.id, "start_date": "2026-02-01", "end_date": "2026-01-01"}
    assert ADMIN.code("CreateAffiliation", affiliation=backwards) == Code.INVALID_ARGUMENT
    assert ids(ADMIN.ListAffiliations(filter=f'contact_id = "{c.id}"').affiliations) == [a.id]
    assert ADMIN.UpdateAffiliation(affiliation={"id": a.id, "title": "mistr"}).title == "mistr"
    ADMIN.DeleteAffiliation(id=a.id)
    assert ADMIN.code("GetAffiliation", id=a.id) == Code.NOT_FOUND


if __name__ == "__main__":
    run(stories())
