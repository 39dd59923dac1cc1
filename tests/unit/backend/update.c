/* What an update does around its arithmetic: admitting examples, the schedule, the judgement, halting with exploration,
 * and the log; and that a run that diverged stays as it was. */
#include "unit/backend/support.h"

static trm__slots open_slots(int count, int seq_len) {
  size_t n = (size_t)count, tokens = n * (size_t)seq_len;
  trm__slots s = {.count = count, .seq_len = seq_len};
  s.inputs = trm__calloc(tokens, sizeof(int32_t));
  s.labels = trm__calloc(tokens, sizeof(int32_t));
  s.ids = trm__calloc(n, sizeof(int32_t));
  s.steps = trm__calloc(n, sizeof(int32_t));
  s.halted = trm__calloc(n, 1);
  return s;
}

static void close_slots(trm__slots *s) {
  void *all[] = {s->inputs, s->labels, s->ids, s->steps, s->halted};
  for (size_t i = 0; i < 5; i++) trm__free(all[i]);
}

static trm__update_log open_log(int entries, int count) {
  size_t rows = (size_t)entries * (size_t)count;
  trm__update_log log = {.entries = entries, .count = count};
  log.state = trm__calloc((size_t)entries, sizeof *log.state);
  log.stats = trm__calloc(rows, sizeof *log.stats);
  log.steps = trm__calloc(rows, sizeof *log.steps);
  log.halted = trm__calloc(rows, 1);
  return log;
}

static void close_log(trm__update_log *log) {
  void *all[] = {log->state, log->stats, log->steps, log->halted};
  for (size_t i = 0; i < 4; i++) trm__free(all[i]);
}

static trm__example_stats *stats_of(int n, double q) {
  trm__example_stats *stats = trm__calloc((size_t)n, sizeof *stats);
  for (int i = 0; i < n; i++) stats[i].q_halt = q;
  return stats;
}

/* -- slots ------------------------------------------------------------------------------------------------------- */

static void halted_slots_admit(void **unused) {
  (void)unused;
  enum { N = 5, S = 3 };
  bench t;
  open_backend(&t, "auto", 2);
  trm__slots s = open_slots(N, S);
  int32_t inputs[N * S], labels[N * S], ids[N];
  for (int i = 0; i < N * S; i++) inputs[i] = 100 + i, labels[i] = 200 + i, s.inputs[i] = -1, s.labels[i] = -2;
  for (int i = 0; i < N; i++) ids[i] = 300 + i, s.ids[i] = -3, s.steps[i] = 7;
  s.halted[0] = 1, s.halted[3] = 255;
  t.be->admit(t.be, &s, inputs, labels, ids);
  for (int i = 0; i < N; i++) {
    int fresh = i == 0 || i == 3;
    for (int j = i * S; j < (i + 1) * S; j++) {
      assert_int_equal(s.inputs[j], fresh ? 100 + j : -1);
      assert_int_equal(s.labels[j], fresh ? 200 + j : -2);
    }
    assert_int_equal(s.ids[i], fresh ? 300 + i : -3);
    assert_int_equal(s.steps[i], fresh ? 0 : 7);
    assert_int_equal(s.halted[i], 0);
  }
  close_slots(&s);
  close_bench(&t);
}

static void rows_are_gathered(void **unused) {
  (void)unused;
  enum { N = 5, ROWS = 3 };
  static const int32_t ids[] = {2, -1, 0, 3, 2};
  bench t;
  open_backend(&t, "auto", 2);
  trm__real *table = numbers(ROWS * N, 1, 1), *rows = numbers(6 * N, 2, 1), guard = rows[5 * N];
  t.be->gather_rows(t.be, rows, table, ROWS, N, ids, 5);
  for (int i = 0; i < 5 * N; i++) {
    int32_t id = ids[i / N];
    assert_true(rows[i] == (id >= 0 && id < ROWS ? table[id * N + i % N] : 0));
  }
  assert_true(rows[5 * N] == guard);
  trm__free(table);
  trm__free(rows);
  close_bench(&t);
}

/* -- the update's numbers ---------------------------------------------------------------------------------------- */

static void updates_begin(void **unused) {
  (void)unused;
  bench t;
  open_backend(&t, "auto", 1);
  trm__update_rule rule = {
      .warmup = 4, .total = 12, .min_ratio = 0.2, .ema_decay = 0.9, .ema_from = 3, .batch = 10, .first = 6};
  trm__update_state state = {0};
  uint64_t index[3] = {0, 0, 77};
  for (int i = 1; i <= 13; i++) {
    t.be->update_begin(t.be, &state, &rule, index, 2);
    double progress = fmin(1, (i - 4) / 8.0);
    double expected = i < 4 ? i / 4.0 : 0.2 + 0.8 * (1 + cos(3.14159265358979 * progress)) / 2;
    assert_int_equal(state.t, i);
    assert_true(fabs(state.factor - expected) <= 1e-12);
    assert_true(state.ema_decay == (i <= 3 ? 0 : 0.9));
    assert_true(index[0] == (uint64_t)(10 * i + 6) && index[1] == index[0] + 1 && index[2] == 77);
  }
  state.diverged = TRM__NORM_BAD;
  t.be->update_begin(t.be, &state, &rule, NULL, 0);
  assert_int_equal(state.t, 13);
  close_bench(&t);
}

static void check_factor(bench *t, int64_t update, int64_t warmup, int64_t total, double ratio, double expected) {
  const trm__update_rule rule = {.warmup = warmup, .total = total, .min_ratio = ratio, .batch = 1};
  trm__update_state state = {.t = update - 1};
  t->be->update_begin(t->be, &state, &rule, NULL, 0);
  if (!(fabs(state.factor - expected) <= 1e-15))
    fail_msg("update %d: %.17g, expected %.17g", (int)update, state.factor, expected);
}

/* The schedule at its corners: the warm-up's end, no warm-up, half the cosine, the end and past it (a run that was
 * lengthened), runs that end inside the warm-up. */
static void schedule_at_its_corners(void **unused) {
  (void)unused;
  bench t;
  open_backend(&t, "auto", 1);
  check_factor(&t, 1, 2000, 65104, 1, 1.0 / 2000);
  check_factor(&t, 1999, 2000, 65104, 1, 1999.0 / 2000);
  for (int64_t update = 2000; update <= 65104; update += 1051) check_factor(&t, update, 2000, 65104, 1, 1);
  check_factor(&t, 1, 0, 100, 1, 1);
  check_factor(&t, 1, 1, 100, 0.5, 1);
  check_factor(&t, 4, 4, 40, 0.1, 1);
  check_factor(&t, 22, 4, 40, 0.1, 0.55);
  check_factor(&t, 13, 4, 40, 0, (1 + sqrt(0.5)) / 2);
  check_factor(&t, 40, 4, 40, 0.1, 0.1);
  check_factor(&t, 40, 4, 40, 0, 0);
  check_factor(&t, 41, 4, 40, 0.1, 0.1);
  check_factor(&t, 1000000, 4, 40, 0.1, 0.1);
  check_factor(&t, 5, 10, 5, 0.1, 0.5);
  check_factor(&t, 10, 10, 10, 0.1, 1);
  check_factor(&t, 12, 10, 5, 0.1, 1);
  close_bench(&t);
}

static trm__update_state judged(bench *t, const trm__update_rule *rule, const trm__example_stats *stats,
                                const trm__real *grads, size_t n) {
  trm__update_state state = {.t = 5, .factor = 1};
  t->be->update_judge(t->be, &state, rule, stats, grads, n);
  return state;
}

static void updates_are_judged(void **unused) {
  (void)unused;
  enum { B = 4, N = 1000 };
  bench t;
  open_backend(&t, "auto", 2);
  trm__real *grads = numbers(N, 1, 1);
  trm__example_stats *stats = stats_of(B, -2);
  trm__update_rule rule = {.batch = B, .halt_weight = 0.5, .max_loss = 10, .q_halt_floor = -1e4};
  double norm = 0;
  for (int i = 0; i < N; i++) norm += (double)grads[i] * (double)grads[i];
  norm = sqrt(norm);
  for (int i = 0; i < B; i++) stats[i].lm_loss = i + 1, stats[i].halt_loss = 2 * i;
  trm__update_state s = judged(&t, &rule, stats, grads, N);
  assert_true(s.lm_loss == 2.5 && s.halt_loss == 3 && s.q_halt == -2 && s.grad_scale == 1);
  assert_true(fabs(s.grad_norm - norm) <= 1e-9 * norm && s.diverged == TRM__SOUND && s.t == 5);
  rule.clip = norm / 4;
  assert_true(fabs(judged(&t, &rule, stats, grads, N).grad_scale - 0.25) <= 1e-9);
  rule.clip = 2 * norm;
  assert_true(judged(&t, &rule, stats, grads, N).grad_scale == 1);
  rule.max_loss = 3.99; /* 2.5 + 0.5 * 3 */
  s = judged(&t, &rule, stats, grads, N);
  assert_true(s.diverged == TRM__LOSS_BAD && s.t == 4 && s.lm_loss == 2.5);
  rule.max_loss = 4;
  assert_int_equal(judged(&t, &rule, stats, grads, N).diverged, TRM__SOUND);
  grads[N - 1] = (trm__real)NAN;
  assert_int_equal(judged(&t, &rule, stats, grads, N).diverged, TRM__NORM_BAD);
  grads[N - 1] = 0;
  for (int i = 0; i < B; i++) stats[i].q_halt = -1e4;
  assert_int_equal(judged(&t, &rule, stats, grads, N).diverged, TRM__HALTING_LOST);
  stats[2].halt_loss = NAN;
  assert_int_equal(judged(&t, &rule, stats, grads, N).diverged, TRM__LOSS_BAD);
  trm__free(grads);
  trm__free(stats);
  close_bench(&t);
}

/* -- halting ----------------------------------------------------------------------------------------------------- */

typedef struct halting {
  bench t;
  trm__slots slots;
  trm__update_log log;
  trm__update_rule rule;
  trm__example_stats *stats;
} halting;

static void open_halting(halting *h, int batch, int first, int count, double q) {
  open_backend(&h->t, "auto", 1);
  h->slots = open_slots(count, 2);
  h->log = open_log(3, count);
  h->stats = stats_of(count, q);
  h->rule = (trm__update_rule){.batch = batch, .first = first, .max_steps = 16, .seed = 42};
}

static void close_halting(halting *h) {
  close_slots(&h->slots);
  close_log(&h->log);
  trm__free(h->stats);
  close_bench(&h->t);
}

static void end(halting *h, int64_t t) {
  const trm__update_state state = {.t = t, .factor = 1};
  h->t.be->update_end(h->t.be, &state, &h->rule, h->stats, &h->slots, &h->log);
}

static void halting_rule(void **unused) {
  (void)unused;
  halting h;
  open_halting(&h, 8, 0, 8, -1);
  h.rule.max_steps = 3;
  h.stats[2].q_halt = 0.01;
  h.stats[3].q_halt = 0; /* not over zero */
  for (int step = 1; step <= 3; step++) {
    end(&h, step);
    for (int i = 0; i < 8; i++) {
      assert_int_equal(h.slots.steps[i], step);
      assert_int_equal(h.slots.halted[i], i == 2 || step == 3);
    }
  }
  h.rule.max_steps = 1; /* every step is the last; no exploration to draw from */
  h.rule.exploration_prob = 1;
  memset(h.slots.steps, 0, 8 * sizeof *h.slots.steps);
  end(&h, 9);
  for (int i = 0; i < 8; i++) assert_int_equal(h.slots.halted[i], 1);
  close_halting(&h);
}

/* With all logits positive a slot goes on at step s exactly when m > s: with probability p * P(m > s), m in 2..M. */
static void exploration(void **unused) {
  (void)unused;
  enum { SLOTS = 512, UPDATES = 400 };
  halting h;
  open_halting(&h, SLOTS, 0, SLOTS, 1);
  h.rule.exploration_prob = 0.1;
  for (int at = 1; at <= 15; at += 7) {
    int64_t on = 0;
    for (int update = 1; update <= UPDATES; update++) {
      for (int i = 0; i < SLOTS; i++) h.slots.steps[i] = at - 1;
      end(&h, update);
      for (int i = 0; i < SLOTS; i++) on += !h.slots.halted[i];
    }
    double n = (double)SLOTS * UPDATES, p = 0.1 * (at < 2 ? 15 : 16 - at) / 15, got = (double)on / n;
    if (!(fabs(got - p) <= 5 * sqrt(p * (1 - p) / n))) fail_msg("step %d: %g went on, expected %g", at, got, p);
  }
  close_halting(&h);
}

/* The draws belong to (seed, update, slot): the same however slots are spread over ranks, different otherwise. */
static void exploration_streams(void **unused) {
  (void)unused;
  enum { SLOTS = 256 };
  halting whole, part;
  open_halting(&whole, SLOTS, 0, SLOTS, 1);
  open_halting(&part, SLOTS, 64, 128, 1);
  whole.rule.exploration_prob = part.rule.exploration_prob = 0.5;
  uint8_t before[SLOTS];
  end(&whole, 3);
  end(&part, 3);
  assert_memory_equal(whole.slots.halted + 64, part.slots.halted, 128);
  memcpy(before, whole.slots.halted, SLOTS);
  memset(whole.slots.steps, 0, SLOTS * sizeof(int32_t));
  end(&whole, 4);
  assert_memory_not_equal(before, whole.slots.halted, SLOTS);
  memset(whole.slots.steps, 0, SLOTS * sizeof(int32_t));
  whole.rule.seed = 43;
  end(&whole, 3);
  assert_memory_not_equal(before, whole.slots.halted, SLOTS);
  close_halting(&whole);
  close_halting(&part);
}

/* Update t is in place t % entries; what diverged is in its own place, and changes no count. */
static void the_log_keeps_updates(void **unused) {
  (void)unused;
  halting h;
  open_halting(&h, 4, 0, 4, -1);
  for (int t = 1; t <= 4; t++) {
    h.stats[1].lm_loss = t;
    end(&h, t);
  }
  for (int t = 2; t <= 4; t++) {
    assert_int_equal(h.log.state[t % 3].t, t);
    assert_true(h.log.stats[t % 3 * 4 + 1].lm_loss == t);
    for (int i = 0; i < 4; i++) {
      assert_int_equal(h.log.steps[t % 3 * 4 + i], t);
      assert_int_equal(h.log.halted[t % 3 * 4 + i], 0);
    }
  }
  const trm__update_state bad = {.t = 4, .diverged = TRM__LOSS_BAD};
  for (int again = 0; again < 3; again++) h.t.be->update_end(h.t.be, &bad, &h.rule, h.stats, &h.slots, &h.log);
  assert_int_equal(h.log.state[2].diverged, TRM__LOSS_BAD);
  assert_int_equal(h.log.state[2].t, 4);
  assert_int_equal(h.log.state[0].t, 3);
  assert_int_equal(h.log.state[1].t, 4);
  assert_int_equal(h.log.state[0].diverged, TRM__SOUND);
  assert_int_equal(h.log.state[1].diverged, TRM__SOUND);
  for (int i = 0; i < 4; i++) assert_int_equal(h.slots.steps[i], 4);
  close_halting(&h);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(halted_slots_admit),
      cmocka_unit_test(rows_are_gathered),
      cmocka_unit_test(updates_begin),
      cmocka_unit_test(updates_are_judged),
      cmocka_unit_test(halting_rule),
      cmocka_unit_test(exploration),
      cmocka_unit_test(schedule_at_its_corners),
      cmocka_unit_test(exploration_streams),
      cmocka_unit_test(the_log_keeps_updates),
  };
  return cmocka_run_group_tests_name("backend update", tests, NULL, NULL);
}
