/*
 * page: keyset pages (AIP-158). A token holds the sort keys of the last row, sealed and bound to
 * method, tenant, user, filter and order: a token that was changed or belongs to another question
 * is INVALID_ARGUMENT. No OFFSET, no result-window cap, no row missed or repeated under concurrent
 * writes unless its own sort key changes.
 * Threads: the loop's fibers.
 */
#pragma once
#include "kit/call.h"
#include "kit/filter.h"

struct db_statement;

struct page_spec {
	const struct db_statement *statement; /* :page; its input is the request */
	/* must include the id: { "id", "c.id", FILTER_UUID, true } */
	const struct filter_field *fields;
	const char *default_order; /* "create_time desc" */
	/* repeated field of the response that takes the rows */
	const char *list_field;
	const void *input; /* the statement's input if it is not the request itself */
	const ProtobufCMessageDescriptor *row_type; /* the statement's output type */
	/* Optional: change each row before it goes out. */
	enum status (*each)(struct call *call, void *row);
	/* Optional: more that the token is bound to. */
	const char *bound_to;
};

/* Reads page_size, page_token, filter, order_by from the request (where it has them) and answers
 * with rows and next_page_token. */
enum status page_reply(struct call *call, const struct page_spec *spec) MUST_CHECK;
