/*
 * Offload: a bounded pool of threads for what blocks or burns CPU (argon2, PDF, files), called from
 * fibers.
 * Owner: the service. Threads: offload_run only from a fiber of the loop given to offload_new.
 */
#pragma once
#include <stddef.h>
#include "base/loop.h"
#include "base/status.h"

struct offload;

/* Threads start on first use, so an idle service pays nothing. */
struct offload *offload_new(struct loop *l, size_t threads, size_t max_queued);
void offload_free(struct offload *o); /* waits for running work */

/* Runs fn(arg) on a pool thread; the fiber waits until it is done, whatever its deadline (arg may
 * live on its stack).
 * ST_RESOURCE_EXHAUSTED when the queue is full, ST_CANCELLED or ST_DEADLINE_EXCEEDED when the fiber
 * gave up before the work began. */
enum status offload_run(struct offload *o, void (*fn)(void *arg), void *arg) MUST_CHECK;
