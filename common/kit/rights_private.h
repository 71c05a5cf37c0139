/* How the dispatcher gives a call its rights. */
#pragma once
#include "kit/call.h"

/* p may be NULL: a scope of nobody. The scope borrows the principal's strings. */
const Crm__CallScope *scope_new(
	struct arena *a, const struct principal *p, enum level level, int64_t now_us);
enum status call_fail_permission(struct call *call, const char *permission);
