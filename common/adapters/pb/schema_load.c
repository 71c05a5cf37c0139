/*
 * Schema: from a FileDescriptorSet to the index, in three passes: declare every name, link fields
 * and methods to their types, and lay out what validation looks up. The bytes may be a stranger's,
 * so they are read by hand, with bounds; protobuf-c's reader could be crashed by them.
 */
#include "adapters/pb/schema_private.h"

enum { MAX_SET = 16 << 20, MAX_FIELDS = 65536 };

static bool is_identifier(struct str s)
{
	if (s.n == 0 || s.n > 256 || (s.p[0] >= '0' && s.p[0] <= '9'))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!letter && !(c >= '0' && c <= '9'))
			return false;
	}
	return true;
}

bool pb_schema_is_dotted(struct str s)
{
	while (s.p) {
		if (!is_identifier(str_cut(&s, '.')))
			return false;
	}
	return true;
}

bool pb_schema_is_plain_text(struct str s)
{
	if (s.n == 0 || s.n > 1024 || !utf8_is_valid(s))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if ((uint8_t)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	}
	return true;
}

enum status pb_schema_outline(
	struct str bytes, unsigned counted, struct str *ret_name, size_t *ret_n)
{
	struct pb_reader r = pb_reader_of(bytes);
	struct pb_wire_field f;
	struct str name = { 0 };
	size_t n = 0;
	while (pb_read(&r, &f)) {
		if (f.number == 1)
			name = f.bytes;
		n += f.number == counted;
	}
	if (r.p != r.end || !is_identifier(name) || n > MAX_FIELDS)
		return ST_INVALID_ARGUMENT;
	*ret_name = name;
	*ret_n = n;
	return ST_OK;
}

/* A map's rules speak of its values; the entry's own fields can carry none. */
static void map_values_take_rules(struct pb_schema *s)
{
	for (struct pb_message_info *m = s->first_message; m; m = m->next) {
		for (size_t i = 0; i < m->pub.n_fields; i++) {
			const struct pb_field *f = &m->pub.fields[i];
			if (!f->is_map)
				continue;
			for (size_t k = 0; k < f->message->n_fields; k++) {
				struct pb_field *value =
					(struct pb_field *)(uintptr_t)&f->message->fields[k];
				if (value->number != 2)
					continue;
				value->rules = f->rules;
				value->rules.required = value->rules.output_only = false;
				value->rules.max_items = 1;
			}
		}
	}
}

enum status pb_schema_load(struct pb_schema *s, struct str set)
{
	if (set.n > MAX_SET)
		return ST_INVALID_ARGUMENT;
	struct loader l = { .s = s, .a = s->arena };
	set = str_n(arena_dup(l.a, set.p ? set.p : "", set.n), set.n);
	TRY(pb_schema_declare(&l, set));
	s->has_options = map_get(&s->symbols, STR("crm.common.v1.rules")) &&
			 map_get(&s->symbols, STR("crm.common.v1.policy"));
	TRY(pb_schema_link(&l));
	map_values_take_rules(s);
	for (struct pb_message_info *m = s->first_message; m; m = m->next)
		TRY(pb_schema_index_message(s, m));
	return ST_OK;
}
