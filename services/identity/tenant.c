/* Tenants: made with a bootstrap secret, together with their roles and first administrator. */
#include "services/identity/identity.h"

#include "adapters/config/config.h"
#include "adapters/crypto/crypto.h"
#include "base/uuid.h"

/* ---- CreateTenant ---- */

struct role_template {
	const char *name;
	struct {
		const char *permission;
		enum level level;
	} grants[14];
};

static const struct role_template templates[] = {
	{ "administrator", { { "*", LEVEL_ALL } } },
	{ "manager", { { "contacts.*", LEVEL_SUBTREE }, { "deals.*", LEVEL_SUBTREE },
			     { "documents.*", LEVEL_SUBTREE }, { "notifications.*", LEVEL_SUBTREE },
			     { "identity.users.read", LEVEL_ALL },
			     { "identity.teams.read", LEVEL_ALL } } },
	{ "salesperson", { { "contacts.contacts.read", LEVEL_TEAM },
				 { "contacts.contacts.create", LEVEL_OWN },
				 { "contacts.contacts.update", LEVEL_OWN },
				 { "contacts.organizations.read", LEVEL_TEAM },
				 { "contacts.organizations.create", LEVEL_OWN },
				 { "contacts.organizations.update", LEVEL_OWN },
				 { "contacts.affiliations.read", LEVEL_TEAM },
				 { "contacts.affiliations.create", LEVEL_OWN },
				 { "contacts.interactions.read", LEVEL_TEAM },
				 { "contacts.interactions.create", LEVEL_TEAM },
				 { "contacts.inquiries.read", LEVEL_TEAM },
				 { "contacts.inquiries.create", LEVEL_OWN },
				 { "identity.users.read", LEVEL_ALL } } },
};
enum { N_TEMPLATES = sizeof(templates) / sizeof(templates[0]) };

/* Each line of the file is a secret; every line is looked at, so that the time says nothing. */
static enum status check_bootstrap(struct call *call, const char *secret)
{
	struct str text = { 0 };
	if (*identity_settings.bootstrap_file &&
		config_read_file(call->arena, identity_settings.bootstrap_file, 65536, &text) !=
			ST_OK)
		text = (struct str){ 0 };
	uint8_t given[CRYPTO_DIGEST], line[CRYPTO_DIGEST];
	crypto_digest(str_c(secret), given);
	bool found = false;
	while (text.p) {
		const struct str candidate = str_trim(str_cut(&text, '\n'));
		crypto_digest(candidate, line);
		found |= candidate.n >= 16 &&
			 crypto_equal(str_n(given, sizeof(given)), str_n(line, sizeof(line)));
	}
	return found ? ST_OK
		     : call_fail(call, ST_PERMISSION_DENIED, "bootstrap_secret", "is not good");
}

static struct change change_of(const char *entity, const char *id, const void *after)
{
	return (struct change){
		.entity = entity, .verb = "created", .id = id, .revision = 1, .after = after
	};
}

static Crm__Role *role_from(
	struct call *call, const struct role_template *t, Google__Protobuf__Timestamp *now)
{
	Crm__Role *r = pb_new(call->arena, &crm__role__descriptor);
	const size_t max = sizeof(t->grants) / sizeof(t->grants[0]);
	r->id = uuid_v7_text(call->arena);
	r->etag = "1";
	r->revision = 1;
	r->create_time = r->update_time = now;
	r->creator_id = call->scope->user_id;
	r->display_name = t->name;
	r->built_in = true;
	r->grants = arena_new_array(call->arena, Crm__Grant *, max);
	for (size_t i = 0; i < max && t->grants[i].permission; i++) {
		Crm__Grant *g = pb_new(call->arena, &crm__grant__descriptor);
		g->permission = t->grants[i].permission;
		g->level = (Crm__Level)t->grants[i].level;
		r->grants[r->n_grants++] = g;
	}
	return r;
}

static Crm__User *administrator(struct call *call, const Crm__CreateTenantRequest *q,
	const char *role_id, Google__Protobuf__Timestamp *now)
{
	Crm__User *u = pb_new(call->arena, &crm__user__descriptor);
	u->id = call->scope->user_id;
	u->etag = "1";
	u->revision = 1;
	u->create_time = u->update_time = now;
	u->creator_id = u->id;
	u->email = q->administrator_email;
	u->display_name = q->administrator_name;
	u->state = CRM__USER__STATE__STATE_ACTIVE;
	u->role_ids = arena_dup(call->arena, &role_id, sizeof(role_id));
	u->n_role_ids = 1;
	return u;
}

static void add_user(struct call *call, struct db_batch *b, Crm__User *u, const char *hash)
{
	Crm__UserRoles roles = CRM__USER_ROLES__INIT;
	roles.user_id = u->id;
	roles.n_role_ids = u->n_role_ids;
	roles.role_ids = u->role_ids;
	u->password = hash;
	(void)db_batch_add(b, &sql_user_insert, call_args(call, u)); /* no rows are read */
	(void)db_batch_add(b, &sql_user_roles_insert, call_args(call, &roles));
	u->password = "";
}

static enum status write_tenant(struct call *call, struct db_batch *b, const struct change *changes,
	size_t n, const void *response)
{
	struct db_error e;
	const enum status s = call_try_write(call, b, changes, n, response, &e);
	if (s == ST_ALREADY_EXISTS && strcmp(e.constraint, "tenant_key_is_free") == 0)
		return call_fail(call, s, "tenant.key", "is taken");
	if (s == ST_ALREADY_EXISTS && strcmp(e.constraint, "bootstrap_secret_is_unused") == 0)
		return call_fail(call, ST_PERMISSION_DENIED, "bootstrap_secret", "was used before");
	return s == ST_OK ? s : call_fail_db(call, &e);
}

enum status create_tenant(struct call *call)
{
	const Crm__CreateTenantRequest *q = call->request;
	const char *hash;
	TRY(check_bootstrap(call, q->bootstrap_secret));
	TRY(password_hash(call, q->administrator_password, &hash));
	call_act_as(call, uuid_v7_text(call->arena), uuid_v7_text(call->arena));
	Google__Protobuf__Timestamp *now = call_timestamp(call->arena, call_now_us(call));

	Crm__Tenant *t = pb_dup(call->arena, q->tenant);
	t->id = call->scope->tenant_id;
	t->etag = "1";
	t->revision = 1;
	t->create_time = t->update_time = now;
	Crm__BootstrapUse use = CRM__BOOTSTRAP_USE__INIT;
	uint8_t digest[CRYPTO_DIGEST];
	crypto_digest(str_c(q->bootstrap_secret), digest);
	use.secret_digest = (ProtobufCBinaryData){ .len = sizeof(digest), .data = digest };
	use.tenant_id = t->id;

	struct db_batch *b = db_batch_new(call->service->db, call->arena);
	struct change changes[2 + N_TEMPLATES];
	size_t n = 0;
	/* no rows are read, here and below */
	(void)db_batch_add(b, &sql_bootstrap_use, call_args(call, &use));
	(void)db_batch_add(b, &sql_tenant_insert, call_args(call, t));
	changes[n++] = change_of("tenant", t->id, t);
	const char *administrator_role = NULL;
	for (size_t i = 0; i < N_TEMPLATES; i++) {
		Crm__Role *r = role_from(call, &templates[i], now);
		(void)db_batch_add(b, &sql_role_insert, call_args(call, r));
		changes[n++] = change_of("role", r->id, r);
		administrator_role = i == 0 ? r->id : administrator_role;
	}
	Crm__User *u = administrator(call, q, administrator_role, now);
	add_user(call, b, u, hash);
	changes[n++] = change_of("user", u->id, u);
	Crm__CreateTenantResponse r = CRM__CREATE_TENANT_RESPONSE__INIT;
	r.tenant = t;
	r.administrator = u;
	return write_tenant(call, b, changes, n, &r);
}

/* ---- GetTenant, UpdateTenant ---- */

static enum status load_tenant(struct call *call, Crm__Tenant **ret)
{
	struct db_rows *rows;
	TRY(db_read(call->service->db, call->arena, &sql_tenant_get, call_args(call, NULL), &rows));
	return db_row_message(call->arena, rows, 0, ret);
}

enum status get_tenant(struct call *call)
{
	Crm__Tenant *t;
	TRY(load_tenant(call, &t));
	return call_reply(call, t);
}

enum status update_tenant(struct call *call)
{
	const Crm__UpdateTenantRequest *q = call->request;
	Crm__Tenant *before;
	TRY(load_tenant(call, &before));
	if (*q->tenant->etag && strcmp(q->tenant->etag, before->etag) != 0)
		return call_fail_reason(call, ST_ABORTED, "ETAG_MISMATCH", "tenant.etag",
			"the tenant has changed; read it again");
	Crm__Tenant *after = pb_dup(call->arena, before);
	TRY(resource_apply_mask(call, "tenant", after, q->tenant, q->update_mask));
	after->revision++;
	after->etag = arena_printf(call->arena, "%lld", (long long)after->revision);
	after->update_time = call_timestamp(call->arena, call_now_us(call));
	struct db_batch *b = db_batch_new(call->service->db, call->arena);
	(void)db_batch_add(b, &sql_tenant_update, call_args(call, after)); /* no rows are read */
	const struct change change = { .entity = "tenant",
		.verb = "updated",
		.id = after->id,
		.revision = after->revision,
		.before = before,
		.after = after };
	return call_write(call, b, &change, 1, after);
}
