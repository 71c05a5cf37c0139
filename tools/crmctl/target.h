/*
 * target: a channel to a server, and calls on it with the deadline and metadata of the command
 * line. Owner: the run's arena closes the channel; answers live in the arena given.
 */
#pragma once
#include "tools/crmctl/crmctl.h"

/* Connects on first use. */
enum status target_open(struct ctl *c, const char *name, struct rpc_channel **ret) MUST_CHECK;
/* The request's metadata and deadline. token: access token, or NULL. A stream has no deadline
 * unless one was given. */
struct rpc_request target_request(
	struct ctl *c, struct arena *a, const char *method, const char *token, bool is_stream);
/* One unary call; a failure is returned in ret and not yet said. */
enum status target_unary(struct ctl *c, struct arena *a, struct rpc_channel *ch, const char *method,
	const char *token, struct str message, struct rpc_response *ret) MUST_CHECK;
