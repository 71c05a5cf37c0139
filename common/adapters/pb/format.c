/*
 * Formats of crm.common.v1.Format. Each function returns NULL or what is wrong, as a phrase that follows the field's
 * name; values are never part of it, for they may be secret.
 */
#include <arpa/inet.h>
#include <sys/stat.h>
#include "adapters/pb/pb.h"
#include "adapters/pb/pb_private.h"
#include "base/uuid.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_alpha(char c)
{
	return is_upper(c) || is_lower(c);
}

static bool is_alnum(char c)
{
	return is_alpha(c) || is_digit(c);
}

static bool is_high(char c)
{
	return (uint8_t)c >= 0x80;
}

static bool all_are(struct str s, bool (*is)(char c))
{
	for (size_t i = 0; i < s.n; i++) {
		if (!is(s.p[i]))
			return false;
	}
	return true;
}

static bool has_char(const char *set, char c)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static struct str rest(struct str s, size_t from)
{
	return str_n(s.p + from, s.n - from);
}

/* White space and marks that show nothing: U+00A0, U+1680, U+2000-200F, U+2028-202F, U+205F-206F, U+3000, U+FEFF. */
static bool has_blank(struct str s)
{
	for (size_t i = 0; i + 1 < s.n; i++) {
		uint8_t a = (uint8_t)s.p[i], b = (uint8_t)s.p[i + 1];
		uint8_t c = i + 2 < s.n ? (uint8_t)s.p[i + 2] : 0;
		if ((a == 0xc2 && b == 0xa0) || (a == 0xe1 && b == 0x9a && c == 0x80) ||
			(a == 0xe2 && b == 0x80 && (c <= 0x8f || (c >= 0xa8 && c <= 0xaf))) ||
			(a == 0xe2 && b == 0x81 && c >= 0x9f && c <= 0xaf) ||
			(a == 0xe3 && b == 0x80 && c == 0x80) || (a == 0xef && b == 0xbb && c == 0xbf))
			return true;
	}
	return false;
}

static const char *uuid_fault(struct str s)
{
	struct uuid u;
	return uuid_parse(s, &u) ? NULL : "is not a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057";
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

static const char *domain_fault(struct str s)
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

static const char *email_fault(struct str s)
{
	const char *at = memrchr(s.p, '@', s.n);
	if (!at)
		return "is not an e-mail address: it has no '@'";
	if (s.n > 254)
		return "is not an e-mail address: it is longer than 254 bytes";
	struct str local = str_n(s.p, (size_t)(at - s.p)), domain = rest(s, local.n + 1);
	if (local.n == 0 || local.n > 64 || has_blank(local))
		return "is not an e-mail address: what stands before the '@' is empty, too long or blank";
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
	return s.n <= 5 && all_are(s, is_digit) && str_to_u64(s, &port) && port >= 1 && port <= 65535;
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

static const char *url_fault(struct str s)
{
	size_t scheme = s.n >= 8 && strncasecmp(s.p, "https://", 8) == 0 ? 8
		: s.n >= 7 && strncasecmp(s.p, "http://", 7) == 0	 ? 7
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
	return is_url_tail(rest(s, n)) ? NULL : "is not a URL: it has characters that must be percent-encoded";
}

/* ---- telephone numbers ---- */

static const char *e164_fault(struct str s)
{
	bool shaped = s.n >= 8 && s.n <= 16 && s.p[0] == '+' && s.p[1] != '0';
	return shaped && all_are(rest(s, 1), is_digit) ? NULL
							: "is not a telephone number such as +420604893825";
}

/* "ext. 12", "x12", "#12", "linka 12" */
static bool is_extension(struct str s)
{
	static const char *const words[] = { "ext.", "ext", "x", "#", "linka", "kl.", "wew.", "дод." };
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

static const char *phone_fault(struct str s)
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
		return "is not a telephone number: it has other characters than digits, spaces and +()-./";
	return digits >= 3 && digits <= 17 ? NULL : "is not a telephone number: it needs 3 to 15 digits";
}

/* ---- codes ---- */

static bool take(struct str *s, size_t min, size_t max, bool (*is)(char c))
{
	struct str after = *s, tag = str_cut(&after, '-');
	if (!s->p || tag.n < min || tag.n > max || !all_are(tag, is))
		return false;
	*s = after;
	return true;
}

static bool take_variant(struct str *s)
{
	if (take(s, 5, 8, is_alnum))
		return true;
	return s->p && s->n > 0 && is_digit(s->p[0]) && take(s, 4, 4, is_alnum);
}

/* A singleton and what follows: "u-co-phonebk", "x-private". */
static bool take_extension(struct str *s)
{
	if (!s->p || s->n == 0)
		return false;
	size_t min = s->p[0] == 'x' || s->p[0] == 'X' ? 1 : 2;
	struct str after = *s;
	if (!take(&after, 1, 1, is_alnum) || !take(&after, min, 8, is_alnum))
		return false;
	*s = after;
	while (take(s, min, 8, is_alnum))
		;
	return true;
}

static const char *language_fault(struct str s)
{
	static const char fault[] = "is not a language tag such as cs-CZ";
	if (s.n > 64)
		return fault;
	if (take(&s, 2, 3, is_alpha)) {
		for (int i = 0; i < 3 && take(&s, 3, 3, is_alpha); i++)
			;
	} else if (!take(&s, 4, 8, is_alpha)) {
		return fault;
	}
	(void)take(&s, 4, 4, is_alpha);				  /* script, if there is one */
	(void)(take(&s, 2, 2, is_alpha) || take(&s, 3, 3, is_digit)); /* region, if there is one */
	while (take_variant(&s))
		;
	while (take_extension(&s))
		;
	return s.p ? fault : NULL;
}

static bool is_zone_char(char c)
{
	return is_alnum(c) || has_char("_+-", c);
}

static bool is_zone_name(struct str s)
{
	if (s.n == 0 || s.n > 48 || !is_upper(s.p[0]))
		return false;
	while (s.p) {
		struct str part = str_cut(&s, '/');
		if (part.n == 0 || part.p[0] == '-' || !all_are(part, is_zone_char))
			return false;
	}
	return true;
}

/* Asks the system's time zone database, where there is one; the names change several times a year. */
static const char *time_zone_fault(struct str s)
{
	static const char fault[] = "is not a time zone such as Europe/Kyiv";
	static const char folder[] = "/usr/share/zoneinfo/";
	char path[sizeof(folder) + 48];
	struct stat st;
	if (!is_zone_name(s))
		return fault;
	memcpy(path, folder, sizeof(folder) - 1);
	memcpy(path + sizeof(folder) - 1, s.p, s.n);
	path[sizeof(folder) - 1 + s.n] = '\0';
	if (str_is(s, "UTC") || (stat(path, &st) == 0 && S_ISREG(st.st_mode)))
		return NULL;
	return stat(folder, &st) == 0 ? fault : NULL;
}

/* Codes of one length, side by side in a sorted text. */
static bool is_listed(const char *codes, size_t length, struct str s)
{
	if (s.n != length)
		return false;
	size_t low = 0, high = strlen(codes) / length;
	while (low < high) {
		size_t mid = (low + high) / 2;
		int order = memcmp(s.p, codes + mid * length, length);
		if (order == 0)
			return true;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return false;
}

static const char *country_fault(struct str s)
{
	/* ISO 3166-1 alpha-2, officially assigned */
	static const char codes[] =
		"ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCG"
		"CHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGL"
		"GMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLA"
		"LBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONP"
		"NRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSV"
		"SXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSYEYTZAZMZW";
	return is_listed(codes, 2, s) ? NULL : "is not a country code such as CZ";
}

static const char *currency_fault(struct str s)
{
	/* ISO 4217: active, and those withdrawn of late, for old documents name them */
	static const char codes[] =
		"AEDAFNALLAMDANGAOAARSAUDAWGAZNBAMBBDBDTBGNBHDBIFBMDBNDBOBBOVBRLBSDBTNBWPBYNBZDCADCDF"
		"CHECHFCHWCLFCLPCNYCOPCOUCRCCUCCUPCVECZKDJFDKKDOPDZDEGPERNETBEURFJDFKPGBPGELGHSGIPGMD"
		"GNFGTQGYDHKDHNLHTGHUFIDRILSINRIQDIRRISKJMDJODJPYKESKGSKHRKMFKPWKRWKWDKYDKZTLAKLBPLKR"
		"LRDLSLLYDMADMDLMGAMKDMMKMNTMOPMRUMURMVRMWKMXNMXVMYRMZNNADNGNNIONOKNPRNZDOMRPABPENPGK"
		"PHPPKRPLNPYGQARRONRSDRUBRWFSARSBDSCRSDGSEKSGDSHPSLESLLSOSSRDSSPSTNSVCSYPSZLTHBTJSTMT"
		"TNDTOPTRYTTDTWDTZSUAHUGXUSDUSNUYIUYUUYWUZSVEDVESVNDVUVWSTXAFXAGXAUXBAXBBXBCXBDXCDXCGXDR"
		"XOFXPDXPFXPTXSUXTSXUAXXXYERZARZMWZWGZWL";
	return is_listed(codes, 3, s) ? NULL : "is not a currency code such as CZK";
}

int pb_days_in_month(int64_t year, unsigned month)
{
	static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

bool pb_date_parse(struct str s, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	uint64_t year, month, day;
	if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-' || !all_are(str_n(s.p, 4), is_digit) ||
		!all_are(str_n(s.p + 5, 2), is_digit) || !all_are(str_n(s.p + 8, 2), is_digit))
		return false;
	if (!str_to_u64(str_n(s.p, 4), &year) || !str_to_u64(str_n(s.p + 5, 2), &month) ||
		!str_to_u64(str_n(s.p + 8, 2), &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 ||
		day > (uint64_t)pb_days_in_month((int64_t)year, (unsigned)month))
		return false;
	*ret_year = (int64_t)year;
	*ret_month = (unsigned)month;
	*ret_day = (unsigned)day;
	return true;
}

static const char *date_fault(struct str s)
{
	int64_t year;
	unsigned month, day;
	return pb_date_parse(s, &year, &month, &day) ? NULL : "is not a date such as 2026-03-29";
}

static bool is_key_char(char c)
{
	return is_lower(c) || is_digit(c) || has_char("-_.", c);
}

static const char *key_fault(struct str s)
{
	bool begins_well = s.n > 0 && (is_lower(s.p[0]) || is_digit(s.p[0]));
	return begins_well && all_are(s, is_key_char)
		? NULL
		: "is not a key: lower-case letters, digits, '-', '_' and '.', beginning with a letter or digit";
}

bool pb_format_is_valid(enum pb_format f, struct str value, const char **ret_why)
{
	static const char *(*const faults[])(struct str s) = {
		[PB_FORMAT_UUID] = uuid_fault,
		[PB_FORMAT_EMAIL] = email_fault,
		[PB_FORMAT_PHONE] = phone_fault,
		[PB_FORMAT_E164] = e164_fault,
		[PB_FORMAT_URL] = url_fault,
		[PB_FORMAT_LANGUAGE] = language_fault,
		[PB_FORMAT_TIME_ZONE] = time_zone_fault,
		[PB_FORMAT_COUNTRY] = country_fault,
		[PB_FORMAT_CURRENCY] = currency_fault,
		[PB_FORMAT_DATE] = date_fault,
		[PB_FORMAT_KEY] = key_fault,
		[PB_FORMAT_DOMAIN] = domain_fault,
	};
	if ((size_t)f >= sizeof(faults) / sizeof(faults[0]) || !faults[f])
		return true;
	const char *why = faults[f](value.p ? value : STR(""));
	if (why)
		*ret_why = why;
	return !why;
}
