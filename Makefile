# Each target sets up what it needs, once; see README.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: run reproduce report test fuzz lab bench site student address \
	floor colab lint format requirements clean

run: $(READY)  ## every notebook in the quick profile, offline
	$(BIN)/python -m tools.run_notebooks --profile quick

# RECOMPUTE=1 computes what is stored in data/ruman_2021 anew, too (half an hour).
reproduce: export LAYERS_RECOMPUTE := $(RECOMPUTE)
reproduce: $(READY)  ## every notebook in the full profile, saved with its outputs
	$(BIN)/python -m tools.run_notebooks --profile full $(NOTEBOOKS)
	$(BIN)/python -m tools.update_readme

# The same command goes on after an interruption. WEIGHTS=none: random; PIXELS=0..1: see notebook 08.
report: $(READY)  ## notebook 08 on your own, as a page: MODEL=MobileNetV2 IMAGES=my_photos
	$(BIN)/python -m tools.report "$(MODEL)" "$(IMAGES)" \
		$(if $(WEIGHTS),--weights "$(WEIGHTS)") $(if $(PIXELS),--pixels "$(PIXELS)")

# Two processes; a file's tests share networks and one process. The longest file is begun first.
TWO := -n 2 --dist loadfile --no-loadscope-reorder
test: $(READY)  ## all tests
	$(BIN)/python -m pytest $(TWO)

fuzz: $(READY)  ## the tests of properties on random examples, twenty times as many
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest $(TWO) tests/metrics

lab: $(READY)  ## JupyterLab on the notebooks
	$(BIN)/jupyter lab notebooks

bench: $(READY)  ## speed and memory as ratios; BENCH="gini psi" for some
	$(BIN)/python -m benchmarks $(BENCH)

site: $(READY)  ## the notebooks, measures and lesson plans as pages, in build/site
	$(BIN)/python -m tools.build_site
	$(BIN)/python -m tools.check_site

student: $(READY)  ## the notebooks without solutions and outputs, in build/student
	$(BIN)/python -m tools.student_notebooks

address: $(READY)  ## the repository's address everywhere; REPO=owner/name
	$(BIN)/python -m tools.set_address $(REPO)

FLOOR := build/floor
floor: $(READY)  ## the oldest versions that pyproject.toml admits, and the tests of helpers with them
	$(BIN)/uv venv --quiet --clear --python 3.11 $(FLOOR)
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --python-version 3.11 \
		--extra cluster --extra report --extra site pyproject.toml -o $(FLOOR)/requirements.txt
	$(BIN)/uv pip install --quiet --python $(FLOOR) -r $(FLOOR)/requirements.txt pytest hypothesis
	$(BIN)/uv pip install --quiet --python $(FLOOR) --no-deps --editable .
	$(FLOOR)/bin/python -m pytest tests/data tests/layers tests/metrics tests/models tests/plotting

COLAB := build/colab
colab: $(READY)  ## the quick profile on Colab's versions; FREEZE: its pip-freeze.txt, see tools/colab.py
	$(BIN)/uv venv --quiet --clear --python 3.12 $(COLAB)
	$(BIN)/python -m tools.colab "$(FREEZE)" > $(COLAB)/requirements.txt
	$(BIN)/uv pip install --quiet --python $(COLAB) -r $(COLAB)/requirements.txt
	$(COLAB)/bin/python -m tools.run_notebooks --profile quick --workers 1

lint: $(READY)  ## ruff on code and notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

requirements: $(READY)  ## exact versions, from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --no-annotate \
		--custom-compile-command "make requirements" pyproject.toml -o requirements.txt

clean:
	rm -rf $(VENV) build

# The environment is ready until one of the two lists changes.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@
