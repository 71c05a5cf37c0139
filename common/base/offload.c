/*
 * Offload: a queue of jobs and the threads that serve it. A job stands on its fiber's stack; it is
 * the queue's until a thread takes it, then the thread's until it is posted back to the loop.
 */
#include "base/offload.h"
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include "base/arena.h"
#include "base/fiber_private.h"

struct job {
	struct loop_task task; /* back to the loop */
	void (*fn)(void *arg);
	void *arg;
	struct job *prev, *next; /* guarded by offload->mu */
	bool is_queued;          /* guarded by offload->mu */
	struct event done;       /* the loop's */
};

struct offload {
	struct loop *loop;
	size_t max_threads, max_queued;

	pthread_mutex_t mu;
	pthread_cond_t work;       /* a job was queued, or is_stopping */
	struct job *first, *last;  /* guarded by mu, as all below */
	size_t queued, running;    /* jobs not yet begun; begun and not finished */
	size_t thread_count, idle; /* idle threads wait for work */
	bool is_stopping;
	pthread_t *threads; /* max_threads of them */
};

struct offload *offload_new(struct loop *l, size_t threads, size_t max_queued)
{
	struct offload *o = mem_zalloc(sizeof(*o));

	assert(threads > 0);
	o->loop = l;
	o->max_threads = threads;
	o->max_queued = max_queued;
	o->threads = mem_zalloc(threads * sizeof(*o->threads));
	pthread_mutex_init(&o->mu, NULL); /* these two cannot fail on Linux */
	pthread_cond_init(&o->work, NULL);
	return o;
}

void offload_free(struct offload *o)
{
	if (!o)
		return;
	pthread_mutex_lock(&o->mu);
	o->is_stopping = true;
	pthread_cond_broadcast(&o->work);
	pthread_mutex_unlock(&o->mu);
	for (size_t i = 0; i < o->thread_count; i++)
		pthread_join(o->threads[i], NULL);
	pthread_cond_destroy(&o->work);
	pthread_mutex_destroy(&o->mu);
	mem_free(o->threads);
	mem_free(o);
}

/* The queue; all with mu held. */

static void queue_add(struct offload *o, struct job *j)
{
	j->prev = o->last;
	j->next = NULL;
	if (o->last)
		o->last->next = j;
	else
		o->first = j;
	o->last = j;
	j->is_queued = true;
	o->queued++;
}

static void queue_remove(struct offload *o, struct job *j)
{
	if (j->prev)
		j->prev->next = j->next;
	else
		o->first = j->next;
	if (j->next)
		j->next->prev = j->prev;
	else
		o->last = j->prev;
	j->is_queued = false;
	o->queued--;
}

static struct job *queue_take(struct offload *o)
{
	struct job *j;

	o->idle++;
	while (!o->first && !o->is_stopping)
		pthread_cond_wait(&o->work, &o->mu);
	o->idle--;
	if (o->is_stopping)
		return NULL;
	j = o->first;
	queue_remove(o, j);
	o->running++;
	return j;
}

static void *serve(void *arg)
{
	struct offload *o = arg;
	struct job *j;

	pthread_mutex_lock(&o->mu);
	while ((j = queue_take(o))) {
		pthread_mutex_unlock(&o->mu);
		j->fn(j->arg);
		pthread_mutex_lock(&o->mu);
		o->running--;
		loop_post(o->loop, &j->task); /* the fiber may go on: j is gone */
	}
	pthread_mutex_unlock(&o->mu);
	return NULL;
}

/* With mu held. Without a thread to spare the job waits for one that is busy. */
static void start_thread(struct offload *o)
{
	pthread_t *thread = &o->threads[o->thread_count];
	sigset_t all, before;

	/* signals are for the loop */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(thread, NULL, serve, o) == 0) {
		(void)pthread_setname_np(*thread, "offload"); /* only for who looks on */
		o->thread_count++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Whether the job was taken in. */
static bool enqueue(struct offload *o, struct job *j)
{
	bool has_room;

	pthread_mutex_lock(&o->mu);
	has_room = o->queued + o->running < o->max_threads + o->max_queued;
	if (has_room && o->queued >= o->idle && o->thread_count < o->max_threads)
		start_thread(o);
	has_room = has_room && o->thread_count > 0;
	if (has_room) {
		queue_add(o, j);
		pthread_cond_signal(&o->work);
	}
	pthread_mutex_unlock(&o->mu);
	return has_room;
}

/* Whether no thread had taken the job yet. */
static bool withdraw(struct offload *o, struct job *j)
{
	bool was_queued;

	pthread_mutex_lock(&o->mu);
	was_queued = j->is_queued;
	if (was_queued)
		queue_remove(o, j);
	pthread_mutex_unlock(&o->mu);
	return was_queued;
}

static void on_done(struct loop_task *t)
{
	event_set(&CONTAINER_OF(t, struct job, task)->done);
}

static void wait_shielded(struct event *e)
{
	enum status s;

	fiber_shield();
	s = event_wait(e);
	fiber_unshield();
	assert(s == ST_OK); /* nothing else ends a shielded wait */
}

enum status offload_run(struct offload *o, void (*fn)(void *arg), void *arg)
{
	struct job j = { .task.fn = on_done, .fn = fn, .arg = arg };
	enum status s;

	if (fiber_must_stop(fiber_self()))
		return ST_CANCELLED;
	if (!enqueue(o, &j))
		return ST_RESOURCE_EXHAUSTED;
	s = event_wait(&j.done);
	if (s == ST_OK)
		return ST_OK;
	if (withdraw(o, &j))
		return s;
	wait_shielded(&j.done);
	return ST_OK;
}
