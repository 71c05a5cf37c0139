/* Messages: a counted gRPC byte buffer. It is never given away itself, because sending empties a
 * buffer. */
#include <grpc/byte_buffer.h>
#include <grpc/slice.h>
#include "adapters/rpc/rpc_private.h"

struct rpc_bytes {
	atomic_size_t refs;
	grpc_byte_buffer *buffer;
};

struct rpc_bytes *rpc_bytes_wrap(grpc_byte_buffer *buffer)
{
	struct rpc_bytes *b = mem_zalloc(sizeof(*b));

	atomic_init(&b->refs, 1);
	b->buffer = buffer;
	return b;
}

static grpc_byte_buffer *buffer_of(struct str s)
{
	grpc_slice slice = s.n > 0 ? grpc_slice_from_copied_buffer(s.p, s.n) : grpc_empty_slice();
	grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);

	grpc_slice_unref(slice);
	return buffer;
}

struct rpc_bytes *rpc_bytes_of(struct str s)
{
	return rpc_bytes_wrap(buffer_of(s));
}

grpc_byte_buffer *rpc_bytes_buffer(const struct rpc_bytes *b)
{
	return b ? grpc_byte_buffer_copy(b->buffer) : buffer_of(STR(""));
}

void rpc_bytes_unref(struct rpc_bytes *b)
{
	if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	grpc_byte_buffer_destroy(b->buffer);
	mem_free(b);
}

size_t rpc_bytes_size(const struct rpc_bytes *b)
{
	return grpc_byte_buffer_length(b->buffer);
}

struct str rpc_flat(struct arena *a, struct rpc_bytes *b)
{
	const grpc_slice_buffer *slices = &b->buffer->data.raw.slice_buffer;
	char *p;
	size_t n = 0;

	if (slices->count == 0)
		return STR("");
	if (slices->count == 1)
		return rpc_slice_str(&slices->slices[0]);
	p = arena_alloc(a, slices->length);
	for (size_t i = 0; i < slices->count; i++) {
		struct str part = rpc_slice_str(&slices->slices[i]);

		memcpy(p + n, part.p, part.n);
		n += part.n;
	}
	return str_n(p, n);
}
