/*
 * networks: a list of IP addresses and networks, "10.0.0.0/8, 2001:db8::/32, ::1".
 * Owner: the arena it was parsed into. Threads: any once parsed.
 */
#pragma once
#include "base/arena.h"
#include "base/str.h"

struct networks;

/* NULL if an entry is neither an address nor a network; nothing in the text makes an empty list. */
const struct networks *networks_parse(struct arena *a, struct str text);
/* False too for what is no address. */
bool networks_hold(const struct networks *n, struct str address);
bool networks_is_address(struct str address);
