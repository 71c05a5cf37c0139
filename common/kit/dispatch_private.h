/*
 * The method table, between methods.c, which builds it, and dispatch.c, which serves by it.
 */
#pragma once
#include "base/map.h"
#include "kit/dispatch.h"

enum { STATUS_COUNT = ST_UNAUTHENTICATED + 1 };

struct counter;
struct histogram;

struct method {
	const struct pb_method *info;
	enum status (*serve)(struct call *call);
	const struct resource *resource;
	const ProtobufCMessageDescriptor *input, *output;
	/* health and reflection: no policy, no token, no need of a database, no deadline */
	bool is_kit;
	bool has_request_id;
	/* made on first use: most never are */
	struct counter *calls[STATUS_COUNT];
	struct histogram *seconds;
};

/* Fills the map (path to struct method). ST_FAILED_PRECONDITION with *ret_why. */
enum status methods_build(struct service *s, struct arena *a, struct map *ret, const char **ret_why)
	MUST_CHECK;
