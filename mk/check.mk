# Checks: `make check` runs the steps of tools/check, one after the other, each on all processors.
#   CHECKS="lints sql" runs some of them
CHECKS ?= lints protos gcc sql address fuzz thread

programs: $(UNIT_TESTS) $(DB_TESTS) $(E2E_TESTS)
everything: all programs $(if $(wildcard bench/*.c),$(B)/bin/crm-bench)
generated: $(GEN_H)

format: ## format every C file
	@tools/lint-format --fix
.PHONY: format

# needs SAN=address,undefined,fuzzer-no-link
FUZZ := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz: $(FUZZ)
$(B)/tests/fuzz/%: LDFLAGS += -fsanitize=fuzzer
$(B)/obj/tests/fuzz/%: WARN += -Wno-missing-prototypes
$(B)/tests/fuzz/fuzz_contacts: $(B)/obj/services/contacts/rules.o

check: ## lints, both compilers, sanitizers, fuzzers
	@tools/deps test
	@tools/run-tests --jobs 1 --timeout 1800 --logs $(B)/check-logs $(CHECKS:%='tools/check %') tests/tools/test_lints.sh
.PHONY: programs everything generated fuzz check
