/* Answers of another service: they unpack or are refused, whatever the bytes. */
#include "crm/contacts/v1/contacts_service.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "kit/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	void *msg;

	(void)!client_unpack(a, &crm__list_timeline_response__descriptor, str_n(data, size), &msg);
	(void)!client_unpack(a, &grpc__reflection__v1__server_reflection_response__descriptor,
		str_n(data, size), &msg);
	arena_free(a);
	return 0;
}
