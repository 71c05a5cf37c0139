/*
 * What the passes over a descriptor set share. See schema_load.c.
 */
#pragma once
#include "adapters/pb/pb_private.h"

struct service_info {
	struct pb_service pub;
	struct str descriptor;
	struct service_info *next;
};

struct loader {
	struct pb_schema *s;
	struct arena *a;
	const struct pb_file *file;
	struct map
		paths; /* comments of the file by source path, as the bytes of its packed varints */
	struct service_info *first_service;
};

static inline enum status pb_schema_at_end(const struct pb_reader *r)
{
	return r->p == r->end ? ST_OK : ST_INVALID_ARGUMENT;
}

bool pb_schema_is_dotted(struct str s);
bool pb_schema_is_plain_text(struct str s);
/* Finds the name (field 1) of any descriptor and counts what carries the given number. */
enum status pb_schema_outline(
	struct str bytes, unsigned counted, struct str *ret_name, size_t *ret_n) MUST_CHECK;

enum status pb_schema_comments_read(struct loader *l, struct str source_info)
	MUST_CHECK; /* into l->paths */
enum status pb_schema_declare(struct loader *l, struct str set) MUST_CHECK;
enum status pb_schema_link(struct loader *l) MUST_CHECK;
