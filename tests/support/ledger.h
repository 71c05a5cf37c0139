/*
 * A ledger of events: what was done to an office, and what a durable JetStream consumer heard of
 * it. Both must be the same: each change once, those of one resource in order.
 *
 * Owner: the test; it lives on while consumers come and go. Threads: one.
 */
#pragma once
#include "crm/events/v1/event.pb-c.h"
#include "tests/support/office.h"

struct ledger;

struct ledger *ledger_new(struct office *o);
void ledger_free(struct ledger *l); /* NULL is fine */
struct office *ledger_office(const struct ledger *l);
const struct pb_schema *ledger_schema(const struct ledger *l); /* of all services */

/* In a body of office_run: hears all events of the tenant, from the first one that was not
 * acknowledged. */
void ledger_listen(struct ledger *l, struct rpc_client_fixture *f);
void ledger_stop(struct rpc_client_fixture *f); /* all that was heard is acknowledged */

/* A method was called: what it declares to be its event happened to the resource. */
void ledger_expect(struct ledger *l, const char *method, const char *id);
void ledger_expect_also(struct ledger *l, const char *entity, const char *id, const char *verb);

/* Waits for the events of the last n expectations, then compares all. */
void ledger_check(struct ledger *l, struct arena *a, size_t n_last);
/* One that was heard, or the test fails. */
const Crm__Event *ledger_event(
	const struct ledger *l, const char *entity, const char *id, const char *verb);
/* Deliveries of what had been heard before. A broker that was killed may make some; it never stores
 * an event twice. */
size_t ledger_repeated(const struct ledger *l);
