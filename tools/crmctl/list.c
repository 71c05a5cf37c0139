/* crmctl list: the services of a server, or the methods of one with their kinds. */
#include <stdio.h>
#include "tools/crmctl/reflect.h"
#include "tools/crmctl/target.h"

static enum status services_print(struct reflection *r)
{
	struct service_names names;

	TRY(reflect_services(r, &names));
	for (size_t i = 0; i < names.n; i++)
		puts(names.list[i]);
	return ST_OK;
}

static enum status methods_print(struct reflection *r, struct str given)
{
	const struct pb_service *service;
	struct pb_schema *schema;
	const char *name;
	enum status st;

	TRY(reflect_service_name(r, given, &name));
	st = reflect_symbol(r, name);
	if (st == ST_NOT_FOUND)
		return ctl_fail(st, "the server has no service %s", name);
	TRY(st);
	TRY(reflect_schema(r, &schema));
	service = pb_schema_service(schema, name);
	if (!service)
		return ctl_fail(ST_NOT_FOUND, "%s is no service", name);
	for (size_t i = 0; i < service->n_methods; i++)
		printf("%s/%s\n", name, service->methods[i].name);
	return ST_OK;
}

enum status list_run(struct ctl *c)
{
	struct rpc_channel *ch;
	struct reflection *r;

	TRY(target_open(c, c->options.target, &ch));
	r = reflect_begin(c, ch);
	return c->options.n_args ? methods_print(r, str_c(c->options.args[0])) : services_print(r);
}
