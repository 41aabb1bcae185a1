# `make app` opens the app, `make test` runs every test. Each does all of its own set-up; a second call starts at once.
# `make app LOCKED=1` installs what requirements.lock lists and checks each file against its hash.
# `make app CPU=1` and `make test CPU=1` take torch and torchvision for processors alone, ten times smaller on Linux, from
# PyTorch's own index, beside the usual one. pip takes the highest version that either offers, and 2.15.0+cpu is higher
# than 2.15.0. That index could not be reached where this was written: untried. LOCKED=1 knows no hash of the wheels in
# that index: one or the other. An environment keeps what it was made with, so each needs one that was made that way.

BIN := .venv/bin
# On two processors: tests in a browser wait for half of their time.
JOBS ?= 3
PACKAGES := $(if $(LOCKED),--require-hashes -r requirements.lock,-r requirements.txt)

# The tests start hundreds of processes: without bytecode on the disk, each would compile our modules anew.
unexport PYTHONDONTWRITEBYTECODE

ifdef CPU
ifdef LOCKED
$(error CPU=1 and LOCKED=1 exclude each other: requirements.lock has no hashes of the wheels for processors)
endif
export PIP_EXTRA_INDEX_URL := https://download.pytorch.org/whl/cpu
endif

WAY := $(if $(LOCKED),locked)$(if $(CPU),cpu)
ifneq ($(and $(WAY),$(wildcard .venv),$(filter app $(if $(CPU),test check soak),$(or $(MAKECMDGOALS),app))),)
ifeq ($(wildcard .venv/.$(WAY))$(filter clean,$(MAKECMDGOALS)),)
$(error The environment in .venv is not known to have been made with $(if $(LOCKED),LOCKED,CPU)=1: `make clean` first)
endif
endif

.PHONY: app test check soak lint format lock audit clean

app: .venv/.user
	$(BIN)/streamlit run streamlit_app.py

test: .venv/.dev
	@$(BIN)/python -m tests.helpers.browser --install || [ "$$CI" != true ]
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not soak"

# The loop of a change, six and a half minutes on two slow cores: no browser, no second process, nothing slow.
check: .venv/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not browser and not processes and not slow and not soak" \
	    tests/unit tests/app tests/house

# The promises of SECURITY.md at full length, in tens of minutes; the figures are at the end.
soak: .venv/.dev
	$(BIN)/python -m pytest -n $(JOBS) -m soak

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check uv==0.13.9
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	    --custom-compile-command "make lock" -o requirements.lock requirements.txt

audit: | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check pip-audit==2.10.1
	$(BIN)/pip-audit --require-hashes --disable-pip -r requirements.lock

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache

# The stamps are written only when the installation went through, so that one which was interrupted is done again.
.venv/.user: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check $(PACKAGES)
	$(if $(LOCKED),,@rm -f .venv/.locked)
	@touch $@

.venv/.dev: requirements.txt requirements-dev.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-dev.txt
	@rm -f .venv/.locked  # requirements-dev.txt has no hashes
	@touch $@ .venv/.user

$(BIN)/python:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        $$python -m venv --clear .venv && touch $(if $(WAY),.venv/.$(WAY),.venv) && exit 0; \
	        rm -rf .venv; echo "$$python cannot make a virtual environment: on Debian or Ubuntu, apt-get install python3-venv"; exit 1; \
	    fi; \
	done; \
	echo "GANray needs Python 3.11 or newer: install one, or name it: make $(firstword $(MAKECMDGOALS) app) PYTHON=/path/to/python3"; exit 1
