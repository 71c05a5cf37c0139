/*
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012) with one
 * compression and three finalization rounds: enough against aimed collisions in tables. Not a
 * checksum and not stable between processes.
 */
#include "base/str.h"
#include <endian.h>
#include <pthread.h>
#include "base/uuid.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

static uint64_t load_le(const uint8_t *p, size_t n)
{
	uint64_t word = 0;

	memcpy(&word, p, n);
	return le64toh(word);
}

uint64_t hash_bytes_keyed(const uint64_t key[2], const void *p, size_t n)
{
	const uint8_t *bytes = p;
	size_t whole = n / 8 * 8;
	uint64_t last = (uint64_t)n << 56;
	struct sip s = {
		.v0 = key[0] ^ UINT64_C(0x736f6d6570736575),
		.v1 = key[1] ^ UINT64_C(0x646f72616e646f6d),
		.v2 = key[0] ^ UINT64_C(0x6c7967656e657261),
		.v3 = key[1] ^ UINT64_C(0x7465646279746573),
	};

	for (size_t i = 0; i < whole; i += 8)
		sip_word(&s, load_le(bytes + i, 8));
	if (n > whole)
		last |= load_le(bytes + whole, n - whole);
	sip_word(&s, last);
	s.v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static uint64_t process_key[2]; /* constant once drawn */

static void draw_key(void)
{
	random_bytes(process_key, sizeof(process_key));
}

uint64_t hash_bytes(const void *p, size_t n)
{
	(void)pthread_once(&key_once, draw_key);
	return hash_bytes_keyed(process_key, p, n);
}
