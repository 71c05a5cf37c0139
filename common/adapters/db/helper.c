/*
 * The helper thread: what would block the loop. Name resolution, TLS and SCRAM when connecting, the
 * verification of the catalog on the first connection, cancel requests. It starts with the first
 * job and sleeps when there is none.
 */
#include <assert.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "adapters/db/db_private.h"

static void put(struct job_list *l, struct job *job)
{
	job->next = NULL;
	if (l->last)
		l->last->next = job;
	else
		l->first = job;
	l->last = job;
}

static struct job *take(struct job_list *l)
{
	struct job *job = l->first;
	if (job) {
		l->first = job->next;
		if (!l->first)
			l->last = NULL;
	}
	return job;
}

static void signal_fd(int fd)
{
	uint64_t one = 1;
	(void)!write(fd, &one, sizeof(one)); /* a full counter is readable as well */
}

/* ---- the thread ---- */

/* Announces the socket that the thread is about to wait on; false when stopping. */
static bool set_busy(struct helper *h, int fd)
{
	pthread_mutex_lock(&h->mu);
	h->busy_fd = fd;
	bool go = !h->is_stopping;
	pthread_mutex_unlock(&h->mu);
	return go;
}

static enum status prepare_connection(struct helper *h, struct job *job, PGconn *pg)
{
	struct catalog *catalog = h->db->catalog;
	enum status s = ST_OK;
	if (!set_busy(h, PQsocket(pg)))
		s = ST_UNAVAILABLE;
	else if ((job->has_verified = !catalog->is_verified))
		s = catalog_verify(catalog, pg);
	(void)set_busy(h, -1);
	return s;
}

static void run_connect(struct helper *h, struct job *job)
{
	struct db *db = h->db;
	bool is_slow = job->conn->kind == CONN_SLOW;
	int timeout_ms = db->statement_timeout_ms;
	job->status = ST_UNAVAILABLE;
	job->pg = connect_blocking(
		db->url, is_slow ? timeout_ms * SLOW_FACTOR : timeout_ms, h->stop_fd);
	if (!job->pg)
		return;
	job->status = prepare_connection(h, job, job->pg);
	if (job->status == ST_OK && PQsetnonblocking(job->pg, 1) == 0 &&
		PQenterPipelineMode(job->pg))
		return;
	if (job->status == ST_OK)
		job->status = ST_UNAVAILABLE;
	PQfinish(job->pg);
	job->pg = NULL;
}

static void run_cancel(struct job *job)
{
	char error[256];
	(void)PQcancel(job->cancel, error,
		sizeof(error)); /* without it the statement ends by its timeout */
	PQfreeCancel(job->cancel);
	job->cancel = NULL;
}

static struct job *next_job(struct helper *h)
{
	pthread_mutex_lock(&h->mu);
	while (!h->todo.first && !h->is_stopping)
		pthread_cond_wait(&h->wake, &h->mu);
	struct job *job = h->is_stopping ? NULL : take(&h->todo);
	pthread_mutex_unlock(&h->mu);
	return job;
}

static void give_back(struct helper *h, struct job *job)
{
	pthread_mutex_lock(&h->mu);
	put(&h->done, job);
	pthread_mutex_unlock(&h->mu);
	signal_fd(h->done_io.fd);
}

static void *run(void *arg)
{
	struct helper *h = arg;
	for (struct job *job; (job = next_job(h));) {
		if (job->cancel)
			run_cancel(job);
		else
			run_connect(h, job);
		give_back(h, job);
	}
	return NULL;
}

/* ---- the loop's side ---- */

static struct job *take_done(struct helper *h)
{
	pthread_mutex_lock(&h->mu);
	struct job *job = take(&h->done);
	pthread_mutex_unlock(&h->mu);
	return job;
}

static void on_done(struct loop_io *io, uint32_t events)
{
	struct helper *h = (struct helper *)(void *)((char *)io - offsetof(struct helper, done_io));
	uint64_t count;
	(void)events;
	(void)!read(io->fd, &count, sizeof(count)); /* only resets it */
	for (struct job *job; (job = take_done(h));) {
		job->is_pending = false;
		job->on_done(job);
	}
}

void helper_init(struct helper *h, struct db *db)
{
	*h = (struct helper){ .db = db, .busy_fd = -1 };
	pthread_mutex_init(&h->mu, NULL);
	pthread_cond_init(&h->wake, NULL);
	h->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	h->done_io =
		(struct loop_io){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .fn = on_done };
	assert(h->stop_fd >= 0 && h->done_io.fd >= 0);
	loop_io_set(db->loop, &h->done_io, EPOLLIN);
}

static void drop(struct job_list *l)
{
	for (struct job *job; (job = take(l));) {
		PQfreeCancel(job->cancel);
		PQfinish(job->pg);
	}
}

void helper_done(struct helper *h)
{
	pthread_mutex_lock(&h->mu);
	h->is_stopping = true;
	if (h->busy_fd >= 0)
		shutdown(h->busy_fd, SHUT_RDWR);
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->mu);
	signal_fd(h->stop_fd);
	if (h->is_started)
		pthread_join(h->thread, NULL);
	drop(&h->todo);
	drop(&h->done);
	loop_io_set(h->db->loop, &h->done_io, 0);
	close(h->done_io.fd);
	close(h->stop_fd);
	pthread_cond_destroy(&h->wake);
	pthread_mutex_destroy(&h->mu);
}

void helper_post(struct helper *h, struct job *job)
{
	if (!h->is_started) {
		int failed = pthread_create(&h->thread, NULL, run, h);
		assert(!failed); /* a process that can have no thread cannot serve */
		h->is_started = true;
	}
	job->is_pending = true;
	pthread_mutex_lock(&h->mu);
	put(&h->todo, job);
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->mu);
}
