/*
 * Status: the one error type of the project. The values are the gRPC status codes
 * (https://grpc.io/docs/guides/status-codes/), so a status travels to a client unchanged.
 */
#pragma once

enum status {
	ST_OK = 0,
	ST_CANCELLED = 1,
	ST_UNKNOWN = 2,
	ST_INVALID_ARGUMENT = 3,
	ST_DEADLINE_EXCEEDED = 4,
	ST_NOT_FOUND = 5,
	ST_ALREADY_EXISTS = 6,
	ST_PERMISSION_DENIED = 7,
	ST_RESOURCE_EXHAUSTED = 8,
	ST_FAILED_PRECONDITION = 9,
	ST_ABORTED = 10,
	ST_OUT_OF_RANGE = 11,
	ST_UNIMPLEMENTED = 12,
	ST_INTERNAL = 13,
	ST_UNAVAILABLE = 14,
	ST_DATA_LOSS = 15,
	ST_UNAUTHENTICATED = 16,
};

#define MUST_CHECK             __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define _cleanup_(fn)          __attribute__((cleanup(fn)))

/* "NOT_FOUND"; "UNKNOWN" for a number outside the set. */
const char *status_name(enum status s);

/* Return the status to the caller if it is not ST_OK. Never where a lock is held. */
#define TRY(expr)                                                                                  \
	do {                                                                                       \
		enum status try_status_ = (expr);                                                  \
		if (try_status_ != ST_OK)                                                          \
			return try_status_;                                                        \
	} while (0)
