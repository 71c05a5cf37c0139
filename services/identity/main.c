/* The identity service. */
#include "services/identity/identity.h"

#include "adapters/log/log.h"

extern const char crm_identity_pb[], crm_identity_pb_end[];

struct identity_settings identity_settings;

#define SETTING(name) offsetof(struct identity_settings, name)
enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };
static const int64_t DAY = 24 * (int64_t)HOUR;

static const ProtobufCServiceDescriptor *const apis[] = {
	&crm__identity_service__descriptor,
	NULL,
};

/* Types that only SQL uses. */
static const ProtobufCMessageDescriptor *const types[] = {
	&crm__login_key__descriptor,
	&crm__login_user__descriptor,
	&crm__session_row__descriptor,
	&crm__sessions_end__descriptor,
	&crm__sign_in_attempt__descriptor,
	&crm__sign_in_count__descriptor,
	&crm__signing_key__descriptor,
	&crm__bootstrap_use__descriptor,
	&crm__password_row__descriptor,
	&crm__user_roles__descriptor,
	NULL,
};

/* Keys are kept until the last token they signed has ended: with very short lives there would be
 * very many. */
static enum status start(struct service *s)
{
	(void)s;
	if (identity_settings.key_rotation_ms * 8 >= identity_settings.access_ms)
		return ST_OK;
	log_error("setting_wrong", LOG_STR("name", "key_rotation_time"),
		LOG_STR("expected", "at least an eighth of access_token_time"));
	return ST_INVALID_ARGUMENT;
}

int main(int argc, char **argv)
{
	const struct config_item config[] = {
		{ "bootstrap_file", CONFIG_STR, SETTING(bootstrap_file), "", 0, 0, NULL,
			"file of secrets, one a line; each makes one tenant" },
		{ "access_token_time", CONFIG_DURATION, SETTING(access_ms), "10m", 10 * SECOND,
			HOUR, NULL, "how long an access token is good" },
		{ "refresh_token_time", CONFIG_DURATION, SETTING(refresh_ms), "30d", MINUTE,
			400 * DAY, NULL, "how long a session lasts without a refresh" },
		{ "key_rotation_time", CONFIG_DURATION, SETTING(key_rotation_ms), "1d", 2 * SECOND,
			90 * DAY, NULL,
			"how long a key signs tokens; at least an eighth of access_token_time" },
		{ "throttle_time", CONFIG_DURATION, SETTING(throttle_ms), "15m", SECOND, DAY, NULL,
			"how long a failed sign-in counts" },
		{ "account_attempts", CONFIG_INT, SETTING(account_attempts), "10", 1, 1000, NULL,
			"failed sign-ins allowed on one account in that time" },
		{ "address_attempts", CONFIG_INT, SETTING(address_attempts), "100", 1, 1000000,
			NULL, "failed sign-ins allowed from one address in that time" },
	};
	const struct service_def def = {
		.name = "identity",
		.descriptors = crm_identity_pb,
		.descriptors_end = crm_identity_pb_end,
		.apis = apis,
		.methods = identity_methods,
		.types = types,
		.statements = &identity_statements,
		.migrations = identity_migrations,
		.n_migrations = identity_n_migrations,
		.publishes = true,
		.config = config,
		.n_config = sizeof(config) / sizeof(config[0]),
		.settings = &identity_settings,
		.start = start,
		.ready = tokens_ready,
	};
	return service_main(&def, argc, argv);
}
