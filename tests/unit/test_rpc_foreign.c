/* rpc: the server against a client that others wrote: tests/clients/rpc_echo.py, started once per
 * scenario. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/support/rpc_fixture.h"

extern char **environ;

struct child {
	struct loop_io io; /* a pidfd: readable when the process has ended */
	struct event ended;
};

static void on_child(struct loop_io *io, uint32_t events)
{
	(void)events;
	event_set(&CONTAINER_OF(io, struct child, io)->ended);
}

/* The exit status of the program; other fibers run meanwhile. */
static int run_program(struct loop *l, char *const argv[])
{
	struct child c = { .io = { .fn = on_child } };
	int status = -1;
	pid_t pid;

	assert_int_equal(posix_spawn(&pid, argv[0], NULL, NULL, argv, environ), 0);
	c.io.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(c.io.fd >= 0);
	loop_io_set(l, &c.io, EPOLLIN);
	assert_int_equal(event_wait(&c.ended), ST_OK);
	loop_io_set(l, &c.io, 0);
	close(c.io.fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void python(struct rpc_fixture *f, const char *scenario)
{
	const char *ca = f->config.tls_cert_file;
	char *target = arena_printf(f->arena, "127.0.0.1:%d", rpc_server_port(f->server));
	char *argv[] = { "/usr/bin/python3", "tests/clients/rpc_echo.py", target,
		arena_strdup(f->arena, scenario), ca ? arena_strdup(f->arena, ca) : NULL, NULL };

	assert_int_equal(run_program(f->loop, argv), 0);
}

static void wait_until_idle(struct rpc_fixture *f)
{
	while (rpc_server_calls(f->server) > 0)
		assert_int_equal(fiber_sleep_us(1000), ST_OK);
	assert_int_equal(fiber_count(f->loop), 1);
}

static void ordinary_body(struct rpc_fixture *f)
{
	python(f, "answers");
	python(f, "failures");
	python(f, "metadata");
	python(f, "streams");
	python(f, "early_headers");
	python(f, "side_by_side");
	wait_until_idle(f);
}

static void a_foreign_client_is_understood(void **state)
{
	(void)state;
	rpc_fixture_run(&(struct rpc_server_config){ .max_message_bytes = 0 }, ordinary_body);
}

static void limits_body(struct rpc_fixture *f)
{
	python(f, "too_large");
	python(f, "compressed");
	wait_until_idle(f);
}

static void what_is_too_large_or_compressed_is_refused(void **state)
{
	(void)state;
	rpc_fixture_run(&(struct rpc_server_config){ .max_message_bytes = 0 }, limits_body);
}

static void cut_short_body(struct rpc_fixture *f)
{
	python(f, "deadline");
	assert_int_equal(event_wait(&f->left), ST_OK);
	assert_true(f->left_with == ST_DEADLINE_EXCEEDED || f->left_with == ST_CANCELLED);
	event_reset(&f->left);
	python(f, "cancel");
	assert_int_equal(event_wait(&f->left), ST_OK);
	assert_int_equal(f->left_with, ST_CANCELLED);
	wait_until_idle(f);
}

static void a_foreign_client_can_give_up(void **state)
{
	(void)state;
	rpc_fixture_run(&(struct rpc_server_config){ .max_message_bytes = 0 }, cut_short_body);
}

static void dies_body(struct rpc_fixture *f)
{
	python(f, "dies");
	assert_int_equal(event_wait(&f->left), ST_OK);
	assert_int_equal(f->left_with, ST_CANCELLED);
	wait_until_idle(f);
}

static void a_client_that_dies_in_the_middle_of_a_stream_leaves_nothing_behind(void **state)
{
	(void)state;
	rpc_fixture_run(&(struct rpc_server_config){ .max_message_bytes = 0 }, dies_body);
}

/* ---- TLS ---- */

static char *make_certificate(struct arena *a, const char *folder)
{
	char *cert = arena_printf(a, "%s/cert.pem", folder);
	char *key = arena_printf(a, "%s/key.pem", folder);
	char *argv[] = { "/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
		"ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=test", "-addext",
		"subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert, NULL };
	posix_spawn_file_actions_t quiet;
	int status = -1;
	pid_t pid;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", 1, 0);
	assert_int_equal(posix_spawn(&pid, argv[0], &quiet, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&quiet);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return cert;
}

static void tls_body(struct rpc_fixture *f)
{
	struct rpc_channel_config plain = { .target = arena_printf(f->arena, "127.0.0.1:%d",
						    rpc_server_port(f->server)) };
	struct rpc_channel *of_tls = f->channel, *ch = rpc_channel_new(f->rpc, &plain);
	struct rpc_response r;

	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Unary", "secret", &r), ST_OK);
	assert_true(str_is(rpc_flat(f->arena, r.message), "secret"));
	python(f, "answers");
	python(f, "streams");
	f->channel = ch;
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Unary", "", &r), ST_UNAVAILABLE);
	rpc_channel_free(ch);
	plain.tls_ca_file = "/nonexistent";
	f->channel = ch = rpc_channel_new(f->rpc, &plain);
	assert_int_equal(rpc_fixture_call(f, "/test.Echo/Unary", "", &r), ST_UNAVAILABLE);
	assert_false(rpc_channel_is_ready(ch, true));
	rpc_channel_free(ch);
	f->channel = of_tls;
}

static void tls_is_spoken_and_required_when_configured(void **state)
{
	char folder[] = "/tmp/test_rpc_XXXXXX";
	struct arena *a = arena_new();
	struct rpc_server_config c = { .listen = NULL };

	(void)state;
	assert_non_null(mkdtemp(folder));
	c.tls_cert_file = make_certificate(a, folder);
	c.tls_key_file = arena_printf(a, "%s/key.pem", folder);
	rpc_fixture_run(&c, tls_body);
	unlink(c.tls_cert_file);
	unlink(c.tls_key_file);
	rmdir(folder);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_foreign_client_is_understood),
		cmocka_unit_test(what_is_too_large_or_compressed_is_refused),
		cmocka_unit_test(a_foreign_client_can_give_up),
		cmocka_unit_test(
			a_client_that_dies_in_the_middle_of_a_stream_leaves_nothing_behind),
		cmocka_unit_test(tls_is_spoken_and_required_when_configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
