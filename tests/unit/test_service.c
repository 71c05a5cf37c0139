/* Service: starting, refusing to start, waiting for others, stopping; each in a process of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "adapters/crypto/crypto.h"
#include "base/clock.h"
#include "crm/contacts/v1/contacts_service.pb-c.h"
#include "grpc/health/v1/health.pb-c.h"
#include "tests/support/kit_service.h"
#include "tests/support/rpc_client.h"
#include "tests/support/service_process.h"

#define GET_CONTACT "/crm.contacts.v1.ContactsService/GetContact"
#define ID          "01890000-0000-7000-8000-0000000000aa"
#define ANY_PORT    "--listen=127.0.0.1:0"

extern const char crm_all_pb[], crm_all_pb_end[];

static struct service_process *start(const char *variant, const char *setting)
{
	return service_process_new(
		(const char *const[]){ "serve", variant, ANY_PORT, setting, NULL });
}

static void stop(struct service_process *p)
{
	service_process_signal(p, SIGTERM);
	assert_int_equal(service_process_wait(p), 0);
	service_process_free(p);
}

/* ---- refusing to start ---- */

static void ends(const char *variant, const char *setting, int code, const char *said)
{
	struct service_process *p = start(variant, setting);
	int got = service_process_wait(p);

	if (got != code || !strstr(service_process_log(p), said))
		print_error("%s %s: %d %s\n", variant, setting ? setting : "", got,
			service_process_log(p));
	assert_int_equal(got, code);
	assert_non_null(strstr(service_process_log(p), said));
	service_process_free(p);
}

static void methods_that_do_not_agree_stop_the_start(void **state)
{
	(void)state;
	ends("unhandled", NULL, 1, "ContactsService/UpdateContact has no handler");
	ends("unknown", NULL, 1, "NoSuchMethod, which no proto declares");
	ends("twice", NULL, 1, "ContactsService/GetContact has two entries");
	ends("undeclared", NULL, 1, "crm.contacts.v1.ContactsService is declared but not among");
}

static void wrong_settings_stop_the_start(void **state)
{
	(void)state;
	ends("contacts", "--max-calls=0", 2, "--max-calls: wrong value '0'");
	ends("contacts", "--log-level=loud", 2, "--log-level");
	ends("contacts", "--secret-file=/no/such/file", 2, "secret_file_not_good");
	ends("contacts", "--tls-cert=/etc/hostname", 2, "--tls-cert and --tls-key belong together");
	ends("contacts", "--lissten=x", 2, "--listen");
}

static void a_start_that_fails_ends_the_process(void **state)
{
	(void)state;
	ends("failing", NULL, 1, "start_failed");
}

static void a_taken_port_is_named(void **state)
{
	struct service_process *first = start("contacts", NULL);
	char listen[64];

	(void)state;
	assert_int_not_equal(service_process_port(first), 0);
	(void)snprintf(
		listen, sizeof(listen), "--listen=127.0.0.1:%d", service_process_port(first));
	ends("contacts", listen, 3, listen + strlen("--listen="));
	(void)snprintf(
		listen, sizeof(listen), "--metrics=127.0.0.1:%d", service_process_port(first));
	ends("contacts", listen, 3, "CRM_METRICS");
	stop(first);
}

/* ---- not ready yet ---- */

static enum status get_contact(struct rpc_client_fixture *f)
{
	Crm__GetContactRequest q = CRM__GET_CONTACT_REQUEST__INIT;

	q.id = ID;
	return rpc_client_ask(f, GET_CONTACT, &q);
}

static int health(struct rpc_client_fixture *f)
{
	Grpc__Health__V1__HealthCheckRequest q = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
	const Grpc__Health__V1__HealthCheckResponse *r;

	assert_int_equal(rpc_client_ask(f, "/grpc.health.v1.Health/Check", &q), ST_OK);
	r = rpc_client_answer(f, &grpc__health__v1__health_check_response__descriptor);
	return (int)r->status;
}

static void not_ready(struct rpc_client_fixture *f)
{
	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	assert_int_equal(health(f), 2);
	assert_int_equal(get_contact(f), ST_UNAVAILABLE);
	assert_string_equal(rpc_client_details(f), "UNAVAILABLE@contacts.crm retry 1.000");
}
static void before_it_is_ready_a_service_says_so_and_stops_at_once(void **state)
{
	struct service_process *p = start("waiting", NULL);
	int64_t begun;

	(void)state;
	rpc_client_run(service_process_port(p), not_ready, NULL);
	begun = clock_mono_us();
	stop(p);
	assert_true(clock_mono_us() - begun < 5000000);
}

/* ---- keys of identity ---- */

static int free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	assert_int_equal(close(fd), 0);
	return ntohs(a.sin_port);
}

static void without_keys(struct rpc_client_fixture *f)
{
	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	assert_int_equal(health(f), 2);
	assert_int_equal(get_contact(f), ST_UNAVAILABLE);
	assert_string_equal(rpc_client_details(f), "UNAVAILABLE@contacts.crm retry 1.000");
}

static void with_keys(struct rpc_client_fixture *f)
{
	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	assert_int_equal(health(f), 1);
	assert_int_equal(get_contact(f), ST_OK);
	f->token = kit_token(f->arena, (struct kit_token){ .key = 1 });
	assert_int_equal(get_contact(f), ST_UNAUTHENTICATED);
	f->token = kit_token(f->arena, (struct kit_token){ .kid = "unknown" });
	assert_int_equal(get_contact(f), ST_UNAUTHENTICATED);
}

static void without_identity(struct rpc_client_fixture *f)
{
	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	assert_int_equal(get_contact(f), ST_OK);
	f->token = kit_token(f->arena, (struct kit_token){ .kid = "unknown" });
	assert_int_equal(get_contact(f), ST_UNAVAILABLE); /* it may be a new key */
}

static void keys_come_from_identity_as_soon_as_it_is_there(void **state)
{
	struct service_process *asking, *identity;
	char address[64];
	int port = free_port();

	(void)state;
	(void)snprintf(address, sizeof(address), "--identity=127.0.0.1:%d", port);
	asking = start("asking", address);
	rpc_client_run(service_process_port(asking), without_keys, NULL);
	(void)snprintf(address, sizeof(address), "--listen=127.0.0.1:%d", port);
	identity = start("identity", address);
	assert_true(service_process_wait_event(asking, "keys_received"));
	assert_true(service_process_wait_event(asking, "serving"));
	rpc_client_run(service_process_port(asking), with_keys, NULL);
	stop(identity);
	rpc_client_run(service_process_port(asking), without_identity, NULL);
	stop(asking);
}

/* ---- metrics ---- */

static const char *http_get(struct arena *a, int port, const char *path)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
		.sin_port = htons((uint16_t)port) };
	const char *request = arena_printf(a, "GET %s HTTP/1.0\r\n\r\n", path);
	struct buf b = buf_new(a, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ssize_t n;

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	while ((n = read(fd, buf_room(&b, 4096), 4096)) > 0)
		b.n += (size_t)n;
	assert_int_equal(close(fd), 0);
	return buf_cstr(&b);
}

static void two_calls(struct rpc_client_fixture *f)
{
	assert_int_equal(get_contact(f), ST_UNAUTHENTICATED);
	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	assert_int_equal(get_contact(f), ST_OK);
	assert_int_equal(rpc_client_ask_wire(f, "/no.such/Method", STR("")), ST_UNIMPLEMENTED);
}

/* A call is counted just after its answer is sent. */
static void shows(struct service_process *p, const char *path, const char *want)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	int port = service_process_metrics_port(p);
	int64_t until = clock_mono_us() + 5000000;

	while (!strstr(http_get(a, port, path), want) && clock_mono_us() < until)
		(void)usleep(1000); /* cut short, we look earlier */
	assert_non_null(strstr(http_get(a, port, path), want));
}

static void calls_are_counted(void **state)
{
	struct service_process *p = start("contacts", "--metrics=127.0.0.1:0");

	(void)state;
	assert_true(service_process_wait_event(p, "serving"));
	rpc_client_run(service_process_port(p), two_calls, NULL);
	shows(p, "/metrics", "\ncrm_calls_total{method=\"" GET_CONTACT "\",code=\"OK\"} 1\n");
	shows(p, "/metrics",
		"\ncrm_calls_total{method=\"" GET_CONTACT "\",code=\"UNAUTHENTICATED\"} 1\n");
	shows(p, "/metrics", "\ncrm_call_seconds_count{method=\"" GET_CONTACT "\"} 2\n");
	shows(p, "/metrics", "\ncrm_calls_unknown_total 1\n");
	shows(p, "/metrics", "\ncrm_calls_in_flight 0\n");
	shows(p, "/readyz", " 200 ");
	stop(p);
	p = start("waiting", "--metrics=127.0.0.1:0");
	shows(p, "/readyz", " 503 ");
	stop(p);
}

/* ---- judged by others ---- */

static void write_descriptors(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	size_t n = (size_t)(crm_all_pb_end - crm_all_pb);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, crm_all_pb, n), n);
	assert_int_equal(close(fd), 0);
}

static int run_judge(const char *target, const char *descriptors, const char *token)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		(void)execl("/usr/bin/python3", "python3", "tests/clients/kit_judge.py", target,
			descriptors, token, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_foreign_client_is_served(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct service_process *p = start("contacts", NULL);
	char folder[] = "/tmp/crm-test-service-XXXXXX";
	const char *path;

	(void)state;
	assert_non_null(mkdtemp(folder));
	path = arena_printf(a, "%s/all.pb", folder);
	write_descriptors(path);
	assert_true(service_process_wait_event(p, "serving"));
	assert_int_equal(run_judge(arena_printf(a, "127.0.0.1:%d", service_process_port(p)), path,
				 kit_token(a, (struct kit_token){ 0 }) + strlen("Bearer ")),
		0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
	stop(p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(methods_that_do_not_agree_stop_the_start),
		cmocka_unit_test(wrong_settings_stop_the_start),
		cmocka_unit_test(a_start_that_fails_ends_the_process),
		cmocka_unit_test(a_taken_port_is_named),
		cmocka_unit_test(before_it_is_ready_a_service_says_so_and_stops_at_once),
		cmocka_unit_test(keys_come_from_identity_as_soon_as_it_is_there),
		cmocka_unit_test(calls_are_counted),
		cmocka_unit_test(a_foreign_client_is_served),
	};

	if (argc > 2 && strcmp(argv[1], "serve") == 0)
		return kit_service_main(argc - 1, argv + 1);
	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
