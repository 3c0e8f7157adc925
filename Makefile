# Commands for users and developers. `make run` and `make test` install what they need.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

# uv installs the locked packages; chainer is built from source and needs an old setuptools there.
UV_INSTALL := $(BIN)/uv pip install --quiet --compile-bytecode --python $(VENV)
LOCKED := --require-hashes --build-constraints envs/build-constraints.txt
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --no-emit-index-url \
	--build-constraints envs/build-constraints.txt pyproject.toml

# The catalogue that `make consult` shows.
CATALOGUE ?= sqlite:///results/catalogue.sqlite

# The tests and interpreters of `make test-matrix`: names of interpreters, `newest`, or empty for all.
TESTS ?= tests/unit
PYTHONS ?=

.PHONY: help rulegraph site install install-dev install-newest run profiles consult slurm-demo gpu-check gpu-bundle test test-quick test-matrix kernels benchmark lint format docs lock clean

help:  ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

install: $(VENV)/installed  ## Make .venv with the locked environment.

install-dev: $(VENV)/installed-dev  ## Make .venv with the tools for tests and checks too.

$(BIN)/uv: envs/uv.txt
	@$(PYTHON) -m venv $(VENV) || { \
		echo "make: $(PYTHON) cannot make a virtual environment. It must be Python 3.11 to 3.13 with" \
			"its venv module (Debian: apt install python3-venv); name another: make PYTHON=python3 …" >&2; \
		exit 1; }
	@echo "Installing into $(VENV) (about a minute, more on a slow network)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/uv.txt
	@touch $@

$(VENV)/installed: $(BIN)/uv envs/cpu.txt envs/build-constraints.txt pyproject.toml
	$(UV_INSTALL) $(LOCKED) -r envs/cpu.txt
	$(UV_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed envs/dev.txt
	$(UV_INSTALL) $(LOCKED) -r envs/dev.txt
	@touch $@

# The newest versions that pyproject.toml allows, without the locks.
install-newest: $(BIN)/uv
	$(UV_INSTALL) --upgrade --build-constraints envs/build-constraints.txt \
		-r pyproject.toml --extra catalogue --extra dicom --extra export --extra dev
	$(UV_INSTALL) --no-deps --no-build-isolation --editable .

run: $(VENV)/installed  ## Run the demo: the whole pipeline in five to eight minutes on two cores.
	$(BIN)/snakemake --profile profiles/demo
	@$(BIN)/snakemake --profile profiles/demo --report results/demo/report.html --quiet all
	@echo
	@echo "The demo is finished:"
	@echo "  sheet    results/demo/experiments/demo/seed_1/samples/stack_0.png"
	@echo "  numbers  results/demo/comparison.html, and pictures of best, worst and nearest images:"
	@echo "           results/demo/experiments/demo/seed_1/cases.png and nearest.png"
	@echo "  curves   results/demo/experiments/demo/seed_1/curves.png"
	@echo "  report   results/demo/report.html"

profiles:  ## Link the profiles into Snakemake's folder, so that `--profile slurm` and `--profile local` find them.
	@set -e; folder="$${XDG_CONFIG_HOME:-$$HOME/.config}/snakemake"; mkdir -p "$$folder"; status=0; \
	for name in local slurm; do \
		own="$(CURDIR)/profiles/$$name"; link="$$folder/$$name"; \
		[ -e "$$link" ] || [ -L "$$link" ] || ln -s "$$own" "$$link"; \
		if [ "$$(readlink "$$link")" = "$$own" ]; then echo "--profile $$name is $$own"; \
		else echo "make: $$link is another profile and stays; use --profile $$own" >&2; status=1; fi; \
	done; exit $$status

consult: $(VENV)/installed  ## Look at a catalogue in a browser; make consult CATALOGUE=sqlite:///results/demo/catalogue.sqlite.
	$(BIN)/synaxial catalogue consult --url $(CATALOGUE)

slurm-demo: $(VENV)/installed  ## As root on Debian: start a Slurm cluster here and run the demo on it.
	$(BIN)/python tests/slurm/demo.py

gpu-check: $(VENV)/installed  ## On a node with a GPU: compare it with the CPU and measure its speed, in eight minutes.
	$(BIN)/synaxial study gpu-check --output results/gpu-check

gpu-bundle: $(VENV)/installed  ## Make results/gpu-bundle: the check for a machine with a GPU and no package registry.
	$(BIN)/python tools/make_gpu_bundle.py

test: $(VENV)/installed-dev lint  ## Run every check and the tests that can run here.
	$(BIN)/python -m pytest -n 2

test-quick: $(VENV)/installed-dev  ## Run the tests that start no cluster, no Snakemake and no MPI.
	$(BIN)/python -m pytest -n 2 -m "not (slurm or snakemake or mpi)"

test-matrix:  ## Run the unit tests on each Python here, with locked and with newest versions.
	@PYTHONS="$(PYTHONS)" $(PYTHON) tests/matrix.py $(TESTS)

kernels: $(VENV)/installed-dev .venv-nvrtc/installed  ## Compile the GPU kernels with NVRTC; no GPU is needed.
	$(BIN)/python -m pytest -m nvrtc

# CuPy and the compiler, without the libraries of envs/cuda12.txt: 230 MB to download.
.venv-nvrtc/installed:
	$(PYTHON) -m venv .venv-nvrtc
	.venv-nvrtc/bin/python -m pip install --quiet --disable-pip-version-check "cupy-cuda12x>=14" \
		nvidia-cuda-nvrtc-cu12 nvidia-cuda-runtime-cu12
	@touch $@

benchmark: $(VENV)/installed .venv-benchmark/installed  ## Compare the speed with PyTorch, MONAI and TorchIO (half an hour).
	$(BIN)/python -m benchmarks

# PyTorch first, because the others depend on it.
.venv-benchmark/installed:
	$(PYTHON) -m venv .venv-benchmark
	.venv-benchmark/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 numpy scipy
	.venv-benchmark/bin/python -m pip install --quiet --disable-pip-version-check monai torchio
	@touch $@

lint: $(VENV)/installed-dev  ## Run the checks: style, types, imports, Snakefiles, documentation.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mkdocs build --quiet --strict

format: $(VENV)/installed-dev  ## Format all code as the checks require.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

docs: $(VENV)/installed  ## Write the configuration reference and config.yaml from the configuration model.
	$(BIN)/python -m synaxial.config.reference

rulegraph: $(VENV)/installed  ## Draw docs/rulegraph.svg with Graphviz.
	$(BIN)/snakemake --profile profiles/demo --rulegraph dot 2>/dev/null | $(BIN)/python docs/draw_rules.py

site: $(VENV)/installed-dev  ## Build the documentation site into .site.
	$(BIN)/mkdocs build --strict

lock: $(BIN)/uv  ## Compile envs/*.txt again from pyproject.toml.
	$(COMPILE) --extra catalogue --extra dicom --extra export --output-file envs/cpu.txt
	$(COMPILE) --extra catalogue --extra dicom --extra export --extra kaggle --extra dev --constraint envs/cpu.txt --output-file envs/dev.txt
	$(COMPILE) --extra cuda12 --constraint envs/cpu.txt --output-file envs/cuda12.txt
	$(COMPILE) --extra cuda13 --constraint envs/cpu.txt --output-file envs/cuda13.txt
	echo uv | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --no-emit-index-url --output-file envs/uv.txt -

clean:  ## Delete the environments and the tools' caches; results stay.
	rm -rf $(VENV) .venvs .venv-benchmark .venv-nvrtc .mypy_cache .pytest_cache .ruff_cache .hypothesis
