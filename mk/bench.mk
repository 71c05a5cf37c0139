# What a request costs, beside the limit. BENCH="--rounds 3 --only get" passes options to bench/run.py.
bench: ## measure CPU per request beside the limit; writes build/bench/results.json
	@tools/deps test
	@$(MAKE) --no-print-directory all $(B)/bin/crm-bench $(B)/gen/all.pb
	@$(PY) bench/run.py $(B) $(BENCH)
.PHONY: bench
