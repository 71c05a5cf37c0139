/*
 * Formats of crm.common.v1.Format: identifiers, codes and dates, and the table of all.
 */
#include <sys/stat.h>
#include "adapters/pb/format_private.h"
#include "base/uuid.h"

static const char *uuid_fault(struct str s)
{
	struct uuid u;
	return uuid_parse(s, &u) ? NULL
				 : "is not a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057";
}

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
	(void)take(&s, 4, 4, is_alpha);                               /* script, if there is one */
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

/* Asks the system's time zone database, where there is one; the names change often. */
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
		"ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCA"
		"CCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGA"
		"GBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJP"
		"KEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMS"
		"MTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORS"
		"RURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTW"
		"TZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSYEYTZAZMZW";
	return is_listed(codes, 2, s) ? NULL : "is not a country code such as CZ";
}

static const char *currency_fault(struct str s)
{
	/* ISO 4217: active, and those withdrawn of late, for old documents name them */
	static const char codes[] =
		"AEDAFNALLAMDANGAOAARSAUDAWGAZNBAMBBDBDTBGNBHDBIFBMDBNDBOBBOVBRLBSDBTNBWPBYN"
		"BZDCADCDFCHECHFCHWCLFCLPCNYCOPCOUCRCCUCCUPCVECZKDJFDKKDOPDZDEGPERNETBEURFJD"
		"FKPGBPGELGHSGIPGMDGNFGTQGYDHKDHNLHTGHUFIDRILSINRIQDIRRISKJMDJODJPYKESKGSKHR"
		"KMFKPWKRWKWDKYDKZTLAKLBPLKRLRDLSLLYDMADMDLMGAMKDMMKMNTMOPMRUMURMVRMWKMXNMXV"
		"MYRMZNNADNGNNIONOKNPRNZDOMRPABPENPGKPHPPKRPLNPYGQARRONRSDRUBRWFSARSBDSCRSDG"
		"SEKSGDSHPSLESLLSOSSRDSSPSTNSVCSYPSZLTHBTJSTMTTNDTOPTRYTTDTWDTZSUAHUGXUSDUSN"
		"UYIUYUUYWUZSVEDVESVNDVUVWSTXAFXAGXAUXBAXBBXBCXBDXCDXCGXDRXOFXPDXPFXPTXSUXTS"
		"XUAXXXYERZARZMWZWGZWL";
	return is_listed(codes, 3, s) ? NULL : "is not a currency code such as CZK";
}

static int days_in_month(int64_t year, unsigned month)
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
		day > (uint64_t)days_in_month((int64_t)year, (unsigned)month))
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
		       : "is not a key: lower-case letters, digits, '-', '_' and '.', beginning "
			 "with a letter or digit";
}

bool pb_format_is_valid(enum pb_format f, struct str value, const char **ret_why)
{
	static const char *(*const faults[])(struct str s) = {
		[PB_FORMAT_UUID] = uuid_fault,
		[PB_FORMAT_EMAIL] = pb_format_email_fault,
		[PB_FORMAT_PHONE] = pb_format_phone_fault,
		[PB_FORMAT_E164] = pb_format_e164_fault,
		[PB_FORMAT_URL] = pb_format_url_fault,
		[PB_FORMAT_LANGUAGE] = language_fault,
		[PB_FORMAT_TIME_ZONE] = time_zone_fault,
		[PB_FORMAT_COUNTRY] = country_fault,
		[PB_FORMAT_CURRENCY] = currency_fault,
		[PB_FORMAT_DATE] = date_fault,
		[PB_FORMAT_KEY] = key_fault,
		[PB_FORMAT_DOMAIN] = pb_format_domain_fault,
	};
	if ((size_t)f >= sizeof(faults) / sizeof(faults[0]) || !faults[f])
		return true;
	const char *why = faults[f](value.p ? value : STR(""));
	if (why)
		*ret_why = why;
	return !why;
}
