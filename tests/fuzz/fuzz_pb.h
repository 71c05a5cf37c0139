/* What the fuzz targets of pb have in common: the properties that must hold. */
#pragma once
#include <assert.h>
#include "adapters/pb/pb.h"

extern const char crm_test_pb[], crm_test_pb_end[];

static inline struct pb_schema *fuzz_schema(void)
{
	struct pb_schema *s = NULL;
	struct str set = str_n(crm_test_pb, (size_t)(crm_test_pb_end - crm_test_pb));
	enum status st = pb_schema_new(set, &s);
	assert(st == ST_OK);
	return s;
}

/* Sound wire unpacks (or is too large) to a struct that equals its copy and what it packs to. */
static inline void fuzz_struct(
	struct arena *a, const ProtobufCMessageDescriptor *d, struct str wire)
{
	void *msg, *again;
	enum status st = pb_unpack(a, d, wire, &msg);
	assert(st == ST_OK || st == ST_RESOURCE_EXHAUSTED);
	if (st != ST_OK)
		return;
	st = pb_unpack(a, d, pb_pack(a, msg), &again);
	assert(st == ST_OK && pb_equal(msg, again) && pb_equal(pb_dup(a, msg), again));
}

static inline void fuzz_reads(
	struct arena *a, const struct pb_schema *s, const struct pb_message *m, struct str json)
{
	struct str wire;
	struct pb_violations v;
	(void)!pb_json_to_wire(a, s, m, json, &wire, &v);
}

static inline void fuzz_prints(
	struct arena *a, const struct pb_schema *s, const struct pb_message *m, struct str wire)
{
	struct str json, again;
	struct pb_violations v;
	enum status st = pb_validate(a, m, wire, PB_VALIDATE_WIRE, &v);
	assert(st == ST_OK);
	st = pb_json_from_wire(a, s, m, wire, 0, &json);
	if (st == ST_OK)
		st = pb_json_to_wire(a, s, m, json, &again, &v);
	assert(st == ST_OK || st == ST_RESOURCE_EXHAUSTED);
}

static inline void fuzz_schema_use(const struct pb_schema *s)
{
	const struct pb_service *const *services;
	size_t n = pb_schema_services(s, &services);
	struct arena *a = arena_new();
	struct pb_violations v;
	struct str json;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < services[i]->n_methods; k++) {
			const struct pb_message *m = services[i]->methods[k].input;
			(void)!pb_validate(
				a, m, STR("\x0a\x02\x08\x01\x10\x05"), PB_VALIDATE_RULES, &v);
			(void)!pb_json_from_wire(a, s, m, STR(""), PB_JSON_DEFAULTS, &json);
		}
	}
	arena_free(a);
}
