# Thin: every target is one CMake or tools/ call. `make help` lists them.
BUILD ?= build
all: $(BUILD)/build.ninja
	@cmake --build $(BUILD)
$(BUILD)/build.ninja:
	@cmake -S . -B $(BUILD) -G Ninja
test: all
	@ctest --test-dir $(BUILD) --output-on-failure
.PHONY: all test
