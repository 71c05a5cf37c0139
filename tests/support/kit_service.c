/* See kit_service.h. */
#include "tests/support/kit_service.h"
#include <stdio.h>
#include "adapters/crypto/crypto.h"
#include "base/clock.h"
#include "crm/contacts/v1/contacts_service.pb-c.h"
#include "crm/identity/v1/identity_service.pb-c.h"
#include "kit/auth.h"
#include "kit/call_private.h"
#include "kit/service.h"

enum { MAX_METHODS = 64, MINUTE_US = 60000000, YEAR_S = 31536000 };

extern const char crm_contacts_pb[], crm_contacts_pb_end[];
extern const char crm_identity_pb[], crm_identity_pb_end[];

/* ---- keys and tokens ---- */

static struct sign_key *key_of(struct arena *a, int number)
{
	uint8_t seed[32];
	struct sign_key *k;
	enum status s;

	memset(seed, number + 1, sizeof(seed));
	s = sign_key_from_seed(a, str_n(seed, sizeof(seed)), &k);
	return s == ST_OK ? k : NULL;
}

static const char *claims_of(struct arena *a, const struct kit_token *t)
{
	int64_t now = clock_now_us() / 1000000;

	return arena_printf(a,
		"{\"iss\":\"crm\",\"sub\":\"" KIT_USER "\",\"tid\":\"" KIT_TENANT
		"\",\"sid\":\"%s\",\"team\":\"" KIT_TEAM "\",\"teams\":[\"" KIT_TEAM
		"\",\"" KIT_TEAM_BELOW
		"\"],\"perms\":%s,\"iat\":%lld,\"exp\":%lld,\"kind\":\"user\"}",
		t->session ? t->session : KIT_SESSION, t->perms ? t->perms : "[[\"*\",4]]",
		(long long)now, (long long)(now + (t->ends_in_s ? t->ends_in_s : 600)));
}

const char *kit_token(struct arena *a, struct kit_token t)
{
	struct str token = jwt_sign(a, key_of(a, t.key), t.kid ? t.kid : "test",
		str_c(t.claims ? t.claims : claims_of(a, &t)));

	return arena_printf(a, "Bearer %.*s", (int)token.n, token.p);
}

/* ---- handlers ---- */

static enum status unserved(struct call *call)
{
	(void)call;
	return ST_UNIMPLEMENTED;
}

static enum status get_contact(struct call *call)
{
	const Crm__GetContactRequest *q = call->request;
	Crm__Contact c = CRM__CONTACT__INIT;

	c.id = q->id;
	c.owner_id = call->scope->user_id;
	c.team_id = call->scope->team_id;
	c.display_name = arena_printf(call->arena, "%zu %d %s %s %s", call->scope->n_teams,
		call->scope->sees_all, call->address, call->correlation_id, call->traceparent);
	return call_reply(call, &c);
}

static enum status delete_contact(struct call *call)
{
	const Crm__DeleteContactRequest *q = call->request;
	int64_t status = ST_UNKNOWN;

	return str_to_i64(str_c(q->etag), &status) ? (enum status)status : ST_UNKNOWN;
}

static enum status create_contact(struct call *call)
{
	const Crm__CreateContactRequest *q = call->request;
	struct pb_violations v = { .n = 2,
		.v = { { "contact.name", "is not a name" },
			{ "contact.emails[0].address", "has no domain" } } };
	Crm__Contact c = CRM__CONTACT__INIT;

	if (strcmp(q->contact->display_name, "bad") == 0)
		return call_fail_violations(call, &v, "");
	if (strcmp(q->contact->display_name, "secret") == 0) {
		call_error_detail(call, "SELECT 42");
		return ST_INTERNAL;
	}
	c.display_name = call->request_id;
	return call_reply(call, &c);
}

static enum status no_answer(struct call *call)
{
	(void)call;
	return ST_OK;
}

static enum status wait_for_deadline(struct call *call)
{
	(void)call;
	return fiber_sleep_us(MINUTE_US);
}

static enum status search_contacts(struct call *call)
{
	Crm__SearchContactsResponse r = CRM__SEARCH_CONTACTS_RESPONSE__INIT;

	TRY(fiber_sleep_us(300000));
	return call_reply(call, &r);
}

static enum status import_row(struct call *call, Crm__ImportContactsResponse *r, bool *ret_is_end)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	Crm__ImportContactsRequest *q;
	enum status s = call_recv(call, a, &q, NULL);

	*ret_is_end = s == ST_OK && !q;
	if (s == ST_INVALID_ARGUMENT && q) {
		call_error_take(call, NULL, NULL);
		r->invalid_count++;
		return ST_OK;
	}
	TRY(s);
	r->created_count += !*ret_is_end;
	return ST_OK;
}

static enum status import_contacts(struct call *call)
{
	Crm__ImportContactsResponse r = CRM__IMPORT_CONTACTS_RESPONSE__INIT;

	for (bool is_end = false; !is_end;)
		TRY(import_row(call, &r, &is_end));
	return call_reply(call, &r);
}

static enum status export_contacts(struct call *call)
{
	Crm__Contact c = CRM__CONTACT__INIT;

	for (int i = 0; i < 3; i++) {
		c.revision = i;
		TRY(call_send(call, &c));
	}
	return ST_OK;
}

static enum status revoke_own(struct call *call)
{
	Crm__Organization o = CRM__ORGANIZATION__INIT;

	auth_revoke(call->service->auth, call->principal->session_id);
	return call_reply(call, &o);
}

static enum status get_key_set(struct call *call)
{
	Crm__GetKeySetResponse__Key key = CRM__GET_KEY_SET_RESPONSE__KEY__INIT;
	Crm__GetKeySetResponse__Key *keys[] = { &key };
	Crm__GetKeySetResponse r = CRM__GET_KEY_SET_RESPONSE__INIT;
	struct str public_key = sign_key_public(key_of(call->arena, 0));

	key.kid = "test";
	key.public_key.len = public_key.n;
	key.public_key.data = (uint8_t *)(uintptr_t)public_key.p;
	key.expire_time = call_timestamp(call->arena, clock_now_us() + YEAR_S * INT64_C(1000000));
	r.n_keys = 1;
	r.keys = keys;
	return call_reply(call, &r);
}

static const struct method_entry HANDLERS[] = {
	{ "GetContact", get_contact, NULL },
	{ "DeleteContact", delete_contact, NULL },
	{ "CreateContact", create_contact, NULL },
	{ "UndeleteContact", no_answer, NULL },
	{ "ListContacts", wait_for_deadline, NULL },
	{ "SearchContacts", search_contacts, NULL },
	{ "ImportContacts", import_contacts, NULL },
	{ "ExportContacts", export_contacts, NULL },
	{ "GetOrganization", revoke_own, NULL },
	{ "GetKeySet", get_key_set, NULL },
	{ 0 },
};

/* ---- starting ---- */

static enum status start_with_key(struct service *s)
{
	struct str public_key = sign_key_public(key_of(s->arena, 0));

	auth_add_key(s->auth, "test", public_key, clock_now_us() + YEAR_S * INT64_C(1000000));
	return ST_OK;
}

static enum status start_late(struct service *s)
{
	(void)s;
	return fiber_sleep_us(MINUTE_US);
}

static enum status start_badly(struct service *s)
{
	(void)s;
	return ST_FAILED_PRECONDITION;
}

/* Proves that it is asked again: state tells that it was here before. */
static enum status ready_at_the_second_time(struct service *s)
{
	enum status status = s->state ? ST_OK : ST_UNAVAILABLE;

	s->state = s;
	return status;
}

static const struct db_statements NO_STATEMENTS = { .n = 0 };
static const struct db_statement MISFIT = {
	.name = "misfit",
	.kind = DB_EXEC,
	.sql = "SELECT no_such_column FROM outbox",
	.file = "misfit.sql",
	.line = 7,
};
static const struct db_statement *const MISFIT_LIST[] = { &MISFIT };
static const struct db_statements MISFIT_STATEMENTS = { .list = MISFIT_LIST, .n = 1 };

static void use_database(struct service_def *def, const struct db_statements *statements)
{
	def->start = start_with_key;
	def->ready = ready_at_the_second_time;
	def->publishes = true;
	def->statements = statements;
}

static enum status (*handler_of(const char *name))(struct call *call)
{
	for (const struct method_entry *e = HANDLERS; e->name; e++) {
		if (strcmp(e->name, name) == 0)
			return e->serve;
	}
	return unserved;
}

/* An entry for each method of the api but for the one left out. */
static size_t fill(
	struct method_entry *list, const ProtobufCServiceDescriptor *api, const char *but)
{
	size_t n = 0;

	for (unsigned i = 0; i < api->n_methods && n < MAX_METHODS - 2; i++) {
		const char *name = api->methods[i].name;

		if (!but || strcmp(name, but) != 0)
			list[n++] =
				(struct method_entry){ .name = name, .serve = handler_of(name) };
	}
	return n;
}

int kit_service_main(int argc, char **argv)
{
	static const ProtobufCServiceDescriptor *const contacts[] = {
		&crm__contacts_service__descriptor, NULL
	};
	static const ProtobufCServiceDescriptor *const identity[] = {
		&crm__identity_service__descriptor, NULL
	};
	static const ProtobufCServiceDescriptor *const none[] = { NULL };
	struct method_entry methods[MAX_METHODS] = { 0 };
	struct service_def def = { .name = "contacts",
		.descriptors = crm_contacts_pb,
		.descriptors_end = crm_contacts_pb_end,
		.apis = contacts,
		.methods = methods };
	const char *variant = argc > 1 ? argv[1] : "";
	bool is_identity = strcmp(variant, "identity") == 0;
	size_t n = fill(methods, is_identity ? identity[0] : contacts[0],
		strcmp(variant, "unhandled") == 0 ? "UpdateContact" : NULL);

	if (is_identity) {
		def.name = variant;
		def.apis = identity;
		def.descriptors = crm_identity_pb;
		def.descriptors_end = crm_identity_pb_end;
	}
	if (strcmp(variant, "contacts") == 0)
		def.start = start_with_key;
	if (strcmp(variant, "database") == 0)
		use_database(&def, &NO_STATEMENTS);
	if (strcmp(variant, "misfit") == 0)
		use_database(&def, &MISFIT_STATEMENTS);
	if (strcmp(variant, "waiting") == 0)
		def.start = start_late;
	if (strcmp(variant, "failing") == 0)
		def.start = start_badly;
	if (strcmp(variant, "unknown") == 0)
		methods[n] = (struct method_entry){ .name = "NoSuchMethod", .serve = unserved };
	if (strcmp(variant, "twice") == 0)
		methods[n] = (struct method_entry){ .name = "GetContact", .serve = get_contact };
	if (strcmp(variant, "undeclared") == 0) {
		def.apis = none;
		methods[0].name = NULL;
	}
	return service_main(&def, argc - 1, argv + 1);
}
