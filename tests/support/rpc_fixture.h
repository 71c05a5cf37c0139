/*
 * A server and a channel to it in one process, on a loop of their own, for the tests of the rpc
 * adapter.
 *
 * The methods, below "/test.Echo/":
 *   Unary   answers with the request
 *   Fail    ends with the status that the request names in decimal, with details and a trailer
 *   Silent  returns without an answer
 *   Wait    says that it is there, then waits for ever
 *   Meta    answers with the request's x- headers as headers and as trailers, and with the names
 *           of all in "seen"
 *   Count   server stream: as many messages "0", "1", ... as the request says
 *   Sum     client stream: answers with the bytes received in all
 *   Chat    both: answers each message at once
 *   Flood   server stream: sends 64 KiB messages until it is stopped
 *   Late    sends headers at once, a status later
 *   Relay   calls Wait on the same server on behalf of its caller, deaf to everything but gRPC
 *           itself
 * Every other method is unary and ends UNIMPLEMENTED.
 */
#pragma once
#include "adapters/rpc/rpc.h"

struct rpc_fixture {
	struct loop *loop;
	struct rpc *rpc;
	struct rpc_server *server;
	struct rpc_channel *channel;
	struct arena *arena;
	struct rpc_server_config config;

	/* what the handlers saw */
	struct event arrived;  /* a handler that waits has begun */
	struct event left;     /* it has returned */
	enum status left_with; /* how its wait ended */
	size_t sent;           /* messages of Flood */
	int64_t deadline;      /* of Wait */
	struct event release;  /* lets Late end */

	void (*body)(struct rpc_fixture *f);
};

/* Runs body in a fiber with everything up, then takes all down. The config's listen is filled in if
 * NULL. */
void rpc_fixture_run(const struct rpc_server_config *c, void (*body)(struct rpc_fixture *f));
/* In body: another server on the same port once the first is down, for the tests of reconnecting.
 */
void rpc_fixture_stop_server(struct rpc_fixture *f, int64_t grace_ms);
void rpc_fixture_start_server(struct rpc_fixture *f, int port);

/* A unary call with a text. */
enum status rpc_fixture_call(
	struct rpc_fixture *f, const char *method, const char *text, struct rpc_response *ret);
/* A text on a stream; and the next message, which must be this text. */
enum status rpc_fixture_send(struct rpc_stream *s, const char *text);
void rpc_fixture_expect(struct rpc_fixture *f, struct rpc_stream *s, const char *text);
