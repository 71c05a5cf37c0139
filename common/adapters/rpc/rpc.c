/*
 * The RPC thread: takes what gRPC has done from its completion queue and hands it to the loop.
 *
 * The inbox is a list that any thread pushes to and the loop takes whole, so that a burst of
 * completions wakes the loop once. What needs no fiber (a unary request still waiting for its
 * message, the end of an answered call) is done on the RPC thread and never comes to the loop.
 */
#include <grpc/support/log.h>
#include <grpc/support/time.h>
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include "adapters/rpc/rpc_private.h"
#include "base/clock.h"

void rpc_hand_over(struct rpc *r, struct rpc_op *op)
{
	struct rpc_op *head = atomic_load_explicit(&r->inbox, memory_order_relaxed);

	do {
		op->next = head;
	} while (!atomic_compare_exchange_weak_explicit(
		&r->inbox, &head, op, memory_order_acq_rel, memory_order_relaxed));
	/* who finds the inbox empty also finds wake free: the loop took it up before it emptied the
	 * inbox */
	if (!head) {
		r->is_wake_posted = true;
		loop_post(r->loop, &r->wake);
	}
}

static struct rpc_op *reversed(struct rpc_op *op)
{
	struct rpc_op *first = NULL;

	while (op) {
		struct rpc_op *next = op->next;

		op->next = first;
		first = op;
		op = next;
	}
	return first;
}

static void inbox_run(struct rpc *r)
{
	struct rpc_op *op =
		reversed(atomic_exchange_explicit(&r->inbox, NULL, memory_order_acq_rel));

	while (op) {
		struct rpc_op *next = op->next;

		op->on_loop(op);
		op = next;
	}
}

static void on_wake(struct loop_task *task)
{
	struct rpc *r = CONTAINER_OF(task, struct rpc, wake);

	if (r->is_freed) {
		mem_free(r);
		return;
	}
	r->is_wake_posted = false;
	inbox_run(r);
}

bool rpc_op_start(grpc_call *call, struct rpc_op *op, const grpc_op *ops, size_t n)
{
	atomic_store_explicit(&op->posted, true, memory_order_release);
	return grpc_call_start_batch(call, ops, n, op, NULL) == GRPC_CALL_OK;
}

static void complete(struct rpc *r, struct rpc_op *op, bool ok)
{
	(void)atomic_load_explicit(&op->posted, memory_order_acquire);
	op->ok = ok;
	if (!op->on_done || op->on_done(op))
		rpc_hand_over(r, op);
}

static void *rpc_main(void *arg)
{
	struct rpc *r = arg;

	for (;;) {
		grpc_event e = grpc_completion_queue_next(
			r->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);

		if (e.type == GRPC_QUEUE_SHUTDOWN)
			return NULL;
		if (e.type == GRPC_OP_COMPLETE)
			complete(r, e.tag, e.success != 0);
	}
}

static void log_nothing(gpr_log_func_args *args)
{
	(void)args;
}

struct rpc *rpc_new(struct loop *l)
{
	struct rpc *r = mem_zalloc(sizeof(*r));
	sigset_t all, before;

	/* gRPC's threads must not take the signals that the loop waits for */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	/* what gRPC writes to stderr it also returns; GRPC_VERBOSITY brings it back */
	if (!getenv("GRPC_VERBOSITY"))
		gpr_set_log_function(log_nothing);
	rpc_relax_mutexes();
	grpc_init();
	r->loop = l;
	r->wake.fn = on_wake;
	r->queue = grpc_completion_queue_create_for_next(NULL);
	if (pthread_create(&r->thread, NULL, rpc_main, r) != 0)
		abort();
	(void)pthread_setname_np(r->thread, "rpc"); /* only a name */
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

void rpc_free(struct rpc *r)
{
	if (!r)
		return;
	rpc_client_cancel_all(r);
	grpc_completion_queue_shutdown(r->queue);
	pthread_join(r->thread, NULL);
	inbox_run(r);
	rpc_client_release_all(r); /* of fibers that the loop has given up */
	grpc_completion_queue_destroy(r->queue);
	grpc_shutdown();
	if (r->is_wake_posted && loop_self() == r->loop)
		r->is_freed = true; /* the loop still has wake and goes on */
	else
		mem_free(r);
}

gpr_timespec rpc_timespec(int64_t mono_us)
{
	if (mono_us == CLOCK_NEVER)
		return gpr_inf_future(GPR_CLOCK_MONOTONIC);
	return (gpr_timespec){ .tv_sec = mono_us / 1000000,
		.tv_nsec = (int32_t)(mono_us % 1000000) * 1000,
		.clock_type = GPR_CLOCK_MONOTONIC };
}

int64_t rpc_mono_us(gpr_timespec t)
{
	gpr_timespec mono = gpr_convert_clock_type(t, GPR_CLOCK_MONOTONIC);

	if (mono.tv_sec >= CLOCK_NEVER / 1000000)
		return CLOCK_NEVER;
	return mono.tv_sec * 1000000 + mono.tv_nsec / 1000;
}
