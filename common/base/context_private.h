/*
 * Context: a stack and the place where its execution is suspended. The one thing here that no C can
 * say: a switch from one to another, as a dozen instructions for x86_64 and aarch64 and as ucontext
 * (with its two system calls) elsewhere. Sanitizers are told of each switch. Threads: a context
 * stays on the thread that switched to it first.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#if !defined(__x86_64__) && !defined(__aarch64__)
#define CONTEXT_UCONTEXT 1
#endif
#ifdef CONTEXT_UCONTEXT
#include <ucontext.h>
#endif

struct context {
	void *sp;          /* while suspended */
	const void *stack; /* lowest address */
	size_t size;
	struct context *from; /* who switched to this one last */
	void *fake_stack;     /* ASan's */
	void *tsan;           /* TSan's */
#ifdef CONTEXT_UCONTEXT
	ucontext_t machine;
#endif
};

/*
 * Prepares c to run fn on the given stack. fn begins with context_entered and never returns. A
 * context that was not prepared stands for the thread's own stack; it may switch to others.
 */
void context_init(struct context *c, void *stack, size_t size, void (*fn)(void));
void context_done(struct context *c);
void context_entered(struct context *c);

/* Suspends from, resumes to. is_finished: nothing on the stack of from is needed when it is
 * resumed. */
void context_switch(struct context *from, struct context *to, bool is_finished);
