/*
 * outbox: the relay from the outbox table to JetStream. One thread with a connection of its own;
 * woken in-process after each write, and by a sweep once a second while rows are waiting or another
 * replica may have left some (once in 30 s when idle). One relay per database at a time, by
 * advisory lock; batches of 256; a row is deleted after the broker stored it.
 * It also deletes idempotency rows after 7 days and inbox rows after 30 days.
 * Threads: outbox_wake from any thread.
 */
#pragma once
#include "base/status.h"

struct outbox;
struct service;

struct outbox *outbox_new(struct service *s);
void outbox_wake(struct outbox *o);
/* Waits up to ms for what is there to be published, then stops the thread. */
void outbox_stop(struct outbox *o, long ms);
void outbox_free(struct outbox *o);
