/*
 * JSON both ways by the proto3 mapping. tests/clients/json_judge.py compares more of it with
 * another implementation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "tests/support/pb_fixture.h"

#define EVERYTHING "crm.test.v1.Everything"

/* Reads text and prints it again, or gives the complaint. */
static const char *there_and_back(
	struct pb_fixture *f, const char *message, struct str json, unsigned flags)
{
	const struct pb_message *m = pb_fixture_message(f, message);
	struct str wire, out;
	struct pb_violations v;
	enum status st = pb_json_to_wire(f->a, f->schema, m, json, &wire, &f->violations);
	if (st != ST_OK) {
		assert_int_equal(st, ST_INVALID_ARGUMENT);
		assert_int_equal(f->violations.n, 1);
		return pb_fixture_complaints(f);
	}
	assert_int_equal(pb_validate(f->a, m, wire, PB_VALIDATE_WIRE, &v), ST_OK);
	if (pb_json_from_wire(f->a, f->schema, m, wire, flags, &out) != ST_OK)
		return "cannot be printed";
	return str_dup(f->a, out);
}

struct json_case {
	const char *in, *out; /* out NULL: the same as in */
};

static void check(struct pb_fixture *f, const struct json_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *want = cases[i].out ? cases[i].out : cases[i].in;
		const char *got = there_and_back(f, EVERYTHING, str_c(cases[i].in), 0);
		if (strcmp(got, want) != 0)
			fail_msg("case %zu, %s:\n%s\nnot\n%s", i, cases[i].in, got, want);
	}
}

#define CHECK(cases) check(*state, cases, sizeof(cases) / sizeof((cases)[0]))

static void scalars_print_as_they_were_read(void **state)
{
	static const struct json_case cases[] = {
		{ "{}", NULL },
		{ " { } ", "{}" },
		{ "{\"aDouble\":1.5}", NULL },
		{ "{\"aDouble\":-0.1,\"aFloat\":0.1}", NULL },
		{ "{\"aDouble\":1e+300}", NULL },
		{ "{\"aDouble\":\"NaN\",\"aFloat\":\"-Infinity\"}", NULL },
		{ "{\"aDouble\":\"Infinity\"}", NULL },
		{ "{\"aDouble\":\"1.5\"}", "{\"aDouble\":1.5}" },
		{ "{\"aFloat\":3.4028235e+38}", NULL },
		{ "{\"anInt32\":-2147483648,\"anInt64\":\"-9223372036854775808\"}", NULL },
		{ "{\"anInt32\":2147483647,\"anInt64\":9223372036854775807}",
			"{\"anInt32\":2147483647,\"anInt64\":\"9223372036854775807\"}" },
		{ "{\"aUint32\":4294967295,\"aUint64\":\"18446744073709551615\"}", NULL },
		{ "{\"aSint32\":-5,\"aSint64\":\"-5\"}", NULL },
		{ "{\"aSint32\":-2147483648,\"aSint64\":\"-9223372036854775808\"}", NULL },
		{ "{\"aFixed32\":7,\"aFixed64\":\"8\",\"aSfixed32\":-7,\"aSfixed64\":\"-8\"}",
			NULL },
		{ "{\"anInt32\":1e3}", "{\"anInt32\":1000}" },
		{ "{\"anInt32\":1.0}", "{\"anInt32\":1}" },
		{ "{\"anInt32\":\"12\"}", "{\"anInt32\":12}" },
		{ "{\"anInt64\":1.50e1}", "{\"anInt64\":\"15\"}" },
		{ "{\"anInt64\":9007199254740993}", "{\"anInt64\":\"9007199254740993\"}" },
		{ "{\"anInt64\":1200e-2}", "{\"anInt64\":\"12\"}" },
		{ "{\"anInt64\":0e999999999}", "{}" },
		{ "{\"aUint64\":-0}", "{}" },
		{ "{\"aBool\":true}", NULL },
		{ "{\"aBool\":false,\"aString\":\"\",\"anInt32\":0,\"aColor\":0}", "{}" },
		{ "{\"aString\":\"\\\"\\\\\\n\\u0001\\t\xc5\xbe\"}", NULL },
		{ "{\"aString\":\"\\u017e\\ud83d\\ude00\\/\"}",
			"{\"aString\":\"\xc5\xbe\xf0\x9f\x98\x80/\"}" },
		{ "{\"aBytes\":\"AP8=\"}", NULL },
		{ "{\"aBytes\":\"-_-_\"}", "{\"aBytes\":\"+/+/\"}" },
		{ "{\"aBytes\":\"AP8\"}", "{\"aBytes\":\"AP8=\"}" },
		{ "{\"aColor\":\"COLOR_RED\"}", NULL },
		{ "{\"aColor\":2}", "{\"aColor\":\"COLOR_GREEN\"}" },
		{ "{\"aColor\":77}", NULL },
		{ "{\"aColor\":\"COLOR_NEGATIVE\"}", NULL },
		{ "{\"an_int32\":4,\"OddName\":\"x\"}", "{\"anInt32\":4,\"OddName\":\"x\"}" },
		{ "{\"_odd__name_\":\"x\",\"farAway\":\"y\"}",
			"{\"OddName\":\"x\",\"farAway\":\"y\"}" },
		{ "{\"aString\":null,\"aMessage\":null,\"strings\":null,\"stringsByString\":null}",
			"{}" },
		{ "{\"aMessage\":{}}", NULL },
		{ "{\"aMessage\":{\"aMessage\":{\"anInt32\":1}}}", NULL },
	};
	CHECK(cases);
}

static void lists_and_maps_print_as_they_were_read(void **state)
{
	static const struct json_case cases[] = {
		{ "{\"doubles\":[1,0,-2.5]}", NULL },
		{ "{\"int32s\":[0,1,-1],\"unpacked\":[0,3]}", NULL },
		{ "{\"sint64s\":[\"-1\",\"0\",\"1\"],\"fixed32s\":[1,2],\"bools\":[true,false]}",
			NULL },
		{ "{\"strings\":[\"\",\"a\"],\"byteses\":[\"\",\"YQ==\"]}", NULL },
		{ "{\"colors\":[\"COLOR_RED\",0]}",
			"{\"colors\":[\"COLOR_RED\",\"COLOR_UNSPECIFIED\"]}" },
		{ "{\"messages\":[{},{\"anInt32\":1}]}", NULL },
		{ "{\"strings\":[]}", "{}" },
		{ "{\"stringsByString\":{\"a\":\"b\",\"\":\"\"}}", NULL },
		{ "{\"messagesByInt\":{\"-5\":{\"anInt32\":1},\"7\":{}}}", NULL },
		{ "{\"colorsByBool\":{\"true\":\"COLOR_RED\",\"false\":\"COLOR_UNSPECIFIED\"}}",
			NULL },
		{ "{\"doublesByUint\":{\"4294967295\":\"NaN\"}}", NULL },
		{ "{\"choiceString\":\"\"}", NULL },
		{ "{\"choiceInt\":0}", "{\"choiceInt\":\"0\"}" },
		{ "{\"choiceMessage\":{}}", NULL },
		{ "{\"choiceNull\":null}", NULL },
		{ "{\"choiceNull\":\"NULL_VALUE\"}", "{\"choiceNull\":null}" },
		{ "{\"choiceString\":null,\"choiceInt\":1}", "{\"choiceInt\":\"1\"}" },
	};
	CHECK(cases);
}

static void well_known_types_have_their_own_form(void **state)
{
	static const struct json_case cases[] = {
		{ "{\"timestamp\":\"2026-03-29T10:00:00Z\"}", NULL },
		{ "{\"timestamp\":\"2026-03-29T10:00:00.5Z\"}",
			"{\"timestamp\":\"2026-03-29T10:00:00.500Z\"}" },
		{ "{\"timestamp\":\"2026-03-29T10:00:00.000001Z\"}", NULL },
		{ "{\"timestamp\":\"2026-03-29T10:00:00.000000001Z\"}", NULL },
		{ "{\"timestamp\":\"2026-03-29T12:30:00+02:30\"}",
			"{\"timestamp\":\"2026-03-29T10:00:00Z\"}" },
		{ "{\"timestamp\":\"2026-01-01T00:30:00-01:00\"}",
			"{\"timestamp\":\"2026-01-01T01:30:00Z\"}" },
		{ "{\"timestamp\":\"0001-01-01T00:00:00Z\"}", NULL },
		{ "{\"timestamp\":\"9999-12-31T23:59:59.999999999Z\"}", NULL },
		{ "{\"timestamp\":\"1969-12-31T23:59:59.250Z\"}", NULL },
		{ "{\"timestamp\":\"2000-02-29T00:00:00Z\"}", NULL },
		{ "{\"duration\":\"1.5s\"}", "{\"duration\":\"1.500s\"}" },
		{ "{\"duration\":\"-0.000000001s\"}", NULL },
		{ "{\"duration\":\"-315576000000s\"}", NULL },
		{ "{\"duration\":\"0s\"}", NULL },
		{ "{\"mask\":\"name.givenName,aB\"}", NULL },
		{ "{\"mask\":\"name.given_name\"}", "{\"mask\":\"name.givenName\"}" },
		{ "{\"mask\":\"\"}", NULL },
		{ "{\"mask\":\"*\"}", NULL },
		{ "{\"structure\":{\"a\":null,\"b\":1,\"c\":\"x\",\"d\":true,\"e\":{},\"f\":[1,[],{}]}}",
			NULL },
		{ "{\"value\":null}", NULL },
		{ "{\"value\":0}", NULL },
		{ "{\"value\":false}", NULL },
		{ "{\"value\":\"\"}", NULL },
		{ "{\"value\":[null,{\"x\":[]}]}", NULL },
		{ "{\"list\":[1,\"a\",null]}", NULL },
		{ "{\"values\":[null,1]}", NULL },
		{ "{\"empty\":{}}", NULL },
		{ "{\"wrappedInt64\":\"0\",\"wrappedString\":\"\",\"wrappedBool\":false,\"wrappedBytes\":\"\"}",
			NULL },
		{ "{\"wrappedInt64\":5,\"wrappedDouble\":\"NaN\",\"wrappedUint32\":1,\"wrappedFloat\":0.5}",
			"{\"wrappedInt64\":\"5\",\"wrappedDouble\":\"NaN\",\"wrappedUint32\":1,\"wrappedFloat\":0.5}" },
		{ "{\"wrappedInt64s\":[\"1\",\"0\"]}", NULL },
		{ "{\"wrappedInt64\":null}", "{}" },
		{ "{\"timestamps\":[\"2026-03-29T10:00:00Z\"],\"durationsByString\":{\"a\":\"1s\"}}",
			NULL },
		{ "{\"any\":{}}", NULL },
		{ "{\"any\":{\"@type\":\"type.googleapis.com/crm.test.v1.Part\",\"code\":\"ab\"}}",
			NULL },
		{ "{\"any\":{\"code\":\"ab\",\"@type\":\"type.googleapis.com/crm.test.v1.Part\"}}",
			"{\"any\":{\"@type\":\"type.googleapis.com/crm.test.v1.Part\",\"code\":\"ab\"}}" },
		{ "{\"any\":{\"@type\":\"x/crm.test.v1.Part\"}}", NULL },
		{ "{\"any\":{\"@type\":\"x/google.protobuf.Duration\",\"value\":\"1s\"}}", NULL },
		{ "{\"any\":{\"value\":null,\"@type\":\"x/google.protobuf.Value\"}}",
			"{\"any\":{\"@type\":\"x/google.protobuf.Value\",\"value\":null}}" },
		{ "{\"any\":{\"@type\":\"x/google.protobuf.Empty\",\"value\":{}}}", NULL },
		{ "{\"any\":{\"@type\":\"x/google.protobuf.Any\",\"value\":{\"@type\":\"x/crm.test.v1.Part\",\"weight\":1}}}",
			NULL },
	};
	CHECK(cases);
}

static void faults_are_named_with_their_path(void **state)
{
	static const struct json_case cases[] = {
		{ "", ": must be an object" },
		{ "[]", ": must be an object" },
		{ "{", ": is malformed JSON at byte 1: a string is expected" },
		{ "{}x", ": has more after the end of the JSON value" },
		{ "{\"aString\"}", ": is malformed JSON at byte 10: ':' is expected" },
		{ "{\"aString\":\"x\",}", ": is malformed JSON at byte 15: a string is expected" },
		{ "{\"aString\":\"x\" \"aBool\":true}",
			": is malformed JSON at byte 15: ',' or '}' is expected" },
		{ "{\"aString\":\"x}",
			"a_string: is malformed JSON at byte 14: a string that does not end, or has a bare control character" },
		{ "{\"aString\":\"\\x\"}",
			"a_string: is malformed JSON at byte 14: an unknown escape" },
		{ "{\"aString\":\"\\u12\"}",
			"a_string: is malformed JSON at byte 14: \\u needs four hexadecimal digits" },
		{ "{\"aString\":\"\\ud800\"}",
			"a_string: is malformed JSON at byte 18: half a surrogate pair" },
		{ "{\"aString\":\"\\udc00\"}",
			"a_string: is malformed JSON at byte 18: half a surrogate pair" },
		{ "{\"aString\":\"\\ud800\\u0041\"}",
			"a_string: is malformed JSON at byte 24: half a surrogate pair" },
		{ "{\"aString\":\"\\u0000\"}", "a_string: has a NUL character" },
		{ "{\"aString\":\"\xff\"}", ": is not valid UTF-8" },
		{ "{\"aString\":1}", "a_string: must be a string" },
		{ "{\"nope\":1}", "nope: is not a field of crm.test.v1.Everything" },
		{ "{\"aMessage\":{\"a\\nb\":1}}",
			"a_message.?: is not a field of crm.test.v1.Everything" },
		{ "{\"anInt32\":1,\"an_int32\":2}", "an_int32: is given twice" },
		{ "{\"anInt32\":null,\"anInt32\":2}", "an_int32: is given twice" },
		{ "{\"anInt32\":2147483648}", "an_int32: is out of range" },
		{ "{\"anInt32\":-2147483649}", "an_int32: is out of range" },
		{ "{\"anInt32\":1.5}", "an_int32: must be a whole number" },
		{ "{\"anInt32\":1e-1}", "an_int32: must be a whole number" },
		{ "{\"anInt32\":\" 1\"}", "an_int32: must be a whole number" },
		{ "{\"anInt32\":\"\"}", "an_int32: must be a whole number" },
		{ "{\"anInt32\":true}", "an_int32: must be a number" },
		{ "{\"anInt32\":01}",
			"an_int32: is malformed JSON at byte 11: a value is expected" },
		{ "{\"anInt32\":+1}", "an_int32: must be a number" },
		{ "{\"aUint32\":-1}", "a_uint32: is out of range" },
		{ "{\"aUint64\":18446744073709551616}", "a_uint64: must be a whole number" },
		{ "{\"anInt64\":9223372036854775808}", "an_int64: is out of range" },
		{ "{\"anInt64\":1e400}", "an_int64: must be a whole number" },
		{ "{\"aDouble\":1e400}", "a_double: is not a number that fits" },
		{ "{\"aFloat\":1e39}", "a_float: is not a number that fits" },
		{ "{\"aDouble\":NaN}", "a_double: must be a number" },
		{ "{\"aDouble\":\"nan\"}", "a_double: is not a number that fits" },
		{ "{\"aBool\":\"true\"}", "a_bool: must be true or false" },
		{ "{\"aBool\":1}", "a_bool: must be true or false" },
		{ "{\"aColor\":\"BLUE\"}", "a_color: is not a value of crm.test.v1.Color" },
		{ "{\"aColor\":1.5}", "a_color: must be a whole number" },
		{ "{\"aBytes\":\"A\"}", "a_bytes: is not base64" },
		{ "{\"aBytes\":\"AP8=AP8=\"}", "a_bytes: is not base64" },
		{ "{\"aBytes\":\"AP==8\"}", "a_bytes: is not base64" },
		{ "{\"aBytes\":\"A P8\"}", "a_bytes: is not base64" },
		{ "{\"strings\":\"x\"}", "strings: must be a list" },
		{ "{\"strings\":[\"a\",null]}", "strings[1]: must not be null" },
		{ "{\"strings\":[\"a\",]}", "strings[1]: must be a string" },
		{ "{\"messages\":[{},{\"anInt32\":\"x\"}]}",
			"messages[1].an_int32: must be a whole number" },
		{ "{\"stringsByString\":[]}", "strings_by_string: must be an object" },
		{ "{\"stringsByString\":{\"k\":1}}", "strings_by_string[\"k\"]: must be a string" },
		{ "{\"stringsByString\":{\"k\":null}}",
			"strings_by_string[\"k\"]: must not be null" },
		{ "{\"stringsByString\":{\"k\":\"a\",\"k\":\"b\"}}",
			"strings_by_string[\"k\"]: is given twice" },
		{ "{\"messagesByInt\":{\"1\":{},\"1.0\":{}}}",
			"messages_by_int[\"1.0\"]: is given twice" },
		{ "{\"messagesByInt\":{\"x\":{}}}",
			"messages_by_int[\"x\"]: must be a whole number" },
		{ "{\"colorsByBool\":{\"1\":0}}", "colors_by_bool[\"1\"]: must be true or false" },
		{ "{\"choiceString\":\"a\",\"choiceInt\":1}",
			"choice_int: excludes another field of 'choice' that is given too" },
		{ "{\"timestamp\":\"2026-03-29\"}",
			"timestamp: is not a time such as 2026-03-29T10:00:00Z" },
		{ "{\"timestamp\":\"2026-02-30T10:00:00Z\"}",
			"timestamp: is not a time such as 2026-03-29T10:00:00Z" },
		{ "{\"timestamp\":\"2026-03-29T24:00:00Z\"}",
			"timestamp: is not a time such as 2026-03-29T10:00:00Z" },
		{ "{\"timestamp\":\"2026-03-29T10:00:00\"}",
			"timestamp: is not a time such as 2026-03-29T10:00:00Z" },
		{ "{\"timestamp\":\"2026-03-29T10:00:00.Z\"}",
			"timestamp: is not a time such as 2026-03-29T10:00:00Z" },
		{ "{\"timestamp\":\"2026-03-29T10:00:00.1234567890Z\"}",
			"timestamp: is not a time such as 2026-03-29T10:00:00Z" },
		{ "{\"timestamp\":\"0001-01-01T00:00:00+01:00\"}",
			"timestamp: is not a time such as 2026-03-29T10:00:00Z" },
		{ "{\"duration\":\"1\"}", "duration: is not a duration such as 1.5s" },
		{ "{\"duration\":\"s\"}", "duration: is not a duration such as 1.5s" },
		{ "{\"duration\":\"-s\"}", "duration: is not a duration such as 1.5s" },
		{ "{\"duration\":\"315576000001s\"}", "duration: is not a duration such as 1.5s" },
		{ "{\"mask\":\"a,,b\"}", "mask: has an empty path" },
		{ "{\"mask\":\"a,\"}", "mask: has an empty path" },
		{ "{\"structure\":[]}", "structure: must be an object" },
		{ "{\"list\":{}}", "list: must be a list" },
		{ "{\"value\":nul}", "value: is malformed JSON" },
		{ "{\"any\":{\"code\":\"x\"}}", "any: has no \"@type\"" },
		{ "{\"any\":{\"@type\":\"x/nope\"}}",
			"any: has an \"@type\" that is not known here" },
		{ "{\"any\":{\"@type\":\"crm.test.v1.Part\"}}",
			"any: has an \"@type\" that is not known here" },
		{ "{\"any\":{\"@type\":\"x/crm.test.v1.Part\",\"@type\":\"x/crm.test.v1.Part\"}}",
			"any: has two \"@type\"" },
		{ "{\"any\":{\"@type\":\"x/crm.test.v1.Part\",\"weight\":\"y\"}}",
			"any.weight: must be a whole number" },
		{ "{\"any\":{\"@type\":\"x/google.protobuf.Duration\"}}", "any: has no \"value\"" },
		{ "{\"any\":{\"@type\":\"x/google.protobuf.Duration\",\"value\":\"1s\",\"more\":1}}",
			"any: must have \"@type\" and one \"value\" only" },
		{ "{\"any\":{\"@type\":\"x/crm.test.v1.Part\"",
			"any: is malformed JSON at byte 36: ',' or '}' is expected" },
	};
	CHECK(cases);
}

static struct str repeated_text(
	struct arena *a, size_t n, const char *open, const char *middle, const char *close)
{
	struct buf b = buf_new(a, 0);
	for (size_t i = 0; i < n; i++)
		buf_puts(&b, open);
	buf_puts(&b, middle);
	for (size_t i = 0; i < n; i++)
		buf_puts(&b, close);
	return buf_str(&b);
}

static void depth_is_bounded(void **state)
{
	struct pb_fixture *f = *state;
	static const struct {
		const char *open, *middle, *close;
		size_t n;
		bool ok;
	} cases[] = {
		{ "{\"aMessage\":", "{}", "}", 32, true },
		{ "{\"aMessage\":", "{}", "}", 33, false },
		{ "{\"aMessage\":", "{}", "}", 100000, false },
		{ "{\"messages\":[", "{}", "]}", 100000, false },
		{ "{\"value\":{\"a\":", "1", "}}", 1, true },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str text = repeated_text(
			f->a, cases[i].n, cases[i].open, cases[i].middle, cases[i].close);
		bool ok = there_and_back(f, EVERYTHING, text, 0)[0] == '{';
		assert_int_equal(ok, cases[i].ok);
	}
	const char *deep_list = there_and_back(
		f, "google.protobuf.Value", repeated_text(f->a, 100000, "[", "", "]"), 0);
	assert_non_null(strstr(deep_list, "is nested more than 32 deep"));
	const char *deep_any = there_and_back(
		f, "google.protobuf.Any", repeated_text(f->a, 100000, "{\"x\":", "1", "}"), 0);
	assert_non_null(strstr(deep_any, "nested too deep"));
}

static void messages_of_own_form_stand_at_the_root_too(void **state)
{
	struct pb_fixture *f = *state;
	static const struct {
		const char *message, *json;
	} cases[] = {
		{ "google.protobuf.Timestamp", "\"2026-03-29T10:00:00Z\"" },
		{ "google.protobuf.Value", "[1,null,{\"a\":\"b\"}]" },
		{ "google.protobuf.Value", "null" },
		{ "google.protobuf.Struct", "{\"a\":1}" },
		{ "google.protobuf.Int64Value", "\"5\"" },
		{ "google.protobuf.FieldMask", "\"a.bC\"" },
		{ "crm.test.v1.optional.Maybe", "{\"number\":0,\"text\":\"\"}" },
		{ "crm.test.v1.foreign.Old",
			"{\"number\":7,\"text\":\"\",\"numbers\":[1,2],\"packed\":[3]}" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(there_and_back(f, cases[i].message, str_c(cases[i].json), 0),
			cases[i].json);
	assert_string_equal(there_and_back(f, "crm.test.v1.foreign.Old", STR("{\"thing\":{}}"), 0),
		"thing: is a group, which is not supported");
}

static void flags_change_the_form(void **state)
{
	struct pb_fixture *f = *state;
	struct str json =
		STR("{\"id\":\"a\",\"note\":\"n\",\"password\":\"p\",\"parts\":[{\"code\":\"x\"}],"
		    "\"labels\":{\"a\":\"b\"}}");
	const char *thing = "crm.test.v1.Thing";
	assert_string_equal(there_and_back(f, thing, json, PB_JSON_HIDE_SECRETS),
		"{\"id\":\"a\",\"note\":\"***\",\"parts\":[{\"code\":\"x\"}],\"labels\":{\"a\":\"b\"},\"password\":\"***\"}");
	assert_string_equal(there_and_back(f, thing, json, PB_JSON_PRETTY),
		"{\n  \"id\": \"a\",\n  \"note\": \"n\",\n  \"parts\": [\n    {\n      \"code\": \"x\"\n    }\n  ],\n"
		"  \"labels\": {\n    \"a\": \"b\"\n  },\n  \"password\": \"p\"\n}");
	assert_string_equal(there_and_back(f, "crm.test.v1.Part", STR("{}"), PB_JSON_DEFAULTS),
		"{\"code\":\"\",\"madeBy\":\"\",\"weight\":0,\"serial\":\"\"}");
	assert_string_equal(there_and_back(f, "crm.test.v1.Part", STR("{}"),
				    PB_JSON_DEFAULTS | PB_JSON_PROTO_NAMES),
		"{\"code\":\"\",\"made_by\":\"\",\"weight\":0,\"serial\":\"\"}");
	assert_string_equal(there_and_back(f, "crm.test.v1.UpdateThingRequest", STR("{}"),
				    PB_JSON_DEFAULTS | PB_JSON_PRETTY),
		"{\n  \"requestId\": \"\"\n}");
	const char *all = there_and_back(f, thing, STR("{}"), PB_JSON_DEFAULTS);
	assert_non_null(strstr(all, "\"parts\":[]"));
	assert_non_null(strstr(all, "\"labels\":{}"));
	assert_null(strstr(all, "ownerId"));
	assert_null(strstr(all, "main"));
}

static const char *printed(struct pb_fixture *f, const char *message, struct str wire)
{
	struct str out;
	const struct pb_message *m = pb_fixture_message(f, message);
	if (pb_json_from_wire(f->a, f->schema, m, wire, 0, &out) != ST_OK)
		return "cannot be printed";
	return str_dup(f->a, out);
}

static void wire_that_only_others_write_prints_as_protobuf_reads_it(void **state)
{
	struct pb_fixture *f = *state;
	static const struct {
		struct str wire;
		const char *json;
	} cases[] = {
		{ { "\x18\x01\x18\x02", 4 }, "{\"anInt32\":2}" }, /* the last counts */
		{ { "\x18\x01\x18\x00", 4 }, "{}" },
		{ { "\x8a\x01\x02\x18\x01\x8a\x01\x02\x20\x02", 10 },
			"{\"aMessage\":{\"anInt32\":1,\"anInt64\":\"2\"}}" }, /* parts merge */
		{ { "\x9a\x03\x01"
		    "a\xa0\x03\x05",
			  7 },
			"{\"choiceInt\":\"5\"}" }, /* the last of a oneof */
		{ { "\xba\x01\x02\x01\x02\xb8\x01\x03", 8 },
			"{\"int32s\":[1,2,3]}" }, /* packed and not */
		{ { "\xba\x01\x01\x01\x18\x07\xba\x01\x01\x02", 10 },
			"{\"anInt32\":7,\"int32s\":[1,2]}" },
		{ { "\xca\x02\x06\x0a\x01"
		    "a\x12\x01"
		    "b\xca\x02\x06\x0a\x01"
		    "a\x12\x01"
		    "c",
			  18 },
			"{\"stringsByString\":{\"a\":\"c\"}}" },
		{ { "\xca\x02\x00", 3 }, "{\"stringsByString\":{\"\":\"\"}}" },
		{ { "\xd2\x02\x02\x08\x05", 5 }, "{\"messagesByInt\":{\"5\":{}}}" },
		{ { "\xfa\x3f\x01x", 4 }, "{}" }, /* unknown */
		{ { "\x8a\x04\x00", 3 }, "{\"value\":null}" },
		{ { "\xea\x03\x02\x10\x01", 5 },
			"{\"timestamp\":\"1970-01-01T00:00:00.000000001Z\"}" },
		{ { "\xea\x03\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 14 },
			"cannot be printed" },
		{ { "\x9a\x04\x08\x0a\x03x/y\x12\x01z", 11 },
			"{\"any\":{\"@type\":\"x/y\",\"value\":\"eg==\"}}" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = printed(f, EVERYTHING, cases[i].wire);
		if (strcmp(got, cases[i].json) != 0)
			fail_msg("case %zu: %s, not %s", i, got, cases[i].json);
	}
}

static void short_wire_does_not_swell_without_bound(void **state)
{
	struct pb_fixture *f = *state;
	struct buf b = buf_new(f->a, 0);
	for (size_t i = 0; i < 1000000; i++)
		pb_put_message(&b, 37, STR(""));
	struct str out;
	const struct pb_message *m = pb_fixture_message(f, EVERYTHING);
	assert_int_equal(pb_json_from_wire(f->a, f->schema, m, buf_str(&b), PB_JSON_DEFAULTS, &out),
		ST_RESOURCE_EXHAUSTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_print_as_they_were_read),
		cmocka_unit_test(lists_and_maps_print_as_they_were_read),
		cmocka_unit_test(well_known_types_have_their_own_form),
		cmocka_unit_test(faults_are_named_with_their_path),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(messages_of_own_form_stand_at_the_root_too),
		cmocka_unit_test(flags_change_the_form),
		cmocka_unit_test(wire_that_only_others_write_prints_as_protobuf_reads_it),
		cmocka_unit_test(short_wire_does_not_swell_without_bound),
	};
	return cmocka_run_group_tests(tests, pb_fixture_setup, pb_fixture_teardown);
}
