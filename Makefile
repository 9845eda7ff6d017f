# Everything one does with this repository; `make` alone lists it. Stamp files in .venv/ make the second time fast.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help build run test test-rust test-python test-wire verify fix bench bench-suites load load-web fuzz fuzz-edge sim sim-mutants kill-walk kill-soak status clean

VENV := .venv
WIRE := .venv-wire
LOCUST := .venv-locust
STAMPS := $(VENV)/stamps
PY := $(VENV)/bin/python
PROTOS := $(wildcard proto/littlehorse/*.proto proto/internal/*.proto)
RUST := $(shell find rust -name '*.rs' -o -name 'Cargo.toml' -o -name 'protoc.sh')
# Rust tests use the dev profile: compiling everything again without optimisation takes two minutes on two cores, linking
# every test optimised takes six.
CARGO_TEST := cargo test --locked --workspace
# Test binaries must not ask for a libpython to link with; one that is compiled into an interpreter has none.
export PYO3_BUILD_EXTENSION_MODULE := 1
# How long `make load` runs, and anything else its driver takes.
LOAD_ARGS ?= --seconds 30
# What `make bench` and `make load-web` take: see bench/README.md and loadtest/README.md.
BENCH_ARGS ?=
COMPARE ?=
LOCUST_ARGS ?= --profile steady

# What `make fuzz` runs, and for how long.
TARGET ?= machine
SECONDS ?= 60

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: $(STAMPS)/extension ## build everything; leaves .venv/bin/lh

run: build ## run the quickstart process on a server of its own, step by step
	@$(PY) examples/quickstart/run.py

test: test-rust test-python test-wire ## run all tests: machine, server, SDK, the published client

verify: build ## check style, types, lints and layout; never writes
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(PY) -m mypy.stubtest littlehorse._core --allowlist tools/stubtest-allowlist.txt
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked -p lh_sim --features mutants --all-targets -- -D warnings
	$(PY) -m pytest tests/tidy -q

fix: build ## format and repair what can be repaired by itself
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	cargo fmt --all
	$(PY) tests/tidy/rules.py --write

bench: build $(STAMPS)/load $(WIRE)/stamp ## measure all quick cases (BENCH_ARGS="--only chain10", COMPARE=REV)
	$(PY) -m bench $(if $(COMPARE),--compare $(COMPARE)) $(BENCH_ARGS)

bench-suites: build $(STAMPS)/load ## pytest-benchmark suites: latency of single calls, cost of the machine
	$(PY) -m pytest bench/suites $(BENCH_ARGS)

load: build $(STAMPS)/load ## drive a server of its own with steady load (LOAD_ARGS="--seconds 30")
	$(PY) -m bench.steady $(LOAD_ARGS)

kill-walk: build ## walk a fault through every call of the disk, by strace (WALK_ARGS="--surface log --step 5")
	$(PY) -m tests.faults.walk $(WALK_ARGS)

kill-soak: build $(STAMPS)/checker ## kill -9 under load many times, then the verdict (SOAK_ARGS="--kills 200 --seed 1")
	$(PY) -m tests.faults.soak $(SOAK_ARGS)

load-web: build $(LOCUST)/stamp ## Locust with its web page, on a server of its own (LOCUST_ARGS="--profile steady")
	$(LOCUST)/bin/python -m loadtest $(LOCUST_ARGS)

fuzz: $(STAMPS)/requirements ## look for inputs that break a property (TARGET=machine SECONDS=60); needs cargo-fuzz
	@cargo fuzz --version >/dev/null 2>&1 || { echo "cargo-fuzz is missing: cargo install --locked cargo-fuzz"; exit 1; }
	@mkdir -p rust/fuzz/corpus/$(TARGET)
	cargo fuzz run --fuzz-dir rust/fuzz --sanitizer none $(TARGET) rust/fuzz/corpus/$(TARGET) rust/lh_fuzz/inputs/$(TARGET) \
		-- -max_total_time=$(SECONDS) -timeout=20 -rss_limit_mb=2048 -max_len=4096

fuzz-edge: build $(STAMPS)/fuzz ## the same for the Python edge, by atheris (SECONDS=60)
	@mkdir -p tests/fuzz/corpus
	$(PY) -m tests.fuzz tests/fuzz/corpus tests/fuzz/inputs -max_total_time=$(SECONDS) -timeout=20 -rss_limit_mb=2048 -max_len=4096

sim: $(STAMPS)/requirements ## replay a seed of the simulator (SEED=7), or run many (SEEDS=500)
	@cargo run --locked --profile sim --quiet -p lh_sim -- $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),500))

sim-mutants: $(STAMPS)/requirements ## in how many seeds the simulator finds each planted bug (SEEDS=40)
	@cargo run --locked --profile sim --quiet -p lh_sim --features mutants -- mutants --seeds $(or $(SEEDS),40)

status: build ## print which RPCs of the contract are built, from the route table
	@$(PY) tools/status.py

clean: ## remove all that was built
	rm -rf $(VENV) $(WIRE) $(LOCUST) target dist bench/out loadtest/out

# --- parts of `test` -------------------------------------------------------------------------------------------------
test-rust: build
	@echo "== Rust tests"
	$(CARGO_TEST)
	@echo "== Bugs planted in the engine, found by the simulator"
	cargo test --locked -p lh_sim --features mutants --test mutants

test-python: build $(STAMPS)/load $(STAMPS)/checker $(WIRE)/stamp
	@echo "== Python tests, our own SDK"
	$(PY) -m pytest tests

test-wire: build $(WIRE)/stamp
	@echo "== The published client against this server"
	$(WIRE)/bin/python -m pytest tests/wire

# --- what the targets need -------------------------------------------------------------------------------------------
$(STAMPS)/prerequisites:
	@tools/prerequisites.sh "$(PYTHON)" >/dev/null
	@echo "== [1/4] Python environment in $(VENV)"
	@test -x $(PY) || "$$(tools/prerequisites.sh "$(PYTHON)")" -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/requirements: requirements/dev.txt | $(STAMPS)/prerequisites
	@echo "== [2/4] locked requirements"
	@$(PY) -m pip install --disable-pip-version-check -r requirements/dev.txt
	@touch $@

$(STAMPS)/model: $(PROTOS) proto/generate.py $(STAMPS)/requirements
	@echo "== [3/4] Python messages from proto/"
	@$(PY) proto/generate.py
	@touch $@

$(STAMPS)/extension: $(RUST) Cargo.toml Cargo.lock pyproject.toml $(STAMPS)/model
	@echo "== [4/4] Rust extension (the first time takes some minutes)"
	@cd . && VIRTUAL_ENV="$$(pwd)/$(VENV)" $(VENV)/bin/maturin develop --release --locked
	@touch $@

$(STAMPS)/load: $(RUST) Cargo.lock $(STAMPS)/requirements
	@echo "== load driver, and the machine by itself"
	@cargo build --locked --release -p lh_load
	@cargo build --locked --release -p lh_machine --example apply_cost
	@touch $@

$(STAMPS)/checker: $(RUST) Cargo.lock $(STAMPS)/requirements
	@echo "== checker of histories"
	@cargo build --locked --profile sim -p lh_sim
	@touch $@

$(WIRE)/stamp: requirements/wire.txt | $(STAMPS)/prerequisites
	@echo "== the published client, in $(WIRE)"
	@test -x $(WIRE)/bin/python || $(PY) -m venv $(WIRE)
	@$(WIRE)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/wire.txt
	@touch $@

$(STAMPS)/fuzz: requirements/fuzz.txt $(STAMPS)/requirements
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements/fuzz.txt
	@touch $@

$(LOCUST)/stamp: loadtest/requirements.txt | $(STAMPS)/prerequisites
	@echo "== Locust, in $(LOCUST)"
	@test -x $(LOCUST)/bin/python || $(PY) -m venv $(LOCUST)
	@$(LOCUST)/bin/python -m pip install --quiet --disable-pip-version-check -r loadtest/requirements.txt
	@touch $@
