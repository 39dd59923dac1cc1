/* What an update decides, and the optimizers, against plain C and base/rng.c. */
#include "cuda/device_check.h"

#include "base/rng.h"
#include "kernels/update.h"

/* -- begin: number, rates, names of noise -------------------------------------------------------------------------- */

typedef struct update_job {
  trm__update_state *state;
  trm__update_rule rule;
  uint64_t *index;
  int count;
  const trm__example_stats *stats;
  const float *grads;
  size_t n;
  double *partial, *sum;
  trm__slots slots;
  trm__update_log log;
} update_job;

static void launch_begin(trm__cuda_queue *q, void *context) {
  update_job *j = context;
  trm__cuda_update_begin(q, THERE(j->state), &j->rule, THERE(j->index), j->count);
}

static double schedule(const trm__update_rule *rule, int64_t t) {
  if (t < rule->warmup) return (double)t / (double)rule->warmup;
  if (rule->total <= rule->warmup) return 1;
  double progress = fmin(1, (double)(t - rule->warmup) / (double)(rule->total - rule->warmup));
  return rule->min_ratio + (1 - rule->min_ratio) * (1 + cos(3.14159265358979323846 * progress)) / 2;
}

static void check_begin(int64_t warmup, int64_t total, int64_t t, int32_t diverged) {
  trm__update_rule rule = {.warmup = warmup, .total = total, .min_ratio = 0.1, .ema_decay = 0.999, .ema_from = 4};
  rule.batch = 1000, rule.first = 500;
  trm__update_state before = {.t = t, .factor = 77, .ema_decay = 88, .diverged = diverged, .lm_loss = 5};
  buffer bs = buffer_copy(&before, sizeof before), bi = buffer_new(300 * sizeof(uint64_t));
  update_job j = {.state = (void *)bs.at, .rule = rule, .index = (void *)bi.at, .count = 300};
  run_twice(launch_begin, &j, (buffer *[]){&bs, &bi}, 2);
  int64_t now = t + !diverged;
  assert_int_equal(j.state->t, now);
  assert_int_equal(j.state->diverged, diverged);
  assert_true(j.state->lm_loss == 5);
  CHECK_CLOSE(j.state->factor, diverged ? 77 : schedule(&rule, now), 1e-15, "factor at %d", (int)now);
  assert_true(j.state->ema_decay == (diverged ? 88 : now <= 4 ? 0 : 0.999));
  for (int i = 0; i < 300; i++) assert_int_equal(j.index[i], (uint64_t)now * 1000 + 500 + (uint64_t)i);
  memcpy(bs.at, &before, sizeof before);
  j.index = NULL;
  run_twice(launch_begin, &j, (buffer *[]){&bs}, 1);
  assert_int_equal(j.state->t, now);
  buffer_free(&bs);
  buffer_free(&bi);
}

static void begins(void **state) {
  (void)state;
  static const int64_t ts[] = {0, 3, 4, 9, 10, 50, 99, 100, 1000, (int64_t)1 << 40};
  for (size_t i = 0; i < sizeof ts / sizeof *ts; i++) {
    check_begin(10, 100, ts[i], TRM__SOUND);
    check_begin(0, 100, ts[i], TRM__SOUND);
    check_begin(100, 50, ts[i], TRM__SOUND);
    check_begin(10, 100, ts[i], TRM__NORM_BAD);
  }
}

/* -- judge --------------------------------------------------------------------------------------------------------- */

static void launch_judge(trm__cuda_queue *q, void *context) {
  update_job *j = context;
  trm__cuda_update_judge(q, THERE(j->state), &j->rule, THERE(j->stats), THERE(j->grads), j->n, THERE(j->partial));
}

static void launch_squares(trm__cuda_queue *q, void *context) {
  update_job *j = context;
  trm__cuda_sum_squares(q, THERE(j->grads), j->n, THERE(j->partial), THERE(j->sum));
}

typedef struct judge_case {
  double lm, q, clip;
  float grad;
  int32_t was, diverged;
} judge_case;

static void check_judge(const judge_case *c, int batch, size_t n) {
  trm__update_rule rule = {.clip = c->clip, .halt_weight = 0.5, .max_loss = 10, .q_halt_floor = -100, .batch = batch};
  trm__update_state before = {.t = 9, .grad_scale = 3, .grad_norm = 4, .lm_loss = 6, .diverged = c->was};
  size_t bytes = (size_t)batch * sizeof(trm__example_stats);
  buffer bstate = buffer_copy(&before, sizeof before), bstats = buffer_new(bytes);
  buffer bg = buffer_filled(TRM_FLOAT32, n, NULL, n % 3 ? 0 : 4);
  buffer bp = buffer_new(trm__cuda_norm_scratch(n) * sizeof(double)), bsum = buffer_new(sizeof(double));
  trm__example_stats *stats = (void *)bstats.at;
  double lm = 0, halt = 0, q = 0, squares = 0;
  for (int i = 0; i < batch; i++) {
    stats[i].lm_loss = c->lm + (double)random_real();
    stats[i].halt_loss = 1 + (double)random_real();
    stats[i].q_halt = c->q + (double)random_real();
    lm += stats[i].lm_loss, halt += stats[i].halt_loss, q += stats[i].q_halt;
  }
  float *grads = (void *)bg.at;
  grads[n - 1] = c->grad;
  for (size_t i = 0; i < n; i++) squares += (double)grads[i] * (double)grads[i];
  update_job j = {.state = (void *)bstate.at, .rule = rule, .stats = stats, .grads = grads, .n = n};
  j.partial = (void *)bp.at, j.sum = (void *)bsum.at;
  run_twice(launch_judge, &j, (buffer *[]){&bstate, &bp}, 2);
  const trm__update_state *s = j.state;
  double norm = sqrt(squares);
  if (c->was) assert_memory_equal(s, &before, sizeof before);
  else {
    assert_int_equal(s->diverged, c->diverged);
    assert_int_equal(s->t, c->diverged ? 8 : 9);
    if (isfinite(c->lm)) assert_true(s->lm_loss == lm / batch); /* added in slot order: the same bits */
    assert_true(s->halt_loss == halt / batch);
    if (isfinite(c->q)) assert_true(s->q_halt == q / batch);
    CHECK_CLOSE(s->grad_norm, norm, 1e-12 * norm, "norm");
    double scale = c->clip > 0 && norm > c->clip ? c->clip / norm : 1;
    CHECK_CLOSE(s->grad_scale, scale, 1e-12 * scale, "scale");
  }
  run_twice(launch_squares, &j, (buffer *[]){&bsum, &bp}, 2);
  CHECK_CLOSE(*j.sum, squares, 1e-12 * squares, "sum of squares");
  buffer *all[] = {&bstate, &bstats, &bg, &bp, &bsum};
  for (int i = 0; i < 5; i++) buffer_free(all[i]);
}

static void judges(void **state) {
  (void)state;
  static const judge_case cases[] = {{2, 0, 0, 0, 0, TRM__SOUND},
                                     {2, 0, 1e9, 1, 0, TRM__SOUND},
                                     {2, 0, 0.5, 1, 0, TRM__SOUND},
                                     {2, 0, 1, 1e30F, 0, TRM__SOUND},
                                     {20, 0, 0, 0, 0, TRM__LOSS_BAD},
                                     {NAN, 0, 0, NAN, 0, TRM__LOSS_BAD},
                                     {INFINITY, -1000, 0, 0, 0, TRM__LOSS_BAD},
                                     {-INFINITY, 0, 0, 0, 0, TRM__LOSS_BAD},
                                     {2, -1000, 1, INFINITY, 0, TRM__NORM_BAD},
                                     {2, 0, 0, NAN, 0, TRM__NORM_BAD},
                                     {2, -1000, 0, 0, 0, TRM__HALTING_LOST},
                                     {2, NAN, 0, 0, 0, TRM__HALTING_LOST},
                                     {2, 0, 0, 0, TRM__HALTING_LOST, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    check_judge(&cases[i], 1, 1);
    check_judge(&cases[i], 300, 2000);
    check_judge(&cases[i], 7, 999);
  }
  check_judge(&cases[0], 512, 3 * 512 * 1024 + 5);
}

/* -- end: halting and the log -------------------------------------------------------------------------------------- */

static void launch_end(trm__cuda_queue *q, void *context) {
  update_job *j = context;
  trm__slots slots = j->slots;
  trm__update_log log = j->log;
  slots.steps = THERE(slots.steps), slots.halted = THERE(slots.halted);
  log.state = THERE(log.state), log.stats = THERE(log.stats), log.steps = THERE(log.steps);
  log.halted = THERE(log.halted);
  trm__cuda_update_end(q, THERE(j->state), &j->rule, THERE(j->stats), &slots, j->n ? &log : NULL);
}

/* m of docs/spec.md, Adaptive computation, from the stream itself. */
static int64_t least_steps(const trm__update_rule *rule, uint64_t index) {
  trm__rng rng = trm__rng_make(rule->seed, TRM__RNG_HALT, index);
  if (rule->max_steps < 2 || trm__rng_unit(&rng) >= rule->exploration_prob) return 0;
  return 2 + (int64_t)trm__rng_below(&rng, (uint32_t)(rule->max_steps - 1));
}

static int expect_halted(const trm__update_rule *rule, int64_t t, int slot, double q, int64_t steps) {
  uint64_t index = (uint64_t)t * (uint64_t)rule->batch + (uint64_t)(rule->first + slot);
  return steps >= rule->max_steps || (q > 0 && steps >= least_steps(rule, index));
}

enum { COUNT = 300, ENTRIES = 3 };

typedef struct end_test {
  update_job j;
  buffer bstate, bstats, bsteps, bhalted, log_state, log_stats, log_steps, log_halted;
} end_test;

static void open_end(end_test *t, const trm__update_rule *rule, int64_t now, int32_t diverged) {
  trm__update_state state = {.t = now, .factor = 0.5, .diverged = diverged};
  *t = (end_test){.j = {.state = NULL, .rule = *rule, .n = 1}};
  t->bstate = buffer_copy(&state, sizeof state);
  t->bstats = buffer_new(COUNT * sizeof(trm__example_stats));
  t->bsteps = buffer_new(COUNT * sizeof(int32_t));
  t->bhalted = buffer_new(COUNT);
  t->log_state = buffer_new(ENTRIES * sizeof state);
  t->log_stats = buffer_new(ENTRIES * COUNT * sizeof(trm__example_stats));
  t->log_steps = buffer_new(ENTRIES * COUNT * sizeof(int32_t));
  t->log_halted = buffer_new(ENTRIES * COUNT);
  trm__example_stats *stats = (void *)t->bstats.at;
  int32_t *steps = (void *)t->bsteps.at;
  memset(stats, 0, t->bstats.bytes);
  for (int i = 0; i < COUNT; i++) {
    stats[i] = (trm__example_stats){.q_halt = i == 5 ? (double)NAN : i == 6 ? 0 : (double)random_real(), .right = i};
    steps[i] = random_below((int)rule->max_steps);
    t->bhalted.at[i] = 9;
  }
  t->j.state = (void *)t->bstate.at;
  t->j.stats = stats;
  t->j.slots = (trm__slots){.count = COUNT, .steps = steps, .halted = t->bhalted.at};
  t->j.log = (trm__update_log){
      ENTRIES, COUNT, (void *)t->log_state.at, (void *)t->log_stats.at, (void *)t->log_steps.at, t->log_halted.at};
}

static void close_end(end_test *t) {
  buffer *all[] = {&t->bstate,    &t->bstats,    &t->bsteps,    &t->bhalted,
                   &t->log_state, &t->log_stats, &t->log_steps, &t->log_halted};
  for (int i = 0; i < 8; i++) buffer_free(all[i]);
}

/* The entry of this update is whole, and the others are as they were. */
static void check_log(const end_test *t, size_t place) {
  const trm__update_log *log = &t->j.log;
  assert_memory_equal(&log->state[place], t->j.state, sizeof *t->j.state);
  assert_memory_equal(log->steps + place * COUNT, t->j.slots.steps, COUNT * sizeof(int32_t));
  assert_memory_equal(log->halted + place * COUNT, t->j.slots.halted, COUNT);
  for (size_t i = 0; i < COUNT; i++) {
    const trm__example_stats *got = &log->stats[place * COUNT + i], *want = &t->j.stats[i];
    assert_true(got->lm_loss == want->lm_loss && got->halt_loss == want->halt_loss && got->right == want->right);
    assert_true(got->q_halt == want->q_halt || i == 5);
    assert_true(got->labelled == want->labelled && got->exact == want->exact);
  }
  const buffer *parts[] = {&t->log_state, &t->log_stats, &t->log_steps, &t->log_halted};
  for (int i = 0; i < 4; i++) {
    size_t entry = parts[i]->bytes / ENTRIES;
    for (size_t k = 0; k < parts[i]->bytes; k++)
      if (k / entry != place) assert_int_equal(parts[i]->at[k], 0xff);
  }
}

static void check_end(const trm__update_rule *rule, int64_t now, int32_t diverged) {
  end_test t;
  open_end(&t, rule, now, diverged);
  int32_t before[COUNT], explored = 0;
  memcpy(before, t.bsteps.at, sizeof before);
  run_twice(launch_end, &t.j,
            (buffer *[]){&t.bsteps, &t.bhalted, &t.log_state, &t.log_stats, &t.log_steps, &t.log_halted}, 6);
  for (int i = 0; i < COUNT; i++) {
    int32_t steps = before[i] + (diverged ? 0 : 1);
    double q = t.j.stats[i].q_halt;
    int halted = diverged ? 9 : expect_halted(rule, now, i, q, steps);
    assert_int_equal(t.j.slots.steps[i], steps);
    assert_int_equal(t.j.slots.halted[i], halted);
    explored += !halted && q > 0;
  }
  if (rule->exploration_prob > 0.4 && rule->max_steps > 2 && !diverged) assert_true(explored > 0);
  check_log(&t, (size_t)((now + (diverged != 0)) % ENTRIES));
  close_end(&t);
}

static void ends(void **state) {
  (void)state;
  for (int64_t max_steps = 1; max_steps <= 16; max_steps += 5)
    for (int i = 0; i < 4; i++) {
      trm__update_rule rule = {.max_steps = max_steps, .exploration_prob = i * 0.33, .batch = 768, .first = 200 * i};
      rule.seed = 0x9e3779b97f4a7c15u * (uint64_t)i;
      check_end(&rule, 1, TRM__SOUND);
      check_end(&rule, 65104, TRM__SOUND);
      check_end(&rule, ((int64_t)1 << 36) + 5, TRM__SOUND);
      check_end(&rule, 7, TRM__LOSS_BAD);
    }
  trm__update_rule huge = {.max_steps = INT32_MAX, .exploration_prob = 1, .batch = 768, .seed = 4};
  check_end(&huge, 12, TRM__SOUND); /* words are rejected now and then */
  end_test t;
  open_end(&t, &huge, 3, TRM__SOUND);
  t.j.n = 0; /* no log */
  run_twice(launch_end, &t.j, (buffer *[]){&t.bsteps, &t.log_state}, 2);
  close_end(&t);
}

/* -- dense optimizers ---------------------------------------------------------------------------------------------- */

typedef struct dense_job {
  const trm__update_state *state;
  trm__dense *run;
  int runs;
} dense_job;

static void launch_dense(trm__cuda_queue *q, void *context) {
  const dense_job *j = context;
  trm__dense *list = calloc((size_t)j->runs, sizeof *list);
  assert_non_null(list);
  for (int i = 0; i < j->runs; i++) {
    trm__dense *run = &list[i];
    *run = j->run[i];
    run->p = THERE(run->p), run->m = THERE(run->m), run->v = THERE(run->v), run->g = THERE(run->g);
    run->ema = THERE(run->ema);
  }
  trm__cuda_dense(q, THERE(j->state), list, j->runs);
  free(list);
}

/* Plain C on one run, over all of its numbers. */
static void expect_run(const trm__dense *run, const trm__update_state *s, float *p, float *m, float *v, float *ema,
                       const float *g) {
  float *scaled = floats(run->n);
  trm__adam adam = {run->lr * s->factor, run->beta1, run->beta2, run->weight_decay, run->eps, s->t};
  for (size_t i = 0; i < run->n; i++) scaled[i] = g[i] * (float)s->grad_scale;
  if (run->kind == TRM__DENSE_ADAMW) trm__offer_ref.kernels.adamw(p, m, v, scaled, run->n, &adam);
  else trm__offer_ref.kernels.adam_atan2(p, m, v, scaled, run->n, &adam);
  if (s->ema_decay == 0) memcpy(ema, p, run->n * sizeof *p);
  else trm__offer_ref.kernels.ema(ema, p, run->n, s->ema_decay);
  free(scaled);
}

static void check_dense(trm__dense_kind kind, int runs, size_t n, int averaged, const trm__update_state *state,
                        size_t odd) {
  size_t all = n + 1; /* runs lie one after the other in five arrays, and part of them where vectors cannot reach */
  float *x[5];
  buffer b[5], bstate = buffer_copy(state, sizeof *state);
  for (int i = 0; i < 5; i++) {
    x[i] = floats(all);
    b[i] = buffer_filled(TRM_FLOAT32, all, x[i], odd && i == 2 ? 4 : 0);
  }
  for (size_t i = 0; i < all; i++) ((float *)(void *)b[2].at)[i] = x[2][i] = fabsf(x[2][i]);
  if (state->ema_decay == 0) { /* an average that has not started is not read */
    memset(b[3].at, 0xff, b[3].bytes);
    memset(x[3], 0xff, all * sizeof *x[3]);
  }
  trm__dense *list = calloc((size_t)runs, sizeof *list);
  for (size_t i = 0; i < (size_t)runs; i++) {
    size_t from = n * i / (size_t)runs, to = n * (i + 1) / (size_t)runs;
    float *p[5];
    for (int k = 0; k < 5; k++) p[k] = (float *)(void *)b[k].at + from;
    list[i] = (trm__dense){kind, p[0], p[1], p[2], averaged ? p[3] : NULL, p[4], to - from, 1e-2, 0.9, 0.95, 0.1, 1e-8};
    if (state->diverged == TRM__SOUND)
      expect_run(&list[i], state, x[0] + from, x[1] + from, x[2] + from, averaged ? x[3] + from : x[4] + from,
                 x[4] + from);
  }
  dense_job j = {(void *)bstate.at, list, runs};
  if (!averaged) memcpy(x[4], b[4].at, b[4].bytes);
  run_twice(launch_dense, &j, (buffer *[]){&b[0], &b[1], &b[2], &b[3], &b[4]}, 5);
  static const char *names[] = {"p", "m", "v", "ema", "g"};
  for (int i = 0; i < 5; i++) {
    check_numbers(&b[i], TRM_FLOAT32, x[i], all, 1e-6, i == 4 || state->diverged ? 0 : 1e-7, names[i]);
    buffer_free(&b[i]);
    free(x[i]);
  }
  buffer_free(&bstate);
  free(list);
}

static void denses(void **state) {
  (void)state;
  trm__update_state states[] = {{.t = 1, .factor = 1, .grad_scale = 1},
                                {.t = 3, .factor = 0.25, .grad_scale = 0.125, .ema_decay = 0.9},
                                {.t = 65104, .factor = 1, .grad_scale = 1, .ema_decay = 0.999},
                                {.t = 5, .factor = 1, .grad_scale = 1, .ema_decay = 0.9, .diverged = TRM__NORM_BAD}};
  for (int s = 0; s < 4; s++)
    for (int kind = 0; kind < 2; kind++) {
      trm__dense_kind k = kind ? TRM__DENSE_ADAMW : TRM__DENSE_ADAM_ATAN2;
      check_dense(k, 1, 1, 1, &states[s], 0);
      check_dense(k, 1, 4096, 1, &states[s], 0);
      check_dense(k, 1, 20003, 0, &states[s], 1);
      check_dense(k, 37, 5001, 1, &states[s], 0);
      check_dense(k, 17, 20, 1, &states[s], 0); /* some runs of one number */
    }
  check_dense(TRM__DENSE_ADAM_ATAN2, 20, 10, 1, &states[1], 0); /* ... and of none */
}

/* -- sign-SGD ------------------------------------------------------------------------------------------------------ */

typedef struct sign_job {
  const trm__update_state *state;
  float *table;
  int rows, ndim, b;
  const float *drows;
  const int32_t *ids;
} sign_job;

static void launch_sign(trm__cuda_queue *q, void *context) {
  const sign_job *j = context;
  trm__cuda_sign_sgd_rows(q, THERE(j->state), THERE(j->table), j->rows, j->ndim, THERE(j->drows), THERE(j->ids), j->b,
                          0.01, 0.1);
}

static void check_sign(int rows, int ndim, int b, int32_t diverged) {
  trm__update_state state = {.t = 1, .factor = 0.5, .diverged = diverged};
  size_t n = (size_t)ndim, all = (size_t)rows * n, many = (size_t)b * n;
  float *table = floats(all), *drows = floats(many), *sum = floats(n);
  buffer bs = buffer_copy(&state, sizeof state), bt = buffer_filled(TRM_FLOAT32, all, table, 0),
         bd = buffer_new(many * 4);
  buffer bi = buffer_new((size_t)b * sizeof(int32_t));
  int32_t *ids = (void *)bi.at;
  for (int i = 0; i < b; i++) ids[i] = random_below(rows + 2) - 1;
  fill(drows, many, FILL_WHOLE);
  if (b > 2) drows[many / 2] = NAN;
  memcpy(bd.at, drows, many * sizeof *drows);
  for (int id = 0; id < rows && !diverged; id++) {
    int seen = 0;
    memset(sum, 0, n * sizeof *sum);
    for (size_t i = 0; i < (size_t)b; i++)
      if (ids[i] == id && ++seen) trm__offer_ref.kernels.add(sum, drows + i * n, n);
    if (seen) trm__offer_ref.kernels.sign_sgd(table + (size_t)id * n, sum, n, 0.005, 0.1);
  }
  sign_job j = {(void *)bs.at, (void *)bt.at, rows, ndim, b, (void *)bd.at, ids};
  run_twice(launch_sign, &j, (buffer *[]){&bt}, 1);
  check_numbers(&bt, TRM_FLOAT32, table, all, EMULATED ? 1e-7 : 2.5e-7, EMULATED ? 0 : 1e-9, "table");
  buffer *buffers[] = {&bs, &bt, &bd, &bi};
  for (int i = 0; i < 4; i++) buffer_free(buffers[i]);
  free(table), free(drows), free(sum);
}

static void signs(void **state) {
  (void)state;
  check_sign(1, 1, 1, 0);
  check_sign(3, 5, 2, 0);
  check_sign(10, 300, 33, 0);
  check_sign(40, 16, 64, 0);
  check_sign(90, 3, 600, 0);
  check_sign(2, 7, 257, 0);
  check_sign(5, 8, 20, TRM__LOSS_BAD);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(begins), cmocka_unit_test(judges), cmocka_unit_test(ends),
                                     cmocka_unit_test(denses), cmocka_unit_test(signs)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
