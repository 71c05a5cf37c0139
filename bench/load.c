/*
 * crm-bench: a load driver on the project's own rpc client. It keeps a number of unary calls in
 * flight for some seconds and prints one JSON line: calls, seconds, failures, latencies, its own
 * CPU. The requests come from a file: length-prefixed messages (4 bytes, little endian), used in
 * turn.
 *
 *   crm-bench HOST:PORT /package.Service/Method REQUESTS SECONDS IN_FLIGHT [TOKEN]
 *   crm-bench serve HOST:PORT
 */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "adapters/config/config.h"
#include "adapters/rpc/rpc.h"
#include "base/clock.h"

enum { MAX_FILE = 256 * 1024 * 1024, BUCKETS = 4000, FINE_US = 5, CHANNELS = 4 };
static const int64_t SECOND = 1000000;

struct bench {
	struct rpc_channel *channels[CHANNELS];
	const char *method;
	struct str token;
	struct rpc_bytes **requests;
	size_t n_requests, next;
	int64_t end_us;
	int64_t calls, failures;
	enum status last_failure;
	int64_t histogram[BUCKETS]; /* of FINE_US each; the last holds all beyond */
};

struct worker {
	struct bench *bench;
	size_t number;
};

static void call_once(struct bench *b, struct rpc_channel *ch, struct arena *a)
{
	const struct rpc_header headers[] = { { "authorization", b->token } };
	const struct rpc_request q = {
		.method = b->method,
		.message = b->requests[b->next++ % b->n_requests],
		.headers = { .n = b->token.n > 0, .list = headers },
		.deadline = clock_mono_us() + 30 * SECOND,
		.wait_for_ready = true,
	};
	struct rpc_response r = { 0 };
	const int64_t begun = clock_mono_us();
	const enum status s = rpc_unary(ch, a, &q, &r);
	const int64_t slot = (clock_mono_us() - begun) / FINE_US;
	b->histogram[slot < BUCKETS ? slot : BUCKETS - 1]++;
	b->calls++;
	if (s != ST_OK) {
		b->failures++;
		b->last_failure = s;
	}
}

static void work(void *arg)
{
	struct worker *w = arg;
	while (clock_mono_us() < w->bench->end_us) {
		struct arena *a = arena_new();
		call_once(w->bench, w->bench->channels[w->number % CHANNELS], a);
		arena_free(a);
	}
}

static int64_t percentile(const struct bench *b, int percent)
{
	int64_t seen = 0;
	for (int i = 0; i < BUCKETS; i++) {
		seen += b->histogram[i];
		if (seen * 100 >= b->calls * percent)
			return (int64_t)(i + 1) * FINE_US;
	}
	return (int64_t)BUCKETS * FINE_US;
}

static int64_t own_cpu_us(void)
{
	struct rusage u;
	(void)getrusage(RUSAGE_SELF, &u); /* cannot fail with these arguments */
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * SECOND + u.ru_utime.tv_usec +
	       u.ru_stime.tv_usec;
}

static void read_requests(struct bench *b, struct arena *a, const char *path)
{
	struct str file;
	if (config_read_file(a, path, MAX_FILE, &file) != ST_OK) {
		fprintf(stderr, "crm-bench: cannot read %s\n", path);
		exit(2);
	}
	b->requests = arena_new_array(a, struct rpc_bytes *, file.n / 4 + 1);
	while (file.n >= 4) {
		uint32_t n;
		memcpy(&n, file.p, 4);
		if (n > file.n - 4)
			break;
		b->requests[b->n_requests++] = rpc_bytes_of(str_n(file.p + 4, n));
		file = str_n(file.p + 4 + n, file.n - 4 - n);
	}
}

struct run {
	struct bench *bench;
	struct loop *loop;
	size_t in_flight;
};

static void run(void *arg)
{
	struct run *r = arg;
	struct worker *workers = mem_zalloc(sizeof(workers[0]) * r->in_flight);
	struct group g;
	group_init(&g);
	for (size_t i = 0; i < r->in_flight; i++) {
		workers[i] = (struct worker){ r->bench, i };
		group_spawn(&g, work, &workers[i]);
	}
	if (group_wait(&g) != ST_OK)
		exit(1);
	mem_free(workers);
	loop_stop(r->loop);
}

int main(int argc, char **argv)
{
	int64_t seconds = 0;
	uint64_t in_flight = 0;
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return bench_serve(argv[2]);
	if (argc < 6 || !str_to_i64(str_c(argv[4]), &seconds) ||
		!str_to_u64(str_c(argv[5]), &in_flight)) {
		fprintf(stderr,
			"usage: crm-bench HOST:PORT METHOD REQUESTS SECONDS IN_FLIGHT [TOKEN]\n");
		return 2;
	}
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct loop *loop = loop_new();
	struct rpc *rpc = rpc_new(loop);
	struct bench *b = mem_zalloc(sizeof(*b));
	b->method = argv[2];
	b->token = argc > 6 ? str_c(arena_printf(a, "Bearer %s", argv[6])) : STR("");
	read_requests(b, a, argv[3]);
	const struct rpc_channel_config config = { .target = argv[1] };
	for (size_t i = 0; i < CHANNELS; i++)
		b->channels[i] = rpc_channel_new(rpc, &config);
	const int64_t begun = clock_mono_us();
	b->end_us = begun + seconds * SECOND;
	struct run r = { b, loop, in_flight };
	(void)fiber_spawn(loop, run, &r); /* ends the loop */
	loop_run(loop);
	const double took = (double)(clock_mono_us() - begun) / (double)SECOND;
	printf("{\"calls\": %lld, \"failures\": %lld, \"last_failure\": \"%s\", \"seconds\": %.3f, \"p50_us\": %lld, \"p99_us\": %lld, \"cpu_us\": %lld}\n",
		(long long)b->calls, (long long)b->failures,
		b->failures ? status_name(b->last_failure) : "", took, (long long)percentile(b, 50),
		(long long)percentile(b, 99), (long long)own_cpu_us());
	for (size_t i = 0; i < CHANNELS; i++)
		rpc_channel_free(b->channels[i]);
	for (size_t i = 0; i < b->n_requests; i++)
		rpc_bytes_unref(b->requests[i]);
	rpc_free(rpc);
	loop_free(loop);
	const bool is_useless = b->failures == b->calls;
	mem_free(b);
	return is_useless;
}
