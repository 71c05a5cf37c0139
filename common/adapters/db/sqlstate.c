/*
 * SQLSTATE to status. Codes: PostgreSQL documentation, appendix A.
 */
#include "adapters/db/sqlstate_private.h"
#include <string.h>

struct rule {
	const char *prefix; /* a whole code, or its class */
	enum status status;
};

/* The first that matches counts. */
static const struct rule rules[] = {
	{ "23505", ST_ALREADY_EXISTS },      /* unique_violation */
	{ "23P01", ST_ALREADY_EXISTS },      /* exclusion_violation */
	{ "23503", ST_FAILED_PRECONDITION }, /* foreign_key_violation */
	{ "23001", ST_FAILED_PRECONDITION }, /* restrict_violation */
	{ "23514", ST_INVALID_ARGUMENT },    /* check_violation */
	{ "23502", ST_INVALID_ARGUMENT },    /* not_null_violation */
	{ "22P02", ST_INVALID_ARGUMENT },    /* invalid_text_representation */
	{ "22P03", ST_INVALID_ARGUMENT },    /* invalid_binary_representation */
	{ "22P05", ST_INVALID_ARGUMENT },    /* untranslatable_character */
	{ "22001", ST_INVALID_ARGUMENT },    /* string_data_right_truncation */
	{ "22003", ST_INVALID_ARGUMENT },    /* numeric_value_out_of_range */
	{ "22007", ST_INVALID_ARGUMENT },    /* invalid_datetime_format */
	{ "22008", ST_INVALID_ARGUMENT },    /* datetime_field_overflow */
	{ "22021", ST_INVALID_ARGUMENT },    /* character_not_in_repertoire */
	{ "2201B", ST_INVALID_ARGUMENT },    /* invalid_regular_expression */
	{ "22023", ST_INVALID_ARGUMENT },    /* invalid_parameter_value */
	{ "54000", ST_INVALID_ARGUMENT },    /* program_limit_exceeded: an index row too large */
	{ "40", ST_ABORTED },                /* serialization_failure, deadlock_detected */
	{ "55P03", ST_ABORTED },             /* lock_not_available */
	{ "57014", ST_DEADLINE_EXCEEDED },   /* query_canceled: statement_timeout */
	{ "25P03", ST_UNAVAILABLE },         /* idle_in_transaction_session_timeout */
	{ "25006", ST_UNAVAILABLE },         /* read_only_sql_transaction: a fail-over */
	{ "53", ST_RESOURCE_EXHAUSTED },     /* disk full, out of memory, too many connections */
	{ "57P", ST_UNAVAILABLE },           /* shutdown, crash, starting up */
	{ "08", ST_UNAVAILABLE },            /* connection exceptions */
};

static bool is(const char *state, const char *prefix)
{
	return state && strncmp(state, prefix, strlen(prefix)) == 0;
}

enum status sqlstate_status(const char *state)
{
	if (!state)
		return ST_UNAVAILABLE;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (is(state, rules[i].prefix))
			return rules[i].status;
	}
	return ST_INTERNAL;
}

bool sqlstate_is_outage(const char *state)
{
	return is(state, "57P") || is(state, "08") || is(state, "25P03") || is(state, "53300");
}

bool sqlstate_is_guard(const char *state)
{
	return is(state, "2201E");
}

bool sqlstate_is_stale(const char *state)
{
	return is(state, "26000") || is(state, "0A000");
}

bool sqlstate_is_read_only(const char *state)
{
	return is(state, "25006");
}
