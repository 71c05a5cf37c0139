/*
 * Service: the main program. What it makes it makes in one order and takes down in the other; in
 * between the loop runs everything.
 */
#include "kit/service.h"
#include <assert.h>
#include <signal.h>
#include <unistd.h>
#include "adapters/crypto/crypto.h"
#include "adapters/log/log.h"
#include "base/clock.h"
#include "kit/auth_private.h"
#include "kit/dispatch.h"
#include "kit/outbox.h"
#include "kit/service_private.h"

enum { SECRET_BYTES = 32, MAX_OFFLOADED = 1000, DRAIN_MS = 5000, CONTINUE = -1 };

/* ---- state ---- */

bool service_is_usable(const struct service *s)
{
	if (!s->p->is_started || !s->p->is_ready)
		return false;
	return !s->def->statements || (s->db && db_is_up(s->db));
}

bool service_is_serving(const struct service *s)
{
	if (s->p->is_stopping || !service_is_usable(s) || !auth_is_ready(s->auth))
		return false;
	if (s->bus && !bus_is_up(s->bus))
		return false;
	return !s->def->is_healthy || s->def->is_healthy((struct service *)(uintptr_t)s);
}

void service_health_changed(struct service *s)
{
	bool is_serving = service_is_serving(s);

	if (is_serving != s->p->was_serving) {
		s->p->was_serving = is_serving;
		log_info(is_serving ? "serving" : "not_serving",
			LOG_BOOL("stopping", s->p->is_stopping));
		metrics_set_ready(s->metrics, is_serving);
	}
	event_set(&s->p->health_changed);
	event_reset(&s->p->health_changed);
}

void service_background(struct service *s, void (*fn)(void *arg), void *arg)
{
	group_spawn(&s->p->background, fn, arg);
}

/* ---- stopping ---- */

static void stop_outbox(void *service)
{
	struct service *s = service;

	outbox_stop(s->outbox, DRAIN_MS);
}

static void stop(void *service)
{
	struct service *s = service;
	enum status ended;

	rpc_server_shutdown(s->p->server, s->p->grace_ms);
	if (s->def->stop)
		s->def->stop(s);
	fiber_set_deadline(fiber_self(), clock_mono_us() + DRAIN_MS * INT64_C(1000));
	if (s->bus && bus_drain(s->bus) != ST_OK)
		log_warn("consumers_not_drained");
	if (s->outbox && offload_run(s->offload, stop_outbox, s) != ST_OK)
		log_warn("outbox_not_drained");
	/* cancelled, this fiber does not wait for the others to end by themselves, but cancels them
	 * first */
	fiber_cancel(fiber_self());
	ended = group_wait(&s->p->background);
	assert(ended == ST_OK || ended == ST_CANCELLED);
	loop_stop(s->loop);
}

static void begin_stop(struct service *s, int64_t grace_ms)
{
	if (s->p->is_stopping)
		return;
	s->p->is_stopping = true;
	s->p->grace_ms = grace_ms;
	service_health_changed(s);
	fiber_spawn(s->loop, stop, s);
}

void service_exit(struct service *s, int code)
{
	if (!s->p->is_stopping)
		s->p->exit_code = code;
	begin_stop(s, 0);
}

static void on_signal(int signo, void *service)
{
	struct service *s = service;

	log_info("stopping", LOG_INT("signal", signo));
	if (s->p->is_stopping) {
		log_flush();
		_exit(EXIT_FAULT); /* asked twice: at once */
	}
	begin_stop(s, s->settings.grace_ms);
}

/* ---- making ---- */

static void on_end_of_turn(struct loop_hook *h)
{
	(void)h; /* it says nothing more */
	log_flush();
}

static void make_loop(struct service *s)
{
	(void)signal(SIGPIPE, SIG_IGN); /* a closed connection is an error of its write */
	s->loop = loop_new();
	loop_on_signal(s->loop, on_signal, s);
	s->p->end_of_turn.fn = on_end_of_turn;
	loop_hook_add(s->loop, &s->p->end_of_turn);
	group_init(&s->p->background);
}

static int make_secret(struct service *s)
{
	const char *path = s->settings.secret_file;

	if (path[0] == '\0')
		return CONTINUE;
	if (secret_read_file(path, SECRET_BYTES, &s->p->secret) != ST_OK) {
		log_error("secret_file_not_good", LOG_STR("path", path),
			LOG_STR("detail", "it must hold 32 bytes, raw, hex or base64url, and only "
					  "its owner may read it"));
		return EXIT_SETTING;
	}
	s->p->page_key = secret_derive(s->p->secret, "page tokens");
	s->secret = s->p->secret;
	s->page_key = s->p->page_key;
	return CONTINUE;
}

static int make_metrics(struct service *s)
{
	const char *listen = s->settings.metrics_listen;
	int port;

	s->p->database_up =
		metrics_gauge(s->metrics, "crm_database_up", "1 while the database answers.", NULL);
	s->p->bus_up = metrics_gauge(s->metrics, "crm_bus_up", "1 while NATS answers.", NULL);
	if (listen[0] == '\0')
		return CONTINUE;
	if (metrics_serve(s->metrics, listen, &port) != ST_OK) {
		log_error("port_taken", LOG_STR("metrics", listen),
			LOG_STR("detail", "the address is in use or not of this machine; choose "
					  "another with CRM_METRICS"));
		return EXIT_PORT;
	}
	log_info("metrics", LOG_STR("listen", listen), LOG_INT("port", port));
	return CONTINUE;
}

static int make_schema(struct service *s)
{
	const struct service_def *def = s->def;
	struct str set = str_n(def->descriptors, (size_t)(def->descriptors_end - def->descriptors));

	if (pb_schema_new(set, &s->schema) == ST_OK)
		return CONTINUE;
	log_error("descriptors_not_good");
	return EXIT_FAULT;
}

static int make_dispatch(struct service *s)
{
	const char *why = "";

	if (dispatch_new(s, &s->p->dispatch, &why) == ST_OK)
		return CONTINUE;
	log_error("methods_do_not_agree", LOG_STR("detail", why));
	return EXIT_FAULT;
}

static const char *or_null(const char *s)
{
	return s[0] ? s : NULL;
}

/* Last: from now on calls come. */
static int make_server(struct service *s)
{
	const struct service_settings *v = &s->settings;
	const struct rpc_server_config c = {
		.listen = v->listen,
		.tls_cert_file = or_null(v->tls_cert),
		.tls_key_file = or_null(v->tls_key),
		.max_message_bytes = (size_t)v->max_message,
		.max_receive_memory = (size_t)v->receive_memory,
		.max_calls = (size_t)v->max_calls,
		/* a gateway's calls all come through one connection */
		.max_calls_per_connection = (size_t)v->max_calls,
		.max_connection_age_ms = v->connection_age_ms,
	};
	const struct rpc_handlers h = {
		.serve = dispatch_serve,
		.is_unary_request = dispatch_is_unary,
		.arg = s->p->dispatch,
	};
	enum status status = rpc_server_new(s->rpc, &c, &h, &s->p->server);

	if (status == ST_INVALID_ARGUMENT) {
		log_error("tls_files_not_good", LOG_STR("cert", v->tls_cert),
			LOG_STR("key", v->tls_key));
		return EXIT_SETTING;
	}
	if (status != ST_OK) {
		log_error("port_taken", LOG_STR("listen", v->listen),
			LOG_STR("detail", "the address is in use or not of this machine; choose "
					  "another with CRM_LISTEN"));
		return EXIT_PORT;
	}
	log_info("listening", LOG_STR("listen", v->listen),
		LOG_INT("port", rpc_server_port(s->p->server)));
	return CONTINUE;
}

static int make(struct service *s)
{
	static int (*const steps[])(
		struct service * s) = { make_secret, make_metrics, make_schema };
	int code = CONTINUE;

	make_loop(s);
	s->metrics = metrics_new();
	s->offload = offload_new(s->loop, (size_t)s->settings.offload_threads, MAX_OFFLOADED);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		code = steps[i](s);
		if (code != CONTINUE)
			return code;
	}
	s->rpc = rpc_new(s->loop);
	s->auth = auth_new(s);
	code = make_dispatch(s);
	return code == CONTINUE ? make_server(s) : code;
}

static void unmake(struct service *s)
{
	outbox_free(s->outbox);
	bus_free(s->bus);
	db_free(s->db);
	rpc_server_free(s->p->server);
	dispatch_free(s->p->dispatch);
	auth_free(s->auth);
	rpc_free(s->rpc);
	offload_free(s->offload);
	metrics_free(s->metrics);
	pb_schema_free(s->schema);
	secret_free(s->p->page_key);
	secret_free(s->p->secret);
	if (s->loop)
		loop_free(s->loop);
}

/* ---- running ---- */

static void start(void *service)
{
	service_background(service, startup_run, service);
}

static int run(struct service *s)
{
	int code = make(s);

	if (code == CONTINUE) {
		fiber_spawn(s->loop, start, s);
		loop_run(s->loop);
		code = s->p->exit_code;
		log_info("stopped", LOG_INT("code", code));
	}
	unmake(s);
	return code;
}

int service_main(const struct service_def *def, int argc, char **argv)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct service s = { .def = def, .arena = a, .p = arena_zalloc(a, sizeof(*s.p)) };
	enum log_level level = LOG_INFO;
	int code = settings_load(&s, argc, argv);

	if (code != CONTINUE)
		return code;
	(void)log_level_parse(s.settings.log_level, &level); /* the setting is a choice of these */
	log_init(def->name, level, STDERR_FILENO);
	crypto_init();
	types_init(&s);
	code = s.settings.check_sql ? startup_check_sql(&s) : run(&s);
	types_done(&s);
	log_flush();
	return code;
}
