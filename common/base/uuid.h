/*
 * UUIDs (RFC 9562). Ids are version 7: time-ordered, so primary keys grow at one end. Threads: any.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/str.h"

enum { UUID_TEXT = 36 };

struct uuid {
	uint8_t b[16];
};

/* A new version 7 id: strictly increasing within a process, also inside one millisecond (RFC 9562,
 * 6.2 method 1). */
struct uuid uuid_v7(void);
struct uuid uuid_v4(void);
void uuid_format(struct uuid u, char out[UUID_TEXT + 1]); /* lower case, NUL-terminated */
char *uuid_text(struct arena *a, struct uuid u);
char *uuid_v7_text(struct arena *a);
/* Canonical 8-4-4-4-12 form, either case, any version. */
bool uuid_parse(struct str s, struct uuid *ret);

void random_bytes(void *p, size_t n); /* from the kernel, buffered per thread */
