/* Error details: three messages of google.rpc, written by hand because they are small and always
 * the same. */
#include "kit/error_details.h"

enum {
	MAX_MESSAGE = 1024,
	MAX_DESCRIPTION = 256,
	MAX_FIELD = 256,
	MAX_VIOLATIONS_BYTES = 5 * 512,
};

enum { STATUS_CODE = 1, STATUS_MESSAGE = 2, STATUS_DETAILS = 3 };
enum { ANY_TYPE_URL = 1, ANY_VALUE = 2 };
enum { INFO_REASON = 1, INFO_DOMAIN = 2 };
enum { BAD_REQUEST_VIOLATIONS = 1, VIOLATION_FIELD = 1, VIOLATION_DESCRIPTION = 2 };
enum { RETRY_DELAY = 1, DURATION_SECONDS = 1, DURATION_NANOS = 2 };

/* ---- text ---- */

/* Bytes of the character that begins with lead. */
static size_t utf8_size(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead < 0xe0)
		return 2;
	return lead < 0xf0 ? 3 : 4;
}

/* What a byte takes in grpc-message: all but printable ASCII is percent-encoded. */
static size_t encoded_size(unsigned char c)
{
	return c >= ' ' && c <= '~' && c != '%' ? 1 : 3;
}

/* How much of the text, in whole characters, takes at most max bytes when encoded. */
static size_t fitting(struct str text, size_t max)
{
	size_t at = 0;

	while (at < text.n) {
		unsigned char lead = (unsigned char)text.p[at];
		size_t size = utf8_size(lead);
		size_t cost = encoded_size(lead) * size;

		if (cost > max)
			break;
		max -= cost;
		at += size;
	}
	return at;
}

static struct str well_formed(struct arena *a, struct str text)
{
	char *copy;

	if (utf8_is_valid(text))
		return text;
	copy = arena_strndup(a, text.p, text.n);
	for (size_t i = 0; i < text.n; i++) {
		if ((unsigned char)copy[i] >= 0x80)
			copy[i] = '?';
	}
	return str_n(copy, text.n);
}

const char *error_message_clean(struct arena *a, const char *text)
{
	struct str s = well_formed(a, str_c(text));
	size_t n = fitting(s, MAX_MESSAGE);

	return n == s.n ? s.p : arena_strndup(a, s.p, n);
}

static struct str cut(struct arena *a, const char *text, size_t max)
{
	struct str s = well_formed(a, str_c(text));

	return str_n(s.p, fitting(s, max));
}

/* ---- messages ---- */

static void put_any(struct buf *b, const char *type_url, const struct buf *value)
{
	struct buf any = buf_new(b->arena, 0);

	pb_put_bytes(&any, ANY_TYPE_URL, str_c(type_url));
	pb_put_bytes(&any, ANY_VALUE, buf_str(value));
	pb_put_message(b, STATUS_DETAILS, buf_str(&any));
}

static void put_info(struct buf *b, const struct error_details *e)
{
	struct buf info = buf_new(b->arena, 0);

	pb_put_bytes(&info, INFO_REASON, str_c(e->reason ? e->reason : status_name(e->status)));
	pb_put_bytes(&info, INFO_DOMAIN, str_c(e->domain));
	put_any(b, "type.googleapis.com/google.rpc.ErrorInfo", &info);
}

static void put_violations(struct buf *b, const struct pb_violations *v)
{
	struct buf request = buf_new(b->arena, 0);

	for (size_t i = 0; i < v->n; i++) {
		struct buf one = buf_new(b->arena, 0);

		pb_put_bytes(&one, VIOLATION_FIELD, cut(b->arena, v->v[i].field, MAX_FIELD));
		pb_put_bytes(&one, VIOLATION_DESCRIPTION,
			cut(b->arena, v->v[i].description, MAX_DESCRIPTION));
		if (request.n + one.n > MAX_VIOLATIONS_BYTES)
			break;
		pb_put_message(&request, BAD_REQUEST_VIOLATIONS, buf_str(&one));
	}
	put_any(b, "type.googleapis.com/google.rpc.BadRequest", &request);
}

static void put_retry(struct buf *b, int64_t retry_ms)
{
	struct buf delay = buf_new(b->arena, 0);
	struct buf info = buf_new(b->arena, 0);

	pb_put_int(&delay, DURATION_SECONDS, retry_ms / 1000);
	pb_put_int(&delay, DURATION_NANOS, retry_ms % 1000 * 1000000);
	pb_put_message(&info, RETRY_DELAY, buf_str(&delay));
	put_any(b, "type.googleapis.com/google.rpc.RetryInfo", &info);
}

struct str error_details_pack(struct arena *a, const struct error_details *e)
{
	struct buf b = buf_new(a, 0);

	pb_put_int(&b, STATUS_CODE, e->status);
	pb_put_bytes(&b, STATUS_MESSAGE, str_c(e->message));
	put_info(&b, e);
	if (e->fields && e->fields->n > 0)
		put_violations(&b, e->fields);
	if (e->retry_ms > 0)
		put_retry(&b, e->retry_ms);
	return buf_str(&b);
}
