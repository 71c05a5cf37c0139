/* Log: what is written to a pipe, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include "adapters/log/log.h"
#include "base/clock.h"

enum { ROOM = 256 * 1024, PIPE_BYTES = 1024 * 1024 };

struct fixture {
	int fds[2];
	size_t n;
	char text[ROOM];
};

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	if (pipe2(f->fds, O_CLOEXEC) != 0 || fcntl(f->fds[0], F_SETFL, O_NONBLOCK) != 0 ||
		fcntl(f->fds[1], F_SETPIPE_SZ, PIPE_BYTES) < 0)
		return -1;
	log_init("contacts", LOG_INFO, f->fds[1]);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	log_flush();
	log_init("", LOG_INFO, 2);
	(void)close(f->fds[0]);
	(void)close(f->fds[1]);
	mem_free(f);
	return 0;
}

/* What came through the pipe since the last call. */
static const char *received(struct fixture *f)
{
	ssize_t n;

	f->n = 0;
	while ((n = read(f->fds[0], f->text + f->n, ROOM - 1 - f->n)) > 0)
		f->n += (size_t)n;
	f->text[f->n] = '\0';
	return f->text;
}

/* The fields of a line written now, without the head. */
static const char *fields_of(struct fixture *f)
{
	static const char EVENT[] = "\"event\":\"e\"";
	const char *at;

	log_flush();
	at = strstr(received(f), EVENT);
	assert_non_null(at);
	return at + sizeof(EVENT) - 1;
}

static void a_line_has_time_level_service_event_and_fields(void **state)
{
	struct fixture *f = *state;
	int64_t at_us = 1774747800000001; /* 2026-03-29T01:30:00.000001Z */
	char time[32];

	clock_set_offset_us(at_us - clock_now_us());
	log_info("call", LOG_STR("method", "/x/Y"), LOG_INT("n", -5), LOG_BOOL("ok", true));
	log_flush();
	clock_set_offset_us(0);
	assert_int_equal(sscanf(received(f), "{\"time\":\"%31[^\"]\"", time), 1);
	assert_int_equal(strlen(time), 27);
	assert_memory_equal(time, "2026-03-29T01:30:0", 18);
	assert_int_equal(time[26], 'Z');
	assert_string_equal(strstr(f->text, "\",\"level\""),
		"\",\"level\":\"info\",\"service\":\"contacts\",\"event\":\"call\","
		"\"method\":\"/x/Y\",\"n\":-5,\"ok\":true}\n");
}

static void the_fraction_has_six_digits_and_seconds_follow_the_clock(void **state)
{
	struct fixture *f = *state;

	for (int64_t second = 0; second < 3; second++) {
		char want[32];

		clock_set_offset_us(0);
		clock_set_offset_us(1774747800000000 + second * 60000000 - clock_now_us());
		log_info("e");
		log_flush();
		(void)snprintf(
			want, sizeof(want), "{\"time\":\"2026-03-29T01:%02d:0", 30 + (int)second);
		assert_memory_equal(received(f), want, strlen(want));
	}
	clock_set_offset_us(0);
}

static void values_are_printed_as_json(void **state)
{
	static const struct {
		struct log_field field;
		const char *want;
	} CASES[] = {
		{ LOG_INT("v", 0), ",\"v\":0}\n" },
		{ LOG_INT("v", INT64_MIN), ",\"v\":-9223372036854775808}\n" },
		{ LOG_INT("v", INT64_MAX), ",\"v\":9223372036854775807}\n" },
		{ LOG_BOOL("v", false), ",\"v\":false}\n" },
		{ LOG_US("v", 0), ",\"v\":0.000}\n" },
		{ LOG_US("v", 1234567), ",\"v\":1234.567}\n" },
		{ LOG_US("v", 42), ",\"v\":0.042}\n" },
		{ LOG_US("v", -1), ",\"v\":-0.001}\n" },
		{ { .key = "v", .type = LOG_T_STR }, ",\"v\":null}\n" },
		{ { .key = "v", .type = LOG_T_STR, .s = { "", 0 } }, ",\"v\":\"\"}\n" },
		{ { .key = "v", .type = LOG_T_STR, .s = { "a\"b\\c", 5 } },
			",\"v\":\"a\\\"b\\\\c\"}\n" },
		{ { .key = "v", .type = LOG_T_STR, .s = { "a\nb\tc\x01\x7f\0d", 9 } },
			",\"v\":\"a\\nb\\tc\\u0001\\u007f\\u0000d\"}\n" },
		{ { .key = "v", .type = LOG_T_STR, .s = { "Žluťoučký 😀", 18 } },
			",\"v\":\"Žluťoučký 😀\"}\n" },
		{ { .key = "v", .type = LOG_T_STR, .s = { "a\xff\xc3(\xed\xa0\x80", 7 } },
			",\"v\":\"a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}"
			"\n" },
		{ { .key = "v", .type = LOG_T_STR, .s = { "cut \xc5", 5 } },
			",\"v\":\"cut \xef\xbf\xbd\"}\n" },
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		log_write(LOG_INFO, "e", &CASES[i].field, 1);
		assert_string_equal(fields_of(*state), CASES[i].want);
	}
}

static void a_line_without_fields_is_whole(void **state)
{
	log_info("e");
	assert_string_equal(fields_of(*state), "}\n");
}

static void lines_below_the_level_are_dropped(void **state)
{
	struct fixture *f = *state;

	assert_false(log_is_on(LOG_DEBUG));
	log_debug("hidden");
	log_write(LOG_DEBUG, "hidden", NULL, 0);
	log_flush();
	assert_string_equal(received(f), "");
	log_init("contacts", LOG_DEBUG, f->fds[1]);
	log_debug("shown");
	log_flush();
	assert_non_null(strstr(received(f), "\"level\":\"debug\""));
}

static void information_waits_for_the_flush_and_warnings_do_not(void **state)
{
	struct fixture *f = *state;

	log_info("first");
	assert_string_equal(received(f), "");
	log_warn("second");
	assert_non_null(strstr(received(f), "first"));
	assert_non_null(strstr(f->text, "second"));
	log_error("third");
	assert_non_null(strstr(received(f), "third"));
}

static void a_full_buffer_is_written_by_itself(void **state)
{
	struct fixture *f = *state;
	size_t lines = 0;

	for (int i = 0; i < 2000; i++)
		log_info("filler", LOG_INT("i", i));
	assert_true(strlen(received(f)) > 100000);
	log_flush();
	for (const char *p = f->text; (p = strchr(p, '\n')); p++)
		lines++;
	for (const char *p = received(f); (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 2000);
}

static void a_line_too_long_is_cut_but_stays_whole_json(void **state)
{
	struct fixture *f = *state;

	for (size_t n = 16000; n < 16500; n++) {
		char *text = mem_zalloc(n);

		memset(text, n % 2 ? 'x' : '\n', n);
		log_info("e", LOG_TEXT("long", str_n(text, n)), LOG_STR("key", "after"));
		log_flush();
		mem_free(text);
		assert_true(strlen(received(f)) <= 16 * 1024);
		assert_string_equal(f->text + f->n - 2, "}\n");
		assert_ptr_equal(strchr(f->text, '\n'), f->text + f->n - 1);
		if (strstr(f->text, "\"truncated\":true"))
			assert_non_null(strstr(f->text, ",\"truncated\":true}\n"));
		else
			assert_non_null(strstr(f->text, ",\"key\":\"after\"}\n"));
	}
	assert_non_null(strstr(f->text, "\"truncated\":true"));
}

static void a_reader_that_went_away_does_no_harm(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	log_init("contacts", LOG_INFO, fds[1]);
	for (int i = 0; i < 1500; i++) /* more than the pipe holds, less than it and the buffer */
		log_info("filler", LOG_INT("i", i));
	log_flush(); /* gives up after a while */
	(void)close(fds[1]);
	log_error("nowhere to go");
	(void)close(fds[0]);
}

enum { THREADS = 4, LINES_EACH = 500 };

static void *write_lines(void *arg)
{
	for (int i = 0; i < LINES_EACH; i++)
		log_info("e", LOG_STR("by", arg), LOG_INT("i", i));
	log_flush();
	return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[THREADS];
	size_t lines = 0;
	char *rest;

	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, "a thread"), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	(void)received(f);
	for (char *line = strtok_r(f->text, "\n", &rest); line;
		line = strtok_r(NULL, "\n", &rest)) {
		int i, end = 0;

		assert_memory_equal(line, "{\"time\":\"", 9);
		assert_int_equal(
			sscanf(strstr(line, "\"by\""), "\"by\":\"a thread\",\"i\":%d}%n", &i, &end),
			1);
		assert_int_equal(strstr(line, "\"by\"")[end], '\0');
		lines++;
	}
	assert_int_equal(lines, THREADS * LINES_EACH);
}

static void levels_are_known_by_name(void **state)
{
	enum log_level level = LOG_DEBUG;

	(void)state;
	assert_true(log_level_parse("error", &level));
	assert_int_equal(level, LOG_ERROR);
	assert_true(log_level_parse("debug", &level));
	assert_int_equal(level, LOG_DEBUG);
	assert_false(log_level_parse("Error", &level));
	assert_false(log_level_parse("", &level));
}

int main(void)
{
#define CASE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_line_has_time_level_service_event_and_fields),
		CASE(the_fraction_has_six_digits_and_seconds_follow_the_clock),
		CASE(values_are_printed_as_json),
		CASE(a_line_without_fields_is_whole),
		CASE(lines_below_the_level_are_dropped),
		CASE(information_waits_for_the_flush_and_warnings_do_not),
		CASE(a_full_buffer_is_written_by_itself),
		CASE(a_line_too_long_is_cut_but_stays_whole_json),
		CASE(a_reader_that_went_away_does_no_harm),
		CASE(lines_of_several_threads_do_not_mix),
		CASE(levels_are_known_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
