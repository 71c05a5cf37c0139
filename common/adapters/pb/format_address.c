/*
 * Formats of addresses: domains, e-mail, URLs, telephone numbers.
 */
#include <arpa/inet.h>
#include "adapters/pb/format_private.h"

/*
 * White space and marks that show nothing: U+00A0, U+1680, U+2000-200F, U+2028-202F,
 * U+205F-206F, U+3000, U+FEFF.
 */
static bool has_blank(struct str s)
{
	for (size_t i = 0; i + 1 < s.n; i++) {
		uint8_t a = (uint8_t)s.p[i], b = (uint8_t)s.p[i + 1];
		uint8_t c = i + 2 < s.n ? (uint8_t)s.p[i + 2] : 0;
		if ((a == 0xc2 && b == 0xa0) || (a == 0xe1 && b == 0x9a && c == 0x80) ||
			(a == 0xe2 && b == 0x80 && (c <= 0x8f || (c >= 0xa8 && c <= 0xaf))) ||
			(a == 0xe2 && b == 0x81 && c >= 0x9f && c <= 0xaf) ||
			(a == 0xe3 && b == 0x80 && c == 0x80) ||
			(a == 0xef && b == 0xbb && c == 0xbf))
			return true;
	}
	return false;
}

/* ---- domains and what builds on them ---- */

static bool is_label(struct str s)
{
	if (s.n == 0 || s.n > 63 || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!is_alnum(s.p[i]) && s.p[i] != '-' && !is_high(s.p[i]))
			return false;
	}
	return true;
}

/* Labels with dots between; the last is not a number, or it would be an address. */
static bool is_host_name(struct str s, size_t *ret_labels)
{
	if (s.n == 0 || s.n > 253 || has_blank(s))
		return false;
	size_t n = 0;
	struct str label = { 0 };
	while (s.p) {
		label = str_cut(&s, '.');
		if (!is_label(label))
			return false;
		n++;
	}
	*ret_labels = n;
	return !all_are(label, is_digit);
}

const char *pb_format_domain_fault(struct str s)
{
	size_t labels;
	if (!is_host_name(s, &labels))
		return "is not a domain name such as example.com";
	return labels < 2 ? "is not a domain name: it has no dot" : NULL;
}

static bool is_ip(int family, struct str s)
{
	char text[INET6_ADDRSTRLEN + 1];
	uint8_t address[16];
	if (s.n == 0 || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return strlen(text) == s.n && inet_pton(family, text, address) == 1;
}

static bool is_address_literal(struct str s)
{
	if (s.n < 3 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return false;
	s = str_n(s.p + 1, s.n - 2);
	return str_starts(s, "IPv6:") ? is_ip(AF_INET6, rest(s, 5)) : is_ip(AF_INET, s);
}

static bool is_dot_atom(struct str s)
{
	while (s.p) {
		struct str atom = str_cut(&s, '.');
		if (atom.n == 0)
			return false;
		for (size_t i = 0; i < atom.n; i++) {
			char c = atom.p[i];
			if (!is_alnum(c) && !is_high(c) && !has_char("!#$%&'*+-/=?^_`{|}~", c))
				return false;
		}
	}
	return true;
}

static bool is_quoted(struct str s)
{
	if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
		return false;
	for (size_t i = 1; i < s.n - 1; i++) {
		char c = s.p[i];
		if (c == '\\' && ++i < s.n - 1)
			c = 'x';
		if (c == '"' || c == '\\' || (uint8_t)c < 0x20 || c == 0x7f)
			return false;
	}
	return true;
}

const char *pb_format_email_fault(struct str s)
{
	const char *at = memrchr(s.p, '@', s.n);
	if (!at)
		return "is not an e-mail address: it has no '@'";
	if (s.n > 254)
		return "is not an e-mail address: it is longer than 254 bytes";
	struct str local = str_n(s.p, (size_t)(at - s.p)), domain = rest(s, local.n + 1);
	if (local.n == 0 || local.n > 64 || has_blank(local))
		return "is not an e-mail address: what stands before the '@' is empty, too long or "
		       "blank";
	if (!is_dot_atom(local) && !is_quoted(local))
		return "is not an e-mail address: what stands before the '@' is malformed";
	size_t labels;
	if (!is_host_name(domain, &labels) && !is_address_literal(domain))
		return "is not an e-mail address: what follows the '@' is not a domain name";
	return NULL;
}

static bool is_port(struct str s)
{
	uint64_t port;
	return s.n <= 5 && all_are(s, is_digit) && str_to_u64(s, &port) && port >= 1 &&
	       port <= 65535;
}

static bool is_authority(struct str s)
{
	size_t labels;
	if (s.n > 0 && s.p[0] == '[') {
		const char *close = memchr(s.p, ']', s.n);
		size_t n = close ? (size_t)(close - s.p) : 0;
		if (n < 2 || !is_ip(AF_INET6, str_n(s.p + 1, n - 1)))
			return false;
		s = rest(s, n + 1);
		return s.n == 0 || (s.p[0] == ':' && is_port(rest(s, 1)));
	}
	struct str host = str_cut(&s, ':');
	return (is_host_name(host, &labels) || is_ip(AF_INET, host)) && (!s.p || is_port(s));
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_url_tail(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '%' && (s.n - i < 3 || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2])))
			return false;
		if ((uint8_t)c <= 0x20 || c == 0x7f || has_char("\"<>\\^`{|}", c))
			return false;
	}
	return !has_blank(s);
}

const char *pb_format_url_fault(struct str s)
{
	size_t scheme = s.n >= 8 && strncasecmp(s.p, "https://", 8) == 0  ? 8
			: s.n >= 7 && strncasecmp(s.p, "http://", 7) == 0 ? 7
									  : 0;
	if (scheme == 0)
		return "is not a URL: it does not begin with http:// or https://";
	s = rest(s, scheme);
	size_t n = 0;
	while (n < s.n && !has_char("/?#", s.p[n]))
		n++;
	if (memchr(s.p, '@', n))
		return "is not a URL that may be kept: it has a user name or password";
	if (!is_authority(str_n(s.p, n)))
		return "is not a URL: its host is malformed";
	return is_url_tail(rest(s, n))
		       ? NULL
		       : "is not a URL: it has characters that must be percent-encoded";
}

/* ---- telephone numbers ---- */

const char *pb_format_e164_fault(struct str s)
{
	bool shaped = s.n >= 8 && s.n <= 16 && s.p[0] == '+' && s.p[1] != '0';
	return shaped && all_are(rest(s, 1), is_digit)
		       ? NULL
		       : "is not a telephone number such as +420604893825";
}

/* "ext. 12", "x12", "#12", "linka 12" */
static bool is_extension(struct str s)
{
	static const char *const words[] = { "ext.", "ext", "x", "#", "linka", "kl.", "wew.",
		"дод." };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i]);
		if (s.n <= n || strncasecmp(s.p, words[i], n) != 0)
			continue;
		struct str number = str_trim(rest(s, n));
		if (number.n >= 1 && number.n <= 8 && all_are(number, is_digit))
			return true;
	}
	return false;
}

const char *pb_format_phone_fault(struct str s)
{
	size_t digits = 0, i = s.n > 0 && s.p[0] == '+' ? 1 : 0;
	for (; i < s.n; i++) {
		bool is_nbsp = i + 1 < s.n && memcmp(s.p + i, "\xc2\xa0", 2) == 0;
		if (is_nbsp)
			i++;
		else if (is_digit(s.p[i]))
			digits++;
		else if (!has_char(" ()-./", s.p[i]))
			break;
	}
	if (i < s.n && !is_extension(rest(s, i)))
		return "is not a telephone number: it has other characters than digits, spaces and "
		       "+()-./";
	return digits >= 3 && digits <= 17 ? NULL
					   : "is not a telephone number: it needs 3 to 15 digits";
}
