/* Decisions of the contacts service that need nothing but their arguments. */
#include "services/contacts/rules.h"

#include <ctype.h>

static bool is_set(const char *s)
{
	return s && *s;
}

static void put_word(struct buf *b, const char *word)
{
	if (!is_set(word))
		return;
	if (b->n > 0)
		buf_put_c(b, ' ');
	buf_puts(b, word);
}

const char *rules_display_name(struct arena *a, const Crm__Contact *c)
{
	struct buf b = buf_new(a, 0);
	if (c->name) {
		put_word(&b, c->name->prefix);
		put_word(&b, c->name->given);
		put_word(&b, c->name->middle);
		put_word(&b, c->name->family);
		put_word(&b, c->name->suffix);
	}
	if (b.n > 0)
		return buf_cstr(&b);
	if (c->n_emails > 0)
		return c->emails[0]->address;
	return c->n_phones > 0 ? c->phones[0]->number : "";
}

bool rules_has_identity(const Crm__Contact *c)
{
	const Crm__PersonName *n = c->name;
	return is_set(c->display_name) || c->n_emails > 0 || c->n_phones > 0 ||
	       (n && (is_set(n->given) || is_set(n->middle) || is_set(n->family)));
}

char *rules_email_key(struct arena *a, const char *address)
{
	char *key = arena_printf(a, "e:%s", address);
	for (char *p = key; *p; p++)
		*p = (char)((unsigned char)*p < 0x80 ? tolower((unsigned char)*p) : *p);
	return key;
}

char *rules_phone_key(struct arena *a, const char *e164)
{
	return arena_printf(a, "p:%s", e164);
}

static size_t add_key(const char **keys, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(keys[i], key) == 0)
			return n;
	}
	keys[n] = key;
	return n + 1;
}

size_t rules_keys(struct arena *a, const Crm__Contact *c, const char ***ret_keys)
{
	const char **keys = arena_new_array(a, const char *, c->n_emails + c->n_phones);
	size_t n = 0;
	for (size_t i = 0; i < c->n_emails; i++)
		n = add_key(keys, n, rules_email_key(a, c->emails[i]->address));
	for (size_t i = 0; i < c->n_phones; i++) {
		if (is_set(c->phones[i]->e164))
			n = add_key(keys, n, rules_phone_key(a, c->phones[i]->e164));
	}
	*ret_keys = keys;
	return n;
}

char *rules_like_pattern(struct arena *a, const char *s)
{
	struct buf b = buf_new(a, 0);
	buf_put_c(&b, '%');
	for (; *s; s++) {
		if (*s == '%' || *s == '_' || *s == '\\')
			buf_put_c(&b, '\\');
		buf_put_c(&b, *s);
	}
	buf_put_c(&b, '%');
	return arena_strdup(a, buf_cstr(&b));
}

static struct str last_word(struct str s, struct str *ret_before)
{
	size_t at = s.n;
	while (at > 0 && s.p[at - 1] != ' ')
		at--;
	*ret_before = str_trim(str_n(s.p, at));
	return str_n(s.p + at, s.n - at);
}

Crm__PersonName *rules_split_name(struct arena *a, const char *name)
{
	Crm__PersonName *n = arena_alloc(a, sizeof(*n));
	crm__person_name__init(n);
	struct str rest = str_trim(str_c(name)), given;
	struct str family = str_cut(&rest, ',');
	if (rest.p)
		given = str_trim(rest);
	else
		family = last_word(family, &given);
	n->family = str_dup(a, str_trim(family));
	n->given = str_dup(a, given);
	return n;
}
