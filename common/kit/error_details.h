/*
 * error_details: what a failure says beyond its status: google.rpc.Status with ErrorInfo,
 * BadRequest and RetryInfo (AIP-193), as bytes for grpc-status-details-bin.
 *
 * Clients take 8 KiB of trailers and rpc sends at most 4 KiB of details, so what does not fit is
 * left out: messages are cut, later field violations dropped.
 * Owner: results live in the arena given. Threads: no shared state.
 */
#pragma once
#include "adapters/pb/pb.h"

struct error_details {
	enum status status;
	const char *message;
	const char *reason;                 /* "ETAG_MISMATCH"; NULL: the status' name */
	const char *domain;                 /* "contacts.crm" */
	const struct pb_violations *fields; /* NULL: none */
	int64_t retry_ms;                   /* 0: no RetryInfo */
};

struct str error_details_pack(struct arena *a, const struct error_details *e);

/* The text as it may travel in grpc-message: well-formed UTF-8, at most 1 KiB after
 * percent-encoding, cut between characters. */
const char *error_message_clean(struct arena *a, const char *text);
