/*
 * rules: decisions of the contacts service that need nothing but their arguments. Threads: any.
 */
#pragma once
#include "base/str.h"
#include "crm/contacts/v1/contact.pb-c.h"

/* How a person is shown: "Jana Nováková", else the first e-mail address, else the first phone
 * number; "" if there is none of them. */
const char *rules_display_name(struct arena *a, const Crm__Contact *c);
/* Whether there is anything to know the person by. */
bool rules_has_identity(const Crm__Contact *c);

/* What finds a person exactly (table contact_key): "e:" and the address in lower case, "p:" and the
 * number in E.164. Letters beyond ASCII stay as they are. */
char *rules_email_key(struct arena *a, const char *address);
char *rules_phone_key(struct arena *a, const char *e164);
/* The distinct keys of a contact. */
size_t rules_keys(struct arena *a, const Crm__Contact *c, const char ***ret_keys);

/* A LIKE pattern (escape '\') that finds text containing s; s is taken literally. */
char *rules_like_pattern(struct arena *a, const char *s);

/* Splits "Jana Nováková" or "Nováková, Jana" into given and family name; one word is a family
 * name. */
Crm__PersonName *rules_split_name(struct arena *a, const char *name);
