/* The kit's own event handler, for event.c. */
#pragma once
#include "kit/event.h"

extern const struct event_handler directory_handler;
