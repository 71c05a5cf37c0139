/* Where a call comes from: what its metadata says of request, trace and address, believed only as
 * far as it is well-formed. */
#include "base/uuid.h"
#include "kit/dispatch.h"
#include "kit/networks.h"

enum { MAX_ID = 128, TRACEPARENT = 55 };

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

/* What stands behind the last comma, cut off. */
static struct str cut_last(struct str *list)
{
	size_t n = list->n;
	struct str last;

	while (n > 0 && list->p[n - 1] != ',')
		n--;
	last = str_n(list->p + n, list->n - n);
	list->n = n > 0 ? n - 1 : 0;
	return str_trim(last);
}

/* Each proxy adds the address that it saw at the end: from there, as far as we trust them. */
const char *dispatch_address(
	struct arena *a, const struct networks *trusted, const struct rpc_call *rpc)
{
	struct str seen = address_of_peer(rpc_peer(rpc));
	struct str forwarded = header_of(rpc, "x-forwarded-for");

	while (forwarded.n > 0 && networks_hold(trusted, seen)) {
		struct str before = cut_last(&forwarded);

		if (!networks_is_address(before))
			break;
		seen = before;
	}
	return str_dup(a, seen);
}
