/*
 * SQLSTATE: the one table from PostgreSQL's error codes to status. Nobody else reads SQLSTATE.
 * Threads: no state.
 */
#pragma once
#include <stdbool.h>
#include "base/status.h"

enum status sqlstate_status(
	const char *state); /* five characters, or NULL when the connection broke */
bool sqlstate_is_outage(const char *
		state); /* the server goes away or is not ready: says nothing about the statement */
bool sqlstate_is_guard(
	const char *state); /* raised by the guard of a :must (see tools/sqlfile.py) */
bool sqlstate_is_stale(const char *state); /* the prepared statement is gone or its result type
					      changed: prepare again and repeat */
bool sqlstate_is_read_only(
	const char *state); /* connected to a server that is no longer the primary */
