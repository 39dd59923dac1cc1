/* What votes are worth, what they look like, and the file that is handed in (trm/arc.h). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"
#include "infer/arc/votes.h"
#include "model/score.h"

enum { ATTEMPTS = 2 };

static const int64_t score_attempts[TRM_ARC_PASSES] = {1, 2, 5, 10, 100, 1000};

/* The rank of the right answer, from 0 on; INT64_MAX when it is not among them. */
static int64_t score_rank(const trm_arc_votes *v, const trm__arc_test *test) {
  const trm__arc_test *answers = trm__arc_test_answers(v, test);
  for (size_t i = 0; i < answers->count; i++)
    if (trm__arc_equal(answers->candidate[i].grid, &test->pair->output)) return (int64_t)i;
  return INT64_MAX;
}

/* The share of a test's votes that the right answer has: how often one image alone is right. */
static double score_share(const trm_arc_votes *v, const trm__arc_test *test, int64_t rank) {
  const trm__arc_test *answers = trm__arc_test_answers(v, test);
  double votes = 0;
  for (size_t i = 0; i < answers->count; i++) votes += (double)answers->candidate[i].votes;
  return rank == INT64_MAX ? 0 : (double)answers->candidate[rank].votes / votes;
}

static void score_task(const trm_arc_votes *v, size_t task, trm_arc_score *s) {
  double tests = (double)v->tasks.item[task].test;
  for (size_t t = v->first[task]; t < v->first[task + 1]; t++) {
    const trm__arc_test *test = &v->test[t];
    int64_t rank = score_rank(v, test);
    for (int k = 0; k < TRM_ARC_PASSES; k++) s->pass[k] += (rank < s->attempts[k]) / tests;
    s->right_tests += rank < ATTEMPTS;
    s->one += test->one / tests;
    s->blank += test->blank / tests;
    s->image += score_share(v, test, rank) / tests;
  }
  s->scored_tasks++;
  s->scored_tests += v->tasks.item[task].test;
}

trm_arc_score trm_arc_votes_score(const trm_arc_votes *votes) {
  trm_arc_score s = {.tasks = (int64_t)votes->tasks.count,
                     .tests = (int64_t)votes->first[votes->tasks.count],
                     .predictions = votes->predictions,
                     .cells = votes->cells,
                     .right_cells = votes->right_cells,
                     .copied_cells = votes->copied_cells,
                     .seconds = votes->seconds};
  memcpy(s.attempts, score_attempts, sizeof score_attempts);
  for (size_t t = 0; t < votes->tasks.count; t++)
    if (votes->tasks.item[t].known) score_task(votes, t, &s);
  double tasks = (double)s.scored_tasks;
  for (int k = 0; k < TRM_ARC_PASSES; k++) s.pass[k] /= tasks; /* NaN without tasks */
  s.one /= tasks;
  s.image /= tasks;
  s.blank = votes->embedded ? s.blank / tasks : (double)NAN;
  trm__wilson_interval(s.right_tests, s.scored_tests, &s.low, &s.high);
  return s;
}

/* -- looking at tasks -- */

static trm_arc_view score_view(const trm__arc_grid *grid) {
  return (trm_arc_view){grid->height, grid->width, grid->cell};
}

size_t trm_arc_tasks(const trm_arc_votes *votes) {
  return votes->tasks.count;
}

trm_arc_task trm_arc_task_at(const trm_arc_votes *votes, size_t task) {
  const trm__arc_task *its = &votes->tasks.item[task];
  return (trm_arc_task){its->id, its->train, its->test};
}

void trm_arc_pair_at(const trm_arc_votes *votes, size_t task, int pair, trm_arc_view *input, trm_arc_view *output) {
  const trm__arc_pair *its = &votes->tasks.item[task].pair[pair];
  *input = score_view(&its->input);
  *output = score_view(&its->output);
}

trm_arc_answer trm_arc_answer_at(const trm_arc_votes *votes, size_t task, int test, size_t rank) {
  const trm__arc_test *answers = trm__arc_test_answers(votes, &votes->test[votes->first[task] + (size_t)test]);
  if (rank >= answers->count) return (trm_arc_answer){.votes = 0};
  const trm__arc_candidate *its = &answers->candidate[rank];
  return (trm_arc_answer){score_view(its->grid), its->votes, its->q};
}

/* -- submission.json -- */

static json_t *score_grid_json(const trm_arc_view *grid) {
  json_t *rows = json_array();
  for (int r = 0; rows && r < grid->height; r++) {
    json_t *row = json_array();
    for (int c = 0; row && c < grid->width; c++)
      if (json_array_append_new(row, json_integer(grid->cells[r * grid->width + c]))) json_decref(row), row = NULL;
    if (!row || json_array_append_new(rows, row)) json_decref(rows), rows = NULL;
  }
  return rows;
}

static json_t *score_test_json(const trm_arc_votes *votes, size_t task, int test) {
  static const uint8_t black[1] = {0};
  json_t *attempts = json_object();
  for (size_t k = 0; attempts && k < ATTEMPTS; k++) {
    char key[24];
    trm_arc_view empty = {1, 1, black};
    trm_arc_answer answer = trm_arc_answer_at(votes, task, test, k);
    if (!answer.votes) answer = trm_arc_answer_at(votes, task, test, 0);
    (void)snprintf(key, sizeof key, "attempt_%zu", k + 1);
    if (json_object_set_new(attempts, key, score_grid_json(answer.grid.height ? &answer.grid : &empty)))
      json_decref(attempts), attempts = NULL;
  }
  return attempts;
}

/* One task at a time, so that a large submission takes little memory. */
static trm_status score_write_task(const trm_arc_votes *votes, size_t task, trm__writer *out, trm_error *err) {
  const trm__arc_task *its = &votes->tasks.item[task];
  json_t *tests = json_array(), *object = json_object();
  for (int i = 0; tests && i < its->test; i++)
    if (json_array_append_new(tests, score_test_json(votes, task, i))) json_decref(tests), tests = NULL;
  int whole = object && json_object_set(object, its->id, tests) == 0;
  char *text = whole ? trm__json_text(object, JSON_COMPACT) : NULL;
  json_decref(tests);
  json_decref(object);
  if (!text) return trm__fail_memory(err, "submission", 4096);
  trm_status status = trm__writer_write(out, task ? ",\n" : "{", task ? 2 : 1, err);
  if (!status) status = trm__writer_write(out, text + 1, strlen(text) - 2, err); /* without its own braces */
  free(text);
  return status;
}

trm_status trm_arc_submit(const trm_arc_votes *votes, const char *out, trm_error *err) {
  trm__writer *writer = NULL;
  trm_status status = trm__writer_open(&writer, out, err);
  for (size_t t = 0; t < votes->tasks.count && !status; t++) status = score_write_task(votes, t, writer, err);
  if (!status) status = trm__writer_write(writer, "}\n", 2, err);
  if (!status) return trm__writer_commit(&writer, err);
  trm__writer_abort(&writer);
  return status;
}
