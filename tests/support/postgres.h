/*
 * A private PostgreSQL for one test program: its own cluster, port and folder under /tmp, on
 * loopback only, never run as root. It dies with the program, however that ends; folders that a
 * killed program left are swept by the next one.
 *
 * The cluster is copied from a template that initdb makes once per build folder, so that a start
 * takes a fraction of a second. fsync is off; commits are synchronous, so what was acknowledged
 * survives a kill -9 of the server. A set-up that fails ends the program with one clear line: there
 * is nothing to test without it. Owner: the test program. Threads: one.
 */
#pragma once
#include <stdbool.h>
#include "base/arena.h"

struct postgres;

/* Starts a cluster with one database whose owner, schema and name are `name`. */
struct postgres *postgres_new(const char *name);
void postgres_free(struct postgres *pg); /* stops it and removes its folder; NULL is fine */

/* Connection URL as the owner of the database (not a superuser), and as the superuser. */
const char *postgres_url(const struct postgres *pg);
const char *postgres_admin_url(const struct postgres *pg);
int postgres_port(const struct postgres *pg);

/* Another database with a role and a schema of that name in the same cluster; the URL lives as long
 * as pg. */
const char *postgres_database(struct postgres *pg, const char *name);

void postgres_kill(struct postgres *pg); /* kill -9 of the postmaster and every backend */
void postgres_stop(struct postgres *pg); /* immediate shutdown; connections break */
void postgres_start(struct postgres
		*pg); /* again, on the same port, after kill or stop; waits until it accepts */
/* Freezes the postmaster and every backend (SIGSTOP), and lets them go on (SIGCONT). */
void postgres_freeze(struct postgres *pg);
void postgres_thaw(struct postgres *pg);
bool postgres_is_running(const struct postgres *pg);

/* Runs SQL as the owner of the database (fails the program if it fails). */
void postgres_exec(struct postgres *pg, const char *sql);
/* The same with superuser rights, e.g. to terminate backends. */
void postgres_admin(struct postgres *pg, const char *sql);
/* The first column of the first row as text, "" if there is none or it is null. */
const char *postgres_value(struct postgres *pg, struct arena *a, const char *sql);
