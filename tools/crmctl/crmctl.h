/*
 * crmctl: what its commands share: the run, and how a run ends.
 *
 * A run is one command in one fiber. Whoever detects a failure says it once (ctl_fail and its like
 * write to stderr) and returns its status; the others pass it up. Everything lives in the run's
 * arena.
 */
#pragma once
#include "adapters/pb/pb.h"
#include "adapters/rpc/rpc.h"
#include "tools/crmctl/args.h"

struct ctl {
	struct arena *arena;
	struct loop *loop;
	struct rpc *rpc;
	struct options options;
	bool is_usage_wrong; /* the exit status is 2 then */
	enum status outcome; /* of the command */
};

/* Says "NAME: text" and returns st. */
enum status ctl_fail(enum status st, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;
/* As a server ended a call: status, message and each detail that is understood. */
enum status ctl_fail_outcome(const struct rpc_outcome *o) MUST_CHECK;
/* What is wrong with a message that we were given. */
enum status ctl_fail_fields(const char *what, const struct pb_violations *fields) MUST_CHECK;
/* What is wrong with the command line. */
enum status ctl_fail_usage(struct ctl *c, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;

/* Commands; each has a line in main.c. */
enum status call_run(struct ctl *c) MUST_CHECK;
enum status list_run(struct ctl *c) MUST_CHECK;
enum status describe_run(struct ctl *c) MUST_CHECK;
enum status health_run(struct ctl *c) MUST_CHECK;
enum status login_run(struct ctl *c) MUST_CHECK;
enum status logout_run(struct ctl *c) MUST_CHECK;
enum status whoami_run(struct ctl *c) MUST_CHECK;
enum status bootstrap_run(struct ctl *c) MUST_CHECK;
