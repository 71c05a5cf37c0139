/* Health: what Check says and Watch sends, for the whole server (""), for each service it has, and
 * for what the service itself knows of others. */
#include "kit/health_private.h"
#include "grpc/health/v1/health.pb-c.h"
#include "kit/service_private.h"

enum { UNKNOWN_SERVICE = -1, NEVER_SENT = -2 };

static bool is_own(const struct service *s, const char *name)
{
	return name[0] == '\0' || pb_schema_service(s->schema, name) != NULL;
}

static int health_of(struct service *s, const char *name)
{
	if (is_own(s, name))
		return service_is_serving(s);
	return s->def->other_health ? s->def->other_health(s, str_c(name)) : UNKNOWN_SERVICE;
}

static Grpc__Health__V1__HealthCheckResponse response_of(int health)
{
	Grpc__Health__V1__HealthCheckResponse r = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

	r.status = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN;
	if (health == 0)
		r.status = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
	if (health == 1)
		r.status = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	return r;
}

enum status health_check(struct call *call)
{
	const Grpc__Health__V1__HealthCheckRequest *q = call->request;
	int health = health_of(call->service, q->service);
	Grpc__Health__V1__HealthCheckResponse r = response_of(health);

	if (health == UNKNOWN_SERVICE)
		return call_fail(call, ST_NOT_FOUND, "service", "this server has no such service");
	return call_reply(call, &r);
}

/* Until the client leaves; at shutdown we end it, or the server would wait for it the whole grace
 * time. */
enum status health_watch(struct call *call)
{
	const Grpc__Health__V1__HealthCheckRequest *q = call->request;
	struct service *s = call->service;
	int sent = NEVER_SENT;

	for (;;) {
		int health = health_of(s, q->service);
		Grpc__Health__V1__HealthCheckResponse r = response_of(health);

		if (health != sent) {
			TRY(call_send(call, &r));
			sent = health;
			continue; /* it may have changed while we sent */
		}
		if (s->p->is_stopping)
			return call_fail(
				call, ST_UNAVAILABLE, NULL, "the service is shutting down");
		TRY(event_wait(&s->p->health_changed));
	}
}
