/* The RPCs that the gateway serves itself; all others are forwarded. */
#include "services/gateway/gateway.h"

const struct method_entry gateway_methods[] = {
	{ "GetCustomer360", get_customer360, NULL },
	{ 0 },
};
