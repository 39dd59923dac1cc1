/* Slots: who is refilled and admitted. Halting itself is the backend's (tests/unit/backend/update.c). */
#include "unit/train/support.h"

typedef struct bench {
  trm_runtime *runtime;
  trm__params params;
  trm__train_slots slots;
} bench;

static void open_bench(bench *b, int count, int latents) {
  trm_error err = {0};
  trm_model_config model = tiny_model();
  b->runtime = tiny_runtime(1);
  CHECK_OK(trm__params_open(&b->params, &model, &err), err);
  CHECK_OK(trm__train_slots_open(&b->slots, b->runtime->backend, &b->params.dims, count, latents, &err), err);
}

static void close_bench(bench *b) {
  trm__train_slots_close(&b->slots);
  trm__params_close(&b->params);
  trm_runtime_close(&b->runtime);
}

/* All slots begin halted; afterwards only those that are get y0, z0 again. */
static void test_refill(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  open_bench(&b, 5, 1);
  trm_model_config model = tiny_model();
  trm__network *net = NULL;
  trm__network_plan plan = {.max_batch = 2, .training = 1};
  CHECK_OK(trm__network_open(&net, &model, &b.params, b.runtime->backend, &plan, &err), err);
  int l = b.params.dims.L, d = b.params.dims.D, n = l * d;
  trm__real start[64], *y = (trm__real *)(void *)b.slots.y, *z = (trm__real *)(void *)b.slots.z;
  for (int i = 0; i < 2 * d; i++) start[i] = (trm__real)(i + 1);
  for (int i = 0; i < 5; i++) assert_int_equal(b.slots.slots.halted[i], 1);
  trm__train_slots_refill(&b.slots, net, 5, 2, start, NULL);
  for (int i = 0; i < 5 * n; i++) {
    assert_true(y[i] == start[i % d] && z[i] == start[d + i % d]);
    y[i] = -1;
  }
  memset(b.slots.slots.halted, 0, 5);
  b.slots.slots.halted[1] = b.slots.slots.halted[4] = 1;
  trm__train_slots_refill(&b.slots, net, 4, 2, start, NULL); /* only the first four */
  for (int i = 0; i < 5; i++) assert_true(y[i * n + 5] == (i == 1 ? start[5] : -1));
  trm__network_close(&net);
  close_bench(&b);
}

static trm_status open_and_close(void *context, trm_error *err) {
  bench *b = context;
  trm__train_slots slots;
  trm_status status = trm__train_slots_open(&slots, b->runtime->backend, &b->params.dims, 3, 2, err);
  if (!status) trm__train_slots_close(&slots);
  return status;
}

static void test_memory(void **state) {
  (void)state;
  bench b;
  size_t before = trm__mem_used();
  open_bench(&b, 5, 1);
  assert_int_equal(check_each_allocation(open_and_close, &b), 7);
  close_bench(&b);
  assert_int_equal(trm__mem_used(), before);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_refill), cmocka_unit_test(test_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
