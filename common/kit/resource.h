/*
 * resource: the standard and batch methods (AIP-131…135, 164, 231…235), once for all resources.
 *
 * A resource type is a table: its message, its SQL, what can be filtered, and one function that
 * says what is particular about it. Every write is: load what is there (as far as the caller may
 * see it), build the new resource in C (field mask, normalisation, checks), then one round trip:
 * row, outbox and idempotency in one transaction, the row guarded by its revision. Hence etag
 * checks, before and after in the event, and the stored answer need no second mechanism.
 *
 * The message must have: id, etag, create_time, update_time, revision; and where the flags say so
 * delete_time, owner_id, team_id; creator_id if it has one.
 * The etag is the revision in text. The requests must have the fields that AIP names (id, <name>,
 * update_mask, request_id, etag, page_size, …).
 * Threads: the loop's fibers; a struct resource is constant.
 */
#pragma once
#include "google/protobuf/field_mask.pb-c.h"
#include "kit/call.h"
#include "kit/filter.h"

struct db_batch;
struct db_statement;

struct constraint_message {
	const char *constraint; /* name in the schema */
	const char *field;      /* in the resource, "email" */
	const char *message;    /* "is taken by another user" */
	enum status status;     /* 0: that of the SQLSTATE */
};

struct resource {
	const char *name;   /* "contact": entity in event subjects, field name in requests */
	const char *plural; /* "contacts": field name in list and batch responses */
	const ProtobufCMessageDescriptor *type;
	bool is_owned;        /* has owner_id and team_id */
	bool is_soft_deleted; /* has delete_time; else delete removes the row */

	const struct db_statement *get; /* :one  RowKey  -> type; visible; with_deleted */
	/* :many RowKeys -> type; visible, not deleted; any order */
	const struct db_statement *get_many;
	const struct db_statement *list;   /* :page List…Request -> type */
	const struct db_statement *insert; /* :must type */
	const struct db_statement *update; /* :must type; WHERE revision = :revision - 1 */
	/* :must type; WHERE revision = :revision - 1; only without is_soft_deleted */
	const struct db_statement *remove;
	const struct filter_field *fields; /* ends with an entry without a path */
	const char *default_order;         /* "create_time" */
	/* ends with an entry without a constraint; may be NULL */
	const struct constraint_message *constraints;

	/* What is particular. before is NULL on creation, after is NULL on a hard delete,
	 * after->delete_time is set on a soft one. May change after (normalise, fill in) and may
	 * wait.
	 * Fails with call_fail; fields are named as in the request ("contact.emails[0].address").
	 * May be NULL. */
	enum status (*check)(struct call *call, const void *before, void *after);
	/* More statements of the same transaction, after the row's. May be NULL. */
	enum status (*also)(
		struct call *call, struct db_batch *b, const void *before, const void *after);
	/* Blanks in the answer and events what must not leave (password, hashes). msg is a copy.
	 * May be NULL. */
	void (*redact)(void *msg);
};

/* Handlers for methods.c. */
enum status resource_get(struct call *call);
enum status resource_list(struct call *call);
enum status resource_create(struct call *call);
enum status resource_update(struct call *call);
enum status resource_delete(struct call *call);
enum status resource_undelete(struct call *call);
enum status resource_batch_get(struct call *call);
enum status resource_batch_create(struct call *call);
enum status resource_batch_update(struct call *call);
enum status resource_batch_delete(struct call *call);

/* Pieces, for handlers of their own. */

/* The resource as the caller may see it; NOT_FOUND said. Field names the request field that held
 * the id. */
enum status resource_load(struct call *call, const struct resource *r, const char *id,
	bool with_deleted, const char *field, void *ret_msg_ptr) MUST_CHECK;
/* Applies an update mask to a resource that is treated by hand (dst is a copy of what is there);
 * violations are said. name: the resource's field in the request. */
enum status resource_apply_mask(struct call *call, const char *name, void *dst, const void *src,
	const Google__Protobuf__FieldMask *mask) MUST_CHECK;
/* Fills in what the server sets on creation (id, times, creator, owner, team, revision, etag), runs
 * check and the field rules, adds the statements to b. */
struct change;
enum status resource_prepare_create(struct call *call, const struct resource *r, void *msg,
	struct db_batch *b, struct change *ret) MUST_CHECK;
/* after is changed in place: update_time, revision, etag. */
enum status resource_prepare_update(struct call *call, const struct resource *r, const void *before,
	void *after, struct db_batch *b, struct change *ret) MUST_CHECK;
