/* Config: where values come from, what is refused and in which words, and the help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "adapters/config/config.h"

struct settings {
	const char *listen;
	int64_t in_flight;
	bool is_fast;
	int64_t timeout_ms;
	int64_t limit;
	const char *level;
	const char *key;
};

struct more_settings {
	const char *url;
};

#define AT(field) offsetof(struct settings, field)

static const struct config_item ITEMS[] = {
	{ .name = "listen",
		.type = CONFIG_STR,
		.offset = AT(listen),
		.fallback = "127.0.0.1:0",
		.min = 3,
		.max = 20,
		.help = "where to listen" },
	{ .name = "in_flight",
		.type = CONFIG_INT,
		.offset = AT(in_flight),
		.fallback = "256",
		.min = 1,
		.max = 10000,
		.help = "calls at once" },
	{ .name = "fast",
		.type = CONFIG_BOOL,
		.offset = AT(is_fast),
		.fallback = "no",
		.help = "hurry" },
	{ .name = "timeout",
		.type = CONFIG_DURATION,
		.offset = AT(timeout_ms),
		.fallback = "10s",
		.min = 100,
		.max = 3600000,
		.help = "patience" },
	{ .name = "limit",
		.type = CONFIG_SIZE,
		.offset = AT(limit),
		.fallback = "4M",
		.help = "largest message" },
	{ .name = "level",
		.type = CONFIG_CHOICE,
		.offset = AT(level),
		.fallback = "info",
		.choices = "debug|info|warn|error",
		.help = "of the log" },
	{ .name = "key",
		.type = CONFIG_SECRET,
		.offset = AT(key),
		.fallback = "",
		.min = 4,
		.max = 40,
		.help = "the master key" },
};
static const struct config_item MORE_ITEMS[] = {
	{ .name = "bus_url",
		.type = CONFIG_STR,
		.offset = offsetof(struct more_settings, url),
		.help = "the broker" },
};

struct fixture {
	struct arena *arena;
	struct settings settings;
	struct more_settings more;
	char *out, *err;
	char path[32];
};

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	int fd;

	memcpy(f->path, "/tmp/test_config.XXXXXX", sizeof("/tmp/test_config.XXXXXX"));
	f->arena = arena_new();
	*state = f;
	fd = mkstemp(f->path);
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)unlink(f->path);
	arena_free(f->arena);
	mem_free(f);
	return 0;
}

static void write_file(const struct fixture *f, const char *text, size_t n)
{
	FILE *file = fopen(f->path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

/* The stream's text, moved to the arena. */
static char *taken(struct fixture *f, FILE *stream, char **text)
{
	char *copy;

	assert_int_equal(fclose(stream), 0);
	copy = arena_strdup(f->arena, *text);
	free(*text);
	return copy;
}

static enum config_outcome load(struct fixture *f, char **args, char **env)
{
	const struct config_table tables[] = {
		{ ITEMS, sizeof(ITEMS) / sizeof(ITEMS[0]), &f->settings },
		{ MORE_ITEMS, 1, &f->more },
	};
	char *out_text, *err_text;
	size_t out_n, err_n;
	FILE *out = open_memstream(&out_text, &out_n), *err = open_memstream(&err_text, &err_n);
	enum config_outcome outcome;
	int argc = 0;

	while (args[argc])
		argc++;
	outcome = config_load(f->arena, tables, 2, argc, args, env, out, err);
	f->out = taken(f, out, &out_text);
	f->err = taken(f, err, &err_text);
	return outcome;
}

#define ARGS(...) ((char *[]){ (char[]){ "crm-x" }, __VA_ARGS__ __VA_OPT__(, ) NULL })
#define ENV(...)  ((char *[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })
#define URL       "CRM_BUS_URL=nats://x"

static void defaults_apply_where_nothing_is_given(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, ARGS(), ENV(URL)), CONFIG_OK);
	assert_string_equal(f->err, "");
	assert_string_equal(f->out, "");
	assert_string_equal(f->settings.listen, "127.0.0.1:0");
	assert_int_equal(f->settings.in_flight, 256);
	assert_false(f->settings.is_fast);
	assert_int_equal(f->settings.timeout_ms, 10000);
	assert_int_equal(f->settings.limit, 4 << 20);
	assert_string_equal(f->settings.level, "info");
	assert_string_equal(f->settings.key, "");
	assert_string_equal(f->more.url, "nats://x");
}

static void the_command_line_wins_over_the_environment(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, ARGS("--in-flight=1", "--in-flight=7"),
				 ENV("PATH=/bin", "CRM_IN_FLIGHT=9", "CRM_TIMEOUT=1m", URL)),
		CONFIG_OK);
	assert_int_equal(f->settings.in_flight, 7);
	assert_int_equal(f->settings.timeout_ms, 60000);
}

static void variables_of_others_are_let_alone(void **state)
{
	assert_int_equal(
		load(*state, ARGS(), ENV("CRM_CONTACTS_SERVICE_HOST=10.0.0.1", URL)), CONFIG_OK);
}

static void values_are_read_by_their_type(void **state)
{
	static const struct {
		const char *arg;
		size_t offset;
		int64_t want;
	} CASES[] = {
		{ "--in-flight=1", AT(in_flight), 1 },
		{ "--in-flight=10000", AT(in_flight), 10000 },
		{ "--timeout=250ms", AT(timeout_ms), 250 },
		{ "--timeout=10s", AT(timeout_ms), 10000 },
		{ "--timeout=5m", AT(timeout_ms), 300000 },
		{ "--timeout=1h", AT(timeout_ms), 3600000 },
		{ "--limit=0", AT(limit), 0 },
		{ "--limit=512", AT(limit), 512 },
		{ "--limit=64k", AT(limit), 65536 },
		{ "--limit=4M", AT(limit), 4194304 },
		{ "--limit=8589934591G", AT(limit), 8589934591LL << 30 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		char *arg = arena_strdup(f->arena, CASES[i].arg);
		int64_t got;

		assert_int_equal(load(f, ARGS(arg), ENV(URL)), CONFIG_OK);
		memcpy(&got, (char *)&f->settings + CASES[i].offset, sizeof(got));
		assert_int_equal(got, CASES[i].want);
	}
}

static void truth_has_many_words(void **state)
{
	static const char *const YES[] = { "true", "yes", "on", "1" };
	static const char *const NO[] = { "false", "no", "off", "0" };
	struct fixture *f = *state;

	for (size_t i = 0; i < 4; i++) {
		char *arg = arena_printf(f->arena, "--fast=%s", YES[i]);

		assert_int_equal(load(f, ARGS(arg), ENV(URL)), CONFIG_OK);
		assert_true(f->settings.is_fast);
		arg = arena_printf(f->arena, "--fast=%s", NO[i]);
		assert_int_equal(load(f, ARGS(arg), ENV(URL)), CONFIG_OK);
		assert_false(f->settings.is_fast);
	}
	assert_int_equal(load(f, ARGS("--fast"), ENV(URL)), CONFIG_OK);
	assert_true(f->settings.is_fast);
}

static void wrong_values_are_refused_with_name_and_range(void **state)
{
	static const struct {
		const char *arg, *want;
	} CASES[] = {
		{ "--in-flight=0", "--in-flight: wrong value '0'; allowed: number, 1..10000\n" },
		{ "--in-flight=10001",
			"--in-flight: wrong value '10001'; allowed: number, 1..10000\n" },
		{ "--in-flight=", "--in-flight: wrong value ''; allowed: number, 1..10000\n" },
		{ "--in-flight=1x", "--in-flight: wrong value '1x'; allowed: number, 1..10000\n" },
		{ "--in-flight=99999999999999999999",
			"--in-flight: wrong value '99999999999999999999'; allowed: number, "
			"1..10000\n" },
		{ "--fast=maybe", "--fast: wrong value 'maybe'; allowed: true|false\n" },
		{ "--timeout=10", "--timeout: wrong value '10'; allowed: duration such as 250ms, "
				  "10s, 5m, 2h, "
				  "1d, 100ms..1h\n" },
		{ "--timeout=99ms", "--timeout: wrong value '99ms'; allowed: duration such as "
				    "250ms, 10s, 5m, 2h, "
				    "1d, 100ms..1h\n" },
		{ "--timeout=999999999999999999d",
			"--timeout: wrong value '999999999999999999d'; allowed: duration such as "
			"250ms, 10s, 5m, 2h, 1d, 100ms..1h\n" },
		{ "--limit=4m",
			"--limit: wrong value '4m'; allowed: size such as 512, 64k, 4M, 1G\n" },
		{ "--limit=-1",
			"--limit: wrong value '-1'; allowed: size such as 512, 64k, 4M, 1G\n" },
		{ "--level=inf", "--level: wrong value 'inf'; allowed: debug|info|warn|error\n" },
		{ "--level=info|warn",
			"--level: wrong value 'info|warn'; allowed: debug|info|warn|error\n" },
		{ "--level=", "--level: wrong value ''; allowed: debug|info|warn|error\n" },
		{ "--listen=xy", "--listen: wrong value 'xy'; allowed: text, 3..20 bytes\n" },
		{ "--in-flght=5", "--in-flght is unknown; did you mean --in-flight; --help lists "
				  "what there is\n" },
		{ "--zzzzzzzz=5", "--zzzzzzzz is unknown; --help lists what there is\n" },
		{ "start", "start is unknown; --help lists what there is\n" },
		{ "", " is unknown; --help lists what there is\n" },
		{ "--limit", "--limit: the value is missing; write --limit=VALUE\n" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		char *arg = arena_strdup(f->arena, CASES[i].arg);

		assert_int_equal(load(f, ARGS(arg), ENV(URL)), CONFIG_WRONG);
		assert_string_equal(f->err, CASES[i].want);
	}
}

static void an_absurdly_long_flag_is_refused(void **state)
{
	struct fixture *f = *state;
	char *arg = arena_zalloc(f->arena, 100001);

	memset(arg, '-', 100000);
	assert_int_equal(load(f, ARGS(arg), ENV(URL)), CONFIG_WRONG);
}

static void a_wrong_variable_is_named_as_such_and_all_faults_are_told(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, ARGS(), ENV("CRM_FAST=2", "CRM_LEVEL=x")), CONFIG_WRONG);
	assert_string_equal(f->err, "CRM_FAST: wrong value '2'; allowed: true|false\n"
				    "CRM_LEVEL: wrong value 'x'; allowed: debug|info|warn|error\n"
				    "--bus-url is required: set it or CRM_BUS_URL (text)\n");
}

static void a_secret_comes_from_a_file_without_its_newline(void **state)
{
	struct fixture *f = *state;
	char *arg = arena_printf(f->arena, "--key=@%s", f->path);

	write_file(f, "hunter2 \n", 9);
	assert_int_equal(load(f, ARGS(arg), ENV(URL)), CONFIG_OK);
	assert_string_equal(f->settings.key, "hunter2 ");
	assert_int_equal(load(f, ARGS(), ENV("CRM_KEY=plain", URL)), CONFIG_OK);
	assert_string_equal(f->settings.key, "plain");
}

static void a_secret_is_never_printed(void **state)
{
	struct fixture *f = *state;
	char *arg = arena_printf(f->arena, "--key=@%s", f->path);

	assert_int_equal(load(f, ARGS("--key=xyz"), ENV(URL)), CONFIG_WRONG);
	assert_string_equal(f->err, "--key: wrong value; allowed: secret, or @file, 4..40 bytes\n");
	assert_int_equal(load(f, ARGS("--kye=xyzzy"), ENV(URL)), CONFIG_WRONG);
	assert_null(strstr(f->err, "xyzzy"));
	write_file(f, "xyz", 3);
	assert_int_equal(load(f, ARGS(arg), ENV(URL)), CONFIG_WRONG);
	assert_null(strstr(f->err, "xyz"));
	assert_int_equal(load(f, ARGS("--help"), ENV("CRM_KEY=sesame", URL)), CONFIG_HELP);
	assert_null(strstr(f->out, "sesame"));
}

static void a_secret_file_that_cannot_be_read_is_named(void **state)
{
	struct fixture *f = *state;
	char *arg = arena_printf(f->arena, "--key=@%s.absent", f->path);

	assert_int_equal(load(f, ARGS(arg), ENV(URL)), CONFIG_WRONG);
	assert_string_equal(f->err,
		arena_printf(f->arena, "--key: the file %s.absent does not exist\n", f->path));
	assert_int_equal(load(f, ARGS("--key=@/tmp"), ENV(URL)), CONFIG_WRONG);
	assert_string_equal(f->err, "--key: the file /tmp cannot be read or is larger than 64k\n");
	write_file(f, "nul\0nul", 7);
	arg = arena_printf(f->arena, "--key=@%s", f->path);
	assert_int_equal(load(f, ARGS(arg), ENV(URL)), CONFIG_WRONG);
	assert_string_equal(
		f->err, arena_printf(f->arena, "--key: the file %s is not text\n", f->path));
}

static void help_lists_every_item(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, ARGS("--nonsense", "--help"), ENV(URL)), CONFIG_HELP);
	assert_string_equal(f->err, "");
	assert_non_null(strstr(f->out, "usage: crm-x "));
	assert_non_null(strstr(f->out, "\n  --in-flight  CRM_IN_FLIGHT  number, 1..10000  "));
	assert_non_null(strstr(f->out, "  default 256\n      calls at once\n"));
	assert_non_null(strstr(f->out, "  required\n      the broker\n"));
	assert_non_null(strstr(f->out, "  not set by default\n      the master key\n"));
	assert_int_equal(load(f, ARGS("-h"), ENV()), CONFIG_HELP);
}

static void a_file_is_read_whole_up_to_the_limit(void **state)
{
	struct fixture *f = *state;
	struct str s;

	write_file(f, "12345678\n", 9);
	assert_int_equal(config_read_file(f->arena, f->path, 9, &s), ST_OK);
	assert_true(str_is(s, "12345678\n"));
	assert_int_equal(config_read_file(f->arena, f->path, 8, &s), ST_FAILED_PRECONDITION);
	write_file(f, "", 0);
	assert_int_equal(config_read_file(f->arena, f->path, 8, &s), ST_OK);
	assert_int_equal(s.n, 0);
	assert_int_equal(config_read_file(f->arena, "/nowhere/at/all", 8, &s), ST_NOT_FOUND);
	assert_int_equal(config_read_file(f->arena, "/tmp", 8, &s), ST_FAILED_PRECONDITION);
	assert_int_equal(config_read_file(f->arena, "/dev/zero", 8, &s), ST_FAILED_PRECONDITION);
}

int main(void)
{
#define CASE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(defaults_apply_where_nothing_is_given),
		CASE(the_command_line_wins_over_the_environment),
		CASE(variables_of_others_are_let_alone),
		CASE(values_are_read_by_their_type),
		CASE(truth_has_many_words),
		CASE(wrong_values_are_refused_with_name_and_range),
		CASE(an_absurdly_long_flag_is_refused),
		CASE(a_wrong_variable_is_named_as_such_and_all_faults_are_told),
		CASE(a_secret_comes_from_a_file_without_its_newline),
		CASE(a_secret_is_never_printed),
		CASE(a_secret_file_that_cannot_be_read_is_named),
		CASE(help_lists_every_item),
		CASE(a_file_is_read_whole_up_to_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
