/* rules: decisions of the identity service that need nothing but their arguments. Threads: any. */
#pragma once
#include "base/str.h"

/* "contacts.contacts.read", "contacts.*", "*": words of a-z and _ with dots between, '*' alone or
 * as the last word. */
bool rules_is_grant_pattern(const char *pattern);
