/*
 * A client of one server, for tests: a loop, a channel, and a fiber that runs the test's body. The
 * body may use cmocka's assertions.
 */
#pragma once
#include "adapters/bus/bus.h"
#include "adapters/pb/pb.h"
#include "adapters/rpc/rpc.h"

struct rpc_client_fixture {
	struct loop *loop;
	struct rpc *rpc;
	struct rpc_channel *channel;
	struct arena *arena;
	const char *token;                   /* sent as authorization if set */
	const char *request_id;              /* sent as x-request-id if set */
	const char *extra_key, *extra_value; /* one more header, if set */
	int64_t timeout_us;                  /* 0: 10 s; -1: no deadline */
	bool fails_fast;                     /* does not wait for a server that is away */
	struct bus *bus; /* on the loop, if the body opened one; freed once the loop has stopped */
	struct rpc_response answer; /* the last one */
	void *arg;
	void (*body)(struct rpc_client_fixture *f);
};

void rpc_client_run(int port, void (*body)(struct rpc_client_fixture *f), void *arg);
/* A unary call with a generated struct; the answer's parts are in f->answer. */
enum status rpc_client_ask(struct rpc_client_fixture *f, const char *method, const void *msg);
enum status rpc_client_ask_wire(struct rpc_client_fixture *f, const char *method, struct str wire);
/* The last answer as a struct. */
void *rpc_client_answer(struct rpc_client_fixture *f, const ProtobufCMessageDescriptor *d);
/* "REASON field: description; field: description retry 1000": what the details of the last answer
 * say. */
const char *rpc_client_details(struct rpc_client_fixture *f);
enum status rpc_client_open(
	struct rpc_client_fixture *f, const char *method, struct rpc_stream **ret);
