/*
 * An office, for the stories of tests/e2e: a tenant whose administrator calls through the gateway.
 * Functions are for the body of rpc_client_run; whatever they return lives in the arena of the
 * fixture. Calls are made with f->token.
 */
#pragma once
#include "crm/contacts/v1/contacts_service.pb-c.h"
#include "crm/gateway/v1/gateway_service.pb-c.h"
#include "crm/identity/v1/identity_service.pb-c.h"
#include "tests/support/rpc_client.h"
#include "tests/support/stack.h"

#define IDENTITY        "/crm.identity.v1.IdentityService/"
#define CONTACTS        "/crm.contacts.v1.ContactsService/"
#define GATEWAY         "/crm.gateway.v1.GatewayService/"
#define OFFICE_PASSWORD "correct horse battery staple"

struct office {
	struct stack *stack;
	struct arena *arena;
	const char *tenant_id, *key; /* the key is what one signs in with */
	const char *admin_id, *admin_email, *token, *refresh_token;
};

/* Opens an office with a stack of its own, and signs its administrator in. */
struct office *office_new(const char *key);
void office_free(struct office *o); /* and the stack */
/* Runs the body at the gateway as the administrator; f->arg is arg. */
void office_run(struct office *o, void (*body)(struct rpc_client_fixture *f), void *arg);
/* A call to the server at another port: f->channel meanwhile. */
enum status office_ask_at(
	struct rpc_client_fixture *f, int port, const char *method, const void *request);

/* A call that must succeed: its answer as a struct. */
void *ask(struct rpc_client_fixture *f, const char *method, const void *request,
	const ProtobufCMessageDescriptor *answer);
/* A call that must fail with this status; when it is UNAVAILABLE the details must say when to try
 * again. */
void ask_in_vain(struct rpc_client_fixture *f, const char *method, const void *request,
	enum status expected);

const Crm__AuthenticateResponse *sign_in(
	struct rpc_client_fixture *f, const char *tenant_key, const char *email);
const Crm__Contact *create_contact(struct rpc_client_fixture *f, const char *display_name);
const Crm__Contact *get_contact(struct rpc_client_fixture *f, const char *id);

/* What the server says about a service ("" is the server), and every change of it. The stream ends
 * by itself after 30 s. */
struct rpc_stream *health_watch(struct rpc_client_fixture *f, const char *service);
/* The next state: true if it serves. ST_UNAVAILABLE if the server ended. */
enum status health_next(
	struct rpc_client_fixture *f, struct rpc_stream *watch, bool *ret_is_serving) MUST_CHECK;
/* Waits until the service is said to serve; the test fails if it does not within 30 s. */
void health_await_serving(struct rpc_client_fixture *f, const char *service);
