/* Users: what is particular about them. The field password holds what the client sent until check()
 * has put its hash there; it never leaves. */
#include "services/identity/identity.h"

#include "kit/auth.h"

static const struct filter_field fields[] = {
	{ "id", "m.id", FILTER_UUID, .can_order = true },
	{ "create_time", "m.create_time", FILTER_TIME, .can_order = true },
	{ "display_name", "m.display_name", FILTER_FOLD, .can_order = true, .is_text = true },
	{ "email", "m.email", FILTER_FOLD, .can_order = true, .is_text = true },
	{ "team_id", "m.team_id", FILTER_UUID },
	{ "state", "m.state", FILTER_ENUM },
	{ 0 },
};

static const struct constraint_message constraints[] = {
	{ "member_email_is_free", "email", "is taken by another user", 0 },
	{ "member_team_exists", "team_id", "there is no such team", ST_INVALID_ARGUMENT },
	{ "member_role_role_exists", "role_ids", "one of the roles does not exist",
		ST_INVALID_ARGUMENT },
	{ 0 },
};

static bool has_role(const Crm__User *u, const char *id)
{
	for (size_t i = 0; u && i < u->n_role_ids; i++) {
		if (strcmp(u->role_ids[i], id) == 0)
			return true;
	}
	return false;
}

/* Roles that are new to the user must exist and allow nothing that the caller may not do. */
static enum status check_roles(struct call *call, const Crm__User *before, const Crm__User *after)
{
	for (size_t i = 0; i < after->n_role_ids; i++) {
		if (has_role(before, after->role_ids[i]))
			continue;
		const char *field = arena_printf(call->arena, "user.role_ids[%zu]", i);
		Crm__Role *role;
		TRY(resource_load(call, &role_resource, after->role_ids[i], false, field, &role));
		TRY(check_grants(call, field, role->grants, role->n_grants));
	}
	return ST_OK;
}

enum status check_may_act_as(struct call *call, const char *field, const Crm__User *u)
{
	if (strcmp(u->id, call->scope->user_id) == 0)
		return ST_OK;
	for (size_t i = 0; i < u->n_role_ids; i++) {
		Crm__Role *role;
		TRY(resource_load(call, &role_resource, u->role_ids[i], false, field, &role));
		TRY(check_grants(call, field, role->grants, role->n_grants));
	}
	return ST_OK;
}

/* Who sets the password or the address of another can sign in as them. */
static enum status check_sign_in(struct call *call, const Crm__User *before, const Crm__User *after)
{
	if (!before)
		return ST_OK;
	if (*after->password)
		return check_may_act_as(call, "user.password", before);
	return strcmp(before->email, after->email) == 0
		       ? ST_OK
		       : check_may_act_as(call, "user.email", before);
}

static enum status check_own_state(struct call *call, const Crm__User *after)
{
	const bool ends = after->delete_time || after->state == CRM__USER__STATE__STATE_SUSPENDED;
	if (ends && strcmp(after->id, call->scope->user_id) == 0)
		return call_fail(call, ST_FAILED_PRECONDITION, "user.state",
			"nobody can suspend or delete themselves");
	return ST_OK;
}

static enum status check(struct call *call, const void *before, void *after)
{
	Crm__User *u = after;
	if (u->state == CRM__USER__STATE__STATE_UNSPECIFIED)
		u->state = CRM__USER__STATE__STATE_ACTIVE;
	TRY(check_own_state(call, u));
	TRY(check_roles(call, before, u));
	TRY(check_sign_in(call, before, u));
	if (*u->password)
		TRY(password_hash(call, u->password, &u->password));
	return ST_OK;
}

static bool same_roles(const Crm__User *a, const Crm__User *b)
{
	for (size_t i = 0; i < b->n_role_ids; i++) {
		if (!has_role(a, b->role_ids[i]))
			return false;
	}
	return a && a->n_role_ids == b->n_role_ids;
}

static enum status write_roles(
	struct call *call, struct db_batch *b, const Crm__User *before, const Crm__User *after)
{
	if (before ? same_roles(before, after) : after->n_role_ids == 0)
		return ST_OK;
	Crm__UserRoles roles = CRM__USER_ROLES__INIT;
	roles.user_id = after->id;
	roles.n_role_ids = after->n_role_ids;
	roles.role_ids = after->role_ids;
	const struct db_args args = call_args(call, &roles);
	(void)db_batch_add(b, &sql_user_roles_delete, args); /* no rows are read */
	(void)db_batch_add(b, &sql_user_roles_insert, args);
	return ST_OK;
}

/* Who may not sign in any more, or got another password from somebody, is signed out everywhere. */
static enum status also(
	struct call *call, struct db_batch *b, const void *before, const void *after)
{
	const Crm__User *u = after;
	TRY(write_roles(call, b, before, u));
	if (!before ||
		(!u->delete_time && u->state == CRM__USER__STATE__STATE_ACTIVE && !*u->password))
		return ST_OK;
	const bool is_self = strcmp(u->id, call->scope->user_id) == 0 && call->principal;
	return end_sessions(call, b, u->id, is_self ? call->principal->session_id : "", "");
}

static void redact(void *msg)
{
	((Crm__User *)msg)->password = "";
}

const struct resource user_resource = {
	.name = "user",
	.plural = "users",
	.type = &crm__user__descriptor,
	.is_soft_deleted = true,
	.get = &sql_user_get,
	.get_many = &sql_user_get_many,
	.list = &sql_user_list,
	.insert = &sql_user_insert,
	.update = &sql_user_update,
	.fields = fields,
	.default_order = "create_time",
	.constraints = constraints,
	.check = check,
	.also = also,
	.redact = redact,
};

static enum status check_old_password(struct call *call, const Crm__ChangePasswordRequest *q)
{
	Crm__RowKey key = CRM__ROW_KEY__INIT;
	key.id = call->scope->user_id;
	struct db_rows *rows;
	Crm__PasswordRow *row;
	Crm__SignInAttempt *attempt;
	/* a stolen token must not serve to guess the password */
	TRY(throttle_enter(call, call->scope->tenant_id, call->scope->user_id, &attempt));
	TRY(db_read(
		call->service->db, call->arena, &sql_user_password, call_args(call, &key), &rows));
	TRY(db_row_message(call->arena, rows, 0, &row));
	bool matches;
	TRY(password_check(call, row->password_hash, q->old_password, &matches));
	return matches ? throttle_forgive(call, attempt)
		       : call_fail(call, ST_PERMISSION_DENIED, "old_password", "is wrong");
}

enum status change_password(struct call *call)
{
	const Crm__ChangePasswordRequest *q = call->request;
	TRY(check_old_password(call, q));
	Crm__User *before, *after;
	TRY(resource_load(
		call, &user_resource, call->scope->user_id, false, "old_password", &before));
	after = pb_dup(call->arena, before);
	after->password = q->new_password;
	struct db_batch *b = db_batch_new(call->service->db, call->arena);
	struct change change;
	TRY(resource_prepare_update(call, &user_resource, before, after, b, &change));
	change.verb = "password_changed";
	const Crm__ChangePasswordResponse r = CRM__CHANGE_PASSWORD_RESPONSE__INIT;
	return call_write(call, b, &change, 1, &r);
}
