/* See method.h. */
#include "tools/crmctl/method.h"
#include <errno.h>
#include <stdio.h>
#include "tools/crmctl/target.h"

enum status method_find(struct ctl *c, struct rpc_channel *ch, const char *name, struct method *ret)
{
	struct reflection *r = reflect_begin(c, ch);
	struct str method = str_c(name + (name[0] == '/'));
	struct str given = str_cut(&method, '/');
	struct pb_schema *schema;
	const char *service;
	enum status st;

	if (given.n == 0 || !method.p || method.n == 0 || memchr(method.p, '/', method.n))
		return ctl_fail_usage(c, "a method is SERVICE/METHOD, not '%s'", name);
	TRY(reflect_service_name(r, given, &service));
	st = reflect_symbol(r, service);
	if (st == ST_NOT_FOUND)
		return ctl_fail(st,
			"the server has no service %s; crmctl list shows those that it has",
			service);
	TRY(st);
	TRY(reflect_schema(r, &schema));
	ret->channel = ch;
	ret->schema = schema;
	ret->pb = pb_schema_method(
		schema, str_c(arena_printf(c->arena, "/%s/%s", service, method.p)));
	if (!ret->pb)
		return ctl_fail(ST_NOT_FOUND,
			"%s has no method %s; crmctl list %s shows those that it has", service,
			method.p, service);
	return ST_OK;
}

enum status method_request(
	struct arena *a, const struct method *m, struct str json, struct str *ret_wire)
{
	struct pb_violations wrong = { 0 };

	if (pb_json_to_wire(a, m->schema, m->pb->input, json, ret_wire, &wrong) == ST_OK)
		return ST_OK;
	return ctl_fail_fields(
		arena_printf(a, "the request is no %s", m->pb->input->full_name), &wrong);
}

enum status method_answer(struct arena *a, const struct method *m, struct rpc_bytes *b,
	unsigned json_flags, struct str *ret)
{
	struct str wire = rpc_flat(a, b);
	struct pb_violations wrong = { 0 };

	if (pb_validate(a, m->pb->output, wire, PB_VALIDATE_WIRE, &wrong) != ST_OK ||
		pb_json_from_wire(a, m->schema, m->pb->output, wire, json_flags, ret) != ST_OK)
		return ctl_fail(ST_INTERNAL, "the answer is no %s: %s %s", m->pb->output->full_name,
			wrong.n ? wrong.v[0].field : "", wrong.n ? wrong.v[0].description : "");
	return ST_OK;
}

enum status method_call(struct ctl *c, struct arena *a, const struct method *m, const char *token,
	struct str json, struct str *ret_json)
{
	unsigned flags = c->options.pretty ? PB_JSON_PRETTY : 0;
	struct rpc_response r;
	struct str wire;

	TRY(method_request(a, m, json, &wire));
	if (target_unary(c, a, m->channel, m->pb->path, token, wire, &r) != ST_OK)
		return ctl_fail_outcome(&r.outcome);
	return method_answer(a, m, r.message, flags, ret_json);
}

enum status line_print(struct str line)
{
	if (fwrite(line.p, 1, line.n, stdout) == line.n && fputc('\n', stdout) != EOF &&
		fflush(stdout) == 0)
		return ST_OK;
	return ctl_fail(ST_UNKNOWN, "the output cannot be written: %s", strerror(errno));
}
