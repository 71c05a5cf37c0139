# proto/ -> C structs ($(B)/gen/**.pb-c.[ch]) and one descriptor set per service ($(B)/gen/<service>.pb).
#
# protobuf-c's own options (C prefix, const strings, no pack helpers) are added to a copy of each file, so that the
# protos that clients read do not depend on protobuf-c.
PROTOS     := $(sort $(shell find proto -name '*.proto'))
WKT        := $(addprefix google/protobuf/,any.proto timestamp.proto duration.proto field_mask.proto empty.proto struct.proto wrappers.proto descriptor.proto)
PROTO_REL  := $(PROTOS:proto/%=%)
PROTO_C    := $(PROTO_REL:%.proto=$(B)/gen/%.pb-c.c) $(WKT:%.proto=$(B)/gen/%.pb-c.c)
PROTO_SRC  := $(PROTO_REL:%=$(B)/proto/%) $(WKT:%=$(B)/proto/%)
PROTO_H    := $(PROTO_C:.c=.h)
# messages for tests only: their C and their descriptor set (crm_test_pb) go into the test support library
TEST_PROTO := crm/test/v1/everything.proto
TEST_PB_C  := $(TEST_PROTO:%.proto=$(B)/gen/%.pb-c)

$(B)/proto/crm/%.proto: proto/crm/%.proto
	@mkdir -p $(@D)
	@sed -E '/^package /a import "protobuf-c/protobuf-c.proto";\noption (pb_c_file) = {c_package: "crm", const_strings: true, gen_pack_helpers: false};' $< >$@
# descriptor.proto is what protobuf-c's options import: it cannot import them
$(B)/proto/google/protobuf/descriptor.proto: /usr/include/google/protobuf/descriptor.proto
	@mkdir -p $(@D)
	@cp $< $@
$(B)/proto/google/protobuf/%.proto: /usr/include/google/protobuf/%.proto
	@mkdir -p $(@D)
	@sed -E '/^package /a import "protobuf-c/protobuf-c.proto";\noption (pb_c_file) = {const_strings: true, gen_pack_helpers: false};' $< >$@
$(B)/proto/%.proto: proto/%.proto
	@mkdir -p $(@D)
	@sed -E '/^package /a import "protobuf-c/protobuf-c.proto";\noption (pb_c_file) = {const_strings: true, gen_pack_helpers: false};' $< >$@

$(B)/proto/crm/test/%.proto: tests/proto/crm/test/%.proto
	@mkdir -p $(@D)
	@sed -E '/^package /a import "protobuf-c/protobuf-c.proto";\noption (pb_c_file) = {c_package: "crm", const_strings: true, gen_pack_helpers: false};' $< >$@
$(PROTO_SRC) $(B)/proto/$(TEST_PROTO): mk/proto.mk

# one protoc run generates all C; the stamp stands for the set. What comes out as it was stays, so that a new message does not compile the world anew
$(B)/gen/.protos: $(PROTO_SRC) $(B)/proto/$(TEST_PROTO)
	@rm -rf $(B)/gen.new; mkdir -p $(B)/gen $(B)/gen.new
	$(Q)protoc -I$(B)/proto -I/usr/include --c_out=$(B)/gen.new $(PROTO_REL) $(WKT) $(TEST_PROTO)
	@cd $(B)/gen.new; find . -type f | while read -r f; do \
		mkdir -p ../gen/$${f%/*}; cmp -s $$f ../gen/$$f || mv $$f ../gen/$$f; done
	@rm -rf $(B)/gen.new
	@touch $@
$(PROTO_C) $(PROTO_H) $(TEST_PB_C).c $(TEST_PB_C).h: $(B)/gen/.protos ;

# what a service serves (its folder of protos, health, reflection) with everything that imports
service_protos = $(filter crm/$(1)/v1/%,$(PROTO_REL)) crm/common/v1/options.proto grpc/health/v1/health.proto \
	grpc/reflection/v1/reflection.proto grpc/reflection/v1alpha/reflection.proto google/rpc/error_details.proto google/rpc/status.proto
$(B)/gen/%.pb: $(PROTOS)
	@mkdir -p $(@D)
	$(Q)protoc -Iproto -I/usr/include --include_imports --include_source_info --descriptor_set_out=$@ $(call service_protos,$*)
# everything: what tools, tests and the events decoder use
$(B)/gen/all.pb: $(PROTOS)
	@mkdir -p $(@D)
	$(Q)protoc -Iproto -I/usr/include --include_imports --descriptor_set_out=$@ $(PROTO_REL)
$(B)/gen/test.pb: $(PROTOS) $(wildcard tests/proto/crm/test/v1/*.proto)
	@mkdir -p $(@D)
	$(Q)protoc -Iproto -Itests/proto -I/usr/include --include_imports --include_source_info --descriptor_set_out=$@ $(filter tests/%,$^)
$(B)/libsupport.a: $(B)/obj/gen/$(TEST_PROTO:.proto=.pb-c.o) $(B)/gen/test.pb.o
# NAME.pb -> crm_NAME_pb, crm_NAME_pb_size in an object
$(B)/gen/%.pb.o: $(B)/gen/%.pb
	@printf '.section .rodata\n.global crm_%s_pb\n.global crm_%s_pb_end\n.balign 16\ncrm_%s_pb: .incbin "%s"\ncrm_%s_pb_end: .byte 0\n.section .note.GNU-stack,"",@progbits\n' $* $* $* $< $* >$(B)/gen/$*.pb.S
	$(Q)$(CC) -c -o $@ $(B)/gen/$*.pb.S
.PRECIOUS: $(B)/gen/%.pb $(B)/gen/%.pb.o
