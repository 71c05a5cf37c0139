/*
 * Schema: the comments of the source, kept by path until the names they belong to are declared.
 */
#include "adapters/pb/schema_private.h"

/* Drops the space that follows "//" on each line, and white space around the whole. */
static char *comment_text(struct arena *a, struct str raw)
{
	struct buf out = buf_new(a, 0);
	raw = str_trim(raw);
	while (raw.p) {
		struct str line = str_cut(&raw, '\n');
		if (line.n > 0 && line.p[0] == ' ')
			line = str_n(line.p + 1, line.n - 1);
		buf_put_str(&out, line);
		if (raw.p)
			buf_put_c(&out, '\n');
	}
	return arena_strndup(a, out.p ? out.p : "", out.n);
}

static enum status location_read(struct loader *l, struct str bytes)
{
	struct pb_reader r = pb_reader_of(bytes);
	struct pb_wire_field f;
	struct str path = { 0 }, leading = { 0 };
	while (pb_read(&r, &f)) {
		if (f.number == 1)
			path = f.bytes;
		else if (f.number == 3)
			leading = f.bytes;
	}
	if (path.n > 0 && leading.n > 0 && utf8_is_valid(leading))
		(void)map_set(&l->paths, path, comment_text(l->a, leading)); /* a later one wins */
	return pb_schema_at_end(&r);
}

enum status pb_schema_comments_read(struct loader *l, struct str bytes)
{
	struct pb_reader r = pb_reader_of(bytes);
	struct pb_wire_field f;
	while (pb_read(&r, &f)) {
		if (f.number == 1)
			TRY(location_read(l, f.bytes));
	}
	return pb_schema_at_end(&r);
}
