/*
 * Failures on stderr: "CODE: text", then a line for each detail of google.rpc.Status that is
 * understood. The bytes may be a stranger's: they are read by hand, and what is no printable text
 * does not reach the terminal.
 */
#include <stdio.h>
#include "tools/crmctl/crmctl.h"

static struct pb_reader reader(struct str bytes)
{
	const uint8_t *p = (const uint8_t *)bytes.p;

	return (struct pb_reader){ p, p + bytes.n };
}

static void put_text(struct str s)
{
	bool is_text = utf8_is_valid(s);

	for (size_t i = 0; i < s.n; i++) {
		uint8_t ch = (uint8_t)s.p[i];

		fputc(ch < 0x20 || ch == 0x7f || (ch >= 0x80 && !is_text) ? '?' : ch, stderr);
	}
}

/* A field that holds bytes; "" if there is none. */
static struct str member(struct str wire, uint32_t number)
{
	struct pb_reader r = reader(wire);
	struct pb_wire_field f;
	struct str found = STR("");

	while (pb_read(&r, &f)) {
		if (f.number == number && f.wire_type == 2)
			found = f.bytes;
	}
	return found;
}

static int64_t number_member(struct str wire, uint32_t number)
{
	struct pb_reader r = reader(wire);
	struct pb_wire_field f;
	int64_t found = 0;

	while (pb_read(&r, &f)) {
		if (f.number == number && f.wire_type == 0)
			found = (int64_t)f.value;
	}
	return found;
}

/* "  a: b", or the one that there is */
static void put_pair(struct str a, struct str b)
{
	fputs("  ", stderr);
	put_text(a);
	if (a.n > 0 && b.n > 0)
		fputs(": ", stderr);
	put_text(b);
	fputc('\n', stderr);
}

static void put_error_info(struct str info)
{
	struct str domain = member(info, 2);
	struct pb_reader r = reader(info);
	struct pb_wire_field f;

	fputs("  reason: ", stderr);
	put_text(member(info, 1));
	if (domain.n > 0) {
		fputs(" (", stderr);
		put_text(domain);
		fputc(')', stderr);
	}
	fputc('\n', stderr);
	while (pb_read(&r, &f)) {
		if (f.number == 3 && f.wire_type == 2)
			put_pair(member(f.bytes, 1), member(f.bytes, 2));
	}
}

/* BadRequest: field, description. Of PreconditionFailure the subject and description, of
 * QuotaFailure likewise. */
static void put_violations(struct str list, uint32_t subject, uint32_t description)
{
	struct pb_reader r = reader(list);
	struct pb_wire_field f;

	while (pb_read(&r, &f)) {
		if (f.number == 1 && f.wire_type == 2)
			put_pair(member(f.bytes, subject), member(f.bytes, description));
	}
}

static void put_retry(struct str info)
{
	struct str delay = member(info, 1);

	fprintf(stderr, "  retry after: %lld.%03lld s\n", (long long)number_member(delay, 1),
		(long long)number_member(delay, 2) / 1000000);
}

static void put_detail(struct str any)
{
	struct str type = member(any, 1), value = member(any, 2);

	if (str_ends(type, "/google.rpc.ErrorInfo"))
		put_error_info(value);
	else if (str_ends(type, "/google.rpc.BadRequest"))
		put_violations(value, 1, 2);
	else if (str_ends(type, "/google.rpc.RetryInfo"))
		put_retry(value);
	else if (str_ends(type, "/google.rpc.PreconditionFailure"))
		put_violations(value, 2, 3);
	else if (str_ends(type, "/google.rpc.QuotaFailure"))
		put_violations(value, 1, 2);
	else
		put_pair(STR("detail"), type);
}

static void put_headline(enum status st, struct str text)
{
	fprintf(stderr, "%s: ", status_name(st));
	put_text(text);
	fputc('\n', stderr);
}

enum status ctl_fail(enum status st, const char *fmt, ...)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	va_list ap;

	va_start(ap, fmt);
	put_headline(st, str_c(arena_vprintf(a, fmt, ap)));
	va_end(ap);
	return st;
}

enum status ctl_fail_outcome(const struct rpc_outcome *o)
{
	struct pb_reader r = reader(o->details.p ? o->details : STR(""));
	struct pb_wire_field f;

	put_headline(o->status, str_c(o->message ? o->message : ""));
	while (pb_read(&r, &f)) {
		if (f.number == 3 && f.wire_type == 2)
			put_detail(f.bytes);
	}
	return o->status;
}

enum status ctl_fail_fields(const char *what, const struct pb_violations *fields)
{
	put_headline(ST_INVALID_ARGUMENT, str_c(what));
	for (size_t i = 0; i < fields->n; i++)
		put_pair(str_c(fields->v[i].field), str_c(fields->v[i].description));
	return ST_INVALID_ARGUMENT;
}

enum status ctl_fail_usage(struct ctl *c, const char *fmt, ...)
{
	va_list ap;

	c->is_usage_wrong = true;
	va_start(ap, fmt);
	fprintf(stderr, "crmctl: %s\n", arena_vprintf(c->arena, fmt, ap));
	va_end(ap);
	fputs("crmctl --help shows what there is\n", stderr);
	return ST_INVALID_ARGUMENT;
}
