# Thin: every target is a CMake, ctest or tools/ call. `make help` lists them.
# Settings: BUILD=folder CC=compiler JOBS=n CUDA=1 WERROR=1 PREFIX=folder DESTDIR=folder STRIP=0 GOLDEN=folder FUZZ_SECONDS=n
# and of the benchmark QUICK=1 JSON=file ORIGINAL=folder ISA=mask ONLY=section,... PRESETS=name,... DEVICE=cuda
BUILD ?= build
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
GOLDEN ?= ../shared/golden
FUZZ_SECONDS ?= 30

compiler := $(if $(filter command% environment%,$(origin CC)),-DCMAKE_C_COMPILER=$(CC))
settings := $(if $(filter 0 1,$(CUDA)),-DTRM_CUDA=$(CUDA)) $(if $(filter 0 1,$(WERROR)),-DTRM_WERROR=$(WERROR))
configure = cmake -S . -G Ninja $(compiler) $(settings)
# $(call configured,more settings): BUILD is there, with these settings and those above. They stay until others are named.
configured = if [ ! -e $(BUILD)/build.ninja ]; then $(configure) -B $(BUILD) $(1); $(if $(strip $(settings) $(1)),\
	else cmake $(BUILD) $(settings) $(1) >/dev/null;) fi
# $(call checked,settings): a build of its own with those settings, and in it the unit and kernel tests and those of the
# emulated CUDA device, which are disabled for checkers that do not know that stacks are changed.
checked = tools/setup --test && $(configure) -B build-$@ -DTRM_TESTS=ON $(1) && \
	cmake --build build-$@ -j $(JOBS) --target unit_tests && ctest --test-dir build-$@ -L 'unit|kernels|^cuda$$' -j $(JOBS) --output-on-failure --no-tests=error

all: setup ## build program and library; CUDA=1: with kernels for NVIDIA GPUs
	@$(configured)
	@cmake --build $(BUILD) -j $(JOBS) --target product

setup: ## install what that needs and is missing (Debian); on a terminal it asks
	@tools/setup

demo: all ## solve a puzzle with the model that ships, then train two small models from scratch
	@BUILD=$(BUILD) tools/demo

tests: # all of them built
	@tools/setup --test
	@$(call configured,-DTRM_TESTS=ON)
	@cmake --build $(BUILD) -j $(JOBS)

test: tests ## build and run every test; ends with "N passed, M failed", and ", K skipped" where some were
	@tools/run_tests $(BUILD) $(JOBS)

soak: tests ## the random tests of the server for longer, then each fuzzer: 40 minutes; LONG=1: an hour
	@tools/run_soak $(BUILD) $(if $(LONG),--long)

golden: tests ## compare the network with the tensors in GOLDEN=folder
	@GOLDEN='$(abspath $(GOLDEN))' ctest --test-dir $(BUILD) -L golden -V --no-tests=error

bench: setup ## measure speed: QUICK=1 in minutes; JSON=file keeps the numbers; ORIGINAL=folder
	@$(configured)
	@cmake --build $(BUILD) -j $(JOBS) --target bench
	@tools/run_bench $(BUILD) $(if $(QUICK),--quick) $(if $(JSON),--json '$(JSON)') $(if $(ISA),--isa '$(ISA)') \
		$(if $(ONLY),--only '$(ONLY)') $(if $(ORIGINAL),--original '$(abspath $(ORIGINAL))') \
		$(if $(PRESETS),--presets '$(PRESETS)') $(if $(DEVICE),--device '$(DEVICE)' --compile layers)

bench-serve: all ## measure what serving costs beside what is served: MINUTES=15 watches memory for longer
	@TRM='$(abspath $(BUILD))/trm' MINUTES='$(or $(MINUTES),1)' $(if $(ONLY),ONLY='$(ONLY)') python3 bench/serve.py

install: all ## program, library, headers, man pages, examples, pkg-config and CMake files; STRIP=0 keeps symbols
	@DESTDIR='$(DESTDIR)' cmake --install $(BUILD) --prefix '$(PREFIX)' $(if $(filter 0,$(STRIP)),,--strip)

deb: ## Debian packages of program, library, headers and the Python package, in BUILD/deb
	@tools/setup --deb
	@tools/make_deb $(BUILD) $(JOBS)

release: all ## tarballs, bill of materials (SPDX), checksums in BUILD/release; tools/release --help: built twice, signed
	@tools/release $(BUILD)

asan: ## unit, kernel and emulated CUDA tests under AddressSanitizer
	@$(call checked,-DTRM_SANITIZE=address)
ubsan: ## the same under UndefinedBehaviorSanitizer
	@$(call checked,-DTRM_SANITIZE=undefined)
tsan: ## unit tests under ThreadSanitizer
	@$(call checked,-DTRM_SANITIZE=thread)
valgrind: ## unit tests under valgrind memcheck
	@$(call checked,-DTRM_LAUNCHER='valgrind;-q;--error-exitcode=99;--leak-check=full;--errors-for-leak-kinds=definite')

arm64: ## cross-build for 64-bit ARM, run the kernel tests under qemu-user
	@tools/arm64 build-arm64 $(JOBS)

gpu-pack: ## what tools/gpu_run needs on a machine with a GPU, in gpu/ (needs nvcc): ORIGINAL=folder
	@tools/setup --test
	@tools/gpu_run pack gpu $(if $(ORIGINAL),--original '$(abspath $(ORIGINAL))')

fuzz: setup ## each parser's fuzzer for FUZZ_SECONDS (needs clang)
	@tools/run_fuzz $(FUZZ_SECONDS)

clang: ## build everything with clang
	@tools/setup --test
	@cmake -S . -G Ninja -B build-clang -DCMAKE_C_COMPILER=clang -DTRM_TESTS=ON $(settings) && cmake --build build-clang -j $(JOBS)

format-check: ## differences from .clang-format
	@git ls-files '*.c' '*.h' '*.cu' '*.cuh' '*.cpp' | xargs clang-format --dry-run -Werror

clean: ## remove all builds
	@rm -rf $(BUILD) gpu build-gpu build-asan build-ubsan build-tsan build-valgrind build-fuzz build-clang build-arm64

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1 /p' Makefile | while read -r name text; do printf '  %-13s %s\n' "$$name" "$$text"; done

.PHONY: all setup demo tests test golden bench bench-serve install deb release asan ubsan tsan valgrind arm64 gpu-pack fuzz clang format-check clean help soak
