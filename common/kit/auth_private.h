/* Between auth.c and service.c. */
#pragma once
#include "kit/auth.h"

/* Begins to ask for keys and to hear of revocations. From a fiber; the bus, if any, is there. */
void auth_start(struct auth *a);
/* False while tokens cannot be verified because identity has not given its keys yet. */
bool auth_is_ready(const struct auth *a);
