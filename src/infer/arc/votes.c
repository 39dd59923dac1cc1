/* Collecting votes (votes.h): one run of the engine over the test split, and a short one over the tasks as they are
 * under identifier 0, which says what the identifiers carry. Who leaves first depends on batch and threads, so every
 * vote is noted with its example's number, and counts, means and ranks follow from the notes in that order. */
#include "infer/arc/votes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "infer/engine.h"
#include "infer/evaluate.h"
#include "infer/predictions.h"
#include "infer/request.h"

/* What one example gave. */
typedef struct note {
  int32_t test, candidate; /* candidate -1: not finished */
  float q;                 /* logit */
} note;

typedef struct collecting {
  trm_arc_votes *votes;
  const trm_dataset *dataset;
  trm__arc_name *names; /* [identifiers] */
  note *notes;          /* [examples] */
  int64_t *plain;       /* [plains]: examples that are a test as it is */
  int64_t plains;
  int side;
  int32_t *inputs, *labels; /* [S], room for the one that is looked at */
  trm_status status;        /* of a callback */
  trm_error *err;
} collecting;

const trm__arc_test *trm__arc_test_answers(const trm_arc_votes *votes, const trm__arc_test *test) {
  return &votes->test[test->same];
}

/* -- what the folder says -- */

static trm_status votes_open_tests(trm_arc_votes *v, trm_error *err) {
  size_t tests = 0, at = 0;
  for (size_t t = 0; t < v->tasks.count; t++) tests += (size_t)v->tasks.item[t].test;
  v->first = trm__calloc(v->tasks.count + 1, sizeof *v->first);
  v->test = trm__calloc(tests, sizeof *v->test);
  if (!v->first || !v->test) return trm__fail_memory(err, "votes", tests * sizeof *v->test);
  for (size_t t = 0; t < v->tasks.count; t++) {
    const trm__arc_task *task = &v->tasks.item[t];
    v->first[t] = at;
    for (int i = 0; i < task->test; i++, at++) {
      trm__arc_test *test = &v->test[at];
      *test = (trm__arc_test){.task = t, .pair = &task->pair[task->train + i], .same = (int32_t)at};
      for (size_t k = at; k-- > v->first[t];)
        if (trm__arc_equal(&v->test[k].pair->input, &test->pair->input)) test->same = (int32_t)k;
    }
  }
  v->first[v->tasks.count] = at;
  return TRM_OK;
}

static trm_status votes_read(collecting *c, const char *path, size_t *identifiers) {
  trm_arc_votes *v = c->votes;
  char *tasks = trm__format("%s/test_puzzles.json", path), *names = trm__format("%s/identifiers.json", path);
  trm_status status = tasks && names ? TRM_OK : trm__fail_memory(c->err, path, strlen(path) + 32);
  if (!status) status = trm__arc_tasks_read(&v->tasks, tasks, 1, c->err);
  if (!status) status = trm__arc_names_read(&c->names, identifiers, names, &v->tasks, c->err);
  if (!status) status = votes_open_tests(v, c->err);
  trm__free(tasks);
  trm__free(names);
  return status;
}

/* The test that an example's input is an image of; -1: none. */
static int32_t votes_find_test(const collecting *c, const trm__arc_name *name) {
  const trm_arc_votes *v = c->votes;
  trm__arc_grid image, input;
  trm__arc_crop(c->inputs, c->side, &image);
  trm__arc_undo(&name->image, &image, &input);
  for (size_t at = v->first[name->task]; at < v->first[name->task + 1]; at++)
    if (trm__arc_equal(&v->test[at].pair->input, &input)) return (int32_t)at;
  return -1;
}

/* Each example belongs to a test, or the folder's parts are of different data. */
static trm_status votes_match(collecting *c, const char *path, size_t identifiers) {
  const trm_dataset_info info = trm_dataset_describe(c->dataset);
  if ((int64_t)identifiers != info.identifiers)
    return trm__fail(c->err, TRM_E_INPUT, path, "identifiers.json has %zu names, the arrays are of %lld identifiers",
                     identifiers, (long long)info.identifiers);
  for (int64_t i = 0; i < info.examples; i++) {
    int32_t identifier = 0;
    trm_dataset_example(c->dataset, i, c->inputs, NULL, &identifier, NULL);
    const trm__arc_name *name = &c->names[identifier];
    if (name->task < 0)
      return trm__fail(c->err, TRM_E_INPUT, path,
                       "test example %lld has identifier %d, whose task is not in test_puzzles.json", (long long)i,
                       (int)identifier);
    c->notes[i] = (note){.test = votes_find_test(c, name), .candidate = -1};
    if (c->notes[i].test < 0)
      return trm__fail(c->err, TRM_E_INPUT, path,
                       "test example %lld is no image of a test of task %.200s in test_puzzles.json", (long long)i,
                       c->votes->tasks.item[name->task].id);
    if (trm__arc_image_is_none(&name->image)) c->plain[c->plains++] = i;
  }
  return TRM_OK;
}

/* -- the run -- */

static trm_source_answer votes_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  const collecting *c = context;
  (void)wait;
  if (number == trm_dataset_describe(c->dataset).examples) return TRM_SOURCE_END;
  trm_dataset_example(c->dataset, number, puzzle->tokens, NULL, &puzzle->identifier, NULL);
  return TRM_SOURCE_PUZZLE;
}

static trm_source_answer votes_next_blank(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  const collecting *c = context;
  (void)wait;
  if (number == c->plains) return TRM_SOURCE_END;
  trm_dataset_example(c->dataset, c->plain[number], puzzle->tokens, NULL, NULL, NULL);
  puzzle->identifier = 0;
  return TRM_SOURCE_PUZZLE;
}

/* The number of the answer among the test's; -1 without memory. */
static int32_t votes_candidate(trm__arc_test *test, const trm__arc_grid *grid) {
  uint64_t hash = trm__arc_hash(grid);
  for (size_t i = 0; i < test->count; i++)
    if (test->candidate[i].hash == hash && trm__arc_equal(test->candidate[i].grid, grid)) return (int32_t)i;
  if (test->count == test->room) {
    size_t room = test->room ? 2 * test->room : 4;
    trm__arc_candidate *larger = trm__realloc(test->candidate, room, sizeof *larger);
    if (!larger) return -1;
    test->candidate = larger, test->room = room;
  }
  size_t bytes = offsetof(trm__arc_grid, cell) + (size_t)grid->height * (size_t)grid->width;
  trm__arc_grid *copy = trm__calloc(bytes, 1);
  if (!copy) return -1;
  memcpy(copy, grid, bytes);
  test->candidate[test->count] = (trm__arc_candidate){.hash = hash, .grid = copy};
  return (int32_t)test->count++;
}

static void votes_leave(void *context, const trm_leave *leave) {
  collecting *c = context;
  trm_arc_votes *v = c->votes;
  int32_t identifier = 0;
  trm__arc_grid image, answer;
  if (!leave->answer || leave->solution->cancelled) return;
  note *n = &c->notes[leave->puzzle];
  trm_dataset_example(c->dataset, leave->puzzle, c->inputs, c->labels, &identifier, NULL);
  const trm__arc_image *its = &c->names[identifier].image;
  trm__arc_crop(leave->answer, c->side, &image);
  trm__arc_undo(its, &image, &answer);
  n->candidate = votes_candidate(&v->test[n->test], &answer);
  n->q = leave->solution->q;
  if (n->candidate < 0) c->status = trm__fail_memory(c->err, "votes", sizeof(trm__arc_candidate));
  if (!trm__arc_image_is_none(its)) return;
  int64_t scored, wrong, differ;
  size_t cells = (size_t)c->side * (size_t)c->side;
  trm__labels_compare(c->labels, leave->answer, cells, &scored, &wrong);
  trm__labels_compare(c->labels, c->inputs, cells, &scored, &differ);
  v->cells += scored;
  v->right_cells += scored - wrong;
  v->copied_cells += scored - differ;
  v->test[n->test].one = trm__arc_equal(&answer, &v->test[n->test].pair->output);
}

static void votes_leave_blank(void *context, const trm_leave *leave) {
  const collecting *c = context;
  trm__arc_grid answer;
  if (!leave->answer || leave->solution->cancelled) return;
  trm__arc_test *test = &c->votes->test[c->notes[c->plain[leave->puzzle]].test];
  trm__arc_crop(leave->answer, c->side, &answer);
  test->blank = trm__arc_equal(&answer, &test->pair->output);
}

static trm_status votes_run(collecting *c, trm_solver *solver, trm_progress_fn progress, void *context) {
  trm_arc_votes *v = c->votes;
  trm__job job = {.source = {.puzzles = trm_dataset_describe(c->dataset).examples,
                             .context = c,
                             .next = votes_next,
                             .leave = votes_leave},
                  .progress = progress,
                  .progress_context = context};
  trm_status status = trm__engine_run(solver, &job, c->err);
  v->seconds = trm_solver_last_stats(solver).seconds;
  v->predictions = job.source.puzzles;
  v->embedded = solver->puzzle_rows != NULL;
  if (status || c->status || !v->embedded || !c->plains) return status ? status : c->status;
  job.source.puzzles = c->plains, job.source.next = votes_next_blank, job.source.leave = votes_leave_blank;
  job.progress = NULL;
  return trm__engine_run(solver, &job, c->err);
}

/* -- counting -- */

static int votes_compare(const void *left, const void *right) {
  const trm__arc_candidate *a = left, *b = right;
  if (a->votes != b->votes) return a->votes < b->votes ? 1 : -1;
  if (a->q != b->q) return a->q < b->q ? 1 : -1;
  return (a->first > b->first) - (a->first < b->first);
}

/* Ranks answers by votes, then by their mean q. */
static void votes_count(collecting *c) {
  trm_arc_votes *v = c->votes;
  for (int64_t i = 0; i < v->predictions; i++) {
    const note *n = &c->notes[i];
    if (n->candidate < 0) continue;
    trm__arc_candidate *to = &v->test[n->test].candidate[n->candidate];
    if (!to->votes++) to->first = i;
    to->q += 1 / (1 + exp(-(double)n->q));
  }
  for (size_t t = 0; t < v->first[v->tasks.count]; t++) {
    trm__arc_test *test = &v->test[t];
    for (size_t k = 0; k < test->count; k++) test->candidate[k].q /= (double)test->candidate[k].votes;
    if (test->count) qsort(test->candidate, test->count, sizeof *test->candidate, votes_compare);
    test->one |= trm__arc_test_answers(v, test)->one && test->same != (int32_t)t;
    test->blank |= trm__arc_test_answers(v, test)->blank && test->same != (int32_t)t;
  }
}

/* -- all of it -- */

static trm_status votes_check_examples(const collecting *c, const trm_solver *solver) {
  for (int64_t i = 0; i < trm_dataset_describe(c->dataset).examples; i++) {
    int32_t identifier = 0;
    trm_dataset_example(c->dataset, i, c->inputs, NULL, &identifier, NULL);
    trm_status status = trm__request_check_tokens(solver, i, c->inputs, identifier, c->err);
    if (status) return status;
  }
  return TRM_OK;
}

static trm_status votes_open(collecting *c, const trm_solver *solver, const char *path) {
  const trm_dataset_info info = trm_dataset_describe(c->dataset);
  size_t examples = (size_t)info.examples, identifiers = 0;
  c->side = trm_arc_side(&info.task);
  if (!c->side)
    return trm__fail(c->err, TRM_E_INPUT, path, "the task is %s, expected arc", trm_task_name(&info.task));
  trm_status status = trm__evaluate_check_fit(solver, c->dataset, c->err);
  if (status) return status;
  c->votes = trm__calloc(1, sizeof *c->votes);
  c->notes = trm__calloc(examples, sizeof *c->notes);
  c->plain = trm__calloc(examples, sizeof *c->plain);
  c->inputs = trm__calloc(2 * (size_t)info.seq_len, sizeof *c->inputs);
  if (!c->votes || !c->notes || !c->plain || !c->inputs)
    return trm__fail_memory(c->err, "votes", examples * (sizeof *c->notes + sizeof *c->plain));
  c->labels = c->inputs + info.seq_len;
  status = votes_check_examples(c, solver);
  if (!status) status = votes_read(c, path, &identifiers);
  return status ? status : votes_match(c, path, identifiers);
}

trm_status trm_arc_vote(trm_arc_votes **out, trm_solver *solver, const trm_dataset *dataset, const char *path,
                        trm_progress_fn progress, void *context, trm_error *err) {
  collecting c = {.dataset = dataset, .err = err};
  trm_status status = votes_open(&c, solver, path);
  if (!status) status = votes_run(&c, solver, progress, context);
  if (!status) {
    votes_count(&c);
    *out = c.votes;
    c.votes = NULL;
  }
  trm_arc_votes_close(&c.votes);
  trm__free(c.names);
  trm__free(c.notes);
  trm__free(c.plain);
  trm__free(c.inputs);
  return status;
}

void trm_arc_votes_close(trm_arc_votes **votes) {
  trm_arc_votes *v = votes ? *votes : NULL;
  if (!v) return;
  *votes = NULL;
  for (size_t t = 0; v->test && v->first && t < v->first[v->tasks.count]; t++) {
    for (size_t k = 0; k < v->test[t].count; k++) trm__free(v->test[t].candidate[k].grid);
    trm__free(v->test[t].candidate);
  }
  trm__free(v->test);
  trm__free(v->first);
  trm__arc_tasks_free(&v->tasks);
  trm__free(v);
}
