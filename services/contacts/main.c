/* The contacts service. */
#include "services/contacts/contacts.h"

extern const char crm_contacts_pb[], crm_contacts_pb_end[];

struct contacts_settings contacts_settings;

static const struct config_item config[] = {
	{ "default_region", CONFIG_STR, offsetof(struct contacts_settings, default_region), "CZ", 2,
		2, NULL, "country whose dialling rules apply to phone numbers without '+'" },
};

static const ProtobufCServiceDescriptor *const apis[] = {
	&crm__contacts_service__descriptor,
	NULL,
};

/* Types that only SQL uses. */
static const ProtobufCMessageDescriptor *const types[] = {
	&crm__contact_search__descriptor,
	&crm__contact_keys__descriptor,
	&crm__channel_message__descriptor,
	&crm__inquiry_answer__descriptor,
	&crm__import_key__descriptor,
	&crm__import_keys__descriptor,
	NULL,
};

int main(int argc, char **argv)
{
	const struct service_def def = {
		.name = "contacts",
		.descriptors = crm_contacts_pb,
		.descriptors_end = crm_contacts_pb_end,
		.apis = apis,
		.methods = contacts_methods,
		.types = types,
		.statements = &contacts_statements,
		.migrations = contacts_migrations,
		.n_migrations = contacts_n_migrations,
		.publishes = true,
		.config = config,
		.n_config = sizeof(config) / sizeof(config[0]),
		.settings = &contacts_settings,
	};
	return service_main(&def, argc, argv);
}
