/* A day at an office that has just been opened: a saleswoman is hired, a stranger writes, is
 * recognized, answered and known; and what is known can be seen while parts of the system are away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/clock.h"
#include "tests/support/office.h"

enum { PATIENCE_US = 4 * 1000 * 1000 }; /* less than the gateway would take by itself */

struct day {
	struct office *office;
	/* kept from one test to the next, in the office's arena */
	const char *eva_id, *eva_token, *jana_id;
};

static const char EVA[] = "eva@day.example.com";

/* ---- hiring ---- */

static const char *salesperson_role(struct rpc_client_fixture *f)
{
	Crm__ListRolesRequest q = CRM__LIST_ROLES_REQUEST__INIT;

	q.filter = "display_name = \"salesperson\"";
	const Crm__ListRolesResponse *r =
		ask(f, IDENTITY "ListRoles", &q, &crm__list_roles_response__descriptor);
	assert_int_equal(r->n_roles, 1);
	return r->roles[0]->id;
}

static const char *new_team(struct rpc_client_fixture *f, const char *name)
{
	Crm__CreateTeamRequest q = CRM__CREATE_TEAM_REQUEST__INIT;
	Crm__Team team = CRM__TEAM__INIT;

	team.display_name = name;
	q.team = &team;
	return ((const Crm__Team *)ask(f, IDENTITY "CreateTeam", &q, &crm__team__descriptor))->id;
}

/* From here on the calls are Eva's. */
static void eva_is_hired_and_signs_in(struct rpc_client_fixture *f)
{
	struct day *day = f->arg;
	struct arena *a = day->office->arena;
	Crm__CreateUserRequest q = CRM__CREATE_USER_REQUEST__INIT;
	Crm__User user = CRM__USER__INIT;
	const char *roles[] = { salesperson_role(f) };

	user.email = EVA;
	user.display_name = "Eva Malá";
	user.password = OFFICE_PASSWORD;
	user.team_id = new_team(f, "Obchod");
	user.role_ids = roles;
	user.n_role_ids = 1;
	q.user = &user;
	const Crm__User *made = ask(f, IDENTITY "CreateUser", &q, &crm__user__descriptor);
	assert_string_equal(made->password, "");
	day->eva_id = arena_strdup(a, made->id);
	day->eva_token =
		arena_printf(a, "Bearer %s", sign_in(f, day->office->key, EVA)->access_token);
	f->token = day->eva_token;
	/* she is no administrator */
	ask_in_vain(f, IDENTITY "CreateUser", &q, ST_PERMISSION_DENIED);
}

/* ---- an inquiry ---- */

static const Crm__Inquiry *submit(
	struct rpc_client_fixture *f, const char *message_id, const char *phone)
{
	Crm__SubmitInquiryRequest q = CRM__SUBMIT_INQUIRY_REQUEST__INIT;
	Crm__Inquiry inquiry = CRM__INQUIRY__INIT;

	inquiry.channel = "web";
	inquiry.channel_message_id = message_id;
	inquiry.from_name = "Jana Dvořáková";
	inquiry.from_email = "Jana@Dvorakova.example.com";
	inquiry.from_phone = phone;
	inquiry.subject = "Poptávka";
	inquiry.body = "Dobrý den,\nkolik stojí pět kusů?";
	q.inquiry = &inquiry;
	return ask(f, CONTACTS "SubmitInquiry", &q, &crm__inquiry__descriptor);
}

/* The id of the inquiry. */
static const char *a_stranger_writes_and_becomes_a_contact(struct rpc_client_fixture *f)
{
	struct day *day = f->arg;
	const Crm__Inquiry *inquiry = submit(f, "message-1", "604 893 825"),
			   *again = submit(f, "message-1", "604 893 825");

	assert_int_equal(inquiry->state, CRM__INQUIRY__STATE__STATE_NEW);
	assert_string_equal(again->id, inquiry->id); /* the channel delivered it twice */
	const Crm__Contact *jana = get_contact(f, inquiry->contact_id);
	assert_string_equal(jana->display_name, "Jana Dvořáková");
	assert_string_equal(jana->owner_id, day->eva_id);
	assert_int_equal(jana->n_phones, 1);
	assert_string_equal(jana->phones[0]->e164, "+420604893825");
	day->jana_id = arena_strdup(day->office->arena, jana->id);
	return inquiry->id;
}

static void is_found_by(struct rpc_client_fixture *f, const char *query)
{
	const struct day *day = f->arg;
	Crm__SearchContactsRequest q = CRM__SEARCH_CONTACTS_REQUEST__INIT;

	q.query = query;
	const Crm__SearchContactsResponse *r =
		ask(f, CONTACTS "SearchContacts", &q, &crm__search_contacts_response__descriptor);
	if (r->n_results != 1 || strcmp(r->results[0]->contact->id, day->jana_id) != 0)
		fail_msg("'%s' finds %zu others", query, r->n_results);
}

static void the_person_is_found(struct rpc_client_fixture *f)
{
	(void)create_contact(f, "Petr Novák"); /* who is not meant */
	is_found_by(f, "dvorakova jana");
	is_found_by(f, "Dvořakowa");
	is_found_by(f, "jana@dvorakova");
	is_found_by(f, "+420 604 893 825");
	is_found_by(f, "604893825");
}

/* ---- the history ---- */

static void log_interaction(struct rpc_client_fixture *f, Crm__Interaction__Kind kind,
	Crm__Interaction__Direction direction, const char *subject)
{
	const struct day *day = f->arg;
	Crm__LogInteractionRequest q = CRM__LOG_INTERACTION_REQUEST__INIT;
	Crm__Interaction interaction = CRM__INTERACTION__INIT;

	interaction.contact_id = day->jana_id;
	interaction.kind = kind;
	interaction.direction = direction;
	interaction.subject = subject;
	q.interaction = &interaction;
	(void)ask(f, CONTACTS "LogInteraction", &q, &crm__interaction__descriptor);
}

static const Crm__Inquiry *get_inquiry(struct rpc_client_fixture *f, const char *id)
{
	Crm__GetInquiryRequest q = CRM__GET_INQUIRY_REQUEST__INIT;

	q.id = id;
	return ask(f, CONTACTS "GetInquiry", &q, &crm__inquiry__descriptor);
}

static void the_history_grows(struct rpc_client_fixture *f, const char *inquiry_id)
{
	const struct day *day = f->arg;

	log_interaction(f, CRM__INTERACTION__KIND__KIND_CALL,
		CRM__INTERACTION__DIRECTION__DIRECTION_INBOUND, "Spěchá");
	assert_int_equal(get_inquiry(f, inquiry_id)->state, CRM__INQUIRY__STATE__STATE_NEW);
	log_interaction(f, CRM__INTERACTION__KIND__KIND_EMAIL,
		CRM__INTERACTION__DIRECTION__DIRECTION_OUTBOUND, "Nabídka");
	const Crm__Inquiry *answered = get_inquiry(f, inquiry_id);
	assert_int_equal(answered->state, CRM__INQUIRY__STATE__STATE_ANSWERED);
	assert_non_null(answered->first_response_time);
	/* whom we know is recognized by the address alone */
	assert_string_equal(submit(f, "message-2", "")->contact_id, day->jana_id);
}

static void she_works_somewhere(struct rpc_client_fixture *f)
{
	const struct day *day = f->arg;
	Crm__CreateOrganizationRequest create = CRM__CREATE_ORGANIZATION_REQUEST__INIT;
	Crm__Organization organization = CRM__ORGANIZATION__INIT;
	Crm__CreateAffiliationRequest link = CRM__CREATE_AFFILIATION_REQUEST__INIT;
	Crm__Affiliation affiliation = CRM__AFFILIATION__INIT;

	organization.name = "Mlýn s.r.o.";
	create.organization = &organization;
	const Crm__Organization *mill =
		ask(f, CONTACTS "CreateOrganization", &create, &crm__organization__descriptor);
	affiliation.contact_id = day->jana_id;
	affiliation.organization_id = mill->id;
	affiliation.title = "mlynářka";
	link.affiliation = &affiliation;
	(void)ask(f, CONTACTS "CreateAffiliation", &link, &crm__affiliation__descriptor);
}

/* ---- the view of her ---- */

static const Crm__Customer360 *view(struct rpc_client_fixture *f)
{
	const struct day *day = f->arg;
	Crm__GetCustomer360Request q = CRM__GET_CUSTOMER360_REQUEST__INIT;
	int64_t usual = f->timeout_us;

	assert_non_null(day->jana_id);
	q.contact_id = day->jana_id;
	f->timeout_us = PATIENCE_US;
	const Crm__Customer360 *v =
		ask(f, GATEWAY "GetCustomer360", &q, &crm__customer360__descriptor);
	f->timeout_us = usual;
	return v;
}

/* "contact ok, owner unreachable" */
static const char *sections(struct rpc_client_fixture *f, const Crm__Customer360 *v)
{
	static const char *const states[] = { "?", "ok", "unreachable", "denied" };
	struct buf b = buf_new(f->arena, 0);

	for (size_t i = 0; i < v->n_sections; i++) {
		const Crm__Section *s = v->sections[i];

		assert_in_range(s->state, 1, 3);
		assert_int_equal(*s->message != '\0', s->state != CRM__SECTION__STATE__STATE_OK);
		buf_printf(&b, "%s%s %s", i ? ", " : "", s->name, states[s->state]);
	}
	return buf_cstr(&b);
}

static const char *subject_of(const Crm__TimelineEntry *e)
{
	assert_true(!e->interaction != !e->inquiry);
	return e->interaction ? e->interaction->subject : e->inquiry->channel_message_id;
}

static void contacts_know_her(const Crm__Customer360 *v)
{
	static const char *const history[] = { "message-2", "Nabídka", "Spěchá", "message-1" };

	assert_string_equal(v->contact->display_name, "Jana Dvořáková");
	assert_int_equal(v->n_affiliations, 1);
	assert_string_equal(v->affiliations[0]->title, "mlynářka");
	assert_string_equal(v->affiliations[0]->organization_name, "Mlýn s.r.o.");
	assert_int_equal(v->n_timeline, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(subject_of(v->timeline[i]), history[i]);
}

static void the_view_is_complete(struct rpc_client_fixture *f)
{
	const Crm__Customer360 *v = view(f);

	assert_string_equal(sections(f, v), "contact ok, affiliations ok, timeline ok, owner ok");
	contacts_know_her(v);
	assert_string_equal(v->owner->display_name, "Eva Malá");
}

/* ---- the stories ---- */

static void first_day(struct rpc_client_fixture *f)
{
	eva_is_hired_and_signs_in(f);
	const char *inquiry_id = a_stranger_writes_and_becomes_a_contact(f);
	the_person_is_found(f);
	she_works_somewhere(f);
	the_history_grows(f, inquiry_id);
	the_view_is_complete(f);
}

static void view_without_contacts(struct rpc_client_fixture *f)
{
	const struct day *day = f->arg;

	f->token = day->eva_token;
	the_view_is_complete(f);
	assert_int_equal(stack_stop(day->office->stack, "contacts"), 0);
	const int64_t begun = clock_mono_us();
	const Crm__Customer360 *v = view(f);
	assert_true(clock_mono_us() - begun < PATIENCE_US);
	/* whose contact it is only contacts can tell */
	assert_string_equal(sections(f, v), "contact unreachable, affiliations unreachable, "
					    "timeline unreachable, owner unreachable");
	assert_true(!v->contact && !v->n_affiliations && !v->n_timeline && !v->owner);

	stack_run(day->office->stack, "start contacts");
	health_await_serving(f, "crm.contacts.v1.ContactsService");
	the_view_is_complete(f);
}

static void view_without_identity(struct rpc_client_fixture *f)
{
	const struct day *day = f->arg;

	f->token = day->eva_token;
	the_view_is_complete(f);
	assert_int_equal(stack_stop(day->office->stack, "identity"), 0);
	const int64_t begun = clock_mono_us();
	const Crm__Customer360 *v = view(f);
	assert_true(clock_mono_us() - begun < PATIENCE_US);
	assert_string_equal(
		sections(f, v), "contact ok, affiliations ok, timeline ok, owner unreachable");
	contacts_know_her(v);
	assert_null(v->owner);

	stack_run(day->office->stack, "start identity");
	health_await_serving(f, "crm.identity.v1.IdentityService");
	the_view_is_complete(f);
}

#define STORY(name, body)                                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		struct day *day = *state;                                                          \
		office_run(day->office, body, day);                                                \
	}

STORY(an_inquiry_becomes_a_customer_whose_history_is_known, first_day)
STORY(while_contacts_are_away_the_view_says_so_in_time, view_without_contacts)
STORY(while_identity_is_away_the_rest_of_the_view_is_there, view_without_identity)

/* ---- set-up ---- */

static int open_office(void **state)
{
	struct office *o = office_new("day");
	struct day *day = arena_zalloc(o->arena, sizeof(*day));

	day->office = o;
	*state = day;
	return 0;
}

static int close_office(void **state)
{
	const struct day *day = *state;

	office_free(day->office);
	return 0;
}

/* Whatever a test before left behind. */
static int start_what_is_down(void **state)
{
	const struct day *day = *state;

	stack_run(day->office->stack, "up");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_inquiry_becomes_a_customer_whose_history_is_known),
		cmocka_unit_test_setup(
			while_contacts_are_away_the_view_says_so_in_time, start_what_is_down),
		cmocka_unit_test_setup(
			while_identity_is_away_the_rest_of_the_view_is_there, start_what_is_down),
	};

	return cmocka_run_group_tests(tests, open_office, close_office);
}
