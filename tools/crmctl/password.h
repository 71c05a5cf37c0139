/* password: where a password comes from: a file, $CRM_PASSWORD, or the terminal without echo. */
#pragma once
#include "tools/crmctl/crmctl.h"

enum status password_get(struct ctl *c, const char **ret) MUST_CHECK;
/* The first line of a small file. flag: what named it. */
enum status first_line(struct ctl *c, const char *flag, const char *path, const char **ret)
	MUST_CHECK;
