# `make app` opens the app, `make test` runs every test. Each does all of its own set-up; a second call starts at once.

BIN := .venv/bin
JOBS ?= 2

.PHONY: app test lint format clean

app: .venv/.user
	$(BIN)/streamlit run streamlit_app.py

test: .venv/.dev
	@$(BIN)/python -m tests.browser.browser --install || [ "$$CI" != true ]
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not soak"

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache

# The stamps are written only when the installation went through, so that one which was interrupted is done again.
.venv/.user: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/.dev: requirements.txt requirements-dev.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-dev.txt
	@touch $@ .venv/.user

$(BIN)/python:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        $$python -m venv --clear .venv && exit 0; \
	        rm -rf .venv; echo "$$python cannot make a virtual environment: on Debian or Ubuntu, apt-get install python3-venv"; exit 1; \
	    fi; \
	done; \
	echo "GANray needs Python 3.11 or newer: install one, or name it: make $(firstword $(MAKECMDGOALS) app) PYTHON=/path/to/python3"; exit 1
