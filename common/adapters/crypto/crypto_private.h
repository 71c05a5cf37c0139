/* What the files of crypto share. */
#pragma once
#include "adapters/crypto/crypto.h"

struct str secret_view(const struct secret *s); /* borrowed, stays in guarded memory */
void crypto_assert(
	bool ok, const char *what); /* a broken promise of ours or of libsodium ends the process */
