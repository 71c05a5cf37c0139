/*
 * What the files of this adapter share. See pb.h for the public side.
 */
#pragma once
#include "adapters/pb/pb.h"
#include "base/map.h"

enum { PB_WIRE_VARINT = 0, PB_WIRE_64 = 1, PB_WIRE_BYTES = 2, PB_WIRE_32 = 5, PB_VARINT_MAX = 10 };

size_t pb_varint_encode(uint8_t *out, uint64_t v); /* at most PB_VARINT_MAX bytes */
bool pb_varint_read(const uint8_t **p, const uint8_t *end, uint64_t *ret);
/* The next of the numbers in a packed field; false at the end or on malformed input (then r->p !=
 * r->end). */
bool pb_read_packed(struct pb_reader *r, unsigned wire_type, uint64_t *ret);
int64_t pb_wire_to_i64(
	enum pb_type t, uint64_t value); /* of an integer, bool or enum; unsigned 64 bit as it is */
void pb_put_fixed(struct buf *b, uint64_t v, size_t n);

/* Messages with a JSON form or bounds of their own. */
enum pb_known {
	PB_KNOWN_NONE,
	PB_KNOWN_ANY,
	PB_KNOWN_TIMESTAMP,
	PB_KNOWN_DURATION,
	PB_KNOWN_FIELD_MASK,
	PB_KNOWN_STRUCT,
	PB_KNOWN_VALUE,
	PB_KNOWN_LIST,
	PB_KNOWN_WRAPPER,
};

/* What validation needs of a field, found by number in one step. */
struct pb_check {
	const struct pb_field *field;
	uint8_t wire_type; /* of one element */
	bool is_packable;
	int16_t required_bit; /* in pb_message_info.required, or -1 */
	int32_t count_slot;   /* of a repeated field or a message, else -1 */
	uint64_t oneof_bits;  /* required bits of the other members */
};

enum { PB_MAX_REQUIRED = 64, PB_SMALL_NUMBERS = 256 };

struct pb_file;

struct pb_message_info {
	struct pb_message pub; /* first: a struct pb_message is always one of these */
	enum pb_known known;
	bool is_map_entry, is_google;
	struct str descriptor; /* its DescriptorProto, while loading */
	const struct pb_file *file;
	struct pb_message_info *next;
	const struct pb_check *checks; /* side by side with pub.fields */
	const struct pb_check **small; /* by number below n_small; NULL where there is none */
	uint32_t n_small;
	size_t n_counted;
	uint64_t required; /* bits that a complete message sets */
	bool has_update_mask;
	const struct pb_field **by_name, **by_json; /* sorted */
};

struct pb_enum_info {
	struct pb_enum pub;
	const struct pb_enum_value *
		*by_number; /* sorted; aliases keep the first declared in front */
	const struct pb_enum_value **by_name;
};

struct pb_file {
	const char *name;
	struct str bytes;
	size_t n_deps;
	const char **deps;
	bool is_proto3;
};

struct pb_extension {
	const char *extendee; /* without the leading dot */
	uint32_t number;
	const struct pb_file *file;
	struct pb_extension *next;
};

struct pb_schema {
	struct arena *arena;
	struct map messages, enums, services, methods; /* by full name; methods by path */
	struct map files;                              /* by name */
	struct map symbols;                            /* to struct pb_file */
	struct map comments;                           /* of symbols that have one */
	struct pb_message_info *first_message;
	struct pb_extension *first_extension;
	size_t n_services;
	const struct pb_service **service_list;
	bool has_options; /* the set declares crm.common.v1: options 51001 and 51002 are ours */
};

static inline const struct pb_message_info *pb_info(const struct pb_message *m)
{
	return (const struct pb_message_info *)m;
}

const struct pb_check *pb_check_by_number(const struct pb_message_info *m, uint32_t number);
const struct pb_enum_value *pb_enum_by_number(const struct pb_enum *e, int32_t number);
const struct pb_enum_value *pb_enum_by_name(const struct pb_enum *e, struct str name);

enum status pb_schema_load(struct pb_schema *s, struct str set) MUST_CHECK;
enum status pb_schema_index_message(struct pb_schema *s, struct pb_message_info *m) MUST_CHECK;
/* FieldRules and MethodPolicy, out of a FieldOptions and a MethodOptions; defaults if ours is
 * absent. */
void pb_rules_default(const struct pb_message_info *m, struct pb_rules *ret);
void pb_rules_read(struct str field_options, struct pb_rules *rules);
void pb_policy_read(struct arena *a, struct str method_options, struct pb_policy *ret);

/* The wire type of one element of the type. */
unsigned pb_wire_type_of(enum pb_type t);

/* One look at a text; false if it is not UTF-8. */
struct pb_text {
	bool is_ascii, has_nul;
	bool has_break;   /* \n \r \t */
	bool has_control; /* any other control character, of C1 too */
};
bool pb_text_look(struct str s, struct pb_text *ret);
bool pb_text_is_clean(struct str s); /* UTF-8 without any control character */

#define PB_TIMESTAMP_MIN INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define PB_TIMESTAMP_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define PB_DURATION_MAX  INT64_C(315576000000)

/* google.protobuf.Timestamp or Duration */
struct pb_moment {
	int64_t seconds;
	int32_t nanos;
};
bool pb_moment_read(struct str wire, struct pb_moment *ret); /* false if malformed */
const char *pb_timestamp_fault(struct pb_moment t);          /* NULL if none */
const char *pb_duration_fault(struct pb_moment t);

double pb_wire_double(enum pb_type t, uint64_t value); /* of a PB_DOUBLE or PB_FLOAT on the wire */
bool pb_date_parse(struct str s, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day);

/* ---- members of generated structs ---- */

size_t pb_member_size(const ProtobufCFieldDescriptor *f); /* of one value */
void *pb_member(const void *msg, const ProtobufCFieldDescriptor *f);
size_t *pb_count(const void *msg, const ProtobufCFieldDescriptor *f); /* of a repeated field */
bool pb_is_set(const void *msg,
	const ProtobufCFieldDescriptor *f); /* present, or other than the default */
void pb_select(void *msg, const ProtobufCFieldDescriptor *f);
void pb_clear(void *msg, const ProtobufCFieldDescriptor *f);
void pb_copy(void *dst, const void *src,
	const ProtobufCFieldDescriptor *f); /* shares what pointers lead to */
bool pb_field_equal(const void *a, const void *b, const ProtobufCFieldDescriptor *f);
