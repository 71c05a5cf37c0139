/* Decisions of the identity service that need nothing but their arguments. */
#include "services/identity/rules.h"

static bool is_word(struct str word)
{
	for (size_t i = 0; i < word.n; i++) {
		if (word.p[i] != '_' && (word.p[i] < 'a' || word.p[i] > 'z'))
			return false;
	}
	return word.n > 0;
}

bool rules_is_grant_pattern(const char *pattern)
{
	struct str rest = str_c(pattern);
	for (;;) {
		const struct str word = str_cut(&rest, '.');
		const bool is_last = rest.p == NULL;
		if (!(is_word(word) || (is_last && str_is(word, "*"))))
			return false;
		if (is_last)
			return true;
	}
}
