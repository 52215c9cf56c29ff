# make run   the chat in a browser tab, no key needed
# make test  everything, browser tests included
# make audit known vulnerabilities of what requirements.lock names; run it weekly, it needs the network
# make eval  the evaluation: its figures as a table, and a report in eval/report.html
.PHONY: run test eval audit install index clean
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# Hard links make NLTK refuse its own files.
export UV_LINK_MODE := copy
HOST ?= 127.0.0.1
PORT ?= 8000
# A file of tests is one process, as many as there are cores.
SPREAD ?= -n auto --maxprocesses 4 --dist loadfile

run: install
	@$(BIN)/chainlit run app.py --host $(HOST) --port $(PORT) $(if $(HEADLESS),--headless)

test: install
	@$(BIN)/python -m pytest $(SPREAD) $(ARGS)

eval: install
	@$(BIN)/rag eval --baselines --pairs $(ARGS)

# An environment of its own: the lock holds what runs here and nothing that looks at it.
audit: install
	@$(BIN)/uv tool run --from pip-audit==2.9.0 pip-audit --strict --require-hashes --disable-pip --progress-spinner off \
		-r requirements.lock $$(awk '/^[A-Z]/ { print "--ignore-vuln", $$1 }' .ci/audit.txt)

install: $(VENV)/installed

# uv comes out of the same lock, hashes and all, and installs the rest without resolving again.
$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "Python 3.11 is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@awk '/^[a-z]/ { keep = /^uv==/ } keep' requirements.lock > $(VENV)/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

index: install
	@$(BIN)/rag index

clean:
	rm -rf $(VENV) .store
