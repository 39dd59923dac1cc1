/* What a model is worth on a dataset: every example is solved once, results are counted as a whole and by band of
 * rating, and the halting head is judged for right and for wrong answers separately (a head that always says "wrong"
 * looks good when most answers are wrong). Also here: which task a model solves, and whether a dataset fits it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "data/dataset.h"
#include "infer/engine.h"
#include "infer/evaluate.h"
#include "infer/predictions.h"
#include "infer/request.h"
#include "infer/search/search.h"
#include "model/score.h"
#include "task/kind.h"
#include "task/puzzle.h"

trm_status trm__evaluate_check_fit(const trm_solver *solver, const trm_dataset *dataset, trm_error *err) {
  const trm_model_config *m = &solver->model;
  trm_task task;
  trm_status status = trm_solver_task(solver, &task, err);
  if (status) return status;
  trm__dataset_fit fit = {.seq_len = m->seq_len,
                          .vocab_size = m->vocab_size,
                          .identifiers = solver->puzzle_rows ? m->num_puzzle_identifiers : 0,
                          .alphabet = task.alphabet,
                          .whose = solver->path};
  return trm__dataset_check_fit(dataset, &fit, "dataset", err);
}

/* -- bands of rating ----------------------------------------------------------------------------------------------- */

static const double evaluate_band_high[TRM_EVAL_BANDS] = {0, 10, 25, 50, 100, INFINITY};

static void evaluate_open_bands(trm_eval_result *result) {
  result->bands = TRM_EVAL_BANDS;
  for (int i = 0; i < TRM_EVAL_BANDS; i++)
    result->band[i] = (trm_eval_band){.low = i ? evaluate_band_high[i - 1] + 1 : 0, .high = evaluate_band_high[i]};
}

/* A rating between two bands (10.5) belongs to the higher one; NaN to none. */
static void evaluate_count_band(trm_eval_result *result, double rating, int exact) {
  for (int i = 0; i < result->bands; i++) {
    if (!(rating <= result->band[i].high)) continue;
    result->band[i].puzzles++;
    result->band[i].exact += exact;
    return;
  }
}

/* -- evaluation ---------------------------------------------------------------------------------------------------- */

typedef struct evaluation {
  const trm_dataset *dataset;
  int64_t puzzles;
  trm__score metrics;
  double *loss; /* [puzzles], 0 until finished; added up in the order of the puzzles, so that the sum does not depend on
                   the batch */
  double threshold; /* of the model whose answer is scored */
  trm_eval_result *result;
  trm_task task;
  size_t S;
  int32_t *question;     /* [S], room to work in */
  trm_predictions *keep; /* what became of each puzzle; NULL: not wanted */
  const trm_solver *solver;
  /* of a solver that searches */
  int judged;      /* 1: rules claim answers */
  int32_t *labels; /* [S] */
  int64_t *steps;  /* [puzzles]: of those that left, in the order of leaving */
  int64_t left, right_steps;
} evaluation;

static trm_source_answer evaluate_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  const evaluation *e = context;
  (void)wait;
  if (number == e->puzzles) return TRM_SOURCE_END;
  trm_dataset_example(e->dataset, number, puzzle->tokens, NULL, &puzzle->identifier, NULL);
  return TRM_SOURCE_PUZZLE;
}

static void evaluate_labels(void *context, int64_t number, int32_t *labels) {
  const evaluation *e = context;
  trm_dataset_example(e->dataset, number, NULL, labels, NULL, NULL);
}

static void evaluate_score(void *context, int64_t number, const trm_solution *solution,
                           const trm__example_stats *stats) {
  evaluation *e = context;
  e->loss[number] = stats->lm_loss;
  trm__score_add(&e->metrics, stats, solution->steps, e->threshold);
  if (!e->result->bands) return;
  double rating = 0;
  trm_dataset_example(e->dataset, number, NULL, NULL, NULL, &rating);
  evaluate_count_band(e->result, rating, stats->exact != 0);
}

/* Cancelled puzzles are not counted, of finished ones the score was when they were scored. */
static void evaluate_leave(void *context, const trm_leave *leave) {
  evaluation *e = context;
  uint8_t has[TRM_EVAL_METRICS] = {0};
  if (!leave->answer || leave->solution->cancelled) return;
  if (e->keep) trm__predictions_keep(e->keep, leave);
  if (!e->result->metrics) return;
  trm_dataset_example(e->dataset, leave->puzzle, e->question, NULL, NULL, NULL);
  trm__task_grade(&e->task, e->question, leave->answer, has);
  for (int k = 0; k < e->result->metrics; k++) e->result->metric[k].puzzles += has[k];
}

static void evaluate_open_metrics(const trm_task *task, trm_eval_result *result) {
  const char *const *names = trm__task_metrics(task);
  for (; names[result->metrics] && result->metrics < TRM_EVAL_METRICS; result->metrics++)
    result->metric[result->metrics].name = names[result->metrics];
}

/* -- of a search: the answer is in hand, and so are the labels ----------------------------------------------------- */

static trm__example_stats evaluate_compare(const evaluation *e, const trm_leave *leave) {
  int64_t scored, wrong;
  trm__example_stats stats = {.q_halt = (double)leave->solution->q};
  trm_dataset_example(e->dataset, leave->puzzle, NULL, e->labels, NULL, NULL);
  trm__labels_compare(e->labels, leave->answer, e->S, &scored, &wrong);
  stats.labelled = (int32_t)scored;
  stats.right = (int32_t)(scored - wrong);
  stats.exact = wrong == 0;
  return stats;
}

static void evaluate_leave_search(void *context, const trm_leave *leave) {
  evaluation *e = context;
  const trm_solution *s = leave->solution;
  if (s->cancelled || !leave->answer) return;
  evaluate_leave(context, leave);
  e->threshold = trm_solver_voter(e->solver, s->voter)->config.halt_threshold;
  trm__example_stats stats = evaluate_compare(e, leave);
  evaluate_score(e, leave->puzzle, s, &stats);
  int claimed = e->judged ? s->correct : (double)s->q > e->threshold;
  int right = claimed && (stats.exact || (e->judged && !trm__kind_of(&e->task)->single));
  e->result->claimed_right += right;
  e->result->claimed_wrong += claimed && !right;
  e->result->dont_know += !claimed;
  e->right_steps += right ? s->steps : 0;
  e->steps[e->left++] = s->steps;
}

static int evaluate_less(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static void evaluate_summarize_search(evaluation *e, trm_eval_result *r) {
  size_t n = (size_t)e->left;
  qsort(e->steps, n, sizeof *e->steps, evaluate_less);
  r->lm_loss = (double)NAN; /* a search has answers, no logits */
  r->steps_median = n ? (double)e->steps[(n - 1) / 2] : (double)NAN;
  r->steps_p90 = n ? (double)e->steps[(9 * n + 9) / 10 - 1] : (double)NAN;
  r->steps_right_mean = (double)e->right_steps / (double)r->claimed_right;
}

static trm_status evaluate_open_search(evaluation *e, trm_solver *solver, trm_error *err) {
  e->result->level = trm_solver_get_level(solver);
  e->labels = trm__calloc(e->S, sizeof *e->labels);
  e->steps = trm__calloc((size_t)e->puzzles, sizeof *e->steps);
  if (!e->labels || !e->steps) return trm__fail_memory(err, "evaluation", (size_t)e->puzzles * sizeof *e->steps);
  e->judged = e->result->level >= TRM_LEVEL_C;
  return TRM_OK;
}

static void evaluate_summarize(evaluation *e, int64_t n, trm_eval_result *r) {
  trm__score *m = &e->metrics;
  m->lm_loss = 0;
  for (int64_t i = 0; i < n; i++) m->lm_loss += e->loss[i];
  r->puzzles = m->examples;
  r->exact = m->exact;
  r->tokens = m->labelled;
  r->right_tokens = m->right;
  r->exact_accuracy = trm__score_exact_accuracy(m);
  r->token_accuracy = trm__score_token_accuracy(m);
  trm__wilson_interval(m->exact, m->examples, &r->interval_low, &r->interval_high);
  for (int k = 0; k < r->metrics; k++)
    trm__wilson_interval(r->metric[k].puzzles, m->examples, &r->metric[k].interval_low, &r->metric[k].interval_high);
  r->mean_steps = trm__score_mean_steps(m);
  r->lm_loss = trm__score_mean_lm_loss(m);
  r->said_right_is_right = m->said_right_is_right;
  r->said_right_is_wrong = m->said_right_is_wrong;
  r->said_wrong_is_right = m->said_wrong_is_right;
  r->said_wrong_is_wrong = m->said_wrong_is_wrong;
  r->halt_precision = trm__score_right_precision(m);
  r->halt_recall = trm__score_right_recall(m);
  r->wrong_precision = trm__score_wrong_precision(m);
  r->wrong_recall = trm__score_wrong_recall(m);
}

static trm_status evaluate_check_examples(const trm_solver *solver, const trm_dataset *dataset, int64_t n,
                                          trm_error *err) {
  for (int64_t i = 0; i < n; i++) {
    int32_t identifier = 0;
    trm_dataset_example(dataset, i, solver->token_host, NULL, &identifier, NULL);
    trm_status status = trm__request_check_tokens(solver, i, solver->token_host, identifier, err);
    if (status) return status;
  }
  return TRM_OK;
}

static void evaluate_close(evaluation *e) {
  trm__free(e->loss);
  trm__free(e->question);
  trm__free(e->labels);
  trm__free(e->steps);
  trm_predictions_close(&e->keep);
}

/* For all models that vote. */
static trm_status evaluate_check_voters(const trm_solver *solver, const trm_dataset *dataset, int64_t n,
                                        trm_error *err) {
  trm_status status = TRM_OK;
  const trm_solver *one;
  for (int64_t i = 0; !status && (one = trm_solver_voter(solver, i)); i++) {
    status = trm__evaluate_check_fit(one, dataset, err);
    if (!status) status = evaluate_check_examples(one, dataset, n, err);
  }
  return status;
}

static trm_status evaluate_open(evaluation *e, trm_solver *solver, int keep, trm_error *err) {
  int64_t n = e->puzzles;
  trm_status status = evaluate_check_voters(solver, e->dataset, n, err);
  if (!status) status = trm_solver_task(solver, &e->task, err);
  if (status) return status;
  e->loss = trm__calloc((size_t)n, sizeof *e->loss);
  e->question = trm__calloc(e->S, sizeof *e->question);
  if (!e->loss || !e->question) return trm__fail_memory(err, "evaluation", (size_t)n * sizeof *e->loss);
  if (keep) status = trm__predictions_open(&e->keep, e->dataset, &e->task, n, err);
  if (!status && solver->search) status = evaluate_open_search(e, solver, err);
  if (trm_dataset_describe(e->dataset).has_ratings) evaluate_open_bands(e->result);
  evaluate_open_metrics(&e->task, e->result);
  return status;
}

static trm_status evaluate_run(evaluation *e, trm_solver *solver, trm_progress_fn progress, void *context,
                               trm_error *err) {
  trm__job job = {.source = {.puzzles = e->puzzles, .context = e, .next = evaluate_next, .leave = evaluate_leave},
                  .labels = evaluate_labels,
                  .score = evaluate_score,
                  .progress = progress,
                  .progress_context = context};
  if (!solver->search) return trm__engine_run(solver, &job, err);
  job.labels = NULL, job.score = NULL;
  job.source.leave = evaluate_leave_search;
  return trm__search_run(solver->search, &job, err);
}

trm_status trm_evaluate_each(trm_predictions **out, trm_solver *solver, const trm_dataset *dataset, int64_t limit,
                             trm_eval_result *result, trm_progress_fn progress, void *context, trm_error *err) {
  int64_t examples = trm_dataset_describe(dataset).examples;
  trm_eval_result r = {0};
  evaluation e = {.dataset = dataset,
                  .solver = solver,
                  .puzzles = limit > 0 && limit < examples ? limit : examples,
                  .threshold = solver->config.halt_threshold,
                  .result = &r,
                  .S = (size_t)solver->model.seq_len};
  trm_status status = evaluate_open(&e, solver, out != NULL, err);
  if (!status) status = evaluate_run(&e, solver, progress, context, err);
  if (!status) status = trm_judge_status(solver->config.judge, err); /* grades ask it too */
  if (!status || status == TRM_E_STOPPED) {
    evaluate_summarize(&e, e.puzzles, &r);
    if (solver->search) evaluate_summarize_search(&e, &r);
    r.stats = trm_solver_last_stats(solver);
    r.seconds = r.stats.seconds;
    *result = r;
    if (out) trm__predictions_end(e.keep), *out = e.keep, e.keep = NULL;
  }
  evaluate_close(&e);
  return status;
}

trm_status trm_evaluate(trm_solver *solver, const trm_dataset *dataset, int64_t limit, trm_eval_result *result,
                        trm_progress_fn progress, void *context, trm_error *err) {
  return trm_evaluate_each(NULL, solver, dataset, limit, result, progress, context, err);
}
