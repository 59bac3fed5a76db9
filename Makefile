# Morello's tasks. ARGS="..." hands options on; LOCAL=0 leaves the built-in model out.

PYTHON := .venv/bin/python
MODEL := $(if $(filter 0,$(LOCAL)),,local)

.PHONY: run test test-clients check fix bench lock translations build clean

run:  # start Morello
	@.ci/prepare run $(MODEL)
	@exec .venv/bin/morello $(ARGS)

test:  # the whole suite, a real browser included
	@.ci/prepare run $(MODEL) test
	@.ci/test $(ARGS)

test-clients:  # real clients from npm and PyPI against a running gateway
	@.ci/prepare run $(MODEL) test
	@npm --version >/dev/null 2>&1 || { echo "These tests drive clients from npm: install Node.js and npm, then try again." >&2; exit 1; }
	@$(PYTHON) -m pytest -m clients -rs $(ARGS)

check:  # format, lint, types
	@.ci/prepare run test
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m ruff check
	$(PYTHON) -m mypy

fix:  # put format and lint right where a program can
	@.ci/prepare run test
	$(PYTHON) -m ruff check --fix
	$(PYTHON) -m ruff format

bench:  # speed and memory, beside nginx where it is installed
	@.ci/prepare run
	@command -v nginx >/dev/null || .ci/apt nginx || echo "Without nginx: it is not installed here." >&2
	@$(PYTHON) -m bench $(ARGS)

lock:  # write requirements.lock anew; ARGS=--upgrade takes the newest of everything
	@$$(.ci/python) .ci/lock.py $(ARGS)

translations:  # bring the .po files up to date with what the sources say
	@.ci/prepare run
	$(PYTHON) -m webui.locale.gather
	@.ci/prepare run

build:  # the wheel and the sdist, in dist/
	@.ci/prepare run
	$(PYTHON) -m hatchling build

clean:  # back to a fresh clone
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
