/*
 * Loop: one thread's event loop on epoll: file descriptors, timers, work posted by other threads,
 * fibers.
 *
 * A turn: take what epoll reports and what other threads posted, fire due timers, run every ready
 * fiber until it waits, run the end-of-turn hooks (where the database adapter sends what the fibers
 * queued), and only then sleep.
 * An idle loop sleeps without a timeout: no ticks.
 * Owner: main(). Threads: everything except loop_post and loop_stop only on the loop's own thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From what a callback is given (a task, timer, io, hook) to the struct it is embedded in. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

struct loop;

struct loop *loop_new(void);
void loop_free(struct loop *l);
/* until loop_stop; fibers still waiting then are abandoned to loop_free */
void loop_run(struct loop *l);
void loop_stop(struct loop *l); /* any thread, async-signal-safe */
struct loop *loop_self(void);   /* the loop running on this thread, or NULL */

/* Work from another thread: fn(task) runs on the loop. The task is the caller's and must live until
 * then. */
struct loop_task {
	void (*fn)(struct loop_task *task);
	struct loop_task *next; /* the loop's */
};
void loop_post(struct loop *l, struct loop_task *task); /* any thread; lock-free */

/* A watched descriptor. events: EPOLLIN | EPOLLOUT; level-triggered. The struct is the caller's. */
struct loop_io {
	int fd;
	uint32_t events; /* the loop's */
	void (*fn)(struct loop_io *io, uint32_t events);
};
void loop_io_set(struct loop *l, struct loop_io *io, uint32_t events); /* 0 stops watching */

/* A one-shot timer. The struct is the caller's; setting it again moves it. */
struct loop_timer {
	void (*fn)(struct loop_timer *t);
	int64_t at_us;
	uint32_t slot; /* the loop's; 0 when not set */
};
void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t at_mono_us);
void loop_timer_cancel(struct loop *l, struct loop_timer *t);

/* Called at the end of every turn in which something ran. A hook may ready fibers; the turn then
 * goes on. */
struct loop_hook {
	void (*fn)(struct loop_hook *h);
	struct loop_hook *next; /* the loop's */
};
void loop_hook_add(struct loop *l, struct loop_hook *h);
void loop_hook_remove(struct loop *l, struct loop_hook *h);

/* SIGTERM and SIGINT as a callback on the loop (signalfd; the signals are blocked in the calling
 * thread, so call it before starting others). */
void loop_on_signal(struct loop *l, void (*fn)(int signo, void *arg), void *arg);
