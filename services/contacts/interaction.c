/* Interactions and the timeline. */
#include "services/contacts/contacts.h"

#include "base/uuid.h"
#include "kit/page.h"

static enum status check_parties(struct call *call, const Crm__Interaction *i)
{
	if (!*i->contact_id && !*i->organization_id)
		return call_fail(call, ST_INVALID_ARGUMENT, "interaction.contact_id",
			"give contact_id or organization_id");
	void *found;
	if (*i->contact_id)
		TRY(resource_load(call, &contact_resource, i->contact_id, false,
			"interaction.contact_id", &found));
	if (*i->organization_id)
		TRY(resource_load(call, &organization_resource, i->organization_id, false,
			"interaction.organization_id", &found));
	return ST_OK;
}

/* A message of a channel that was logged before is answered as it was stored. */
static enum status reply_logged(struct call *call, const Crm__Interaction *i)
{
	Crm__ChannelMessage m = CRM__CHANNEL_MESSAGE__INIT;
	m.channel = i->channel;
	m.channel_message_id = i->channel_message_id;
	struct db_rows *rows;
	TRY(db_read(call->service->db, call->arena, &sql_interaction_by_message,
		call_args(call, &m), &rows));
	Crm__Interaction *stored;
	TRY(db_row_message(call->arena, rows, 0, &stored));
	TRY(check_parties(call, stored)); /* what the caller may not see is not shown */
	return call_reply(call, stored);
}

enum status log_interaction(struct call *call)
{
	const Crm__LogInteractionRequest *q = call->request;
	Crm__Interaction *i = pb_dup(call->arena, q->interaction);
	i->id = uuid_v7_text(call->arena);
	i->create_time = call_timestamp(call->arena, call_now_us(call));
	i->creator_id = call->scope->user_id;
	if (!i->occur_time)
		i->occur_time = i->create_time;
	TRY(check_parties(call, i));

	struct db_batch *b = db_batch_new(call->service->db, call->arena);
	(void)db_batch_add(b, &sql_interaction_insert, call_args(call, i)); /* no rows are read */
	struct change *changes = arena_new_array(call->arena, struct change, 1 + ANSWERS_MAX);
	changes[0] = (struct change){
		.entity = "interaction", .verb = "logged", .id = i->id, .revision = 1, .after = i
	};
	size_t n = 1;
	if (i->direction == CRM__INTERACTION__DIRECTION__DIRECTION_OUTBOUND && *i->contact_id)
		TRY(answer_inquiries(call, b, i->contact_id, i->occur_time, changes, &n));

	struct db_error e;
	const enum status s = call_try_write(call, b, changes, n, i, &e);
	if (s == ST_ALREADY_EXISTS && strcmp(e.constraint, "interaction_channel_message") == 0)
		return reply_logged(call, i);
	return s == ST_OK ? ST_OK : call_fail_db(call, &e);
}

static const struct filter_field timeline_fields[] = {
	{ "id", "t.id", FILTER_UUID, .can_order = true },
	{ "time", "t.time", FILTER_TIME, .can_order = true },
	{ 0 },
};

enum status list_timeline(struct call *call)
{
	const Crm__ListTimelineRequest *q = call->request;
	if (!*q->contact_id == !*q->organization_id)
		return call_fail(call, ST_INVALID_ARGUMENT, "contact_id",
			"give exactly one of contact_id and organization_id");
	void *found;
	if (*q->contact_id)
		TRY(resource_load(
			call, &contact_resource, q->contact_id, true, "contact_id", &found));
	else
		TRY(resource_load(call, &organization_resource, q->organization_id, true,
			"organization_id", &found));
	const struct page_spec page = {
		.statement =
			*q->contact_id ? &sql_timeline_of_contact : &sql_timeline_of_organization,
		.fields = timeline_fields,
		.default_order = "time desc",
		.list_field = "entries",
		.row_type = &crm__timeline_entry__descriptor,
	};
	return page_reply(call, &page);
}
