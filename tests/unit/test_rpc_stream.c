/* rpc: streams of all kinds, both sides in one process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "base/clock.h"
#include "tests/support/rpc_fixture.h"

static const struct rpc_server_config PLAIN;

static struct rpc_stream *open_stream(struct rpc_fixture *f, const char *method)
{
	struct rpc_request q = { .method = method };
	struct rpc_stream *s = NULL;

	assert_int_equal(rpc_stream_open(f->channel, &q, &s), ST_OK);
	return s;
}

static void expect_end(struct rpc_stream *s, enum status status)
{
	struct rpc_bytes *b = NULL;
	struct rpc_outcome o;

	assert_int_equal(rpc_stream_recv(s, &b), ST_OK);
	assert_null(b);
	assert_int_equal(rpc_stream_recv(s, &b), ST_OK);
	assert_null(b);
	assert_int_equal(rpc_stream_finish(s, &o, NULL), ST_OK);
	assert_int_equal(o.status, status);
}

/* ---- the kinds ---- */

static void count_body(struct rpc_fixture *f)
{
	struct rpc_stream *s = open_stream(f, "/test.Echo/Count");

	assert_int_equal(rpc_fixture_send(s, "1000"), ST_OK);
	assert_int_equal(rpc_stream_half_close(s), ST_OK);
	for (int i = 0; i < 1000; i++)
		rpc_fixture_expect(f, s, arena_printf(f->arena, "%d", i));
	expect_end(s, ST_OK);
	rpc_stream_close(s);
}

static void a_server_stream_arrives_in_order(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, count_body);
}

static void sum_body(struct rpc_fixture *f)
{
	struct rpc_stream *s = open_stream(f, "/test.Echo/Sum");

	for (int i = 0; i < 1000; i++)
		assert_int_equal(rpc_fixture_send(s, "abc"), ST_OK);
	assert_int_equal(rpc_stream_half_close(s), ST_OK);
	assert_int_equal(rpc_fixture_send(s, "abc"), ST_FAILED_PRECONDITION);
	rpc_fixture_expect(f, s, "3000");
	expect_end(s, ST_OK);
	rpc_stream_close(s);
}

static void a_client_stream_gets_one_answer(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, sum_body);
}

static void chat_body(struct rpc_fixture *f)
{
	struct rpc_stream *s = open_stream(f, "/test.Echo/Chat");

	for (int i = 0; i < 100; i++) {
		char *text = arena_printf(f->arena, "message %d", i);

		assert_int_equal(rpc_fixture_send(s, text), ST_OK);
		rpc_fixture_expect(f, s, text);
	}
	assert_int_equal(rpc_stream_half_close(s), ST_OK);
	expect_end(s, ST_OK);
	rpc_stream_close(s);
}

static void both_sides_can_talk_in_turn(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, chat_body);
}

enum { PUMPED = 2000 };

static void pump_out(void *arg)
{
	struct rpc_stream *s = arg;

	for (int i = 0; i < PUMPED; i++)
		assert_int_equal(rpc_fixture_send(s, "0123456789"), ST_OK);
	assert_int_equal(rpc_stream_half_close(s), ST_OK);
}

static void two_fibers_body(struct rpc_fixture *f)
{
	struct rpc_stream *s = open_stream(f, "/test.Echo/Chat");
	struct group g;

	group_init(&g);
	group_spawn(&g, pump_out, s);
	for (int i = 0; i < PUMPED; i++)
		rpc_fixture_expect(f, s, "0123456789");
	expect_end(s, ST_OK);
	assert_int_equal(group_wait(&g), ST_OK);
	rpc_stream_close(s);
}

static void one_fiber_sends_while_another_receives(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, two_fibers_body);
}

static void headers_body(struct rpc_fixture *f)
{
	struct rpc_stream *s = open_stream(f, "/test.Echo/Late");
	struct rpc_headers h, t;
	struct rpc_outcome o;

	assert_int_equal(rpc_fixture_send(s, ""), ST_OK);
	assert_int_equal(rpc_stream_half_close(s), ST_OK);
	assert_int_equal(rpc_stream_headers(s, &h), ST_OK);
	assert_true(str_is(rpc_header(&h, "x-early"), "yes"));
	event_set(&f->release);
	assert_int_equal(rpc_stream_finish(s, &o, &t), ST_OK);
	assert_int_equal(o.status, ST_NOT_FOUND);
	assert_string_equal(o.message, "late");
	assert_int_equal(t.n, 0);
	assert_int_equal(rpc_fixture_send(s, ""), ST_FAILED_PRECONDITION);
	rpc_stream_close(s);
}

static void headers_can_come_long_before_the_rest(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, headers_body);
}

/* ---- ends that nobody planned ---- */

static void refused_body(struct rpc_fixture *f)
{
	struct rpc_stream *s = open_stream(f, "/test.Echo/Nothing");
	struct rpc_outcome o;

	assert_int_equal(rpc_fixture_send(s, "x"), ST_OK);
	assert_int_equal(rpc_stream_finish(s, &o, NULL), ST_OK);
	assert_int_equal(o.status, ST_UNIMPLEMENTED);
	assert_int_equal(rpc_fixture_send(s, "x"), ST_ABORTED);
	expect_end(s, ST_UNIMPLEMENTED);
	rpc_stream_close(s);
}

static void sending_after_the_server_ended_is_aborted(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, refused_body);
}

static void no_request_body(struct rpc_fixture *f)
{
	struct rpc_stream *s = open_stream(f, "/test.Echo/Unary");

	assert_int_equal(rpc_stream_half_close(s), ST_OK);
	expect_end(s, ST_INVALID_ARGUMENT);
	rpc_stream_close(s);
}

static void a_unary_request_without_a_message_is_seen_by_the_handler(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, no_request_body);
}

/* The states in which a client may drop its stream. */
static void drop_body(struct rpc_fixture *f)
{
	static const char *const METHODS[] = { "/test.Echo/Chat", "/test.Echo/Sum",
		"/test.Echo/Flood", "/test.Echo/Unary", "/test.Echo/Wait" };
	enum { STAGES = 6 };

	for (size_t i = 0; i < sizeof(METHODS) / sizeof(METHODS[0]); i++) {
		for (int stage = 0; stage < STAGES; stage++) {
			struct rpc_stream *s = open_stream(f, METHODS[i]);

			f->arrived = f->left = (struct event){ 0 };
			if (stage >= 2)
				assert_int_equal(rpc_fixture_send(s, "x"), ST_OK);
			if (stage >= 3 && i != 3)
				assert_int_equal(event_wait(&f->arrived), ST_OK);
			if (stage == 4)
				rpc_stream_cancel(s);
			if (stage == 5)
				fiber_yield();
			if (stage == 1)
				assert_int_equal(fiber_sleep_us(2000), ST_OK);
			rpc_stream_close(s);
		}
	}
	while (rpc_server_calls(f->server) > 0)
		assert_int_equal(fiber_sleep_us(1000), ST_OK);
	assert_int_equal(fiber_count(f->loop), 1);
}

static void a_stream_can_be_dropped_in_every_state(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, drop_body);
}

struct receiver {
	struct rpc_fixture *f;
	struct rpc_stream *stream;
	enum status status;
};

static void receive_one(void *arg)
{
	struct receiver *r = arg;
	struct rpc_bytes *b = NULL;

	r->status = rpc_stream_recv(r->stream, &b);
	rpc_bytes_unref(b);
}

static void interrupted_body(struct rpc_fixture *f)
{
	struct receiver r = { f, open_stream(f, "/test.Echo/Chat"), ST_OK };
	struct fiber *one = fiber_spawn(f->loop, receive_one, &r);

	assert_int_equal(event_wait(&f->arrived), ST_OK);
	fiber_cancel(one);
	while (r.status == ST_OK)
		fiber_yield();
	assert_int_equal(r.status, ST_CANCELLED);
	/* the stream is as good as before: the receive that was given up is taken up again */
	assert_int_equal(rpc_fixture_send(r.stream, "still here"), ST_OK);
	rpc_fixture_expect(f, r.stream, "still here");
	assert_int_equal(rpc_stream_half_close(r.stream), ST_OK);
	expect_end(r.stream, ST_OK);
	rpc_stream_close(r.stream);
}

static void a_receive_that_was_given_up_loses_no_message(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, interrupted_body);
}

static void deadline_body(struct rpc_fixture *f)
{
	struct rpc_request q = { .method = "/test.Echo/Chat",
		.deadline = clock_mono_us() + 50 * 1000 };
	struct rpc_stream *s;

	assert_int_equal(rpc_stream_open(f->channel, &q, &s), ST_OK);
	expect_end(s, ST_DEADLINE_EXCEEDED);
	rpc_stream_close(s);
	assert_int_equal(event_wait(&f->left), ST_OK);
	assert_true(f->left_with == ST_DEADLINE_EXCEEDED || f->left_with == ST_CANCELLED);
}

static void a_stream_that_is_never_half_closed_ends_with_its_deadline(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, deadline_body);
}

static void shutdown_body(struct rpc_fixture *f)
{
	struct rpc_stream *s = open_stream(f, "/test.Echo/Chat");
	struct rpc_stream *silent = open_stream(f, "/test.Echo/Unary"); /* no message, no fiber */

	assert_int_equal(event_wait(&f->arrived), ST_OK);
	while (rpc_server_calls(f->server) < 2)
		fiber_yield();
	rpc_fixture_stop_server(f, 10);
	assert_int_equal(f->left_with, ST_CANCELLED);
	expect_end(s, ST_UNAVAILABLE);
	rpc_stream_close(s);
	rpc_stream_close(silent);
}

static void shutdown_ends_running_streams(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, shutdown_body);
}

/* ---- those who harm others ---- */

static void slow_body(struct rpc_fixture *f)
{
	struct rpc_stream *s = open_stream(f, "/test.Echo/Flood");
	struct rpc_response r;
	size_t before;

	assert_int_equal(rpc_fixture_send(s, ""), ST_OK);
	assert_int_equal(event_wait(&f->arrived), ST_OK);
	do {
		before = f->sent;
		assert_int_equal(fiber_sleep_us(50 * 1000), ST_OK);
	} while (f->sent != before);
	assert_true(f->sent < 400); /* 25 MiB: gRPC's windows and the kernel's buffers */
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Unary", "others go on", &r), ST_OK);
	rpc_stream_close(s);
	assert_int_equal(event_wait(&f->left), ST_OK);
	assert_int_equal(f->left_with, ST_CANCELLED);
}

static void a_client_that_does_not_read_stops_the_sender(void **state)
{
	(void)state;
	rpc_fixture_run(&PLAIN, slow_body);
}

static void many_body(struct rpc_fixture *f)
{
	enum { MANY = 3000 };
	struct rpc_stream **s = arena_new_array(f->arena, struct rpc_stream *, MANY);
	struct rpc_response r;

	for (int i = 0; i < MANY; i++)
		s[i] = open_stream(f, "/test.Echo/Chat");
	while (rpc_server_calls(f->server) < MANY)
		assert_int_equal(fiber_sleep_us(1000), ST_OK);
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Unary", "", &r), ST_OK);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(rpc_fixture_send(s[i], "x"), ST_OK);
	for (int i = 0; i < MANY; i++) {
		rpc_fixture_expect(f, s[i], "x");
		rpc_stream_close(s[i]);
	}
	while (rpc_server_calls(f->server) > 0)
		assert_int_equal(fiber_sleep_us(1000), ST_OK);
}

static void thousands_of_open_streams_leave_room_for_others(void **state)
{
	(void)state;
	rpc_fixture_run(
		&(struct rpc_server_config){ .max_calls_per_connection = 10000 }, many_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_stream_arrives_in_order),
		cmocka_unit_test(a_client_stream_gets_one_answer),
		cmocka_unit_test(both_sides_can_talk_in_turn),
		cmocka_unit_test(one_fiber_sends_while_another_receives),
		cmocka_unit_test(headers_can_come_long_before_the_rest),
		cmocka_unit_test(sending_after_the_server_ended_is_aborted),
		cmocka_unit_test(a_unary_request_without_a_message_is_seen_by_the_handler),
		cmocka_unit_test(a_stream_can_be_dropped_in_every_state),
		cmocka_unit_test(a_receive_that_was_given_up_loses_no_message),
		cmocka_unit_test(a_stream_that_is_never_half_closed_ends_with_its_deadline),
		cmocka_unit_test(shutdown_ends_running_streams),
		cmocka_unit_test(a_client_that_does_not_read_stops_the_sender),
		cmocka_unit_test(thousands_of_open_streams_leave_room_for_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
