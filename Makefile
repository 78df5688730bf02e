# `make run` reads the example video with the CPU runtime alone; `make test` installs the rest and checks everything.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Absolute, because pip also reads it in the folders where it builds.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Three checks at once on two cores, since many tests of the runtime wait; each with one thread for PyTorch.
MAKEFLAGS += --jobs=3 --keep-going

# OpenVINO's libraries have a process of their own: beside those of other runtimes they crashed it.
ALONE := tests/run/test_openvino.py

.PHONY: run test checks lint types unit unit-train unit-export unit-runtime docs wheel gpu clean

run: $(VENV)/.run
	$(BIN)/lpsr-run --video examples/gate.mp4 --out runs/gate

test: checks

checks: lint types docs unit wheel

lint types docs unit-runtime unit-train unit-export wheel: | $(VENV)/.test

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

unit: unit-runtime unit-train unit-export

unit-runtime:
	OMP_NUM_THREADS=1 $(BIN)/pytest $(addprefix --ignore=tests/,train export bench) --ignore=$(ALONE)

unit-train:
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/train

unit-export:
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/export tests/bench
	OMP_NUM_THREADS=1 $(BIN)/pytest $(ALONE)

# The documentation as a site in build/site; a broken link or a stale command reference fails.
docs:
	$(BIN)/python -m tools.reference --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The wheel alone, in an environment of its own and outside this folder, reads plates with the models it carries.
wheel:
	rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir build/wheel .
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/python -m pip install --quiet "$$(ls $(CURDIR)/build/wheel/lpsr-*.whl)[cpu]"
	cd build/wheel && $(CURDIR)/tests/wheel.sh venv/bin $(CURDIR)/examples/gate.mp4

# Nine minutes on this machine's GPU, with its own Python: the kernels' proof, and both trainings; see the script.
gpu:
	benchmarks/gpu.sh runs/gpu

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --editable '.[cpu]'
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --editable '.[cpu,train,dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist runs
