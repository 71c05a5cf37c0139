/* Types of a service: every generated message reachable from its APIs, its own list and the kit's,
 * by name. */
#include "crm/internal/v1/scope.pb-c.h"
#include "crm/events/v1/event.pb-c.h"
#include "kit/service_private.h"

static const ProtobufCMessageDescriptor *const KIT_TYPES[] = {
	&crm__outbox_row__descriptor,
	&crm__outbox_keys__descriptor,
	&crm__outbox_lock__descriptor,
	&crm__idempotency_row__descriptor,
	&crm__inbox_row__descriptor,
	&crm__row_key__descriptor,
	&crm__row_keys__descriptor,
	&crm__directory_user__descriptor,
	&crm__event__descriptor,
};

static void append(struct service_private *p, const ProtobufCMessageDescriptor *d)
{
	if (p->n_types == p->cap_types) {
		p->cap_types = p->cap_types ? p->cap_types * 2 : 64;
		p->type_list = mem_realloc(
			p->type_list, p->cap_types * sizeof(const ProtobufCMessageDescriptor *));
	}
	p->type_list[p->n_types++] = d;
}

/* Whoever comes first keeps a short name: the service's own types are added before the kit's. */
static void add(struct service_private *p, const ProtobufCMessageDescriptor *d)
{
	void *value = (void *)(uintptr_t)d;

	if (map_get(&p->types, str_c(d->name)))
		return;
	(void)map_set(&p->types, str_c(d->name), value); /* it was not there */
	if (!map_get(&p->types, str_c(d->short_name)))
		(void)map_set(&p->types, str_c(d->short_name), value);
	append(p, d);
	for (unsigned i = 0; i < d->n_fields; i++) {
		if (d->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
			add(p, d->fields[i].descriptor);
	}
}

static void add_api(struct service_private *p, const ProtobufCServiceDescriptor *api)
{
	for (unsigned i = 0; i < api->n_methods; i++) {
		add(p, api->methods[i].input);
		add(p, api->methods[i].output);
	}
}

void types_init(struct service *s)
{
	const struct service_def *def = s->def;

	map_init(&s->p->types);
	for (size_t i = 0; def->apis[i]; i++)
		add_api(s->p, def->apis[i]);
	for (size_t i = 0; def->types && def->types[i]; i++)
		add(s->p, def->types[i]);
	for (size_t i = 0; i < sizeof(KIT_TYPES) / sizeof(KIT_TYPES[0]); i++)
		add(s->p, KIT_TYPES[i]);
}

void types_done(struct service *s)
{
	map_done(&s->p->types);
	mem_free(s->p->type_list);
}
