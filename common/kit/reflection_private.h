/* Server reflection, v1 and v1alpha
 * (https://github.com/grpc/grpc/blob/master/doc/server-reflection.md): the same messages under two
 * names. */
#pragma once
#include "kit/call.h"

enum status reflection_info(struct call *call);
