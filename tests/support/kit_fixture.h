/*
 * A service without its network side: PostgreSQL with the kit's tables and those of
 * tests/support/records, a loop, the db, and if asked for nats-server, the bus and the outbox.
 * Tests run handlers of the kit in fibers, as callers of their choice.
 *
 * Resources: record_contact (owned, soft-deleted; `source` is unique; a display_name "bad" is
 * refused by its check), record_affiliation (hard delete, immutable fields), record_user (a secret
 * field). The requests and methods are those of crm.contacts.v1 and crm.identity.v1.
 * Owner: the test. Threads: one.
 */
#pragma once
#include "crm/contacts/v1/contacts_service.pb-c.h"
#include "crm/identity/v1/identity_service.pb-c.h"
#include "kit/resource.h"
#include "kit/service.h"
#include "tests/support/nats.h"
#include "tests/support/postgres.h"

#define TENANT_A "0190a000-0000-7000-8000-00000000000a"
#define TENANT_B "0190a000-0000-7000-8000-00000000000b"
#define USER_A   "0190a000-0000-7000-8000-0000000000a1"
#define USER_B                                                                                     \
	"0190a000-0000-7000-8000-0000000000b1" /* in the directory with TEAM_B once given_user was \
						  called */
#define TEAM_A "0190a000-0000-7000-8000-0000000000a2"
#define TEAM_B "0190a000-0000-7000-8000-0000000000b2"

struct kit_fixture {
	struct postgres *pg;
	struct nats_server *nats; /* NULL unless started */
	struct loop *loop;
	struct service service;
	struct service_def def;
	struct arena *arena; /* of one test */
};

extern const struct resource record_contact, record_affiliation, record_user;

int kit_group_setup(void **state);     /* for cmocka: *state is a struct kit_fixture */
int kit_group_setup_bus(void **state); /* and nats-server */
int kit_group_teardown(void **state);
/* empty tables, a fresh loop, db and (with nats-server) bus and outbox */
int kit_setup(void **state);
int kit_teardown(void **state);

/* Runs fn in a fiber once the database (and the bus) are up, until it returns. */
void kit_run(struct kit_fixture *f, void (*fn)(struct kit_fixture *f));
/* Heads a test whose body runs so: IN_FIBER(a_sentence) { ... f ... } */
#define IN_FIBER(name)                                                                             \
	static void name##_body(struct kit_fixture *f);                                            \
	static void name(void **state)                                                             \
	{                                                                                          \
		kit_run(*state, name##_body);                                                      \
	}                                                                                          \
	static void name##_body(struct kit_fixture *f)

/* ---- callers and calls ---- */

struct caller {
	const char *tenant, *user, *team; /* NULL: TENANT_A, USER_A, TEAM_A */
	bool sees_own_only;               /* level own; else everything */
	const char *sees_team;            /* level team */
	const char *request_id;
};

/* One call. method: "contacts/GetContact". It is validated as the dispatcher would, then served by
 * the handler, and a failure is replayed if it can be. */
struct answer {
	enum status status;
	const char *field, *message; /* what was said on failure; "" if nothing */
	struct str wire;
};
struct answer kit_call(struct kit_fixture *f, struct caller c, const char *method,
	const struct resource *r, enum status (*handler)(struct call *call), const void *request);
/* As kit_call, but the answer is expected and unpacked. */
void *kit_answer(struct kit_fixture *f, struct answer a, const ProtobufCMessageDescriptor *d);
/* The struct call alone, for functions that take one. */
struct call *kit_new_call(struct kit_fixture *f, struct caller c, const char *method,
	const struct resource *r, const void *request);

/* ---- builders ---- */

/* by USER_A of TENANT_A */
Crm__Contact *given_contact(struct kit_fixture *f, const char *display_name);
/* in TENANT_A's directory */
void given_user(struct kit_fixture *f, const char *user_id, const char *team_id);
const char *kit_value(struct kit_fixture *f, const char *sql); /* one value from the database */
/* until the SQL gives the value; PostgreSQL must be running */
void kit_await_value(struct kit_fixture *f, const char *sql, const char *value);
