/* What write.c and the resource files share. */
#pragma once
#include "kit/write.h"

/* The struct without what must not leave the service: secret fields, and what the resource's redact
 * blanks. The same pointer if there is nothing to blank, else a copy. */
const void *redacted(struct call *call, const struct resource *r, const void *msg);

/* Says a failure of a write to the client: ABORTED "CHANGED_MEANWHILE" for a guard that found its
 * row changed, else what call_fail_db says. */
enum status write_fail(struct call *call, const struct db_error *e);

/* Whether a later attempt with fresh data may succeed: the row was changed meanwhile, or the server
 * broke a deadlock. */
bool write_lost_race(const struct db_error *e);
