/*
 * A whole stack for one test program, by tools/stack: PostgreSQL, nats-server and the services of
 * the program's own build folder, on free ports and in a folder under /tmp. A keeper process takes
 * it down and removes the folder when the program ends, however it ends.
 *
 * The program becomes the parent of the components, so that it sees how each of them ends. A
 * command that fails ends the program with what tools/stack said: there is nothing to test without
 * it. Owner: the test program; one at a time. Threads: one; stack_up before any other is started
 * (it sets the environment).
 */
#pragma once
#include "base/arena.h"

struct stack;

struct stack *stack_up(void);     /* serving */
void stack_down(struct stack *s); /* with its data; NULL is fine */

/* What the run folder's `env` says: "NATS_URL", "BOOTSTRAP_FILE"; the name must be there. */
const char *stack_value(struct stack *s, const char *name);
/* The port of a component: "GATEWAY", "POSTGRES". */
int stack_port(struct stack *s, const char *name);

/* tools/stack COMMAND, words separated by blanks: "start contacts". */
void stack_run(struct stack *s, const char *command);
/* Asks a component to end and waits until it has: its exit status, or 128 + the signal that ended
 * it. */
int stack_stop(struct stack *s, const char *component);
/* Ends a component with SIGKILL. */
void stack_kill(struct stack *s, const char *component);
