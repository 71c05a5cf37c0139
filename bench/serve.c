/* crm-bench serve: a bare server with 100 methods that answer with what they get: what the rpc
 * adapter costs by itself. */
#include "bench/bench.h"

#include <stdio.h>

#include "adapters/rpc/rpc.h"
#include "base/map.h"

enum { METHODS = 100 };

struct bare {
	struct map methods; /* path -> itself */
};

static void serve(struct rpc_call *call, void *arg)
{
	const struct bare *b = arg;
	struct rpc_bytes *message;
	if (!map_get(&b->methods, str_c(rpc_method(call)))) {
		rpc_finish(
			call, &(struct rpc_outcome){ .status = ST_UNIMPLEMENTED, .message = "" });
		return;
	}
	if (rpc_recv(call, &message) != ST_OK || !message)
		return;
	rpc_reply(call, message);
	rpc_bytes_unref(message);
}

static bool is_unary(const char *method, void *arg)
{
	const struct bare *b = arg;
	return map_get(&b->methods, str_c(method)) != NULL;
}

static void stop(int signo, void *loop)
{
	(void)signo;
	loop_stop(loop);
}

int bench_serve(const char *listen)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct loop *loop = loop_new();
	loop_on_signal(loop, stop, loop);
	struct rpc *rpc = rpc_new(loop);
	struct bare b;
	map_init(&b.methods);
	for (int i = 0; i < METHODS; i++)
		/* there was none */
		(void)map_set(&b.methods, str_c(arena_printf(a, "/bench.v1.Bare/Method%d", i)), &b);
	const struct rpc_server_config config = { .listen = listen };
	const struct rpc_handlers handlers = {
		.serve = serve, .is_unary_request = is_unary, .arg = &b
	};
	struct rpc_server *server;
	if (rpc_server_new(rpc, &config, &handlers, &server) != ST_OK) {
		fprintf(stderr, "crm-bench: cannot listen on %s\n", listen);
		return 3;
	}
	printf("%d\n", rpc_server_port(server));
	(void)fflush(stdout); /* whoever reads the port waits for it */
	loop_run(loop);
	return 0; /* the process ends with its server */
}
