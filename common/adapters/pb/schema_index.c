/*
 * Schema: what validation and the name look-ups need of a message, laid out once.
 */
#include <stdlib.h>
#include "adapters/pb/pb.h"
#include "adapters/pb/pb_private.h"

static int order_number(const void *a, const void *b)
{
	const struct pb_field *x = *(const struct pb_field *const *)a;
	const struct pb_field *y = *(const struct pb_field *const *)b;
	return (x->number > y->number) - (x->number < y->number);
}

static int order_name(const void *a, const void *b)
{
	return strcmp((*(const struct pb_field *const *)a)->name,
		(*(const struct pb_field *const *)b)->name);
}

static int order_json(const void *a, const void *b)
{
	return strcmp((*(const struct pb_field *const *)a)->json_name,
		(*(const struct pb_field *const *)b)->json_name);
}

static const struct pb_field **fields_sorted(
	struct arena *a, const struct pb_message *m, int (*order)(const void *a, const void *b))
{
	const struct pb_field **sorted = arena_new_array(a, const struct pb_field *, m->n_fields);
	for (size_t i = 0; i < m->n_fields; i++)
		sorted[i] = &m->fields[i];
	if (m->n_fields > 0)
		qsort(sorted, m->n_fields, sizeof(*sorted), order);
	return sorted;
}

/* A field number or JSON name that stands for two fields would make messages ambiguous. */
static bool has_twins(const struct pb_message *m, const struct pb_field *const *sorted,
	int (*order)(const void *a, const void *b))
{
	for (size_t i = 1; i < m->n_fields; i++) {
		if (order(&sorted[i - 1], &sorted[i]) == 0)
			return true;
	}
	return false;
}

static bool is_required(const struct pb_message_info *m, const struct pb_field *f)
{
	return f->rules.required && !f->rules.output_only && !m->is_map_entry;
}

static enum status checks_fill(struct pb_message_info *m, struct pb_check *checks)
{
	int n_required = 0;
	for (size_t i = 0; i < m->pub.n_fields; i++) {
		const struct pb_field *f = &m->pub.fields[i];
		struct pb_check *c = &checks[i];
		c->field = f;
		c->wire_type = (uint8_t)pb_wire_type_of(f->type);
		c->is_packable = f->repeated && c->wire_type != PB_WIRE_BYTES;
		c->required_bit = -1;
		c->count_slot = f->repeated || f->message ? (int32_t)m->n_counted++ : -1;
		if (is_required(m, f)) {
			if (n_required == PB_MAX_REQUIRED)
				return ST_INVALID_ARGUMENT;
			c->required_bit = (int16_t)n_required++;
			m->required |= UINT64_C(1) << c->required_bit;
		}
		m->has_update_mask |= strcmp(f->name, "update_mask") == 0 && f->message &&
				      pb_info(f->message)->known == PB_KNOWN_FIELD_MASK;
	}
	return ST_OK;
}

/* Setting one member of a oneof unsets the others. */
static void oneofs_fill(const struct pb_message_info *m, struct pb_check *checks)
{
	for (size_t i = 0; m->required && i < m->pub.n_fields; i++) {
		if (checks[i].required_bit < 0 || checks[i].field->oneof < 0)
			continue;
		for (size_t k = 0; k < m->pub.n_fields; k++) {
			if (k != i && checks[k].field->oneof == checks[i].field->oneof)
				checks[k].oneof_bits |= UINT64_C(1) << checks[i].required_bit;
		}
	}
}

/* A map entry as the JSON mapping needs it: a key that can be written as text, and one value. */
static bool is_sound_entry(const struct pb_message *m)
{
	if (m->n_fields != 2 || m->by_number[0]->number != 1 || m->by_number[1]->number != 2)
		return false;
	const struct pb_field *key = m->by_number[0], *value = m->by_number[1];
	bool key_ok = key->type != PB_DOUBLE && key->type != PB_FLOAT && key->type != PB_BYTES &&
		      key->type != PB_ENUM && !key->message;
	return key_ok && !key->repeated && !value->repeated;
}

static void small_fill(struct arena *a, struct pb_message_info *m)
{
	uint32_t top = 0;
	for (size_t i = 0; i < m->pub.n_fields; i++) {
		uint32_t number = m->pub.fields[i].number;
		if (number < PB_SMALL_NUMBERS && number >= top)
			top = number + 1;
	}
	m->small = arena_new_array(a, const struct pb_check *, top);
	m->n_small = top;
	for (size_t i = 0; i < m->pub.n_fields; i++) {
		if (m->pub.fields[i].number < top)
			m->small[m->pub.fields[i].number] = &m->checks[i];
	}
}

enum status pb_schema_index_message(struct pb_schema *s, struct pb_message_info *m)
{
	const struct pb_field **by_number = fields_sorted(s->arena, &m->pub, order_number);
	m->pub.by_number = by_number;
	m->by_name = fields_sorted(s->arena, &m->pub, order_name);
	m->by_json = fields_sorted(s->arena, &m->pub, order_json);
	if (has_twins(&m->pub, by_number, order_number) ||
		has_twins(&m->pub, m->by_name, order_name))
		return ST_INVALID_ARGUMENT;
	if (m->is_map_entry && !is_sound_entry(&m->pub))
		return ST_INVALID_ARGUMENT;
	struct pb_check *checks = arena_new_array(s->arena, struct pb_check, m->pub.n_fields);
	TRY(checks_fill(m, checks));
	oneofs_fill(m, checks);
	m->checks = checks;
	small_fill(s->arena, m);
	return ST_OK;
}
