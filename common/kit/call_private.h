/*
 * What the kit knows of a call's failure beyond kit/call.h: for the files that make up calls
 * (call.c, stream.c, dispatch.c, event.c).
 */
#pragma once
#include "kit/call.h"

struct call_error {
	enum status status; /* ST_OK: nothing was said yet */
	const char *message;
	const char *reason; /* NULL: the status' name */
	const char *detail; /* for the log only; NULL: none */
	int64_t retry_ms;
	struct pb_violations fields;
	const char *prefix; /* before every field named from now on */
};

/* "contacts.crm" */
const char *call_error_domain(const struct call *call);
/* Internals of a failure, for the log line of the call; the first one counts. */
void call_error_detail(struct call *call, const char *detail);