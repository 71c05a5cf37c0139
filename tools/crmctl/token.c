/* See token.h. */
#include "tools/crmctl/token.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "adapters/config/config.h"
#include "adapters/json/json.h"
#include "base/clock.h"
#include "tools/crmctl/method.h"
#include "tools/crmctl/target.h"
#include "tools/crmctl/text.h"

enum {
	MAX_FILE = 64 * 1024,
	EARLY_US = 30 * 1000 * 1000, /* refreshed so long before its end */
	LOCK_WAIT_US = 30 * 1000 * 1000,
	LOCK_POLL_US = 20 * 1000,
};

/* ---- the file ---- */

static const char *state_home(struct ctl *c)
{
	const char *given = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (given && *given)
		return given;
	return arena_printf(c->arena, "%s/.local/state", home ? home : "");
}

static const char *token_path(struct ctl *c)
{
	const char *given = getenv("CRM_TOKEN_FILE");

	if (c->options.token_file)
		return c->options.token_file;
	if (given && *given)
		return given;
	return arena_printf(c->arena, "%s/crmctl/token.json", state_home(c));
}

static void folder_make(struct ctl *c, const char *path)
{
	char *folder = arena_strdup(c->arena, path);

	for (char *p = strchr(folder + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdir(folder,
			0700); /* it may be there; a failure shows when the file is opened */
		*p = '/';
	}
}

static const char *member(struct ctl *c, const struct json *v, const char *name)
{
	struct str s = json_text(json_member(v, name));

	return s.p ? str_dup(c->arena, s) : "";
}

enum status token_load(struct ctl *c, struct token *ret)
{
	const char *path = token_path(c);
	const struct json *v;
	struct str text;
	enum status st = config_read_file(c->arena, path, MAX_FILE, &text);

	*ret = (struct token){ 0 };
	if (st == ST_NOT_FOUND)
		return ST_OK;
	if (st != ST_OK || json_parse(c->arena, text, &v) != ST_OK)
		return ctl_fail(ST_FAILED_PRECONDITION,
			"%s holds no sign-in; remove it and sign in again", path);
	*ret = (struct token){
		.target = member(c, v, "target"),
		.tenant = member(c, v, "tenant"),
		.email = member(c, v, "email"),
		.user_id = member(c, v, "userId"),
		.session_id = member(c, v, "sessionId"),
		.access_token = member(c, v, "accessToken"),
		.access_expire_time = member(c, v, "accessExpireTime"),
		.refresh_token = member(c, v, "refreshToken"),
	};
	return ST_OK;
}

static struct str token_json(struct ctl *c, const struct token *t)
{
	const char *const members[] = { "target", t->target, "tenant", t->tenant, "email", t->email,
		"userId", t->user_id, "sessionId", t->session_id, "accessToken", t->access_token,
		"accessExpireTime", t->access_expire_time, "refreshToken", t->refresh_token };
	struct buf b = buf_new(c->arena, 0);

	json_object_put(&b, members, sizeof(members) / sizeof(members[0]));
	buf_put_c(&b, '\n');
	return buf_str(&b);
}

static bool file_write(int fd, struct str text)
{
	while (text.n > 0) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			text = str_n(text.p + n, text.n - (size_t)n);
	}
	return true;
}

/* Whole or not at all: a refresh token that is lost half-way ends the session. */
enum status token_store(struct ctl *c, const struct token *t)
{
	const char *path = token_path(c);
	const char *draft = arena_printf(c->arena, "%s.%ld", path, (long)getpid());
	int fd, why;
	bool ok;

	folder_make(c, path);
	fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	ok = fd >= 0 && file_write(fd, token_json(c, t)) && fsync(fd) == 0;
	if (fd >= 0)
		ok = close(fd) == 0 && ok;
	if (ok && rename(draft, path) == 0)
		return ST_OK;
	why = errno;
	(void)unlink(draft); /* may not be there */
	return ctl_fail(ST_FAILED_PRECONDITION, "%s cannot be written: %s", path, strerror(why));
}

enum status token_remove(struct ctl *c)
{
	const char *path = token_path(c);

	(void)unlink(arena_printf(c->arena, "%s.lock", path)); /* may not be there */
	if (unlink(path) == 0 || errno == ENOENT)
		return ST_OK;
	return ctl_fail(ST_FAILED_PRECONDITION, "%s cannot be removed: %s", path, strerror(errno));
}

/* ---- what a server gave ---- */

enum status token_take(struct ctl *c, struct str answer, struct token *t)
{
	const struct json *v, *session;

	if (json_parse(c->arena, answer, &v) != ST_OK)
		return ctl_fail(ST_INTERNAL, "the answer holds no token");
	session = json_member(v, "session");
	t->access_token = member(c, v, "accessToken");
	t->access_expire_time = member(c, v, "accessExpireTime");
	t->refresh_token = member(c, v, "refreshToken");
	t->user_id = member(c, session, "userId");
	t->session_id = member(c, session, "id");
	if (!*t->access_token)
		return ctl_fail(ST_INTERNAL, "the answer holds no token");
	return ST_OK;
}

/* ---- refreshing ---- */

static bool is_about_to_end(const struct token *t)
{
	struct tm tm = { 0 };

	/* without a known end it is used as long as it works */
	if (!strptime(t->access_expire_time, "%Y-%m-%dT%H:%M:%S", &tm))
		return false;
	return (int64_t)timegm(&tm) * 1000000 - clock_now_us() < EARLY_US;
}

static enum status refresh(struct ctl *c, struct token *t)
{
	const char *const members[] = { "refreshToken", t->refresh_token };
	struct buf request = buf_new(c->arena, 0);
	struct rpc_channel *ch;
	struct method m;
	struct str answer;

	if (!*t->refresh_token)
		return ctl_fail(
			ST_UNAUTHENTICATED, "the sign-in has ended; sign in again: crmctl login");
	json_object_put(&request, members, 2);
	TRY(target_open(c, t->target, &ch));
	TRY(method_find(c, ch, "IdentityService/RefreshSession", &m));
	enum status st = method_call(c, c->arena, &m, NULL, buf_str(&request), &answer);

	if (st == ST_UNAUTHENTICATED)
		return ctl_fail(st, "the session has ended; sign in again: crmctl login");
	TRY(st);
	TRY(token_take(c, answer, t));
	return token_store(c, t);
}

static enum status lock_take(struct ctl *c, int *ret_fd)
{
	const char *path = arena_printf(c->arena, "%s.lock", token_path(c));
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int64_t until = clock_mono_us() + LOCK_WAIT_US;

	if (fd < 0)
		return ctl_fail(
			ST_FAILED_PRECONDITION, "%s cannot be opened: %s", path, strerror(errno));
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (clock_mono_us() > until || fiber_sleep_us(LOCK_POLL_US) != ST_OK) {
			close(fd);
			return ctl_fail(ST_UNAVAILABLE, "another crmctl holds %s", path);
		}
	}
	*ret_fd = fd;
	return ST_OK;
}

/* Under the lock the file is read anew: another run may have been first. */
static enum status refresh_shared(struct ctl *c, struct token *t)
{
	enum status st;
	int fd = -1;

	TRY(lock_take(c, &fd));
	st = token_load(c, t);
	if (st == ST_OK && t->access_token && is_about_to_end(t))
		st = refresh(c, t);
	close(fd);
	return st;
}

static enum status token_current(struct ctl *c, struct token *ret)
{
	TRY(token_load(c, ret));
	if (ret->access_token && is_about_to_end(ret))
		TRY(refresh_shared(c, ret));
	return ST_OK;
}

enum status token_access(struct ctl *c, const char **ret)
{
	struct token t;

	TRY(token_current(c, &t));
	*ret = t.access_token;
	return ST_OK;
}

enum status token_require(struct ctl *c, struct token *ret)
{
	TRY(token_current(c, ret));
	if (!ret->access_token)
		return ctl_fail(
			ST_UNAUTHENTICATED, "nobody is signed in; sign in with: crmctl login");
	return ST_OK;
}
