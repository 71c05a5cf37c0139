/* See office.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/support/office.h"
#include "adapters/config/config.h"
#include "grpc/health/v1/health.pb-c.h"

enum { WATCH_US = 30 * 1000 * 1000, MAX_SECRETS = 4096 };

/* ---- calls ---- */

void *ask(struct rpc_client_fixture *f, const char *method, const void *request,
	const ProtobufCMessageDescriptor *answer)
{
	enum status s = rpc_client_ask(f, method, request);

	if (s != ST_OK)
		fail_msg("%s: %s: %s (%s)", method, status_name(s), f->answer.outcome.message,
			rpc_client_details(f));
	return rpc_client_answer(f, answer);
}

void ask_in_vain(
	struct rpc_client_fixture *f, const char *method, const void *request, enum status expected)
{
	enum status s = rpc_client_ask(f, method, request);

	if (s != expected)
		fail_msg("%s: %s instead of %s: %s", method, status_name(s), status_name(expected),
			f->answer.outcome.message);
	if (s == ST_UNAVAILABLE)
		assert_non_null(strstr(rpc_client_details(f), " retry "));
}

enum status office_ask_at(
	struct rpc_client_fixture *f, int port, const char *method, const void *request)
{
	struct rpc_channel *usual = f->channel;
	const struct rpc_channel_config c = { .target = arena_printf(
						      f->arena, "127.0.0.1:%d", port) };
	enum status s;

	f->channel = rpc_channel_new(f->rpc, &c);
	s = rpc_client_ask(f, method, request);
	rpc_channel_free(f->channel);
	f->channel = usual;
	return s;
}

/* ---- builders ---- */

const Crm__AuthenticateResponse *sign_in(
	struct rpc_client_fixture *f, const char *tenant_key, const char *email)
{
	Crm__AuthenticateRequest q = CRM__AUTHENTICATE_REQUEST__INIT;
	Crm__PasswordCredential password = CRM__PASSWORD_CREDENTIAL__INIT;

	password.tenant_key = tenant_key;
	password.email = email;
	password.password = OFFICE_PASSWORD;
	q.credential_case = CRM__AUTHENTICATE_REQUEST__CREDENTIAL_PASSWORD;
	q.password = &password;
	return ask(f, IDENTITY "Authenticate", &q, &crm__authenticate_response__descriptor);
}

const Crm__Contact *create_contact(struct rpc_client_fixture *f, const char *display_name)
{
	Crm__CreateContactRequest q = CRM__CREATE_CONTACT_REQUEST__INIT;
	Crm__Contact contact = CRM__CONTACT__INIT;

	contact.display_name = display_name;
	q.contact = &contact;
	return ask(f, CONTACTS "CreateContact", &q, &crm__contact__descriptor);
}

const Crm__Contact *get_contact(struct rpc_client_fixture *f, const char *id)
{
	Crm__GetContactRequest q = CRM__GET_CONTACT_REQUEST__INIT;

	q.id = id;
	return ask(f, CONTACTS "GetContact", &q, &crm__contact__descriptor);
}

/* ---- the office ---- */

/* The first secret, which tools/stack made; each is good for one tenant. */
static const char *bootstrap_secret(struct office *o)
{
	struct str text;

	assert_int_equal(config_read_file(o->arena, stack_value(o->stack, "BOOTSTRAP_FILE"),
				 MAX_SECRETS, &text),
		ST_OK);
	return str_dup(o->arena, str_trim(str_cut(&text, '\n')));
}

static void open_office(struct rpc_client_fixture *f)
{
	struct office *o = f->arg;
	Crm__CreateTenantRequest q = CRM__CREATE_TENANT_REQUEST__INIT;
	Crm__Tenant tenant = CRM__TENANT__INIT;

	tenant.key = tenant.display_name = o->key;
	q.tenant = &tenant;
	q.administrator_email = o->admin_email;
	q.administrator_name = "Administrator";
	q.administrator_password = OFFICE_PASSWORD;
	q.bootstrap_secret = bootstrap_secret(o);
	const Crm__CreateTenantResponse *made =
		ask(f, IDENTITY "CreateTenant", &q, &crm__create_tenant_response__descriptor);
	o->tenant_id = arena_strdup(o->arena, made->tenant->id);
	o->admin_id = arena_strdup(o->arena, made->administrator->id);
	tenant.key = "another";
	ask_in_vain(
		f, IDENTITY "CreateTenant", &q, ST_PERMISSION_DENIED); /* the secret is used up */

	const Crm__AuthenticateResponse *in = sign_in(f, o->key, o->admin_email);
	assert_string_equal(in->session->user_id, o->admin_id);
	o->token = arena_printf(o->arena, "Bearer %s", in->access_token);
	o->refresh_token = arena_strdup(o->arena, in->refresh_token);
}

struct office *office_new(const char *key)
{
	struct office *o = mem_zalloc(sizeof(*o));

	o->arena = arena_new();
	o->stack = stack_up();
	o->key = arena_strdup(o->arena, key);
	o->admin_email = arena_printf(o->arena, "admin@%s.example.com", key);
	office_run(o, open_office, o);
	return o;
}

void office_free(struct office *o)
{
	if (!o)
		return;
	stack_down(o->stack);
	arena_free(o->arena);
	mem_free(o);
}

struct visit {
	struct office *office;
	void (*body)(struct rpc_client_fixture *f);
	void *arg;
};

static void enter(struct rpc_client_fixture *f)
{
	const struct visit *v = f->arg;

	f->token = v->office->token;
	f->arg = v->arg;
	v->body(f);
}

void office_run(struct office *o, void (*body)(struct rpc_client_fixture *f), void *arg)
{
	rpc_client_run(stack_port(o->stack, "GATEWAY"), enter, &(struct visit){ o, body, arg });
}

/* ---- health ---- */

struct rpc_stream *health_watch(struct rpc_client_fixture *f, const char *service)
{
	Grpc__Health__V1__HealthCheckRequest q = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
	int64_t usual = f->timeout_us;
	struct rpc_stream *watch;
	struct rpc_bytes *message;

	q.service = service;
	message = rpc_bytes_of(pb_pack(f->arena, &q));
	f->timeout_us = WATCH_US;
	assert_int_equal(rpc_client_open(f, "/grpc.health.v1.Health/Watch", &watch), ST_OK);
	f->timeout_us = usual;
	assert_int_equal(rpc_stream_send(watch, message), ST_OK);
	assert_int_equal(rpc_stream_half_close(watch), ST_OK);
	rpc_bytes_unref(message);
	return watch;
}

enum status health_next(
	struct rpc_client_fixture *f, struct rpc_stream *watch, bool *ret_is_serving)
{
	Grpc__Health__V1__HealthCheckResponse *r;
	struct rpc_bytes *message;
	struct rpc_outcome end;

	TRY(rpc_stream_recv(watch, &message));
	if (!message) {
		TRY(rpc_stream_finish(watch, &end, NULL));
		return end.status == ST_OK ? ST_UNKNOWN
					   : end.status; /* a watch has no end of its own */
	}
	TRY(pb_unpack(f->arena, &grpc__health__v1__health_check_response__descriptor,
		rpc_flat(f->arena, message), &r));
	*ret_is_serving =
		r->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	rpc_bytes_unref(message);
	return ST_OK;
}

void health_await_serving(struct rpc_client_fixture *f, const char *service)
{
	struct rpc_stream *watch = health_watch(f, service);
	bool is_serving = false;

	while (!is_serving)
		assert_int_equal(health_next(f, watch, &is_serving), ST_OK);
	rpc_stream_close(watch);
}
