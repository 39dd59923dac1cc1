/* Training the lattice recursion: the pool's entries keep their invariants; the same bytes at any number of threads and
 * after a stop and a resume; what it cannot do is refused. */
#include "unit/train/support.h"

#include "model/sets.h"
#include "train/lattice/pool.h"

static trm_model_config lattice_model(void) {
  trm_model_config config = tiny_model();
  config.recursion = TRM_RECURSION_LATTICE;
  config.hidden_size = 16;
  config.num_heads = 2;
  config.H_cycles = 1;
  config.L_cycles = 2;
  config.mlp_t = 0;
  config.puzzle_emb_ndim = config.puzzle_emb_len = 0;
  return config;
}

static trm_train_config lattice_train(const char *dir, const char *run) {
  trm_train_config config = tiny_train(dir, run);
  config.optimizer = TRM_ADAMW;
  config.ema_decay = 0;
  config.halt_weight = 0.1;
  config.clip = 1;
  return config;
}

/* -- the pool -------------------------------------------------------------------------------------------------------
 */

enum { N = 400, S = 16, C = 4 };

typedef struct pond {
  trm__pool *pool;
  trm__slots slots;
  int32_t inputs[N * S], labels[N * S], ids[N], steps[N], sets[N * S];
  uint8_t halted[N], fresh[N];
  trm__example_stats stats[N];
  trm__states states;
} pond;

/* A full grid as labels, six of its cells given. */
static void pond_admit(pond *p) {
  for (int i = 0; i < N * S; i++) {
    int r = i % S / 4, c = i % 4;
    p->labels[i] = 2 + (r * 2 + r / 2 + c) % 4;
    p->inputs[i] = i % S % 3 == 0 ? p->labels[i] : 1;
  }
  memset(p->fresh, 1, N);
  memset(p->steps, 0, sizeof p->steps);
  memset(p->halted, 0, N);
}

static pond *pond_open(int threads) {
  trm_error err;
  pond *p = calloc(1, sizeof *p);
  trm_model_config config = lattice_model();
  trm__dims dims = trm__dims_from_config(&config);
  trm_task task = {.kind = TRM_TASK_SUDOKU,
                   .width = 4,
                   .height = 4,
                   .box_width = 2,
                   .box_height = 2,
                   .vocab_size = 6,
                   .alphabet = ".1234"};
  p->slots = (trm__slots){N, S, p->inputs, p->labels, p->ids, p->steps, p->halted};
  CHECK_OK(trm__pool_open(&p->pool, threads, &err), err);
  CHECK_OK(trm__states_open(&p->states, &dims, &task, &p->slots, p->sets, &err), err);
  p->states.seed = 3;
  pond_admit(p);
  return p;
}

static void pond_close(pond *p) {
  trm__states_close(&p->states);
  trm__pool_close(&p->pool);
  free(p);
}

static void fresh_entries(void **state) {
  (void)state;
  pond *p = pond_open(2);
  int wrong = 0, as_it_is = 0, hinted = 0;
  trm__states_begin(&p->states, p->pool, 1, p->fresh);
  for (int k = 0; k < N; k++) {
    int given = 0, unlabelled = 0;
    for (int i = k * S; i < k * S + S; i++) {
      given += p->inputs[i] > 1;
      unlabelled += p->labels[i] == -100;
      assert_int_equal(p->sets[i], p->inputs[i] > 1 ? 1 << (p->inputs[i] - 2) : 15);
      if (p->inputs[i] > 1 && p->labels[i] > 0) assert_int_equal(p->inputs[i], p->labels[i]);
      assert_int_equal(p->states.open[i], p->inputs[i] == 1 && !p->states.conflicted[k]);
    }
    assert_true(unlabelled == 0 || unlabelled == S);
    assert_int_equal(p->states.conflicted[k], unlabelled == S);
    wrong += unlabelled == S;
    as_it_is += !unlabelled && given == 6;
    hinted += !unlabelled && given > 6;
  }
  assert_in_range(wrong, 70, 130);    /* of 400 a quarter */
  assert_in_range(as_it_is, 60, 140); /* a fifth, and those whose fraction of ten cells is none */
  assert_in_range(hinted, 160, 260);
  pond_close(p);
}

/* Logits that are sure of the solution: what they drop is right, and what is solved leaves. */
static void entries_are_solved(void **state) {
  (void)state;
  pond *p = pond_open(3);
  trm__states_begin(&p->states, p->pool, 1, p->fresh);
  for (int i = 0; i < N * S * C; i++) {
    int right = p->states.solution[i / C] >> i % C & 1;
    p->states.logits[i / C * 2 * C + i % C] = (trm__real)(right ? 5 : -5);
  }
  for (int k = 0; k < N; k++) p->states.conflict[k] = (trm__real)(p->states.conflicted[k] ? 1 : -1);
  trm__states_end(&p->states, p->pool, 1, p->stats);
  const trm__pool_counts *c = &p->states.counts;
  assert_int_equal(c->unsound, 0);
  assert_true(c->dropped > 0);
  assert_int_equal(c->flagged, c->conflicted);
  assert_int_equal(c->flagged_right, c->conflicted);
  assert_int_equal(c->solved + c->refuted, N);
  assert_int_equal(c->solved_right, c->solved);
  for (int k = 0; k < N; k++) {
    assert_int_equal(p->halted[k], 1);
    assert_int_equal(p->stats[k].exact, !p->states.conflicted[k]);
  }
  pond_close(p);
}

/* Logits that say nothing: one guess an update, nothing leaves until it contradicts or is old; a missed contradiction
 * and a false alarm stay. Any number of threads does the same. */
static void entries_stay(void **state) {
  (void)state;
  pond *p = pond_open(1), *q = pond_open(4);
  memset(p->fresh, 1, N);
  for (int64_t t = 1; t <= TRM__POOL_AGE + 1; t++) {
    pond *both[] = {p, q};
    for (int i = 0; i < 2; i++) {
      trm__states_begin(&both[i]->states, both[i]->pool, t, both[i]->fresh);
      memset(both[i]->fresh, 0, N);
      for (int k = 0; k < N; k++) both[i]->states.conflict[k] = (trm__real)(k % 2 ? 1 : -1); /* alarms */
      trm__states_end(&both[i]->states, both[i]->pool, t, both[i]->stats);
    }
    assert_memory_equal(p->sets, q->sets, sizeof p->sets);
    assert_memory_equal(p->inputs, q->inputs, sizeof p->inputs);
    assert_memory_equal(p->halted, q->halted, N);
    for (int k = 0; k < N; k++) {
      int truly = 0;
      for (int i = k * S; i < k * S + S; i++) truly |= !(p->sets[i] & p->states.solution[i]);
      int old = t > TRM__POOL_AGE;
      if (k % 2) assert_int_equal(p->halted[k], truly || old);
      assert_int_equal(p->steps[k], t);
    }
  }
  assert_int_equal(p->states.counts.dropped, 0);
  pond_close(p);
  pond_close(q);
}

/* -- runs -----------------------------------------------------------------------------------------------------------
 */

static int stop_at_six(void *context, const trm_train_progress *progress) {
  (void)context;
  return progress->step == 6;
}

static void check_same_file(const char *a, const char *b) {
  trm_error err;
  char *x, *y;
  size_t n, m;
  CHECK_OK(trm__file_read(a, 1 << 26, &x, &n, &err), err);
  CHECK_OK(trm__file_read(b, 1 << 26, &y, &m, &err), err);
  assert_int_equal(n, m);
  assert_memory_equal(x, y, n);
  trm__free(x);
  trm__free(y);
}

static void runs_are_the_same(void **state) {
  (void)state;
  trm_error err;
  char dir[64];
  check_temp_dir(dir);
  tiny_data(dir);
  trm_model_config model = lattice_model();
  const char *names[] = {"one", "three", "stopped"};
  for (int i = 0; i < 3; i++) {
    trm_runtime *runtime = tiny_runtime(i == 1 ? 3 : 1);
    trm_train_config train = lattice_train(dir, names[i]);
    trm_train_result result;
    trm_status status = trm_train_start(runtime, &model, &train, i == 2 ? stop_at_six : NULL, NULL, &result, &err);
    if (i < 2) CHECK_OK(status, err);
    else assert_int_equal(status, TRM_E_STOPPED);
    if (i == 2) CHECK_OK(trm_train_resume(runtime, train.run, NULL, 0, NULL, NULL, &result, &err), err);
    if (i < 2 && result.peak_bytes > result.predicted_bytes + 65536)
      fail_msg("%zu bytes, %zu predicted", (size_t)result.peak_bytes, (size_t)result.predicted_bytes);
    trm_runtime_close(&runtime);
  }
  for (int i = 1; i < 3; i++) {
    static const char *const files[] = {"last.safetensors", "checkpoints/step-12/carry.safetensors",
                                        "checkpoints/step-12/optimizer.safetensors"};
    for (int k = 0; k < 3; k++) {
      char a[300], b[300];
      snprintf(a, sizeof a, "%s/one/%s", dir, files[k]);
      snprintf(b, sizeof b, "%s/%s/%s", dir, names[i], files[k]);
      check_same_file(a, b);
    }
  }
  check_remove(dir);
}

static void runs_are_refused(void **state) {
  (void)state;
  trm_error err;
  char dir[64];
  check_temp_dir(dir);
  tiny_data(dir);
  trm_runtime *runtime = tiny_runtime(1);
  trm_model_config model = lattice_model();
  trm_train_config train = lattice_train(dir, "run");
  train.latents = 2;
  CHECK_FAILS(trm_train_start(runtime, &model, &train, NULL, NULL, NULL, &err), TRM_E_USAGE, err, "lattice");
  assert_string_equal(err.where, "--latents");
  train = lattice_train(dir, "run");
  train.start_noise = 1;
  CHECK_FAILS(trm_train_start(runtime, &model, &train, NULL, NULL, NULL, &err), TRM_E_USAGE, err, "lattice");
  train = lattice_train(dir, "run");
  model.mlp_t = 1;
  CHECK_FAILS(trm_train_start(runtime, &model, &train, NULL, NULL, NULL, &err), TRM_E_INPUT, err, "lattice");
  trm_runtime_close(&runtime);
  check_remove(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(fresh_entries), cmocka_unit_test(entries_are_solved),
                                     cmocka_unit_test(entries_stay), cmocka_unit_test(runs_are_the_same),
                                     cmocka_unit_test(runs_are_refused)};
  return cmocka_run_group_tests_name("lattice", tests, NULL, NULL);
}
