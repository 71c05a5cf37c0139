# Tests: tests/<kind>/test_*.c -> one program each. `make unit` needs nothing running.
UNIT_TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
DB_TESTS   := $(patsubst %.c,$(B)/%,$(wildcard tests/db/test_*.c))
E2E_TESTS  := $(patsubst %.c,$(B)/%,$(wildcard tests/e2e/test_*.c))

# the descriptors of each service, for tests that serve (those of everything are in the library)
TEST_PB := $(patsubst %,$(B)/gen/%.pb.o,identity contacts gateway)

$(B)/tests/%: $(B)/obj/tests/%.o $(B)/libsupport.a $(B)/libcrm.a $(TEST_PB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) -lcmocka $(LIBS)
.PRECIOUS: $(B)/obj/%.o

unit: $(UNIT_TESTS) ## run the unit tests
	@for t in $(UNIT_TESTS); do echo "== $$t"; $$t || exit 1; done
.PHONY: unit
