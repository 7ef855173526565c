# Two commands are enough: `make run` and `make test`. Both need Python 3.11 or newer and make.
# What is installed where: .venv (Python), node_modules and static/vendor (front end).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ENGINES := .venv-engines
TRAINER := .venv-trainer
WORKERS ?= 2
# Tests run in a shuffled order. The same one every time, so that a failure comes back when it is
# looked for; `make test SEED=$$RANDOM` tries another.
SEED ?= 2026
# A file's tests stay on one worker: they share what is expensive, such as a whole running Tessera.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --randomly-seed=$(SEED)

# Stamp files remember for which lock file something was installed.
STAMPS := .stamps
VENV_MADE := $(VENV)/pyvenv.cfg
RUN_READY := $(STAMPS)/requirements-base
TEST_READY := $(STAMPS)/requirements-dev
ASSETS_READY := $(STAMPS)/assets
TEXTS_READY := $(STAMPS)/translations
ENGINES_READY := $(STAMPS)/requirements-engines
TRAINER_READY := $(STAMPS)/requirements-trainer

# Settings as an operator would have them; these commands need no running part.
PRODUCTION := TESSERA_STATE=$(STAMPS)/state PUBLIC_URL=https://ai.example.com

# A proxy or an own index stands in the environment or in pip's own files, never here.
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes
# The machine's npm, or the one of the wheel where there is none.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(RUN_READY) $(ASSETS_READY) $(TEXTS_READY) ## Install, start everything, print addresses and sign-ins
	@exec $(BIN)/python manage.py up

.PHONY: test
test: $(TEST_READY) $(ASSETS_READY) $(TEXTS_READY) ## Run the whole suite against real PostgreSQL and Valkey
	$(PYTEST)

.PHONY: check
check: lint test ## Everything a change must pass: lint, then the tests

.PHONY: lint
lint: $(TEST_READY) $(ASSETS_READY) ## Format, lint, types, layers, migrations, templates, deploy check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PRODUCTION) $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(BIN)/djlint templates --check --lint --quiet
	$(BIN)/djade --check --target-version 5.2 $$(git ls-files 'templates/*.html')
	$(BIN)/django-upgrade --check --target-version 5.2 $$(git ls-files '*.py')
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING

.PHONY: test-engines
test-engines: $(TEST_READY) $(ENGINES_READY) ## Run the gateway against a real inference engine
	ENGINES_BIN="$(CURDIR)/$(ENGINES)/bin" $(BIN)/python -m pytest tests/engines

.PHONY: test-studio
test-studio: $(TEST_READY) $(TRAINER_READY) ## Teach a tiny model for real, through a cluster too
	TRAINER_PYTHON="$(CURDIR)/$(TRAINER)/bin/python" $(BIN)/python -m pytest tests/training

.PHONY: screenshots
screenshots: $(TEST_READY) $(ASSETS_READY) $(TEXTS_READY) ## Take pictures of the main pages, into screenshots/
	$(BIN)/python -W ignore -m tests.screenshots

REQUESTS ?= 100000

.PHONY: faults
faults: $(TEST_READY) ## Kill, lie and leave while calls run, then compare all books (REQUESTS=5000)
	$(BIN)/python -W ignore -m tests.faults --requests $(REQUESTS) --seed $(SEED)

.PHONY: bench-gateway
bench-gateway: $(RUN_READY) ## Measure what the gateway adds to a call
	$(BIN)/python -W ignore -m benchmarks.gateway

.PHONY: bench-peers
bench-peers: $(RUN_READY) ## Compare a call with nginx and LiteLLM before the same engine
	$(BIN)/python -W ignore -m benchmarks.peers

.PHONY: bench-ingest
bench-ingest: $(RUN_READY) ## Measure how fast usage comes into PostgreSQL
	$(BIN)/python -W ignore -m benchmarks.ingest

.PHONY: bench-billing
bench-billing: $(RUN_READY) $(ASSETS_READY) ## Measure rating, invoices, reads and settlement
	$(BIN)/python -W ignore -m benchmarks.billing

.PHONY: bench-pages
bench-pages: $(RUN_READY) $(ASSETS_READY) ## Measure the busiest pages over 50 million requests
	$(BIN)/python -W ignore -m benchmarks.pages

.PHONY: bench-paint
bench-paint: $(TEST_READY) $(ASSETS_READY) ## Measure first paint and weight of pages on a slow line
	$(BIN)/python -W ignore -m benchmarks.paint

.PHONY: bench-studio
bench-studio: $(RUN_READY) ## Compare the check of a dataset with json.loads
	$(BIN)/python -W ignore -m benchmarks.studio

.PHONY: bench-training
bench-training: $(TEST_READY) $(TRAINER_READY) ## Compare training with a bare TRL script (SIZE=1b on a GPU)
	TRAINER_PYTHON="$(CURDIR)/$(TRAINER)/bin/python" $(BIN)/python -m benchmarks.training --size $(SIZE)

SIZE ?= tiny

.PHONY: format
format: $(TEST_READY) ## Lay out code and templates
	$(BIN)/django-upgrade --exit-zero-even-if-changed --target-version 5.2 $$(git ls-files '*.py')
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .
	$(BIN)/djlint templates --reformat --quiet
	$(BIN)/djade --target-version 5.2 $$(git ls-files 'templates/*.html')

.PHONY: assets
assets: $(ASSETS_READY) ## Install the front-end packages and copy what the pages use

.PHONY: translations
translations: $(RUN_READY) ## Bring locale/*.po up to date with the texts in the code (needs gettext)
	$(PRODUCTION) $(BIN)/python -W ignore::RuntimeWarning manage.py makemessages --all --no-obsolete \
		--no-wrap --add-location file --ignore '.venv*' --ignore node_modules --ignore 'tests/*'

.PHONY: requirements
requirements: $(TEST_READY) ## Compile requirements/*.in to pinned lists with hashes
	@$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet uv
	$(COMPILE) requirements/base.in -o requirements/base.txt
	$(COMPILE) -c requirements/base.txt requirements/dev.in -o requirements/dev.txt
	$(COMPILE) --override requirements/engines-overrides.in --no-emit-package torch \
		requirements/engines.in -o requirements/engines.txt
	$(COMPILE) --override requirements/engines-overrides.in --no-emit-package torch \
		requirements/trainer.in -o requirements/trainer.txt
	$(COMPILE) requirements/node.in -o requirements/node.txt

COMPILE := UV_CUSTOM_COMPILE_COMMAND="make requirements" $(BIN)/python -m uv pip compile --quiet \
	--universal --python-version 3.11 --generate-hashes --no-emit-index-url

$(VENV_MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Tessera needs Python 3.11 or newer; $(PYTHON) is older (set PYTHON=…)." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv is missing: install it with 'apt-get install python3-venv'." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(STAMPS):
	@mkdir -p $@

$(RUN_READY): requirements/base.txt $(VENV_MADE) | $(STAMPS)
	@echo "Installing the Python packages …"
	@$(PIP) -r requirements/base.txt
	@touch $@

$(TEST_READY): requirements/dev.txt $(VENV_MADE) | $(STAMPS)
	@echo "Installing the Python packages, tests and checks included …"
	@$(PIP) -r requirements/dev.txt
	@touch $@ $(RUN_READY)

$(ASSETS_READY): package.json package-lock.json portal/assets.py $(wildcard static/icons.txt) | $(STAMPS) $(RUN_READY)
	@echo "Installing the front-end packages …"
	@command -v npm >/dev/null || test -x $(BIN)/npm || $(PIP) -r requirements/node.txt
	@$(NPM) ci --ignore-scripts --no-audit --no-fund --silent
	@$(BIN)/python -m portal.assets
	@touch $@

$(TEXTS_READY): portal/translations.py $(wildcard locale/*/LC_MESSAGES/*.po portal/library_texts/*/LC_MESSAGES/*.po) | $(STAMPS) $(RUN_READY)
	@$(BIN)/python -m portal.translations
	@touch $@

$(ENGINES_READY): requirements/engines.txt trainer/torch.sh | $(STAMPS) $(VENV_MADE)
	@echo "Installing the inference engine …"
	@test -x $(ENGINES)/bin/python || $(PYTHON) -m venv $(ENGINES)
	@$(ENGINES)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes \
		--no-deps -r requirements/engines.txt
	@sh trainer/torch.sh $(ENGINES)/bin/python
	@touch $@

$(TRAINER_READY): requirements/trainer.txt trainer/torch.sh | $(STAMPS) $(VENV_MADE)
	@echo "Installing what trains models …"
	@test -x $(TRAINER)/bin/python || $(PYTHON) -m venv $(TRAINER)
	@$(TRAINER)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes \
		--no-deps -r requirements/trainer.txt
	@sh trainer/torch.sh $(TRAINER)/bin/python
	@touch $@
