/* order_by (AIP-132): "field", "field desc", separated by commas. The id comes last, so that the
 * order is total. */
#include <assert.h>
#include "kit/filter_private.h"

static bool is_field(const struct order *o, const struct filter_field *f)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->keys[i].field == f)
			return true;
	return false;
}

static const struct filter_field *find(const struct filter_field *fields, struct str path)
{
	for (const struct filter_field *f = fields; f->path; f++)
		if (f->can_order && str_is(path, f->path))
			return f;
	return NULL;
}

static const char *allowed(struct arena *a, const struct filter_field *fields)
{
	struct buf b = buf_new(a, 2000);
	for (const struct filter_field *f = fields; f->path; f++)
		if (f->can_order)
			buf_printf(&b, "%s%s", b.n ? ", " : "", f->path);
	return buf_cstr(&b);
}

/* Takes the next word off *s. */
static struct str next_word(struct str *s)
{
	*s = str_trim(*s);
	size_t n = 0;
	while (n < s->n && !strchr(" \t\r\n", s->p[n]))
		n++;
	struct str word = str_n(s->p, n);
	*s = str_trim(str_n(s->p + n, s->n - n));
	return word;
}

static enum status add_key(struct arena *a, struct str item, const struct filter_field *fields,
	struct order *o, const char **ret_why)
{
	struct str path = next_word(&item);
	const struct filter_field *f = find(fields, path);
	bool is_desc = str_is(item, "desc");
	if (path.n == 0)
		*ret_why = "a field is missing beside a comma";
	else if (!f)
		*ret_why = arena_printf(a, "'%s' cannot be ordered by; use: %s",
			filter_quote(a, path), allowed(a, fields));
	else if (item.n > 0 && !is_desc && !str_is(item, "asc"))
		*ret_why = arena_printf(a, "after '%s' only 'asc' or 'desc' can stand", f->path);
	else if (is_field(o, f))
		*ret_why = arena_printf(a, "'%s' stands there twice", f->path);
	else if (o->n == ORDER_MAX)
		*ret_why = arena_printf(a, "more than %d fields", ORDER_MAX);
	else {
		o->keys[o->n++] = (struct order_key){ .field = f, .descending = is_desc };
		return ST_OK;
	}
	return ST_INVALID_ARGUMENT;
}

enum status order_parse(struct arena *a, struct str text, const struct filter_field *fields,
	struct order *ret, const char **ret_why)
{
	struct order o = { .n = 0 };
	if (!utf8_is_valid(text) || (text.n > 0 && memchr(text.p, '\0', text.n))) {
		*ret_why = "not valid UTF-8 text";
		return ST_INVALID_ARGUMENT;
	}
	text = str_trim(text);
	for (struct str rest = text.n > 0 ? text : (struct str){ NULL, 0 }; rest.p;)
		TRY(add_key(a, str_cut(&rest, ','), fields, &o, ret_why));
	const struct filter_field *id = find(fields, STR("id"));
	assert(id);            /* every table of fields has it */
	if (!is_field(&o, id)) /* in the direction of the key before it, so that one index scan
				  gives the order */
		o.keys[o.n] = (struct order_key){ .field = id,
			.descending = o.n > 0 && o.keys[o.n - 1].descending },
		o.n++;
	*ret = o;
	return ST_OK;
}
