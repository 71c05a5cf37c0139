/* phone_shim: the C face of libphonenumber (C++); only phone.c uses it. Threads: any. */
#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum phone_fault {
	PHONE_OK,
	PHONE_NO_COUNTRY,
	PHONE_NOT_A_NUMBER,
	PHONE_TOO_SHORT,
	PHONE_TOO_LONG,
	PHONE_NOT_POSSIBLE
};

/* E.164 allows fifteen digits; fewer than seven reach nobody from abroad. As FORMAT_E164 has it. */
enum { PHONE_E164_MIN = 1 + 7, PHONE_E164_SIZE = 1 + 15 + 1 };

/* out gets the number in E.164, NUL-terminated. */
enum phone_fault phone_shim_parse(
	const char *number, const char *region, char out[PHONE_E164_SIZE]);

#ifdef __cplusplus
}
#endif
