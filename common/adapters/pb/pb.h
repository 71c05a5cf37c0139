/*
 * pb: protobuf without generated code where that is better, and with protobuf-c's structs where
 * handlers want structs.
 *
 * - struct pb_schema: an index over a FileDescriptorSet (embedded in the binary, or fetched by
 *   server reflection). It knows what protobuf-c's descriptors do not: streaming kinds, our method
 *   and field options, JSON names, comments.
 * - pb_validate: one pass over wire bytes before anything is unpacked: well-formed, bounded depth
 *   and size, UTF-8, no NUL, and the field rules of crm/common/v1/options.proto.
 * - pb_unpack / pb_pack: protobuf-c structs in an arena.
 * - pb_json_*: the proto3 JSON mapping (https://protobuf.dev/programming-guides/json/), wire bytes
 *   to text and back, no structs.
 * - masks and paths: "name.given" resolved against a message.
 *
 * Owner: a schema owns everything reached from it and is immutable after pb_schema_new: any thread
 * may read it.
 * Everything else lives in the arena it was given.
 */
#pragma once
#include <protobuf-c/protobuf-c.h>
#include "base/str.h"

/* ---- schema ---- */

struct pb_schema;
struct pb_message;
struct pb_enum;

enum pb_type { /* numbers of google.protobuf.FieldDescriptorProto.Type */
	PB_DOUBLE = 1,
	PB_FLOAT,
	PB_INT64,
	PB_UINT64,
	PB_INT32,
	PB_FIXED64,
	PB_FIXED32,
	PB_BOOL,
	PB_STRING,
	PB_GROUP,
	PB_MESSAGE,
	PB_BYTES,
	PB_UINT32,
	PB_ENUM,
	PB_SFIXED32,
	PB_SFIXED64,
	PB_SINT32,
	PB_SINT64,
};

enum pb_format { /* crm.common.v1.Format */
	PB_FORMAT_ANY,
	PB_FORMAT_UUID,
	PB_FORMAT_EMAIL,
	PB_FORMAT_PHONE,
	PB_FORMAT_E164,
	PB_FORMAT_URL,
	PB_FORMAT_LANGUAGE,
	PB_FORMAT_TIME_ZONE,
	PB_FORMAT_COUNTRY,
	PB_FORMAT_CURRENCY,
	PB_FORMAT_DATE,
	PB_FORMAT_KEY,
	PB_FORMAT_DOMAIN,
};

struct pb_rules { /* crm.common.v1.FieldRules with defaults filled in */
	bool required, output_only, immutable, pii, secret, multiline;
	uint32_t max_length, min_length, max_items;
	enum pb_format format;
	int64_t min, max;
};

struct pb_field {
	const char *name, *json_name;
	uint32_t number;
	enum pb_type type;
	bool repeated, packed, is_map;
	bool has_presence; /* message, oneof member, or proto3 optional */
	int oneof;         /* index, or -1 */
	const char *oneof_name;
	const struct pb_message *message;  /* of a PB_MESSAGE or map entry */
	const struct pb_enum *enumeration; /* of a PB_ENUM */
	struct pb_rules rules;
};

struct pb_message {
	const char *full_name; /* "crm.contacts.v1.Contact" */
	const char *name;      /* "Contact" */
	size_t n_fields;
	const struct pb_field *fields;           /* in order of declaration */
	const struct pb_field *const *by_number; /* sorted */
};

struct pb_enum_value {
	const char *name;
	int32_t number;
};

struct pb_enum {
	const char *full_name;
	size_t n_values;
	const struct pb_enum_value *values;
};

struct pb_policy {              /* crm.common.v1.MethodPolicy */
	const char *permission; /* NULL if none */
	const char *event;      /* NULL if none */
	bool is_public, signed_in, read_only, slow;
};

struct pb_method {
	const char *path; /* "/crm.contacts.v1.ContactsService/GetContact" */
	const char *name;
	const struct pb_service *service;
	const struct pb_message *input, *output;
	bool client_streaming, server_streaming;
	struct pb_policy policy;
};

struct pb_service {
	const char *full_name;
	size_t n_methods;
	const struct pb_method *methods;
};

/* Bytes of a FileDescriptorSet; copied. ST_INVALID_ARGUMENT if malformed (they may come from a
 * stranger's reflection). */
enum status pb_schema_new(struct str file_descriptor_set, struct pb_schema **ret) MUST_CHECK;
void pb_schema_free(struct pb_schema *s);
const struct pb_message *pb_schema_message(const struct pb_schema *s, const char *full_name);
const struct pb_enum *pb_schema_enum(const struct pb_schema *s, const char *full_name);
/* with the leading '/' */
const struct pb_method *pb_schema_method(const struct pb_schema *s, struct str path);
size_t pb_schema_services(const struct pb_schema *s, const struct pb_service *const **ret);
const struct pb_service *pb_schema_service(const struct pb_schema *s, const char *full_name);
/* proto name */
const struct pb_field *pb_message_field(const struct pb_message *m, struct str name);
/* JSON or proto name */
const struct pb_field *pb_message_field_by_json(const struct pb_message *m, struct str name);
const struct pb_field *pb_message_field_by_number(const struct pb_message *m, uint32_t number);

/* For reflection: the serialized FileDescriptorProto that holds a symbol (message, enum, service,
 * method, field, extension) or has a name; absent (p NULL) if unknown. */
struct str pb_schema_file_of_symbol(
	const struct pb_schema *s, struct str symbol, const char **ret_file_name);
struct str pb_schema_file_by_name(const struct pb_schema *s, struct str file_name);
struct str pb_schema_file_of_extension(const struct pb_schema *s, struct str containing_type,
	uint32_t number, const char **ret_file_name);
size_t pb_schema_extension_numbers(
	const struct pb_schema *s, struct str containing_type, uint32_t *ret, size_t max);
size_t pb_schema_file_dependencies(
	const struct pb_schema *s, struct str file_name, const char *const **ret_names);
/* The leading comment of a symbol if the set carries source info, else "". */
const char *pb_schema_comment(const struct pb_schema *s, const char *symbol);

/* ---- validation ---- */

enum { PB_MAX_DEPTH = 32, PB_MAX_VIOLATIONS = 16 };

struct pb_violation {
	/* path as a client writes it: "contact.emails[2].address"; "" for the message itself */
	const char *field;
	const char *description; /* what to change, without the value of secret fields */
};

struct pb_violations {
	size_t n;
	struct pb_violation v[PB_MAX_VIOLATIONS];
};

enum pb_validate_flags {
	/* only what protobuf itself demands: well-formed, depth, UTF-8, no NUL */
	PB_VALIDATE_WIRE = 0,
	PB_VALIDATE_RULES = 1, /* and the field rules */
	/* with RULES: `required` is not demanded inside the resource of an Update request (the
	 * sub-message beside update_mask) */
	PB_VALIDATE_UPDATE = 2,
};

/* ST_INVALID_ARGUMENT with at least one violation, or ST_OK. Bounded: time linear in the input,
 * stack by PB_MAX_DEPTH. Malformed wire names the field it happened in where that is known. Unknown
 * fields are allowed and skipped; groups are refused. */
enum status pb_validate(struct arena *a, const struct pb_message *m, struct str wire,
	unsigned flags, struct pb_violations *ret) MUST_CHECK;
/* One value against a format; why is a phrase such as "is not an e-mail address: no '@'". */
bool pb_format_is_valid(enum pb_format f, struct str value, const char **ret_why);

/* ---- structs (protobuf-c) ---- */

/* The bytes must have passed pb_validate, or strings may not be UTF-8; nothing worse can happen.
 * ret is the generated struct. Unknown fields are dropped, the parts of a message merge.
 * ST_RESOURCE_EXHAUSTED if the bytes ask for far more memory than their size. */
enum status pb_unpack(struct arena *a, const ProtobufCMessageDescriptor *d, struct str wire,
	void *ret_msg_ptr) MUST_CHECK;
struct str pb_pack(struct arena *a, const void *msg);
void pb_pack_to(struct buf *b, const void *msg);
void *pb_new(struct arena *a, const ProtobufCMessageDescriptor *d); /* zero and default values */
void *pb_dup(struct arena *a, const void *msg);                     /* deep copy */
bool pb_equal(const void *a, const void *b);                        /* same type; compares values */

/* A path into a struct, resolved once. At most 4 levels; each but the last a message.
 * "emails.address" passes through a repeated field: then is_array is true and the path names one
 * value per element. */
struct pb_path {
	const ProtobufCFieldDescriptor *step[4];
	size_t n;
	/* index of the repeated message step that the path passes through, or n if none; a repeated
	 * last step does not count */
	size_t repeated_at;
};
bool pb_path_find(const ProtobufCMessageDescriptor *d, struct str path, struct pb_path *ret);
/* The address of the field that the path names, or NULL if a message on the way is absent. Not for
 * paths through repeated messages. */
void *pb_path_get(const void *msg, const struct pb_path *p);

/* Convenience on one field by name, for code that treats resources alike; the field must exist and
 * have that type (asserts). */
const char *pb_get_string(const void *msg, const char *field);
void pb_set_string(void *msg, const char *field, const char *value);
int64_t pb_get_int(const void *msg, const char *field); /* any integer, bool or enum */
void pb_set_int(void *msg, const char *field, int64_t value);
void *pb_get_message(const void *msg, const char *field); /* NULL if absent */
void pb_set_message(void *msg, const char *field, void *value);
size_t pb_get_repeated(const void *msg, const char *field, void ***ret); /* messages or strings */
void pb_set_repeated(void *msg, const char *field, size_t n, void *array);

/* ---- field masks (AIP-134, AIP-161) ---- */

/* Every path must name a field of m (proto names; "*" allowed alone): names of output-only or
 * immutable fields, unknown names and paths through repeated fields are violations on
 * "update_mask". */
enum status pb_mask_check(struct arena *a, const struct pb_message *m, char *const *paths, size_t n,
	struct pb_violations *ret) MUST_CHECK;
/* Replaces in dst what the paths name by what src holds (an absent value clears). Both structs of
 * descriptor d, in the same arena. "*" replaces all but what rules declare output-only or
 * immutable. */
void pb_mask_apply(struct arena *a, const struct pb_message *m, void *dst, const void *src,
	char *const *paths, size_t n);
/* Fields set in src, as paths of depth one: the mask meant when none was sent. */
size_t pb_mask_of(struct arena *a, const void *src, char ***ret_paths);
/* Top-level fields that differ between two structs of one type. */
size_t pb_changed_fields(struct arena *a, const void *before, const void *after, char ***ret_paths);
/* Clears output-only fields at every depth, as input demands. */
void pb_clear_output_only(const struct pb_message *m, void *msg);

/* ---- JSON ---- */

enum pb_json_flags {
	PB_JSON_DEFAULTS = 1, /* print fields that hold their default */
	PB_JSON_PROTO_NAMES = 2,
	PB_JSON_HIDE_SECRETS = 4, /* fields with rules.secret or rules.pii print as "***" */
	PB_JSON_PRETTY = 8,
};
/* Wire that passed PB_VALIDATE_WIRE. ST_INVALID_ARGUMENT for what has no JSON form: a Timestamp or
 * Duration out of range, a Value that is infinite, more than PB_MAX_DEPTH levels. An Any of a type
 * that the schema lacks prints its bytes in base64 as "value". Timestamps, durations, masks,
 * structs, wrappers, Any (types in the schema), bytes, 64-bit numbers, maps, enums by the
 * mapping. */
enum status pb_json_from_wire(struct arena *a, const struct pb_schema *s,
	const struct pb_message *m, struct str wire, unsigned flags, struct str *ret) MUST_CHECK;
/* ST_INVALID_ARGUMENT with the path and what is wrong in ret_violations (the first fault only).
 * Accepts proto and JSON names, also in masks; unknown fields are errors. Checks no rules: the wire
 * goes through pb_validate like any other. */
enum status pb_json_to_wire(struct arena *a, const struct pb_schema *s, const struct pb_message *m,
	struct str json, struct str *ret, struct pb_violations *ret_violations) MUST_CHECK;

/* ---- wire, by hand ---- */

void pb_put_varint(struct buf *b, uint64_t v);
void pb_put_tag(struct buf *b, uint32_t number, unsigned wire_type);
/* also strings and sub-messages; omitted when empty */
void pb_put_bytes(struct buf *b, uint32_t number, struct str v);
void pb_put_message(struct buf *b, uint32_t number, struct str v); /* written even when empty */
/* varint field (int32, int64, bool, enum); omitted when zero */
void pb_put_int(struct buf *b, uint32_t number, int64_t v);

struct pb_reader {
	const uint8_t *p, *end;
};
static inline struct pb_reader pb_reader_of(struct str wire)
{
	const uint8_t *p = (const uint8_t *)(wire.p ? wire.p : "");
	return (struct pb_reader){ p, p + wire.n };
}
struct pb_wire_field {
	uint32_t number;
	unsigned wire_type;
	uint64_t value;
	struct str bytes;
};
/* false at the end or on malformed input (then r->p != r->end) */
bool pb_read(struct pb_reader *r, struct pb_wire_field *ret);
