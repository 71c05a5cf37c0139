/* rpc: unary calls, both sides in one process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "base/clock.h"
#include "tests/support/rpc_fixture.h"

static const struct rpc_server_config PLAIN;

/* ---- calls that end as they should ---- */

static void answer_body(struct rpc_fixture *f)
{
	struct rpc_response r;

	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Unary", "ahoj", &r), ST_OK);
	assert_true(str_is(rpc_flat(f->arena, r.message), "ahoj"));
	assert_string_equal(r.outcome.message, "");
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Unary", "", &r), ST_OK);
	assert_int_equal(rpc_bytes_size(r.message), 0);
}

static void a_request_gets_its_answer(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, answer_body);
}

static void fail_body(struct rpc_fixture *f)
{
	struct rpc_response r;

	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Fail", "5", &r), ST_NOT_FOUND);
	assert_null(r.message);
	assert_string_equal(r.outcome.message, "čeština 100% \n");
	assert_true(str_eq(r.outcome.details, str_n("\x08\x05\x00\xff", 4)));
	assert_true(str_is(rpc_header(&r.trailers, "x-reason"), "because"));
	assert_int_equal(r.trailers.n, 1);
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Silent", "", &r), ST_UNKNOWN);
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Nothing", "", &r), ST_UNIMPLEMENTED);
	assert_int_equal(rpc_fixture_call(f, "", "", &r), ST_UNIMPLEMENTED);
	assert_int_equal(rpc_server_calls(f->server) <= 1, 1);
}

static void a_failure_arrives_with_message_details_and_trailers(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, fail_body);
}

static void meta_body(struct rpc_fixture *f)
{
	static const struct rpc_header SENT[] = {
		{ "x-one", { "1", 1 } },
		{ "x-raw-bin", { "\x00\xff\n", 3 } },
		{ "x-bad", { "line\nbreak", 10 } },
		{ "X-Upper", { "u", 1 } },
		{ "grpc-timeout", { "1n", 2 } },
		{ "te", { "none", 4 } },
		{ "user-agent", { "x", 1 } },
		{ "x-empty", { "", 0 } },
	};
	struct rpc_bytes *b = rpc_bytes_of(STR("m"));
	struct rpc_request q = { .method = "/test.Echo/Meta",
		.message = b,
		.headers = { sizeof(SENT) / sizeof(SENT[0]), SENT } };
	struct rpc_response r;

	assert_int_equal(rpc_unary(f->channel, f->arena, &q, &r), ST_OK);
	rpc_bytes_unref(b);
	assert_int_equal(r.headers.n, 4);
	assert_true(str_is(rpc_header(&r.headers, "seen"), " user-agent x-one x-raw-bin x-empty"));
	assert_int_equal(r.trailers.n, 3);
	assert_true(str_is(rpc_header(&r.headers, "x-one"), "1"));
	assert_true(str_is(rpc_header(&r.headers, "x-empty"), ""));
	assert_true(str_eq(rpc_header(&r.trailers, "x-raw-bin"), str_n("\x00\xff\n", 3)));
	assert_null(rpc_header(&r.headers, "x-bad").p);
}

static void metadata_travels_and_what_is_illegal_is_dropped(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, meta_body);
}

/* ---- limits ---- */

static void call_bytes(struct rpc_fixture *f, size_t n, struct rpc_response *r)
{
	char *p = mem_zalloc(n);
	struct rpc_bytes *b = rpc_bytes_of(str_n(p, n));
	struct rpc_request q = { .method = "/test.Echo/Unary", .message = b };

	r->outcome.status = rpc_unary(f->channel, f->arena, &q, r);
	rpc_bytes_unref(b);
	mem_free(p);
}

static void large_body(struct rpc_fixture *f)
{
	struct rpc_response r;

	call_bytes(f, 4 * 1024 * 1024, &r);
	assert_int_equal(r.outcome.status, ST_OK);
	assert_int_equal(rpc_bytes_size(r.message), 4 * 1024 * 1024);
	assert_int_equal(rpc_flat(f->arena, r.message).n, 4 * 1024 * 1024);
	call_bytes(f, 4 * 1024 * 1024 + 1, &r);
	assert_int_equal(r.outcome.status, ST_RESOURCE_EXHAUSTED);
	call_bytes(f, 1, &r);
	assert_int_equal(r.outcome.status, ST_OK);
}

static void a_message_beyond_4_mib_is_refused(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, large_body);
}

static void one_waiting(void *arg)
{
	struct rpc_fixture *f = arg;
	struct rpc_response r;

	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Wait", "", &r), ST_CANCELLED);
}

static void busy_body(struct rpc_fixture *f)
{
	struct fiber *one = fiber_spawn(f->loop, one_waiting, f);
	struct rpc_response r;

	assert_int_equal(event_wait(&f->arrived), ST_OK);
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Unary", "", &r), ST_RESOURCE_EXHAUSTED);
	assert_string_equal(r.outcome.message, "too many calls");
	assert_int_equal(r.outcome.details.n, 2 + 2 + 14 + 2 + 48);
	assert_memory_equal(r.outcome.details.p, "\x08\x08", 2);
	fiber_cancel(one);
	assert_int_equal(event_wait(&f->left), ST_OK);
	while (rpc_server_calls(f->server) > 0)
		fiber_yield();
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Unary", "", &r), ST_OK);
}

static void beyond_max_calls_the_client_is_told_to_retry(void **state)
{
	(void)state;
	rpc_fixture_run(&(struct rpc_server_config){ .max_calls = 1 }, busy_body);
}

/* Begins a unary call and keeps its message back; returns once the server has it. */
static struct rpc_stream *begin_silently(struct rpc_fixture *f)
{
	const struct rpc_request q = { .method = "/test.Echo/Unary" };
	size_t before = rpc_server_calls(f->server);
	struct rpc_stream *s;

	assert_int_equal(rpc_stream_open(f->channel, &q, &s), ST_OK);
	while (rpc_server_calls(f->server) == before)
		fiber_yield();
	return s;
}

static void silent_body(struct rpc_fixture *f)
{
	struct rpc_stream *first = begin_silently(f), *second = begin_silently(f);
	struct rpc_outcome o;
	struct rpc_response r;

	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Unary", "a", &r), ST_OK);
	assert_int_equal(rpc_stream_finish(first, &o, NULL), ST_OK);
	assert_int_equal(o.status, ST_RESOURCE_EXHAUSTED);

	/* the younger one had room, and still is served */
	struct rpc_bytes *late = rpc_bytes_of(STR("b")), *answer;
	assert_int_equal(rpc_stream_send(second, late), ST_OK);
	assert_int_equal(rpc_stream_half_close(second), ST_OK);
	assert_int_equal(rpc_stream_recv(second, &answer), ST_OK);
	assert_true(str_is(rpc_flat(f->arena, answer), "b"));
	rpc_bytes_unref(answer);
	rpc_bytes_unref(late);
	rpc_stream_close(first);
	rpc_stream_close(second);
}

static void a_call_that_sends_no_message_makes_room_for_others(void **state)
{
	(void)state;
	rpc_fixture_run(&(struct rpc_server_config){ .max_calls = 2 }, silent_body);
}

/* ---- calls that are cut short ---- */

static void deadline_body(struct rpc_fixture *f)
{
	struct rpc_request q = { .method = "/test.Echo/Wait" };
	struct rpc_response r;
	int64_t start = clock_mono_us();

	q.deadline = start + 50 * 1000;
	assert_int_equal(rpc_unary(f->channel, f->arena, &q, &r), ST_DEADLINE_EXCEEDED);
	assert_true(clock_mono_us() >= q.deadline - 1000);
	assert_int_equal(event_wait(&f->left), ST_OK);
	assert_true(f->left_with == ST_DEADLINE_EXCEEDED || f->left_with == ST_CANCELLED);
}

static void a_deadline_ends_both_sides(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, deadline_body);
}

static void with_deadline(void *arg)
{
	struct rpc_fixture *f = arg;
	struct rpc_response r;

	fiber_set_deadline(fiber_self(), clock_mono_us() + 50 * 1000);
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Wait", "", &r), ST_DEADLINE_EXCEEDED);
	assert_null(r.message);
}

static void own_deadline_body(struct rpc_fixture *f)
{
	struct group g;

	group_init(&g);
	group_spawn(&g, with_deadline, f);
	assert_int_equal(group_wait(&g), ST_OK);
	assert_int_equal(event_wait(&f->left), ST_OK);
}

static void the_deadline_of_the_fiber_travels(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, own_deadline_body);
}

static void cancel_body(struct rpc_fixture *f)
{
	struct fiber *one = fiber_spawn(f->loop, one_waiting, f);

	assert_int_equal(event_wait(&f->arrived), ST_OK);
	fiber_cancel(one);
	assert_int_equal(event_wait(&f->left), ST_OK);
	assert_int_equal(f->left_with, ST_CANCELLED);
}

static void a_cancelled_fiber_cancels_its_call(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, cancel_body);
}

static void early_cancel_body(struct rpc_fixture *f)
{
	struct fiber *one;

	/* before anything was sent, and with the call on its way */
	for (int turns = 0; turns < 20; turns++) {
		one = fiber_spawn(f->loop, one_waiting, f);
		for (int i = 0; i < turns; i++)
			fiber_yield();
		fiber_cancel(one);
	}
	while (fiber_count(f->loop) > 1 || rpc_server_calls(f->server) > 0)
		assert_int_equal(fiber_sleep_us(1000), ST_OK);
}

static void a_call_can_be_cancelled_at_any_moment(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, early_cancel_body);
}

static void relay_deadline_body(struct rpc_fixture *f)
{
	struct rpc_request q = { .method = "/test.Echo/Relay",
		.deadline = clock_mono_us() + 100 * 1000 };
	struct rpc_response r;

	assert_int_equal(rpc_unary(f->channel, f->arena, &q, &r), ST_DEADLINE_EXCEEDED);
	assert_int_equal(event_wait(&f->left), ST_OK);
	assert_true(f->deadline <= q.deadline + 50 * 1000);
}

static void one_relayed(void *arg)
{
	struct rpc_fixture *f = arg;
	struct rpc_response r;

	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Relay", "", &r), ST_CANCELLED);
}

static void relay_cancel_body(struct rpc_fixture *f)
{
	struct fiber *one = fiber_spawn(f->loop, one_relayed, f);

	assert_int_equal(event_wait(&f->arrived), ST_OK);
	fiber_cancel(one);
	assert_int_equal(event_wait(&f->left), ST_OK);
	assert_int_equal(f->left_with, ST_CANCELLED);
}

static void deadline_and_cancellation_pass_through_a_parent(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, relay_deadline_body);
	rpc_fixture_run(&PLAIN, relay_cancel_body);
}

/* ---- servers that come and go ---- */

static void one_unavailable(void *arg)
{
	struct rpc_fixture *f = arg;
	struct rpc_response r;

	assert_int_not_equal(rpc_fixture_call(f, "/test.Echo/Wait", "", &r), ST_OK);
}

static void grace_body(struct rpc_fixture *f)
{
	struct rpc_response r;

	fiber_spawn(f->loop, one_unavailable, f);
	assert_int_equal(event_wait(&f->arrived), ST_OK);
	rpc_fixture_stop_server(f, 20);
	assert_true(f->left.is_set);
	assert_int_equal(f->left_with, ST_CANCELLED);
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Unary", "", &r), ST_UNAVAILABLE);
}

static void shutdown_cancels_what_outlives_the_grace_time(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, grace_body);
}

static void one_late(void *arg)
{
	struct rpc_fixture *f = arg;
	struct rpc_response r;

	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Late", "", &r), ST_NOT_FOUND);
	event_set(&f->left);
}

static void release(void *arg)
{
	struct rpc_fixture *f = arg;

	event_set(&f->release);
}

static void finish_body(struct rpc_fixture *f)
{
	fiber_spawn(f->loop, one_late, f);
	assert_int_equal(event_wait(&f->arrived), ST_OK);
	fiber_spawn(f->loop, release, f); /* runs once this fiber waits for the shutdown */
	rpc_fixture_stop_server(f, 10000);
	assert_int_equal(event_wait(&f->left), ST_OK);
}

static void shutdown_lets_running_calls_finish(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, finish_body);
}

static void reconnect_body(struct rpc_fixture *f)
{
	int port = rpc_server_port(f->server);
	struct rpc_request q = { .method = "/test.Echo/Unary", .wait_for_ready = true };
	struct rpc_response r;
	int64_t start;

	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Unary", "", &r), ST_OK);
	assert_true(rpc_channel_is_ready(f->channel, false));
	rpc_fixture_stop_server(f, 0);
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Unary", "", &r), ST_UNAVAILABLE);
	assert_false(rpc_channel_is_ready(f->channel, true));
	rpc_fixture_start_server(f, port);
	start = clock_mono_us();
	assert_int_equal(rpc_unary(f->channel, f->arena, &q, &r), ST_OK);
	assert_true(clock_mono_us() - start < 3000 * 1000);
	assert_true(rpc_channel_is_ready(f->channel, false));
}

static void a_channel_finds_its_server_again(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, reconnect_body);
}

static void call_until_gone(void *arg)
{
	struct rpc_fixture *f = arg;
	struct rpc_response r;
	enum status status;

	do {
		struct arena *a = arena_new();
		struct rpc_request q = { .method = "/test.Echo/Unary" };

		status = rpc_unary(f->channel, a, &q, &r);
		arena_free(a);
		f->sent++;
	} while (status == ST_OK);
	assert_int_equal(status, ST_UNAVAILABLE);
}

static void busy_shutdown_body(struct rpc_fixture *f)
{
	struct group g;

	group_init(&g);
	for (int i = 0; i < 50; i++)
		group_spawn(&g, call_until_gone, f);
	while (f->sent < 1000)
		fiber_yield();
	rpc_fixture_stop_server(f, 10000);
	assert_int_equal(group_wait(&g), ST_OK);
}

static void calls_during_a_shutdown_are_answered_or_unavailable(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		rpc_fixture_run(&PLAIN, busy_shutdown_body);
}

/* A client whose loop ends while calls are under way, as a program does on Ctrl-C. */
static void call_wait(void *arg)
{
	struct rpc_fixture *f = arg;
	struct rpc_request q = { .method = "/test.Echo/Wait" };
	struct rpc_response r;

	/* nothing of the fiber's own: its stack is dropped */
	(void)!rpc_unary(f->channel, f->arena, &q, &r);
	fail_msg("the loop has ended, and the call went on");
}

static void hold_stream(void *arg)
{
	struct rpc_fixture *f = arg;
	struct rpc_request q = { .method = "/test.Echo/Chat" };
	struct rpc_stream *s;
	struct rpc_bytes *b;

	assert_int_equal(rpc_stream_open(f->channel, &q, &s), ST_OK);
	(void)!rpc_stream_recv(s, &b);
	fail_msg("the loop has ended, and the stream went on");
}

static void stop_soon(struct loop_timer *t)
{
	(void)t;
	loop_stop(loop_self());
}

static void abandoned_body(struct rpc_fixture *f)
{
	struct rpc_fixture client = { .loop = loop_new(), .arena = f->arena };
	struct rpc_channel_config c = { .target = arena_printf(f->arena, "127.0.0.1:%d",
						rpc_server_port(f->server)) };
	struct loop_timer t = { .fn = stop_soon };

	client.rpc = rpc_new(client.loop);
	client.channel = rpc_channel_new(client.rpc, &c);
	fiber_spawn(client.loop, call_wait, &client);
	fiber_spawn(client.loop, hold_stream, &client);
	loop_timer_set(client.loop, &t, clock_mono_us() + 20 * 1000);
	loop_run(client.loop);
	rpc_channel_free(client.channel);
	rpc_free(client.rpc);
	loop_free(client.loop);
}

static void a_client_may_end_with_calls_under_way(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, abandoned_body);
}

static void second_body(struct rpc_fixture *f)
{
	struct rpc_channel_config c = { .target = arena_printf(f->arena, "127.0.0.1:%d",
						rpc_server_port(f->server)) };
	struct rpc_channel *own = f->channel;
	struct rpc *second = rpc_new(f->loop);
	struct rpc_request q = { .method = "/test.Echo/Chat" };
	struct rpc_response r;
	struct rpc_stream *s;

	f->channel = rpc_channel_new(second, &c);
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Unary", "x", &r), ST_OK);
	assert_int_equal(rpc_stream_open(f->channel, &q, &s), ST_OK);
	rpc_stream_close(s);
	rpc_channel_free(f->channel);
	rpc_free(second); /* what it still has to say goes nowhere */
	f->channel = own;
	assert_int_equal(fiber_sleep_us(5000), ST_OK);
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Unary", "x", &r), ST_OK);
}

static void a_second_rpc_can_be_freed_while_the_loop_goes_on(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, second_body);
}

static void taken_body(struct rpc_fixture *f)
{
	struct rpc_handlers h = { 0 };
	struct rpc_server_config c = { .listen = arena_printf(f->arena, "127.0.0.1:%d",
					       rpc_server_port(f->server)) };
	struct rpc_server *second = NULL;

	assert_int_equal(rpc_server_new(f->rpc, &c, &h, &second), ST_UNAVAILABLE);
	assert_null(second);
	c.listen = "not an address";
	assert_int_equal(rpc_server_new(f->rpc, &c, &h, &second), ST_UNAVAILABLE);
	c.tls_cert_file = c.tls_key_file = "/nonexistent";
	assert_int_equal(rpc_server_new(f->rpc, &c, &h, &second), ST_INVALID_ARGUMENT);
}

static void a_taken_port_is_unavailable(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, taken_body);
}

/* ---- many ---- */

struct many {
	struct rpc_fixture *f;
	int left;
};

static void one_of_many(void *arg)
{
	struct many *m = arg;

	while (m->left-- > 0) {
		struct arena *a = arena_new();
		struct rpc_bytes *b = rpc_bytes_of(str_c(arena_printf(a, "%d", m->left)));
		struct rpc_request q = { .method = "/test.Echo/Unary", .message = b };
		struct rpc_response r;

		assert_int_equal(rpc_unary(m->f->channel, a, &q, &r), ST_OK);
		assert_true(str_eq(rpc_flat(a, r.message), rpc_flat(a, b)));
		rpc_bytes_unref(b);
		arena_free(a);
	}
}

static void many_body(struct rpc_fixture *f)
{
	struct many m = { f, 5000 };
	struct group g;

	group_init(&g);
	for (int i = 0; i < 200; i++)
		group_spawn(&g, one_of_many, &m);
	assert_int_equal(group_wait(&g), ST_OK);
}

static void thousands_of_calls_side_by_side_all_get_their_own_answer(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, many_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_gets_its_answer),
		cmocka_unit_test(a_failure_arrives_with_message_details_and_trailers),
		cmocka_unit_test(metadata_travels_and_what_is_illegal_is_dropped),
		cmocka_unit_test(a_message_beyond_4_mib_is_refused),
		cmocka_unit_test(beyond_max_calls_the_client_is_told_to_retry),
		cmocka_unit_test(a_call_that_sends_no_message_makes_room_for_others),
		cmocka_unit_test(a_deadline_ends_both_sides),
		cmocka_unit_test(the_deadline_of_the_fiber_travels),
		cmocka_unit_test(a_cancelled_fiber_cancels_its_call),
		cmocka_unit_test(a_call_can_be_cancelled_at_any_moment),
		cmocka_unit_test(deadline_and_cancellation_pass_through_a_parent),
		cmocka_unit_test(shutdown_cancels_what_outlives_the_grace_time),
		cmocka_unit_test(shutdown_lets_running_calls_finish),
		cmocka_unit_test(a_channel_finds_its_server_again),
		cmocka_unit_test(calls_during_a_shutdown_are_answered_or_unavailable),
		cmocka_unit_test(a_client_may_end_with_calls_under_way),
		cmocka_unit_test(a_second_rpc_can_be_freed_while_the_loop_goes_on),
		cmocka_unit_test(a_taken_port_is_unavailable),
		cmocka_unit_test(thousands_of_calls_side_by_side_all_get_their_own_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
