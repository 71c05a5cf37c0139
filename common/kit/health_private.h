/* grpc.health.v1 (https://github.com/grpc/grpc/blob/master/doc/health-checking.md), served by every
 * service. */
#pragma once
#include "kit/call.h"

enum status health_check(struct call *call);
enum status health_watch(struct call *call);
