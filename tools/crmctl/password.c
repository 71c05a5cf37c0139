/* See password.h. */
#include "tools/crmctl/password.h"
#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>
#include "adapters/config/config.h"

enum {
	MAX_FILE = 64 * 1024,
	MAX_TYPED = 1024,
	CTRL_C = 3,
	CTRL_D = 4,
	BACKSPACE = 8,
	DELETE = 127
};

enum status first_line(struct ctl *c, const char *flag, const char *path, const char **ret)
{
	struct str text, line;

	if (config_read_file(c->arena, path, MAX_FILE, &text) != ST_OK)
		return ctl_fail_usage(c, "--%s: %s cannot be read", flag, path);
	line = str_cut(&text, '\n');
	if (str_ends(line, "\r"))
		line.n--;
	if (line.n == 0 || memchr(line.p, '\0', line.n))
		return ctl_fail_usage(
			c, "--%s: the first line of %s is empty or no text", flag, path);
	*ret = str_dup(c->arena, line);
	return ST_OK;
}

/* Drops the last character, which may be several bytes. */
static void erase_last(struct buf *typed)
{
	while (typed->n > 0 && ((unsigned char)typed->p[--typed->n] & 0xc0) == 0x80)
		;
}

/* Byte by byte, without the terminal's own signals: whatever ends it, the echo comes back. False if
 * it was given up. */
static bool type(int tty, struct buf *typed)
{
	char ch;

	while (read(tty, &ch, 1) == 1) {
		switch (ch) {
		case '\n':
		case '\r':
			return true;
		case CTRL_C:
		case CTRL_D:
			return false;
		case BACKSPACE:
		case DELETE:
			erase_last(typed);
			break;
		default:
			buf_put_c(typed, ch);
		}
	}
	return false;
}

static enum status prompt(struct ctl *c, int tty, const char **ret)
{
	struct buf typed = buf_new(c->arena, MAX_TYPED);
	struct termios before, quiet;
	bool is_typed;

	if (tcgetattr(tty, &before) != 0)
		return ctl_fail_usage(c, "no password: give --password-file or set CRM_PASSWORD");
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
	/* first: what is typed at the sight of the prompt must not show */
	(void)tcsetattr(tty, TCSAFLUSH, &quiet);
	(void)!write(tty, "Password: ", 10); /* a prompt that is not seen still works */
	is_typed = type(tty, &typed);
	(void)tcsetattr(tty, TCSAFLUSH, &before);
	(void)!write(tty, "\n", 1);
	if (!is_typed || typed.n == 0)
		return ctl_fail(ST_CANCELLED, "no password was typed");
	*ret = buf_cstr(&typed);
	return ST_OK;
}

enum status password_get(struct ctl *c, const char **ret)
{
	const char *given = getenv("CRM_PASSWORD");
	enum status st;
	int tty;

	if (c->options.password_file)
		return first_line(c, "password-file", c->options.password_file, ret);
	if (given && *given) {
		*ret = given;
		return ST_OK;
	}
	tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	if (tty < 0)
		return ctl_fail_usage(c, "no password: give --password-file or set CRM_PASSWORD");
	st = prompt(c, tty, ret);
	close(tty);
	return st;
}
