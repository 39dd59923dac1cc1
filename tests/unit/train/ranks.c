/* Several ranks, as threads of this process: each has its share of the slots and ends with the weights of all others.
 * Any number of ranks has the same bits, on a device too. */
#include "unit/train/support.h"

#include "data/dataset.h"
#include "data/load/loader.h"
#include "support/device_backend.h"
#include "support/thread_comm.h"
#include "train/plan.h"
#include "train/ranks.h"

enum { BATCH = 7, UPDATES = 5, MOST = 4, IDENTIFIERS = 3 };

/* What the ranks of one run are told. */
typedef struct setting {
  const trm_dataset *data;
  int slices, micro_batch;
  int recipes;   /* 1: several latents, damping and noise, which is named by the slot of all ranks */
  int on_device; /* 1: each has a device of its own that is behind */
  int poison;    /* the rank whose latents become NaN before update 3; -1: none */
} setting;

/* What one of them ended with. */
typedef struct outcome {
  const setting *setting;
  int first, slots;
  trm__update update[UPDATES];
  int halted[UPDATES]; /* of its slots */
  trm__real *weights, *ema, *puzzle, *m;
  size_t trained, rows;
  int32_t *inputs, steps[BATCH];
  size_t seq_len;
  int64_t step;
} outcome;

static void fill_configs(const setting *s, trm_model_config *model, trm_train_config *train) {
  *model = tiny_model();
  *train = tiny_train(".", "none");
  train->batch = BATCH;
  train->slices = s->slices;
  model->num_puzzle_identifiers = IDENTIFIERS;
  if (!s->recipes) return;
  train->latents = 2;
  train->start_noise = 0.5;
  train->latent_noise = 0.1;
  model->damping = 0.1;
}

/* Slots halt at different steps. */
static trm_status lift_halting(trm__trainer *t, trm_error *err) {
  size_t bytes = t->params.trained * sizeof(trm__real);
  trm__real *host = trm__trainer_borrow(t, t->weights, bytes, err);
  if (!host) return TRM_E_MEMORY;
  trm__params_view(&t->params, host).q_bias[0] = 1;
  trm__trainer_return(t, t->weights, bytes, host, 1);
  trm__trainer_prepare(t);
  return TRM_OK;
}

static void poison_latents(trm__trainer *t) {
  size_t n = (size_t)t->carry.slots.count * (size_t)t->params.dims.L * (size_t)t->params.dims.D;
  trm__real *bad = trm__calloc(n, sizeof *bad);
  uint8_t going[BATCH] = {0};
  for (size_t i = 0; i < n; i++) bad[i] = NAN;
  t->backend->act_write(t->backend, &t->params.dims, t->carry.y, bad, n);
  t->backend->copy(t->backend, t->carry.slots.halted, going, (size_t)t->carry.slots.count, TRM__COPY_TO_DEVICE);
  trm__free(bad);
}

/* A copy on the host that outlives the trainer. */
static void *keep(trm__trainer *t, const void *from, size_t bytes) {
  void *to = trm__calloc(bytes, 1);
  t->backend->copy(t->backend, to, from, bytes, TRM__COPY_TO_HOST);
  return to;
}

static void keep_outcome(outcome *o, trm__trainer *t) {
  const trm__slots *s = &t->carry.slots;
  size_t count = (size_t)s->count;
  o->first = t->first;
  o->slots = s->count;
  o->step = t->step;
  o->trained = t->params.trained;
  o->rows = t->params.puzzle;
  o->seq_len = (size_t)s->seq_len;
  o->weights = keep(t, t->weights, o->trained * sizeof(trm__real));
  o->ema = keep(t, t->ema, o->trained * sizeof(trm__real));
  o->m = keep(t, t->optimizer.m, o->trained * sizeof(trm__real));
  o->puzzle = keep(t, t->puzzle, o->rows * sizeof(trm__real));
  o->inputs = keep(t, s->inputs, count * o->seq_len * sizeof(int32_t));
  t->backend->copy(t->backend, o->steps, s->steps, count * sizeof(int32_t), TRM__COPY_TO_HOST);
}

static void drop_outcome(outcome *o) {
  trm__free(o->weights);
  trm__free(o->ema);
  trm__free(o->m);
  trm__free(o->puzzle);
  trm__free(o->inputs);
}

/* Identifiers that different ranks have at a time. */
static void offer_identifiers(trm__trainer *t, int update) {
  for (int i = 0; i < t->carry.slots.count; i++) t->offer.ids[i] = (t->first + i + update) % IDENTIFIERS;
}

static trm_status do_updates(outcome *o, trm__trainer *t, trm__loader *loader, trm_error *err) {
  trm_status status = TRM_OK;
  for (int i = 0; i < UPDATES && !status; i++) {
    const uint8_t *take = t->backend->on_host ? t->carry.slots.halted : NULL;
    status = trm__loader_next(loader, take, t->offer.inputs, t->offer.labels, t->offer.ids, err);
    offer_identifiers(t, i);
    if (i == 2 && t->comm->rank == o->setting->poison) poison_latents(t);
    if (!status) status = trm__update_run(t, &o->update[i], err);
    trm__done done = status ? (trm__done){.slots = 0} : trm__update_done(t, 0);
    for (int k = 0; k < done.slots; k++) o->halted[i] += done.halted[k];
  }
  return status;
}

/* What this rank's device was asked for is what was predicted of it. */
static trm_status check_prediction(const trm__trainer *t, trm_error *err) {
  const device *d = (const device *)t->backend;
  trm__plan_job job = {
      .model = &t->model, .params = &t->params, .train = &t->config, .backend = t->backend, .comm = t->comm};
  size_t weights = t->backend->weights_bytes(t->backend, &t->params.dims, 1, t->micro_batch);
  size_t predicted = trm__plan_predict(&job, t->micro_batch).device, asked = d->asked + weights;
  if (asked <= predicted && predicted <= asked + 2048) return TRM_OK;
  return trm__fail(err, TRM_E_INTERNAL, "plan", "%zu bytes predicted, %zu asked for", predicted, asked);
}

static trm_status run_rank(trm__comm *comm, void *context, trm_error *err) {
  outcome *o = context;
  const setting *s = o->setting;
  trm_model_config model;
  trm_train_config train;
  trm__trainer t;
  trm__loader *loader = NULL;
  trm_runtime *runtime = tiny_runtime(1);
  trm__backend *cpu = runtime->backend;
  if (s->on_device) runtime->backend = device_open(cpu, 0);
  fill_configs(s, &model, &train);
  trm__trainer_config config = {.runtime = runtime,
                                .comm = comm,
                                .model = &model,
                                .train = &train,
                                .updates = UPDATES,
                                .micro_batch = s->micro_batch};
  trm_status status = trm__trainer_open(&t, &config, err);
  if (!status) {
    trm__loader_config slots = {
        .batch = BATCH, .first = t.first, .count = t.carry.slots.count, .seed = 7, .augment = 1};
    status = trm__loader_open(&loader, s->data, &slots, err);
    if (!status && s->on_device) status = check_prediction(&t, err);
    if (!status) status = lift_halting(&t, err);
    if (!status) status = do_updates(o, &t, loader, err);
    if (!status) status = trm__ranks_check_weights(&t, err);
    keep_outcome(o, &t);
    trm__loader_close(&loader);
    trm__trainer_close(&t);
  }
  if (s->on_device) trm__backend_close(&runtime->backend);
  runtime->backend = cpu;
  trm_runtime_close(&runtime);
  if (status) trm__comm_abandon(comm, err);
  return status;
}

/* outcome [MOST]; every rank must end with this status. */
static void run_ranks(const setting *s, int size, outcome *o, trm_status expected, trm_error *error) {
  trm_status status[THREAD_RANKS];
  memset(o, 0, MOST * sizeof *o);
  for (int r = 0; r < size; r++) o[r].setting = s;
  thread_ranks(size, 0, run_rank, o, sizeof *o, status, error);
  for (int r = 0; r < size; r++)
    if (status[r] != expected) fail_msg("rank %d of %d: %s: %s", r, size, error[r].where, error[r].message);
}

static void same_model(const outcome *a, const outcome *b) {
  assert_memory_equal(a->weights, b->weights, a->trained * sizeof(trm__real));
  assert_memory_equal(a->ema, b->ema, a->trained * sizeof(trm__real));
  assert_memory_equal(a->m, b->m, a->trained * sizeof(trm__real));
  assert_memory_equal(a->puzzle, b->puzzle, a->rows * sizeof(trm__real));
  assert_memory_equal(a->update, b->update, sizeof a->update);
}

/* The slots of all ranks hold what those of one rank hold. */
static void same_slots(const outcome *part, const outcome *alone) {
  size_t from = (size_t)part->first, count = (size_t)part->slots;
  assert_memory_equal(part->inputs, alone->inputs + from * alone->seq_len, count * alone->seq_len * sizeof(int32_t));
  assert_memory_equal(part->steps, alone->steps + from, count * sizeof(int32_t));
}

static void as_one_rank(const outcome *part, int size, const outcome *alone) {
  int slots = 0;
  for (int i = 0; i < UPDATES; i++) {
    int halted = 0;
    for (int r = 0; r < size; r++) halted += part[r].halted[i];
    assert_int_equal(halted, alone->halted[i]);
  }
  for (int r = 0; r < size; r++) {
    same_model(&part[r], alone);
    same_slots(&part[r], alone);
    assert_int_equal(part[r].first, slots);
    slots += part[r].slots;
  }
  assert_int_equal(slots, BATCH);
}

static void follow_ranks(setting s) {
  static outcome alone[MOST], part[MOST];
  trm_error error[THREAD_RANKS];
  run_ranks(&s, 1, alone, TRM_OK, error);
  int halted = 0;
  for (int i = 0; i < UPDATES; i++) halted += alone[0].halted[i];
  assert_true(halted > 3);
  for (int size = 2; size <= s.slices && size <= MOST; size++) {
    run_ranks(&s, size, part, TRM_OK, error);
    as_one_rank(part, size, &alone[0]);
    for (int r = 0; r < size; r++) drop_outcome(&part[r]);
  }
  if (!s.on_device) { /* and on a device */
    s.on_device = 1;
    run_ranks(&s, 3, part, TRM_OK, error);
    for (int r = 0; r < 3; r++) {
      same_model(&part[r], &alone[0]);
      drop_outcome(&part[r]);
    }
  }
  if (!s.on_device) return;
  run_ranks(&s, 1, part, TRM_OK, error); /* one rank alone on it */
  same_model(&part[0], &alone[0]);
  drop_outcome(&part[0]);
  drop_outcome(&alone[0]);
}

static trm_dataset *data;
static char folder[80];

static int set_up(void **state) {
  trm_error err = {0};
  (void)state;
  check_temp_dir(folder);
  tiny_data(folder);
  CHECK_OK(trm_dataset_open(&data, check_path(folder, "data"), "train", NULL, &err), err);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  trm_dataset_close(&data);
  check_remove(folder);
  return 0;
}

static void test_ranks(void **state) {
  (void)state;
  follow_ranks((setting){.data = data, .slices = 4, .micro_batch = 2, .poison = -1}); /* slices of 1, 2, 2 and 2 */
  follow_ranks((setting){.data = data, .slices = 4, .micro_batch = 1, .poison = -1});
  follow_ranks((setting){.data = data, .slices = 7, .micro_batch = 1, .poison = -1}); /* no power of two */
}

static void test_recipes(void **state) {
  (void)state;
  follow_ranks((setting){.data = data, .slices = 4, .micro_batch = 2, .recipes = 1, .poison = -1});
}

/* A NaN on one rank ends the run on all, at the same update. */
static void test_nan(void **state) {
  (void)state;
  for (int rank = 0; rank < 3; rank++) {
    setting s = {.data = data, .slices = 4, .micro_batch = 2, .poison = rank};
    outcome part[MOST];
    trm_error error[THREAD_RANKS];
    run_ranks(&s, 3, part, TRM_E_DIVERGED, error);
    for (int r = 0; r < 3; r++) {
      assert_int_equal(part[r].step, 2);
      assert_string_equal(error[r].message, error[0].message);
      same_model(&part[r], &part[0]);
    }
    for (int r = 0; r < 3; r++) drop_outcome(&part[r]);
  }
}

/* One slice, as runs of one rank have it: micro-batch after micro-batch into one array. */
static void test_one_slice(void **state) {
  (void)state;
  setting one = {.data = data, .slices = 1, .micro_batch = 2, .poison = -1}, many = one;
  outcome part[MOST], other[MOST];
  trm_error error[THREAD_RANKS];
  many.slices = 4;
  run_ranks(&one, 1, part, TRM_OK, error);
  run_ranks(&many, 1, other, TRM_OK, error);
  for (int i = 0; i < UPDATES; i++)
    assert_true(fabs(part[0].update[i].loss - other[0].update[i].loss) <= 1e-4 * other[0].update[i].loss);
  assert_memory_not_equal(part[0].weights, other[0].weights, part[0].trained * sizeof(trm__real)); /* another order */
  drop_outcome(&part[0]);
  drop_outcome(&other[0]);
}

static void test_too_many_ranks(void **state) {
  (void)state;
  setting s = {.data = data, .slices = 2, .micro_batch = 4, .poison = -1};
  outcome part[MOST];
  trm_error error[THREAD_RANKS];
  run_ranks(&s, 3, part, TRM_E_USAGE, error);
  assert_non_null(strstr(error[2].message, "3 ranks cannot share 2 slices"));
}

/* Micro-batches: never more than a slice, and the same for any number of ranks. */
static void test_plan(void **state) {
  (void)state;
  trm_error err = {0};
  trm_model_config model;
  trm_train_config train;
  trm__params params;
  trm_runtime *runtime = tiny_runtime(1);
  setting s = {.slices = 1};
  fill_configs(&s, &model, &train);
  train.micro_batch = 0;
  CHECK_OK(trm__params_open(&params, &model, &err), err);
  for (train.batch = 1; train.batch <= 24; train.batch++)
    for (train.slices = 1; train.slices <= 8 && train.slices <= train.batch; train.slices *= 2)
      for (int size = 1; size <= train.slices; size++) {
        trm__comm comm = {.size = size};
        trm__plan_job job = {
            .model = &model, .params = &params, .train = &train, .backend = runtime->backend, .comm = &comm};
        int micro = 0;
        CHECK_OK(trm__plan_micro_batch(&job, &micro, &err), err);
        assert_int_equal(micro, (train.batch + train.slices - 1) / train.slices); /* tiny: a slice at once */
        train.micro_batch = 2;
        CHECK_OK(trm__plan_micro_batch(&job, &micro, &err), err);
        assert_in_range(micro, 1, 2);
        train.micro_batch = 0;
      }
  trm__params_close(&params);
  trm_runtime_close(&runtime);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ranks),     cmocka_unit_test(test_recipes),        cmocka_unit_test(test_nan),
      cmocka_unit_test(test_one_slice), cmocka_unit_test(test_too_many_ranks), cmocka_unit_test(test_plan),
  };
  return cmocka_run_group_tests_name("ranks", tests, set_up, tear_down);
}
