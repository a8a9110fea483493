# Tiffin. `make help` lists the targets.
#
# New source files need no line here: each folder's *.c belong to its program or
# library. Objects go to build/<mode>/, one folder per mode, so changing the mode
# rebuilds nothing that is there already:
#
#   make                                build/release
#   make SANITIZER=address,undefined    build/asan-address-undefined

SHELL := /bin/bash
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules --no-print-directory

CC ?= cc
ifeq ($(origin CC),default)
CC := cc
endif

# ---- mode ---------------------------------------------------------------------
comma := ,
ifdef SANITIZER
MODE := asan-$(subst $(comma),-,$(SANITIZER))
HARDENING := -fsanitize=$(SANITIZER) -fno-sanitize-recover=all -fno-omit-frame-pointer
LINK_MODE := -fsanitize=$(SANITIZER)
export ASAN_OPTIONS ?= detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS ?= print_stacktrace=1
else ifdef CRASH_POINTS
# For tests of what a kill -9 leaves: base/crash.h.
MODE := crash
HARDENING := -DTIFFIN_CRASH_POINTS
LINK_MODE :=
else
MODE := release
# Level 3 needs a compiler of 2022 or later (gcc 12); older ones warn about it.
FORTIFY := $(shell [ "$$($(CC) -dumpversion 2>/dev/null | cut -d. -f1)" -ge 12 ] 2>/dev/null && echo 3 || echo 2)
HARDENING := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(FORTIFY)
LINK_MODE :=
endif
BUILD := build/$(MODE)
BIN := $(BUILD)/bin
export TIFFIN_BIN_DIR := $(CURDIR)/$(BIN)

# ---- flags --------------------------------------------------------------------
# Not every Debian release has pkg-config files for the rest.
PACKAGES := json-c hiredis libcrypto
pkg = $(shell pkg-config $(1) 2>/dev/null)
# hiredis' own folder must not be on the path: `#include <hiredis/async.h>` works without.
PKG_CFLAGS = $(filter-out -I/usr/include/hiredis,$(foreach p,$(PACKAGES),$(call pkg,--cflags $(p))))

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
	-Wpointer-arith -Wvla -Wformat=2 -fno-common
ifdef WERROR
WARNINGS += -Werror
endif
CPPFLAGS_ALL = -D_GNU_SOURCE -Ifcgi -I. $(PKG_CFLAGS) $(CPPFLAGS)
CFLAGS_ALL = -std=c11 -O2 -g $(WARNINGS) $(HARDENING) -fstack-protector-strong -fPIE $(CFLAGS)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LINK_MODE) $(LDFLAGS)
LIBS_BASE = $(call pkg,--libs json-c hiredis libcrypto) -lev -lm
LIBS_API = -lfcgi
LIBS_WS = -lwslay

# ---- sources ------------------------------------------------------------------
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
without_main = $(filter-out %/main.c,$(1))

SRC_TIFFIN := $(wildcard fcgi/base/*.c fcgi/order/*.c)
SRC_API := $(wildcard fcgi/api/*.c)
SRC_WORKER := $(wildcard fcgi/worker/*.c)
SRC_CTL := $(wildcard fcgi/ctl/*.c)
SRC_LOAD := $(wildcard redis/*.c)
SRC_WS := $(wildcard ws-bridge/*.c)
# Images are built from a part of the tree, without the tests.
SRC_UNIT := $(shell find tests/unit -name 'test_*.c' 2>/dev/null | sort)
SRC_UNIT_SUPPORT := $(wildcard tests/unit/support/*.c)
SRC_UNIT_FAKES := $(wildcard tests/unit/fakes/*.c)
SRC_BENCH := $(wildcard tests/bench/*.c)
SRC_ALL := $(SRC_BENCH) $(SRC_TIFFIN) $(SRC_API) $(SRC_WORKER) $(SRC_CTL) $(SRC_LOAD) $(SRC_WS) $(SRC_UNIT) $(SRC_UNIT_SUPPORT) $(SRC_UNIT_FAKES)
HEADERS := $(wildcard fcgi/*/*.h redis/*.h ws-bridge/*.h tests/unit/*.h tests/unit/*/*.h tests/bench/*.h)

LIB_TIFFIN := $(BUILD)/lib/libtiffin.a
LIB_API := $(BUILD)/lib/libapi.a
LIB_WORKER := $(BUILD)/lib/libworker.a
LIB_CTL := $(BUILD)/lib/libctl.a
LIB_LOAD := $(BUILD)/lib/libload.a
LIB_WS := $(BUILD)/lib/libws.a
LIB_UNIT := $(BUILD)/lib/libunit.a
LIB_FAKES := $(BUILD)/lib/libfakes.a

PROGRAMS := $(addprefix $(BIN)/tiffin-,api worker ctl load ws)
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(SRC_UNIT))

# ---- build --------------------------------------------------------------------
.PHONY: all
all: toolchain $(PROGRAMS) assets ## build the programs (SANITIZER=address,undefined, WERROR=1)

# What is missing is named before the compiler stumbles over it.
.PHONY: toolchain
toolchain:
	@command -v $(firstword $(CC)) >/dev/null && pkg-config --exists $(PACKAGES) 2>/dev/null || \
		{ echo 'tiffin: a compiler or a library is missing: make deps' >&2; exit 1; }

$(LIB_TIFFIN): $(call objects,$(SRC_TIFFIN))
$(LIB_API): $(call objects,$(call without_main,$(SRC_API)))
$(LIB_WORKER): $(call objects,$(call without_main,$(SRC_WORKER)))
$(LIB_CTL): $(call objects,$(call without_main,$(SRC_CTL)))
$(LIB_LOAD): $(call objects,$(call without_main,$(SRC_LOAD)))
$(LIB_WS): $(call objects,$(call without_main,$(SRC_WS)))
$(LIB_UNIT): $(call objects,$(SRC_UNIT_SUPPORT))
$(LIB_FAKES): $(call objects,$(SRC_UNIT_FAKES))
$(BUILD)/lib/%.a:
	@mkdir -p $(@D) && rm -f $@
	$(Q)ar rcsD $@ $^

link = $(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@

$(BIN)/tiffin-api: $(call objects,$(filter %/main.c,$(SRC_API))) $(LIB_API) $(LIB_TIFFIN)
	@mkdir -p $(@D)
	$(link) $^ $(LIBS_API) $(LIBS_BASE)
$(BIN)/tiffin-worker: $(call objects,$(filter %/main.c,$(SRC_WORKER))) $(LIB_WORKER) $(LIB_TIFFIN)
	@mkdir -p $(@D)
	$(link) $^ $(LIBS_BASE)
$(BIN)/tiffin-ctl: $(call objects,$(filter %/main.c,$(SRC_CTL))) $(LIB_CTL) $(LIB_TIFFIN)
	@mkdir -p $(@D)
	$(link) $^ $(LIBS_BASE)
$(BIN)/tiffin-load: $(call objects,$(filter %/main.c,$(SRC_LOAD))) $(LIB_LOAD) $(LIB_TIFFIN)
	@mkdir -p $(@D)
	$(link) $^ $(LIBS_BASE)
$(BIN)/tiffin-ws: $(call objects,$(filter %/main.c,$(SRC_WS))) $(LIB_WS) $(LIB_TIFFIN)
	@mkdir -p $(@D)
	$(link) $^ $(LIBS_WS) $(LIBS_BASE)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

-include $(patsubst %.o,%.d,$(call objects,$(SRC_ALL)))

# V=1 shows the commands; else one short line each.
ifeq ($(V),1)
Q :=
else
Q = @printf '  %s\n' '$(patsubst $(BUILD)/%,%,$@)';
endif

# ---- what the pages take from npm -----------------------------------------------
# By the lockfile, into an ignored folder. Without npm, or without its registry, all the rest works:
# /docs and the monitor's charts say what is missing.
VENDOR := html/vendor
NPM_CI := npm ci --prefix $(VENDOR) --ignore-scripts --no-audit --no-fund --loglevel=error
.PHONY: assets
ifneq ($(shell command -v npm 2>/dev/null),)
assets: $(VENDOR)/node_modules/.fetched ## fetch Swagger UI, uPlot and typefaces for the pages (needs npm)
else
assets:
	@[ -e $(VENDOR)/node_modules/.fetched ] || \
		echo 'assets: npm is not installed, so /docs and the charts stay without their libraries' >&2
endif
# A fetch that fails is tried again by the next make.
$(VENDOR)/node_modules/.fetched: $(VENDOR)/package.json $(VENDOR)/package-lock.json $(VENDOR)/.npmrc
	@echo '  fetching what the pages take from npm'
	@if $(NPM_CI) --omit=dev >/dev/null; then touch $@; else \
		echo 'assets: npm could not fetch them, so /docs and the charts stay without their libraries' >&2; fi

# ---- run ----------------------------------------------------------------------
# A second make, because packages that were missing a moment ago change the flags.
.PHONY: run up down redis-cli redis-repair ctl
run: deps ## build and run everything in the foreground; Ctrl-C stops it
	@$(MAKE) -s all
	@fcgi/stack/run.sh
up: deps ## the same in the background; returns when it is ready
	@$(MAKE) -s all
	@fcgi/stack/up.sh
down: ## stop what `make up` started; orders are kept
	@fcgi/stack/down.sh
redis-cli: ## look into the running Redis: make redis-cli ARGS="DBSIZE"
	@fcgi/stack/redis-cli.sh $(ARGS)
redis-repair: ## after a power cut, when Redis does not load its file: mend it, keeping a copy
	@fcgi/stack/redis-repair.sh
ctl: ## look at the queue and put things right: make ctl ARGS="status"
	@$(MAKE) -s $(BIN)/tiffin-ctl >&2
	@$(BIN)/tiffin-ctl $(ARGS)

.PHONY: deps deps-browser deps-test deps-lint deps-bench deps-docker
deps: ## install the Debian packages that are missing
	@fcgi/stack/deps.sh build run
deps-test: ## ... those that the tests need as well
	@fcgi/stack/deps.sh build run test
deps-browser: ## ... those that the browser tests need as well
	@fcgi/stack/deps.sh build run test browser
deps-docker: ## ... those that an engine for the compose tests needs as well
	@fcgi/stack/deps.sh build run test docker
deps-bench: ## ... those that measuring needs as well
	@fcgi/stack/deps.sh build run bench
deps-lint: ## ... those that the checks need as well
	@fcgi/stack/deps.sh build run lint

# ---- test ---------------------------------------------------------------------
# With a sanitizer, without the tests marked `once`: they run no C of ours but what others run too, or
# programs that are built in another way.
PYTEST := PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -p no:cacheprovider $(if $(SANITIZER),-m 'not once')
# Files of tests side by side, each worker with stacks of its own (a process that inherits the environment,
# but no -B). One file, one by one, as it runs:
# make test-integration TEST_WORKERS=0 PYTEST_ARGS="-v -k cancel"
TEST_WORKERS ?= 5
PYTEST_SIDE_BY_SIDE = $(PYTEST) $(if $(filter-out 0,$(TEST_WORKERS)),-n $(TEST_WORKERS) --dist loadfile)
# The pages are tested once: what a sanitizer finds in C, the other tests bring about as well.
TEST_BROWSER := $(if $(SANITIZER),,browser)
TEST_QUICK := routes placing life cancel streams updates exhibits chat_replay

# Packages first, then a make of its own: the flags are asked of packages that were not there before.
.PHONY: test test-quick test-unit test-functions test-integration test-browser
test: deps-test ## all tests on this machine (SANITIZER=address,undefined as well)
	@[ -z "$(TEST_BROWSER)" ] || $(MAKE) -s deps-browser || \
		echo 'test: no Chromium to be had: the browser tests are skipped' >&2
	@$(MAKE) -s all crash-build $(TEST_BROWSER:browser=axe)
	@code=0; $(MAKE) -s test-unit || code=1; \
		$(PYTEST_SIDE_BY_SIDE) $(addprefix tests/,chaos $(TEST_BROWSER) functions integration scale) $(PYTEST_ARGS) || code=1; \
		exit $$code

test-quick: deps-test ## for the loop of one's own work, under a minute: unit, functions, an order's and a message's way
	@$(MAKE) -s all
	@code=0; $(MAKE) -s test-unit || code=1; \
		$(PYTEST_SIDE_BY_SIDE) -q -m 'not slow' tests/functions $(TEST_QUICK:%=tests/integration/test_%.py) $(PYTEST_ARGS) || \
		code=1; exit $$code

test-unit: deps-test ## unit tests (cmocka), one program per tests/unit/**/test_*.c
	@$(MAKE) -s -j4 -k --output-sync=target $(UNIT_RUNS)
UNIT_RUNS := $(UNIT_TESTS:%=%.run)
.PHONY: $(UNIT_RUNS)
$(UNIT_RUNS): %.run: %
	@$< || { echo "FAILED: $<" >&2; exit 1; }

# ---- fuzzing --------------------------------------------------------------------
FUZZ_SECONDS ?= 60
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
# The sources are compiled once for all targets, and each takes what it needs out of one library.
FUZZ_FLAGS := -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all
FUZZ_SRC := $(SRC_TIFFIN) $(call without_main,$(SRC_API) $(SRC_WS))
fuzz_objects = $(patsubst %.c,build/fuzz/obj/%.o,$(1))
.PHONY: fuzz
fuzz: deps-lint ## feed the parsers random input, FUZZ_SECONDS=60 each, two at a time
	@$(MAKE) -s -j2 -k --output-sync=target $(FUZZ:%=fuzz-%)
fuzz-%: build/fuzz/%
	@mkdir -p build/fuzz/corpus/$*
	@$< -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=25 -verbosity=0 \
		-print_final_stats=1 -dict=tests/fuzz/$*.dict -artifact_prefix=build/fuzz/$*- \
		build/fuzz/corpus/$* tests/fuzz/corpus/$*
build/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS_ALL) -std=c11 -g $(WARNINGS) $(FUZZ_FLAGS) \
		-fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<
build/fuzz/libfuzz.a: $(call fuzz_objects,$(FUZZ_SRC))
	@rm -f $@
	$(Q)ar rcsD $@ $^
$(FUZZ:%=build/fuzz/%): build/fuzz/%: build/fuzz/obj/tests/fuzz/fuzz_%.o build/fuzz/libfuzz.a
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined -o $@ $^ \
		$(LIBS_API) $(LIBS_WS) $(LIBS_BASE)
-include $(patsubst %.o,%.d,$(call fuzz_objects,$(FUZZ_SRC) $(wildcard tests/fuzz/fuzz_*.c)))

test-functions: deps-test ## the Redis functions, on a private redis-server
	@$(MAKE) -s all
	@$(PYTEST_SIDE_BY_SIDE) tests/functions $(PYTEST_ARGS)

test-integration: deps-test ## the whole stack, through nginx (the chat alone: PYTEST_ARGS="-k chat")
	@$(MAKE) -s all
	@$(PYTEST_SIDE_BY_SIDE) tests/integration $(PYTEST_ARGS)

.PHONY: test-scale
test-scale: deps-test ## a store with replicas, watched by Sentinel: masters that die, and that come back
	@$(MAKE) -s all
	@$(PYTEST_SIDE_BY_SIDE) tests/scale $(PYTEST_ARGS)

.PHONY: test-chaos crash-build chaos
test-chaos: deps-test ## crash points, lost replies, a store in trouble
	@$(MAKE) -s all crash-build
	@$(PYTEST_SIDE_BY_SIDE) tests/chaos $(PYTEST_ARGS)
crash-build: toolchain
	@$(MAKE) -s SANITIZER= CRASH_POINTS=1 all
chaos: deps-test ## the long attacks, a table at the end (CHAOS_ARGS="--every 3-6 --at-once 2")
	@$(MAKE) -s all
	@tests/chaos/attack.py --preset issue $(CHAOS_ARGS)

# With axe-core, which only these tests use. Where there is no Chromium they say so and are skipped.
test-browser: deps-browser ## the pages in Chromium, and openapi.json against the running server
	@$(MAKE) -s all axe
	@$(PYTEST_SIDE_BY_SIDE) tests/browser $(PYTEST_ARGS)
.PHONY: axe
axe: assets
	@[ -d $(VENDOR)/node_modules/axe-core ] || ! command -v npm >/dev/null || \
		{ $(NPM_CI) >/dev/null && touch $(VENDOR)/node_modules/.fetched; } || true

.PHONY: page-facts pictures
page-facts: ## what loading each page costs, measured in Chromium: bytes, requests, first paint, layout shift
	@$(MAKE) -s test-browser TEST_WORKERS=0 PYTEST_ARGS="-q -s -k light_and_still" | grep -E '^(home|track|docs): '

pictures: deps-browser ## take the README's pictures anew
	@$(MAKE) -s all
	@/usr/bin/python3 -B tests/browser/pictures.py

# With the engine that runs; where none does, and we may, with one of our own. Else it says why not.
.PHONY: test-compose
test-compose: deps-test ## docker compose up: images, hardening, orders under kill -9, scaling, backup
	@command -v docker >/dev/null && docker info >/dev/null 2>&1 || $(MAKE) -s deps-docker || \
		echo 'test-compose: no container engine can be installed: its tests are skipped' >&2
	@$(MAKE) -s deps-browser || echo 'test-compose: no Chromium to be had: its test is skipped' >&2
	@$(MAKE) -s $(BIN)/tiffin-api # which knows all settings
	@$(PYTEST) -rs tests/compose $(PYTEST_ARGS)

BASE_IMAGE := debian:trixie-slim
.PHONY: pin-base
pin-base: ## write into .env which Debian image containers are built on, by today's digest
	@digest=$$(docker pull $(BASE_IMAGE) | sed -n 's/^Digest: //p'); [ -n "$$digest" ] || \
		{ echo 'pin-base: $(BASE_IMAGE) cannot be pulled; .env stays as it is' >&2; exit 1; }; \
		touch .env && sed -i -e '/^TIFFIN_BASE_IMAGE=/d' -e '$$a\' .env && \
		echo "TIFFIN_BASE_IMAGE=$(BASE_IMAGE)@$$digest" | tee -a .env

# A test links with the library of the folder that its own folder mirrors, and with the loader's, which
# joins the Redis functions. Those of the worker and of the API find the fakes before what they stand
# for (Redis' connection, the clock, FastCGI). Before the API's library it is only what a test itself
# names that is faked: a test without fakes is linked with the real things.
unit_libs = $(if $(findstring /unit/api/,$(1)),$(LIB_FAKES) $(LIB_API)) \
	$(if $(findstring /unit/worker/,$(1)),$(LIB_WORKER) $(LIB_FAKES)) \
	$(if $(findstring /unit/ctl/,$(1)),$(LIB_CTL)) \
	$(if $(findstring /unit/ws-bridge/,$(1)),$(LIB_WS))
.SECONDEXPANSION:
$(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $$(call unit_libs,/unit/$$*) $(LIB_LOAD) \
		$(LIB_TIFFIN) $(LIB_UNIT)
	@mkdir -p $(@D)
	$(link) $< $(LIB_UNIT) $(call unit_libs,$@) $(LIB_LOAD) $(LIB_TIFFIN) -lcmocka \
		$(if $(findstring /unit/api/,$@),$(LIBS_API)) \
		$(if $(findstring /unit/ws-bridge/,$@),$(LIBS_WS)) $(LIBS_BASE)

# A clock that tests can set, preloaded into a Redis: see tests/integration/set_clock.c.
build/test/set_clock.so: tests/integration/set_clock.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) -std=c11 -O2 $(WARNINGS) -shared -fPIC -o $@ $<

# ---- load tools -----------------------------------------------------------------
# The parts of a tool are called <tool>_<part>.c.
LOAD_TOOLS := $(addprefix $(BUILD)/bench/,chatload nothing streamload)
$(BUILD)/bench/%: $$(call objects,$$(wildcard tests/bench/$$*.c tests/bench/$$*_*.c)) $(LIB_TIFFIN)
	@mkdir -p $(@D)
	$(link) $^ $(LIBS_BASE)
BENCH_PARTS = requests orders steady stored growth streams monitor chat memory start
.PHONY: bench bench-quick bench-peers bench-readme test-bench $(BENCH_PARTS:%=bench-%)
BENCH = $(MAKE) -s all $(LOAD_TOOLS) >&2 && /usr/bin/python3 -B tests/bench
bench: deps-bench ## measure all parts: BENCH_ARGS="--quick" or names of parts; results in build/bench/
	@$(BENCH) $(BENCH_ARGS)
bench-quick: deps-bench ## ... roughly, in under three minutes
	@$(BENCH) --quick $(BENCH_ARGS)
$(BENCH_PARTS:%=bench-%): deps-bench
	@$(BENCH) $(BENCH_ARGS) $(@:bench-%=%)
bench-peers: ## ... the hot paths beside the same ones in Go, Node and FastAPI
	@fcgi/stack/deps.sh build run bench peers
	@$(BENCH) $(BENCH_ARGS) peers
bench-readme: ## write what was measured last into the README
	@/usr/bin/python3 -B tests/bench/readme.py
test-bench: ## does what measures compute, report and plot right?
	@$(PYTEST) -q tests/bench

# ---- checks -------------------------------------------------------------------
FORMATTED = $(SRC_ALL) $(HEADERS) $(wildcard tests/fuzz/*.[ch] tests/integration/*.c)

.PHONY: lint format check-format check-tidy check-cppcheck check-scripts
lint: deps-lint ## every check of the sources, the scripts and the nginx configuration
	@$(MAKE) -s all
	@code=0; for check in check-format check-layers check-sizes check-cycles check-lints check-scripts check-nginx check-lua check-pages check-openapi \
			check-fuzz check-cppcheck check-tidy; do \
		$(MAKE) -s $$check || { echo "lint: $$check failed" >&2; code=1; }; done; \
		[ $$code -ne 0 ] || echo 'lint: clean'; exit $$code

format: ## format the C sources
	@clang-format -i $(FORMATTED)
check-format: ## are they formatted?
	@clang-format --dry-run -Werror $(FORMATTED)

.PHONY: check-fuzz check-layers check-sizes check-cycles check-lints check-nginx check-lua check-openapi check-pages readme
check-pages: all
	@tests/lint/pages.sh
readme: all ## write the table of settings into fcgi/stack/README.md
	@tests/lint/pages.sh --write
check-layers: ## who includes what, and what only one place may write
	@tests/lint/layers.sh
	@tests/lint/owners.py
check-sizes: ## is every file short?
	@tests/lint/sizes.sh
check-cycles: all ## do no two source files need each other?
	@tests/lint/cycles.py $(call objects,$(SRC_TIFFIN) $(SRC_API) $(SRC_WORKER) $(SRC_CTL) $(SRC_LOAD) $(SRC_WS))
check-lints: $(BIN)/tiffin-load ## do these checks themselves find what they are for?
	@$(PYTEST) -q tests/lint tests/bench
check-nginx:
	@tests/lint/nginx.sh
check-scripts:
	@tests/lint/scripts.sh
check-lua: $(BIN)/tiffin-load
	@tests/lint/lua.sh
check-fuzz: ## do all fuzz targets compile and link?
	@$(MAKE) -s -j2 --output-sync=target $(FUZZ:%=build/fuzz/%)
check-openapi: ## is openapi.json sound? By Spectral and Redocly (needs npm)
	@tests/lint/openapi.sh

check-cppcheck:
	@cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr -j2 \
		--enable=warning,performance,portability --suppress=missingIncludeSystem \
		--suppressions-list=tests/lint/cppcheck.txt --library=posix \
		-D_GNU_SOURCE -Ifcgi -I. $(SRC_ALL)

# A stamp per file: only what changed is looked at again.
TIDY := $(patsubst %.c,build/lint/%.tidy,$(SRC_ALL))
check-tidy:
	@$(MAKE) -s -j2 --output-sync=target -k $(TIDY)
build/lint/%.tidy: %.c $(HEADERS) .clang-tidy
	@mkdir -p $(@D)
	@clang-tidy --quiet --warnings-as-errors='*' $< -- -std=c11 $(CPPFLAGS_ALL) 2>$@.err || \
		{ grep -v 'warnings generated' $@.err >&2; exit 1; }
	@touch $@

compdb: ## write compile_commands.json for editors
	@tests/lint/compdb.sh '$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL)' $(SRC_ALL) >compile_commands.json
.PHONY: compdb

# ---- the rest -------------------------------------------------------------------
.PHONY: clean help
clean: ## remove what was built; orders (.run) are kept
	rm -rf build compile_commands.json
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
