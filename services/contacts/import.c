/*
 * ImportContacts: rows are taken in portions, each portion in one transaction; if that fails, its
 * rows are tried one by one, so that a bad row costs only itself.
 */
#include "services/contacts/contacts.h"

#include "base/map.h"
#include "base/uuid.h"

enum {
	PORTION = 100,
	MAX_ROWS = 50000,
	MAX_REPLY = 7 * 512 * 1024 /* clients take 4 MB unless told otherwise */
};

struct row {
	const Crm__ImportContactsRequest *m;
	Crm__ImportVerdict verdict;
	bool is_done; /* the verdict stands */
};

struct import {
	struct call *call;
	struct arena *whole; /* of the call */
	/* of the portion; meanwhile also call->arena, so that an import takes no more memory than a
	 * portion */
	struct arena *arena;
	char *source;
	/* key -> id of what was taken in, of this portion's keys and organization_keys */
	struct map *ids;
	struct row *rows;
	size_t n;
	struct buf reply; /* ImportContactsResponse.verdicts */
	int64_t n_rows, n_created, n_existing, n_invalid;
};

static void settle(struct row *r, Crm__ImportVerdict__Outcome outcome, const char *id)
{
	r->verdict.outcome = outcome;
	r->verdict.id = id;
	r->is_done = true;
}

static void refuse(struct row *r, const char *field, const char *description)
{
	settle(r, CRM__IMPORT_VERDICT__OUTCOME__OUTCOME_INVALID, "");
	r->verdict.field = field ? field : "";
	r->verdict.description = description;
}

/* ---- reading ---- */

static enum status begin(struct import *im, const Crm__ImportContactsRequest *first)
{
	if (!*first->source)
		return call_fail(im->call, ST_INVALID_ARGUMENT, "source",
			"the first message must name the source");
	im->source = arena_strdup(im->whole, first->source);
	return ST_OK;
}

static void take(struct import *im, const Crm__ImportContactsRequest *m, const char *field,
	const char *fault)
{
	struct row *r = &im->rows[im->n++];
	*r = (struct row){ .m = m };
	crm__import_verdict__init(&r->verdict);
	r->verdict.row = ++im->n_rows;
	r->verdict.key = m->key;
	if (fault)
		refuse(r, field, fault);
	else if (m->record_case == CRM__IMPORT_CONTACTS_REQUEST__RECORD__NOT_SET)
		refuse(r, "organization", "the row holds neither an organization nor a contact");
}

/* Reads up to PORTION rows; *ret_more is false at the end of the stream. */
static enum status read_portion(struct import *im, bool *ret_more)
{
	im->n = 0;
	*ret_more = true;
	while (im->n < PORTION) {
		const Crm__ImportContactsRequest *m;
		const char *field = NULL, *fault = NULL;
		const enum status s = call_recv(im->call, im->arena, &m, NULL);
		if (s == ST_INVALID_ARGUMENT && m) /* the row's own fault */
			call_error_take(im->call, &field, &fault);
		else
			TRY(s);
		if (!m) {
			*ret_more = false;
			return ST_OK;
		}
		if (im->n_rows == 0)
			TRY(begin(im, m));
		if (im->n_rows >= MAX_ROWS)
			return call_fail(im->call, ST_RESOURCE_EXHAUSTED, NULL,
				"an import takes at most %d rows: send the rest in another",
				MAX_ROWS);
		take(im, m, field, fault);
	}
	return ST_OK;
}

/* ---- what was taken in before ---- */

static enum status find_known(struct import *im)
{
	Crm__ImportKeys q = CRM__IMPORT_KEYS__INIT;
	q.source = im->source;
	q.keys = arena_new_array(im->arena, const char *, 2 * im->n);
	for (size_t i = 0; i < im->n; i++) {
		const Crm__ImportContactsRequest *m = im->rows[i].m;
		q.keys[q.n_keys++] = m->key;
		if (*m->organization_key)
			q.keys[q.n_keys++] = m->organization_key;
	}
	struct db_rows *rows;
	TRY(db_read(im->call->service->db, im->arena, &sql_import_find, call_args(im->call, &q),
		&rows));
	for (size_t i = 0; i < db_count(rows); i++)
		/* nothing replaced matters */
		(void)map_set(im->ids, str_c(db_text(rows, i, "key")),
			arena_strdup(im->arena, db_text(rows, i, "resource_id")));
	return ST_OK;
}

/* ---- one row ---- */

static void link_organization(struct import *im, const struct row *r, const char *contact_id,
	const char *organization_id, struct db_batch *b, struct change *ret)
{
	Crm__Affiliation *f = pb_new(im->arena, &crm__affiliation__descriptor);
	f->id = uuid_v7_text(im->arena);
	f->revision = 1;
	f->etag = "1";
	f->create_time = f->update_time = call_timestamp(im->arena, call_now_us(im->call));
	f->creator_id = im->call->scope->user_id;
	f->contact_id = contact_id;
	f->organization_id = organization_id;
	f->title = r->m->title;
	f->primary = true;
	/* no rows are read */
	(void)db_batch_add(b, &sql_affiliation_insert, call_args(im->call, f));
	*ret = (struct change){
		.entity = "affiliation", .verb = "created", .id = f->id, .revision = 1, .after = f
	};
}

static enum status add_organization(
	struct import *im, struct row *r, struct db_batch *b, struct change *changes, size_t *n)
{
	TRY(resource_prepare_create(
		im->call, &organization_resource, r->m->organization, b, &changes[*n]));
	r->verdict.id = changes[(*n)++].id;
	return ST_OK;
}

static enum status add_contact(
	struct import *im, struct row *r, struct db_batch *b, struct change *changes, size_t *n)
{
	const char *organization_id = NULL;
	if (*r->m->organization_key) {
		organization_id = map_get(im->ids, str_c(r->m->organization_key));
		if (!organization_id)
			return call_fail(im->call, ST_INVALID_ARGUMENT, "organization_key",
				"no organization of this source has the key '%s'; send it before its people",
				r->m->organization_key);
	}
	TRY(resource_prepare_create(im->call, &contact_resource, r->m->contact, b, &changes[*n]));
	r->verdict.id = changes[(*n)++].id;
	if (organization_id)
		link_organization(im, r, r->verdict.id, organization_id, b, &changes[(*n)++]);
	return ST_OK;
}

/* Adds the row's statements; a row that is not valid gets its verdict, and nothing of it stays in
 * the batch. */
static enum status add_row(
	struct import *im, struct row *r, struct db_batch *b, struct change *changes, size_t *n)
{
	const char *known = map_get(im->ids, str_c(r->m->key));
	if (known) {
		settle(r, CRM__IMPORT_VERDICT__OUTCOME__OUTCOME_EXISTS, known);
		return ST_OK;
	}
	const bool is_organization =
		r->m->record_case == CRM__IMPORT_CONTACTS_REQUEST__RECORD_ORGANIZATION;
	const size_t mark = db_batch_count(b), n_mark = *n;
	const enum status s = is_organization ? add_organization(im, r, b, changes, n)
					      : add_contact(im, r, b, changes, n);
	if (s != ST_OK) {
		db_batch_truncate(b, mark);
		*n = n_mark;
		if (s == ST_UNAVAILABLE || s == ST_CANCELLED || s == ST_DEADLINE_EXCEEDED)
			return s;
		const char *field, *message;
		call_error_take(im->call, &field, &message);
		refuse(r, field, message);
		return ST_OK;
	}
	Crm__ImportKey key = CRM__IMPORT_KEY__INIT;
	key.source = im->source;
	key.key = r->m->key;
	key.is_organization = is_organization;
	key.resource_id = r->verdict.id;
	/* no rows are read */
	(void)db_batch_add(b, &sql_import_key_insert, call_args(im->call, &key));
	/* later rows may name it; taken back if the write fails */
	(void)map_set(im->ids, str_c(r->m->key), (void *)(uintptr_t)r->verdict.id);
	return ST_OK;
}

/* ---- writing ---- */

static enum status write_rows(
	struct import *im, struct row *rows, size_t n_rows, struct db_error *ret)
{
	struct db_batch *b = db_batch_new(im->call->service->db, im->arena);
	struct change *changes = arena_new_array(im->arena, struct change, 2 * n_rows);
	size_t n = 0;
	for (size_t i = 0; i < n_rows; i++) {
		if (!rows[i].is_done)
			TRY(add_row(im, &rows[i], b, changes, &n));
	}
	TRY(n > 0 ? call_try_write(im->call, b, changes, n, NULL, ret) : ST_OK);
	for (size_t i = 0; i < n_rows; i++) {
		if (!rows[i].is_done)
			settle(&rows[i], CRM__IMPORT_VERDICT__OUTCOME__OUTCOME_CREATED,
				rows[i].verdict.id);
	}
	return ST_OK;
}

static bool is_fault_of_row(enum status s)
{
	return s == ST_INVALID_ARGUMENT || s == ST_ALREADY_EXISTS || s == ST_FAILED_PRECONDITION ||
	       s == ST_ABORTED || s == ST_NOT_FOUND;
}

/* What failed as a whole is tried row by row. */
static enum status write_singly(struct import *im)
{
	for (size_t i = 0; i < im->n; i++) {
		struct row *r = &im->rows[i];
		if (r->is_done)
			continue;
		struct db_error e = { 0 };
		const enum status s = write_rows(im, r, 1, &e);
		if (s == ST_OK)
			continue;
		if (!is_fault_of_row(s))
			return s;
		(void)map_del(im->ids, str_c(r->m->key)); /* it was not taken in */
		refuse(r, NULL,
			"conflicts with a row that was taken in at the same time: send it again");
	}
	return ST_OK;
}

static enum status write_portion(struct import *im)
{
	TRY(find_known(im));
	struct db_error e = { 0 };
	const enum status s = write_rows(im, im->rows, im->n, &e);
	if (s == ST_OK || !is_fault_of_row(s))
		return s;
	for (size_t i = 0; i < im->n; i++) {
		if (!im->rows[i].is_done)
			(void)map_del(im->ids, str_c(im->rows[i].m->key)); /* the write failed */
	}
	TRY(find_known(im));
	return write_singly(im);
}

static void report(struct import *im)
{
	for (size_t i = 0; i < im->n; i++) {
		const struct row *r = &im->rows[i];
		im->n_created +=
			r->verdict.outcome == CRM__IMPORT_VERDICT__OUTCOME__OUTCOME_CREATED;
		im->n_existing +=
			r->verdict.outcome == CRM__IMPORT_VERDICT__OUTCOME__OUTCOME_EXISTS;
		im->n_invalid +=
			r->verdict.outcome == CRM__IMPORT_VERDICT__OUTCOME__OUTCOME_INVALID;
		pb_put_message(&im->reply, 1, pb_pack(im->arena, &r->verdict));
	}
}

static enum status take_portion(struct import *im, bool *ret_more)
{
	TRY(read_portion(im, ret_more));
	TRY(im->n > 0 ? write_portion(im) : ST_OK);
	report(im);
	if (*ret_more && im->reply.n > MAX_REPLY)
		return call_fail(im->call, ST_RESOURCE_EXHAUSTED, NULL,
			"the verdicts on %lld rows fill an answer: send fewer rows at once",
			(long long)im->n_rows);
	return ST_OK;
}

static void free_arena(void *arena)
{
	arena_free(arena);
}

static enum status import_portion(struct import *im, bool *ret_more)
{
	struct map ids;
	map_init(&ids);
	im->arena = im->call->arena = arena_new();
	im->ids = &ids;
	im->rows = arena_new_array(im->arena, struct row, PORTION);
	const enum status s = take_portion(im, ret_more);
	map_done(&ids);
	im->call->arena = im->whole;
	if (s != ST_OK) {
		/* what was said of the failure is there */
		arena_defer(im->whole, free_arena, im->arena);
		return s;
	}
	im->call->error = NULL; /* what was said of rows is in their verdicts */
	arena_free(im->arena);
	return ST_OK;
}

enum status import_contacts(struct call *call)
{
	struct import im = { .call = call, .whole = call->arena, .reply = buf_new(call->arena, 0) };
	for (bool more = true; more;)
		TRY(import_portion(&im, &more));
	pb_put_int(&im.reply, 2, im.n_created);
	pb_put_int(&im.reply, 3, im.n_existing);
	pb_put_int(&im.reply, 4, im.n_invalid);
	return call_reply_wire(call, buf_str(&im.reply));
}
