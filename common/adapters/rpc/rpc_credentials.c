/* TLS files to gRPC credentials, and none to plaintext. */
#include <grpc/grpc_security.h>
#include <stdio.h>
#include "adapters/rpc/rpc_private.h"

enum { MAX_PEM = 1024 * 1024 };

/* The whole file as a string, or NULL. */
static char *read_file(struct arena *a, const char *path)
{
	struct buf b = buf_new(a, MAX_PEM);
	FILE *f = fopen(path, "re");
	char *room;
	size_t n;

	if (!f)
		return NULL;
	do {
		room = buf_room(&b, 4096);
		n = room ? fread(room, 1, 4096, f) : 0;
		b.n += n;
	} while (n > 0);
	if (ferror(f) || fclose(f) != 0 || b.overflow)
		return NULL;
	return arena_strndup(a, b.p, b.n);
}

grpc_server_credentials *rpc_server_credentials(const struct rpc_server_config *c)
{
	_cleanup_(arena_freep) struct arena *a = NULL;
	grpc_ssl_pem_key_cert_pair pair;

	if (!c->tls_cert_file && !c->tls_key_file)
		return grpc_insecure_server_credentials_create();
	if (!c->tls_cert_file || !c->tls_key_file)
		return NULL;
	a = arena_new();
	pair.cert_chain = read_file(a, c->tls_cert_file);
	pair.private_key = read_file(a, c->tls_key_file);
	if (!pair.cert_chain || !pair.private_key)
		return NULL;
	return grpc_ssl_server_credentials_create(NULL, &pair, 1, 0, NULL);
}

grpc_channel_credentials *rpc_channel_credentials(const struct rpc_channel_config *c)
{
	_cleanup_(arena_freep) struct arena *a = NULL;
	char *roots;

	if (!c->tls_ca_file)
		return grpc_insecure_credentials_create();
	a = arena_new();
	roots = read_file(a, c->tls_ca_file);
	return roots ? grpc_ssl_credentials_create(roots, NULL, NULL, NULL) : NULL;
}
