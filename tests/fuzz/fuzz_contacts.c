/* Names and addresses of a stranger, as the contacts service takes them apart. */
#include <assert.h>
#include "adapters/pb/pb.h"
#include "services/contacts/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	char *text = str_dup(a, str_n(data, size));
	Crm__Contact c = CRM__CONTACT__INIT;

	c.name = rules_split_name(a, text);
	assert(strlen(c.name->given) + strlen(c.name->family) <= strlen(text));
	assert(strlen(rules_display_name(a, &c)) <= 2 * size + 1);
	assert(strlen(rules_like_pattern(a, text)) <= 2 * size + 2);
	assert(strlen(rules_email_key(a, text)) == strlen(text) + 2);
	arena_free(a);
	return 0;
}
