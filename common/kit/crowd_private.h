/*
 * crowd: how many streams each caller has open. A stream occupies what it has for as long as its
 * client likes, so each caller may have a few, and all together only so many that other calls find
 * room.
 * Owner: whoever made it. Threads: the loop's.
 */
#pragma once
#include "base/str.h"

struct arena;
struct crowd;

struct crowd *crowd_new(size_t max_each, size_t max_total);
void crowd_free(struct crowd *c);
/* False if it is one too many, of this caller or of all. Else it counts until the arena is
 * freed. */
bool crowd_enter(struct crowd *c, struct arena *a, struct str caller);
