/*
 * A service on the kit without a database, for tests of the kit: it serves the protos of contacts
 * with handlers that show what the kit gives them. Run in a process of its own by service_process:
 * {"serve", VARIANT, settings..., NULL}.
 *
 *   contacts      verifies tokens with the test key, which it has from the start
 *   asking        verifies tokens with keys asked of the identity service
 *   identity      answers GetKeySet with the test key, and nothing else
 *   waiting       its start takes a minute
 *   failing       its start fails
 *   unhandled     methods.c lacks UpdateContact
 *   unknown       methods.c has a handler for NoSuchMethod
 *   twice         methods.c has GetContact twice
 *   undeclared    a service of the protos is not among apis
 *   database      as contacts, with a database (the kit's tables alone) and an outbox; its ready
 *                 fails the first time
 *   misfit        as database, with a statement that does not fit the schema
 *
 * Handlers: GetContact shows the call's rights (display_name "teams all address correlation
 * traceparent"). DeleteContact returns the status named by etag, without words.
 * CreateContact shows the request_id, or complains of two fields when display_name is "bad", or
 * hides a detail when it is "secret". UndeleteContact gives no answer.
 * ListContacts waits for its deadline. SearchContacts takes 300 ms. ImportContacts has a verdict
 * per row. ExportContacts sends three contacts. GetOrganization revokes the caller's session.
 */
#pragma once
#include "base/arena.h"

#define KIT_TENANT     "01890000-0000-7000-8000-000000000001"
#define KIT_USER       "01890000-0000-7000-8000-000000000002"
#define KIT_TEAM       "01890000-0000-7000-8000-000000000003"
#define KIT_TEAM_BELOW "01890000-0000-7000-8000-000000000004"
#define KIT_SESSION    "01890000-0000-7000-8000-000000000005"

struct kit_token {
	const char *kid;     /* NULL: the test key's */
	const char *perms;   /* JSON; NULL: [["*",4]] */
	const char *session; /* NULL: KIT_SESSION */
	const char *claims;  /* JSON: instead of all others */
	long ends_in_s;      /* 0: 600 */
	int key;             /* 0: the test key; others sign with another */
};
/* "Bearer ..." */
const char *kit_token(struct arena *a, struct kit_token t);

/* The main program behind "serve"; argv[1] is the variant. */
int kit_service_main(int argc, char **argv);
