/*
 * The JSON mapping as a filter, for json_judge.py: json_peer DESCRIPTOR_SET. Each line of input is
 * "to_wire TYPE HEX" or "to_json TYPE HEX"; each line of output the result as hex, or "!" and why
 * not.
 */
#include <stdio.h>
#include "adapters/pb/pb.h"

static int hex_value(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static struct str from_hex(struct arena *a, struct str hex)
{
	char *out = arena_alloc(a, hex.n / 2 + 1);
	for (size_t i = 0; i + 1 < hex.n; i += 2)
		out[i / 2] = (char)(hex_value(hex.p[i]) << 4 | hex_value(hex.p[i + 1]));
	return str_n(out, hex.n / 2);
}

static void hex_print(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		printf("%02x", (uint8_t)s.p[i]);
	putchar('\n');
}

static void answer(struct arena *a, const struct pb_schema *s, struct str line)
{
	struct str verb = str_cut(&line, ' '), type = str_cut(&line, ' '), out;
	const struct pb_message *m = pb_schema_message(s, str_dup(a, type));
	struct str in = from_hex(a, line);
	struct pb_violations v = { 0 };
	enum status st = ST_NOT_FOUND;
	if (m && str_is(verb, "to_wire"))
		st = pb_json_to_wire(a, s, m, in, &out, &v);
	else if (m && pb_validate(a, m, in, PB_VALIDATE_WIRE, &v) == ST_OK)
		st = pb_json_from_wire(a, s, m, in, 0, &out);
	if (st == ST_OK)
		hex_print(out);
	else
		printf("! %s %s\n", v.n ? v.v[0].field : status_name(st),
			v.n ? v.v[0].description : "");
}

static struct pb_schema *schema_of(const char *path)
{
	static char set[16 << 20];
	FILE *file = fopen(path, "rb");
	size_t n = file ? fread(set, 1, sizeof(set), file) : 0;
	struct pb_schema *s = NULL;
	if (file)
		(void)fclose(file); /* only read */
	return pb_schema_new(str_n(set, n), &s) == ST_OK ? s : NULL;
}

int main(int argc, char **argv)
{
	struct pb_schema *s = argc == 2 ? schema_of(argv[1]) : NULL;
	if (!s)
		return 1;
	static char line[4 << 20];
	while (fgets(line, sizeof(line), stdin)) {
		struct arena *a = arena_new();
		answer(a, s, str_trim(str_c(line)));
		(void)fflush(stdout);
		arena_free(a);
	}
	pb_schema_free(s);
	return 0;
}
