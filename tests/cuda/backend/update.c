/* A training update on the device: bookkeeping and optimizers of the CUDA backend against the CPU's, several updates
 * in a row, and as a recording that is replayed. */
#include "cuda/backend/support.h"

enum { BATCH = 6, FIRST = 2, COUNT = 4, ENTRIES = 3, UPDATES = 7, SEQ = 5 };
#define N ((size_t)3001)
#define ROWS 24
#define COLS 40

/* Everything that an update changes. */
typedef struct world {
  trm__update_state *state;
  trm__update_rule rule;
  uint64_t *index;
  trm__example_stats *stats;
  trm__slots slots;
  trm__update_log log;
  trm__real *p, *m, *v, *ema, *g, *matrix, *momentum, *average, *slope, *scratch;
} world;

static void make_world(side *s, world *w, int bad_update) {
  trm__example_stats stats[BATCH];
  trm__update_state state = {.t = 0, .grad_scale = 1};
  memset(stats, 0, sizeof stats);
  for (int i = 0; i < BATCH; i++)
    stats[i] = (trm__example_stats){.lm_loss = 0.5 * i, .halt_loss = 0.1 * i, .q_halt = i % 2 ? 1 : -1, .labelled = 5};
  *w = (world){.state = put(s, &state, sizeof state),
               .rule = {.warmup = 3,
                        .total = 10,
                        .min_ratio = 0.1,
                        .ema_decay = 0.9,
                        .ema_from = 2,
                        .clip = 0.5,
                        .halt_weight = 0.5,
                        .max_loss = bad_update ? 0.5 : 100,
                        .q_halt_floor = -100,
                        .max_steps = 4,
                        .exploration_prob = 0.5,
                        .seed = 11,
                        .batch = BATCH,
                        .first = FIRST},
               .index = keep(s, COUNT * sizeof(uint64_t)),
               .stats = put(s, stats, sizeof stats)};
  w->slots = (trm__slots){COUNT,
                          SEQ,
                          keep(s, COUNT * SEQ * sizeof(int32_t)),
                          keep(s, COUNT * SEQ * sizeof(int32_t)),
                          keep(s, COUNT * sizeof(int32_t)),
                          keep(s, COUNT * sizeof(int32_t)),
                          keep(s, COUNT)};
  w->log = (trm__update_log){ENTRIES,
                             COUNT,
                             keep(s, ENTRIES * sizeof(trm__update_state)),
                             keep(s, ENTRIES * COUNT * sizeof(trm__example_stats)),
                             keep(s, ENTRIES * COUNT * sizeof(int32_t)),
                             keep(s, ENTRIES * COUNT)};
  trm__real **array[] = {&w->p, &w->m, &w->v, &w->ema, &w->g, &w->matrix, &w->momentum, &w->average, &w->slope};
  for (uint64_t i = 0; i < 9; i++) {
    size_t n = i < 5 ? N : ROWS * COLS;
    trm__real *host = numbers(n, 50 + i, i == 2 ? 0 : 0.1);
    *array[i] = put(s, host, n * sizeof *host);
    trm__free(host);
  }
  w->scratch = keep(s, s->be->muon_scratch(s->be, ROWS, COLS) * sizeof(trm__real));
}

static void update(side *s, world *w) {
  trm__dense run[2];
  for (int i = 0; i < 2; i++) {
    size_t at = i ? 1000 : 0;
    run[i] = (trm__dense){.kind = i ? TRM__DENSE_ADAMW : TRM__DENSE_ADAM_ATAN2,
                          .p = w->p + at,
                          .m = w->m + at,
                          .v = w->v + at,
                          .ema = i ? NULL : w->ema,
                          .g = w->g + at,
                          .n = i ? N - 1000 : 1000,
                          .lr = 0.01,
                          .beta1 = 0.9,
                          .beta2 = 0.95,
                          .weight_decay = 0.1,
                          .eps = 1e-8};
  }
  s->be->update_begin(s->be, w->state, &w->rule, w->index, COUNT);
  s->be->update_judge(s->be, w->state, &w->rule, w->stats, w->g, N);
  s->be->dense(s->be, w->state, run, 2);
  s->be->muon(s->be, w->state, w->matrix, w->momentum, w->average, w->slope, ROWS, COLS, 0.02, 0.95, 0.1, w->scratch);
  s->be->update_end(s->be, w->state, &w->rule, w->stats + FIRST, &w->slots, &w->log);
}

/* What the world looks like afterwards, in host memory. */
typedef struct picture {
  trm__update_state *state, *log_state;
  uint64_t *index;
  int32_t *steps, *log_steps;
  uint8_t *halted, *log_halted;
  trm__example_stats *log_stats;
  trm__real *array[9];
} picture;

static picture take_picture(side *s, const world *w) {
  picture p = {.state = get(s, w->state, sizeof *w->state),
               .log_state = get(s, w->log.state, ENTRIES * sizeof *w->state),
               .index = get(s, w->index, COUNT * sizeof *w->index),
               .steps = get(s, w->slots.steps, COUNT * sizeof(int32_t)),
               .log_steps = get(s, w->log.steps, ENTRIES * COUNT * sizeof(int32_t)),
               .halted = get(s, w->slots.halted, COUNT),
               .log_halted = get(s, w->log.halted, ENTRIES * COUNT),
               .log_stats = get(s, w->log.stats, ENTRIES * COUNT * sizeof(trm__example_stats))};
  trm__real *array[] = {w->p, w->m, w->v, w->ema, w->g, w->matrix, w->momentum, w->average, w->slope};
  for (int i = 0; i < 9; i++) p.array[i] = get(s, array[i], (i < 5 ? N : ROWS * COLS) * sizeof(trm__real));
  return p;
}

static void free_picture(picture *p) {
  void *all[] = {p->state, p->log_state, p->index, p->steps, p->log_steps, p->halted, p->log_halted, p->log_stats};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) trm__free(all[i]);
  for (int i = 0; i < 9; i++) trm__free(p->array[i]);
}

static void compare_states(const trm__update_state *a, const trm__update_state *b) {
  assert_int_equal(a->t, b->t);
  assert_int_equal(a->diverged, b->diverged);
  const double *x = &a->factor, *y = &b->factor;
  for (int i = 0; i < 7; i++) /* factor .. grad_scale */
    if (!(fabs(x[i] - y[i]) <= 1e-9 * fabs(y[i]) + 1e-12))
      fail_msg("number %d of a state is %.17g, expected %.17g", i, x[i], y[i]);
}

static void compare_pictures(const picture *found, const picture *expected, double muon_tolerance) {
  compare_states(found->state, expected->state);
  for (int i = 0; i < ENTRIES; i++) compare_states(&found->log_state[i], &expected->log_state[i]);
  assert_memory_equal(found->index, expected->index, COUNT * sizeof(uint64_t));
  assert_memory_equal(found->steps, expected->steps, COUNT * sizeof(int32_t));
  assert_memory_equal(found->halted, expected->halted, COUNT);
  assert_memory_equal(found->log_steps, expected->log_steps, ENTRIES * COUNT * sizeof(int32_t));
  assert_memory_equal(found->log_halted, expected->log_halted, ENTRIES * COUNT);
  for (int i = 0; i < ENTRIES * COUNT; i++)
    assert_true(found->log_stats[i].lm_loss == expected->log_stats[i].lm_loss &&
                found->log_stats[i].exact == expected->log_stats[i].exact);
  static const char *const names[] = {"p", "m", "v", "ema", "g", "matrix", "momentum", "average", "slope"};
  for (int i = 0; i < 9; i++)
    compare(names[i], found->array[i], expected->array[i], i < 5 ? N : ROWS * COLS,
            i == 5 || i == 7 ? muon_tolerance : 2e-6);
}

static picture run_updates(const char *device, int bad_update, int recorded) {
  side s;
  world w;
  trm_error err = {0};
  open_side(&s, device);
  make_world(&s, &w, bad_update);
  if (!recorded)
    for (int i = 0; i < UPDATES; i++) update(&s, &w);
  if (recorded) {
    trm__recording *recording = NULL;
    CHECK_OK(s.be->record_begin(s.be, &err), err);
    update(&s, &w);
    CHECK_OK(s.be->record_end(s.be, &recording, &err), err);
    for (int i = 0; i < UPDATES; i++) s.be->replay(s.be, recording);
    s.be->recording_close(s.be, &recording);
    assert_null(recording);
  }
  synchronize(&s);
  picture p = take_picture(&s, &w);
  close_side(&s);
  return p;
}

/* The CPU's Muon multiplies in fp32, the card's in bf16 as Muon's authors do. */
static void updates_match(void **state) {
  (void)state;
  for (int bad = 0; bad < 2; bad++) {
    picture found = run_updates("cuda", bad, 0), expected = run_updates("cpu", bad, 0);
    assert_int_equal(expected.state->diverged, bad ? TRM__LOSS_BAD : TRM__SOUND);
    compare_pictures(&found, &expected, 0.02);
    free_picture(&found);
    free_picture(&expected);
  }
}

static void a_recording_gives_the_same_bits(void **state) {
  (void)state;
  picture direct = run_updates("cuda", 0, 0), replayed = run_updates("cuda", 0, 1);
  compare_pictures(&replayed, &direct, 0);
  for (int i = 0; i < 9; i++)
    assert_memory_equal(direct.array[i], replayed.array[i], (i < 5 ? N : ROWS * COLS) * sizeof(trm__real));
  free_picture(&direct);
  free_picture(&replayed);
}

/* Aligned and not. */
static void sums_of_two(void **state) {
  (void)state;
  static const size_t lengths[] = {1, 255, 40001};
  side s;
  open_side(&s, "cuda");
  for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
    for (size_t shift = 0; shift < 2; shift++) {
      size_t n = lengths[k] - shift, bytes = lengths[k] * sizeof(trm__real);
      trm__real *x = numbers(lengths[k], 1, 1), *y = numbers(lengths[k], 2, 1), *sum = numbers(lengths[k], 3, 1);
      trm__real *on_device = put(&s, x, bytes), *other = put(&s, y, bytes);
      s.be->add(s.be, on_device + shift, other, n);
      s.be->copy(s.be, sum, on_device, bytes, TRM__COPY_TO_HOST);
      for (size_t i = 0; i < n; i++)
        if (!(sum[i + shift] == x[i + shift] + y[i])) fail_msg("element %zu of %zu", i, n);
      trm__free(x);
      trm__free(y);
      trm__free(sum);
    }
  close_side(&s);
}

static void sums_of_squares(void **state) {
  (void)state;
  static const size_t lengths[] = {1, 255, 40001};
  side s;
  open_side(&s, "cuda");
  for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
    trm__real *x = numbers(lengths[k], 1, 1), *on_device = put(&s, x, lengths[k] * sizeof *x);
    double sum = 0;
    for (size_t i = 0; i < lengths[k]; i++) sum += (double)x[i] * (double)x[i];
    assert_true(fabs(s.be->sum_squares(s.be, on_device, lengths[k]) - sum) <= 1e-9 * sum);
    trm__free(x);
  }
  close_side(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(updates_match),
      cmocka_unit_test(a_recording_gives_the_same_bits),
      cmocka_unit_test(sums_of_two),
      cmocka_unit_test(sums_of_squares),
  };
  return cmocka_run_group_tests_name("cuda updates", tests, NULL, NULL);
}
