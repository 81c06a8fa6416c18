# Tickbox, from a fresh machine: Python 3.11 or later and make are all that it takes.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# The first Python that is new enough; `make PYTHON=… run` chooses another one.
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
UV := .tools/bin/uv
UV_PIP := $(UV) pip
# Programs that check what is not Python; they are large, and tests need none of them.
LINT := .tools/lint/bin
LINTERS := tests/contract/openapi
MUTATE := .tools/mutate/bin
CLIENTS := .tools/clients
COMPILE := $(UV_PIP) compile --universal --python-version 3.11 --generate-hashes --quiet \
	--no-emit-index-url --no-header --no-annotate $(ARGS)

# `run` needs the few packages that serve; a checkout that has those of `dev` keeps them.
READY := $(VENV)/$(if $(wildcard $(VENV)/.dev),.dev,.run)

# On servers of its own, whatever the shell says: the tests flush what they are given.
EMBEDDED := env -u TICKBOX_TEST_DATABASE_URL -u TICKBOX_TEST_REDIS_URL
# What Python compiles is kept: the tests start many processes, and each would do it again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help:  ## list the commands
	@grep -hE '^[a-z][a-z-]*:.*  ## ' $(MAKEFILE_LIST) | awk -F ':.*  ## ' '{printf "  make %-17s %s\n", $$1, $$2}'

.PHONY: run
run: $(READY)  ## serve on 127.0.0.1:8000 with an embedded PostgreSQL and Redis
	@exec $(BIN)/tickbox serve

.PHONY: test
test: $(VENV)/.dev  ## run all tests but faults, laws, contract, browser and image, on embedded servers
	@$(EMBEDDED) $(BIN)/pytest -n 3 --dist worksteal $(ARGS)

# Without those that ask no store, or start their own; the benchmarks' floor is PostgreSQL 18's.
.PHONY: test-services
test-services: $(VENV)/.dev  ## run the tests on your PostgreSQL and Redis (TICKBOX_TEST_*_URL)
	@test -n "$$TICKBOX_TEST_DATABASE_URL" && test -n "$$TICKBOX_TEST_REDIS_URL" || { \
		echo "Set TICKBOX_TEST_DATABASE_URL and TICKBOX_TEST_REDIS_URL: the tests make databases in" \
			"the one, and flush databases of the other, from the number in its URL on." >&2; exit 1; }
	@$(BIN)/pytest -n 2 --dist worksteal $(addprefix --ignore tests/,core embedded run server test_benchmarks.py)

.PHONY: test-pgbouncer
test-pgbouncer: $(VENV)/.dev pgbouncer  ## run the tests of the features through PgBouncer in transaction mode
	@$(HAS_PGBOUNCER)
	@TICKBOX_TEST_PGBOUNCER=1 $(BIN)/pytest -n 2 --dist worksteal -m "not keeps_session" \
		tests/features $(patsubst %,tests/database/test_%.py,commit pgbouncer pool repository unit_of_work) \
		$(patsubst %,tests/redis/test_%.py,invalidation response_cache) \
		$(patsubst %,tests/web/test_%.py,health idempotency)

HAS_PGBOUNCER := PATH="$$PATH:/usr/sbin" command -v pgbouncer >/dev/null

# Where it cannot be installed, most tests do without.
.PHONY: pgbouncer
pgbouncer:
	@$(HAS_PGBOUNCER) || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends pgbouncer >/dev/null; \
	} || echo "Tests with PgBouncer need it: install it (Debian's package is pgbouncer)." >&2

.PHONY: test-faults
test-faults: $(VENV)/.dev  ## load real processes, kill and freeze their stores, in 4 minutes
	@$(EMBEDDED) $(BIN)/pytest -n 0 tests/faults

.PHONY: test-laws
test-laws: $(VENV)/.dev  ## measure what each operation may cost for any input, and try laws on many examples, in 7 minutes (ARGS=--seed=7)
	@$(EMBEDDED) $(BIN)/pytest -n 0 tests/laws --ignore tests/laws/test_memory.py $(ARGS)
	@$(EMBEDDED) $(BIN)/pytest -n 2 --dist worksteal tests/laws/test_memory.py $(ARGS)
	@$(EMBEDDED) $(BIN)/pytest -n 2 --dist worksteal -m hypothesis --hypothesis-profile=laws

.PHONY: test-contract
test-contract: $(VENV)/.dev  ## hold a running server against its document, in 4 minutes (ARGS=--seed=7)
	@$(BIN)/python -m tests.contract $(ARGS)

.PHONY: test-browser
test-browser: $(VENV)/.dev chromium  ## use /docs in a headless Chromium, in 1 minute
	@$(EMBEDDED) $(BIN)/pytest -n 0 tests/browser

.PHONY: screenshot
screenshot: $(VENV)/.dev chromium  ## take the README's picture of /docs anew
	@$(BIN)/python -m tests.browser.screenshot

.PHONY: chromium
chromium:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
			chromium chromium-driver >/dev/null; } || \
		{ echo "This needs chromium and chromedriver: install them (on Debian, as root: apt-get install chromium chromium-driver)." >&2; exit 1; }

.PHONY: lint
lint: $(VENV)/.dev  ## check format, style, types and who may know whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: lint-image
lint-image: $(LINT)/.ready  ## check Dockerfile and docker-compose.yml
	$(LINT)/hadolint Dockerfile
	@$(LINT)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

.PHONY: lint-workflows
lint-workflows: $(LINT)/.ready  ## check what is in .github, and what it would let others do
	$(LINT)/zizmor --offline --quiet --persona pedantic --strict-collection .
	@$(LINT)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(LINT)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout \
		.github/workflows/*.yml
	@$(LINT)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(LINT)/check-jsonschema --builtin-schema vendor.github-issue-config \
		.github/ISSUE_TEMPLATE/config.yml
	@$(LINT)/check-jsonschema --builtin-schema vendor.github-issue-forms \
		$(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))

.PHONY: image-test
image-test: $(VENV)/.dev  ## build the image, look what is in it, run it; needs root on Debian
	@sh tests/image/tools
	@$(EMBEDDED) $(BIN)/pytest -n 0 tests/image

.PHONY: lint-openapi
lint-openapi: $(VENV)/.dev $(LINTERS)/node_modules/.ready $(CLIENTS)/.ready compilers  ## lint the OpenAPI document, and compile clients of it, in 1 minute
	@$(BIN)/tickbox openapi > $(LINTERS)/node_modules/openapi.json
	@cd $(LINTERS) && npm run --silent lint
	@$(BIN)/python -m tests.contract.clients $(LINTERS)/node_modules/openapi.json \
		$(LINTERS)/node_modules/clients $(CLIENTS)

# Where they cannot be installed, clients in these languages are not compiled, and that is said.
.PHONY: compilers
compilers:
	@test -f /usr/share/java/httpmime.jar && command -v go >/dev/null && command -v javac >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
			default-jdk-headless libgeronimo-annotation-1.3-spec-java libhttpmime-java golang-go \
			golang-golang-x-oauth2-dev golang-gopkg-validator.v2-dev >/dev/null; } || true

.PHONY: check-migrations
check-migrations: $(VENV)/.dev  ## fail if the models and the migrations differ
	$(EMBEDDED) $(BIN)/python -m tests.alembic_check

.PHONY: check
check: pgbouncer lint lint-image lint-workflows check-migrations test test-faults  ## what each change has to pass

.PHONY: bench
bench: $(VENV)/.dev  ## measure against the floor and the usual way, in 8 minutes (ARGS='--against PATH', --quick: 1)
	@$(BIN)/python -m benchmarks.bench $(ARGS)

.PHONY: bench-scale
bench-scale: $(VENV)/.dev  ## measure with up to 10 million todos, in 12 minutes (ARGS=--quick: 1)
	@$(BIN)/python -m benchmarks.scale $(ARGS)

.PHONY: bench-sign-in
bench-sign-in: $(VENV)/.dev  ## fail if the time of a failed sign-in tells which accounts there are
	@$(BIN)/python -m benchmarks.sign_in

.PHONY: mutate
mutate: $(VENV)/.dev $(MUTATE)/.ready  ## see which mutations of the code no test notices, in hours (ARGS="--room todos")
	@$(EMBEDDED) PYTHONPATH=. $(MUTATE)/python -m tests.mutations $(ARGS)

.PHONY: format
format: $(VENV)/.dev  ## format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lock
lock: $(UV)  ## compile requirements/*.txt anew from pyproject.toml (ARGS=--upgrade: newer versions)
	$(COMPILE) pyproject.toml -o requirements/app.txt
	$(COMPILE) pyproject.toml --extra embedded --group build -o requirements/run.txt
	$(COMPILE) pyproject.toml --extra embedded --group build --group dev -o requirements/dev.txt
	$(COMPILE) --group build -o requirements/build.txt
	$(COMPILE) requirements/tools.in -o requirements/tools.txt
	$(COMPILE) requirements/lint.in -o requirements/lint.txt
	$(COMPILE) requirements/mutate.in -o requirements/mutate.txt
	$(COMPILE) requirements/clients.in -o requirements/clients.txt

.PHONY: clean
clean:  ## remove what make installed (the data in .tickbox/ stays)
	rm -rf $(VENV) .tools .image $(LINTERS)/node_modules

$(UV): requirements/tools.txt
	@test -n "$(PYTHON)" || { echo "Tickbox needs Python 3.11 or later, and found none." >&2; exit 1; }
	@$(PYTHON) -m venv .tools
	@.tools/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.txt
	@touch $(UV)

$(LINT)/.ready: requirements/lint.txt | $(UV)
	@test -x $(LINT)/python || $(UV) venv --quiet --python $(PYTHON) .tools/lint
	@$(UV_PIP) sync --quiet --python $(LINT)/python --require-hashes requirements/lint.txt
	@touch $@

$(MUTATE)/.ready: requirements/mutate.txt | $(UV)
	@test -x $(MUTATE)/python || $(UV) venv --quiet --python $(PYTHON) .tools/mutate
	@$(UV_PIP) sync --quiet --python $(MUTATE)/python --require-hashes requirements/mutate.txt
	@touch $@

$(CLIENTS)/.ready: requirements/clients.txt | $(UV)
	@test -x $(CLIENTS)/bin/python || $(UV) venv --quiet --python $(PYTHON) $(CLIENTS)
	@$(UV_PIP) sync --quiet --python $(CLIENTS)/bin/python --require-hashes requirements/clients.txt
	@touch $@

# Not $(BIN)/python, which is a link: what is done to it is done to the system's own.
$(VENV)/pyvenv.cfg: $(UV)
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	@touch $@

$(VENV)/.run: requirements/run.txt pyproject.toml | $(VENV)/pyvenv.cfg
	@$(UV_PIP) sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements/run.txt
	@$(UV_PIP) install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/pyvenv.cfg
	@$(UV_PIP) sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(UV_PIP) install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(LINTERS)/node_modules/.ready: $(LINTERS)/package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null || \
		{ echo "lint-openapi needs Node.js 20 or later, with npm: install it from https://nodejs.org." >&2; exit 1; }
	@cd $(LINTERS) && npm ci --silent --no-progress
	@touch $@
