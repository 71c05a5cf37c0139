# Running everything on this machine; from nothing installed: the packages come first, then the build in a make of its own.
export CRM_BIN_DIR ?= $(abspath $(B))/bin
$(foreach v,CRM_RUN_DIR CRM_PORT_BASE CRM_LOG_LEVEL,$(if $($(v)),$(eval export $(v))))

define built_with_packages
@tools/deps run
@$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) all
endef

run: ## start everything, load the demo, stay up until Ctrl-C
	$(built_with_packages)
	@tools/run
demo: ## start everything, load the demo, stop; the exit status tells
	$(built_with_packages)
	@tools/run --once
stack-up: all ## start PostgreSQL, nats-server and the services
	@tools/stack up
stack-down: ## stop them; the data stays
	@tools/stack down
stack-status: ## one line per component
	@tools/stack status
stack-reset: ## stop them and remove their data
	@tools/stack reset
.PHONY: run demo stack-up stack-down stack-status stack-reset
