/* Context switches. See context_private.h. */
#include "base/context_private.h"
#include <stdint.h>
#include <stdlib.h>
#include "base/sanitizer_private.h"
#if UNDER_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#if UNDER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* Its frame lives across the switch, so it must not lie on ASan's fake stack. */
#define NO_ASAN __attribute__((no_sanitize_address))

#ifdef CONTEXT_UCONTEXT

static void machine_init(struct context *c, void (*fn)(void))
{
	if (getcontext(&c->machine) != 0)
		abort(); /* fails on no kernel */
	c->machine.uc_stack.ss_sp = (void *)(uintptr_t)c->stack;
	c->machine.uc_stack.ss_size = c->size;
	c->machine.uc_link = NULL;
	makecontext(&c->machine, fn, 0);
}

static void machine_switch(struct context *from, struct context *to)
{
	if (swapcontext(&from->machine, &to->machine) != 0)
		abort();
}

#else

/*
 * Saves the registers that a callee must keep on the current stack, its pointer in *save, and takes
 * up the stack at load, which looks the same. The floating-point control words are not saved:
 * nobody here changes them.
 */
void crm_context_swap(void **save, void *load);

#ifdef __x86_64__
enum { SAVED_WORDS = 6 }; /* then the return address, then a word that ends the chain of frames */
__asm__(".text\n"
	".p2align 4\n"
	".hidden crm_context_swap\n"
	".globl crm_context_swap\n"
	".type crm_context_swap, @function\n"
	"crm_context_swap:\n"
	"	.cfi_startproc\n"
	"	pushq %rbp\n	.cfi_adjust_cfa_offset 8\n"
	"	pushq %rbx\n	.cfi_adjust_cfa_offset 8\n"
	"	pushq %r12\n	.cfi_adjust_cfa_offset 8\n"
	"	pushq %r13\n	.cfi_adjust_cfa_offset 8\n"
	"	pushq %r14\n	.cfi_adjust_cfa_offset 8\n"
	"	pushq %r15\n	.cfi_adjust_cfa_offset 8\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n	.cfi_adjust_cfa_offset -8\n"
	"	popq %r14\n	.cfi_adjust_cfa_offset -8\n"
	"	popq %r13\n	.cfi_adjust_cfa_offset -8\n"
	"	popq %r12\n	.cfi_adjust_cfa_offset -8\n"
	"	popq %rbx\n	.cfi_adjust_cfa_offset -8\n"
	"	popq %rbp\n	.cfi_adjust_cfa_offset -8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size crm_context_swap, . - crm_context_swap\n");

static void machine_init(struct context *c, void (*fn)(void))
{
	uintptr_t top = ((uintptr_t)c->stack + c->size) & ~(uintptr_t)15;
	uintptr_t *sp = (uintptr_t *)(top - 8 * (SAVED_WORDS + 2));

	for (int i = 0; i < SAVED_WORDS; i++)
		sp[i] = 0;
	sp[SAVED_WORDS] = (uintptr_t)fn;
	sp[SAVED_WORDS + 1] = 0; /* where a caller's return address would be */
	c->sp = sp;
}
#else
enum { SAVED_WORDS = 20, LINK_WORD = 11 }; /* x19..x30, d8..d15 */
__asm__(".text\n"
	".p2align 4\n"
	".hidden crm_context_swap\n"
	".globl crm_context_swap\n"
	".type crm_context_swap, %function\n"
	"crm_context_swap:\n"
	"	.cfi_startproc\n"
	"	hint #34\n" /* bti c */
	"	sub sp, sp, #160\n	.cfi_adjust_cfa_offset 160\n"
	"	stp x19, x20, [sp, #0]\n"
	"	stp x21, x22, [sp, #16]\n"
	"	stp x23, x24, [sp, #32]\n"
	"	stp x25, x26, [sp, #48]\n"
	"	stp x27, x28, [sp, #64]\n"
	"	stp x29, x30, [sp, #80]\n"
	"	stp d8, d9, [sp, #96]\n"
	"	stp d10, d11, [sp, #112]\n"
	"	stp d12, d13, [sp, #128]\n"
	"	stp d14, d15, [sp, #144]\n"
	"	mov x9, sp\n"
	"	str x9, [x0]\n"
	"	mov sp, x1\n"
	"	ldp x19, x20, [sp, #0]\n"
	"	ldp x21, x22, [sp, #16]\n"
	"	ldp x23, x24, [sp, #32]\n"
	"	ldp x25, x26, [sp, #48]\n"
	"	ldp x27, x28, [sp, #64]\n"
	"	ldp x29, x30, [sp, #80]\n"
	"	ldp d8, d9, [sp, #96]\n"
	"	ldp d10, d11, [sp, #112]\n"
	"	ldp d12, d13, [sp, #128]\n"
	"	ldp d14, d15, [sp, #144]\n"
	"	add sp, sp, #160\n	.cfi_adjust_cfa_offset -160\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size crm_context_swap, . - crm_context_swap\n");

static void machine_init(struct context *c, void (*fn)(void))
{
	uintptr_t top = ((uintptr_t)c->stack + c->size) & ~(uintptr_t)15;
	uintptr_t *sp = (uintptr_t *)(top - 8 * SAVED_WORDS);

	for (int i = 0; i < SAVED_WORDS; i++)
		sp[i] = 0;
	sp[LINK_WORD] = (uintptr_t)fn;
	c->sp = sp;
}
#endif

static void machine_switch(struct context *from, struct context *to)
{
	crm_context_swap(&from->sp, to->sp);
}

#endif

void context_init(struct context *c, void *stack, size_t size, void (*fn)(void))
{
	*c = (struct context){ .stack = stack, .size = size };
#if UNDER_TSAN
	c->tsan = __tsan_create_fiber(0);
#endif
	machine_init(c, fn);
}

void context_done(struct context *c)
{
#if UNDER_TSAN
	__tsan_destroy_fiber(c->tsan);
#endif
	MEMORY_UNPOISON(c->stack, c->size); /* the memory goes back to the system */
}

/* Before a switch. */
NO_ASAN static void leave(struct context *from, struct context *to, bool is_finished)
{
	to->from = from;
#if UNDER_ASAN
	__sanitizer_start_switch_fiber(is_finished ? NULL : &from->fake_stack, to->stack, to->size);
#else
	(void)is_finished;
#endif
#if UNDER_TSAN
	from->tsan = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(to->tsan, 0);
#endif
}

/* After it, on the new stack. The bounds of the one left behind are learnt here: a thread's own are
 * not known else. */
NO_ASAN void context_entered(struct context *c)
{
#if UNDER_ASAN
	__sanitizer_finish_switch_fiber(c->fake_stack, &c->from->stack, &c->from->size);
	c->fake_stack = NULL;
#else
	(void)c;
#endif
}

NO_ASAN void context_switch(struct context *from, struct context *to, bool is_finished)
{
	leave(from, to, is_finished);
	machine_switch(from, to);
	context_entered(from);
}
