/* The engine's events: each inference starts and stops once and in order, with the steps and the outcome that its
 * caller sees, for solving and evaluating, cancelled, stopped and failed; and that nobody listening costs nothing. */
#include "unit/infer/support.h"

#include <sys/syscall.h>
#include <time.h>

#include "base/telemetry.h"
#include "infer/engine.h"

enum { N = 37, STEPS = 4, MOST = 2000 };

static int32_t inputs[N * CELLS], identifiers[N], answers[N * CELLS];
static trm_solution solutions[N];

/* -- readings of clocks, counted: what the whole program calls is this function ------------------------------------ */

static long monotonic_reads, wall_reads;

int clock_gettime(clockid_t clock, struct timespec *t) {
  if (clock == CLOCK_REALTIME) wall_reads++;
  if (clock == CLOCK_MONOTONIC) monotonic_reads++;
  return (int)syscall(SYS_clock_gettime, clock, t);
}

/* -- what was heard ------------------------------------------------------------------------------------------------ */

typedef struct record {
  trm__event_id id;
  double time, clock;
  trm_event_value value[16];
  const trm_event_type *type;
} record;

static record records[MOST];
static int recorded;

static void record_event(void *context, const trm_event *event) {
  size_t count;
  (void)context;
  assert_true(recorded < MOST && event->type->fields <= 16);
  record *r = &records[recorded++];
  *r = (record){
      .id = (trm__event_id)(event->type - trm_telemetry_events(&count)), .clock = event->clock, .type = event->type};
  memcpy(r->value, event->value, event->type->fields * sizeof *r->value);
}

static const trm_event_value *record_get(const record *r, const char *name) {
  const trm_event event = {.type = r->type, .value = r->value};
  const trm_event_value *value = trm_event_get(&event, name);
  if (!value) fail_msg("%s has no %s", r->type->name, name);
  return value;
}

static int64_t record_int(const record *r, const char *name) {
  return record_get(r, name)->integer;
}

static void listen(void) {
  trm_error err = {0};
  recorded = 0;
  CHECK_OK(trm_telemetry_attach("", record_event, NULL, &err), err);
}

/* The events of one inference in their order. */
typedef struct story {
  const record *start, *stop, *complete, *halt, *step[STEPS];
  int steps;
} story;

/* They come in the order that infer/events.h says, with clocks that go forward. */
static void story_add(story *s, const record *r) {
  assert_null(s->complete);
  switch (r->id) {
  case TRM__EVENT_INFERENCE_START:
    assert_null(s->start);
    s->start = r;
    break;
  case TRM__EVENT_SUPERVISION_STEP:
    assert_true(s->start && !s->halt && !s->stop && s->steps < STEPS);
    s->step[s->steps++] = r;
    break;
  case TRM__EVENT_EARLY_HALT:
    assert_true(s->steps > 0 && !s->halt && !s->stop);
    s->halt = r;
    break;
  case TRM__EVENT_INFERENCE_STOP:
    assert_true(s->start && !s->stop);
    s->stop = r;
    break;
  case TRM__EVENT_INFERENCE_COMPLETE:
    assert_non_null(s->stop);
    s->complete = r;
    break;
  default:
    fail_msg("another event: %s", r->type->name);
  }
}

static story stories[N];

/* Sorts what was heard by puzzle. All is of one call, whose number is returned. */
static int64_t sort_records(const char *action) {
  memset(stories, 0, sizeof stories);
  int64_t call = recorded ? record_int(&records[0], "call") : 0;
  for (int i = 0; i < recorded; i++) {
    const record *r = &records[i];
    assert_int_equal(record_int(r, "call"), call);
    assert_string_equal(record_get(r, "action")->word, action);
    assert_in_range(record_int(r, "puzzle"), 0, N - 1);
    if (i) assert_true(r->clock >= records[i - 1].clock);
    story_add(&stories[record_int(r, "puzzle")], r);
  }
  return call;
}

static void check_stop(const story *s, int steps, int halted, const char *outcome) {
  assert_non_null(s->stop);
  assert_int_equal(record_int(s->start, "max_steps"), STEPS);
  assert_int_equal(record_int(s->stop, "steps"), steps);
  assert_int_equal(record_int(s->stop, "halted"), halted);
  assert_string_equal(record_get(s->stop, "outcome")->word, outcome);
  assert_true(record_get(s->stop, "duration")->real == s->stop->clock - s->start->clock);
  assert_int_equal(s->steps, steps);
  for (int i = 0; i < steps; i++) {
    assert_int_equal(record_int(s->step[i], "step"), i + 1);
    assert_true(record_int(s->step[i], "batch") >= 1 && record_get(s->step[i], "duration")->real > 0);
  }
  assert_int_equal(s->halt != NULL, halted && steps < STEPS);
  int done = !strcmp(outcome, "done");
  assert_int_equal(s->complete != NULL, done);
  if (done) assert_int_equal(record_int(s->complete, "supervision_steps"), steps);
}

static void check_halt(const story *s, double q, double threshold) {
  if (s->steps) assert_true(record_get(s->step[s->steps - 1], "q")->real == q);
  if (!s->halt) return;
  assert_int_equal(record_int(s->halt, "saved_steps"), STEPS - s->steps);
  assert_int_equal(record_int(s->halt, "steps"), s->steps);
  assert_true(record_get(s->halt, "q")->real == q && q > threshold);
  assert_true(record_get(s->halt, "threshold")->real == threshold);
}

/* A puzzle's events tell what its solution says. outcome: of those that were cancelled in the middle. */
static void check_story(int i, const char *outcome, double threshold) {
  const trm_solution *solution = &solutions[i];
  const story *s = &stories[i];
  if (!solution->steps) { /* it never entered */
    assert_true(!s->start && !s->stop);
    return;
  }
  check_stop(s, solution->steps, solution->halted, solution->cancelled ? outcome : "done");
  check_halt(s, (double)solution->q, threshold);
}

/* -- one solver ---------------------------------------------------------------------------------------------------- */

typedef struct setup {
  fixture f;
  trm_solver *solver;
  double threshold;
} setup;

static void open_setup(setup *t, int64_t batch) {
  fixture_open(&t->f, 1, 1, NULL);
  t->threshold = fixture_threshold(&t->f, inputs, identifiers, N);
  t->solver = fixture_solver(&t->f, batch, STEPS, 1, t->threshold);
}

static void close_setup(setup *t) {
  trm_telemetry_detach(record_event, NULL);
  trm_solver_close(&t->solver);
  fixture_close(&t->f);
}

static trm_status solve(const setup *t, trm_step_fn step, void *context, trm_error *err) {
  recorded = 0;
  return trm_solve(t->solver, N, inputs, identifiers, answers, solutions, step, context, err);
}

static void each_puzzle_starts_and_stops_once(void **state) {
  (void)state;
  static const int64_t batches[] = {1, 7, N, 0};
  int64_t last = 0;
  for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
    setup t;
    trm_error err = {0};
    open_setup(&t, batches[b]);
    listen();
    CHECK_OK(solve(&t, NULL, NULL, &err), err);
    int64_t call = sort_records("solve");
    assert_true(call > last); /* each call has a number of its own */
    last = call;
    int early = 0, late = 0;
    for (int i = 0; i < N; i++) {
      check_story(i, NULL, t.threshold);
      early += stories[i].halt != NULL;
      late += !stories[i].halt;
      if (batches[b]) assert_in_range(record_int(stories[i].step[0], "batch"), 1, batches[b]);
    }
    assert_true(early > 0 && late > 0);
    close_setup(&t);
  }
}

/* A handler hears a stop before the caller has the answer, and complete after it. */
typedef struct delivery {
  int64_t left;
} delivery;

static trm_source_answer deliver_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  (void)context, (void)wait;
  if (number == N) return TRM_SOURCE_END;
  memcpy(puzzle->tokens, inputs + number * CELLS, CELLS * sizeof *puzzle->tokens);
  puzzle->identifier = identifiers[number];
  return TRM_SOURCE_PUZZLE;
}

static void deliver_labels(void *context, int64_t number, int32_t *labels) {
  (void)context;
  memcpy(labels, inputs + number * CELLS, CELLS * sizeof *labels);
}

static void deliver_score(void *context, int64_t number, const trm_solution *solution,
                          const trm__example_stats *stats) {
  (void)context, (void)number, (void)solution, (void)stats;
}

static void deliver_leave(void *context, const trm_leave *leave) {
  delivery *d = context;
  const record *r = &records[recorded - 1];
  if (leave->solution->steps) {
    assert_int_equal(r->id, TRM__EVENT_INFERENCE_STOP);
    assert_int_equal(record_int(r, "puzzle"), leave->puzzle);
  }
  solutions[leave->puzzle] = *leave->solution;
  d->left++;
}

static void evaluating_is_told_as_such(void **state) {
  (void)state;
  setup t;
  trm_error err = {0};
  delivery d = {0};
  open_setup(&t, 5);
  t.solver->config.halt = 0; /* as evaluations are */
  const trm__job job = {.source = {.puzzles = N, .context = &d, .next = deliver_next, .leave = deliver_leave},
                        .labels = deliver_labels,
                        .score = deliver_score};
  listen();
  CHECK_OK(trm__engine_run(t.solver, &job, &err), err);
  (void)sort_records("evaluate");
  assert_int_equal(d.left, N);
  for (int i = 0; i < N; i++) {
    check_stop(&stories[i], STEPS, 0, "done");
    check_halt(&stories[i], (double)solutions[i].q, t.threshold);
  }
  close_setup(&t);
}

static int cancel_third(void *context, const trm_step *step) {
  (void)context;
  return step->puzzle == 3 && step->step == 1 ? TRM_STEP_CANCEL : TRM_STEP_ON;
}

static void a_cancelled_puzzle_says_so(void **state) {
  (void)state;
  setup t;
  trm_error err = {0};
  trm_cancel *cancel = NULL;
  open_setup(&t, 6);
  CHECK_OK(trm_cancel_open(&cancel, N, &err), err);
  trm_solver_set_cancel(t.solver, cancel);
  trm_cancel_puzzle(cancel, 9); /* before it enters: it is no inference */
  listen();
  CHECK_OK(solve(&t, cancel_third, NULL, &err), err);
  (void)sort_records("solve");
  assert_true(solutions[3].cancelled && solutions[9].cancelled && solutions[9].steps == 0);
  for (int i = 0; i < N; i++) check_story(i, "cancelled", t.threshold);
  assert_null(stories[9].start);
  check_stop(&stories[3], 1, 0, "cancelled");
  trm_cancel_close(&cancel);
  close_setup(&t);
}

static int stop_at(void *context, const trm_step *step) {
  int *left = context;
  (void)step;
  return --*left ? TRM_STEP_ON : TRM_STEP_STOP;
}

static void a_stopped_call_stops_each_inference(void **state) {
  (void)state;
  setup t;
  trm_error err = {0};
  open_setup(&t, 6);
  listen();
  for (int at = 1; at < N; at += 3) {
    int left = at, stopped = 0;
    assert_int_equal(solve(&t, stop_at, &left, &err), TRM_E_STOPPED);
    (void)sort_records("solve");
    for (int i = 0; i < N; i++) {
      check_story(i, "stopped", t.threshold);
      stopped += solutions[i].cancelled && solutions[i].steps;
    }
    assert_true(stopped > 0);
  }
  close_setup(&t);
}

/* A device that fails in its third round. */
static trm_status (*working_synchronize)(trm__backend *be, trm_error *err);
static int rounds_left;

static trm_status failing_synchronize(trm__backend *be, trm_error *err) {
  return --rounds_left ? working_synchronize(be, err) : trm__fail(err, TRM_E_INTERNAL, "device", "is gone");
}

static void a_failed_call_stops_each_inference(void **state) {
  (void)state;
  setup t;
  trm_error err = {0};
  open_setup(&t, 6);
  trm__backend *be = t.solver->backend;
  working_synchronize = be->synchronize;
  rounds_left = 3;
  be->synchronize = failing_synchronize;
  listen();
  assert_int_equal(solve(&t, NULL, NULL, &err), TRM_E_INTERNAL);
  be->synchronize = working_synchronize;
  (void)sort_records("solve");
  int failed = 0;
  for (int i = 0; i < N; i++) {
    if (!stories[i].start) continue;
    assert_non_null(stories[i].stop);
    int done = stories[i].complete != NULL;
    if (!done) check_stop(&stories[i], stories[i].steps, 0, "failed");
    failed += !done;
  }
  assert_int_equal(failed, 6);
  close_setup(&t);
}

/* -- listening for less -------------------------------------------------------------------------------------------- */

static int attach_in_step(void *context, const trm_step *step) {
  int *calls = context;
  (void)step;
  if (++*calls == 1) listen();
  return TRM_STEP_ON;
}

/* Of puzzles that were at work nothing is told; of later ones everything. */
static void who_attaches_late_hears_whole_inferences(void **state) {
  (void)state;
  setup t;
  trm_error err = {0};
  int calls = 0;
  open_setup(&t, 6);
  CHECK_OK(solve(&t, attach_in_step, &calls, &err), err);
  (void)sort_records("solve");
  for (int i = 0; i < N; i++) {
    if (i < 6) assert_null(stories[i].start);
    else check_story(i, NULL, t.threshold);
  }
  close_setup(&t);
}

/* Each event alone, stops among them, whose duration needs the start that nobody wanted to hear. */
static void one_event_may_be_heard_alone(void **state) {
  (void)state;
  setup t;
  size_t count;
  const trm_event_type *types = trm_telemetry_events(&count);
  open_setup(&t, 6);
  for (size_t id = 0; id < count; id++) {
    trm_error err = {0};
    CHECK_OK(trm_telemetry_attach(types[id].name, record_event, NULL, &err), err);
    CHECK_OK(solve(&t, NULL, NULL, &err), err);
    trm_telemetry_detach(record_event, NULL);
    assert_true(recorded > 0);
    for (int i = 0; i < recorded; i++) assert_int_equal(records[i].id, id);
    for (int i = 0; i < recorded && id == TRM__EVENT_INFERENCE_STOP; i++)
      assert_true(record_get(&records[i], "duration")->real > 0);
  }
  close_setup(&t);
}

/* Nobody listens: no event is made and no clock is read for one. What is read is the engine's own time, the same with
 * and without listeners; each event reads both clocks once. */
static void nobody_listening_costs_nothing(void **state) {
  (void)state;
  setup t;
  trm_error err = {0};
  long reads[2], walls[2];
  open_setup(&t, 6);
  for (int heard = 0; heard < 2; heard++) {
    if (heard) listen();
    size_t used = trm__mem_used();
    monotonic_reads = wall_reads = 0;
    CHECK_OK(solve(&t, NULL, NULL, &err), err);
    reads[heard] = monotonic_reads;
    walls[heard] = wall_reads;
    assert_int_equal(trm__mem_used(), used);
    assert_int_equal(recorded > 0, heard);
  }
  assert_int_equal(walls[0], 0);
  assert_int_equal(walls[1], recorded);
  assert_true(reads[0] > 0); /* they are counted */
  assert_int_equal(reads[1] - reads[0], recorded);
  close_setup(&t);
}

int main(void) {
  test_puzzles(inputs, identifiers, N, 5);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_puzzle_starts_and_stops_once),  cmocka_unit_test(evaluating_is_told_as_such),
      cmocka_unit_test(a_cancelled_puzzle_says_so),         cmocka_unit_test(a_stopped_call_stops_each_inference),
      cmocka_unit_test(a_failed_call_stops_each_inference), cmocka_unit_test(who_attaches_late_hears_whole_inferences),
      cmocka_unit_test(one_event_may_be_heard_alone),       cmocka_unit_test(nobody_listening_costs_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
