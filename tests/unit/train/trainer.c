/* Whole updates: slices of the batch agree, the same seed gives the same bytes at any number of threads, puzzle rows
 * move, divergence leaves the weights alone, and --init-from. */
#include "unit/train/support.h"

#include "data/dataset.h"
#include "train/init_from.h"
#include "train/plan.h"

typedef struct bench {
  trm_runtime *runtime;
  trm__comm *comm;
  trm__trainer trainer;
} bench;

static void open_bench(bench *b, int threads, int batch, int micro_batch, const trm_train_config *base) {
  trm_error err = {0};
  trm_model_config model = tiny_model();
  trm_train_config train = *base;
  model.num_puzzle_identifiers = 3;
  train.batch = batch;
  b->runtime = tiny_runtime(threads);
  CHECK_OK(trm__comm_self(&b->comm, &err), err);
  trm__trainer_config config = {.runtime = b->runtime,
                                .comm = b->comm,
                                .model = &model,
                                .train = &train,
                                .updates = 20,
                                .micro_batch = micro_batch};
  CHECK_OK(trm__trainer_open(&b->trainer, &config, &err), err);
}

static void close_bench(bench *b) {
  trm__trainer_close(&b->trainer);
  trm__comm_close(&b->comm);
  trm_runtime_close(&b->runtime);
}

/* Random examples into the halted slots, the same for the same step. */
static void offer(trm__trainer *t, int step) {
  const trm__slots *c = &t->carry.slots;
  for (int i = 0; i < c->count; i++) {
    if (!c->halted[i]) continue;
    trm__rng rng = trm__rng_make(1, TRM__RNG_TEST, (uint64_t)(step * 1000 + i));
    for (int j = 0; j < c->seq_len; j++) {
      t->offer.inputs[i * c->seq_len + j] = 1 + (int32_t)trm__rng_below(&rng, 5);
      t->offer.labels[i * c->seq_len + j] = j % 5 ? 2 + (int32_t)trm__rng_below(&rng, 4) : -100;
    }
    t->offer.ids[i] = (int32_t)trm__rng_below(&rng, 3);
  }
}

static void run(bench *b, int steps, trm__update *last) {
  trm_error err = {0};
  for (int i = 0; i < steps; i++) {
    offer(&b->trainer, i);
    CHECK_OK(trm__update_run(&b->trainer, last, &err), err);
  }
}

/* One update of eight examples in slices of 8, 4, 3, 2 and 1. */
static void test_slices(void **state) {
  (void)state;
  static const int sizes[] = {8, 4, 3, 2, 1};
  trm_train_config train = tiny_train(".", "none");
  bench whole, again, part;
  trm__update one, two;
  open_bench(&whole, 2, 8, 8, &train);
  run(&whole, 1, &one);
  size_t n = whole.trainer.params.trained;
  double scale = 0;
  for (size_t i = 0; i < n; i++) scale = fmax(scale, fabs(whole.trainer.grads[i]));
  assert_true(scale > 1e-3);
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    open_bench(&part, 2, 8, sizes[k], &train);
    open_bench(&again, 2, 8, sizes[k], &train);
    run(&part, 1, &two);
    run(&again, 1, &two);
    assert_true(fabs(one.loss - two.loss) <= 1e-6 * one.loss);
    check_close(part.trainer.grads, whole.trainer.grads, n, 1e-5 * scale, "gradients");
    check_close(part.trainer.drows, whole.trainer.drows, 8 * 20, 1e-6, "gradients of puzzle rows");
    assert_memory_equal(part.trainer.grads, again.trainer.grads, n * sizeof(trm__real));
    assert_memory_equal(part.trainer.weights, again.trainer.weights, n * sizeof(trm__real));
    close_bench(&part);
    close_bench(&again);
  }
  close_bench(&whole);
}

/* The mean loss is over the global batch, whatever the slices. */
static void test_divisor(void **state) {
  (void)state;
  trm_train_config train = tiny_train(".", "none");
  bench b;
  trm__update update;
  open_bench(&b, 1, 5, 2, &train);
  run(&b, 1, &update);
  double lm = 0, halt = 0;
  for (int i = 0; i < 5; i++) lm += b.trainer.stats[i].lm_loss, halt += b.trainer.stats[i].halt_loss;
  assert_true(fabs(update.lm_loss - lm / 5) <= 1e-12);
  assert_true(fabs(update.loss - (lm + 0.5 * halt) / 5) <= 1e-12);
  assert_true(fabs(update.lr - 1e-3 / 3) <= 1e-12);
  close_bench(&b);
}

static void test_threads(void **state) {
  (void)state;
  trm_train_config train = tiny_train(".", "none");
  bench one, other;
  trm__update a, b;
  open_bench(&one, 1, 6, 4, &train);
  run(&one, 6, &a);
  size_t n = one.trainer.params.trained;
  for (int threads = 1; threads <= 4; threads++) {
    open_bench(&other, threads, 6, 4, &train);
    run(&other, 6, &b);
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_equal(one.trainer.weights, other.trainer.weights, n * sizeof(trm__real));
    assert_memory_equal(one.trainer.ema, other.trainer.ema, n * sizeof(trm__real));
    assert_memory_equal(one.trainer.puzzle, other.trainer.puzzle, 60 * sizeof(trm__real));
    assert_memory_equal(one.trainer.carry.y, other.trainer.carry.y, 6 * one.trainer.carry.slot_bytes);
    close_bench(&other);
  }
  train.seed++;
  open_bench(&other, 1, 6, 4, &train);
  assert_memory_not_equal(one.trainer.weights, other.trainer.weights, n * sizeof(trm__real));
  close_bench(&other);
  close_bench(&one);
}

/* Learning happens: the loss of one repeated batch falls, and puzzle rows have moved. */
static void test_learns(void **state) {
  (void)state;
  trm_train_config train = tiny_train(".", "none");
  train.lr = 1e-2;
  train.optimizer = TRM_ADAMW;
  bench b;
  trm_error err = {0};
  trm__update first, last;
  open_bench(&b, 2, 4, 4, &train);
  run(&b, 1, &first);
  for (int i = 0; i < 60; i++) {
    memset(b.trainer.carry.slots.halted, 1, 4);
    offer(&b.trainer, 0);
    CHECK_OK(trm__update_run(&b.trainer, &last, &err), err);
  }
  if (!(last.lm_loss < 0.5 * first.lm_loss)) fail_msg("loss went from %g to %g", first.lm_loss, last.lm_loss);
  assert_true(b.trainer.puzzle[0] != 0);
  close_bench(&b);
}

static void check_diverged(bench *b, const char *text) {
  trm_error err;
  trm__update update;
  size_t n = b->trainer.params.trained, bytes = n * sizeof(trm__real);
  trm__real *before = trm__calloc(n, sizeof *before);
  int64_t step = b->trainer.step;
  memcpy(before, b->trainer.weights, bytes);
  memset(b->trainer.carry.slots.halted, 1, (size_t)b->trainer.carry.slots.count);
  offer(&b->trainer, 3);
  CHECK_FAILS(trm__update_run(&b->trainer, &update, &err), TRM_E_DIVERGED, err, text);
  assert_memory_equal(before, b->trainer.weights, bytes);
  assert_int_equal(b->trainer.step, step);
  assert_int_equal(b->trainer.state->t, step);
  trm__trainer_set_step(&b->trainer, step); /* lets it go on */
  trm__free(before);
}

static void test_diverged(void **state) {
  (void)state;
  trm_train_config train = tiny_train(".", "none");
  bench b;
  trm__update update;
  open_bench(&b, 2, 4, 4, &train);
  run(&b, 2, &update);
  b.trainer.config.max_loss = update.loss / 100;
  check_diverged(&b, "the loss is");
  b.trainer.config.max_loss = 1e6;
  trm__weights_view view = trm__params_view(&b.trainer.params, b.trainer.weights);
  view.q_bias[0] = -20000; /* the loss stays small: every answer is wrong, and the head says so */
  trm__trainer_prepare(&b.trainer);
  check_diverged(&b, "mean halting logit");
  view.q_bias[0] = NAN;
  trm__trainer_prepare(&b.trainer);
  check_diverged(&b, "the loss is");
  close_bench(&b);
}

static void init_from(trm__trainer *t, const char *path) {
  trm_error err = {0};
  CHECK_OK(trm__init_from(t, path, &err), err);
}

static void test_init_from(void **state) {
  (void)state;
  char dir[80], path[160];
  trm_train_config train = tiny_train(".", "none");
  bench b;
  trm_error err;
  check_temp_dir(dir);
  snprintf(path, sizeof path, "%s/model.safetensors", dir);
  open_bench(&b, 1, 2, 2, &train);
  trm__trainer *t = &b.trainer;

  tiny_start(path, 3); /* as many puzzle rows: copied */
  init_from(t, path);
  trm__weights_view view = trm__params_view(&t->params, t->weights);
  assert_true(view.q_bias[0] == 4 && t->puzzle[0] == 1 && t->puzzle[20] == 2 && t->puzzle[59] == 3);
  assert_memory_equal(t->weights, t->ema, t->params.trained * sizeof(trm__real));
  trm_model *model = NULL;
  CHECK_OK(trm_model_open(&model, path, &err), err);
  trm__weight_set set;
  CHECK_OK(trm__weight_set_open(&set, &model->params, &err), err);
  trm__model_read(model, &set);
  assert_memory_equal(set.flat, t->weights, t->params.trained * sizeof(trm__real));
  assert_memory_equal(set.start, t->start, 64 * sizeof(trm__real));
  trm__weight_set_close(&set);
  trm_model_close(&model);

  tiny_start(path, 5); /* another number: their mean, (1 + 2 + 3 + 4 + 5) / 5 */
  init_from(t, path);
  for (int i = 0; i < 60; i++) assert_true(t->puzzle[i] == 3);

  b.trainer.params.item[2].rows++; /* as if this run had one token more */
  trm__real *before = trm__calloc(t->params.trained, sizeof *before);
  memcpy(before, t->weights, t->params.trained * sizeof *before);
  CHECK_FAILS(trm__init_from(t, path, &err), TRM_E_INPUT, err, t->params.item[2].name);
  assert_memory_equal(before, t->weights, t->params.trained * sizeof *before);
  b.trainer.params.item[2].rows--;
  strcpy(t->params.item[4].name, "inner.something");
  CHECK_FAILS(trm__init_from(t, path, &err), TRM_E_INPUT, err, "inner.something");
  CHECK_FAILS(trm__init_from(t, "nowhere.safetensors", &err), TRM_E_IO, err, "nowhere.safetensors");
  trm__free(before);
  close_bench(&b);
  check_remove(dir);
}

typedef struct open_job {
  trm__trainer_config config;
} open_job;

static trm_status open_and_close(void *context, trm_error *err) {
  open_job *j = context;
  trm__trainer t = {0};
  trm_status status = trm__trainer_open(&t, &j->config, err);
  if (!status) trm__trainer_close(&t);
  return status;
}

static void test_memory(void **state) {
  (void)state;
  trm_error err = {0};
  trm_model_config model = tiny_model();
  trm_train_config train = tiny_train(".", "none");
  trm_runtime *runtime = tiny_runtime(1);
  trm__comm *comm = NULL;
  CHECK_OK(trm__comm_self(&comm, &err), err);
  open_job job = {{.runtime = runtime, .comm = comm, .model = &model, .train = &train, .updates = 3, .micro_batch = 2}};
  assert_true(check_each_allocation(open_and_close, &job) > 20);
  trm__comm_close(&comm);
  trm_runtime_close(&runtime);
}

/* The largest equal slices that fit, and a clear refusal when not even one does. */
static void test_plan(void **state) {
  (void)state;
  trm_error err = {0};
  trm_model_config model = tiny_model();
  trm_train_config train = tiny_train(".", "none");
  trm_runtime *runtime = tiny_runtime(1);
  trm__params params;
  CHECK_OK(trm__params_open(&params, &model, &err), err);
  trm__comm *comm = NULL;
  CHECK_OK(trm__comm_self(&comm, &err), err);
  train.batch = 100;
  trm__plan_job job = {.model = &model, .params = &params, .train = &train, .backend = runtime->backend, .comm = comm};
  int micro = 0;
  train.micro_batch = 7;
  CHECK_OK(trm__plan_micro_batch(&job, &micro, &err), err);
  assert_int_equal(micro, 7);
  train.micro_batch = 1000;
  CHECK_OK(trm__plan_micro_batch(&job, &micro, &err), err);
  assert_int_equal(micro, 100);
  train.micro_batch = 0;
  CHECK_OK(trm__plan_micro_batch(&job, &micro, &err), err);
  assert_int_equal(micro, 100); /* tiny: all of it fits anywhere */
  size_t one = trm__plan_predict(&job, 1).host, all = trm__plan_predict(&job, 100).host;
  train.memory = (int64_t)((one + (all - one) / 3) >> 20);
  CHECK_OK(trm__plan_micro_batch(&job, &micro, &err), err);
  assert_true(micro > 1 && micro < 50 && trm__plan_predict(&job, micro).host <= (size_t)train.memory << 20);
  assert_true(100 % micro == 0 || 100 / micro + 1 == (100 + micro - 1) / micro);
  train.memory = 1;
  CHECK_FAILS(trm__plan_micro_batch(&job, &micro, &err), TRM_E_MEMORY, err, "one example at a time");
  trm__params_close(&params);
  trm__comm_close(&comm);
  trm_runtime_close(&runtime);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_slices), cmocka_unit_test(test_divisor),  cmocka_unit_test(test_threads),
      cmocka_unit_test(test_learns), cmocka_unit_test(test_diverged), cmocka_unit_test(test_init_from),
      cmocka_unit_test(test_memory), cmocka_unit_test(test_plan),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
