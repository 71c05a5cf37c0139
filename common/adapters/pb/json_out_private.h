/*
 * JSON out: what its files share. Functions that return false have met what has no JSON form, or a
 * full buffer.
 */
#pragma once
#include "adapters/pb/json_private.h"

/* Where a field of the message being printed stands on the wire. */
struct slot {
	const uint8_t *first;
	uint32_t count; /* occurrences; a packed one counts as one */
	struct pb_wire_field last;
};

struct out {
	struct arena *arena;
	const struct pb_schema *schema;
	struct buf b;
	unsigned flags;
	unsigned indent;
	struct slot *slots; /* a stack: each open message has one for each field */
	size_t n_slots, cap_slots;
};

/* json_out_value.c */
void json_out_open(struct out *o, char bracket);
void json_out_item(struct out *o, bool *is_first); /* comma and new line before an item */
void json_out_close(struct out *o, char bracket, bool was_empty);
void json_out_name(struct out *o, struct str name);
bool json_out_value(
	struct out *o, const struct pb_field *f, const struct pb_wire_field *v, unsigned depth);
/* All occurrences of the field from r on, at most count. */
bool json_out_list(struct out *o, const struct pb_field *f, struct pb_reader r, uint32_t count,
	unsigned depth);
bool json_out_map(struct out *o, const struct pb_field *f, struct pb_reader r, uint32_t count,
	unsigned depth);

/* json_out_known.c */
bool json_out_known(struct out *o, const struct pb_message *m, struct str wire, unsigned depth);

/* json_out.c */
bool json_out_fields(struct out *o, const struct pb_message *m, struct str wire, bool *is_first,
	unsigned depth); /* into an open object */
bool json_out_message(struct out *o, const struct pb_message *m, struct str wire, unsigned depth);
