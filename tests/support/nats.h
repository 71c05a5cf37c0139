/*
 * A private nats-server for one test program: its own port and folder under /tmp, on loopback only,
 * JetStream on disk, a user and a password. It dies with the program, however that ends; folders
 * that a killed program left are swept by the next one.
 *
 * A set-up that fails ends the program with one clear line: there is nothing to test without it.
 * Owner: the test program. Threads: start it from one that lives as long (the server dies with the
 * thread that started it).
 */
#pragma once
#include <stdbool.h>
#include "base/arena.h"

struct nats_server;

struct nats_server *nats_server_new(void); /* starts it and waits until it accepts */
/* has its port and folder; nats_server_start runs it */
struct nats_server *nats_server_new_stopped(void);
void nats_server_free(struct nats_server *s); /* stops it and removes its folder; NULL is fine */
const char *nats_server_url(const struct nats_server *s); /* nats://user:password@127.0.0.1:port */
int nats_server_port(const struct nats_server *s);
/* from its next start on */
void nats_server_set_password(struct nats_server *s, const char *password);

void nats_server_kill(struct nats_server *s);  /* kill -9 */
void nats_server_stop(struct nats_server *s);  /* SIGTERM, and waits */
void nats_server_start(struct nats_server *s); /* again, on the same port and folder */
void nats_server_wipe(struct nats_server *s);  /* forgets all streams; while it does not run */

/*
 * Asks the server over a connection of its own, by the bare protocol: an independent judge. The
 * answer's payload, "" if there was none within five seconds.
 * Subjects such as "$JS.API.STREAM.INFO.CRM" and "$JS.API.CONSUMER.DELETE.CRM.name".
 */
const char *nats_server_ask(
	const struct nats_server *s, struct arena *a, const char *subject, const char *payload);
