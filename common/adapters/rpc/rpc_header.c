/*
 * Metadata, in and out. gRPC's own keys stay gRPC's: they are neither shown nor sent, so that what
 * a gateway copies from one side to the other is what the applications said to each other.
 */
#include <grpc/slice.h>
#include "adapters/rpc/rpc_private.h"

struct str rpc_slice_str(const grpc_slice *s)
{
	return s->refcount ? str_n(s->data.refcounted.bytes, s->data.refcounted.length)
			   : str_n(s->data.inlined.bytes, s->data.inlined.length);
}

/* What belongs to HTTP/2 or gRPC on this hop. */
static bool is_of_the_hop(struct str key)
{
	static const struct str KEYS[] = { STR("te"), STR("content-type"), STR("accept-encoding"),
		STR("content-encoding"), STR("content-length"), STR("connection"),
		STR("keep-alive"), STR("host"), STR("proxy-connection"), STR("transfer-encoding"),
		STR("upgrade") };

	if (key.n == 0 || key.p[0] == ':' || str_starts(key, "grpc-"))
		return true;
	for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++)
		if (str_eq(key, KEYS[i]))
			return true;
	return false;
}

/* ---- received ---- */

size_t rpc_headers_room(const grpc_metadata_array *md)
{
	size_t room = 0;

	for (size_t i = 0; i < md->count; i++) {
		struct str key = rpc_slice_str(&md->metadata[i].key);

		if (!is_of_the_hop(key))
			room += sizeof(struct rpc_header) + key.n + 1 +
				rpc_slice_str(&md->metadata[i].value).n + 1;
	}
	return room;
}

static char *put(char **to, struct str s)
{
	char *start = *to;

	if (s.n > 0)
		memcpy(start, s.p, s.n);
	start[s.n] = '\0';
	*to += s.n + 1;
	return start;
}

static size_t count_shown(const grpc_metadata_array *md)
{
	size_t n = 0;

	for (size_t i = 0; i < md->count; i++)
		n += !is_of_the_hop(rpc_slice_str(&md->metadata[i].key));
	return n;
}

struct rpc_headers rpc_headers_copy(const grpc_metadata_array *md, void *room)
{
	struct rpc_header *list = room;
	char *text = (char *)(list + count_shown(md));
	size_t n = 0;

	for (size_t i = 0; i < md->count; i++) {
		struct str key = rpc_slice_str(&md->metadata[i].key);
		struct str value = rpc_slice_str(&md->metadata[i].value);

		if (is_of_the_hop(key))
			continue;
		list[n].key = put(&text, key);
		list[n].value = str_n(put(&text, value), value.n);
		n++;
	}
	return (struct rpc_headers){ .n = n, .list = list };
}

struct rpc_headers rpc_headers_in(struct arena *a, const grpc_metadata_array *md)
{
	size_t room = rpc_headers_room(md);

	if (room == 0)
		return (struct rpc_headers){ 0 };
	return rpc_headers_copy(md, arena_alloc(a, room));
}

struct str rpc_header(const struct rpc_headers *h, const char *key)
{
	for (size_t i = 0; i < h->n; i++)
		if (strcmp(h->list[i].key, key) == 0)
			return h->list[i].value;
	return (struct str){ 0 };
}

/* ---- to send ---- */

static grpc_slice slice_of(struct str s)
{
	return s.n > 0 ? grpc_slice_from_copied_buffer(s.p, s.n) : grpc_empty_slice();
}

static void append(struct rpc_metadata *m, grpc_slice key, grpc_slice value)
{
	if (m->n == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 4;
		m->list = mem_realloc(m->list, m->cap * sizeof(m->list[0]));
	}
	m->list[m->n++] = (grpc_metadata){ .key = key, .value = value };
}

/* What gRPC takes as text; it refuses the whole batch for anything else. */
static bool is_printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	}
	return true;
}

static bool is_legal(grpc_slice key, struct str value)
{
	return grpc_header_key_is_legal(key) && (grpc_is_binary_header(key) || is_printable(value));
}

void rpc_metadata_add(struct rpc_metadata *m, const char *key, struct str value)
{
	grpc_slice k, v;

	if (is_of_the_hop(str_c(key)) || strcmp(key, "user-agent") == 0)
		return;
	k = slice_of(str_c(key));
	v = slice_of(value);
	if (is_legal(k, value)) {
		append(m, k, v);
	} else {
		grpc_slice_unref(k);
		grpc_slice_unref(v);
	}
}

void rpc_metadata_add_details(struct rpc_metadata *m, struct str details)
{
	append(m, grpc_slice_from_static_string("grpc-status-details-bin"), slice_of(details));
}

void rpc_metadata_done(struct rpc_metadata *m)
{
	for (size_t i = 0; i < m->n; i++) {
		grpc_slice_unref(m->list[i].key);
		grpc_slice_unref(m->list[i].value);
	}
	mem_free(m->list);
	*m = (struct rpc_metadata){ 0 };
}
