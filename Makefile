# Every path here is relative, so that the checkout may lie in a directory whose name has spaces.
PYTHON ?= python3
ARGS ?=
RUN := .venv/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_NO_INPUT = 1

# The environment is made again when a lock file changes, or when its Python is gone.
ifneq ($(shell $(RUN) -c 'print("ok")' 2>/dev/null),ok)
.PHONY: .venv/run .venv/dev
endif

.DEFAULT_GOAL := help
.PHONY: help
help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s  %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: .venv/run ## start everything on this machine and follow it; Ctrl-C stops it
	@exec $(RUN) -m portal.stack

.PHONY: test
test: .venv/dev ## run the tests, against a real PostgreSQL (ARGS="-k ledger" for some of them)
	@exec $(RUN) -m pytest -n auto $(ARGS)

.PHONY: lint
lint: .venv/dev ## check style, formatting, imports and templates
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	.venv/bin/lint-imports
	$(RUN) -m djlint --lint --quiet templates

.PHONY: types
types: .venv/dev ## check types
	$(RUN) -m mypy

.PHONY: bench
bench: .venv/dev ## run the benchmarks; the results go to var/bench.json, too (ARGS="gate append" for some)
	@mkdir -p var
	@exec $(RUN) -m benchmarks --json var/bench.json $(ARGS)

.PHONY: tamper
tamper: .venv/dev ## tamper with a throw-away record in every way there is, and show how it is found
	$(RUN) -m benchmarks.tamper

.PHONY: check
check: lint types checkdeploy test ## what CI runs: lint, types, deployment checks, tests

# As in production: nothing embedded, HTTPS, and values that no development machine has.
.PHONY: checkdeploy
checkdeploy: export SECRET_KEY = 0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ
checkdeploy: export VIGIL_ORIGIN = https://vigil.example.org
checkdeploy: export ALLOWED_HOSTS = vigil.example.org
checkdeploy: export DATABASE_URL = postgresql://vigil_app@127.0.0.1:1/vigil
checkdeploy: export BROKER_URL = redis://127.0.0.1:1/0
checkdeploy: export CACHE_URL = redis://127.0.0.1:1/1
checkdeploy: .venv/dev
	$(RUN) manage.py check --deploy --fail-level WARNING
	$(RUN) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

# A version stays as it is while pyproject.toml allows it; ARGS=--upgrade takes the newest ones.
UV = $(shell command -v uv || echo .venv/uv/bin/uv)
COMPILE = $(UV) pip compile --quiet --python-version 3.11 --universal --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(ARGS)

.PHONY: lock
lock: ## bring the lock files up to pyproject.toml (ARGS=--upgrade for the newest versions)
	@command -v uv >/dev/null || test -x .venv/uv/bin/uv || \
		{ $(PYTHON) -m venv .venv/uv && .venv/uv/bin/python -m pip install --quiet uv; }
	$(COMPILE) -o requirements.lock pyproject.toml
	$(COMPILE) -c requirements.lock --group dev -o requirements-dev.lock pyproject.toml

.PHONY: clean
clean: ## remove the environment and caches; data in var/ stay
	rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/run: requirements.lock
	@$(call install,requirements.lock,half a minute)
	@touch $@

.venv/dev: requirements-dev.lock
	@$(call install,requirements-dev.lock,a minute)
	@touch .venv/run $@

# $(1): the lock file; $(2): how long it takes, for whoever waits.
define install
set -e; \
say() { echo "$$*" >&2; }; \
if ! $(RUN) -c '' 2>/dev/null; then \
  command -v $(PYTHON) >/dev/null || \
    { say "There is no $(PYTHON). Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3"; exit 1; }; \
  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
    { say "$(PYTHON) is $$($(PYTHON) -V 2>&1), Vigil needs 3.11 or newer. Name one: make PYTHON=python3.12"; exit 1; }; \
  rm -rf .venv; \
  if command -v uv >/dev/null; then uv venv --quiet --python $(PYTHON) .venv; \
  else \
    $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
      { say "$(PYTHON) has no venv module. On Debian and Ubuntu: apt install python3-venv"; exit 1; }; \
    $(PYTHON) -m venv .venv; \
  fi; \
fi; \
say "Installing $(1) into .venv; this once, it takes about $(2)."; \
if command -v uv >/dev/null; then uv pip install --quiet --python $(RUN) --require-hashes -r $(1); \
else \
  $(RUN) -m pip --version >/dev/null 2>&1 || $(RUN) -m ensurepip >/dev/null; \
  $(RUN) -m pip install --quiet --no-deps --require-hashes -r $(1); \
fi
endef
