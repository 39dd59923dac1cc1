/* Frames between gateway and engine: what is packed is read back, and what is not of the form is refused.
 * WORK_SEEDS=DIR writes the frames there, for the fuzzer. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "serve/work.h"
#include "support/check.h"

static void keep_seed(int kind, const char *name, const trm__work_bytes *bytes) {
  char path[512];
  const char *folder = getenv("WORK_SEEDS");
  if (!folder) return;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *out = fopen(path, "wb");
  assert_non_null(out);
  fputc(kind, out);
  fwrite(bytes->data, 1, bytes->size, out);
  fclose(out);
}

static trm__work some_work(void) {
  static const int32_t tokens[4] = {1, 2, 0, 4};
  trm__work work = trm__work_default();
  snprintf(work.model, sizeof work.model, "sudoku");
  work.tokens = tokens;
  work.cells = 4;
  work.deadline = 12.5;
  work.priority = -3;
  work.number = (UINT64_C(1) << 46) - 1;
  work.explain = 1;
  work.solver.votes = 5;
  work.solver.halt_threshold = 1.25;
  work.state = "a state";
  work.state_size = 7;
  return work;
}

static void an_item_is_read_as_it_was_packed(void **state) {
  (void)state;
  trm__work work = some_work(), read;
  trm__work_bytes bytes;
  trm_error err = {0};
  assert_int_equal(trm__work_item_pack(&work, &bytes, &err), TRM_OK);
  keep_seed(2, "item", &bytes);
  assert_int_equal(trm__work_item_read(&read, bytes.data, bytes.size, &err), TRM_OK);
  assert_memory_equal(read.tokens, work.tokens, 16);
  assert_int_equal(read.state_size, 7);
  assert_memory_equal(read.state, "a state", 7);
  assert_string_equal(read.model, "sudoku");
  assert_true(read.deadline == 12.5 && read.priority == -3 && read.number == work.number && read.explain == 1);
  assert_true(read.solver.votes == 5 && read.solver.halt_threshold == 1.25 && read.solver.rules_halt == 1);
  assert_int_equal(read.solver.search, TRM_SEARCH_USUAL);
  trm__free(bytes.data);
  work.kind = TRM__WORK_GENERATE;
  work.cells = 0;
  work.tokens = NULL;
  work.state = NULL;
  work.wanted.min_clues = 30;
  assert_int_equal(trm__work_item_pack(&work, &bytes, &err), TRM_OK);
  keep_seed(2, "generate", &bytes);
  assert_int_equal(trm__work_item_read(&read, bytes.data, bytes.size, &err), TRM_OK);
  assert_int_equal(read.wanted.min_clues, 30);
  assert_null(read.tokens);
  trm__free(bytes.data);
}

static void items_out_of_range_are_not_packed(void **state) {
  (void)state;
  trm__work_bytes bytes;
  trm_error err = {0};
  trm__work work = some_work();
  work.priority = 101;
  CHECK_FAILS(trm__work_item_pack(&work, &bytes, &err), TRM_E_INPUT, err, "range");
  assert_string_equal(err.where, "priority");
  work = some_work();
  work.deadline = NAN;
  CHECK_FAILS(trm__work_item_pack(&work, &bytes, &err), TRM_E_INPUT, err, "range");
  work = some_work();
  work.number++;
  CHECK_FAILS(trm__work_item_pack(&work, &bytes, &err), TRM_E_INPUT, err, "range");
  work = some_work();
  work.kind = TRM__WORK_HINT; /* with a state */
  CHECK_FAILS(trm__work_item_pack(&work, &bytes, &err), TRM_E_INPUT, err, "range");
  work = some_work();
  work.cells = 0;
  CHECK_FAILS(trm__work_item_pack(&work, &bytes, &err), TRM_E_INPUT, err, "range");
}

/* What an engine would not read is not sent, and requests are bounded where a step's time and memory depend on them. */
static void options_are_checked_where_they_come_in(void **state) {
  (void)state;
  size_t count;
  trm__work_bytes bytes;
  trm_error err = {0};
  trm__work work = some_work();
  const trm_option *options = trm__work_options(&count);
  work.solver.votes = 0;
  CHECK_FAILS(trm__work_item_pack(&work, &bytes, &err), TRM_E_INPUT, err, "votes");
  work = some_work();
  work.solver.level = 77;
  assert_int_not_equal(trm__work_item_pack(&work, &bytes, &err), TRM_OK);
  CHECK_FAILS(trm_options_set(options, count, &work.solver, "L_cycles", "65", &err), TRM_E_USAGE, err, "65");
  CHECK_FAILS(trm_options_set(options, count, &work.solver, "batch", "65", &err), TRM_E_USAGE, err, "batch");
  assert_int_equal(trm_options_set(options, count, &work.solver, "n_supervision", "7", &err), TRM_OK);
  assert_int_equal(work.solver.max_steps, 7);
}

/* Every prefix, and every byte of the JSON changed. */
static void damaged_items_are_refused_or_are_items(void **state) {
  (void)state;
  const trm__work work = some_work();
  trm__work read;
  trm__work_bytes bytes;
  trm_error err = {0};
  assert_int_equal(trm__work_item_pack(&work, &bytes, &err), TRM_OK);
  for (uint32_t size = 0; size < bytes.size; size++) {
    void *cut = malloc(size ? size : 1);
    assert_non_null(cut);
    memcpy(cut, bytes.data, size);
    assert_int_equal(trm__work_item_read(&read, cut, size, &err), TRM_E_INPUT);
    free(cut);
  }
  for (uint32_t i = 0; i < bytes.size; i++) {
    unsigned char *at = (unsigned char *)bytes.data + i, was = *at;
    *at ^= 0x11;
    trm_status status = trm__work_item_read(&read, bytes.data, bytes.size, &err);
    assert_true(status == TRM_OK || (status == TRM_E_INPUT && err.message[0]));
    *at = was;
  }
  trm__free(bytes.data);
}

static void an_end_is_read_as_it_was_packed(void **state) {
  (void)state;
  static trm__work_done read;
  static const int32_t tokens[2] = {3, 4};
  static const float confidence[2] = {0.5f, 1.0f};
  trm__work_bytes bytes;
  trm_error err = {0};
  trm__work_done done = {.cells = 2, .answer = tokens, .confidence = confidence, .seconds = 0.25};
  done.solution = (trm_solution){.steps = 7, .q = NAN, .least = INFINITY, .correct = 1, .chain = 2};
  done.values.halt_threshold.value = -INFINITY;
  done.solutions = TRM_SOLUTIONS_UNKNOWN;
  assert_int_equal(trm__work_done_pack(&done, &bytes, &err), TRM_OK);
  keep_seed(4, "done", &bytes);
  assert_int_equal(trm__work_done_read(&read, bytes.data, bytes.size, &err), TRM_OK);
  assert_true(isnan(read.solution.q) && isinf(read.solution.least) && read.solution.steps == 7);
  assert_true(read.values.halt_threshold.value < 0 && isinf(read.values.halt_threshold.value));
  assert_memory_equal(read.answer, tokens, sizeof tokens);
  assert_memory_equal(read.confidence, confidence, sizeof confidence);
  assert_true(!read.question && !read.state && read.seconds == 0.25 && read.solutions == TRM_SOLUTIONS_UNKNOWN);
  trm__free(bytes.data);
  done = (trm__work_done){.kind = TRM__WORK_HINT, .status = TRM_E_INPUT, .cells = 2};
  snprintf(done.error.message, sizeof done.error.message, "no \xff UTF-8");
  snprintf(done.hint.reason, sizeof done.hint.reason, "r1c1 is 5");
  done.hint.probability = NAN;
  assert_int_equal(trm__work_done_pack(&done, &bytes, &err), TRM_OK);
  keep_seed(4, "hint", &bytes);
  assert_int_equal(trm__work_done_read(&read, bytes.data, bytes.size, &err), TRM_OK);
  assert_string_equal(read.error.message, "no ? UTF-8");
  assert_int_equal(read.error.code, TRM_E_INPUT);
  assert_string_equal(read.hint.reason, "r1c1 is 5");
  assert_int_equal(trm__work_done_read(&read, bytes.data, bytes.size - 1, &err), TRM_E_INPUT);
  trm__free(bytes.data);
}

static void steps_configurations_and_models_too(void **state) {
  (void)state;
  static const int32_t tokens[3] = {3, 4, 5};
  static const float confidence[3] = {0.5f, 1.0f, 0};
  static trm__work_config config = {.device = "cpu", .threads = 2, .models = 1}, told;
  static trm__work_model model = {.name = "m", .loaded = 1, .cells = 6, .config = "{}"};
  trm__work_step step = {.step = 2, .chain = 1, .q = 0.1f, .cells = 3, .answer = tokens, .confidence = confidence};
  trm__work_ready ready = {.window = 4, .models = 1, .model = &model}, read_ready;
  trm__work_bytes bytes;
  trm_error err = {0};
  assert_int_equal(trm__work_step_pack(&step, &bytes, &err), TRM_OK);
  keep_seed(3, "step", &bytes);
  trm__work_step read;
  assert_int_equal(trm__work_step_read(&read, bytes.data, bytes.size, &err), TRM_OK);
  assert_true(read.cells == 3 && read.q == 0.1f && read.answer[2] == 5 && read.confidence[1] == 1.0f);
  assert_int_equal(trm__work_step_read(&read, bytes.data, bytes.size - 4, &err), TRM_E_INPUT);
  trm__free(bytes.data);
  snprintf(config.model[0].path, sizeof config.model[0].path, "/models/\xc3\xa4.safetensors");
  assert_int_equal(trm__work_config_pack(&config, &bytes, &err), TRM_OK);
  keep_seed(0, "config", &bytes);
  assert_int_equal(trm__work_config_read(&told, bytes.data, bytes.size, &err), TRM_OK);
  assert_string_equal(told.model[0].path, config.model[0].path);
  trm__free(bytes.data);
  config.threads = -1;
  assert_int_equal(trm__work_config_pack(&config, &bytes, &err), TRM_OK);
  CHECK_FAILS(trm__work_config_read(&told, bytes.data, bytes.size, &err), TRM_E_INPUT, err, "-1");
  trm__free(bytes.data);
  model.task = (trm_task){.width = 3, .height = 2, .vocab_size = 5, .alphabet = "#.So"};
  assert_int_equal(trm__work_ready_pack(&ready, &bytes, &err), TRM_OK);
  keep_seed(1, "ready", &bytes);
  assert_int_equal(trm__work_ready_read(&read_ready, bytes.data, bytes.size, &err), TRM_OK);
  assert_string_equal(read_ready.model[0].task.alphabet, "#.So");
  trm__work_ready_free(&read_ready);
  trm__free(bytes.data);
  model.cells = 7; /* not 3 by 2 */
  assert_int_equal(trm__work_ready_pack(&ready, &bytes, &err), TRM_OK);
  CHECK_FAILS(trm__work_ready_read(&read_ready, bytes.data, bytes.size, &err), TRM_E_INPUT, err, "7 cells");
  trm__free(bytes.data);
}

/* Each allocation fails once: an error, and nothing is lost (which the address sanitizer sees). */
static void packing_survives_without_memory(void **state) {
  (void)state;
  const trm__work work = some_work();
  trm__work_bytes bytes = {0};
  trm__work read;
  trm_error err = {0};
  for (size_t at = 1; at < 20; at++) {
    trm__mem_fail_at(at);
    trm_status status = trm__work_item_pack(&work, &bytes, &err);
    trm__mem_fail_at(0);
    assert_true(status == TRM_OK || status == TRM_E_MEMORY);
    if (status) continue;
    assert_int_equal(trm__work_item_read(&read, bytes.data, bytes.size, &err), TRM_OK);
    trm__free(bytes.data);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_item_is_read_as_it_was_packed),
      cmocka_unit_test(items_out_of_range_are_not_packed),
      cmocka_unit_test(options_are_checked_where_they_come_in),
      cmocka_unit_test(damaged_items_are_refused_or_are_items),
      cmocka_unit_test(an_end_is_read_as_it_was_packed),
      cmocka_unit_test(steps_configurations_and_models_too),
      cmocka_unit_test(packing_survives_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
