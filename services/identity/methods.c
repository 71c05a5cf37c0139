/* Every RPC of the identity service and what serves it. Permissions, rules and events are declared
 * in proto/crm/identity/v1. */
#include "services/identity/identity.h"

const struct method_entry identity_methods[] = {
	{ "CreateTenant", create_tenant, NULL },
	{ "GetTenant", get_tenant, NULL },
	{ "UpdateTenant", update_tenant, NULL },

	{ "Authenticate", authenticate, NULL },
	{ "RefreshSession", refresh_session, NULL },
	{ "RevokeSession", revoke_session, NULL },
	{ "ListSessions", list_sessions, NULL },
	{ "GetKeySet", get_key_set, NULL },
	{ "ChangePassword", change_password, NULL },
	{ "ExplainAccess", explain_access, NULL },

	{ "GetUser", resource_get, &user_resource },
	{ "ListUsers", resource_list, &user_resource },
	{ "CreateUser", resource_create, &user_resource },
	{ "UpdateUser", resource_update, &user_resource },
	{ "DeleteUser", resource_delete, &user_resource },
	{ "UndeleteUser", resource_undelete, &user_resource },

	{ "GetTeam", resource_get, &team_resource },
	{ "ListTeams", resource_list, &team_resource },
	{ "CreateTeam", resource_create, &team_resource },
	{ "UpdateTeam", resource_update, &team_resource },
	{ "DeleteTeam", resource_delete, &team_resource },

	{ "GetRole", resource_get, &role_resource },
	{ "ListRoles", resource_list, &role_resource },
	{ "CreateRole", resource_create, &role_resource },
	{ "UpdateRole", resource_update, &role_resource },
	{ "DeleteRole", resource_delete, &role_resource },

	{ "GetApiKey", resource_get, &api_key_resource },
	{ "ListApiKeys", resource_list, &api_key_resource },
	{ "CreateApiKey", create_api_key, NULL },
	{ "DeleteApiKey", resource_delete, &api_key_resource },
	{ 0 },
};
