# Sources by place: adding a file adds it to the build.
BASE_SRC    := $(wildcard common/base/*.c)
ADAPTER_SRC := $(wildcard common/adapters/*/*.c)
ADAPTER_CXX := $(wildcard common/adapters/*/*.cc)
KIT_SRC     := $(wildcard common/kit/*.c)
SUPPORT_SRC := $(wildcard tests/support/*.c)
SERVICES    := $(patsubst services/%/main.c,%,$(wildcard services/*/main.c))

obj = $(patsubst %.cc,$(B)/obj/%.o,$(patsubst %.c,$(B)/obj/%.o,$(1)))
gen_obj = $(patsubst $(B)/gen/%.c,$(B)/obj/gen/%.o,$(1))

LIB_OBJ := $(call obj,$(BASE_SRC) $(ADAPTER_SRC) $(ADAPTER_CXX) $(KIT_SRC)) \
	$(call gen_obj,$(PROTO_C) $(filter $(B)/gen/common/%,$(SQL_C))) $(B)/gen/all.pb.o
GEN_H   := $(PROTO_H) $(SQL_H)

$(B)/obj/gen/%.o: $(B)/gen/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPP_ALL) $(C_ALL) -w -c -o $@ $<
$(B)/obj/%.o: %.c | $(GEN_H)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPP_ALL) $(C_ALL) $(WARN) -c -o $@ $<
$(B)/obj/%.o: %.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) $(CPP_ALL) -std=c++17 $(CFLAGS) $(SANFLAG) -Wall -Wextra -Werror -c -o $@ $<

$(B)/libcrm.a: $(LIB_OBJ)
	@rm -f $@; ar rcs $@ $^
$(B)/libsupport.a: $(call obj,$(SUPPORT_SRC)) $(call gen_obj,$(filter $(B)/gen/tests/%,$(SQL_C)))
	@rm -f $@; ar rcs $@ $^

# service NAME -> $(B)/bin/crm-NAME
define service_rule
include $(wildcard services/$(1)/service.mk)
$(B)/bin/crm-$(1): $(call obj,$(wildcard services/$(1)/*.c)) $(call gen_obj,$(filter $(B)/gen/services/$(1)/%,$(SQL_C))) $(B)/gen/$(1).pb.o $(B)/libcrm.a
	@mkdir -p $$(@D)
	$(Q)$(CC) $(LDFLAGS) -o $$@ $$(filter %.o %.a,$$^) $(LIBS)
endef
$(foreach s,$(SERVICES),$(eval $(call service_rule,$(s))))
SERVICE_BINS := $(SERVICES:%=$(B)/bin/crm-%)

$(B)/bin/crmctl: $(call obj,$(wildcard tools/crmctl/*.c)) $(B)/libcrm.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LIBS)
$(B)/bin/crm-bench: $(call obj,$(wildcard bench/*.c)) $(B)/libcrm.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LIBS)

all: $(SERVICE_BINS) $(if $(wildcard tools/crmctl/*.c),$(B)/bin/crmctl) ## build services and crmctl
.PHONY: all
clean: ## remove the build folder
	rm -rf $(B)
.PHONY: clean
deps: ## install missing Debian packages (root or sudo)
	@tools/deps
.PHONY: deps
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
