/* The halting threshold of a model that is there already, chosen as training does (model/halting.h): the puzzles are
 * solved with all their steps, and a step's callback notes what each step gave. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "infer/engine.h"
#include "infer/evaluate.h"
#include "model/halting.h"

typedef struct threshold_work {
  const trm_dataset *dataset;
  size_t S;
  trm__halting halting;
  int32_t *inputs, *answers, *identifiers; /* [puzzles][S]; [puzzles] */
  int32_t *labels;                         /* [S] */
  int64_t left;                            /* puzzles that took their last step */
  int stopped;                             /* as progress wished, be it after the last puzzle */
  trm_progress_fn progress;
  void *context;
} threshold_work;

/* As the loss counts it: a label below 0 is not scored. */
static int threshold_is_right(const threshold_work *w, int64_t puzzle, const int32_t *answer) {
  trm_dataset_example(w->dataset, puzzle, NULL, w->labels, NULL, NULL);
  for (size_t s = 0; s < w->S; s++)
    if (w->labels[s] >= 0 && w->labels[s] != answer[s]) return 0;
  return 1;
}

static int threshold_on_step(void *context, const trm_step *step) {
  threshold_work *w = context;
  trm__halting_note(&w->halting, step->puzzle, step->step, (double)step->q,
                    threshold_is_right(w, step->puzzle, step->answer));
  if (!step->halted) return TRM_STEP_ON;
  w->left++;
  if (!w->progress) return TRM_STEP_ON;
  w->stopped |= w->progress(w->context, (double)w->left / (double)w->halting.puzzles, "choosing the threshold");
  return w->stopped ? TRM_STEP_STOP : TRM_STEP_ON;
}

static trm_status threshold_open(threshold_work *w, const trm_solver *solver, int64_t puzzles, trm_error *err) {
  trm_status status = trm__halting_open(&w->halting, puzzles, solver->config.max_steps, err);
  if (status) return status;
  size_t n = (size_t)w->halting.puzzles;
  w->S = (size_t)solver->model.seq_len;
  w->inputs = trm__calloc(n * w->S, sizeof *w->inputs);
  w->answers = trm__calloc(n * w->S, sizeof *w->answers);
  w->identifiers = trm__calloc(n, sizeof *w->identifiers);
  w->labels = trm__calloc(w->S, sizeof *w->labels);
  if (!w->inputs || !w->answers || !w->identifiers || !w->labels)
    return trm__fail_memory(err, "choice of the halting threshold", 2 * n * w->S * sizeof *w->inputs);
  for (size_t i = 0; i < n; i++)
    trm_dataset_example(w->dataset, (int64_t)i, w->inputs + i * w->S, NULL, &w->identifiers[i], NULL);
  return TRM_OK;
}

static void threshold_close(threshold_work *w) {
  trm__halting_close(&w->halting);
  trm__free(w->inputs);
  trm__free(w->answers);
  trm__free(w->identifiers);
  trm__free(w->labels);
}

trm_status trm_choose_threshold(trm_solver *solver, const trm_dataset *dataset, int64_t limit,
                                trm_halting_choice *choice, trm_progress_fn progress, void *context, trm_error *err) {
  threshold_work w = {.dataset = dataset, .progress = progress, .context = context};
  int64_t puzzles = trm_dataset_describe(dataset).examples;
  if (limit > 0 && limit < puzzles) puzzles = limit;
  const trm_solver_config *c = &solver->config;
  if (!solver->network) return trm__fail(err, TRM_E_UNSUPPORTED, solver->path, TRM__NO_STEPS);
  const char *halts = c->halt ? "halt" : c->rules_halt ? "rules_halt" : c->stop_hopeless ? "stop_hopeless" : NULL;
  if (halts) return trm__fail(err, TRM_E_USAGE, halts, "1, expected 0: puzzles must take all their steps");
  if (c->fixed_point > 0)
    return trm__fail(err, TRM_E_USAGE, "fixed_point", "%g, expected 0: puzzles must take all their steps",
                     c->fixed_point);
  trm_status status = trm__evaluate_check_fit(solver, dataset, err);
  if (!status) status = threshold_open(&w, solver, puzzles, err);
  if (!status)
    status = trm_solve(solver, w.halting.puzzles, w.inputs, w.identifiers, w.answers, NULL, threshold_on_step, &w, err);
  if (!status && w.stopped)
    status = trm__fail(err, TRM_E_STOPPED, NULL, "stopped after %lld puzzles", (long long)w.left);
  if (!status) trm__halting_choose(&w.halting, choice);
  threshold_close(&w);
  return status;
}
