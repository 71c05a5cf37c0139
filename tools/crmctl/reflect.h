/*
 * reflect: what a server says of itself by gRPC server reflection, v1 or else v1alpha. Nothing is
 * kept beyond a run. Owner: the run's arena ends the stream and owns the schemas.
 */
#pragma once
#include "tools/crmctl/crmctl.h"

struct reflection;

struct reflection *reflect_begin(struct ctl *c, struct rpc_channel *ch);

struct service_names {
	size_t n;
	const char **list;
};
/* The services of the server, in its order. */
enum status reflect_services(struct reflection *r, struct service_names *ret) MUST_CHECK;
/* The full name of what a user calls a service: itself, "ContactsService", or "contacts". */
enum status reflect_service_name(struct reflection *r, struct str given, const char **ret)
	MUST_CHECK;
/* Fetches the file that declares the symbol, with all that it needs. ST_NOT_FOUND is not said: the
 * caller may know another name. */
enum status reflect_symbol(struct reflection *r, const char *symbol) MUST_CHECK;
/* Everything fetched so far, as one schema. */
enum status reflect_schema(struct reflection *r, struct pb_schema **ret) MUST_CHECK;
