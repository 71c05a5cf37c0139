/* Every RPC of the contacts service and what serves it. Permissions, rules and events are declared
 * in proto/crm/contacts/v1. */
#include "services/contacts/contacts.h"

const struct method_entry contacts_methods[] = {
	{ "GetContact", resource_get, &contact_resource },
	{ "ListContacts", resource_list, &contact_resource },
	{ "CreateContact", resource_create, &contact_resource },
	{ "UpdateContact", resource_update, &contact_resource },
	{ "DeleteContact", resource_delete, &contact_resource },
	{ "UndeleteContact", resource_undelete, &contact_resource },
	{ "BatchGetContacts", resource_batch_get, &contact_resource },
	{ "BatchCreateContacts", resource_batch_create, &contact_resource },
	{ "BatchUpdateContacts", resource_batch_update, &contact_resource },
	{ "BatchDeleteContacts", resource_batch_delete, &contact_resource },
	{ "SearchContacts", search_contacts, NULL },
	{ "ImportContacts", import_contacts, NULL },
	{ "ExportContacts", export_contacts, NULL },

	{ "GetOrganization", resource_get, &organization_resource },
	{ "ListOrganizations", resource_list, &organization_resource },
	{ "CreateOrganization", resource_create, &organization_resource },
	{ "UpdateOrganization", resource_update, &organization_resource },
	{ "DeleteOrganization", resource_delete, &organization_resource },
	{ "UndeleteOrganization", resource_undelete, &organization_resource },
	{ "BatchGetOrganizations", resource_batch_get, &organization_resource },
	{ "BatchCreateOrganizations", resource_batch_create, &organization_resource },
	{ "BatchUpdateOrganizations", resource_batch_update, &organization_resource },
	{ "BatchDeleteOrganizations", resource_batch_delete, &organization_resource },

	{ "GetAffiliation", resource_get, &affiliation_resource },
	{ "ListAffiliations", resource_list, &affiliation_resource },
	{ "CreateAffiliation", resource_create, &affiliation_resource },
	{ "UpdateAffiliation", resource_update, &affiliation_resource },
	{ "DeleteAffiliation", resource_delete, &affiliation_resource },

	{ "LogInteraction", log_interaction, NULL },
	{ "ListTimeline", list_timeline, NULL },
	{ "SubmitInquiry", submit_inquiry, NULL },
	{ "GetInquiry", get_inquiry, NULL },
	{ "ListInquiries", list_inquiries, NULL },
	{ 0 },
};
