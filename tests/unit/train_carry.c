/* Slots: who is refilled, how steps are counted, when slots halt, and how often exploration makes them wait. */
#include "train_common.h"

typedef struct bench {
  trm_runtime *runtime;
  trm__params params;
  trm__carry carry;
} bench;

static void open_bench(bench *b, int batch, int first, int count) {
  trm_error err = {0};
  trm_model_config model = tiny_model();
  b->runtime = tiny_runtime(1);
  CHECK_OK(trm__params_open(&b->params, &model, &err), err);
  CHECK_OK(trm__carry_open(&b->carry, b->runtime->backend, &b->params.dims, batch, first, count, &err), err);
}

static void close_bench(bench *b) {
  trm__carry_close(&b->carry);
  trm__params_close(&b->params);
  trm_runtime_close(&b->runtime);
}

static trm__example_stats *stats_of(int n, double q) {
  trm__example_stats *stats = calloc((size_t)n, sizeof *stats);
  for (int i = 0; i < n; i++) stats[i].q_halt = q;
  return stats;
}

/* Fills the admitted slots' y and z with something else, then admits a few again. */
static void test_admit(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  open_bench(&b, 5, 0, 5);
  trm_model_config model = tiny_model();
  trm__network *net = NULL;
  trm__network_plan plan = {.max_batch = 2, .training = 1};
  CHECK_OK(trm__network_open(&net, &model, &b.params, b.runtime->backend, &plan, &err), err);
  int l = b.params.dims.L, d = b.params.dims.D, n = l * d;
  trm__real start[64], *y = (trm__real *)(void *)b.carry.y, *z = (trm__real *)(void *)b.carry.z;
  for (int i = 0; i < 2 * d; i++) start[i] = (trm__real)(i + 1);
  for (int i = 0; i < 5 * 16; i++) b.carry.inputs[i] = i % 5 + 1, b.carry.labels[i] = i % 4 + 2;
  trm__carry_admit(&b.carry, net, 2, start);
  for (int i = 0; i < 5 * n; i++) {
    assert_true(y[i] == start[i % d] && z[i] == start[d + i % d]);
    y[i] = -1;
  }
  for (int i = 0; i < 5; i++) assert_int_equal(b.carry.halted[i], 0);
  assert_memory_equal(b.carry.device_inputs, b.carry.inputs, 5 * 16 * sizeof(int32_t));
  assert_memory_equal(b.carry.device_labels, b.carry.labels, 5 * 16 * sizeof(int32_t));

  b.carry.halted[1] = b.carry.halted[4] = 1;
  for (int i = 0; i < 5; i++) b.carry.steps[i] = 3;
  for (int i = 0; i < 5 * 16; i++) b.carry.inputs[i] = 2; /* only the rows of 1 and 4 may be taken over */
  trm__carry_admit(&b.carry, net, 2, start);
  for (int i = 0; i < 5; i++) {
    int fresh = i == 1 || i == 4;
    assert_int_equal(b.carry.steps[i], fresh ? 0 : 3);
    assert_true(y[i * n + 5] == (fresh ? start[5] : -1));
    assert_int_equal(b.carry.device_inputs[i * 16], fresh ? 2 : i * 16 % 5 + 1);
  }
  trm__network_close(&net);
  close_bench(&b);
}

static void test_halting_rule(void **state) {
  (void)state;
  bench b;
  open_bench(&b, 8, 0, 8);
  trm__halting rule = {.max_steps = 3, .exploration_prob = 0, .seed = 1};
  trm__example_stats *stats = stats_of(8, -1);
  stats[2].q_halt = 0.01;
  stats[3].q_halt = 0; /* not over zero */
  memset(b.carry.halted, 0, 8);
  for (int step = 1; step <= 3; step++) {
    trm__carry_step(&b.carry, &rule, stats, step);
    for (int i = 0; i < 8; i++) {
      assert_int_equal(b.carry.steps[i], step);
      assert_int_equal(b.carry.halted[i], i == 2 || step == 3);
    }
  }
  rule.max_steps = 1; /* every step is the last; no exploration to draw from */
  rule.exploration_prob = 1;
  memset(b.carry.steps, 0, 8 * sizeof *b.carry.steps);
  trm__carry_step(&b.carry, &rule, stats, 9);
  for (int i = 0; i < 8; i++) assert_int_equal(b.carry.halted[i], 1);
  free(stats);
  close_bench(&b);
}

/* With all logits positive a slot goes on at step s exactly when m > s: with probability p * P(m > s), m in 2..M. */
static void test_exploration(void **state) {
  (void)state;
  enum { SLOTS = 512, UPDATES = 400 };
  bench b;
  open_bench(&b, SLOTS, 0, SLOTS);
  trm__halting rule = {.max_steps = 16, .exploration_prob = 0.1, .seed = 42};
  trm__example_stats *stats = stats_of(SLOTS, 1);
  for (int at = 1; at <= 15; at += 7) {
    int64_t on = 0;
    for (int update = 1; update <= UPDATES; update++) {
      for (int i = 0; i < SLOTS; i++) b.carry.steps[i] = at - 1;
      trm__carry_step(&b.carry, &rule, stats, update);
      for (int i = 0; i < SLOTS; i++) on += !b.carry.halted[i];
    }
    double n = (double)SLOTS * UPDATES, p = 0.1 * (at < 2 ? 15 : 16 - at) / 15, got = (double)on / n;
    if (!(fabs(got - p) <= 5 * sqrt(p * (1 - p) / n))) fail_msg("step %d: %g went on, expected %g", at, got, p);
  }
  free(stats);
  close_bench(&b);
}

/* The draws belong to (seed, update, slot): the same however slots are spread over ranks, different otherwise. */
static void test_exploration_streams(void **state) {
  (void)state;
  enum { SLOTS = 256 };
  bench whole, part;
  open_bench(&whole, SLOTS, 0, SLOTS);
  open_bench(&part, SLOTS, 64, 128);
  trm__halting rule = {.max_steps = 16, .exploration_prob = 0.5, .seed = 42};
  trm__example_stats *stats = stats_of(SLOTS, 1);
  uint8_t before[SLOTS];
  trm__carry_step(&whole.carry, &rule, stats, 3);
  trm__carry_step(&part.carry, &rule, stats, 3);
  assert_memory_equal(whole.carry.halted + 64, part.carry.halted + 64, 128);
  memcpy(before, whole.carry.halted, SLOTS);
  memset(whole.carry.steps, 0, SLOTS * sizeof(int32_t));
  trm__carry_step(&whole.carry, &rule, stats, 4);
  assert_memory_not_equal(before, whole.carry.halted, SLOTS);
  memset(whole.carry.steps, 0, SLOTS * sizeof(int32_t));
  rule.seed = 43;
  trm__carry_step(&whole.carry, &rule, stats, 3);
  assert_memory_not_equal(before, whole.carry.halted, SLOTS);
  free(stats);
  close_bench(&whole);
  close_bench(&part);
}

static trm_status open_and_close(void *context, trm_error *err) {
  bench *b = context;
  trm__carry carry;
  trm_status status = trm__carry_open(&carry, b->runtime->backend, &b->params.dims, 3, 0, 3, err);
  if (status == TRM_OK) trm__carry_close(&carry);
  return status;
}

static void test_memory(void **state) {
  (void)state;
  bench b;
  size_t before = trm__mem_used();
  open_bench(&b, 5, 0, 5);
  assert_int_equal(check_each_allocation(open_and_close, &b), 9);
  close_bench(&b);
  assert_int_equal(trm__mem_used(), before);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_admit),       cmocka_unit_test(test_halting_rule),
      cmocka_unit_test(test_exploration), cmocka_unit_test(test_exploration_streams),
      cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
