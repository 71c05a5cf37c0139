/* The names of the status codes, as they stand in logs and metrics. */
#include "base/status.h"
#include <stddef.h>

static const char *const NAMES[] = {
	[ST_OK] = "OK",
	[ST_CANCELLED] = "CANCELLED",
	[ST_UNKNOWN] = "UNKNOWN",
	[ST_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
	[ST_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
	[ST_NOT_FOUND] = "NOT_FOUND",
	[ST_ALREADY_EXISTS] = "ALREADY_EXISTS",
	[ST_PERMISSION_DENIED] = "PERMISSION_DENIED",
	[ST_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
	[ST_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
	[ST_ABORTED] = "ABORTED",
	[ST_OUT_OF_RANGE] = "OUT_OF_RANGE",
	[ST_UNIMPLEMENTED] = "UNIMPLEMENTED",
	[ST_INTERNAL] = "INTERNAL",
	[ST_UNAVAILABLE] = "UNAVAILABLE",
	[ST_DATA_LOSS] = "DATA_LOSS",
	[ST_UNAUTHENTICATED] = "UNAUTHENTICATED",
};

const char *status_name(enum status s)
{
	size_t i = (size_t)s;

	return i < sizeof(NAMES) / sizeof(NAMES[0]) ? NAMES[i] : NAMES[ST_UNKNOWN];
}
