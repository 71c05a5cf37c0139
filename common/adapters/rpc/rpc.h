/*
 * rpc: gRPC C core, server and client side, for fibers.
 *
 * One struct rpc per process: it owns gRPC's life and one completion-queue thread, which hands
 * completions to the loop by one eventfd per batch.
 * Server: every call arrives through grpc_server_request_call (generic), so a method that does not
 * exist is answered like any other. Each call gets a fiber that runs the handler; when the client
 * cancels or its deadline passes the fiber is cancelled.
 * Client: channels with keepalive; calls from fibers; a fiber's deadline and cancellation travel
 * upstream.
 * Messages are struct rpc_bytes (gRPC slices, reference-counted), so that a gateway forwards them
 * without a copy; rpc_flat gives them as one string.
 *
 * Owner: struct rpc_call and struct rpc_stream belong to the adapter and live until the handler
 * returns / the stream is closed; strings returned live as long.
 * Threads: the loop's fibers only, unless said otherwise.
 */
#pragma once
#include "base/fiber.h"
#include "base/loop.h"
#include "base/str.h"

struct rpc;
struct rpc_server;
struct rpc_call;
struct rpc_channel;
struct rpc_stream;
struct rpc_bytes;

struct rpc *rpc_new(struct loop *l);
void rpc_free(struct rpc *r); /* servers and channels first */

/* ---- messages ---- */

struct rpc_bytes *rpc_bytes_of(struct str s); /* copies */
void rpc_bytes_unref(struct rpc_bytes *b);
size_t rpc_bytes_size(const struct rpc_bytes *b);
/* One contiguous view, valid as long as b and a; copies only when gRPC delivered several slices. */
struct str rpc_flat(struct arena *a, struct rpc_bytes *b);

struct rpc_header {
	const char *key; /* lower case; "-bin" keys hold raw bytes */
	struct str value;
};

struct rpc_headers {
	size_t n;
	const struct rpc_header *list;
};
/* first value; absent: p NULL */
struct str rpc_header(const struct rpc_headers *h, const char *key);

/* How a call ended. */
struct rpc_outcome {
	enum status status;
	const char *message; /* "" if none */
	/* grpc-status-details-bin, serialized google.rpc.Status; may be empty */
	struct str details;
};

/* ---- server ---- */

struct rpc_server_config {
	const char *listen;        /* "127.0.0.1:7401"; port 0 picks one */
	const char *tls_cert_file; /* PEM; NULL for plaintext */
	const char *tls_key_file;
	/* received; 0: 4 MiB. Beyond it the call ends RESOURCE_EXHAUSTED */
	size_t max_message_bytes;
	/* of all that is being received; 0: 256 MiB. Beyond it some streams end RESOURCE_EXHAUSTED
	 * or UNAVAILABLE, not only those at fault */
	size_t max_receive_memory;
	size_t max_calls; /* in flight per server; 0: 10000. Beyond it calls end at once with
			   * RESOURCE_EXHAUSTED and RetryInfo, unless a unary call that has not sent
			   * its message yet makes room */
	size_t max_calls_per_connection; /* concurrent HTTP/2 streams; 0: 1000 */
	int64_t max_connection_age_ms;   /* 0: never */
	int64_t min_ping_interval_ms;    /* keepalive pings of clients tolerated; 0: 10 s */
};

struct rpc_handlers {
	/* In a fiber of its own per call. Must end with rpc_reply or rpc_finish; if it does not,
	 * the client gets UNKNOWN. */
	void (*serve)(struct rpc_call *call, void *arg);
	/* Any thread: true if the request of this method is exactly one message; it is then read
	 * before the fiber starts. */
	bool (*is_unary_request)(const char *method, void *arg);
	void *arg;
};

/* ST_UNAVAILABLE if the address cannot be bound (never shares a port: so_reuseport is off),
 * ST_INVALID_ARGUMENT if the TLS files cannot be read.
 * Raises the process's limit of open files as far as it goes: gRPC stops listening for good when
 * there are none left. */
enum status rpc_server_new(struct rpc *r, const struct rpc_server_config *c,
	const struct rpc_handlers *h, struct rpc_server **ret) MUST_CHECK;
int rpc_server_port(const struct rpc_server *s);
size_t rpc_server_calls(const struct rpc_server *s); /* in flight */
/* From a fiber that serves no call of s: stops accepting, lets running calls finish for grace_ms,
 * then cancels them, then returns once all handlers have. */
void rpc_server_shutdown(struct rpc_server *s, int64_t grace_ms);
void rpc_server_free(struct rpc_server *s); /* after shutdown */

const char *rpc_method(const struct rpc_call *c); /* "/package.Service/Method" */
const char *rpc_peer(const struct rpc_call *c);   /* "ipv4:127.0.0.1:34567" */
/* monotonic us, CLOCK_NEVER if the client set none */
int64_t rpc_deadline(const struct rpc_call *c);
const struct rpc_headers *rpc_request_headers(const struct rpc_call *c); /* without gRPC's own */
bool rpc_is_cancelled(const struct rpc_call *c);

/* The next message, or NULL after the client's half-close. For a unary request the first call
 * returns at once. The caller unrefs.
 * ST_CANCELLED if the call ended first: the client is gone, or sent too much. A wait that was cut
 * short loses nothing: call again. */
enum status rpc_recv(struct rpc_call *c, struct rpc_bytes **ret) MUST_CHECK;
/* Initial metadata, before the first rpc_send or rpc_reply; copied. What HTTP/2 forbids or gRPC
 * sets itself is dropped, here and in rpc_request. */
void rpc_add_header(struct rpc_call *c, const char *key, struct str value);
void rpc_add_trailer(struct rpc_call *c, const char *key, struct str value);
/* at once, without waiting for the first message */
enum status rpc_send_headers(struct rpc_call *c) MUST_CHECK;
/* One message of a response stream; waits until gRPC took it over (flow control). Does not consume
 * b. */
enum status rpc_send(struct rpc_call *c, struct rpc_bytes *b) MUST_CHECK;
/* The only message and OK: one batch. Does not wait. */
void rpc_reply(struct rpc_call *c, struct rpc_bytes *b);
/* Ends the call. Does not wait. Later sends fail; calling it again does nothing. The message is cut
 * at 512 bytes, details beyond 4 KiB are left out:
 * clients take 8 KiB of trailers. */
void rpc_finish(struct rpc_call *c, const struct rpc_outcome *o);

/* ---- client ---- */

struct rpc_channel_config {
	const char *target;       /* "127.0.0.1:7401", "dns:///contacts:7400" */
	const char *tls_ca_file;  /* PEM; NULL for plaintext */
	size_t max_message_bytes; /* received; 0: 4 MiB */
	int64_t keepalive_ms;     /* 0: 30 s */
};
/* connects on first use */
struct rpc_channel *rpc_channel_new(struct rpc *r, const struct rpc_channel_config *c);
void rpc_channel_free(struct rpc_channel *ch);
/* connectivity now; connect starts connecting an idle channel */
bool rpc_channel_is_ready(struct rpc_channel *ch, bool connect);

struct rpc_request {
	const char *method;        /* "/package.Service/Method" */
	struct rpc_bytes *message; /* unary only; not consumed */
	struct rpc_headers headers;
	/* monotonic us; the earlier of this and the fiber's own counts. 0: the fiber's own */
	int64_t deadline;
	/* server call on whose behalf, still running: propagates deadline and cancellation; may be
	 * NULL */
	struct rpc_call *parent;
	bool wait_for_ready;
};

struct rpc_response {
	struct rpc_outcome outcome;
	struct rpc_bytes *message; /* unref'd with the arena; NULL unless OK */
	struct rpc_headers headers, trailers;
};

/* A unary call. The return value is the outcome's status; everything in ret lives in the arena.
 * Messages of UNAVAILABLE name addresses: for logs. */
enum status rpc_unary(struct rpc_channel *ch, struct arena *a, const struct rpc_request *q,
	struct rpc_response *ret) MUST_CHECK;

/* Any kind of streaming. One fiber may send while another receives. */
enum status rpc_stream_open(
	struct rpc_channel *ch, const struct rpc_request *q, struct rpc_stream **ret) MUST_CHECK;
/* ST_ABORTED if the stream is over: rpc_stream_finish tells how. ST_FAILED_PRECONDITION after
 * half-close. */
enum status rpc_stream_send(struct rpc_stream *s, struct rpc_bytes *b) MUST_CHECK;
enum status rpc_stream_half_close(struct rpc_stream *s) MUST_CHECK;
/* Initial metadata of the server; waits for it. */
enum status rpc_stream_headers(struct rpc_stream *s, struct rpc_headers *ret) MUST_CHECK;
/* NULL at the end, however the stream ended. A wait that was cut short loses nothing: call
 * again. */
enum status rpc_stream_recv(struct rpc_stream *s, struct rpc_bytes **ret) MUST_CHECK;
/* Waits for the outcome (after rpc_stream_recv gave NULL it is there soon; unread messages hold it
 * back). ret and ret_trailers may be NULL. */
enum status rpc_stream_finish(
	struct rpc_stream *s, struct rpc_outcome *ret, struct rpc_headers *ret_trailers) MUST_CHECK;
void rpc_stream_cancel(struct rpc_stream *s);
/* Cancels if it has not ended, and releases. Never waits. */
void rpc_stream_close(struct rpc_stream *s);
