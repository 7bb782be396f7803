# `make demo` sets up and runs the main job on a model embedded in the process. `make quick` tests what needs no
# environment but this one, without the rooms whose tests have passed on the same code; `make test` tests everything but
# trainers, without doubles that have passed; `make test-full` skips nothing; `make test-trainers` reads exports with the
# trainers themselves. `make bench` measures the sandbox, `make bench-inference` the client and how full it keeps sglang,
# `make bench-hub` what is published, `make endurance` looks for what 100,000 runs leave behind.
# Tests start hundreds of processes: without bytecode on disk, each of them would compile this project again. The
# sandbox's workers write none.
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m tests.doubles.uv pip install --quiet --python $(BIN)/python

# What took longest is shown, and what each test took is kept.
PYTEST := $(BIN)/pytest --durations=25 --junit-xml=out/tests.xml
COSTLY := embedded or sglang or hub1 or plain or trainers

.PHONY: demo quick test test-full check bytecode test-trainers bench bench-hub bench-inference endurance

demo: $(VENV)/.demo
	$(BIN)/codeio build builders/corpus/scientific/resistors.py --out out/demo --embedded qwen2.5-coder-1.5b \
	  --license apache-2.0 --max-pairs 2 --max-tokens 600

quick: bytecode
	$(PYTEST) -n 3 --unchanged -m "not ($(COSTLY))"

test: check bytecode
	$(PYTEST) -n 3 -m "not trainers"

test-full: check bytecode
	$(PYTEST) -n 3 -m "not trainers" --full

bytecode: $(VENV)/.test
	$(BIN)/python -m compileall -q builders/execution

check: $(VENV)/.test
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

test-trainers: $(VENV)/.test
	$(PYTEST) -m trainers

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

$(VENV)/.test: pyproject.toml $(VENV)/.uv
	$(INSTALL) --editable ".[embedded,scientific,test]"
	touch $@
