/* GetCustomer360: everything known about one customer, from all services side by side. */
#include "services/gateway/gateway.h"

#include "base/clock.h"
#include "kit/client.h"

static const int64_t DEFAULT_US = 5 * 1000000LL, MAX_US = 30 * 1000000LL;
enum { MARGIN_PERCENT = 10, TIMELINE_SIZE = 50 };

/* One part of the answer: a call to a service. */
struct part {
	struct call *call;
	const char *name, *package, *method;
	const void *request;
	const ProtobufCMessageDescriptor *output;
	void *answer; /* NULL unless status is OK */
	enum status status;
	const char *why;
	/* before the call's own, so that there is time to answer with what came */
	int64_t deadline;
};

static void fetch(void *arg)
{
	struct part *p = arg;
	struct rpc_channel *ch = upstream_channel(p->call->service, p->package);
	if (!ch) {
		p->status = ST_UNAVAILABLE;
		p->why = "this installation does not have the service";
		return;
	}
	fiber_set_deadline(fiber_self(), p->deadline);
	p->status = client_call(p->call, ch, p->method, p->request, p->output, &p->answer, &p->why);
}

static Crm__Section *section_of(struct call *call, const struct part *p)
{
	Crm__Section *s = pb_new(call->arena, &crm__section__descriptor);
	s->name = p->name;
	s->state = CRM__SECTION__STATE__STATE_OK;
	if (p->status == ST_OK)
		return s;
	const bool is_denied = p->status == ST_PERMISSION_DENIED || p->status == ST_NOT_FOUND;
	s->state = is_denied ? CRM__SECTION__STATE__STATE_DENIED
			     : CRM__SECTION__STATE__STATE_UNREACHABLE;
	s->message = p->why && *p->why ? p->why : "did not answer in time";
	return s;
}

/* Answers that end the call: the customer is not there, or the caller is not good for anything. */
static enum status check_contact(struct call *call, const struct part *contact)
{
	switch (contact->status) {
	case ST_NOT_FOUND:
		return call_fail(call, ST_NOT_FOUND, "contact_id", "%s", contact->why);
	case ST_UNAUTHENTICATED:
		return call_fail(call, ST_UNAUTHENTICATED, NULL, "%s", contact->why);
	default:
		return ST_OK;
	}
}

/* A caller who set no deadline does not wait long for a service that hangs. */
static int64_t parts_deadline(const struct call *call)
{
	const int64_t now = clock_mono_us(), asked = rpc_deadline(call->rpc);
	int64_t left = asked == CLOCK_NEVER ? DEFAULT_US : asked - now;
	left = left < MAX_US ? left : MAX_US;
	return now + left - left * MARGIN_PERCENT / 100;
}

/* The owner can be asked for only once the contact is known. */
struct contact_and_owner {
	struct part contact, owner;
};

static void fetch_contact_and_owner(void *arg)
{
	struct contact_and_owner *both = arg;
	fetch(&both->contact);
	if (both->contact.status != ST_OK) {
		both->owner.status = both->contact.status;
		both->owner.why = "the contact is not known";
		return;
	}
	Crm__GetUserRequest q = CRM__GET_USER_REQUEST__INIT;
	q.id = ((const Crm__Contact *)both->contact.answer)->owner_id;
	both->owner.request = &q;
	fetch(&both->owner);
}

/* As the proxy does for the calls that it forwards. */
static enum status check_rate(struct call *call)
{
	struct gateway *g = gateway_of(call->service);
	int64_t retry_ms;
	if (limits_take(g->by_address, str_c(call->address), &retry_ms) &&
		limits_take_principal(g->by_principal, call->principal, &retry_ms))
		return ST_OK;
	return call_fail_retry(call, ST_RESOURCE_EXHAUSTED, retry_ms, "too many calls; slow down");
}

static enum status reply(struct call *call, const struct contact_and_owner *both,
	const struct part *affiliations, const struct part *timeline)
{
	Crm__Customer360 r = CRM__CUSTOMER360__INIT;
	Crm__Section *sections[] = { section_of(call, &both->contact),
		section_of(call, affiliations), section_of(call, timeline),
		section_of(call, &both->owner) };
	r.sections = sections;
	r.n_sections = sizeof(sections) / sizeof(sections[0]);
	r.contact = both->contact.status == ST_OK ? both->contact.answer : NULL;
	r.owner = both->owner.status == ST_OK ? both->owner.answer : NULL;
	if (affiliations->status == ST_OK) {
		const Crm__ListAffiliationsResponse *a = affiliations->answer;
		r.n_affiliations = a->n_affiliations;
		r.affiliations = a->affiliations;
	}
	if (timeline->status == ST_OK) {
		const Crm__ListTimelineResponse *t = timeline->answer;
		r.n_timeline = t->n_entries;
		r.timeline = t->entries;
	}
	return call_reply(call, &r);
}

enum status get_customer360(struct call *call)
{
	const Crm__GetCustomer360Request *q = call->request;
	TRY(check_rate(call));
	const int64_t deadline = parts_deadline(call);

	Crm__GetContactRequest get = CRM__GET_CONTACT_REQUEST__INIT;
	get.id = q->contact_id;
	Crm__ListAffiliationsRequest list = CRM__LIST_AFFILIATIONS_REQUEST__INIT;
	/* a UUID: the field's rule says so */
	list.filter = arena_printf(call->arena, "contact_id = \"%s\"", q->contact_id);
	list.page_size = 100;
	Crm__ListTimelineRequest history = CRM__LIST_TIMELINE_REQUEST__INIT;
	history.contact_id = q->contact_id;
	history.page_size = q->timeline_size ? q->timeline_size : TIMELINE_SIZE;

	struct contact_and_owner both = {
		.contact = { call, "contact", "crm.contacts.v1",
			"/crm.contacts.v1.ContactsService/GetContact", &get,
			&crm__contact__descriptor, .deadline = deadline },
		.owner = { call, "owner", "crm.identity.v1",
			"/crm.identity.v1.IdentityService/GetUser", NULL, &crm__user__descriptor,
			.deadline = deadline },
	};
	struct part affiliations = { call, "affiliations", "crm.contacts.v1",
		"/crm.contacts.v1.ContactsService/ListAffiliations", &list,
		&crm__list_affiliations_response__descriptor, .deadline = deadline };
	struct part timeline = { call, "timeline", "crm.contacts.v1",
		"/crm.contacts.v1.ContactsService/ListTimeline", &history,
		&crm__list_timeline_response__descriptor, .deadline = deadline };
	struct group g;
	group_init(&g);
	group_spawn(&g, fetch_contact_and_owner, &both);
	group_spawn(&g, fetch, &affiliations);
	group_spawn(&g, fetch, &timeline);
	TRY(group_wait(&g));
	TRY(check_contact(call, &both.contact));
	return reply(call, &both, &affiliations, &timeline);
}
