/* Where a call comes from: what its metadata says of request, trace and address, believed only as
 * far as it is well-formed. */
#include "base/uuid.h"
#include "kit/dispatch.h"

enum { MAX_ID = 128, MAX_ADDRESS = 45, TRACEPARENT = 55 };

static struct str header_of(const struct rpc_call *rpc, const char *key)
{
	return rpc_header(rpc_request_headers(rpc), key);
}

/* Printable ASCII without what would need escaping in a log line. */
static bool is_id(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	}
	return s.n > 0 && s.n <= MAX_ID;
}

const char *dispatch_correlation_id(struct arena *a, const struct rpc_call *rpc)
{
	struct str id = header_of(rpc, "x-request-id");

	return is_id(id) ? str_dup(a, id) : uuid_v7_text(a);
}

/* 00-<32 hex>-<16 hex>-<2 hex> (https://www.w3.org/TR/trace-context/) */
static bool is_traceparent(struct str s)
{
	if (s.n != TRACEPARENT)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		bool is_dash = i == 2 || i == 35 || i == 52;
		char c = s.p[i];
		bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

		if (is_dash ? c != '-' : !is_hex)
			return false;
	}
	return true;
}

const char *dispatch_traceparent(struct arena *a, const struct rpc_call *rpc)
{
	struct str s = header_of(rpc, "traceparent");

	return is_traceparent(s) ? str_dup(a, s) : "";
}

static bool is_address(struct str s)
{
	static const char allowed[] = "0123456789abcdefABCDEF:.";

	for (size_t i = 0; i < s.n; i++) {
		if (!memchr(allowed, s.p[i], sizeof(allowed) - 1))
			return false;
	}
	return s.n > 0 && s.n <= MAX_ADDRESS;
}

/* "ipv4:127.0.0.1:34567" or "ipv6:%5B::1%5D:34567" without scheme, brackets and port. */
static struct str address_of_peer(const char *peer)
{
	struct str rest = str_c(peer);
	struct str scheme = str_cut(&rest, ':');
	size_t n = rest.n;

	if (!rest.p)
		return scheme;
	while (n > 0 && rest.p[n - 1] != ':')
		n--;
	rest.n = n > 0 ? n - 1 : rest.n;
	if (str_starts(rest, "%5B") && str_ends(rest, "%5D"))
		return str_n(rest.p + 3, rest.n - 6);
	if (str_starts(rest, "[") && str_ends(rest, "]"))
		return str_n(rest.p + 1, rest.n - 2);
	return rest;
}

const char *dispatch_address(struct arena *a, const struct rpc_call *rpc)
{
	struct str forwarded = header_of(rpc, "x-forwarded-for");
	struct str first = str_trim(str_cut(&forwarded, ','));

	return str_dup(a, is_address(first) ? first : address_of_peer(rpc_peer(rpc)));
}

const char *dispatch_peer_address(struct arena *a, const struct rpc_call *rpc)
{
	return str_dup(a, address_of_peer(rpc_peer(rpc)));
}
