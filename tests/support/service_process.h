/*
 * A service in a process of its own, for tests: this very program, started again with the arguments
 * given (its main hands them to service_main), its log in a file.
 * It dies with the test program, however that ends.
 * Owner: the test. Threads: one.
 */
#pragma once
#include <stdbool.h>
#include "base/str.h"

struct service_process;

/* args end with NULL; the program's name is put before them. Starts, and does not wait. */
struct service_process *service_process_new(const char *const *args);
/* Waits until the log has an event of this name, at most ten seconds: true if it came. */
bool service_process_wait_event(struct service_process *p, const char *event);
/* The same for any text: lines are written at the end of a turn, so an answer may come before the
 * line about it. */
bool service_process_wait_log(struct service_process *p, const char *text);
/* of the gRPC server; waits for it; 0 if the process ended before */
int service_process_port(struct service_process *p);
int service_process_metrics_port(struct service_process *p); /* the same for metrics */
void service_process_signal(struct service_process *p, int signo);
/* The exit code; waits at most ten seconds, then kills and gives -1. */
int service_process_wait(struct service_process *p);
/* All it has logged so far. */
const char *service_process_log(struct service_process *p);
void service_process_free(struct service_process *p); /* kills it if it still runs */
