/*
 * Schema: the options of crm/common/v1/options.proto, which arrive as unknown fields of the
 * descriptors.
 */
#include "adapters/pb/pb.h"
#include "adapters/pb/pb_private.h"

enum {
	POLICY_NUMBER = 51001,
	RULES_NUMBER = 51002,
	DEFAULT_LENGTH = 1024,
	DEFAULT_ITEMS = 1000,
	GOOGLE_LENGTH = 65536, /* of texts inside google.protobuf.Struct and the like */
	MASK_PATH_LENGTH = 256,
};

void pb_rules_default(const struct pb_message_info *m, struct pb_rules *ret)
{
	*ret = (struct pb_rules){ .max_length = DEFAULT_LENGTH, .max_items = DEFAULT_ITEMS };
	if (m->known == PB_KNOWN_FIELD_MASK) {
		ret->max_length = MASK_PATH_LENGTH;
	} else if (m->is_google) {
		ret->max_length = GOOGLE_LENGTH;
		ret->multiline = true;
	}
}

/* Of several occurrences the parts merge, as messages do: so each is read over the former. */
static void rules_merge(struct str bytes, struct pb_rules *r)
{
	struct pb_reader in = pb_reader_of(bytes);
	struct pb_wire_field f;
	while (pb_read(&in, &f)) {
		bool flag = f.value != 0;
		uint32_t number = (uint32_t)f.value;
		switch (f.number) {
		case 1:
			r->required = flag;
			break;
		case 2:
			r->output_only = flag;
			break;
		case 3:
			r->immutable = flag;
			break;
		case 4:
			r->max_length = flag ? number : DEFAULT_LENGTH;
			break;
		case 5:
			r->min_length = number;
			break;
		case 6:
			r->max_items = flag ? number : DEFAULT_ITEMS;
			break;
		case 7:
			r->format =
				number <= PB_FORMAT_DOMAIN ? (enum pb_format)number : PB_FORMAT_ANY;
			break;
		case 8:
			r->min = (int64_t)f.value;
			break;
		case 9:
			r->max = (int64_t)f.value;
			break;
		case 10:
			r->pii = flag;
			break;
		case 11:
			r->secret = flag;
			break;
		case 12:
			r->multiline = flag;
			break;
		}
	}
}

static void policy_merge(struct arena *a, struct str bytes, struct pb_policy *p)
{
	struct pb_reader in = pb_reader_of(bytes);
	struct pb_wire_field f;
	while (pb_read(&in, &f)) {
		bool flag = f.value != 0;
		const char *text = f.bytes.n > 0 ? str_dup(a, f.bytes) : NULL;
		switch (f.number) {
		case 1:
			p->permission = text;
			break;
		case 2:
			p->is_public = flag;
			break;
		case 3:
			p->signed_in = flag;
			break;
		case 4:
			p->read_only = flag;
			break;
		case 5:
			p->event = text;
			break;
		case 6:
			p->slow = flag;
			break;
		}
	}
}

void pb_rules_read(struct str field_options, struct pb_rules *rules)
{
	struct pb_reader in = pb_reader_of(field_options);
	struct pb_wire_field f;
	while (pb_read(&in, &f)) {
		if (f.number == RULES_NUMBER && f.wire_type == PB_WIRE_BYTES)
			rules_merge(f.bytes, rules);
	}
}

void pb_policy_read(struct arena *a, struct str method_options, struct pb_policy *ret)
{
	struct pb_reader in = pb_reader_of(method_options);
	struct pb_wire_field f;
	while (pb_read(&in, &f)) {
		if (f.number == POLICY_NUMBER && f.wire_type == PB_WIRE_BYTES)
			policy_merge(a, f.bytes, ret);
	}
}
