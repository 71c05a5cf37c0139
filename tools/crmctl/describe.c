/*
 * crmctl describe: a service, method, message or enum as its server declares it: comments, types,
 * numbers, and the rules and permissions that it enforces.
 */
#include <inttypes.h>
#include <stdio.h>
#include "tools/crmctl/reflect.h"
#include "tools/crmctl/target.h"

struct description {
	struct ctl *ctl;
	struct reflection *reflection;
	struct pb_schema *schema;
};

static void comment_print(const struct description *d, const char *indent, const char *symbol)
{
	struct str text = str_c(pb_schema_comment(d->schema, symbol));

	while (text.n > 0) {
		struct str line = str_cut(&text, '\n');

		printf("%s// %.*s\n", indent, (int)line.n, line.p);
	}
}

static const char *join(const struct description *d, const char *a, const char *b)
{
	return arena_printf(d->ctl->arena, "%s.%s", a, b);
}

/* ---- fields ---- */

static const char *scalar_name(enum pb_type t)
{
	static const char *const NAMES[] = { "", "double", "float", "int64", "uint64", "int32",
		"fixed64", "fixed32", "bool", "string", "group", "message", "bytes", "uint32",
		"enum", "sfixed32", "sfixed64", "sint32", "sint64" };

	return t > 0 && t < sizeof(NAMES) / sizeof(NAMES[0]) ? NAMES[t] : "?";
}

static const char *element_type(const struct pb_field *f)
{
	if (f->message)
		return f->message->full_name;
	return f->enumeration ? f->enumeration->full_name : scalar_name(f->type);
}

static const char *field_type(struct arena *a, const struct pb_field *f)
{
	if (f->is_map && f->message->n_fields == 2)
		return arena_printf(a, "map<%s, %s>", element_type(&f->message->fields[0]),
			element_type(&f->message->fields[1]));
	return arena_printf(a, "%s%s", f->repeated ? "repeated " : "", element_type(f));
}

static const char *format_name(enum pb_format f)
{
	static const char *const NAMES[] = { "", "UUID", "e-mail address", "phone number",
		"phone number in E.164", "URL", "language", "time zone", "country", "currency",
		"date", "key", "domain" };

	return f < sizeof(NAMES) / sizeof(NAMES[0]) ? NAMES[f] : "?";
}

static void rule_put(struct buf *b, const char *text)
{
	buf_printf(b, "%s%s", b->n ? ", " : "", text);
}

static void numbers_put(struct buf *b, struct arena *a, const struct pb_field *f)
{
	const struct pb_rules *r = &f->rules;
	bool is_text = f->type == PB_STRING || f->type == PB_BYTES;

	if (is_text && r->min_length)
		rule_put(b, arena_printf(a, "at least %" PRIu32 " long", r->min_length));
	if (is_text)
		rule_put(b, arena_printf(a, "at most %" PRIu32 " long", r->max_length));
	if (f->repeated)
		rule_put(b, arena_printf(a, "at most %" PRIu32 " elements", r->max_items));
	if (r->min || r->max)
		rule_put(b, arena_printf(a, "%" PRId64 " to %" PRId64, r->min, r->max));
}

static const char *rules_text(struct arena *a, const struct pb_field *f)
{
	const struct pb_rules *r = &f->rules;
	struct buf b = buf_new(a, 0);

	if (r->required)
		rule_put(&b, "required");
	if (r->output_only)
		rule_put(&b, "set by the server");
	if (r->immutable)
		rule_put(&b, "immutable");
	if (r->format != PB_FORMAT_ANY)
		rule_put(&b, format_name(r->format));
	if (!r->output_only)
		numbers_put(&b, a, f);
	if (r->multiline)
		rule_put(&b, "may have several lines");
	if (r->secret)
		rule_put(&b, "secret");
	return buf_cstr(&b);
}

static void field_print(
	const struct description *d, const struct pb_message *m, const struct pb_field *f)
{
	struct arena *a = d->ctl->arena;
	const char *rules = rules_text(a, f);

	comment_print(d, "  ", join(d, m->full_name, f->name));
	printf("  %s %s = %" PRIu32 ";", field_type(a, f), f->name, f->number);
	if (f->oneof >= 0 && f->oneof_name)
		printf(" // one of %s%s%s\n", f->oneof_name, *rules ? "; " : "", rules);
	else
		printf("%s%s\n", *rules ? " // " : "", rules);
}

static void message_print(const struct description *d, const struct pb_message *m)
{
	comment_print(d, "", m->full_name);
	printf("message %s {\n", m->full_name);
	for (size_t i = 0; i < m->n_fields; i++)
		field_print(d, m, &m->fields[i]);
	puts("}");
}

static void enum_print(const struct description *d, const struct pb_enum *e)
{
	const char *dot = strrchr(e->full_name, '.');
	struct str scope = str_n(e->full_name, dot ? (size_t)(dot - e->full_name) : 0);

	comment_print(d, "", e->full_name);
	printf("enum %s {\n", e->full_name);
	for (size_t i = 0; i < e->n_values; i++) {
		comment_print(d, "  ", join(d, str_dup(d->ctl->arena, scope), e->values[i].name));
		printf("  %s = %" PRId32 ";\n", e->values[i].name, e->values[i].number);
	}
	puts("}");
}

/* ---- methods ---- */

static void policy_print(const char *indent, const struct pb_policy *p)
{
	if (p->permission)
		printf("%s// permission: %s\n", indent, p->permission);
	if (p->is_public)
		printf("%s// public: needs no sign-in\n", indent);
	if (p->signed_in)
		printf("%s// for everybody who is signed in\n", indent);
	if (p->event)
		printf("%s// event: %s\n", indent, p->event);
}

static void method_print(const struct description *d, const char *indent, const struct pb_method *m)
{
	comment_print(d, indent, join(d, m->service->full_name, m->name));
	policy_print(indent, &m->policy);
	printf("%srpc %s(%s%s) returns (%s%s);\n", indent, m->name,
		m->client_streaming ? "stream " : "", m->input->full_name,
		m->server_streaming ? "stream " : "", m->output->full_name);
}

static void service_print(const struct description *d, const struct pb_service *s)
{
	comment_print(d, "", s->full_name);
	printf("service %s {\n", s->full_name);
	for (size_t i = 0; i < s->n_methods; i++) {
		method_print(d, "  ", &s->methods[i]);
		if (i + 1 < s->n_methods)
			puts("");
	}
	puts("}");
}

/* With the messages, which one looks up next anyway. */
static void method_full_print(const struct description *d, const struct pb_method *m)
{
	method_print(d, "", m);
	puts("");
	message_print(d, m->input);
	puts("");
	message_print(d, m->output);
}

/* ---- names ---- */

static const struct pb_method *method_of(const struct description *d, const char *name)
{
	const char *dot = strrchr(name, '.');
	struct arena *a = d->ctl->arena;

	if (!dot)
		return NULL;
	return pb_schema_method(
		d->schema, str_c(arena_printf(a, "/%s/%s",
				   arena_strndup(a, name, (size_t)(dot - name)), dot + 1)));
}

static bool print_named(const struct description *d, const char *name)
{
	const struct pb_service *s = pb_schema_service(d->schema, name);
	const struct pb_message *m = pb_schema_message(d->schema, name);
	const struct pb_enum *e = pb_schema_enum(d->schema, name);
	const struct pb_method *method = method_of(d, name);

	if (s)
		service_print(d, s);
	else if (m)
		message_print(d, m);
	else if (e)
		enum_print(d, e);
	else if (method)
		method_full_print(d, method);
	return s || m || e || method;
}

/* A short name is looked for in every package that has a service. */
static enum status everything_fetch(struct description *d, struct service_names *ret_services)
{
	TRY(reflect_services(d->reflection, ret_services));
	for (size_t i = 0; i < ret_services->n; i++) {
		enum status st = reflect_symbol(d->reflection, ret_services->list[i]);

		if (st != ST_NOT_FOUND) /* a service that the server does not describe */
			TRY(st);
	}
	return reflect_schema(d->reflection, &d->schema);
}

static bool print_short(
	const struct description *d, const struct service_names *services, const char *name)
{
	for (size_t i = 0; i < services->n; i++) {
		const char *full = services->list[i], *dot = strrchr(full, '.');
		const char *package =
			arena_strndup(d->ctl->arena, full, dot ? (size_t)(dot - full) : 0);

		if (print_named(d, join(d, package, name)))
			return true;
	}
	return false;
}

/* "Contact", "ContactsService.GetContact", "Interaction.Kind" */
static enum status describe_short(struct description *d, const char *name)
{
	struct service_names services;

	TRY(everything_fetch(d, &services));
	if (print_short(d, &services, name) || print_named(d, name))
		return ST_OK;
	return ctl_fail(ST_NOT_FOUND, "the server declares nothing named %s", name);
}

enum status describe_run(struct ctl *c)
{
	char *name = arena_strdup(c->arena, c->options.args[0] + (c->options.args[0][0] == '/'));
	char *slash = strchr(name, '/');
	struct description d = { .ctl = c };
	struct rpc_channel *ch;

	TRY(target_open(c, c->options.target, &ch));
	d.reflection = reflect_begin(c, ch);
	if (slash) {
		const char *service;

		TRY(reflect_service_name(
			d.reflection, str_n(name, (size_t)(slash - name)), &service));
		name = arena_printf(c->arena, "%s.%s", service, slash + 1);
	}
	return describe_short(&d, name);
}
