/* The directory: identity's users as the other services know them, heard of by events. */
#include "kit/directory_private.h"
#include "adapters/db/db.h"
#include "common/kit/sql.h"
#include "crm/identity/v1/user.pb-c.h"
#include "kit/service.h"
#include "kit/write.h"

enum status directory_user(struct call *call, const char *user_id, const char **ret_team_id)
{
	Crm__RowKey key = CRM__ROW_KEY__INIT;
	Crm__DirectoryUser *user;
	struct db_rows *rows;
	key.id = user_id;
	TRY(db_read(
		call->service->db, call->arena, &sql_directory_get, call_args(call, &key), &rows));
	TRY(db_row_message(call->arena, rows, 0, &user));
	*ret_team_id = user->team_id;
	return ST_OK;
}

static enum status on_user(struct call *call, const Crm__Event *event)
{
	Crm__User *user, *before;
	TRY(event_after(call, event, &crm__user__descriptor, &user));
	TRY(event_before(call, event, &crm__user__descriptor, &before));
	bool is_gone = !user;
	if (is_gone)
		user = before;
	if (!user)
		return ST_INVALID_ARGUMENT;
	Crm__DirectoryUser row = CRM__DIRECTORY_USER__INIT;
	row.user_id = event->resource_id;
	row.team_id = user->team_id;
	row.display_name = user->display_name;
	row.email = user->email;
	row.is_active =
		!is_gone && !user->delete_time && user->state != CRM__USER__STATE__STATE_SUSPENDED;
	row.revision = event->revision;
	struct db_batch *b = db_batch_new(call->service->db, call->arena);
	(void)db_batch_add(b, &sql_directory_put, call_args(call, &row));
	return call_write(call, b, NULL, 0, NULL);
}

const struct event_handler directory_handler = {
	.name = "directory",
	.subject = "crm.*.identity.user.*.*",
	.handle = on_user,
};
