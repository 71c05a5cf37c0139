/*
 * phone: telephone numbers as people write them to E.164, by libphonenumber's metadata.
 * Threads: any. The metadata is loaded on first use.
 */
#pragma once
#include "base/str.h"

/* region: ISO 3166-1 alpha-2, for a number without "+"; "" if there is none. ST_INVALID_ARGUMENT
 * with *ret_why, e.g. "has too few digits for CZ". */
enum status phone_to_e164(struct arena *a, const char *number, const char *region,
	const char **ret_e164, const char **ret_why) MUST_CHECK;
