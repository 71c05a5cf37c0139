/* Bus: against a real nats-server that is killed, restarted and tampered with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "adapters/bus/bus.h"
#include "adapters/log/log.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/uuid.h"
#include "tests/support/nats.h"

/* patience: longer than the broker waits for an acknowledgement before it delivers again (30 s) */
enum { MAX_SEEN = 20000, PATIENCE_S = 45, BATCH = 256, PUBLISH_TIMEOUT_MS = 5000 };

struct seen {
	int resource,
		number; /* of subject crm.t.contacts.contact.<resource>.<verb>, payload <number> */
	uint64_t sequence, attempt;
	int64_t stored_us;
	char subject[64];
};

struct fixture {
	struct nats_server *server;
	struct loop *loop;
	struct bus *bus;
	struct arena *arena;
	struct seen *seen;
	size_t count;
	size_t running, most_running;
	/* what the handler answers; NULL: ST_OK at once */
	enum status (*behave)(struct fixture *f, const struct seen *s);
	bool is_healed;
	int changes[8];
	size_t change_count;

	/* run_until */
	struct loop_hook hook;
	struct loop_timer patience;
	bool (*is_done)(struct fixture *f);
	bool is_late;
	size_t wanted;

	/* publishing on a thread of its own */
	pthread_t publisher;
	int first, total, resources;
	_Atomic bool has_published;
	_Atomic int acknowledged;
};

/* --- running the loop until something is so --- */

static void on_turn(struct loop_hook *h)
{
	struct fixture *f = CONTAINER_OF(h, struct fixture, hook);

	if (f->is_done(f))
		loop_stop(f->loop);
}

static void on_late(struct loop_timer *t)
{
	struct fixture *f = CONTAINER_OF(t, struct fixture, patience);

	f->is_late = true;
	loop_stop(f->loop);
}

static bool run_for(struct fixture *f, bool (*is_done)(struct fixture *f), int64_t us)
{
	if (is_done(f))
		return true;
	f->is_done = is_done;
	f->is_late = false;
	f->hook.fn = on_turn;
	f->patience.fn = on_late;
	loop_hook_add(f->loop, &f->hook);
	loop_timer_set(f->loop, &f->patience, clock_mono_us() + us);
	loop_run(f->loop);
	loop_timer_cancel(f->loop, &f->patience);
	loop_hook_remove(f->loop, &f->hook);
	return !f->is_late;
}

#define run_until(f, is_done) assert_true(run_for(f, is_done, PATIENCE_S *INT64_C(1000000)))

static bool never(struct fixture *f)
{
	(void)f;
	return false;
}

static bool is_up(struct fixture *f)
{
	return bus_is_up(f->bus);
}

static bool is_down(struct fixture *f)
{
	return !bus_is_up(f->bus);
}

static bool has_all(struct fixture *f)
{
	return f->count >= f->wanted;
}

static bool has_published(struct fixture *f)
{
	return atomic_load(&f->has_published);
}

static void run_until_seen(struct fixture *f, size_t n)
{
	f->wanted = n;
	run_until(f, has_all);
}

/* --- fixture --- */

static struct bus *bus_at(struct fixture *f, const char *url)
{
	return bus_new(f->loop, &(struct bus_config){ .url = url, .name = "test" });
}

/* As when the process ends and another begins. */
static void reopen_at(struct fixture *f, const char *url)
{
	bus_free(f->bus);
	loop_free(f->loop);
	f->loop = loop_new();
	f->bus = bus_at(f, url);
}

static void reopen(struct fixture *f)
{
	reopen_at(f, nats_server_url(f->server));
}

static int setup_stopped(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	log_init("test", LOG_ERROR, 2);
	f->arena = arena_new();
	f->seen = mem_zalloc(MAX_SEEN * sizeof(*f->seen));
	f->server = nats_server_new_stopped();
	f->loop = loop_new();
	f->bus = bus_at(f, nats_server_url(f->server));
	*state = f;
	return 0;
}

static int setup(void **state)
{
	struct fixture *f;

	if (setup_stopped(state) != 0)
		return -1;
	f = *state;
	nats_server_start(f->server);
	return run_for(f, is_up, PATIENCE_S * INT64_C(1000000)) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	log_flush();
	bus_free(f->bus);
	loop_free(f->loop);
	nats_server_free(f->server);
	mem_free(f->seen);
	arena_free(f->arena);
	mem_free(f);
	return 0;
}

/* --- consuming --- */

static enum status handle(const struct bus_delivery *d, void *arg)
{
	struct fixture *f = arg;
	struct seen s = {
		.sequence = d->sequence, .attempt = d->attempt, .stored_us = d->stored_us
	};
	enum status status = ST_OK;
	struct str rest = str_c(d->subject);
	int64_t number = -1, resource = -1;

	for (int i = 0; i < 4; i++)
		(void)str_cut(&rest, '.');
	(void)str_to_i64(str_cut(&rest, '.'), &resource);
	(void)str_to_i64(d->payload, &number);
	s.resource = (int)resource;
	s.number = (int)number;
	(void)snprintf(s.subject, sizeof(s.subject), "%s", d->subject);
	f->running++;
	if (f->running > f->most_running)
		f->most_running = f->running;
	if (f->behave)
		status = f->behave(f, &s);
	f->running--;
	if (f->count < MAX_SEEN)
		f->seen[f->count++] = s;
	return status;
}

static const char *const ALL[] = { "crm.*.contacts.contact.*.*" };

static void consume(struct fixture *f, const char *durable, size_t concurrency)
{
	bus_consume(f->bus, &(struct bus_consumer){
				    .durable = durable,
				    .subjects = ALL,
				    .n_subjects = 1,
				    .concurrency = concurrency,
				    .handle = handle,
				    .arg = f,
			    });
}

static void consume_since(struct fixture *f, int64_t since_us)
{
	bus_consume(f->bus, &(struct bus_consumer){
				    .subjects = ALL,
				    .n_subjects = 1,
				    .since_us = since_us,
				    .handle = handle,
				    .arg = f,
			    });
}

static void assert_each_once(const struct fixture *f, int n)
{
	uint8_t *times = mem_zalloc((size_t)n);

	for (size_t i = 0; i < f->count; i++) {
		assert_in_range(f->seen[i].number, 0, n - 1);
		times[f->seen[i].number]++;
	}
	for (int i = 0; i < n; i++)
		assert_int_equal(times[i], 1);
	mem_free(times);
}

/* How often the event of this number came. */
static size_t times_seen(const struct fixture *f, int number)
{
	size_t n = 0;

	for (size_t i = 0; i < f->count; i++)
		n += f->seen[i].number == number;
	return n;
}

/* A killed broker may have forgotten what was acknowledged, and deliver it again. */
static void run_until_all_seen(struct fixture *f, int n)
{
	for (int number = 0; number < n; number++) {
		while (times_seen(f, number) == 0)
			run_until_seen(f, f->count + 1);
	}
}

/* --- publishing: events first .. first + total - 1, in turn for the resources --- */

static enum status publish_from(struct fixture *f, int first, int n)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct bus_event *list = arena_new_array(a, struct bus_event, (size_t)n);

	for (int i = 0; i < n; i++) {
		int number = first + i;

		list[i].subject =
			arena_printf(a, "crm.t.contacts.contact.%d.updated", number % f->resources);
		list[i].id = arena_printf(a, "event-%d", number);
		list[i].payload = str_c(arena_printf(a, "%d", number));
	}
	return bus_publish(f->bus, list, (size_t)n, PUBLISH_TIMEOUT_MS);
}

/* As a relay does: what was not acknowledged is sent again. */
static void *publish_all(void *arg)
{
	struct fixture *f = arg;
	int64_t until_us = clock_mono_us() + PATIENCE_S * INT64_C(1000000);
	int sent = 0;

	while (sent < f->total && clock_mono_us() < until_us) {
		int n = f->total - sent < BATCH ? f->total - sent : BATCH;

		if (publish_from(f, f->first + sent, n) == ST_OK)
			sent += n;
		else
			(void)usleep(10000);
		atomic_store(&f->acknowledged, sent);
	}
	atomic_store(&f->has_published, true);
	return NULL;
}

static void start_publishing(struct fixture *f, int first, int total, int resources)
{
	f->first = first;
	f->total = total;
	f->resources = resources;
	atomic_store(&f->has_published, false);
	atomic_store(&f->acknowledged, 0);
	assert_int_equal(pthread_create(&f->publisher, NULL, publish_all, f), 0);
}

static void finish_publishing(struct fixture *f)
{
	assert_int_equal(pthread_join(f->publisher, NULL), 0);
	assert_int_equal(atomic_load(&f->acknowledged), f->total);
}

static void publish(struct fixture *f, int first, int total, int resources)
{
	start_publishing(f, first, total, resources);
	finish_publishing(f);
}

/* --- what the server itself says --- */

static int64_t number_after(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

static int64_t stored(struct fixture *f)
{
	return number_after(nats_server_ask(f->server, f->arena, "$JS.API.STREAM.INFO.CRM", ""),
		"\"messages\":");
}

static int64_t unacknowledged(struct fixture *f, const char *consumer)
{
	const char *subject = arena_printf(f->arena, "$JS.API.CONSUMER.INFO.CRM.%s", consumer);

	return number_after(
		nats_server_ask(f->server, f->arena, subject, ""), "\"num_ack_pending\":");
}

/* Acknowledgements travel for a moment: asked until it is so. */
static bool is_all_acknowledged(struct fixture *f, const char *consumer)
{
	int64_t until_us = clock_mono_us() + 5000000;

	while (unacknowledged(f, consumer) != 0) {
		if (clock_mono_us() > until_us)
			return false;
		(void)usleep(10000);
	}
	return true;
}

/* --- tests --- */

static void events_arrive_with_all_that_belongs_to_them(void **state)
{
	struct fixture *f = *state;
	int64_t before_us = clock_now_us();

	consume(f, "plain", 1);
	publish(f, 0, 10, 1);
	run_until_seen(f, 10);
	for (int i = 0; i < 10; i++) {
		assert_string_equal(f->seen[i].subject, "crm.t.contacts.contact.0.updated");
		assert_int_equal(f->seen[i].number, i);
		assert_int_equal(f->seen[i].sequence, i + 1);
		assert_int_equal(f->seen[i].attempt, 1);
		assert_true(f->seen[i].stored_us >= before_us &&
			    f->seen[i].stored_us <= clock_now_us());
	}
	assert_true(is_all_acknowledged(f, "plain"));
}

static void an_event_may_be_empty(void **state)
{
	struct fixture *f = *state;

	consume(f, "empty", 1);
	assert_int_equal(bus_publish(f->bus, NULL, 0, PUBLISH_TIMEOUT_MS), ST_OK);
	assert_int_equal(bus_publish(f->bus,
				 &(struct bus_event){
					 .subject = "crm.t.contacts.contact.5.deleted", .id = "e" },
				 1, PUBLISH_TIMEOUT_MS),
		ST_OK);
	run_until_seen(f, 1);
	assert_int_equal(f->seen[0].resource, 5);
	assert_int_equal(f->seen[0].number, -1);
}

static void the_same_id_is_stored_once(void **state)
{
	struct fixture *f = *state;

	f->resources = 1;
	for (int i = 0; i < 3; i++)
		assert_int_equal(publish_from(f, 0, 5), ST_OK);
	assert_int_equal(stored(f), 5);
}

static void an_event_that_can_never_be_stored_is_told_apart(void **state)
{
	struct fixture *f = *state;
	size_t n = 2 * 1024 * 1024;
	char *big = mem_zalloc(n);
	struct bus_event e = { .subject = "crm.t.x.y.z.w", .id = "big", .payload = str_n(big, n) };

	assert_int_equal(bus_publish(f->bus, &e, 1, PUBLISH_TIMEOUT_MS), ST_INVALID_ARGUMENT);
	e.payload = STR("small");
	e.subject = "";
	assert_int_equal(bus_publish(f->bus, &e, 1, PUBLISH_TIMEOUT_MS), ST_INVALID_ARGUMENT);
	e.subject = "other.t.x.y.z.w"; /* no stream takes it */
	assert_int_equal(bus_publish(f->bus, &e, 1, PUBLISH_TIMEOUT_MS), ST_UNAVAILABLE);
	e.subject = "crm.t.x.y.z.w";
	assert_int_equal(bus_publish(f->bus, &e, 1, PUBLISH_TIMEOUT_MS), ST_OK);
	mem_free(big);
}

static void on_change(bool up, void *arg)
{
	struct fixture *f = arg;

	assert_ptr_equal(loop_self(), f->loop);
	f->changes[f->change_count++ % 8] = up;
}

static void a_broker_that_comes_late_is_awaited(void **state)
{
	struct fixture *f = *state;

	f->resources = 1;
	bus_on_change(f->bus, on_change, f);
	consume(f, "late", 4);
	assert_false(run_for(f, is_up, 500000));
	assert_int_equal(publish_from(f, 0, 1), ST_UNAVAILABLE);
	assert_int_equal(f->change_count, 0);
	nats_server_start(f->server);
	run_until(f, is_up);
	publish(f, 0, 10, 1);
	run_until_seen(f, 10);
	assert_int_equal(f->change_count, 1);
	assert_true(f->changes[0]);
}

static void a_broker_that_goes_away_is_noticed_and_found_again(void **state)
{
	struct fixture *f = *state;

	bus_on_change(f->bus, on_change, f);
	consume(f, "again", 4);
	publish(f, 0, 10, 1);
	run_until_seen(f, 10);
	nats_server_kill(f->server);
	run_until(f, is_down);
	assert_int_equal(publish_from(f, 10, 1), ST_UNAVAILABLE);
	nats_server_start(f->server);
	run_until(f, is_up);
	publish(f, 10, 10, 1);
	run_until_all_seen(f, 20);
	assert_int_equal(stored(f), 20);
	assert_int_equal(f->change_count, 3);
	assert_true(f->changes[0] && !f->changes[1] && f->changes[2]);
}

static enum status be_slow(struct fixture *f, const struct seen *s)
{
	(void)f;
	return fiber_sleep_us(200 + (int64_t)(s->number * 7919 % 1000));
}

static void events_of_one_resource_come_in_order_and_others_side_by_side(void **state)
{
	struct fixture *f = *state;
	int last[20];

	memset(last, -1, sizeof(last));
	f->behave = be_slow;
	consume(f, "ordered", 8);
	start_publishing(f, 0, 2000, 20);
	run_until_seen(f, 2000);
	finish_publishing(f);
	for (size_t i = 0; i < f->count; i++) {
		const struct seen *s = &f->seen[i];

		assert_true(s->number > last[s->resource]);
		last[s->resource] = s->number;
	}
	assert_each_once(f, 2000);
	assert_int_equal(f->most_running, 8);
	assert_true(is_all_acknowledged(f, "ordered"));
}

/* Event 0 fails at its first attempt. */
static enum status fail_first(struct fixture *f, const struct seen *s)
{
	(void)f;
	return s->number == 0 && s->attempt == 1 ? ST_UNAVAILABLE : ST_OK;
}

static void a_failed_event_comes_again_before_the_next_of_its_resource(void **state)
{
	struct fixture *f = *state;
	int64_t began_us = clock_mono_us();

	f->behave = fail_first;
	consume(f, "failing", 4);
	publish(f, 0, 6, 2); /* 0 2 4 of one resource, 1 3 5 of the other */
	run_until_seen(f, 7);
	assert_true(clock_mono_us() - began_us >= 1000000);
	assert_int_equal(f->seen[0].number, 0);
	assert_int_equal(f->seen[1].number, 1);
	assert_int_equal(f->seen[2].number, 3);
	assert_int_equal(f->seen[3].number, 5);
	assert_int_equal(f->seen[4].number, 0);
	assert_int_equal(f->seen[4].attempt, 2);
	assert_int_equal(f->seen[5].number, 2);
	assert_int_equal(f->seen[6].number, 4);
	assert_true(is_all_acknowledged(f, "failing"));
}

/* Events that fail until f->is_healed: far more than there is room for. */
static enum status fail_until_healed(struct fixture *f, const struct seen *s)
{
	return s->number < 300 && !f->is_healed ? ST_ABORTED : ST_OK;
}

static bool has_the_good(struct fixture *f)
{
	for (int i = 300; i < 600; i++) {
		if (times_seen(f, i) == 0)
			return false;
	}
	return true;
}

static void many_failing_events_do_not_stop_the_others(void **state)
{
	struct fixture *f = *state;

	f->behave = fail_until_healed;
	consume(f, "many", 4);
	publish(f, 0, 600, 600);
	run_until(f, has_the_good);
	f->is_healed = true;
	f->count = 0;
	run_until_seen(f, 300);
	for (int i = 0; i < 300; i++)
		assert_int_equal(times_seen(f, i), 1);
	assert_true(is_all_acknowledged(f, "many"));
}

static enum status refuse(struct fixture *f, const struct seen *s)
{
	(void)f;
	return s->number == 1 ? ST_INVALID_ARGUMENT : ST_OK;
}

static void an_event_that_can_never_be_handled_is_let_go(void **state)
{
	struct fixture *f = *state;

	log_init("test", LOG_ERROR, open("/dev/null", O_WRONLY | O_CLOEXEC));
	f->behave = refuse;
	consume(f, "refusing", 4);
	publish(f, 0, 3, 1);
	run_until_seen(f, 3);
	assert_false(run_for(f, never, 1500000));
	assert_each_once(f, 3);
	assert_true(is_all_acknowledged(f, "refusing"));
}

static void a_durable_goes_on_where_it_was(void **state)
{
	struct fixture *f = *state;

	consume(f, "durable", 4);
	publish(f, 0, 100, 10);
	run_until_seen(f, 100);
	reopen(f);
	consume(f, "durable", 4);
	run_until(f, is_up);
	publish(f, 100, 50, 10);
	run_until_seen(f, 150);
	assert_false(run_for(f, never, 300000));
	assert_each_once(f, 150);
}

static enum status never_return(struct fixture *f, const struct seen *s)
{
	(void)f;
	(void)s;
	return fiber_sleep_us(INT64_C(3600000000));
}

static bool is_running(struct fixture *f)
{
	return f->running == 4;
}

static void what_was_not_finished_comes_again_soon(void **state)
{
	struct fixture *f = *state;
	int64_t began_us;

	f->behave = never_return;
	consume(f, "unfinished", 4);
	publish(f, 0, 20, 20);
	run_until(f, is_running);
	reopen(f); /* as when the service ends in the middle */
	f->behave = NULL;
	f->running = 0;
	began_us = clock_mono_us();
	consume(f, "unfinished", 4);
	run_until_seen(f, 20);
	assert_true(clock_mono_us() - began_us < 10000000);
	for (int i = 0; i < 20; i++)
		assert_true(times_seen(f, i) > 0);
}

static void two_processes_share_a_durable(void **state)
{
	struct fixture *f = *state;
	struct bus *mine = f->bus, *other = bus_at(f, nats_server_url(f->server));

	f->behave = be_slow;
	consume(f, "shared", 4);
	f->bus = other;
	run_until(f, is_up);
	consume(f, "shared", 4);
	f->bus = mine;
	start_publishing(f, 0, 1000, 100);
	run_until_seen(f, 1000);
	finish_publishing(f);
	assert_false(run_for(f, never, 300000));
	bus_free(other);
	assert_each_once(f, 1000);
}

static void several_filters_make_several_consumers(void **state)
{
	static const char *const TWO[] = { "crm.*.contacts.contact.*.created",
		"crm.*.identity.session.*.revoked" };
	static const char *const SUBJECTS[] = { "crm.t.contacts.contact.1.created",
		"crm.t.contacts.contact.1.updated", "crm.t.identity.session.2.revoked",
		"crm.t.identity.session.2.created" };
	struct fixture *f = *state;
	const char *names;

	bus_consume(f->bus, &(struct bus_consumer){ .durable = "two",
				    .subjects = TWO,
				    .n_subjects = 2,
				    .handle = handle,
				    .arg = f });
	for (size_t i = 0; i < 4; i++) {
		struct bus_event e = {
			.subject = SUBJECTS[i], .id = SUBJECTS[i], .payload = STR("1")
		};

		assert_int_equal(bus_publish(f->bus, &e, 1, PUBLISH_TIMEOUT_MS), ST_OK);
	}
	run_until_seen(f, 2);
	assert_false(run_for(f, never, 300000));
	assert_int_equal(f->count, 2);
	assert_int_equal(f->seen[0].resource + f->seen[1].resource, 3);
	names = nats_server_ask(f->server, f->arena, "$JS.API.CONSUMER.NAMES.CRM", "");
	assert_non_null(strstr(names, "\"two_"));
	assert_int_equal(number_after(names, "\"total\":"), 2);
}

static void an_ephemeral_hears_everything_since_a_time(void **state)
{
	struct fixture *f = *state;
	int64_t since_us;

	publish(f, 0, 10, 1);
	(void)usleep(20000);
	since_us = clock_now_us();
	(void)usleep(20000);
	publish(f, 10, 10, 1);
	consume_since(f, since_us);
	run_until_seen(f, 10);
	publish(f, 20, 10, 1);
	run_until_seen(f, 20);
	assert_int_equal(f->seen[0].number, 10);
	nats_server_kill(f->server);
	run_until(f, is_down);
	nats_server_start(f->server);
	run_until(f, is_up);
	publish(f, 30, 10, 1);
	run_until_seen(f, 30);
	assert_false(run_for(f, never, 300000));
	for (int i = 10; i < 40; i++)
		assert_int_equal(times_seen(f, i), 1);
}

/* nats.c 3.4 would take ".000001" for ".1". */
static void a_time_early_in_its_second_is_understood(void **state)
{
	struct fixture *f = *state;
	int64_t second_us = (clock_now_us() / 1000000 + 1) * 1000000;

	while (clock_now_us() < second_us)
		(void)usleep((useconds_t)(second_us - clock_now_us()) + 1);
	publish(f, 0, 10, 1);
	consume_since(f, second_us + 1);
	run_until_seen(f, 10);
	assert_each_once(f, 10);
}

static void an_ephemeral_that_the_broker_dropped_goes_on(void **state)
{
	struct fixture *f = *state;
	const char *names, *at;

	consume_since(f, clock_now_us());
	publish(f, 0, 10, 1);
	run_until_seen(f, 10);
	names = nats_server_ask(f->server, f->arena, "$JS.API.CONSUMER.NAMES.CRM", "");
	at = strstr(names, "\"consumers\":[\"");
	assert_non_null(at);
	at += strlen("\"consumers\":[\"");
	names = arena_printf(
		f->arena, "$JS.API.CONSUMER.DELETE.CRM.%.*s", (int)strcspn(at, "\""), at);
	assert_non_null(
		strstr(nats_server_ask(f->server, f->arena, names, ""), "\"success\":true"));
	publish(f, 10, 10, 1);
	run_until_seen(f, 20);
	assert_each_once(f, 20);
}

static void a_consumer_that_was_deleted_is_made_again(void **state)
{
	struct fixture *f = *state;

	consume(f, "deleted", 4);
	publish(f, 0, 5, 1);
	run_until_seen(f, 5);
	assert_true(is_all_acknowledged(f, "deleted"));
	assert_non_null(strstr(
		nats_server_ask(f->server, f->arena, "$JS.API.CONSUMER.DELETE.CRM.deleted", ""),
		"\"success\":true"));
	publish(f, 5, 5, 1);
	run_until_seen(f, 15); /* a new durable hears all that the stream still holds */
	for (int i = 0; i < 10; i++)
		assert_int_equal(times_seen(f, i), i < 5 ? 2 : 1);
}

static void a_stream_that_was_deleted_is_made_again(void **state)
{
	struct fixture *f = *state;

	consume(f, "streamless", 4);
	consume_since(f, clock_now_us());
	publish(f, 0, 50, 1);
	run_until_seen(f, 100);
	assert_non_null(
		strstr(nats_server_ask(f->server, f->arena, "$JS.API.STREAM.DELETE.CRM", ""),
			"\"success\":true"));
	start_publishing(f, 50, 5, 1);
	run_until(f, has_published);
	finish_publishing(f);
	run_until_seen(f, 110);
	for (int i = 0; i < 55; i++)
		assert_int_equal(times_seen(f, i), 2);
	assert_int_equal(stored(f), 5);
}

/* The stream is made by whoever comes first; the other finds it there, without its consumers. */
static void consumers_of_all_come_back_after_the_broker_lost_its_data(void **state)
{
	struct fixture *f = *state;
	struct bus *mine = f->bus, *other = bus_at(f, nats_server_url(f->server));

	consume(f, "one", 4);
	consume_since(f, clock_now_us());
	f->bus = other;
	run_until(f, is_up);
	consume(f, "two", 4);
	consume_since(f, clock_now_us());
	publish(f, 0, 5, 1);
	run_until_seen(f, 20);
	nats_server_kill(f->server);
	run_until(f, is_down);
	nats_server_wipe(f->server);
	nats_server_start(f->server);
	run_until(f, is_up);
	f->bus = mine;
	run_until(f, is_up);
	publish(f, 5, 5, 1);
	run_until_seen(f, 40);
	bus_free(other);
	for (int i = 0; i < 10; i++)
		assert_int_equal(times_seen(f, i), 4);
}

static void nothing_is_lost_or_doubled_when_the_broker_is_killed(void **state)
{
	enum { EVENTS = 10000, KILLS = 3 };
	struct fixture *f = *state;

	consume(f, "killed", 8);
	start_publishing(f, 0, EVENTS, 50);
	for (int i = 1; i <= KILLS; i++) {
		run_until_seen(f, (size_t)(EVENTS / (KILLS + 1) * i));
		nats_server_kill(f->server);
		nats_server_start(f->server);
	}
	run_until(f, has_published);
	finish_publishing(f);
	assert_int_equal(stored(f), EVENTS);
	run_until_all_seen(f, EVENTS);
}

static void a_wrong_password_is_survived_until_it_is_right(void **state)
{
	struct fixture *f = *state;

	nats_server_stop(f->server);
	run_until(f, is_down);
	nats_server_set_password(f->server, "other");
	nats_server_start(f->server);
	assert_false(run_for(f, is_up, 2500000)); /* nats.c gives up after the second refusal */
	reopen_at(f, nats_server_url(f->server));
	run_until(f, is_up);
	nats_server_stop(f->server);
	run_until(f, is_down);
	nats_server_set_password(f->server, "third");
	nats_server_start(f->server);
	assert_false(run_for(f, is_up, 2500000));
	nats_server_stop(f->server);
	nats_server_set_password(f->server, "other");
	nats_server_start(f->server);
	run_until(f, is_up);
}

static void a_bus_is_freed_at_any_moment(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 20; i++) {
		reopen(f);
		consume(f, "brief", 4);
		(void)run_for(f, never, i * 1000);
	}
	nats_server_kill(f->server);
	for (int i = 0; i < 5; i++) {
		reopen(f);
		(void)run_for(f, never, i * 10000);
	}
}

struct drain {
	struct fixture *f;
	enum status status;
	bool is_done;
};

static void drain(void *arg)
{
	struct drain *d = arg;

	d->status = bus_drain(d->f->bus);
	d->is_done = true;
	loop_stop(d->f->loop);
}

static enum status take_a_while(struct fixture *f, const struct seen *s)
{
	(void)f;
	(void)s;
	return fiber_sleep_us(200000);
}

static void draining_waits_for_what_runs_and_gives_back_the_rest(void **state)
{
	struct fixture *f = *state;
	struct drain d = { .f = f };

	f->behave = take_a_while;
	consume(f, "drained", 4);
	publish(f, 0, 40, 40);
	run_until(f, is_running);
	(void)fiber_spawn(f->loop, drain, &d);
	assert_false(run_for(f, never, 2000000) && !d.is_done);
	assert_true(d.is_done);
	assert_int_equal(d.status, ST_OK);
	assert_int_equal(f->count, 4);
	reopen(f);
	f->behave = NULL;
	consume(f, "drained", 4);
	run_until_seen(f, 40);
	assert_each_once(f, 40);
}

static int64_t cpu_us(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void an_idle_bus_costs_nothing(void **state)
{
	struct fixture *f = *state;
	int64_t before_us;

	consume(f, "idle", 4);
	publish(f, 0, 10, 1);
	run_until_seen(f, 10);
	assert_false(run_for(f, never, 200000));
	before_us = cpu_us();
	assert_false(run_for(f, never, 2000000));
	before_us = cpu_us() - before_us;
	print_message("%lld us CPU in 2 s of idling\n", (long long)before_us);
	assert_true(before_us < 20000);
}

static void publishing_in_batches_is_fast(void **state)
{
	enum { EVENTS = 12800 };
	struct fixture *f = *state;
	int64_t began_us = clock_mono_us(), us;

	publish(f, 0, EVENTS, 100);
	us = clock_mono_us() - began_us;
	assert_int_equal(stored(f), EVENTS);
	print_message("published %lld events/s in batches of %d\n", EVENTS * 1000000LL / us, BATCH);
	began_us = clock_mono_us();
	consume(f, "fast", 16);
	run_until_seen(f, EVENTS);
	us = clock_mono_us() - began_us;
	print_message("consumed %lld events/s\n", EVENTS * 1000000LL / us);
	assert_each_once(f, EVENTS);
}

int main(void)
{
#define CASE(t)  cmocka_unit_test_setup_teardown(t, setup, teardown)
#define EARLY(t) cmocka_unit_test_setup_teardown(t, setup_stopped, teardown)
	const struct CMUnitTest tests[] = {
		CASE(events_arrive_with_all_that_belongs_to_them),
		CASE(an_event_may_be_empty),
		CASE(the_same_id_is_stored_once),
		CASE(an_event_that_can_never_be_stored_is_told_apart),
		EARLY(a_broker_that_comes_late_is_awaited),
		CASE(a_broker_that_goes_away_is_noticed_and_found_again),
		CASE(events_of_one_resource_come_in_order_and_others_side_by_side),
		CASE(a_failed_event_comes_again_before_the_next_of_its_resource),
		CASE(many_failing_events_do_not_stop_the_others),
		CASE(an_event_that_can_never_be_handled_is_let_go),
		CASE(a_durable_goes_on_where_it_was),
		CASE(what_was_not_finished_comes_again_soon),
		CASE(two_processes_share_a_durable),
		CASE(several_filters_make_several_consumers),
		CASE(an_ephemeral_hears_everything_since_a_time),
		CASE(a_time_early_in_its_second_is_understood),
		CASE(an_ephemeral_that_the_broker_dropped_goes_on),
		CASE(a_consumer_that_was_deleted_is_made_again),
		CASE(a_stream_that_was_deleted_is_made_again),
		CASE(consumers_of_all_come_back_after_the_broker_lost_its_data),
		CASE(nothing_is_lost_or_doubled_when_the_broker_is_killed),
		CASE(a_wrong_password_is_survived_until_it_is_right),
		CASE(a_bus_is_freed_at_any_moment),
		CASE(draining_waits_for_what_runs_and_gives_back_the_rest),
		CASE(an_idle_bus_costs_nothing),
		CASE(publishing_in_batches_is_fast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
