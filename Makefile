# Everything runs in .venv, which `make` builds; it needs Python 3.11 or newer, a Rust toolchain, make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/stamps

export PIP_DISABLE_PIP_VERSION_CHECK := 1

RUST := Cargo.toml $(shell find rust -name '*.rs' -o -name Cargo.toml)
PACKAGE := pyproject.toml README.md $(RUST)

.PHONY: help demo test slow lint wheel bench clean

help:
	@echo 'make demo    build wfo and run it on the embedded sample'
	@echo 'make test    build wfo and run its tests'
	@echo 'make slow    the long sweeps that make test leaves out'
	@echo 'make lint    formatters, linters, type checkers, Rust tests, links of the documentation'
	@echo 'make wheel   build the wheel into dist/'
	@echo 'make bench   time the engines'
	@echo 'make clean   remove what make built'

demo: $(STAMP)/install
	$(BIN)/wfo demo

test: $(STAMP)/test $(STAMP)/wheelhouse
	$(BIN)/python -m pytest

slow: $(STAMP)/test
	$(BIN)/python -m pytest -m slow

lint: $(STAMP)/test $(STAMP)/lint
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --package wfo-core --lib --locked
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest wfo._core
	$(BIN)/wfo docs --check

wheel: $(STAMP)/test
	$(BIN)/maturin build --release --locked --out dist

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
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(STAMP)/test: $(STAMP)/install
	$(BIN)/python -m pip install --quiet --group test --editable '.[reference,plot]'
	@touch $@

$(STAMP)/lint: $(STAMP)/install
	$(BIN)/python -m pip install --quiet --group lint
	@touch $@

# What the wheels depend on, fetched here so that the tests themselves need no network.
$(STAMP)/wheelhouse: pyproject.toml tests/wheelhouse.py | $(STAMP)/test
	$(BIN)/python tests/wheelhouse.py $(VENV)/wheelhouse
	@touch $@
