/* Startup: a service whose PostgreSQL or NATS is away, at first or later, and one whose statements
 * do not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "adapters/crypto/crypto.h"
#include "base/clock.h"
#include "crm/contacts/v1/contacts_service.pb-c.h"
#include "grpc/health/v1/health.pb-c.h"
#include "tests/support/kit_service.h"
#include "tests/support/nats.h"
#include "tests/support/postgres.h"
#include "tests/support/rpc_client.h"
#include "tests/support/service_process.h"

#define GET_CONTACT "/crm.contacts.v1.ContactsService/GetContact"
#define ID          "01890000-0000-7000-8000-0000000000aa"

enum { POLL_US = 10000 };
static const int64_t PATIENCE_US = 20000000;

struct fixture {
	struct arena *arena;
	struct postgres *pg;
	struct nats_server *nats;
	char secret[64];
};

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	int fd;

	f->arena = arena_new();
	f->pg = postgres_new("contacts");
	f->nats = nats_server_new();
	(void)snprintf(f->secret, sizeof(f->secret), "/tmp/crm-test-secret-XXXXXX");
	fd = mkstemp(f->secret);
	assert_int_equal(write(fd, "0123456789abcdef0123456789abcdef", 32), 32);
	assert_int_equal(close(fd), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)unlink(f->secret);
	nats_server_free(f->nats);
	postgres_free(f->pg);
	arena_free(f->arena);
	mem_free(f);
	return 0;
}

static struct service_process *start(struct fixture *f, const char *variant, const char *more)
{
	return service_process_new((const char *const[]){ "serve", variant, "--listen=127.0.0.1:0",
		arena_printf(f->arena, "--database=%s", postgres_url(f->pg)),
		arena_printf(f->arena, "--nats=%s", nats_server_url(f->nats)),
		arena_printf(f->arena, "--secret-file=%s", f->secret), more, NULL });
}

static void stop(struct service_process *p)
{
	service_process_signal(p, SIGTERM);
	assert_int_equal(service_process_wait(p), 0);
	service_process_free(p);
}

/* ---- what a client sees ---- */

struct expected {
	int health;
	enum status call;
};

static int health(struct rpc_client_fixture *f)
{
	Grpc__Health__V1__HealthCheckRequest q = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
	const Grpc__Health__V1__HealthCheckResponse *r;

	assert_int_equal(rpc_client_ask(f, "/grpc.health.v1.Health/Check", &q), ST_OK);
	r = rpc_client_answer(f, &grpc__health__v1__health_check_response__descriptor);
	return (int)r->status;
}

static enum status get_contact(struct rpc_client_fixture *f)
{
	Crm__GetContactRequest q = CRM__GET_CONTACT_REQUEST__INIT;

	q.id = ID;
	return rpc_client_ask(f, GET_CONTACT, &q);
}

static void becomes(struct rpc_client_fixture *f)
{
	const struct expected *e = f->arg;
	int64_t until = clock_mono_us() + PATIENCE_US;

	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	while ((health(f) != e->health || get_contact(f) != e->call) && clock_mono_us() < until)
		assert_int_equal(fiber_sleep_us(POLL_US), ST_OK);
	assert_int_equal(health(f), e->health);
	assert_int_equal(get_contact(f), e->call);
	if (e->call == ST_UNAVAILABLE)
		assert_string_equal(rpc_client_details(f), "UNAVAILABLE@contacts.crm retry 1.000");
}

static void expect(struct service_process *p, int want_health, enum status want_call)
{
	struct expected e = { want_health, want_call };

	rpc_client_run(service_process_port(p), becomes, &e);
}

/* ---- tests ---- */

static void a_service_starts_and_stops(void **state)
{
	int64_t begun = clock_mono_us();
	struct service_process *p = start(*state, "database", NULL);

	assert_true(service_process_wait_event(p, "serving"));
	print_message("serving after %lld ms\n", (long long)(clock_mono_us() - begun) / 1000);
	expect(p, 1, ST_OK);
	assert_non_null(strstr(
		service_process_log(p), "\"event\":\"not_ready\"")); /* its ready failed once */
	stop(p);
}

static void the_database_may_come_later_and_go_again(void **state)
{
	struct fixture *f = *state;
	struct service_process *p;

	postgres_stop(f->pg);
	p = start(f, "database", NULL);
	assert_true(service_process_wait_event(p, "database_unreachable"));
	expect(p, 2, ST_UNAVAILABLE);
	postgres_start(f->pg);
	expect(p, 1, ST_OK);
	postgres_kill(f->pg);
	expect(p, 2, ST_UNAVAILABLE);
	postgres_start(f->pg);
	expect(p, 1, ST_OK);
	stop(p);
}

static void without_nats_a_service_goes_on_but_says_so(void **state)
{
	struct fixture *f = *state;
	struct service_process *p;

	nats_server_kill(f->nats);
	p = start(f, "database", NULL);
	expect(p, 2, ST_OK);
	nats_server_start(f->nats);
	expect(p, 1, ST_OK);
	nats_server_kill(f->nats);
	expect(p, 2, ST_OK);
	nats_server_start(f->nats);
	expect(p, 1, ST_OK);
	stop(p);
}

static void with_the_database_away_a_service_stops_when_told(void **state)
{
	struct fixture *f = *state;
	struct service_process *p;

	postgres_stop(f->pg);
	p = start(f, "database", NULL);
	assert_true(service_process_wait_event(p, "database_unreachable"));
	stop(p);
	postgres_start(f->pg);
}

static void a_statement_that_does_not_fit_ends_the_service(void **state)
{
	struct service_process *p = start(*state, "misfit", NULL);

	assert_int_equal(service_process_wait(p), 1);
	assert_non_null(strstr(service_process_log(p), "misfit.sql:7"));
	service_process_free(p);
}

static void statements_can_be_checked_alone(void **state)
{
	struct service_process *p = start(*state, "misfit", "--check-sql");

	assert_int_equal(service_process_wait(p), 1);
	assert_non_null(strstr(service_process_log(p), "no_such_column"));
	service_process_free(p);
	p = start(*state, "database", "--check-sql");
	assert_int_equal(service_process_wait(p), 0);
	service_process_free(p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_starts_and_stops),
		cmocka_unit_test(the_database_may_come_later_and_go_again),
		cmocka_unit_test(without_nats_a_service_goes_on_but_says_so),
		cmocka_unit_test(with_the_database_away_a_service_stops_when_told),
		cmocka_unit_test(a_statement_that_does_not_fit_ends_the_service),
		cmocka_unit_test(statements_can_be_checked_alone),
	};

	if (argc > 2 && strcmp(argv[1], "serve") == 0)
		return kit_service_main(argc - 1, argv + 1);
	crypto_init();
	return cmocka_run_group_tests(tests, setup, teardown);
}
