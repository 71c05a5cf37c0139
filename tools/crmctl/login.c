/*
 * crmctl login, logout, whoami and bootstrap: the methods of the identity service that a person
 * needs to begin with, by reflection like all others.
 */
#include <stdio.h>
#include "adapters/json/json.h"
#include "tools/crmctl/method.h"
#include "tools/crmctl/password.h"
#include "tools/crmctl/target.h"
#include "tools/crmctl/text.h"
#include "tools/crmctl/token.h"

static enum status identity_call(struct ctl *c, const char *target, const char *method,
	const char *token, struct str json, struct str *ret)
{
	struct rpc_channel *ch;
	struct method m;

	TRY(target_open(c, target, &ch));
	TRY(method_find(c, ch, arena_printf(c->arena, "IdentityService/%s", method), &m));
	return method_call(c, c->arena, &m, token, json, ret);
}

static enum status require(struct ctl *c, const char *flag, const char *value)
{
	return value ? ST_OK : ctl_fail_usage(c, "--%s is missing", flag);
}

/* ---- login ---- */

static enum status password_request(struct ctl *c, struct buf *ret)
{
	const struct options *o = &c->options;
	const char *password;

	TRY(require(c, "tenant", o->tenant));
	TRY(require(c, "email", o->email));
	TRY(password_get(c, &password));
	const char *const members[] = { "tenantKey", o->tenant, "email", o->email, "password",
		password };

	buf_puts(ret, "{\"password\":");
	json_object_put(ret, members, 6);
	buf_puts(ret, ",\"device\":\"crmctl\"}");
	return ST_OK;
}

static enum status api_key_request(struct ctl *c, struct buf *ret)
{
	const struct options *o = &c->options;
	const char *key;

	if (o->tenant || o->email || o->password_file)
		return ctl_fail_usage(
			c, "an API key needs no --tenant, --email or --password-file");
	TRY(first_line(c, "api-key-file", o->api_key_file, &key));
	const char *const members[] = { "apiKey", key, "device", "crmctl" };

	json_object_put(ret, members, 4);
	return ST_OK;
}

enum status login_run(struct ctl *c)
{
	const struct options *o = &c->options;
	struct token t = { .target = o->target,
		.tenant = o->tenant ? o->tenant : "",
		.email = o->email ? o->email : "" };
	struct buf request = buf_new(c->arena, 0);
	struct str answer;

	TRY(o->api_key_file ? api_key_request(c, &request) : password_request(c, &request));
	TRY(identity_call(c, o->target, "Authenticate", NULL, buf_str(&request), &answer));
	TRY(token_take(c, answer, &t));
	TRY(token_store(c, &t));
	return line_print(
		str_c(arena_printf(c->arena, "signed in as %s", *t.email ? t.email : t.user_id)));
}

/* ---- logout ---- */

enum status logout_run(struct ctl *c)
{
	struct token t;
	struct str answer;
	enum status st;

	TRY(token_load(c, &t));
	if (!t.access_token)
		return line_print(STR("nobody was signed in"));
	st = token_require(c, &t);
	if (st == ST_OK)
		st = identity_call(
			c, t.target, "RevokeSession", t.access_token, STR("{}"), &answer);
	/* one that has ended is forgotten all the same; one that could not be reached may be tried
	 * again */
	if (st != ST_OK && st != ST_UNAUTHENTICATED && st != ST_NOT_FOUND)
		return st;
	TRY(token_remove(c));
	return line_print(STR("signed out"));
}

/* ---- whoami ---- */

static const char *text_of(struct ctl *c, const struct json *v, const char *name)
{
	struct str s = json_text(json_member(v, name));

	return s.p ? str_dup(c->arena, s) : "";
}

/* Asks the server, so that what is shown is a sign-in that is good. */
enum status whoami_run(struct ctl *c)
{
	const struct json *tenant;
	struct token t;
	struct str answer;

	TRY(token_require(c, &t));
	TRY(identity_call(c, t.target, "GetTenant", t.access_token, STR("{}"), &answer));
	TRY(json_parse(c->arena, answer, &tenant));
	printf("tenant   %s (%s)\n", text_of(c, tenant, "key"), text_of(c, tenant, "displayName"));
	printf("user     %s%s%s\n", t.email, *t.email ? " " : "by API key ", t.user_id);
	printf("session  %s\n", t.session_id);
	printf("server   %s\n", t.target);
	return ST_OK;
}

/* ---- bootstrap ---- */

static enum status bootstrap_check(struct ctl *c)
{
	const struct options *o = &c->options;

	TRY(require(c, "tenant", o->tenant));
	TRY(require(c, "name", o->name));
	TRY(require(c, "email", o->email));
	TRY(require(c, "admin-name", o->admin_name));
	return require(c, "secret-file", o->secret_file);
}

enum status bootstrap_run(struct ctl *c)
{
	const struct options *o = &c->options;
	const char *const tenant[] = { "key", o->tenant, "displayName", o->name };
	struct buf request = buf_new(c->arena, 0);
	const char *password, *secret;
	struct str answer;

	TRY(bootstrap_check(c));
	TRY(first_line(c, "secret-file", o->secret_file, &secret));
	TRY(password_get(c, &password));
	const char *const rest[][2] = { { "administratorEmail", o->email },
		{ "administratorName", o->admin_name }, { "administratorPassword", password },
		{ "bootstrapSecret", secret } };

	buf_puts(&request, "{\"tenant\":");
	json_object_put(&request, tenant, 4);
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
		buf_printf(&request, ",\"%s\":", rest[i][0]);
		json_text_put(&request, rest[i][1]);
	}
	buf_put_c(&request, '}');
	TRY(identity_call(c, o->target, "CreateTenant", NULL, buf_str(&request), &answer));
	return line_print(answer);
}
