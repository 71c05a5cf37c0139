/*
 * JSON: both ways compared with python3-protobuf by tests/clients/json_judge.py, for random
 * messages of every proto. Started with a descriptor set as argument, this program is the judge's
 * peer, a filter: each line of input is "to_wire TYPE HEX" or "to_json TYPE HEX", each line of
 * output the result as hex, or "!" and why not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "adapters/pb/pb.h"

extern const char crm_all_pb[], crm_all_pb_end[], crm_test_pb[], crm_test_pb_end[];

/* ---- the peer ---- */

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

static int peer(const char *descriptor_set)
{
	static char line[4 << 20];
	struct pb_schema *s = schema_of(descriptor_set);
	if (!s)
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		struct arena *a = arena_new();
		answer(a, s, str_trim(str_c(line)));
		(void)fflush(stdout); /* the judge sees a missing line */
		arena_free(a);
	}
	pb_schema_free(s);
	return 0;
}

/* ---- the judge ---- */

static void judge(const char *set, const char *end)
{
	char path[] = "/tmp/pb-judge-XXXXXX", self[4096] = { 0 };
	int fd = mkstemp(path), status = -1;
	size_t n = (size_t)(end - set);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, set, n), n);
	(void)close(fd);
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)execl("/usr/bin/python3", "python3", "tests/clients/json_judge.py", self,
			path, "600", (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)unlink(path);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void python_agrees_on_messages_of_every_kind(void **state)
{
	(void)state;
	judge(crm_test_pb, crm_test_pb_end);
}

static void python_agrees_on_our_messages(void **state)
{
	(void)state;
	judge(crm_all_pb, crm_all_pb_end);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(python_agrees_on_messages_of_every_kind),
		cmocka_unit_test(python_agrees_on_our_messages),
	};
	return argc == 2 ? peer(argv[1]) : cmocka_run_group_tests(tests, NULL, NULL);
}
