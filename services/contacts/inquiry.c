/* Inquiries: stored before they are answered, each linked to a person. */
#include "services/contacts/contacts.h"

#include "adapters/phone/phone.h"
#include "base/uuid.h"
#include "kit/page.h"
#include "services/contacts/rules.h"

enum { TRIES = 5 };

static enum status prepare(struct call *call, Crm__Inquiry *q, Crm__ContactKeys *keys)
{
	if (!*q->from_email && !*q->from_phone)
		return call_fail(call, ST_INVALID_ARGUMENT, "inquiry.from_email",
			"give from_email or from_phone");
	keys->keys = arena_new_array(call->arena, const char *, 2);
	if (*q->from_email)
		keys->keys[keys->n_keys++] = rules_email_key(call->arena, q->from_email);
	if (*q->from_phone) {
		const char *region = *q->region ? q->region : contacts_settings.default_region;
		const char *e164, *why;
		if (phone_to_e164(call->arena, q->from_phone, region, &e164, &why) != ST_OK)
			return call_fail(
				call, ST_INVALID_ARGUMENT, "inquiry.from_phone", "%s", why);
		keys->keys[keys->n_keys++] = rules_phone_key(call->arena, e164);
	}
	q->id = uuid_v7_text(call->arena);
	q->create_time = call_timestamp(call->arena, call_now_us(call));
	q->creator_id = call->scope->user_id;
	q->state = CRM__INQUIRY__STATE__STATE_NEW;
	q->first_response_time = NULL;
	if (!q->receive_time)
		q->receive_time = q->create_time;
	return ST_OK;
}

/* The id of the person with one of the keys, or "". */
static enum status find_contact(
	struct call *call, const Crm__ContactKeys *keys, const char **ret_id)
{
	struct db_rows *rows;
	const enum status s = db_read(call->service->db, call->arena, &sql_inquiry_find_contact,
		call_args(call, keys), &rows);
	if (s == ST_OK)
		*ret_id = db_text(rows, 0, "contact_id");
	else if (s == ST_NOT_FOUND)
		*ret_id = "";
	else
		return s;
	return ST_OK;
}

static Crm__Contact *sender(struct call *call, const Crm__Inquiry *q)
{
	Crm__Contact *c = pb_new(call->arena, &crm__contact__descriptor);
	if (*q->from_name)
		c->name = rules_split_name(call->arena, q->from_name);
	if (*q->from_email) {
		Crm__EmailAddress *email = pb_new(call->arena, &crm__email_address__descriptor);
		email->address = q->from_email;
		c->emails = arena_dup(call->arena, &email, sizeof(email));
		c->n_emails = 1;
	}
	if (*q->from_phone) {
		Crm__PhoneNumber *phone = pb_new(call->arena, &crm__phone_number__descriptor);
		phone->number = q->from_phone;
		phone->region = q->region;
		c->phones = arena_dup(call->arena, &phone, sizeof(phone));
		c->n_phones = 1;
	}
	c->source = utf8_count(str_c(q->channel)) <= 100 ? q->channel : "";
	return c;
}

static enum status create_sender(struct call *call, struct db_batch *b, Crm__Inquiry *q,
	Crm__ContactKeys *keys, struct change *ret)
{
	Crm__Contact *c = sender(call, q);
	TRY(resource_prepare_create(call, &contact_resource, c, b, ret));
	q->contact_id = keys->contact_id = c->id;
	/* no rows are read */
	(void)db_batch_add(b, &sql_inquiry_sender_insert, call_args(call, keys));
	return ST_OK;
}

static enum status try_submit(
	struct call *call, Crm__Inquiry *q, Crm__ContactKeys *keys, struct db_error *ret)
{
	struct db_batch *b = db_batch_new(call->service->db, call->arena);
	struct change changes[2];
	size_t n = 0;
	TRY(find_contact(call, keys, &q->contact_id));
	if (!*q->contact_id)
		TRY(create_sender(call, b, q, keys, &changes[n++]));
	(void)db_batch_add(b, &sql_inquiry_insert, call_args(call, q)); /* no rows are read */
	changes[n++] = (struct change){
		.entity = "inquiry", .verb = "received", .id = q->id, .revision = 1, .after = q
	};
	return call_try_write(call, b, changes, n, q, ret);
}

static enum status reply_stored(struct call *call, const Crm__Inquiry *q)
{
	Crm__ChannelMessage m = CRM__CHANNEL_MESSAGE__INIT;
	m.channel = q->channel;
	m.channel_message_id = q->channel_message_id;
	struct db_rows *rows;
	const enum status s = db_read(call->service->db, call->arena, &sql_inquiry_by_message,
		call_args(call, &m), &rows);
	if (s == ST_NOT_FOUND) /* who may not see it does not learn by guessing what it says */
		return call_fail(call, ST_ALREADY_EXISTS, "inquiry.channel_message_id",
			"was taken in before, by somebody whose inquiries you may not see");
	TRY(s);
	struct buf wire = buf_new(call->arena, 0);
	db_row_wire(rows, 0, &wire);
	return call_reply_wire(call, buf_str(&wire));
}

enum status submit_inquiry(struct call *call)
{
	const Crm__SubmitInquiryRequest *request = call->request;
	Crm__Inquiry *q = pb_dup(call->arena, request->inquiry);
	Crm__ContactKeys keys = CRM__CONTACT_KEYS__INIT;
	TRY(prepare(call, q, &keys));
	struct db_error e = { 0 };
	for (int i = 0; i < TRIES; i++) {
		const enum status s = try_submit(call, q, &keys, &e);
		if (s != ST_ALREADY_EXISTS)
			return s == ST_OK || !e.constraint ? s : call_fail_db(call, &e);
		if (strcmp(e.constraint, "inquiry_channel_message") == 0)
			return reply_stored(call, q);
		if (strcmp(e.constraint, "inquiry_sender_pkey") != 0)
			break;
		/* another inquiry of the same new person came first: now there is a contact */
	}
	return call_fail_db(call, &e);
}

enum status get_inquiry(struct call *call)
{
	const Crm__GetInquiryRequest *q = call->request;
	Crm__RowKey key = CRM__ROW_KEY__INIT;
	key.id = q->id;
	struct db_rows *rows;
	const enum status s = db_read(
		call->service->db, call->arena, &sql_inquiry_get, call_args(call, &key), &rows);
	if (s == ST_NOT_FOUND)
		return call_fail(call, s, "id", "there is no inquiry '%s'", q->id);
	TRY(s);
	struct buf wire = buf_new(call->arena, 0);
	db_row_wire(rows, 0, &wire);
	return call_reply_wire(call, buf_str(&wire));
}

static const struct filter_field fields[] = {
	{ "id", "q.id", FILTER_UUID, .can_order = true },
	{ "create_time", "q.create_time", FILTER_TIME, .can_order = true },
	{ "receive_time", "q.receive_time", FILTER_TIME },
	{ "contact_id", "q.contact_id", FILTER_UUID },
	{ "channel", "q.channel", FILTER_TEXT },
	{ "state", "q.state", FILTER_ENUM },
	{ 0 },
};

enum status list_inquiries(struct call *call)
{
	static const struct page_spec page = {
		.statement = &sql_inquiry_list,
		.fields = fields,
		.default_order = "create_time",
		.list_field = "inquiries",
		.row_type = &crm__inquiry__descriptor,
	};
	return page_reply(call, &page);
}

enum status answer_inquiries(struct call *call, struct db_batch *b, const char *contact_id,
	const Google__Protobuf__Timestamp *time, struct change *changes, size_t *n_changes)
{
	Crm__InquiryAnswer answer = CRM__INQUIRY_ANSWER__INIT;
	answer.contact_id = contact_id;
	answer.time = pb_dup(call->arena, time);
	struct db_rows *rows;
	TRY(db_read(call->service->db, call->arena, &sql_inquiry_unanswered,
		call_args(call, &answer), &rows));
	for (size_t i = 0; i < db_count(rows) && i < ANSWERS_MAX; i++) {
		Crm__Inquiry *before, *after;
		TRY(db_row_message(call->arena, rows, i, &before));
		after = pb_dup(call->arena, before);
		after->state = CRM__INQUIRY__STATE__STATE_ANSWERED;
		after->first_response_time = answer.time;
		answer.id = before->id;
		/* no rows are read */
		(void)db_batch_add(b, &sql_inquiry_answer, call_args(call, &answer));
		changes[(*n_changes)++] = (struct change){ .entity = "inquiry",
			.verb = "answered",
			.id = after->id,
			.revision = 2,
			.before = before,
			.after = after };
	}
	return ST_OK;
}
