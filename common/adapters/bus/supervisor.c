/*
 * Supervisor: a thread that alone makes calls that block: connecting, making the stream and its
 * consumers. The stream is looked at when the connection comes, when somebody finds it missing, and
 * every CHECK_S seconds. Its state is guarded by mu, which is let go around what blocks.
 */
#include <signal.h>
#include <stdlib.h>
#include "adapters/bus/bus_private.h"
#include "adapters/log/log.h"

enum { CHECK_S = 30, RETRY_S = 1 };

void bus_wait(struct bus *b, int64_t until_us)
{
	struct timespec until = { .tv_sec = (time_t)(until_us / US_PER_S),
		.tv_nsec = (long)(until_us % US_PER_S) * 1000 };

	if (until_us == CLOCK_NEVER)
		(void)pthread_cond_wait(&b->news, &b->mu);
	else
		(void)pthread_cond_timedwait(&b->news, &b->mu, &until);
}

static void rest(struct bus *b)
{
	int64_t until_us = clock_mono_us() + RETRY_S * US_PER_S;

	while (!b->is_stopping && clock_mono_us() < until_us)
		bus_wait(b, until_us);
}

/* Texts of natsStatus_GetText are constant: the pointer tells whether it was said before. */
static void report(struct bus *b, const char *event, const char *reason)
{
	if (reason == b->trouble)
		return;
	b->trouble = reason;
	log_warn(event, LOG_STR("reason", reason));
}

static void step_connect(struct bus *b)
{
	const char *trouble;

	b->is_connected = b->has_stream = false;
	bus_link_update(b);
	(void)pthread_mutex_unlock(&b->mu);
	bus_link_disconnect(b);
	trouble = bus_link_connect(b);
	(void)pthread_mutex_lock(&b->mu);
	if (!trouble)
		return;
	report(b, "bus_cannot_connect", trouble);
	rest(b);
}

static void step_check(struct bus *b, int64_t *check_at_us)
{
	bool may_update = !b->has_stream;
	struct stream_mark ignored;
	natsStatus s;

	b->is_check_due = false;
	(void)pthread_mutex_unlock(&b->mu);
	s = bus_stream_check(b, may_update, &ignored);
	(void)pthread_mutex_lock(&b->mu);
	*check_at_us = clock_mono_us() + CHECK_S * US_PER_S;
	b->has_stream = s == NATS_OK && b->is_connected;
	if (s != NATS_OK && b->is_connected)
		report(b, "bus_stream_unavailable", natsStatus_GetText(s));
	bus_link_update(b);
	if (s != NATS_OK)
		rest(b);
}

static struct source *next_to_make(struct bus *b)
{
	struct source *s = b->sources;

	while (s && !s->wants_making)
		s = s->next;
	return s;
}

static void step_make(struct bus *b, struct source *s)
{
	char *name = NULL;
	natsStatus status;

	(void)pthread_mutex_unlock(&b->mu);
	status = bus_stream_make_consumer(b, s, &name);
	(void)pthread_mutex_lock(&b->mu);
	if (status != NATS_OK) {
		report(b, "bus_consumer_unavailable", natsStatus_GetText(status));
		b->is_check_due = true;
		rest(b);
		return;
	}
	s->wants_making = false;
	s->made_name = name;
	bus_ring(b);
}

static void *supervise(void *arg)
{
	struct bus *b = arg;
	int64_t check_at_us = 0;
	struct source *s;

	(void)pthread_mutex_lock(&b->mu);
	while (!b->is_stopping) {
		if (!b->nc || b->is_closed)
			step_connect(b);
		else if (!b->is_connected)
			bus_wait(b, CLOCK_NEVER);
		else if (!b->has_stream || b->is_check_due || clock_mono_us() >= check_at_us)
			step_check(b, &check_at_us);
		else if ((s = next_to_make(b)))
			step_make(b, s);
		else
			bus_wait(b, check_at_us);
	}
	bus_link_update(b);
	(void)pthread_mutex_unlock(&b->mu);
	nats_ReleaseThreadMemory();
	return NULL;
}

/* Its thread, and those that nats.c starts from it, leave the signals to the loop's. */
void bus_supervisor_start(struct bus *b)
{
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&b->supervisor, NULL, supervise, b) != 0)
		abort(); /* the process is out of threads before it began */
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void bus_supervisor_stop(struct bus *b)
{
	(void)pthread_mutex_lock(&b->mu);
	b->is_stopping = true;
	(void)pthread_cond_broadcast(&b->news);
	(void)pthread_mutex_unlock(&b->mu);
	(void)pthread_join(b->supervisor, NULL);
}
