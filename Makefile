# Every way to use this repository. `make` alone explains the targets.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DEMO := _build/demo
CODE := $(shell find flowbook -name '*.py')
PAGES := _config.yml _toc.yml $(shell find book flowbook/web -type f -not -path '*/__pycache__/*')
NOTEBOOKS := $(shell find notebooks -name '*.ipynb')
SOLUTIONS := $(shell find solutions -name '*.md')
ASSIGNMENTS := $(notdir $(wildcard solutions/a*))
GRADER := $(shell find autograder -type f -not -path '*/__pycache__/*')
# One thread a process: two compete for a core and are slower than one.
export OMP_NUM_THREADS = 1
export OPENBLAS_NUM_THREADS = 1
export MKL_NUM_THREADS = 1

.PHONY: help demo classes book page zip pdf public publish-check wheel grader-wheel book-solutions \
	release serve notebooks solutions test test-unit test-grading test-notebooks test-web test-gpu gpu-notebooks \
	lint format bench lock clean

help: ## explain the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' $(MAKEFILE_LIST) | column -t -s @

# A .venv of another Python than the one asked for is made anew.
MINOR = import sys; print("%d.%d" % sys.version_info[:2])
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer was expected, and $(PYTHON) is" \
		"$$($(PYTHON) --version 2>&1). Say which: make PYTHON=python3.12 ..." >&2; exit 1; }
	@.ci/system ensurepip=python3-venv
	@if [ -x $(BIN)/python ] && [ "$$($(BIN)/python -c '$(MINOR)')" != \
		"$$($(PYTHON) -c '$(MINOR)')" ]; then rm -rf .venv; fi
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv (about 180 packages; one to three minutes) ..."
	@$(BIN)/pip install -q --disable-pip-version-check -r requirements.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

demo: ## the book, the assignments and the graded class of A1
	@test -e $(DEMO)/$(FIRST)/.done || echo "From nothing this takes six to ten minutes."
	@$(MAKE) --no-print-directory $(READY)
	@echo "The assignments: $(CURDIR)/notebooks/assignments"
	@$(MAKE) --no-print-directory $(DEMO)/$(FIRST)/.done
	@echo "A graded class:  file://$(CURDIR)/$(DEMO)/$(FIRST)/reports/$(FIRST).html"
	@$(MAKE) --no-print-directory _build/html/.done
	@echo "The book:        file://$(CURDIR)/_build/html/index.html"

CLASSES := $(ASSIGNMENTS:%=$(DEMO)/%/.done)
classes: $(CLASSES) ## a graded class for every assignment, for the tests

book: _build/html/.done ## build the book into _build/html, executing every chapter

# The execution cache knows a chapter's cells but not the modules that they import.
_build/.code: $(CODE) | $(READY)
	@rm -rf _build/.jupyter_cache && mkdir -p _build && touch $@

# Sphinx repeats a page's warnings only when it reads the page again: forget a failed build.
_build/html/.done: _build/.code $(PAGES) $(NOTEBOOKS)
	@$(BIN)/python -m tools.execute
	@$(BIN)/jupyter-book build -W -n --keep-going . \
		|| { rm -rf _build/html _build/.doctrees; exit 1; }
	@touch $@

# After an edit: what else changed waits for `make book`.
page: _build/.code ## one page, built and opened: make page P=06
	@$(BIN)/python -m tools.page "$(P)"

# A course for each class, so that two can be made at once; the first, that of `make demo`,
# has both cores. An honest cell takes up to three seconds of a processor, and each class
# has a loop without end.
FIRST := a1_change_of_variables
$(CLASSES): $(DEMO)/%/.done: $(GRADER) $(SOLUTIONS) | $(READY)
	@rm -rf $(@D)
	@$(BIN)/autograder demo $* --course $(@D) --cell-seconds 8 \
		--workers $(if $(filter $(FIRST),$*),2,1)
	@touch $@

zip: book ## the built book in one file, to be read from disk: _build/flowbook.zip
	@$(BIN)/python -m tools.editions zip

pdf: book ## the built book on paper, printed by Chromium: _build/flowbook.pdf
	@.ci/system chromium=chromium
	@$(BIN)/python -m tools.editions pdf

public: zip pdf ## the pages with both, as a public host shows them: _build/public
	@$(BIN)/python -m tools.editions public

publish-check: $(READY) ## the host's job files, and the links of a book that has a public home
	@$(BIN)/pytest -q tests/book/test_publishing.py tests/book/test_small_book.py \
		tests/book/test_systems.py

book-solutions: book ## the instructor's edition, solutions shown: _build/html-solutions
	@$(BIN)/python -m tools.editions instructor

wheel: $(READY) ## what students install, to be handed out: _build/wheel/flowbook_course-*.whl
	@$(BIN)/pip wheel -q --disable-pip-version-check --no-deps -w _build/wheel .
	@rm -rf build && ls _build/wheel/*.whl

grader-wheel: $(READY) ## the autograder alone, for any course: _build/wheel/flowbook_autograder-*.whl
	@$(BIN)/python -m tools.grader_wheel _build/wheel

release: $(READY) ## tag the tested tree, build what is handed out: make release VERSION=1.0.0
	@$(BIN)/python -m tools.release "$(VERSION)"

serve: book ## open the book at http://localhost:8000
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

notebooks: $(READY) ## regenerate notebooks/ from book/ and solutions/
	@$(BIN)/python -m tools.notebooks

solutions: _build/solutions/.done ## the instructor's solved notebooks, executed
_build/solutions/.done: $(SOLUTIONS) $(CODE) | $(READY)
	@$(BIN)/python -m tools.notebooks --solutions _build/solutions --execute \
		&& touch $@

# At the end: what each phase took.
PHASES := test-notebooks built test-unit graded-and-shown
test: system lint ## everything, as CI does
	@mkdir -p _build && : > _build/phases
	@$(BIN)/python -m tools.release --testing
	@for phase in $(PHASES); do \
		start=$$(date +%s); \
		$(MAKE) --no-print-directory $$phase || exit 1; \
		printf '%-16s %5d s\n' $$phase $$(($$(date +%s) - start)) >> _build/phases; \
	done
	@echo; cat _build/phases
	@$(BIN)/python -m tools.release --tested

# What takes long is made side by side: each of them leaves a core idle at times.
.PHONY: built
built: $(READY)
	@$(MAKE) --no-print-directory -j 2 --output-sync=target _build/html/.done $(CLASSES)

.PHONY: graded-and-shown
graded-and-shown: built
	@$(MAKE) --no-print-directory -j 2 --output-sync=target test-grading test-web

.PHONY: system
system:
	@.ci/system chromium=chromium pg_createcluster=postgresql

test-unit: $(READY) ## layers, densities, models, checks, generator
	@$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder \
		-m "not web and not grading" tests

# These wait for kernels and for time limits more than they compute: four at once.
test-grading: $(CLASSES) ## the real autograder over real notebooks
	@$(BIN)/pytest -q -n 4 -m grading tests/adversarial tests/assignments tests/grader

# A chapter is run with the code of its exercises' solutions at its end. The book takes
# its outputs from here, so that no chapter runs twice.
test-notebooks: _build/.code ## execute every chapter and every solution
	@rm -rf _build/answered _build/solved
	@$(BIN)/python -m tools.notebooks --answered _build/answered
	@$(BIN)/python -m tools.notebooks --solutions _build/solved
	@FLOWBOOK_DEVICE=cpu PYTHONPATH=tests/builders $(BIN)/pytest -q -n 2 --dist loadscope \
		-p notebook_device -p kept_outputs --nbval-lax --nbval-current-env \
		_build/answered _build/solved
	@$(BIN)/python -m tools.execute --from _build/answered

test-web: _build/html/.done ## the built book in a real browser
	@$(BIN)/pytest -q -n 2 --dist loadfile -m web tests/web tests/grader

# The first needs torch and pytest only; the notebooks also need what `.[book,test]` holds.
test-gpu: ## layers, solutions and solved notebooks with every tensor on CUDA
	@$(PYTHON) -m pytest -q -p no:cacheprovider --device cuda tests/library/test_layers.py \
		tests/library/test_flow.py tests/assignments/test_device_of_solutions.py
	@if $(PYTHON) -c 'import nbval, jupytext' 2>/dev/null; then \
		$(PYTHON) -m tools.notebooks --solutions _build/solutions && \
		FLOWBOOK_DEVICE=cuda PYTHONPATH=tests/builders $(PYTHON) -m pytest -q \
			-p notebook_device --nbval-lax --nbval-current-env _build/solutions; \
	else echo "nbval or jupytext is missing: the solved notebooks were not run"; fi

# A folder with MNIST's four files, an .npz, or DATA=digits to try it.
gpu-notebooks: $(READY) ## the larger models, on a GPU if there is one: make gpu-notebooks DATA=path
	@$(BIN)/python -m tools.gpu_notebooks $(if $(DATA),"$(DATA)",)

lint: $(READY) ## ruff over code and notebooks, and notebooks/ in step with its sources
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/python -m tools.notebooks --check

format: $(READY) ## let ruff format the code
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: book ## measure; the tables in bench/README.md come from here
	@$(BIN)/pip install -q --disable-pip-version-check -e .[bench]
	@for script in bench/*.py; do $(BIN)/python $$script || exit 1; done

lock: $(READY) ## compile requirements.txt from pyproject.toml
	@$(BIN)/pip-compile -q --extra chapters --extra book --extra grader --extra test --extra lock \
		--strip-extras --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host --no-annotate \
		-o requirements.txt pyproject.toml && sed -i 's/^\(torch==[0-9.]*\)+cpu/\1/' requirements.txt

clean: ## delete everything that commands made; never touches a course or .venv
	@rm -rf _build .pytest_cache .ruff_cache
