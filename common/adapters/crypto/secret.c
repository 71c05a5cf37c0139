/* Secrets: bytes in memory that is locked, guarded on both sides, read-only once filled, and wiped
 * when freed. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>
#include "adapters/crypto/crypto_private.h"
#include "base/file.h"

enum { MASTER_KEY = crypto_kdf_KEYBYTES, MAX_SECRET = 4096 };

struct secret {
	size_t n;
	uint8_t *p;
};

/* Filled by the caller, then sealed. */
static struct secret *reserve(size_t n)
{
	struct secret *s = mem_zalloc(sizeof(*s));

	s->n = n;
	s->p = sodium_malloc(n);
	crypto_assert(s->p, "no memory for a secret");
	return s;
}

static struct secret *protect(struct secret *s)
{
	crypto_assert(sodium_mprotect_readonly(s->p) == 0, "a secret cannot be protected");
	return s;
}

struct secret *secret_new(struct str bytes)
{
	struct secret *s = reserve(bytes.n);

	if (bytes.n > 0)
		memcpy(s->p, bytes.p, bytes.n);
	return protect(s);
}

struct secret *secret_random(size_t n)
{
	struct secret *s = reserve(n);

	randombytes_buf(s->p, n);
	return protect(s);
}

void secret_free(struct secret *s)
{
	if (!s)
		return;
	sodium_free(s->p);
	mem_free(s);
}

struct str secret_view(const struct secret *s)
{
	return str_n(s->p, s->n);
}

/* crypto_kdf tells keys apart by 8 bytes of context and a number: both are taken from the purpose's
 * digest. */
struct secret *secret_derive(const struct secret *master, const char *purpose)
{
	uint8_t digest[CRYPTO_DIGEST];
	char context[crypto_kdf_CONTEXTBYTES];
	uint64_t number;
	struct secret *s = reserve(MASTER_KEY);

	crypto_assert(master->n == MASTER_KEY, "a master key has 32 bytes");
	crypto_digest(str_c(purpose), digest);
	memcpy(context, digest, sizeof(context));
	memcpy(&number, digest + sizeof(context), sizeof(number));
	crypto_assert(crypto_kdf_derive_from_key(s->p, s->n, number, context, master->p) == 0,
		"a key cannot be derived");
	return protect(s);
}

/* --- reading from a file --- */

/* Ours or root's, a plain file, and nobody else may read it. */
static bool is_private(const struct stat *st)
{
	return S_ISREG(st->st_mode) && (st->st_mode & (S_IRWXG | S_IRWXO)) == 0 &&
	       (st->st_uid == geteuid() || st->st_uid == 0);
}

/* n bytes at `to` from raw bytes, hex or base64url text. Raw needs the exact length, so that text
 * is never taken for it by mistake. */
static bool decode(struct str text, uint8_t *to, size_t n)
{
	size_t got = 0;

	if (text.n == n) {
		memcpy(to, text.p, n);
		return true;
	}
	text = str_trim(text);
	if (text.n == 2 * n)
		return sodium_hex2bin(to, n, text.p, text.n, NULL, &got, NULL) == 0 && got == n;
	return sodium_base642bin(to, n, text.p, text.n, NULL, &got, NULL,
		       sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
	       got == n;
}

enum status secret_read_file(const char *path, size_t n, struct secret **ret)
{
	_cleanup_(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct secret *text, *s;
	struct stat st;
	size_t got = 0;
	bool ok;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? ST_NOT_FOUND : ST_PERMISSION_DENIED;
	if (fstat(fd, &st) != 0 || !is_private(&st))
		return ST_PERMISSION_DENIED;
	if (st.st_size > MAX_SECRET)
		return ST_INVALID_ARGUMENT;
	text = reserve(MAX_SECRET);
	s = reserve(n);
	ok = file_read(fd, text->p, MAX_SECRET, &got) && decode(str_n(text->p, got), s->p, n);
	secret_free(text);
	if (!ok) {
		secret_free(s);
		return ST_INVALID_ARGUMENT;
	}
	*ret = protect(s);
	return ST_OK;
}
