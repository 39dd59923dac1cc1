/* The engine against a plain model, over random schedules: puzzles come late, are cancelled, run out of time, have
 * limits, thresholds, n and T of their own, heed rules or do not, start from states, or do not fit; the width changes,
 * a callback stops the call. The model knows only what each puzzle gives alone, step by step. Every puzzle must leave
 * once, with the bits of solving it alone, and for a reason that the schedule gives.
 *
 * SCHEDULES=10000 runs as many (1,000 by default), SEED=n those from n on. A failure prints its seed. */
#include "unit/infer/fifths.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "infer/engine.h"

enum { POOL = 12, VARIANTS = 4, MOST = 6, GIVEN = 24, SOLVERS = 5, NOISE = 100 };

/* n and T of a puzzle; 0: the solver's. */
static const int variants[VARIANTS][2] = {{0, 0}, {1, 1}, {3, 1}, {2, 3}};
static const int64_t batches[SOLVERS] = {0, 1, 2, 3, 8};

/* Puzzle p alone after k + 1 steps. */
typedef struct alone {
  int32_t answer[CELLS];
  float q;
  trm_state *state;
} alone;

static fixture fix;
static trm_solver *solvers[SOLVERS];
static int32_t inputs[POOL * CELLS], identifiers[POOL];
static alone known[POOL][VARIANTS][MOST];
static double some_q[POOL * VARIANTS * MOST]; /* thresholds worth trying */
static uint64_t seed;

#define EXPECT(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) fail_msg("SEED=%llu: %s", (unsigned long long)seed, #condition);                                 \
  } while (0)

/* What the schedule has for one puzzle. Times are ticks: every report of a step is one. */
typedef struct planned {
  int pool, variant, first; /* first: steps that its state has taken */
  int64_t max_steps;
  double threshold;
  int64_t arrival, cancel, deadline; /* cancel: the tick from which on it is unwanted; 0: never, as for the deadline */
  int watch_ends;                    /* the step at which its watcher cancels it */
  int priority, broken, rules;       /* rules: 1 when it heeds them */
  /* what happened */
  int64_t number; /* in the call; negative: not given */
  int steps, left, told_unwanted;
  int64_t round; /* of its last step */
} planned;

typedef struct schedule {
  trm_solver *solver;
  planned puzzle[GIVEN];
  int count, given, left, ended;
  int64_t tick, round, round_began[3]; /* of this round, the one before, and that before it */
  int64_t stop;                        /* the tick at which the call is stopped; 0: never */
} schedule;

static schedule now;

static double false_clock(void) {
  return (double)now.tick;
}

/* -- what each puzzle gives alone ---------------------------------------------------------------------------------- */

typedef struct lonely {
  int pool, variant, given;
} lonely;

static void set_cells(trm_puzzle *puzzle, int pool, int variant) {
  memcpy(puzzle->tokens, inputs + pool * CELLS, CELLS * sizeof *puzzle->tokens);
  puzzle->identifier = identifiers[pool];
  puzzle->latent_cycles = variants[variant][0];
  puzzle->recursion_cycles = variants[variant][1];
  puzzle->noise_name = NOISE + (uint64_t)pool;
}

static trm_source_answer lonely_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  lonely *l = context;
  (void)number, (void)wait;
  if (l->given) return TRM_SOURCE_END;
  l->given = 1;
  set_cells(puzzle, l->pool, l->variant);
  puzzle->max_steps = MOST;
  puzzle->halt_threshold = (double)INFINITY;
  return TRM_SOURCE_PUZZLE;
}

static int lonely_step(void *context, const trm_step *step) {
  const lonely *l = context;
  alone *a = &known[l->pool][l->variant][step->step - 1];
  trm_error err = {0};
  memcpy(a->answer, step->answer, sizeof a->answer);
  a->q = step->q;
  CHECK_OK(trm_state_take(step->place, &a->state, &err), err);
  return TRM_STEP_ON;
}

static void lonely_leave(void *context, const trm_leave *leave) {
  (void)context;
  assert_int_equal(leave->solution->steps, MOST);
}

static void know_all(trm_solver *solver) {
  trm_error err = {0};
  size_t q = 0;
  for (int p = 0; p < POOL; p++)
    for (int v = 0; v < VARIANTS; v++) {
      lonely l = {.pool = p, .variant = v};
      trm_source source = trm_source_default();
      source.puzzles = 1;
      source.context = &l;
      source.next = lonely_next;
      source.leave = lonely_leave;
      CHECK_OK(trm_solve_source(solver, &source, lonely_step, &l, &err), err);
      for (int k = 0; k < MOST; k++) some_q[q++] = (double)known[p][v][k].q;
    }
}

/* -- a schedule ---------------------------------------------------------------------------------------------------- */

static int chance(trm__rng *rng, int percent) {
  return (int)trm__rng_below(rng, 100) < percent;
}

static int64_t up_to(trm__rng *rng, int64_t most) {
  return 1 + (int64_t)trm__rng_below(rng, (uint32_t)most);
}

static planned plan_puzzle(trm__rng *rng, int64_t span) {
  planned p = {.pool = (int)trm__rng_below(rng, POOL), .number = -1};
  p.variant = chance(rng, 60) ? 0 : (int)trm__rng_below(rng, VARIANTS);
  p.first = chance(rng, 20) ? (int)up_to(rng, MOST - 1) : 0;
  p.max_steps = p.first + up_to(rng, MOST - p.first);
  p.threshold = chance(rng, 50) ? (double)INFINITY : some_q[trm__rng_below(rng, POOL * VARIANTS * MOST)];
  p.arrival = chance(rng, 40) ? 0 : up_to(rng, span);
  if (chance(rng, 25)) p.cancel = up_to(rng, span);
  if (chance(rng, 15)) p.deadline = up_to(rng, span);
  if (chance(rng, 10)) p.watch_ends = (int)up_to(rng, MOST);
  p.priority = (int)trm__rng_below(rng, 3);
  p.broken = chance(rng, 5);
  p.rules = chance(rng, 40);
  return p;
}

static void plan(trm__rng *rng) {
  int64_t span = up_to(rng, 200);
  now = (schedule){.count = (int)up_to(rng, GIVEN),
                   .solver = solvers[chance(rng, 40) ? 0 : trm__rng_below(rng, SOLVERS)]};
  for (int i = 0; i < now.count; i++) now.puzzle[i] = plan_puzzle(rng, span);
  if (chance(rng, 10)) now.stop = up_to(rng, span);
  /* Costs by which the width grows, shrinks and settles at different sizes. */
  now.solver->costs = (trm__batch_costs){0};
  if (chance(rng, 70))
    now.solver->costs = (trm__batch_costs){
        .count = 4, .at = {{1, 6, 1.1e-12}, {2, 6, 2e-12}, {4, 6, 4.4e-12}, {8, (int)up_to(rng, 6), 9.6e-12}}};
}

static planned *find(int64_t number) {
  for (int i = 0; i < now.count; i++)
    if (now.puzzle[i].number == number) return &now.puzzle[i];
  fail_msg("SEED=%llu: puzzle %lld was not given", (unsigned long long)seed, (long long)number);
  return NULL;
}

/* Of those that have come the one of the highest priority; NULL: none at this tick. */
static planned *find_next(void) {
  planned *best = NULL;
  for (int i = 0; i < now.count; i++) {
    planned *p = &now.puzzle[i];
    if (p->number < 0 && p->arrival <= now.tick && (!best || p->priority > best->priority)) best = p;
  }
  return best;
}

static int64_t next_arrival(void) {
  int64_t tick = INT64_MAX;
  for (int i = 0; i < now.count; i++)
    if (now.puzzle[i].number < 0 && now.puzzle[i].arrival < tick) tick = now.puzzle[i].arrival;
  return tick;
}

static int on_watch(void *context, const trm_step *step) {
  const planned *p = context;
  EXPECT(step->puzzle == p->number && step->step == p->steps);
  return step->step == p->watch_ends ? TRM_STEP_STOP : TRM_STEP_ON;
}

static trm_source_answer on_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  (void)context;
  EXPECT(!now.ended && number == now.given);
  if (wait) EXPECT(now.left == now.given);
  now.ended = now.given == now.count;
  if (now.ended) return TRM_SOURCE_END;
  planned *p = find_next();
  if (!p && !wait) return TRM_SOURCE_NONE;
  if (!p) now.tick = next_arrival();
  if (!p) p = find_next();
  p->number = now.given++;
  p->steps = p->first;
  set_cells(puzzle, p->pool, p->variant);
  if (p->broken) puzzle->tokens[3] = TOKENS;
  puzzle->max_steps = p->max_steps;
  puzzle->halt_threshold = p->threshold;
  puzzle->rules = p->rules ? TRM_RULES_HALT : TRM_RULES_IGNORE;
  puzzle->deadline = (double)p->deadline;
  puzzle->priority = p->priority;
  puzzle->state = p->first ? known[p->pool][p->variant][p->first - 1].state : NULL;
  puzzle->watch = on_watch;
  puzzle->watch_context = puzzle->tag = p;
  return TRM_SOURCE_PUZZLE;
}

static int on_cancelled(void *context, int64_t number, void *tag) {
  planned *p = tag;
  (void)context;
  EXPECT(p->number == number && !p->left);
  if (p->cancel && now.tick >= p->cancel) p->told_unwanted = 1;
  return p->told_unwanted;
}

static void begin_round(void) {
  int64_t round = now.solver->stats.rounds;
  if (round == now.round) return;
  now.round = round;
  now.round_began[2] = now.round_began[1];
  now.round_began[1] = now.round_began[0];
  now.round_began[0] = now.tick;
}

/* Nobody takes a step who should have left when the round before the last was reported. */
static int on_step(void *context, const trm_step *step) {
  planned *p = find(step->puzzle);
  (void)context;
  const char *broken = trm__engine_check(now.solver);
  if (broken) fail_msg("SEED=%llu: %s", (unsigned long long)seed, broken);
  begin_round();
  EXPECT(!p->left && !p->told_unwanted && !p->broken && step->step == ++p->steps && step->step <= p->max_steps);
  if (p->steps > p->first + 1) { /* it was looked at when its last round was reported, which ended at a later tick */
    EXPECT(!p->cancel || p->cancel > now.round_began[1] || p->round < now.round - 1);
    EXPECT(!p->deadline || p->deadline > now.round_began[1] || p->round < now.round - 1);
  }
  p->round = now.round;
  const alone *a = &known[p->pool][p->variant][step->step - 1];
  EXPECT(memcmp(step->answer, a->answer, sizeof a->answer) == 0 && step->q == a->q);
  now.tick++;
  return now.stop && now.tick >= now.stop ? TRM_STEP_STOP : TRM_STEP_ON;
}

/* What ends the puzzle after its k-th step, unless it is its limit. */
static int halts(const planned *p, int k) {
  const alone *a = &known[p->pool][p->variant][k - 1];
  if (p->rules) return fifths_right(a->answer) ? TRM_HALT_RULES : TRM_HALT_NONE;
  return (double)a->q > p->threshold ? TRM_HALT_HEAD : TRM_HALT_NONE;
}

static int is_done(const planned *p, int k) {
  return k >= p->max_steps || halts(p, k) != TRM_HALT_NONE;
}

static void on_leave(void *context, const trm_leave *leave) {
  planned *p = leave->tag;
  const trm_solution *s = leave->solution;
  (void)context;
  EXPECT(p->number == leave->puzzle && !p->left++ && s->refused == p->broken && !leave->error == !p->broken);
  now.left++;
  if (!leave->answer) { /* before its first step here */
    EXPECT(s->cancelled && !s->halted && !leave->place && s->steps == 0 && p->steps == p->first);
    EXPECT(s->refused || (s->expired ? p->deadline && now.tick >= p->deadline : p->told_unwanted));
    return;
  }
  int stopped = now.stop && now.tick >= now.stop;
  if (stopped && s->steps == p->steps + 1) p->steps++; /* the step was taken, but not shown any more */
  const alone *a = &known[p->pool][p->variant][p->steps - 1];
  EXPECT(s->steps == p->steps && s->q == a->q && memcmp(leave->answer, a->answer, sizeof a->answer) == 0);
  for (int k = p->first + 1; k < p->steps; k++) EXPECT(!is_done(p, k));
  EXPECT(s->checked == p->rules && s->correct == (p->rules && fifths_right(a->answer)));
  if (!s->cancelled) {
    EXPECT(is_done(p, p->steps) && s->halted == halts(p, p->steps) && !s->expired);
    return;
  }
  EXPECT(!s->halted && (stopped || !is_done(p, p->steps)));
  EXPECT(s->expired ? p->deadline && now.tick >= p->deadline
                    : stopped || p->told_unwanted || p->steps == p->watch_ends);
}

static trm_status run_schedule(void) {
  trm_error err = {0};
  trm_source source = trm_source_default();
  source.next = on_next;
  source.cancelled = on_cancelled;
  source.leave = on_leave;
  trm_status status = trm_solve_source(now.solver, &source, on_step, NULL, &err);
  EXPECT(now.left == now.given);
  EXPECT(status == TRM_OK ? now.given == now.count : status == TRM_E_STOPPED && now.stop);
  return status;
}

static int count_from(const char *name, int count) {
  const char *text = getenv(name);
  return text ? atoi(text) : count;
}

static void every_puzzle_leaves_once_with_its_own_answer(void **state) {
  (void)state;
  int first = count_from("SEED", 0), count = count_from("SCHEDULES", 1000), stopped = 0;
  int64_t puzzles = 0, mixed = 0, parked = 0;
  for (int i = 0; i < SOLVERS; i++) solvers[i]->clock = false_clock;
  for (seed = (uint64_t)first; seed < (uint64_t)(first + count); seed++) {
    trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, 9);
    plan(&rng);
    stopped += run_schedule() == TRM_E_STOPPED;
    puzzles += now.given;
    for (int i = 0; i < now.count; i++) mixed += now.puzzle[i].variant != 0;
    trm_solve_stats stats = trm_solver_last_stats(now.solver);
    EXPECT(stats.computed == stats.steps);
    parked += now.solver->costs.count > 0 && stats.batch < 8;
  }
  print_message("%d schedules from seed %d: %lld puzzles, %d calls stopped\n", count, first, (long long)puzzles,
                stopped);
  assert_true(count < 100 || (stopped > 0 && mixed > 0 && parked > 0 && puzzles > 5 * count));
}

/* -- a queue that another thread fills ----------------------------------------------------------------------------- */

typedef struct shared {
  trm_queue *queue;
  planned puzzle[GIVEN]; /* by ticket */
  int count;
  atomic_int pushed;
  int left[GIVEN]; /* the solving thread's */
} shared;

static int on_shared_watch(void *context, const trm_step *step) {
  const planned *p = context;
  const alone *a = &known[p->pool][p->variant][step->step - 1];
  EXPECT(memcmp(step->answer, a->answer, sizeof a->answer) == 0 && step->q == a->q);
  return TRM_STEP_ON;
}

static void on_shared_leave(void *context, const trm_leave *leave) {
  shared *s = context;
  const planned *p = leave->tag;
  EXPECT(leave->puzzle == p - s->puzzle && !s->left[leave->puzzle]++);
  EXPECT(!leave->solution->cancelled || p->cancel);
  if (!leave->answer) return;
  int k = leave->solution->steps;
  EXPECT(memcmp(leave->answer, known[p->pool][p->variant][k - 1].answer, CELLS * sizeof(int32_t)) == 0);
  EXPECT(leave->solution->cancelled || is_done(p, k));
}

static void *push_all(void *context) {
  shared *s = context;
  trm_error err = {0};
  for (int i = 0; i < s->count; i++) {
    planned *p = &s->puzzle[i];
    int32_t tokens[CELLS];
    int64_t ticket;
    trm_puzzle puzzle = trm_puzzle_default();
    trm_status status;
    puzzle.tokens = tokens;
    set_cells(&puzzle, p->pool, p->variant);
    puzzle.max_steps = p->max_steps;
    puzzle.halt_threshold = p->threshold;
    puzzle.rules = p->rules ? TRM_RULES_HALT : TRM_RULES_IGNORE;
    puzzle.priority = p->priority;
    puzzle.state = p->first ? known[p->pool][p->variant][p->first - 1].state : NULL;
    puzzle.watch = on_shared_watch;
    puzzle.watch_context = puzzle.tag = p;
    while ((status = trm_queue_push(s->queue, &puzzle, &ticket, &err)) == TRM_E_BUSY) sched_yield();
    CHECK_OK(status, err);
    EXPECT(ticket == i);
    if (i > 2 && s->puzzle[i - 2].cancel) trm_queue_cancel(s->queue, i - 2);
  }
  trm_queue_end(s->queue);
  return NULL;
}

static void a_queue_filled_by_another_thread_changes_nothing(void **state) {
  (void)state;
  int first = count_from("SEED", 0), count = count_from("SCHEDULES", 1000) / 5;
  static shared s;
  for (int i = 0; i < SOLVERS; i++) solvers[i]->clock = trm_clock;
  for (seed = (uint64_t)first; seed < (uint64_t)(first + count); seed++) {
    trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, 10);
    trm_error err = {0};
    pthread_t thread;
    s = (shared){.count = (int)up_to(&rng, GIVEN)};
    for (int i = 0; i < s.count; i++) s.puzzle[i] = plan_puzzle(&rng, 10);
    trm_solver *solver = solvers[trm__rng_below(&rng, SOLVERS)];
    CHECK_OK(trm_queue_open(&s.queue, solver, up_to(&rng, GIVEN), on_shared_leave, &s, &err), err);
    assert_int_equal(pthread_create(&thread, NULL, push_all, &s), 0);
    CHECK_OK(trm_queue_solve(s.queue, solver, &err), err);
    pthread_join(thread, NULL);
    for (int i = 0; i < s.count; i++) EXPECT(s.left[i] == 1);
    trm_queue_close(&s.queue);
  }
}

static int open_all(void **state) {
  (void)state;
  if (!fifths_register()) return 1;
  fixture_open(&fix, 1, 1, FIFTHS_TASK);
  test_puzzles(inputs, identifiers, POOL, 3);
  for (int i = 0; i < SOLVERS; i++) {
    trm_error err = {0};
    trm_solver_config config = trm_solver_config_default();
    config.batch = batches[i];
    config.start_noise = 0.3;
    config.latent_noise = 0.1;
    CHECK_OK(trm_solver_open(&solvers[i], fix.runtime, fix.model, &config, &err), err);
  }
  know_all(solvers[1]);
  return 0;
}

static int close_all(void **state) {
  (void)state;
  for (int i = 0; i < SOLVERS; i++) trm_solver_close(&solvers[i]);
  for (int p = 0; p < POOL; p++)
    for (int v = 0; v < VARIANTS; v++)
      for (int k = 0; k < MOST; k++) trm_state_close(&known[p][v][k].state);
  fixture_close(&fix);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_puzzle_leaves_once_with_its_own_answer),
                                     cmocka_unit_test(a_queue_filled_by_another_thread_changes_nothing)};
  return cmocka_run_group_tests(tests, open_all, close_all);
}
