# One definition of every command, for people and for CI. `make help` lists them.
# Each target makes its own surroundings first: nothing is needed but python3 (3.11 or newer) and make.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint types contract unit gui5 gui6 long soak bench flight screenshots pictures wheel clean system

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
DISPLAYED := tools/with_display.sh
# Tests leave HOME alone: caches lie in .venv, with_display.sh sees to napari's settings.
TESTING = XDG_CACHE_HOME=$(CURDIR)/.venv/cache $(if $(RAM_DISK),TMPDIR=$(RAM_DISK))
QT5 = $(TESTING) QT_API=pyqt5 PYTEST_QT_API=pyqt5
QT6 = $(TESTING) QT_API=pyqt6 PYTEST_QT_API=pyqt6
# napari warns of PyQt5, which it is about to give up.
DEMO_QT := QT_API=$(or $(QT_API),pyqt6)
# Some disks take 0.5 ms of CPU to create a file: then nothing else is measured, and tests take twice as long.
RAM_DISK := $(if $(TMPDIR),,$(shell test -w /dev/shm && df -Pm /dev/shm | awk 'NR == 2 && $$4 > 4096 {print "/dev/shm"}'))
# Windows wait for each other's paints: one more process than there are cores fills them.
WINDOWS = $(shell expr $$(python3 -c 'import os; print(len(os.sched_getaffinity(0)))') + 1)
# A checkout that was moved or copied has to be installed again.
HERE := $(shell cat .venv/.installed-at 2>/dev/null)
ifneq ($(HERE),$(CURDIR))
.PHONY: $(STAMP)
endif

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: system $(STAMP) ## make a sample store and fly up to it in napari (no display: write a picture, out/galaxy.png)
	$(DEMO_QT) $(if $(DISPLAY)$(WAYLAND_DISPLAY),,$(DISPLAYED)) $(BIN)/zarr-vectors demo

test: lint types contract unit gui5 gui6 ## everything that has to pass: lint, types, imports, all tests

lint: $(STAMP) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## mypy, strict
	$(BIN)/mypy

contract: $(STAMP) ## which room may import which
	$(BIN)/lint-imports

unit: system $(STAMP) ## what needs no window, a process for each core
	$(QT5) $(DISPLAYED) $(BIN)/python -m pytest -n auto --dist worksteal -m "not gui and not slow and not long" $(ARGS)

gui5: system $(STAMP) ## what needs a window, under PyQt5, a process for each core and one more
	$(QT5) $(DISPLAYED) $(BIN)/python -m pytest -n $(WINDOWS) --dist loadfile -m "gui and not slow and not long" $(ARGS)

gui6: system $(STAMP) ## what needs a window, again under PyQt6
	$(QT6) $(DISPLAYED) $(BIN)/python -m pytest -n $(WINDOWS) --dist loadfile -m "gui and not slow and not long" $(ARGS)

long: $(STAMP) ## round trips of every kind of geometry, 500 examples each
	$(TESTING) $(BIN)/python -m pytest -m long $(ARGS)

soak: system $(STAMP) ## do anything at any time in napari windows, SOAK_ROUNDS=50 of them
	$(QT5) $(DISPLAYED) $(BIN)/python -m pytest -m slow -o faulthandler_timeout=0 tests/journeys/test_fuzz.py $(ARGS)

bench: $(STAMP) ## how fast the library is (ARGS=--quick, --full, --io, --kinds, --pyramids, --plan)
	@# The peer's own surroundings; without a package index the table has no column of the peer, and says so.
	-@$(BIN)/python -c "from tests.package_index import peer_interpreter as peer; peer()"
	$(if $(RAM_DISK),TMPDIR=$(RAM_DISK)) $(BIN)/python benchmarks/run.py $(ARGS)

flight: system $(STAMP) ## how smooth the viewer is
	$(DISPLAYED) $(BIN)/python -m benchmarks.flight $(ARGS)

screenshots: system $(STAMP) ## renew the pictures of the documentation
	$(DISPLAYED) $(BIN)/python tools/screenshots.py $(ARGS)

pictures: system $(STAMP) ## renew the pictures and figures of coarse levels
	QT_API=pyqt6 $(DISPLAYED) $(BIN)/python -m benchmarks.pictures $(ARGS)

wheel: $(STAMP) ## build the wheel into dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## remove everything that was made here
	rm -rf .venv build dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .benchmarks
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

system:
	@tools/bootstrap.sh system

$(STAMP): pyproject.toml constraints.txt tools/bootstrap.sh
	@PYTHON="$(PYTHON)" tools/bootstrap.sh venv
	@echo "$(CURDIR)" > .venv/.installed-at
	@touch $@
