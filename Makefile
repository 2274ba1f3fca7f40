# The door. Verbs only: Meson does the building (meson.build), tools/ does the asking and checking.
#   make start    on a fresh Debian 12 with git and make: installs what is missing, builds, runs the main job, serves the pages until Ctrl-C
#   make test     likewise, and runs the tests
# Variables: SEED= SEEDS= FROM= (sim), T= S= (fuzz), PREFIX= DESTDIR= (install), SUITE= (test).
.DEFAULT_GOAL := all
PREFIX ?= /usr/local
S ?= 60
SEEDS ?= 500
FROM ?= 1

# One build directory per way of building; each is configured on first use. Warnings are errors in ours, not in a packager's.
SETUP_debug   = meson setup --werror build/debug
SETUP_release = meson setup --buildtype=release --prefix=$(PREFIX) build/release
SETUP_asan    = meson setup --werror -Db_sanitize=address,undefined build/asan
SETUP_clang   = CC=clang-14 meson setup --werror build/clang
SETUP_cover   = meson setup -Db_coverage=true build/cover
SETUP_fuzz    = CC=clang-14 meson setup -Dfuzz=true -Db_lundef=false -Db_sanitize=address,undefined build/fuzz

build/%/build.ninja:
	@tools/need --ask start
	@mkdir -p build && echo "configuring build/$*"
	@$(SETUP_$*) >build/$*.log 2>&1 || { cat build/$*.log; exit 1; }

##@ Use
all: build/debug/build.ninja            ## build (debug) and leave the command at build/dx
	@ninja -C build/debug
	@if [ -x build/debug/apps/dx/dx ]; then ln -sfn debug/apps/dx/dx build/dx; fi
	@if [ -x build/debug/tests/interop/text-driver ]; then ln -sfn debug/tests/interop/text-driver build/text-driver; fi
start:                                  ## install what is missing, build, run the main job, serve the pages; Ctrl-C ends it
	@tools/need start
	@$(MAKE) --no-print-directory build/dx
	@DX_HINTS=no tools/demo
	@tools/start
demo: need-start                        ## the main job alone, in the terminal: two vaults share a space, edit it apart, agree
	@$(MAKE) --no-print-directory build/dx
	@tools/demo
build/dx: build/debug/build.ninja always
	@ninja -C build/debug apps/dx/dx
	@ln -sfn debug/apps/dx/dx build/dx
always: ;
install: build/release/build.ninja      ## install library, headers, command (PREFIX=/usr/local DESTDIR=)
	@meson configure build/release --prefix=$(PREFIX)
	@meson install -C build/release $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

##@ Trust
test: need-test                         ## install what is missing, build, run the tests (SUITE=room for some)
	@$(MAKE) --no-print-directory all
	@tools/test build/debug $(if $(SUITE),--suite $(SUITE))
check: need-check                       ## format, tidy, lint, sanitizers, gcc and clang, simulator, wasm, install
	@tools/check
interop: need-interop build/release/build.ninja ## peer links against Chromium and node-datachannel (a minute; INTEROP_MB=100)
	@ninja --quiet -C build/release tests/interop/interop-peer
	@tools/interop build/release
text-fuzz: need-text-fuzz build/release/build.ninja ## the text engine against Yjs on random histories (HISTORIES=1000 FROM=1)
	@ninja --quiet -C build/release tests/interop/text-driver
	@tools/text-fuzz build/release
sim: build/release/build.ninja          ## run the simulator (SEED=n for one, SEEDS=n FROM=n for many)
	@ninja --quiet -C build/release sim/sim sim/sim-real
	@tools/sim build/release/sim $(if $(SEED),--seed $(SEED),--seeds $(SEEDS) --from $(FROM))
plants: build/release/build.ninja       ## whether the simulator finds the planted bugs (sim/plants.md)
	@tools/plants build/release
fuzz: need-check build/fuzz/build.ninja ## fuzz one target (T=name S=seconds)
	@tools/fuzz "$(T)" "$(S)"
bench: build/release/build.ninja        ## measure; JSON lines on stdout
	@ninja --quiet -C build/release
	@tools/bench build/release
web-test: need-web-test build/debug/build.ninja ## types and unit tests of the web part; its client against real agents
	@ninja -C build/debug apps/dx/dx
	@web/node_modules/.bin/tsc -p web
	@node web/build.mjs --only-tests
	@DX_COMMAND=build/debug/apps/dx/dx node --test --test-reporter=tap build/web-tests/unit/*.mjs
e2e: need-e2e web                       ## the web part in Debian's chromium (E2E=name,name for some)
	@node web/build.mjs --only-tests
	@ninja --quiet -C build/debug apps/dx/dx
	@node web/tests/e2e.mjs
bench-mesh: build/release/build.ninja   ## measure peer links between two processes
	@ninja --quiet -C build/release bench/bench-mesh
	@tools/bench-mesh build/release
bench-text: build/release/build.ninja   ## measure the text engine on editing traces (TRACES=files, or DX_TRACES=folder)
	@ninja --quiet -C build/release bench/bench-text
	@ln -sfn release/bench/bench-text build/bench-text
	@DX_TRACES=$${DX_TRACES:-../shared/data/traces} build/bench-text $(TRACES)
bench-text-peers:                       ## other people's text engines, from npm, on the same traces
	@tools/bench-text-peers
bench-peers:                            ## other people's databases, from npm, on the same input (half an hour)
	@tools/bench-peers
cover: need-cover build/cover/build.ninja ## line coverage of the tests
	@tools/test build/cover
	@gcovr --root . --filter 'src/' --object-directory build/cover --sort-percentage --print-summary

##@ Shape
tidy:                                   ## layering, words and comments, and the purity of the core where it was built (seconds)
	@[ ! -f build/debug/libdxos.a ] || ninja --quiet -C build/debug libdxos.a
	@tools/tidy
format:                                 ## clang-format every C file in place
	@git ls-files -z '*.c' '*.h' | xargs -0r clang-format -i
lint: need-check build/clang/build.ninja ## clang-tidy
	@tools/lint build/clang
parity: need-wasm build/debug/build.ninja ## the same seeds natively and in wasm leave the same trace (PARITY_SEEDS=15)
	@tools/wasm parity
web: need-web build/debug/build.ninja   ## what a kube serves, in build/web, and the client package (SKIP_WASM=1: with the module at hand)
	@$(if $(SKIP_WASM),,tools/wasm module)
	@node web/build.mjs
pages: need-pages build/debug/build.ninja ## what a kube serves, alone; without npm, where Debian's packages are there
	@tools/wasm module
	@node web/build.mjs --only-sites
wasm: need-wasm build/debug/build.ninja ## the core as build/wasm/dxos.wasm, imports checked; unit tests there
	@tools/wasm
clean:                                  ## remove build/, except sources fetched for wasm
	@find build -mindepth 1 -maxdepth 1 ! -name wasm -exec rm -rf {} + 2>/dev/null || true
	@find build/wasm -mindepth 1 -maxdepth 1 ! -name deps -exec rm -rf {} + 2>/dev/null || true
help:                                   ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

need-%:
	@tools/need $*

.PHONY: all start demo always install test check web-test interop text-fuzz sim plants fuzz bench bench-mesh bench-text bench-text-peers bench-peers cover tidy format lint parity wasm web pages e2e clean help
