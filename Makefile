# Everything runs in .venv, which `make` builds from Python 3.11 or newer and a Rust toolchain.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/stamps

# How long the core compiles: the message of a build has it.
FIRST := 2 to 3 minutes
AGAIN := 2 minutes

export PIP_DISABLE_PIP_VERSION_CHECK := 1

RUST := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name Cargo.toml)
PACKAGE := pyproject.toml README.md $(RUST)

.PHONY: help demo test slow lint wheel sdist bench clean

help:
	@echo 'make demo    build wfo and run it on the embedded sample'
	@echo 'make test    build wfo and run its tests'
	@echo 'make slow    the long sweeps that make test leaves out, and random cases'
	@echo 'make lint    formatters, linters, type checkers, links of the documentation'
	@echo 'make wheel   build the wheel into dist/'
	@echo 'make sdist   build the source archive into dist/'
	@echo 'make bench   time the engines'
	@echo 'make clean   remove what make built'

demo: $(STAMP)/install
	$(BIN)/wfo demo

# Random cases are the same every time: of Hypothesis by its profile, of proptest by this seed.
# A file of tests goes to one process, which makes what they share once, the longest file first
# (tests/conftest.py); all of it works with pytest alone too.
test: $(STAMP)/test $(STAMP)/wheelhouse
	PROPTEST_RNG_SEED=0 cargo test --package wfo-core --tests --locked
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# Random cases are others every time; the seed that is printed repeats them: make slow SEED=...
ifndef SEED
SEED := $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
endif

slow: $(STAMP)/test $(STAMP)/oracles
	PROPTEST_RNG_SEED=$(SEED) cargo test --package wfo-core --tests --locked
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m 'slow or hypothesis' \
	  --hypothesis-profile=random --hypothesis-seed=$(SEED)

lint: $(STAMP)/test $(STAMP)/lint
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	$(BIN)/zizmor --quiet --offline .github
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest wfo._core
	$(BIN)/wfo docs --check

wheel: $(STAMP)/test
	$(BIN)/maturin build --release --locked --out dist

sdist: $(STAMP)/test
	$(BIN)/maturin sdist --out dist

bench: $(STAMP)/test
	$(BIN)/python benches/grid.py

clean:
	rm -rf $(VENV) target dist

$(STAMP)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "wfo needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version)."; \
	       echo "Name another one: make PYTHON=python3.12"; exit 1; }
	@command -v cargo >/dev/null \
	  || { echo 'wfo needs a Rust toolchain to build: install one with rustup.'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@mkdir -p $(STAMP) && touch $@

# Editable, so that Python sources are used as they are; the core is an optimised build.
$(STAMP)/install: $(PACKAGE) | $(STAMP)/venv
	@if [ -d target/release ]; then \
	  echo 'Building wfo: what changed is compiled, up to $(AGAIN) on two cores.'; \
	else \
	  echo 'Building wfo: its Rust core is compiled, $(FIRST) on two cores the first time.'; \
	fi
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(STAMP)/test: $(STAMP)/install
	$(BIN)/python -m pip install --quiet --group test --editable '.[reference,plot,search]'
	@touch $@

$(STAMP)/oracles: pyproject.toml | $(STAMP)/test
	$(BIN)/python -m pip install --quiet --group oracles
	@touch $@

$(STAMP)/lint: $(STAMP)/install
	$(BIN)/python -m pip install --quiet --group lint
	@touch $@

# What the wheels depend on, fetched here so that the tests themselves need no network.
$(STAMP)/wheelhouse: pyproject.toml tests/wheelhouse.py | $(STAMP)/test
	$(BIN)/python tests/wheelhouse.py $(VENV)/wheelhouse
	@touch $@
