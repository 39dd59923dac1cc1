/* Tries: the decisions as a table; and the engine against a plain loop over the bare network that does what
 * include/trm/solve.h says, at any batch, in arrays and by a source. The rules are those of a kind made for this: the
 * sum of an answer's tokens is a multiple of five. */
#include "unit/infer/support.h"

#include "infer/engine.h"
#include "infer/request.h"
#include "task/kind.h"

enum { N = 40, STEPS = 3, MOST = 4, SEED = 11 };

static const char task_text[] = "{\"kind\":\"fifths\",\"width\":4,\"height\":4,\"box_width\":0,\"box_height\":0,"
                                "\"vocab_size\":6,\"alphabet\":\"abcde\"}";

static int32_t inputs[N * CELLS], identifiers[N];

typedef struct outcome {
  int32_t answer[CELLS];
  int tries, steps, halted;
  float q;
} outcome;

/* -- the kind ------------------------------------------------------------------------------------------------------ */

static trm_task_verdict fifths_judge(const trm_task *task, const int32_t *question, const int32_t *answer) {
  int sum = 0;
  (void)question;
  for (int i = 0; i < task->width * task->height; i++) sum += answer[i];
  return (trm_task_verdict){1, sum % 5 == 0};
}

static void fifths_title(const trm_task *task, char *text, size_t size) {
  (void)task;
  snprintf(text, size, "Fifths");
}

static const trm__kind fifths = {.name = "fifths",
                                 .rules = "the sum is a multiple of five",
                                 .first_number = 1,
                                 .title = fifths_title,
                                 .parse = trm__text_parse,
                                 .render = trm__text_render,
                                 .judge = fifths_judge};

/* -- decisions ----------------------------------------------------------------------------------------------------- */

static void turns(void **state) {
  (void)state;
  static const struct {
    trm__try t; /* steps, max_steps, limit, tries, most, halted */
    int wrong;
    trm__turn turn;
  } cases[] = {
      {{1, 4, 4, 1, 1, 0}, 1, TRM__TURN_ON},           /* without tries nothing is asked */
      {{1, 4, 4, 1, 1, 1}, 1, TRM__TURN_LAST},         /* the head's word */
      {{4, 4, 4, 1, 1, 0}, 1, TRM__TURN_LAST},         /* the limit */
      {{1, 4, 4, 1, 3, 0}, 0, TRM__TURN_ON},           /* the first try is not judged before it is over */
      {{1, 4, 4, 1, 3, 1}, 0, TRM__TURN_LAST},         /* right */
      {{1, 4, 4, 1, 3, 1}, 1, TRM__TURN_AGAIN},        /* the head was wrong */
      {{5, 8, 4, 2, 3, 1}, 1, TRM__TURN_ON},           /* and is not heeded any more */
      {{5, 8, 4, 2, 3, 0}, 0, TRM__TURN_LAST},         /* the rules are */
      {{8, 8, 4, 2, 3, 0}, 1, TRM__TURN_AGAIN},        /* another */
      {{12, 12, 4, 3, 3, 0}, 1, TRM__TURN_LAST},       /* that was the last */
      {{99998, 99998, 4, 1, 3, 0}, 1, TRM__TURN_LAST}, /* its steps would be too many to have noise */
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (trm__tries_turn(&cases[i].t, cases[i].wrong) != cases[i].turn) fail_msg("case %zu", i);
}

static void tries_within_the_work(void **state) {
  (void)state;
  assert_int_equal(trm__tries_allowed(16, TRM_TRIES_WORK / 16), 1);
  assert_int_equal(trm__tries_allowed(16, TRM_TRIES_WORK / 16 / 5.5), 5);
  assert_int_equal(trm__tries_allowed(16, 1), TRM_TRIES_MOST);
  assert_int_equal(trm__tries_allowed(16, 1e15), 1);
}

/* -- the plain loop ------------------------------------------------------------------------------------------------ */

typedef struct bare {
  trm__backend *be;
  trm__network *net;
  trm__weight_set set;
  trm__act *y, *z;
  trm_task task;
} bare;

static void bare_open(bare *b, const fixture *f) {
  trm_error err = {0};
  trm__network_plan plan = {.max_batch = 1};
  const trm__dims *d = &f->model->params.dims;
  memset(b, 0, sizeof *b);
  b->be = f->runtime->backend;
  CHECK_OK(trm__weight_set_open(&b->set, &f->model->params, &err), err);
  trm__model_read(f->model, &b->set);
  CHECK_OK(trm__network_open(&b->net, &f->model->config, &f->model->params, b->be, &plan, &err), err);
  trm__network_prepare(b->net, b->set.flat);
  size_t bytes = (size_t)(d->L * d->D) * b->be->act_bytes(b->be, d);
  b->y = b->be->alloc(b->be, bytes);
  b->z = b->be->alloc(b->be, bytes);
  CHECK_OK(trm_model_task(f->model, &b->task, &err), err);
}

static void bare_close(bare *b) {
  b->be->free(b->be, b->y);
  b->be->free(b->be, b->z);
  trm__network_close(&b->net);
  trm__weight_set_close(&b->set);
}

static int bare_step(bare *b, int i, outcome *out) {
  trm__real logits[CELLS * TOKENS], q[2];
  trm__network_step(b->net, 1, inputs + i * CELLS, b->set.puzzle + identifiers[i] * 32, b->y, b->z, logits, q);
  out->steps++;
  out->q = (float)q[0];
  for (int s = 0; s < CELLS; s++) {
    out->answer[s] = 0;
    for (int v = 1; v < TOKENS; v++)
      if (logits[s * TOKENS + v] > logits[s * TOKENS + out->answer[s]]) out->answer[s] = v;
  }
  return fifths_judge(&b->task, NULL, out->answer).keeps_rules;
}

static void bare_solve(bare *b, int i, double threshold, outcome *out) {
  const uint8_t fresh = 1;
  int right = 0;
  memset(out, 0, sizeof *out);
  while (!right && out->tries < MOST) {
    out->tries++;
    uint64_t index = (uint64_t)i << TRM__NOISE_STEP_BITS | (uint64_t)out->steps;
    trm__network_noise noise = {out->tries > 1 ? TRM__TRIES_NOISE : 0, SEED, &index, 0};
    trm__network_refill_latent(b->net, 1, &fresh, b->set.start, 0, &noise, b->y, b->z);
    for (int step = 0; step < STEPS; step++) {
      right = bare_step(b, i, out);
      out->halted = out->tries == 1 && (double)out->q > threshold;
      if (out->tries > 1 ? right : out->halted) break;
    }
  }
}

/* -- the engine ---------------------------------------------------------------------------------------------------- */

static trm_solver *open_solver(const fixture *f, int64_t batch, int64_t tries, double threshold) {
  trm_error err = {0};
  trm_solver *solver = NULL;
  trm_solver_config config = trm_solver_config_default();
  assert_int_equal(config.tries, 1);
  config.batch = batch;
  config.max_steps = STEPS;
  config.halt_threshold = threshold;
  config.seed = SEED;
  config.tries = tries;
  CHECK_OK(trm_solver_open(&solver, f->runtime, f->model, &config, &err), err);
  return solver;
}

typedef struct counts {
  const trm_solver *solver;
  int steps[N], tries[N];
} counts;

static int count_step(void *context, const trm_step *step) {
  counts *c = context;
  const char *fault = trm__engine_check(c->solver);
  if (fault) fail_msg("%s", fault);
  assert_int_equal(step->step, ++c->steps[step->puzzle]);
  assert_in_range(step->tries, c->tries[step->puzzle], c->tries[step->puzzle] + 1);
  c->tries[step->puzzle] = step->tries;
  return TRM_STEP_ON;
}

static void check_engine(const fixture *f, int64_t batch, double threshold, const outcome *want) {
  static int32_t answers[N * CELLS];
  static trm_solution solutions[N];
  trm_error err = {0};
  trm_solver *solver = open_solver(f, batch, MOST, threshold);
  counts c = {.solver = solver};
  assert_int_equal(trm_solver_get_tries(solver), MOST);
  CHECK_OK(trm_solve(solver, N, inputs, identifiers, answers, solutions, count_step, &c, &err), err);
  for (int i = 0; i < N; i++) {
    assert_int_equal(solutions[i].tries, want[i].tries);
    assert_int_equal(solutions[i].steps, want[i].steps);
    assert_int_equal(solutions[i].halted, want[i].halted);
    assert_true(solutions[i].q == want[i].q);
    assert_memory_equal(answers + i * CELLS, want[i].answer, sizeof want[i].answer);
    assert_true(c.steps[i] == want[i].steps && c.tries[i] == want[i].tries);
  }
  trm_solver_close(&solver);
}

static void equals_a_plain_loop(void **state) {
  (void)state;
  static outcome want[N];
  static const int64_t batches[] = {1, 3, 7, 64, 0};
  int first = 0, later = 0, never = 0, halted = 0;
  fixture f;
  bare b;
  fixture_open(&f, 1, 2, task_text);
  bare_open(&b, &f);
  double threshold = fixture_threshold(&f, inputs, identifiers, N);
  for (int i = 0; i < N; i++) {
    bare_solve(&b, i, threshold, &want[i]);
    int right = fifths_judge(&b.task, NULL, want[i].answer).keeps_rules;
    first += right && want[i].tries == 1;
    later += right && want[i].tries > 1;
    never += !right;
    halted += want[i].halted;
  }
  assert_true(first && later && never && halted); /* each of the ways is gone */
  for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) check_engine(&f, batches[i], threshold, want);
  bare_close(&b);
  fixture_close(&f);
}

typedef struct few {
  int64_t tries[4];
  trm_solution out[4];
} few;

static trm_source_answer few_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  const few *w = context;
  (void)wait;
  if (number == 4) return TRM_SOURCE_END;
  puzzle->tokens = inputs + number * CELLS;
  puzzle->identifier = identifiers[number];
  puzzle->tries = w->tries[number];
  return TRM_SOURCE_PUZZLE;
}

static void few_leave(void *context, const trm_leave *leave) {
  few *w = context;
  w->out[leave->puzzle] = *leave->solution;
}

/* A puzzle may ask for fewer or more than the solver; what is out of range is refused. */
static void a_puzzle_says_how_many(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  fixture_open(&f, 1, 1, task_text);
  trm_solver *solver = open_solver(&f, 2, 2, 1000);
  few w = {.tries = {1, 0, 50, -1}};
  trm_source source = trm_source_default();
  source.context = &w;
  source.next = few_next;
  source.leave = few_leave;
  CHECK_OK(trm_solve_source(solver, &source, NULL, NULL, &err), err);
  assert_int_equal(w.out[0].tries, 1);
  assert_in_range(w.out[1].tries, 1, 2);
  assert_in_range(w.out[2].tries, 1, 50);
  assert_true(w.out[3].refused && w.out[3].tries == 0);
  trm_solver_close(&solver);
  fixture_close(&f);
}

/* Without rules there is but one; 0 stands for what the model's cost allows. */
static void tries_in_force(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  trm_solver *solver = NULL;
  fixture_open(&f, 1, 1, NULL);
  trm_task task;
  CHECK_OK(trm_model_task(f.model, &task, &err), err);
  int rules = trm_task_rules(&task) != NULL;
  solver = open_solver(&f, 1, 5, 0);
  assert_int_equal(trm_solver_get_tries(solver), rules ? 5 : 1);
  trm_solver_close(&solver);
  fixture_close(&f);
  fixture_open(&f, 1, 1, task_text);
  solver = open_solver(&f, 1, 0, 0);
  assert_int_equal(trm_solver_get_tries(solver), TRM_TRIES_MOST); /* a tiny model */
  trm_solver_close(&solver);
  trm_solver_config config = trm_solver_config_default();
  config.tries = -1;
  CHECK_FAILS(trm_solver_open(&solver, f.runtime, f.model, &config, &err), TRM_E_USAGE, err, "tries");
  fixture_close(&f);
}

int main(void) {
  trm_error err = {0};
  if (trm__kind_register(&fifths, NULL, &err)) return 1;
  test_puzzles(inputs, identifiers, N, 3);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(turns),
      cmocka_unit_test(tries_within_the_work),
      cmocka_unit_test(equals_a_plain_loop),
      cmocka_unit_test(a_puzzle_says_how_many),
      cmocka_unit_test(tries_in_force),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
