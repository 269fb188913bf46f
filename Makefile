# Everything starts here. uv is installed into .uv/ where the machine has none.
.DEFAULT_GOAL := help
.PHONY: help up sync servers database test unit contract integration fidelity e2e check format bench bench-gateway bench-migrate bench-syncd soak bump clean
SHELL := /bin/sh
UV = $$(.ci/uv.sh)
RUN = .venv/bin/

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## run the gateway in the foreground on PORT (4000), with a demo model
	@uv=$$(.ci/uv.sh) && exec docker/up.sh "$$uv"

sync:
	@UV_COMPILE_BYTECODE=1 $(UV) sync --frozen --quiet

test: unit contract integration fidelity e2e ## run all tests: unit, contract, integration, fidelity, end to end

unit: sync ## run the unit tests, each member's in an environment that holds that member alone
	@.ci/unit.sh "$(UV)"

contract: sync ## check the formats that the processes meet in
	$(RUN)pytest tests/contract

servers:
	@.ci/servers.sh

database: sync
	@.ci/database.sh "$(UV)"

fidelity: sync database ## compare the gateway with stock LiteLLM, without and with LiteLLM's database
	$(RUN)pytest tests/fidelity -n 2 --dist loadfile

integration: sync servers ## run each process against real servers
	$(RUN)pytest tests/integration -n 3 --dist loadfile

e2e: sync database ## run the whole product as a black box
	$(RUN)pytest tests/e2e -n 2 --dist loadfile

check: sync ## lint, types, format, import rules, dead code, shape, lock file, scripts
	@.ci/check.sh "$(UV)"

format: sync ## format the code
	$(RUN)ruff check --fix .
	$(RUN)ruff format .

bench: bench-gateway bench-migrate bench-syncd ## measure everything: all of the next three

bench-gateway: sync ## measure the gateway against stock LiteLLM; writes bench/RESULTS.md
	$(RUN)python bench/run.py

bench-migrate: sync ## measure migrations against psql; writes bench/RESULTS-migrate.md
	$(RUN)python -m bench.migrate

bench-syncd: sync ## measure syncd against its targets; writes bench/RESULTS-syncd.md
	$(RUN)python -m bench.syncd

soak: sync database ## play random faults on whole replicas for SECONDS (3600); writes bench/RESULTS-soak.md
	$(RUN)python -m bench.soak --seconds $${SECONDS:-3600}

bump: sync ## take LiteLLM to the newest release that resolves, or to VERSION=x.y.z, and report what changes
	$(RUN)python .ci/bump.py "$(UV)" $${VERSION:+"$$VERSION"}

clean: ## remove what the build left, but not .env, config.yaml and var/
	rm -rf .venv .venv-* .uv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
