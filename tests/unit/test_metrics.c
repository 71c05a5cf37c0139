/* Metrics: the text format, read back by a strict parser of its own, and the HTTP port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "adapters/metrics/metrics.h"

struct fixture {
	struct metrics *metrics;
	struct arena *arena;
};

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	f->metrics = metrics_new();
	f->arena = arena_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	metrics_free(f->metrics);
	arena_free(f->arena);
	mem_free(f);
	return 0;
}

static const char *rendered(struct fixture *f)
{
	struct str s = metrics_render(f->metrics, f->arena);

	return str_dup(f->arena, s);
}

/* --- a strict reader of the format: every line is HELP, then TYPE, then samples of that name ---
 */

static struct str word(struct str *s, const char *allowed)
{
	struct str w = { s->p, 0 };

	while (w.n < s->n && strchr(allowed, s->p[w.n]) && s->p[w.n])
		w.n++;
	s->p += w.n;
	s->n -= w.n;
	return w;
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define DIGITS  "0123456789"

static bool pass_over(struct str *s, const char *text)
{
	if (!str_starts(*s, text))
		return false;
	s->p += strlen(text);
	s->n -= strlen(text);
	return true;
}

static void read_label_value(struct str *s)
{
	assert_true(pass_over(s, "\""));
	while (s->n > 0 && *s->p != '"') {
		size_t n = *s->p == '\\' ? 2 : 1;

		assert_true(n <= s->n && (n == 1 || strchr("\\\"n", s->p[1])));
		*s = str_n(s->p + n, s->n - n);
	}
	assert_true(pass_over(s, "\""));
}

static void read_labels(struct str *s)
{
	do {
		assert_true(word(s, LETTERS DIGITS).n > 0);
		assert_true(pass_over(s, "="));
		read_label_value(s);
	} while (pass_over(s, ","));
	assert_true(pass_over(s, "}"));
}

static void read_sample(struct str s, struct str family, bool is_histogram)
{
	struct str name = word(&s, LETTERS DIGITS ":"), number;

	assert_true(name.n >= family.n && str_eq(str_n(name.p, family.n), family));
	name = str_n(name.p + family.n, name.n - family.n);
	if (is_histogram)
		assert_true(
			str_is(name, "_bucket") || str_is(name, "_sum") || str_is(name, "_count"));
	else
		assert_int_equal(name.n, 0);
	if (pass_over(&s, "{"))
		read_labels(&s);
	assert_true(pass_over(&s, " "));
	(void)pass_over(&s, "-");
	number = word(&s, DIGITS ".");
	assert_true(number.n > 0);
	assert_int_equal(s.n, 0);
}

/* Fails unless the whole text follows the format; returns the number of samples. */
static size_t read_strictly(const char *text)
{
	struct str rest = str_c(text), family = { 0 };
	bool is_histogram = false;
	size_t samples = 0;

	if (rest.n > 0)
		assert_int_equal(rest.p[rest.n - 1], '\n');
	while (rest.n > 0) {
		struct str line = str_cut(&rest, '\n');

		if (pass_over(&line, "# HELP ")) {
			family = word(&line, LETTERS DIGITS ":");
			assert_true(family.n > 0 && pass_over(&line, " "));
			line = str_cut(&rest, '\n');
			assert_true(pass_over(&line, "# TYPE "));
			assert_true(str_eq(word(&line, LETTERS DIGITS ":"), family));
			is_histogram = str_is(line, " histogram");
			assert_true(
				is_histogram || str_is(line, " counter") || str_is(line, " gauge"));
			continue;
		}
		read_sample(line, family, is_histogram);
		samples++;
	}
	return samples;
}

/* --- the text --- */

static void an_empty_registry_renders_nothing(void **state)
{
	assert_string_equal(rendered(*state), "");
}

static void counters_and_gauges_are_listed_under_their_name(void **state)
{
	struct fixture *f = *state;
	struct counter *ok =
		metrics_counter(f->metrics, "crm_calls_total", "Calls.", "code=\"OK\"");
	struct counter *open = metrics_gauge(f->metrics, "crm_open", "Open\\calls\nnow.", NULL);
	struct counter *bad = metrics_counter(
		f->metrics, "crm_calls_total", "Calls.", "code=\"IN\\\"TERNAL\",m=\"x\"");

	counter_add(ok, 2);
	counter_add(ok, 3);
	counter_add(bad, 1);
	counter_set(open, 9);
	counter_add(open, -10);
	assert_int_equal(counter_get(ok), 5);
	assert_string_equal(rendered(f), "# HELP crm_calls_total Calls.\n"
					 "# TYPE crm_calls_total counter\n"
					 "crm_calls_total{code=\"OK\"} 5\n"
					 "crm_calls_total{code=\"IN\\\"TERNAL\",m=\"x\"} 1\n"
					 "# HELP crm_open Open\\\\calls\\nnow.\n"
					 "# TYPE crm_open gauge\n"
					 "crm_open -1\n");
	assert_int_equal(read_strictly(rendered(f)), 3);
}

static void registering_again_gives_the_same_handle(void **state)
{
	struct fixture *f = *state;
	struct counter *c = metrics_counter(f->metrics, "a_total", "A.", "x=\"1\"");

	assert_ptr_equal(c, metrics_counter(f->metrics, "a_total", "A.", "x=\"1\""));
	assert_ptr_not_equal(c, metrics_counter(f->metrics, "a_total", "A.", "x=\"2\""));
	assert_ptr_not_equal(c, metrics_counter(f->metrics, "a_total", "A.", NULL));
	assert_ptr_equal(metrics_histogram(f->metrics, "h", "H.", NULL),
		metrics_histogram(f->metrics, "h", "H.", NULL));
}

static void a_histogram_counts_cumulatively(void **state)
{
	struct fixture *f = *state;
	struct histogram *h = metrics_histogram(f->metrics, "d_seconds", "D.", "m=\"x\"");

	histogram_observe_us(h, 0);
	histogram_observe_us(h, 500);
	histogram_observe_us(h, 501);
	histogram_observe_us(h, 10000000);
	histogram_observe_us(h, 10000001);
	assert_string_equal(rendered(f), "# HELP d_seconds D.\n"
					 "# TYPE d_seconds histogram\n"
					 "d_seconds_bucket{m=\"x\",le=\"0.0005\"} 2\n"
					 "d_seconds_bucket{m=\"x\",le=\"0.001\"} 3\n"
					 "d_seconds_bucket{m=\"x\",le=\"0.0025\"} 3\n"
					 "d_seconds_bucket{m=\"x\",le=\"0.005\"} 3\n"
					 "d_seconds_bucket{m=\"x\",le=\"0.01\"} 3\n"
					 "d_seconds_bucket{m=\"x\",le=\"0.025\"} 3\n"
					 "d_seconds_bucket{m=\"x\",le=\"0.05\"} 3\n"
					 "d_seconds_bucket{m=\"x\",le=\"0.1\"} 3\n"
					 "d_seconds_bucket{m=\"x\",le=\"0.25\"} 3\n"
					 "d_seconds_bucket{m=\"x\",le=\"0.5\"} 3\n"
					 "d_seconds_bucket{m=\"x\",le=\"1\"} 3\n"
					 "d_seconds_bucket{m=\"x\",le=\"2.5\"} 3\n"
					 "d_seconds_bucket{m=\"x\",le=\"5\"} 3\n"
					 "d_seconds_bucket{m=\"x\",le=\"10\"} 4\n"
					 "d_seconds_bucket{m=\"x\",le=\"+Inf\"} 5\n"
					 "d_seconds_sum{m=\"x\"} 20.001002\n"
					 "d_seconds_count{m=\"x\"} 5\n");
	(void)metrics_histogram(f->metrics, "e_seconds", "E.", NULL);
	assert_non_null(strstr(rendered(f), "e_seconds_bucket{le=\"0.0005\"} 0\n"));
	assert_non_null(strstr(rendered(f), "e_seconds_sum 0\ne_seconds_count 0\n"));
	assert_int_equal(read_strictly(rendered(f)), 34);
}

static int64_t answer(void *arg)
{
	return *(int *)arg;
}

static void a_gauge_function_is_asked_when_rendering(void **state)
{
	struct fixture *f = *state;
	int value = 41;

	metrics_gauge_fn(f->metrics, "g", "G.", "a=\"b\"", answer, &value);
	value++;
	assert_non_null(strstr(rendered(f), "\ng{a=\"b\"} 42\n"));
	metrics_gauge_fn(f->metrics, "g", "G.", "a=\"b\"", answer, &value);
	assert_int_equal(read_strictly(rendered(f)), 1);
}

enum { THREADS = 4, UPDATES = 20000 };

static void *update(void *arg)
{
	struct fixture *f = arg;
	struct counter *c = metrics_counter(f->metrics, "c_total", "C.", NULL);
	struct histogram *h = metrics_histogram(f->metrics, "h_seconds", "H.", NULL);

	for (int i = 0; i < UPDATES; i++) {
		counter_add(c, 1);
		histogram_observe_us(h, 1000);
	}
	return NULL;
}

static void threads_lose_no_update(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, update, f), 0);
	(void)read_strictly(rendered(f)); /* meanwhile */
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_non_null(strstr(rendered(f), "\nc_total 80000\n"));
	assert_non_null(strstr(rendered(f), "\nh_seconds_sum 80\nh_seconds_count 80000\n"));
}

/* --- HTTP --- */

static int connect_to(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* The whole answer; the request asks the server to close. */
static char *asked(struct fixture *f, int port, const char *request)
{
	struct buf b = buf_new(f->arena, 0);
	int fd = connect_to(port);
	ssize_t n;

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	do {
		char *room = buf_room(&b, 4096);

		n = read(fd, room, 4096);
		assert_true(n >= 0);
		b.n += (size_t)n;
	} while (n > 0);
	(void)close(fd);
	return arena_strdup(f->arena, buf_cstr(&b));
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void assert_starts(const char *text, const char *start)
{
	if (strncmp(text, start, strlen(start)) != 0)
		fail_msg("'%s' does not start with '%s'", text, start);
}

static void the_port_serves_metrics_health_and_readiness(void **state)
{
	struct fixture *f = *state;
	int port = 0;
	const char *text;

	counter_add(metrics_counter(f->metrics, "a_total", "A.", NULL), 7);
	assert_int_equal(metrics_serve(f->metrics, "127.0.0.1:0", &port), ST_OK);
	assert_true(port > 0);
	text = asked(f, port, GET("/metrics"));
	assert_starts(text, "HTTP/1.1 200 ");
	assert_non_null(strstr(text, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	assert_string_equal(strstr(text, "\r\n\r\n"),
		"\r\n\r\n# HELP a_total A.\n# TYPE a_total counter\na_total 7\n");
	assert_starts(asked(f, port, GET("/healthz")), "HTTP/1.1 200 ");
	assert_starts(asked(f, port, GET("/readyz")), "HTTP/1.1 503 ");
	metrics_set_ready(f->metrics, true);
	assert_starts(asked(f, port, GET("/readyz")), "HTTP/1.1 200 ");
	metrics_set_ready(f->metrics, false);
	assert_starts(asked(f, port, GET("/readyz")), "HTTP/1.1 503 ");
}

static void other_requests_are_refused(void **state)
{
	struct fixture *f = *state;
	const char *text;
	int port;

	assert_int_equal(metrics_serve(f->metrics, "127.0.0.1:0", &port), ST_OK);
	assert_starts(asked(f, port, GET("/")), "HTTP/1.1 404 ");
	assert_starts(asked(f, port, GET("/metrics/../etc/passwd")), "HTTP/1.1 404 ");
	text = asked(f, port,
		"POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		"Content-Length: 3\r\n\r\nabc");
	assert_starts(text, "HTTP/1.1 405 ");
	assert_non_null(strstr(text, "Allow: GET, HEAD\r\n"));
	text = asked(f, port, "HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	assert_starts(text, "HTTP/1.1 200 ");
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
	(void)asked(f, port, "\x16\x03\x01 nonsense\r\n\r\n\r\n");
	assert_starts(asked(f, port, GET("/healthz")), "HTTP/1.1 200 ");
}

static void a_port_that_is_taken_or_no_address_is_reported(void **state)
{
	struct fixture *f = *state;
	struct metrics *other = metrics_new();
	int port, again;

	assert_int_equal(metrics_serve(f->metrics, "127.0.0.1:0", &port), ST_OK);
	assert_int_equal(metrics_serve(other, arena_printf(f->arena, "127.0.0.1:%d", port), &again),
		ST_UNAVAILABLE);
	assert_int_equal(metrics_serve(other, "127.0.0.1", &again), ST_INVALID_ARGUMENT);
	assert_int_equal(metrics_serve(other, "127.0.0.1:", &again), ST_INVALID_ARGUMENT);
	assert_int_equal(metrics_serve(other, "nowhere:1", &again), ST_INVALID_ARGUMENT);
	assert_int_equal(metrics_serve(other, "", &again), ST_INVALID_ARGUMENT);
	assert_int_equal(metrics_serve(other, "192.0.2.1:0", &again), ST_UNAVAILABLE);
	metrics_free(other);
}

static int64_t cpu_us(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void an_idle_port_costs_nothing(void **state)
{
	struct fixture *f = *state;
	int64_t before_us;
	int port, fd;

	assert_int_equal(metrics_serve(f->metrics, "127.0.0.1:0", &port), ST_OK);
	fd = connect_to(port); /* somebody who says nothing */
	(void)asked(f, port, GET("/healthz"));
	before_us = cpu_us();
	(void)usleep(300000);
	assert_true(cpu_us() - before_us < 5000);
	(void)close(fd);
}

int main(void)
{
#define CASE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(an_empty_registry_renders_nothing),
		CASE(counters_and_gauges_are_listed_under_their_name),
		CASE(registering_again_gives_the_same_handle),
		CASE(a_histogram_counts_cumulatively),
		CASE(a_gauge_function_is_asked_when_rendering),
		CASE(threads_lose_no_update),
		CASE(the_port_serves_metrics_health_and_readiness),
		CASE(other_requests_are_refused),
		CASE(a_port_that_is_taken_or_no_address_is_reported),
		CASE(an_idle_port_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
