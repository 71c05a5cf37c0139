/* bench: the two halves of crm-bench. */
#pragma once

/* Serves until SIGTERM; prints the port it listens on. Returns the exit status. */
int bench_serve(const char *listen);
