/* Bus: making and freeing, and the bell by which other threads tell the loop what happened. */
#include "adapters/bus/bus_private.h"
#include <assert.h>

enum { CONCURRENCY = 16, LEAST_CAPACITY = 128, CAPACITY_PER_FIBER = 8 };

static void init_locks(struct bus *b)
{
	pthread_condattr_t monotonic;

	(void)pthread_mutex_init(&b->mu, NULL); /* these do not fail on Linux */
	(void)pthread_mutex_init(&b->publish_mu, NULL);
	(void)pthread_rwlock_init(&b->connection_lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&b->news, &monotonic);
	(void)pthread_cond_init(&b->acks, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
}

static void done_locks(struct bus *b)
{
	(void)pthread_cond_destroy(&b->acks);
	(void)pthread_cond_destroy(&b->news);
	(void)pthread_rwlock_destroy(&b->connection_lock);
	(void)pthread_mutex_destroy(&b->publish_mu);
	(void)pthread_mutex_destroy(&b->mu);
}

void bus_ring(struct bus *b)
{
	if (b->is_rung)
		return;
	b->is_rung = true;
	loop_post(b->loop, &b->bell);
}

static void tell_change(struct bus *b)
{
	bool up = bus_is_up(b);

	if (up == b->told || !b->on_change)
		return;
	b->told = up;
	b->on_change(up, b->on_change_arg);
}

/* Requests of before are lost with the connection they went over. */
static void follow_connection(struct bus *b, uint64_t epoch)
{
	bool is_new = epoch != b->seen_epoch;

	b->seen_epoch = epoch;
	for (struct source *s = b->sources; s; s = s->next) {
		if (is_new || !bus_is_up(b))
			bus_source_suspend(s);
		if (is_new && bus_is_up(b))
			bus_source_resume(s);
	}
}

static void take_made(struct bus *b)
{
	for (struct source *s = b->sources; s; s = s->next) {
		char *name;

		(void)pthread_mutex_lock(&b->mu);
		name = s->made_name;
		s->made_name = NULL;
		(void)pthread_mutex_unlock(&b->mu);
		if (name)
			bus_source_made(s, name);
	}
}

static void on_bell(struct loop_task *task)
{
	struct bus *b = CONTAINER_OF(task, struct bus, bell);
	struct item *i;
	uint64_t epoch;

	(void)pthread_mutex_lock(&b->mu);
	b->is_rung = false;
	i = b->inbox_first;
	b->inbox_first = b->inbox_last = NULL;
	epoch = b->epoch;
	(void)pthread_mutex_unlock(&b->mu);
	take_made(b);
	follow_connection(b, epoch);
	while (i) {
		struct item *next = i->next;

		bus_receive(b, i);
		i = next;
	}
	tell_change(b);
}

struct bus *bus_new(struct loop *l, const struct bus_config *c)
{
	struct bus *b = mem_zalloc(sizeof(*b));

	init_locks(b);
	b->loop = l;
	b->url = mem_strdup(c->url);
	b->name = mem_strdup(c->name);
	b->max_age_ms = c->max_age_ms;
	b->replicas = c->replicas ? c->replicas : 1;
	b->bell.fn = on_bell;
	bus_supervisor_start(b);
	return b;
}

void bus_free(struct bus *b)
{
	if (!b)
		return;
	bus_supervisor_stop(b);
	bus_link_hush(b);
	bus_link_await_hush(b);
	for (struct listener *l = b->listeners; l; l = l->next)
		bus_listener_give_back(l);
	for (struct source *s = b->sources; s; s = s->next)
		bus_source_abandon(s);
	for (struct item *i = b->inbox_first, *next; i; i = next) {
		next = i->next;
		bus_receive_and_reject(b, i);
	}
	b->inbox_first = NULL;
	bus_link_close(b);
	for (struct source *s = b->sources, *next; s; s = next) {
		next = s->next;
		bus_source_free(s);
	}
	for (struct listener *l = b->listeners, *next; l; l = next) {
		next = l->next;
		bus_listener_free(l);
	}
	natsInbox_Destroy(b->inbox);
	done_locks(b);
	mem_free(b->url);
	mem_free(b->name);
	mem_free(b);
}

bool bus_is_up(const struct bus *b)
{
	return atomic_load(&b->is_up);
}

void bus_on_change(struct bus *b, void (*fn)(bool up, void *arg), void *arg)
{
	b->on_change = fn;
	b->on_change_arg = arg;
	b->told = false;
	(void)pthread_mutex_lock(&b->mu);
	bus_ring(b); /* tells it if the bus is up already */
	(void)pthread_mutex_unlock(&b->mu);
}

/* --- consuming --- */

static struct listener *listener_new(struct bus *b, const struct bus_consumer *c)
{
	struct listener *l = mem_zalloc(sizeof(*l));

	l->bus = b;
	l->wanted = *c;
	l->wanted.durable = NULL; /* its sources have names of their own */
	l->wanted.subjects = NULL;
	if (l->wanted.concurrency == 0)
		l->wanted.concurrency = CONCURRENCY;
	map_init(&l->lanes);
	l->next = b->listeners;
	b->listeners = l;
	return l;
}

static bool is_durable_name(const char *name)
{
	return *name && !strpbrk(name, ".*> \t\r\n/\\");
}

/* The name must not depend on the order of the filters: a consumer's filter is part of what it is.
 */
static char *durable_of(const struct bus_consumer *c, size_t subject)
{
	static const uint64_t KEY[2] = { 0x63726d2d62757300, 0x66696c7465720000 };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *filter = c->subjects[subject];

	if (!c->durable)
		return NULL;
	assert(is_durable_name(c->durable));
	if (c->n_subjects == 1)
		return mem_strdup(c->durable);
	return mem_strdup(arena_printf(
		a, "%s_%08x", c->durable, (unsigned)hash_bytes_keyed(KEY, filter, strlen(filter))));
}

static struct source *source_new(struct listener *l, const struct bus_consumer *c, size_t subject)
{
	struct source *s = mem_zalloc(sizeof(*s));
	size_t by_fibers = l->wanted.concurrency * CAPACITY_PER_FIBER;

	s->bus = l->bus;
	s->listener = l;
	s->filter = mem_strdup(c->subjects[subject]);
	s->durable = durable_of(c, subject);
	s->capacity = by_fibers > LEAST_CAPACITY ? by_fibers : LEAST_CAPACITY;
	return s;
}

static void source_add(struct bus *b, struct source *s)
{
	struct source **end = &b->sources;

	while (*end) {
		end = &(*end)->next;
		s->index++;
	}
	(void)pthread_mutex_lock(&b->mu);
	*end = s;
	(void)pthread_mutex_unlock(&b->mu);
}

void bus_consume(struct bus *b, const struct bus_consumer *c)
{
	struct listener *l = listener_new(b, c);

	for (size_t i = 0; i < c->n_subjects; i++) {
		struct source *s = source_new(l, c, i);

		source_add(b, s);
		if (bus_is_up(b))
			bus_source_resume(s);
	}
}

enum status bus_drain(struct bus *b)
{
	size_t running = 0;

	b->is_draining = true;
	bus_link_hush(b);
	for (struct listener *l = b->listeners; l; l = l->next) {
		bus_listener_give_back(l);
		running += l->running;
	}
	return running > 0 ? event_wait(&b->quiet) : ST_OK;
}
