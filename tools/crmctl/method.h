/*
 * method: a method by the name that a user gives it, and its messages as JSON.
 */
#pragma once
#include "tools/crmctl/reflect.h"

struct method {
	struct rpc_channel *channel;
	const struct pb_schema *schema;
	const struct pb_method *pb;
};

/* "Service/Method", the service by its full or a short name. */
enum status method_find(struct ctl *c, struct rpc_channel *ch, const char *name, struct method *ret)
	MUST_CHECK;
/* A request from JSON; what does not fit is said. */
enum status method_request(
	struct arena *a, const struct method *m, struct str json, struct str *ret_wire) MUST_CHECK;
/* An answer to JSON. */
enum status method_answer(struct arena *a, const struct method *m, struct rpc_bytes *b,
	unsigned json_flags, struct str *ret) MUST_CHECK;
/* A unary method whose request and answer are JSON. */
enum status method_call(struct ctl *c, struct arena *a, const struct method *m, const char *token,
	struct str json, struct str *ret_json) MUST_CHECK;
/* Prints a line and says so if it cannot be written. */
enum status line_print(struct str line) MUST_CHECK;
