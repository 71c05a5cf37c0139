/*
 * JSON in: values go straight from the text to the wire, without a tree in between. The first fault
 * ends it.
 *
 * More generous than the mapping in one point: a FieldMask may name its paths as the proto does.
 */
#include "adapters/pb/json_in_private.h"

enum { SMALL_SEEN = 4 };

struct seen {
	uint64_t small[SMALL_SEEN];
	uint64_t *bits;
};

static void seen_init(struct in *in, const struct pb_message *m, struct seen *s)
{
	*s = (struct seen){ 0 };
	s->bits = m->n_fields <= SMALL_SEEN * 64
			  ? s->small
			  : arena_new_array(in->arena, uint64_t, m->n_fields / 64 + 1);
}

static bool seen_test(const struct seen *s, size_t i)
{
	return s->bits[i / 64] >> (i % 64) & 1;
}

static bool oneof_is_free(
	const struct seen *s, const struct pb_message *m, const struct pb_field *f)
{
	for (size_t i = 0; f->oneof >= 0 && i < m->n_fields; i++) {
		if (m->fields[i].oneof == f->oneof && &m->fields[i] != f && seen_test(s, i))
			return false;
	}
	return true;
}

static bool singular_read(
	struct in *in, const struct pb_field *f, const struct place *at, unsigned depth)
{
	struct scalar v = { .bytes = STR("") };
	if (f->message || f->type == PB_GROUP)
		return json_in_element(in, f, at, depth);
	bool is_null = json_in_is_null_enum(f) && json_word(&in->j, "null");
	if (!is_null && !json_in_scalar(in, f, at, &v))
		return false;
	if (f->has_presence || v.value != 0 || v.bytes.n > 0)
		json_in_scalar_put(in, f, &v);
	return true;
}

static bool field_read(struct in *in, const struct pb_message *m, const struct pb_field *f,
	struct seen *seen, const struct place *at, unsigned depth)
{
	size_t i = (size_t)(f - m->fields);
	uint64_t bit = UINT64_C(1) << (i % 64);
	if (seen_test(seen, i))
		return json_in_complain(in, at, "is given twice");
	bool is_value = !f->repeated && json_in_takes_null(f);
	if (json_peek(&in->j) == 'n' && !is_value) {
		seen->bits[i / 64] |= f->oneof < 0 ? bit : 0; /* null sets no member of a oneof */
		return json_word(&in->j, "null") || json_in_complain(in, at, "is malformed JSON");
	}
	if (!oneof_is_free(seen, m, f))
		return json_in_complain(
			in, at, "excludes another field of '%s' that is given too", f->oneof_name);
	seen->bits[i / 64] |= bit;
	if (f->is_map)
		return json_in_map(in, f, at, depth);
	return f->repeated ? json_in_list(in, f, at, depth) : singular_read(in, f, at, depth);
}

static bool member_read(struct in *in, const struct pb_message *m, struct seen *seen,
	const struct place *at, unsigned depth, bool inside_any)
{
	struct place here = { .parent = at, .index = SIZE_MAX };
	if (!json_string(&in->j, &here.name) || !json_expect(&in->j, ':'))
		return json_in_malformed(in, at);
	if (inside_any && str_is(here.name, "@type"))
		return json_skip(&in->j, 0) || json_in_malformed(in, at);
	const struct pb_field *f = pb_message_field_by_json(m, here.name);
	if (!f)
		return json_in_complain(in, &here, "is not a field of %s", m->full_name);
	here.name = str_c(f->name);
	return field_read(in, m, f, seen, &here, depth);
}

bool json_in_object(struct in *in, const struct pb_message *m, const struct place *at,
	unsigned depth, bool inside_any)
{
	struct seen seen;
	seen_init(in, m, &seen);
	if (!json_take(&in->j, '{'))
		return json_in_complain(in, at, "must be an object");
	if (json_take(&in->j, '}'))
		return true;
	for (;;) {
		if (!member_read(in, m, &seen, at, depth, inside_any))
			return false;
		if (in->b.overflow)
			return json_in_complain(in, at, "is too large");
		if (!json_take(&in->j, ','))
			return json_expect(&in->j, '}') || json_in_malformed(in, at);
	}
}

bool json_in_message(
	struct in *in, const struct pb_message *m, const struct place *at, unsigned depth)
{
	return pb_info(m)->known == PB_KNOWN_NONE ? json_in_object(in, m, at, depth, false)
						  : json_in_known(in, m, at, depth);
}

enum status pb_json_to_wire(struct arena *a, const struct pb_schema *s, const struct pb_message *m,
	struct str json, struct str *ret, struct pb_violations *ret_violations)
{
	struct str text = json.p ? json : STR("");
	struct in in = {
		.j = { .arena = a, .start = text.p, .p = text.p, .end = text.p + text.n },
		.arena = a,
		.schema = s,
		.b = buf_new(a, 0),
		.out = ret_violations,
	};
	ret_violations->n = 0;
	if (!utf8_is_valid(text)) {
		(void)json_in_complain(&in, NULL, "is not valid UTF-8");
		return ST_INVALID_ARGUMENT;
	}
	bool ok = json_in_message(&in, m, NULL, 0);
	(void)json_peek(&in.j);
	if (ok && in.j.p != in.j.end)
		ok = json_in_complain(&in, NULL, "has more after the end of the JSON value");
	if (ok && in.b.overflow)
		ok = json_in_complain(&in, NULL, "is too large");
	if (!ok)
		return ST_INVALID_ARGUMENT;
	*ret = buf_str(&in.b);
	return ST_OK;
}
