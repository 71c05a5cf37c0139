/*
 * event: hearing what other services did. An event handler runs in a fiber with a struct call whose
 * scope is the event's tenant and sees_all; call_write then records the event in the inbox within
 * the same transaction, so that a redelivery has no second effect. A handler without effect returns
 * ST_OK at once.
 * A handler writes at most once per event (call_write, call_write_tx).
 * Stale events (a revision at or below the one already taken in for that resource and consumer) are
 * dropped before the handler runs.
 * Threads: the loop's fibers.
 */
#pragma once
#include "crm/events/v1/event.pb-c.h"
#include "kit/call.h"

struct service;

struct event_handler {
	const char *name;    /* durable consumer: "<service>_<name>"; never rename */
	const char *subject; /* "crm.*.identity.user.*.*" */
	/* ST_OK acknowledges; ST_INVALID_ARGUMENT drops it with a log line; anything else is
	 * redelivered with growing delay. */
	enum status (*handle)(struct call *call, const Crm__Event *event);
	bool wants_all; /* every event counts (an audit log): none is dropped as stale */
};

void events_start(struct service *s);

/* What the resource was before and after, as structs in the call's arena; NULL if the event does
 * not carry it: a creation has no before, a hard delete no after, and an event that was too large
 * for the broker neither. ST_INVALID_ARGUMENT if the event is about another type. */
enum status event_before(struct call *call, const Crm__Event *event,
	const ProtobufCMessageDescriptor *d, void *ret_msg_ptr) MUST_CHECK;
enum status event_after(struct call *call, const Crm__Event *event,
	const ProtobufCMessageDescriptor *d, void *ret_msg_ptr) MUST_CHECK;

/* The directory: kit's own projection of identity's users (crm.*.identity.user.*.*), kept by every
 * service with owned resources, so that owner_id can be checked and the team filled in without
 * asking identity. NOT_FOUND if there is no such active user. */
enum status directory_user(struct call *call, const char *user_id, const char **ret_team_id)
	MUST_CHECK;
