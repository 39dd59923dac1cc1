/* Several ranks, as threads of this process: each has its share of the slots, all end with the same weights, and these
 * are the ones of a single rank but for the order of sums. */
#include "unit/train/support.h"

#include <pthread.h>

#include "data/dataset.h"
#include "data/load/loader.h"

enum { RANKS = 2, BATCH = 6, UPDATES = 5 };

/* What the ranks share. */
typedef struct world {
  pthread_barrier_t barrier;
  const void *block[RANKS];
} world;

typedef struct rank_comm {
  trm__comm comm; /* first */
  world *world;
} rank_comm;

static trm_status sum_ranks(trm__comm *comm, float *x, size_t n, trm_error *err) {
  world *w = ((rank_comm *)comm)->world;
  float *sum = calloc(n, sizeof *sum);
  (void)err;
  w->block[comm->rank] = x;
  pthread_barrier_wait(&w->barrier);
  for (int r = 0; r < RANKS; r++)
    for (size_t i = 0; i < n; i++) sum[i] += ((const float *)w->block[r])[i];
  pthread_barrier_wait(&w->barrier);
  memcpy(x, sum, n * sizeof *x);
  free(sum);
  return TRM_OK;
}

static trm_status gather_ranks(trm__comm *comm, void *data, size_t bytes, trm_error *err) {
  world *w = ((rank_comm *)comm)->world;
  (void)err;
  w->block[comm->rank] = data;
  pthread_barrier_wait(&w->barrier);
  for (int r = 0; r < RANKS; r++) {
    size_t at = (size_t)r * bytes;
    if (r != comm->rank) memcpy((unsigned char *)data + at, (const unsigned char *)w->block[r] + at, bytes);
  }
  pthread_barrier_wait(&w->barrier);
  return TRM_OK;
}

typedef struct rank {
  rank_comm comm;
  trm_runtime *runtime;
  const trm_dataset *data;
  trm__trainer trainer;
  trm__loader *loader;
  trm__update update[UPDATES];
  int halted[UPDATES]; /* of its slots */
  trm_status status;
  trm_error error;
} rank;

static int recipes; /* 1: several latents, damping and noise, which is named by the slot of all ranks */

static void open_rank(rank *r, world *w, int number, int size, const trm_dataset *data) {
  trm_error err = {0};
  trm_model_config model = tiny_model();
  trm_train_config train = tiny_train(".", "none");
  if (recipes) {
    train.latents = 2;
    train.start_noise = 0.5;
    train.latent_noise = 0.1;
    model.damping = 0.1;
  }
  model.num_puzzle_identifiers = trm_dataset_describe(data).identifiers;
  *r = (rank){.comm = {{.rank = number, .size = size}, w}, .data = data};
  r->comm.comm.all_reduce_sum = sum_ranks;
  r->comm.comm.all_gather = gather_ranks;
  r->runtime = tiny_runtime(1);
  trm__trainer_config config = {.runtime = r->runtime,
                                .comm = &r->comm.comm,
                                .model = &model,
                                .train = &train,
                                .updates = UPDATES,
                                .micro_batch = 2};
  CHECK_OK(trm__trainer_open(&r->trainer, &config, &err), err);
  trm__weights_view view = trm__params_view(&r->trainer.params, r->trainer.weights);
  view.q_bias[0] = 1; /* slots halt at different steps */
  trm__trainer_prepare(&r->trainer);
  trm__loader_config loader = {
      .batch = BATCH, .first = r->trainer.first, .count = r->trainer.carry.slots.count, .seed = 7, .augment = 1};
  CHECK_OK(trm__loader_open(&r->loader, data, &loader, &err), err);
}

static void close_rank(rank *r) {
  trm__loader_close(&r->loader);
  trm__trainer_close(&r->trainer);
  trm_runtime_close(&r->runtime);
}

static void *run_rank(void *context) {
  rank *r = context;
  trm__trainer *t = &r->trainer;
  const trm__slots *slots = &t->carry.slots;
  for (int i = 0; i < UPDATES && !r->status; i++) {
    r->status = trm__loader_next(r->loader, slots->halted, t->offer.inputs, t->offer.labels, t->offer.ids, &r->error);
    if (!r->status) r->status = trm__update_run(t, &r->update[i], &r->error);
    for (int k = 0; k < slots->count; k++) r->halted[i] += slots->halted[k];
  }
  return NULL;
}

static void test_ranks(void **state) {
  recipes = *(const int *)*state;
  char dir[80], path[120];
  trm_error err = {0};
  trm_dataset *data = NULL;
  static rank alone, part[RANKS];
  world w;
  pthread_t thread[RANKS];
  check_temp_dir(dir);
  tiny_data(dir);
  snprintf(path, sizeof path, "%s/data", dir);
  CHECK_OK(trm_dataset_open(&data, path, "train", NULL, &err), err);
  open_rank(&alone, NULL, 0, 1, data);
  run_rank(&alone);
  CHECK_OK(alone.status, alone.error);
  assert_int_equal(pthread_barrier_init(&w.barrier, NULL, RANKS), 0);
  for (int r = 0; r < RANKS; r++) open_rank(&part[r], &w, r, RANKS, data);
  for (int r = 0; r < RANKS; r++) assert_int_equal(pthread_create(&thread[r], NULL, run_rank, &part[r]), 0);
  for (int r = 0; r < RANKS; r++) pthread_join(thread[r], NULL);
  for (int r = 0; r < RANKS; r++) CHECK_OK(part[r].status, part[r].error);
  size_t n = alone.trainer.params.trained;
  assert_int_equal(part[1].trainer.first, 3);
  assert_memory_equal(part[0].trainer.weights, part[1].trainer.weights, n * sizeof(trm__real));
  assert_memory_equal(part[0].trainer.ema, part[1].trainer.ema, n * sizeof(trm__real));
  assert_memory_equal(part[0].trainer.puzzle, part[1].trainer.puzzle,
                      part[0].trainer.params.puzzle * sizeof(trm__real));
  int halted = 0;
  for (int i = 0; i < UPDATES; i++) {
    assert_memory_equal(&part[0].update[i], &part[1].update[i], sizeof part[0].update[i]);
    assert_true(fabs(part[0].update[i].loss - alone.update[i].loss) <= 1e-4 * alone.update[i].loss);
    assert_int_equal(part[0].halted[i] + part[1].halted[i], alone.halted[i]);
    halted += alone.halted[i];
  }
  assert_true(halted > 3);
  for (int k = 0; k < RANKS; k++) { /* the slots hold the examples of a single rank's */
    const trm__slots *s = &part[k].trainer.carry.slots, *all = &alone.trainer.carry.slots;
    size_t row = (size_t)s->seq_len, from = (size_t)part[k].trainer.first;
    assert_memory_equal(s->inputs, all->inputs + from * row, (size_t)s->count * row * sizeof(int32_t));
    assert_memory_equal(s->steps, all->steps + from, (size_t)s->count * sizeof(int32_t));
  }
  pthread_barrier_destroy(&w.barrier);
  for (int r = 0; r < RANKS; r++) close_rank(&part[r]);
  close_rank(&alone);
  trm_dataset_close(&data);
  check_remove(dir);
}

int main(void) {
  static int plain = 0, all = 1;
  const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(test_ranks, &plain),
                                     cmocka_unit_test_prestate(test_ranks, &all)};
  return cmocka_run_group_tests_name("ranks", tests, NULL, NULL);
}
