/* text: writing small JSON objects. */
#pragma once
#include "base/str.h"

/* The text in quotes, as JSON has it. */
void json_text_put(struct buf *b, const char *text);
/* An object of strings: name, value, name, value... A NULL value is left out. */
void json_object_put(struct buf *b, const char *const *members, size_t n);
