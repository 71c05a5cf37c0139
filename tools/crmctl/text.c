/* See text.h. */
#include "tools/crmctl/text.h"

void json_text_put(struct buf *b, const char *text)
{
	buf_put_c(b, '"');
	for (const char *p = text; *p; p++) {
		unsigned char ch = (unsigned char)*p;

		if (ch < 0x20) {
			buf_printf(b, "\\u%04x", ch);
			continue;
		}
		if (ch == '"' || ch == '\\')
			buf_put_c(b, '\\');
		buf_put_c(b, *p);
	}
	buf_put_c(b, '"');
}

void json_object_put(struct buf *b, const char *const *members, size_t n)
{
	const char *separator = "";

	buf_put_c(b, '{');
	for (size_t i = 0; i + 1 < n; i += 2) {
		if (!members[i + 1])
			continue;
		buf_puts(b, separator);
		json_text_put(b, members[i]);
		buf_put_c(b, ':');
		json_text_put(b, members[i + 1]);
		separator = ",";
	}
	buf_put_c(b, '}');
}
