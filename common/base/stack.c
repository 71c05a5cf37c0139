/*
 * Stacks of fibers. A stack is a mapping of STACK_SIZE with an inaccessible page below; struct
 * fiber stands at its top. A finished fiber goes into its loop's pool, suspended where it would
 * take up its next function, so spawning from the pool makes no system call. Stacks that nobody
 * took for a while are unmapped by a timer, which is set only while there are more than
 * KEPT_STACKS.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/fiber_private.h"
#include "base/loop_private.h"
#include "base/sanitizer_private.h"

enum {
	STACK_SIZE = (UNDER_ASAN || UNDER_TSAN ? 1024 : 256) * 1024,
	POOLED_STACKS = 4096,
	KEPT_STACKS = 64,
	TRIM_INTERVAL_US = 100000,
	TRIMMED_AT_ONCE = 512, /* a millisecond's work */
};

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static struct fiber *stack_new(struct loop *l, void (*main)(void))
{
	size_t page = page_size(), offset = page + STACK_SIZE - sizeof(struct fiber);
	char *map = mmap(NULL, page + STACK_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	struct fiber *f;

	if (map == MAP_FAILED || mprotect(map, page, PROT_NONE) != 0) {
		perror("cannot map a fiber's stack");
		abort();
	}
	f = (struct fiber *)(void *)(map + offset / 64 * 64);
	f->loop = l;
	f->context = (struct context){ 0 };
	context_init(&f->context, map + page, (size_t)((char *)f - map) - page, main);
	return f;
}

static char *stack_low(const struct fiber *f)
{
	return (char *)(uintptr_t)f->context.stack;
}

void stack_free(struct fiber *f)
{
	size_t page = page_size();
	char *map = stack_low(f) - page;

	context_done(&f->context);
	if (munmap(map, page + STACK_SIZE) != 0)
		abort(); /* not a mapping of ours */
}

static struct fiber *pool_pop(struct loop *l)
{
	struct fiber *f = l->pool;

	if (f) {
		l->pool = f->next;
		l->pool_count--;
	}
	return f;
}

static void set_trim_timer(struct loop *l)
{
	l->pool_unused = l->pool_count;
	loop_timer_set(l, &l->trim_timer, clock_mono_us() + TRIM_INTERVAL_US);
}

static void on_trim_timer(struct loop_timer *t)
{
	struct loop *l = CONTAINER_OF(t, struct loop, trim_timer);
	size_t surplus = l->pool_unused > KEPT_STACKS ? l->pool_unused - KEPT_STACKS : 0;

	if (surplus > TRIMMED_AT_ONCE)
		surplus = TRIMMED_AT_ONCE;
	for (; surplus > 0; surplus--)
		stack_free(pool_pop(l));
	if (l->pool_count > KEPT_STACKS)
		set_trim_timer(l);
}

void stack_put(struct fiber *f)
{
	struct loop *l = f->loop;

	if (l->pool_count >= POOLED_STACKS) {
		stack_free(f);
		return;
	}
	f->next = l->pool;
	l->pool = f;
	l->pool_count++;
	if (l->pool_count > KEPT_STACKS && l->trim_timer.slot == 0) {
		l->trim_timer.fn = on_trim_timer;
		set_trim_timer(l);
	}
}

struct fiber *stack_take(struct loop *l, void (*main)(void))
{
	struct fiber *f = pool_pop(l);

	if (l->pool_count < l->pool_unused)
		l->pool_unused = l->pool_count;
	return f ? f : stack_new(l, main);
}

void stacks_done(struct loop *l)
{
	while (l->pool)
		stack_free(pool_pop(l));
}
