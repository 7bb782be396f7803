# `make demo` sets up and runs the main job on a model embedded in the process; `make test` sets up and tests,
# `make test-trainers` reads exports with the trainers themselves. `make bench` measures the sandbox, `make
# bench-inference` the client and how full it keeps sglang, `make bench-hub` what is published, `make endurance` looks
# for what 100,000 runs leave behind.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m tests.doubles.uv pip install --quiet --python $(BIN)/python

.PHONY: demo test test-trainers bench bench-hub bench-inference endurance

demo: $(VENV)/.demo
	$(BIN)/codeio build builders/corpus/scientific/resistors.py --out out/demo --embedded qwen2.5-coder-1.5b \
	  --license apache-2.0 --max-pairs 2 --max-tokens 600

test: $(VENV)/.test
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports
	$(BIN)/pytest -n 2 --dist loadfile -m "not trainers"

test-trainers: $(VENV)/.test
	$(BIN)/pytest -m trainers

bench: $(VENV)/.test
	$(BIN)/python -m tests.bench.sandbox

bench-hub: $(VENV)/.test
	$(BIN)/python -m tests.bench.growth
	$(BIN)/python -m tests.bench.audit
	$(BIN)/python -m tests.bench.changes 10000 100000

bench-inference: $(VENV)/.bench
	$(BIN)/python -m tests.bench.clients
	$(BIN)/python -m tests.bench.memory 10000 100000
	$(BIN)/python -m tests.bench.inference

endurance: $(VENV)/.test
	$(BIN)/python -m tests.bench.endurance

$(VENV)/.bench: $(VENV)/.test
	$(INSTALL) --editable ".[embedded,scientific,test,bench]"
	touch $@

$(VENV)/.uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip uv
	touch $@

$(VENV)/.demo: pyproject.toml $(VENV)/.uv
	$(INSTALL) --editable ".[embedded]"
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(INSTALL) --editable ".[embedded,scientific,test]"
	touch $@
