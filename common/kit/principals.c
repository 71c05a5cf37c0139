/* The table of verified tokens. An entry is one block of memory: the principal, its lists, its
 * strings. */
#include "kit/principals_private.h"

enum { FIRST_CAP = 64 };

struct principal_entry {
	struct principal pub;
	size_t refs;  /* the table's and the calls' */
	size_t slot;  /* in the ring */
	bool is_used; /* since the hand was here */
	struct str token;
};

/* ---- one block ---- */

static size_t size_of(struct str token, const struct principal *p)
{
	size_t n = sizeof(struct principal_entry) + token.n;

	n += p->n_teams * sizeof(*p->teams) + p->n_grants * sizeof(*p->grants);
	n += strlen(p->tenant_id) + strlen(p->user_id) + strlen(p->session_id) +
	     strlen(p->team_id) + 4;
	for (size_t i = 0; i < p->n_teams; i++)
		n += strlen(p->teams[i]) + 1;
	for (size_t i = 0; i < p->n_grants; i++)
		n += strlen(p->grants[i].pattern) + 1;
	return n;
}

/* Takes n bytes from the block. */
static void *take(char **at, size_t n)
{
	void *p = *at;

	*at += n;
	return p;
}

static const char *put(char **at, const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(take(at, n), s, n);
}

static struct principal_entry *entry_new(struct str token, const struct principal *p)
{
	struct principal_entry *e = mem_zalloc(size_of(token, p));
	char *at = (char *)(e + 1);
	/* lists first: they need their alignment */
	const char **teams = take(&at, p->n_teams * sizeof(*teams));
	struct grant *grants = take(&at, p->n_grants * sizeof(*grants));

	for (size_t i = 0; i < p->n_teams; i++)
		teams[i] = put(&at, p->teams[i]);
	for (size_t i = 0; i < p->n_grants; i++)
		grants[i] = (struct grant){ .pattern = put(&at, p->grants[i].pattern),
			.level = p->grants[i].level };
	e->pub = (struct principal){
		.tenant_id = put(&at, p->tenant_id),
		.user_id = put(&at, p->user_id),
		.session_id = put(&at, p->session_id),
		.team_id = put(&at, p->team_id),
		.n_teams = p->n_teams,
		.teams = teams,
		.n_grants = p->n_grants,
		.grants = grants,
		.expire_us = p->expire_us,
	};
	e->token = str_n(memcpy(at, token.p, token.n), token.n);
	e->refs = 1;
	return e;
}

static void entry_unref(void *entry)
{
	struct principal_entry *e = entry;

	if (--e->refs == 0)
		mem_free(e);
}

static const struct principal *hold(struct principal_entry *e, struct arena *a)
{
	e->refs++;
	e->is_used = true;
	arena_defer(a, entry_unref, e);
	return &e->pub;
}

/* ---- the table ---- */

void principals_init(struct principals *t, size_t max)
{
	*t = (struct principals){ .max = max };
	map_init(&t->by_token);
}

static void drop(struct principals *t, struct principal_entry *e)
{
	struct principal_entry *last = t->ring[--t->n];

	(void)map_del(&t->by_token, e->token); /* it is e */
	t->ring[e->slot] = last;
	last->slot = e->slot;
	entry_unref(e);
}

void principals_done(struct principals *t)
{
	while (t->n > 0)
		drop(t, t->ring[t->n - 1]);
	map_done(&t->by_token);
	mem_free(t->ring);
}

const struct principal *principals_get(
	struct principals *t, struct arena *a, struct str token, int64_t now_us)
{
	struct principal_entry *e = map_get(&t->by_token, token);

	if (!e)
		return NULL;
	if (e->pub.expire_us <= now_us) {
		drop(t, e);
		return NULL;
	}
	return hold(e, a);
}

/* Makes room by dropping the first entry that was not used since the hand passed it. */
static void evict(struct principals *t)
{
	for (;;) {
		struct principal_entry *e;

		if (t->hand >= t->n)
			t->hand = 0;
		e = t->ring[t->hand];
		if (!e->is_used) {
			drop(t, e);
			return;
		}
		e->is_used = false;
		t->hand++;
	}
}

static void grow(struct principals *t)
{
	t->cap = t->cap ? t->cap * 2 : FIRST_CAP;
	t->ring = mem_realloc(t->ring, t->cap * sizeof(struct principal_entry *));
}

const struct principal *principals_add(
	struct principals *t, struct arena *a, struct str token, const struct principal *p)
{
	struct principal_entry *old = map_get(&t->by_token, token);
	struct principal_entry *e;

	if (old)
		drop(t, old);
	if (t->n >= t->max)
		evict(t);
	if (t->n == t->cap)
		grow(t);
	e = entry_new(token, p);
	e->slot = t->n;
	t->ring[t->n++] = e;
	(void)map_set(&t->by_token, token, e); /* the old one is gone */
	return hold(e, a);
}

void principals_drop_session(struct principals *t, const char *session_id)
{
	for (size_t i = t->n; i-- > 0;) {
		if (strcmp(t->ring[i]->pub.session_id, session_id) == 0)
			drop(t, t->ring[i]);
	}
}
