# Every target sets up what it needs in .venv; nothing else has to be installed first but
# Python 3.11 or later with venv, and a C compiler with Python's headers (for pytricia).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
READY := $(VENV)/.ready
JOBS ?= 2
FLINK := .venv-flink
FLINK_READY := $(FLINK)/.ready

SECONDS_OF_FUZZ ?= 60
CONFORMANCE_PAIRS ?= 100000

.PHONY: demo run test test-page test-flink lint format bench bench-flink bench-check fuzz faults conformance docs man package clean help

help:
	@echo "make demo    see it work: a sample stream over TCP, and the alerts in it"
	@echo "make run     the relay with conf/fluent-eql.yaml"
	@echo "make test    the tests"
	@echo "make test-page  the page in a real browser; installs Playwright, and as root Chromium"
	@echo "make test-flink  the rules on Apache Flink; installs it into $(FLINK), and as root Java"
	@echo "make lint    ruff, mypy, import-linter"
	@echo "make bench   CPU time per record, beside plain relays"
	@echo "make bench-flink  records a second on Apache Flink, beside the filter"
	@echo "make bench-check  whether it has grown by more than 15 %"
	@echo "make faults  relay and target killed in a stream, a target away, a million records"
	@echo "make conformance  100,000 random queries and streams against the plain reference"
	@echo "make fuzz    the protocol core against random bytes, for a minute"
	@echo "make docs    the documentation as a site, in site/"
	@echo "make man     conf/man/fluent-eql.1, from the command line's own help"
	@echo "make package wheel and sdist in dist/, installed into a new environment and tried"
	@echo "make clean   remove .venv and caches"

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "fluent-eql needs Python 3.11 or later; '$(PYTHON)' is not that." >&2; \
	  echo "Install it, or name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "fluent-eql needs Python's venv module (Debian, Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || command -v clang >/dev/null 2>&1 || { \
	  echo "fluent-eql needs a C compiler for pytricia (Debian, Ubuntu: apt install gcc python3-dev)." >&2; exit 1; }
	@$(PYTHON) -c 'import pathlib, sys, sysconfig; sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())' || { \
	  echo "fluent-eql needs Python's C headers for pytricia (Debian, Ubuntu: apt install python3-dev)." >&2; exit 1; }
	@echo "setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(READY): $(INSTALLED)
	@echo "adding what development needs ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# PyFlink holds back what the rest needs newer, so it has an environment of its own.
$(FLINK_READY): $(INSTALLED)
	@echo "setting up $(FLINK), with Apache Flink ..."
	@$(PYTHON) -m venv $(FLINK)
	@$(FLINK)/bin/pip install --quiet --disable-pip-version-check --no-compile --editable '.[flink]' \
	  hypothesis psutil pytest pytest-asyncio
	@touch $@

demo: $(INSTALLED)
	@$(BIN)/python examples/demo.py

run: $(INSTALLED)
	@$(BIN)/fluent-eql run --config conf/fluent-eql.yaml

test: $(READY)
	$(BIN)/pytest -n $(JOBS) -q

test-page: $(READY)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[page]'
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null; } || \
	  echo "the tests need Chromium (Debian: apt install chromium) and are passed over without it"
	$(BIN)/pytest -q -rs tests/end_to_end/test_page.py

test-flink: $(FLINK_READY)
	@command -v java >/dev/null || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends openjdk-17-jre-headless >/dev/null; } || \
	  echo "the tests need Java 17 (Debian: apt install openjdk-17-jre-headless) and are passed over without it"
	$(FLINK)/bin/pytest -q -rs tests/end_to_end/test_flink*.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python -m fluent_pipeline.bench --json docs/performance.json --svg docs

bench-flink: $(FLINK_READY)
	$(FLINK)/bin/python -m fluent_pipeline.bench.flink

bench-check: $(READY)
	$(BIN)/python -m fluent_pipeline.bench --check

fuzz: $(READY)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@mkdir -p .fuzz
	$(BIN)/python tests/fuzz/fuzz_protocol.py .fuzz -max_total_time=$(SECONDS_OF_FUZZ) -max_len=4096

faults: $(READY)
	FAULT_CHUNKS=10000 FAULT_SECONDS=60 SOAK_RECORDS=1000000 $(BIN)/pytest -n $(JOBS) -q \
	  tests/end_to_end/test_kills.py tests/end_to_end/test_slow_target.py \
	  tests/end_to_end/test_soak.py

conformance: $(READY)
	CONFORMANCE_PAIRS=$(CONFORMANCE_PAIRS) $(BIN)/pytest -q -s tests/fluent_eql/test_conformance.py

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

man: $(READY)
	SOURCE_DATE_EPOCH=$$(date --date=2026-01-01T00:00Z +%s) $(BIN)/argparse-manpage \
	  --module fluent_pipeline.cli --function parser --prog fluent-eql --project-name fluent-eql \
	  --description "EQL detection rules on a Fluent pipeline" --manual-title "fluent-eql manual" \
	  --format single-commands-section --include conf/man/sections.roff --output conf/man/fluent-eql.1

package: $(READY)
	$(BIN)/python -m build --outdir dist
	PACKAGE_INSTALL=dist $(BIN)/pytest -q tests/packaging

clean:
	rm -rf $(VENV) $(FLINK) dist site .fuzz .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
