/* rpc: the client side against a server that others wrote: tests/clients/rpc_server.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "tests/support/rpc_fixture.h"

extern char **environ;

struct python {
	pid_t pid;
	int port;
};

/* Blocks until the server listens. */
static struct python python_start(struct arena *a, int port)
{
	char *argv[] = { "/usr/bin/python3", "tests/clients/rpc_server.py",
		arena_printf(a, "%d", port), NULL };
	posix_spawn_file_actions_t actions;
	struct python p;
	char line[16] = "";
	int64_t listening = 0;
	int fds[2];
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	posix_spawn_file_actions_addclose(&actions, fds[0]);
	posix_spawn_file_actions_addclose(&actions, fds[1]);
	assert_int_equal(posix_spawn(&p.pid, argv[0], &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	n = read(fds[0], line, sizeof(line) - 1);
	close(fds[0]);
	assert_true(n > 0);
	assert_true(str_to_i64(str_trim(str_n(line, (size_t)n)), &listening));
	p.port = (int)listening;
	return p;
}

static void python_kill(struct python *p)
{
	int status;

	assert_int_equal(kill(p->pid, SIGKILL), 0);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
}

/* Lets the fixture's channel lead to the python server while fn runs. */
static void with_python(struct rpc_fixture *f, void (*fn)(struct rpc_fixture *f, struct python *p))
{
	struct python p = python_start(f->arena, 0);
	struct rpc_channel_config c = { .target = arena_printf(f->arena, "127.0.0.1:%d", p.port) };
	struct rpc_channel *own = f->channel;

	f->channel = rpc_channel_new(f->rpc, &c);
	fn(f, &p);
	rpc_channel_free(f->channel);
	f->channel = own;
	python_kill(&p);
}

static void expect_outcome(struct rpc_stream *s, enum status status)
{
	struct rpc_outcome o;

	assert_int_equal(rpc_stream_finish(s, &o, NULL), ST_OK);
	assert_int_equal(o.status, status);
	rpc_stream_close(s);
}

static struct rpc_stream *open_stream(struct rpc_fixture *f, const char *method)
{
	struct rpc_request q = { .method = method };
	struct rpc_stream *s = NULL;

	assert_int_equal(rpc_stream_open(f->channel, &q, &s), ST_OK);
	return s;
}

static void ordinary(struct rpc_fixture *f, struct python *p)
{
	struct rpc_response r;
	struct rpc_stream *s;

	(void)p;
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Unary", "ahoj", &r), ST_OK);
	assert_true(str_is(rpc_flat(f->arena, r.message), "ahoj"));
	assert_true(str_is(rpc_header(&r.headers, "x-server"), "python"));
	assert_int_equal(r.headers.n, 1);
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Fail", "9", &r), ST_FAILED_PRECONDITION);
	assert_string_equal(r.outcome.message, "čeština 100% \n");
	assert_true(str_eq(r.outcome.details, str_n("\x08\x05\x00\xff", 4)));
	assert_true(str_is(rpc_header(&r.trailers, "x-reason"), "because"));
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Nothing", "", &r), ST_UNIMPLEMENTED);
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Fail", "1", &r), ST_CANCELLED);

	s = open_stream(f, "/test.Echo/Count");
	assert_int_equal(rpc_fixture_send(s, "300"), ST_OK);
	assert_int_equal(rpc_stream_half_close(s), ST_OK);
	for (int i = 0; i < 300; i++)
		rpc_fixture_expect(f, s, arena_printf(f->arena, "%d", i));
	expect_outcome(s, ST_OK);

	s = open_stream(f, "/test.Echo/Sum");
	for (int i = 0; i < 300; i++)
		assert_int_equal(rpc_fixture_send(s, "ab"), ST_OK);
	assert_int_equal(rpc_stream_half_close(s), ST_OK);
	rpc_fixture_expect(f, s, "600");
	expect_outcome(s, ST_OK);

	s = open_stream(f, "/test.Echo/Chat");
	for (int i = 0; i < 50; i++) {
		assert_int_equal(rpc_fixture_send(s, "tick"), ST_OK);
		rpc_fixture_expect(f, s, "tick");
	}
	assert_int_equal(rpc_stream_half_close(s), ST_OK);
	expect_outcome(s, ST_OK);
}

static void ordinary_body(struct rpc_fixture *f)
{
	with_python(f, ordinary);
}

static void a_foreign_server_is_understood(void **state)
{
	(void)state;
	rpc_fixture_run(&(struct rpc_server_config){ .max_calls = 0 }, ordinary_body);
}

static void limits(struct rpc_fixture *f, struct python *p)
{
	struct rpc_request q = { .method = "/test.Echo/Remaining",
		.deadline = clock_mono_us() + 5 * 1000000 };
	struct rpc_response r;
	int64_t remaining_ms = 0;

	(void)p;
	assert_int_equal(rpc_unary(f->channel, f->arena, &q, &r), ST_OK);
	assert_true(str_to_i64(rpc_flat(f->arena, r.message), &remaining_ms));
	assert_true(remaining_ms > 1000 && remaining_ms <= 5100); /* gRPC rounds up */
	q = (struct rpc_request){ .method = "/test.Echo/Wait",
		.deadline = clock_mono_us() + 50 * 1000 };
	assert_int_equal(rpc_unary(f->channel, f->arena, &q, &r), ST_DEADLINE_EXCEEDED);
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Large", "4194304", &r), ST_OK);
	assert_int_equal(
		rpc_fixture_call(f, "/test.Echo/Large", "4194305", &r), ST_RESOURCE_EXHAUSTED);
}

static void limits_body(struct rpc_fixture *f)
{
	with_python(f, limits);
}

static void deadlines_travel_and_answers_are_bounded(void **state)
{
	(void)state;
	rpc_fixture_run(&(struct rpc_server_config){ .max_calls = 0 }, limits_body);
}

static void wait_until_killed(void *arg)
{
	struct rpc_fixture *f = arg;
	struct rpc_response r;

	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Wait", "", &r), ST_UNAVAILABLE);
	event_set(&f->left);
}

static void killed(struct rpc_fixture *f, struct python *p)
{
	struct rpc_stream *s = open_stream(f, "/test.Echo/Chat");
	struct rpc_response r;
	struct rpc_bytes *b;
	int64_t start;
	enum status status;

	assert_int_equal(rpc_fixture_send(s, "x"), ST_OK);
	rpc_fixture_expect(f, s, "x");
	fiber_spawn(f->loop, wait_until_killed, f);
	/* answered after Wait was sent on the same connection */
	assert_int_equal(fiber_sleep_us(20 * 1000), ST_OK);
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Unary", "", &r), ST_OK);
	python_kill(p);
	assert_int_equal(rpc_stream_recv(s, &b), ST_OK);
	assert_null(b);
	expect_outcome(s, ST_UNAVAILABLE);
	assert_int_equal(event_wait(&f->left), ST_OK);
	*p = python_start(f->arena, p->port);
	start = clock_mono_us();
	do {
		assert_int_equal(fiber_sleep_us(5000), ST_OK);
		status = rpc_fixture_call(f, "/test.Echo/Unary", "", &r);
	} while (status == ST_UNAVAILABLE && clock_mono_us() - start < 10 * 1000000);
	assert_int_equal(status, ST_OK);
	assert_true(clock_mono_us() - start < 4 * 1000000);
}

static void killed_body(struct rpc_fixture *f)
{
	with_python(f, killed);
}

static void a_killed_server_is_unavailable_and_found_again(void **state)
{
	(void)state;
	rpc_fixture_run(&(struct rpc_server_config){ .max_calls = 0 }, killed_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_foreign_server_is_understood),
		cmocka_unit_test(deadlines_travel_and_answers_are_bounded),
		cmocka_unit_test(a_killed_server_is_unavailable_and_found_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
