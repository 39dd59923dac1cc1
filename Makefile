# Thin: every target is a CMake, ctest or tools/ call. `make help` lists them.
# Settings: BUILD=folder CC=compiler JOBS=n PREFIX=folder DESTDIR=folder GOLDEN=folder FUZZ_SECONDS=n
# and of the benchmark QUICK=1 JSON=file ORIGINAL=folder ISA=mask ONLY=section,... PRESETS=name,... DEVICE=cuda
BUILD ?= build
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
GOLDEN ?= ../shared/golden
FUZZ_SECONDS ?= 30

compiler := $(if $(filter command% environment%,$(origin CC)),-DCMAKE_C_COMPILER=$(CC))
configure = cmake -S . -G Ninja $(compiler)
# $(call checked,settings): a build of its own with those settings, and in it the unit and kernel tests and those of the
# emulated CUDA device, which are disabled for checkers that do not know that stacks are changed.
checked = $(configure) -B build-$@ $(1) && cmake --build build-$@ -j $(JOBS) --target unit_tests && \
	ctest --test-dir build-$@ -L 'unit|kernels|^cuda$$' -j $(JOBS) --output-on-failure --no-tests=error

all: $(BUILD)/build.ninja ## build library, program and tests
	@cmake --build $(BUILD) -j $(JOBS)

$(BUILD)/build.ninja: | setup
	@$(configure) -B $(BUILD)

setup: ## install what is missing (Debian)
	@tools/setup

demo: all ## train a small model from scratch, measure it, solve a puzzle
	@BUILD=$(BUILD) tools/demo

test: all ## every test; ends with "N passed, M failed"
	@tools/run_tests $(BUILD) $(JOBS)

golden: all ## compare the network with the tensors in GOLDEN=folder
	@GOLDEN='$(abspath $(GOLDEN))' ctest --test-dir $(BUILD) -L golden -V --no-tests=error

bench: $(BUILD)/build.ninja ## measure speed: QUICK=1 in minutes; JSON=file keeps the numbers; ORIGINAL=folder
	@cmake --build $(BUILD) -j $(JOBS) --target bench
	@tools/run_bench $(BUILD) $(if $(QUICK),--quick) $(if $(JSON),--json '$(JSON)') $(if $(ISA),--isa '$(ISA)') \
		$(if $(ONLY),--only '$(ONLY)') $(if $(ORIGINAL),--original '$(abspath $(ORIGINAL))') \
		$(if $(PRESETS),--presets '$(PRESETS)') $(if $(DEVICE),--device '$(DEVICE)' --compile layers)

install: all ## program, library, headers, man pages, pkg-config and CMake files
	@DESTDIR='$(DESTDIR)' cmake --install $(BUILD) --prefix '$(PREFIX)'

deb: all ## a Debian package in BUILD
	@cd $(BUILD) && cpack

asan: setup ## unit, kernel and emulated CUDA tests under AddressSanitizer
	@$(call checked,-DTRM_SANITIZE=address)
ubsan: setup ## the same under UndefinedBehaviorSanitizer
	@$(call checked,-DTRM_SANITIZE=undefined)
tsan: setup ## unit tests under ThreadSanitizer
	@$(call checked,-DTRM_SANITIZE=thread)
valgrind: setup ## unit tests under valgrind memcheck
	@$(call checked,-DTRM_LAUNCHER='valgrind;-q;--error-exitcode=99;--leak-check=full;--errors-for-leak-kinds=definite')

arm64: ## cross-build for 64-bit ARM, run the kernel tests under qemu-user
	@tools/arm64 build-arm64 $(JOBS)

gpu-pack: ## what tools/gpu_run needs on a machine with a GPU, in gpu/: ORIGINAL=folder
	@tools/gpu_run pack gpu $(if $(ORIGINAL),--original '$(abspath $(ORIGINAL))')

fuzz: setup ## each parser's fuzzer for FUZZ_SECONDS (needs clang)
	@tools/run_fuzz $(FUZZ_SECONDS)

clang: setup ## build everything with clang
	@cmake -S . -G Ninja -B build-clang -DCMAKE_C_COMPILER=clang && cmake --build build-clang -j $(JOBS)

format-check: ## differences from .clang-format
	@git ls-files '*.c' '*.h' '*.cu' '*.cuh' '*.cpp' | xargs clang-format --dry-run -Werror

clean: ## remove all builds
	@rm -rf $(BUILD) gpu build-gpu build-asan build-ubsan build-tsan build-valgrind build-fuzz build-clang build-arm64

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1 /p' Makefile | while read -r name text; do printf '  %-13s %s\n' "$$name" "$$text"; done

.PHONY: all setup demo test golden bench install deb asan ubsan tsan valgrind arm64 gpu-pack fuzz clang format-check clean help
