/* What the resource files share: resource.c (one record), resource_batch.c (many), resource_build.c
 * (how a record changes), resource_owner.c. */
#pragma once
#include "adapters/db/db.h"
#include "kit/resource.h"
#include "kit/write_private.h"

enum { BATCH_MAX = 100, RACE_ATTEMPTS = 6 };

/* One record being changed, and where its statements begin in the batch. */
struct edit {
	const void *request; /* Create…Request, Update…Request or Delete…Request */
	void *before;
	const void *after; /* what is answered, not yet redacted */
	struct change change;
	bool is_unchanged; /* nothing to write */
	size_t first_statement;
};

/* The kinds of change. Each builds the new record, checks it and adds the statements. before is
 * set. */
enum status edit_create(
	struct call *call, const struct resource *r, struct db_batch *b, struct edit *e) MUST_CHECK;
enum status edit_update(
	struct call *call, const struct resource *r, struct db_batch *b, struct edit *e) MUST_CHECK;
enum status edit_delete(
	struct call *call, const struct resource *r, struct db_batch *b, struct edit *e) MUST_CHECK;
enum status edit_undelete(
	struct call *call, const struct resource *r, struct db_batch *b, struct edit *e) MUST_CHECK;

/* Id of the record that an Update…Request names, and "<name>.id". */
const char *update_id(const struct resource *r, const void *request);
const char *name_field(struct call *call, const struct resource *r, const char *field);

enum status load_failed(struct call *call, const struct resource *r, enum status st,
	const char *field, const char *id);
bool has_field(const void *msg, const char *field);
/* Lower case if it is a UUID, as the database gives it. */
const char *same_case(struct arena *a, const char *id);

/* Rights and defaults of owner and team. before is NULL on creation. */
enum status owner_settle(
	struct call *call, const struct resource *r, const void *before, void *after) MUST_CHECK;
