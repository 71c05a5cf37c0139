# services/<s>/*.sql and common/kit/*.sql -> $(B)/gen/<dir>/sql.[ch]; migrations/*.sql -> the same file.
SQL_DIRS := $(sort $(dir $(wildcard services/*/*.sql common/kit/*.sql tests/support/*/*.sql)))
SQL_C    := $(SQL_DIRS:%=$(B)/gen/%sql.c)
SQL_H    := $(SQL_C:.c=.h)

define sql_rule
$(B)/gen/$(1)sql.c: $(wildcard $(1)*.sql $(1)migrations/*.sql) tools/sqlgen tools/sqlfile.py
	@mkdir -p $$(@D)
	$(Q)$(PY) tools/sqlgen $(1) $(B)/gen/$(1)
$(B)/gen/$(1)sql.h: $(B)/gen/$(1)sql.c ;
endef
$(foreach d,$(SQL_DIRS),$(eval $(call sql_rule,$(d))))
