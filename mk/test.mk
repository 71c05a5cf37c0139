# Tests: tests/<kind>/test_*.c -> one program each, tests/clients/test_* against a stack of their own.
#   unit     rules, parsers, masks, filters, JSON, fibers: nothing else runs
#   db       handlers and adapters on a real PostgreSQL and a real nats-server, each test with its own
#   e2e      everything up, on ports and in folders of its own: cmocka programs, and clients on libraries that others wrote
UNIT_TESTS   := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
DB_TESTS     := $(patsubst %.c,$(B)/%,$(wildcard tests/db/test_*.c))
E2E_TESTS    := $(patsubst %.c,$(B)/%,$(wildcard tests/e2e/test_*.c))
CLIENT_TESTS := $(wildcard tests/clients/test_*.py tests/clients/test_*.mjs tests/clients/test_*.sh)
TOOL_TESTS   := $(wildcard tests/tools/test_*.sh)

# the descriptors of each service, for tests that serve (those of everything are in the library)
TEST_PB := $(patsubst %,$(B)/gen/%.pb.o,identity contacts gateway)

# what services decide without their surroundings
$(B)/libservices.a: $(call obj,$(wildcard services/*/rules.c services/gateway/limits.c))
	@rm -f $@; ar rcs $@ $^

$(B)/tests/%: $(B)/obj/tests/%.o $(B)/libsupport.a $(B)/libservices.a $(B)/libcrm.a $(TEST_PB)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka $(LIBS)
.PRECIOUS: $(B)/obj/%.o
# it runs the program, and a server from the descriptors
$(B)/tests/unit/test_crmctl: | $(B)/bin/crmctl $(B)/gen/all.pb

export CRM_BUILD := $(abspath $(B))
RUN_TESTS = tools/run-tests --logs $(B)/test-logs $(if $(JOBS),--jobs $(JOBS))

unit: $(UNIT_TESTS) ## run the unit tests
	@$(RUN_TESTS) $^
db: $(DB_TESTS) ## run the tests on a real PostgreSQL and nats-server
	@$(RUN_TESTS) $^
e2e: $(E2E_TESTS) all tests/clients/node_modules/.installed ## run the tests of the whole system
	@$(RUN_TESTS) $(E2E_TESTS) $(CLIENT_TESTS:%='tests/clients/with-stack %')

test: ## install what is missing, build, run every test
	@tools/deps test
	@$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) test-all
test-all: $(UNIT_TESTS) $(DB_TESTS) $(E2E_TESTS) all tests/clients/node_modules/.installed
	@$(RUN_TESTS) $(UNIT_TESTS) $(DB_TESTS) $(E2E_TESTS) $(TOOL_TESTS) $(CLIENT_TESTS:%='tests/clients/with-stack %')
.PHONY: unit db e2e test test-all

# @grpc/grpc-js, nats and buf; the versions are those of the lock file (npm ci would also ask for buf's programs for other systems, which the file leaves out)
tests/clients/node_modules/.installed: tests/clients/package.json tests/clients/package-lock.json
	cd tests/clients && npm install --no-save --silent --no-audit --no-fund
	@touch $@
