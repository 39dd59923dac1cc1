/* Thresholds at the end of a run. They come after the last checkpoint and are part of none: whoever goes on with a run
 * that was killed here finds it finished, writes last.safetensors again, and chooses again, with the same bytes. Until
 * then the models are there without a threshold, and work. */
#include "train/threshold.h"

#include <math.h>
#include <trm/solve.h>

#include "base/clock.h"
#include "base/status.h"
#include "model/file/model_file.h"
#include "model/halting.h"

/* What the choices of a run have in common. */
typedef struct threshold_job {
  trm__session *s;
  int64_t step;
  trm_train_fn fn;
  void *context;
} threshold_job;

static int threshold_progress(void *context, double fraction, const char *what) {
  const threshold_job *job = context;
  trm_train_progress progress = {
      .step = job->step, .steps = job->s->config.updates, .choosing = 1, .fraction = fraction};
  (void)what;
  return job->fn ? job->fn(job->context, &progress) : 0;
}

/* As the model will be solved: with all its own values, but without halting. *choice is left where the data does not
 * fit. */
static trm_status threshold_choose(threshold_job *job, const trm_model *model, trm_halting_choice *choice,
                                   trm_error *err) {
  trm__session *s = job->s;
  trm_solver *solver = NULL;
  trm_solver_config config = trm_solver_config_default();
  trm_error why = {0};
  config.halt = 0;
  trm_status status = trm_solver_open(&solver, s->runtime, model, &config, &why);
  if (!status)
    status = trm_choose_threshold(solver, s->valid, s->config.train.eval_limit, choice, threshold_progress, job, &why);
  trm_solver_close(&solver);
  if (status == TRM_E_INPUT) { /* a run from before that was checked (session_check_valid) */
    trm__log_write(&s->log, TRM_LOG_WARN, "no halting threshold is chosen: %s", why.message);
    return TRM_OK;
  }
  if (status == TRM_E_STOPPED)
    return trm__fail(err, status, s->run.path, "stopped while a halting threshold was chosen; --resume chooses it");
  if (status && err) *err = why;
  return status;
}

/* The model file of this name. Its choice is made unless it is known, being that of the same weights. */
static trm_status threshold_of(threshold_job *job, const char *name, trm_halting_choice *choice, int known,
                               trm_error *err) {
  trm__session *s = job->s;
  char path[TRM__RUN_PATH];
  trm_model *model = NULL;
  trm_model_conversion what = trm_model_conversion_default();
  trm_status status = trm_model_open(&model, trm__run_path(&s->run, name, path), err);
  if (!status && !known) status = threshold_choose(job, model, choice, err);
  what.halt_threshold = choice->threshold;
  what.hopeless = &choice->hopeless;
  if (!status && isfinite(choice->threshold)) status = trm_model_convert(model, path, &what, err);
  trm_model_close(&model);
  if (status || !choice->puzzles) return status;
  trm__record_choice record = {
      .step = job->step, .model = name, .choice = choice, .seconds = s->before + trm__clock() - s->began};
  return trm__recorder_add_choice(&s->recorder, &record, err);
}

trm_status trm__train_thresholds(trm__session *s, int64_t step, trm_train_fn fn, void *context,
                                 trm_halting_choice *chosen, trm_error *err) {
  threshold_job job = {s, step, fn, context};
  trm_halting_choice best = {.threshold = NAN}, last = {.threshold = NAN};
  trm_status status = TRM_OK;
  int64_t best_step = s->history.best_step;
  if (!s->valid || !s->config.train.choose_threshold) return TRM_OK;
  if (s->config.model.recursion == TRM_RECURSION_LATTICE) return TRM_OK; /* it has no halting head */
  trm__log_write(&s->log, TRM_LOG_INFO, "choosing the halting threshold on the validation data");
  trm__session_end_updates(s);
  if (best_step) status = threshold_of(&job, "best.safetensors", &best, 0, err);
  if (best_step == step) last = best;
  if (!status) status = threshold_of(&job, "last.safetensors", &last, best_step == step, err);
  if (!status) status = trm__recorder_sync(&s->recorder, err);
  if (!status) *chosen = best_step ? best : last;
  return status;
}
