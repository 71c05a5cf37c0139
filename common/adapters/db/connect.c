/*
 * Making a connection: keepalive so that a dead server is noticed, our timeouts as start-up
 * options. Parameters in the URL win over ours.
 */
#include <poll.h>
#include <stdio.h>
#include "adapters/db/db_private.h"
#include "base/clock.h"

enum { CONNECT_TIMEOUT_US = 15 * 1000 * 1000 };

/* libpq would print them on stderr. What matters comes as an error. */
static void ignore_notice(void *arg, const PGresult *res)
{
	(void)arg, (void)res;
}

static PGconn *start(const char *url, int statement_timeout_ms)
{
	char options[160];
	snprintf(options, sizeof(options),
		"-c statement_timeout=%d -c idle_in_transaction_session_timeout=60000 -c "
		"client_min_messages=error",
		statement_timeout_ms);
	const char *const names[] = { "fallback_application_name", "client_encoding", "options",
		"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
		"dbname", NULL };
	const char *const values[] = { "crm", "UTF8", options, "10", "5", "3", "15000", url, NULL };
	PGconn *pg = PQconnectStartParams(names, values, 1);
	if (pg)
		PQsetNoticeReceiver(pg, ignore_notice, NULL);
	return pg;
}

/* Waits until the socket is ready, the time is up or stop_fd is readable; false in the latter two.
 */
static bool wait_socket(PGconn *pg, short events, int stop_fd, int64_t until_us)
{
	struct pollfd fds[2] = { { .fd = PQsocket(pg), .events = events },
		{ .fd = stop_fd, .events = POLLIN } };
	int64_t left_us = until_us - clock_mono_us();
	if (left_us <= 0 || poll(fds, 2, (int)(left_us / 1000) + 1) <= 0)
		return clock_mono_us() < until_us; /* a signal: look again */
	return fds[1].revents == 0;
}

PGconn *connect_blocking(const char *url, int statement_timeout_ms, int stop_fd)
{
	PGconn *pg = start(url, statement_timeout_ms);
	int64_t until_us = clock_mono_us() + CONNECT_TIMEOUT_US;
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;
	while (pg && PQstatus(pg) != CONNECTION_BAD && state != PGRES_POLLING_OK) {
		short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
		if (state == PGRES_POLLING_FAILED || !wait_socket(pg, events, stop_fd, until_us))
			break;
		state = PQconnectPoll(pg);
	}
	if (pg && PQstatus(pg) == CONNECTION_OK)
		return pg;
	PQfinish(pg);
	return NULL;
}
