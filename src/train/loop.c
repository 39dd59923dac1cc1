/* The training loop: trm_train_start and trm_train_resume. Both open the run directory and a session (session.h), and
 * then do updates until the run is over, recording, validating and saving as configured. Every rank runs the same loop;
 * rank 0 alone writes. A rank that fails says so to the others before it returns (loop_end), so none waits for it. */
#include "train/loop.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/mem.h"
#include "base/os/file.h"
#include "base/os/machine.h"
#include "base/status.h"
#include "dist/ranks.h"
#include "train/init_from.h"
#include "train/ranks.h"
#include "train/session.h"
#include "train/threshold.h"
#include "train/update.h"
#include "train/validate.h"

#define COLLECT_SECONDS 1 /* the longest that a device works before the host collects what it did */

/* -- saving -------------------------------------------------------------------------------------------------------- */

static trm__checkpoint loop_checkpoint(trm__session *s) {
  return (trm__checkpoint){.run = &s->run,
                           .config = &s->config,
                           .trainer = &s->trainer,
                           .loader = s->loader,
                           .history = &s->history,
                           .log = &s->log};
}

static int loop_writes(const trm__session *s) {
  return s->comm->rank == 0;
}

static double loop_seconds(const trm__session *s) {
  return s->before + trm__clock() - s->began;
}

static trm_status loop_save(trm__session *s, trm_error *err) {
  if (s->saved == s->trainer.step) return TRM_OK;
  s->history.seconds = loop_seconds(s);
  trm__checkpoint c = loop_checkpoint(s);
  trm_status status = loop_writes(s) ? trm__recorder_sync(&s->recorder, err) : TRM_OK;
  if (!status) status = trm__ranks_check_weights(&s->trainer, err);
  if (!status) status = trm__checkpoint_save(&c, s->config.train.keep, s->checkpoint, err);
  if (!status) s->saved = s->trainer.step;
  return status;
}

/* The EMA as a model file. */
static trm_status loop_export(trm__session *s, const char *name, trm_error *err) {
  trm__checkpoint c = loop_checkpoint(s);
  return loop_writes(s) ? trm__checkpoint_export(&c, name, err) : TRM_OK;
}

/* Where the run stands: at its end, and when it is stopped, so that it can be used before it goes on. The last that the
 * ranks do together. */
static trm_status loop_export_last(trm__session *s, trm_error *err) {
  trm_status status = loop_export(s, "last.safetensors", err);
  return status ? status : trm__comm_barrier(s->comm, err);
}

/* -- one update and what follows it -------------------------------------------------------------------------------- */

static trm_status loop_validate(trm__session *s, trm__record *record, trm_error *err) {
  trm__score m;
  trm_status status = trm__validate(&s->trainer, s->valid, s->config.train.eval_limit, &m, err);
  if (status) return status;
  record->evaluated = 1;
  record->valid_exact = trm__score_exact_accuracy(&m);
  record->valid_token = trm__score_token_accuracy(&m);
  trm__history *h = &s->history;
  h->worse++;
  if (!(record->valid_exact <= h->best_exact)) { /* better, or the first */
    h->best_exact = record->valid_exact;
    h->best_step = s->trainer.step;
    h->worse = 0;
    status = loop_export(s, "best.safetensors", err);
  }
  record->best_exact = h->best_exact;
  const trm_train_config *c = &s->config.train;
  if (c->stop_at > 0 && record->valid_exact >= c->stop_at) h->finished = 1;
  if (c->patience > 0 && h->worse >= c->patience) h->finished = 1;
  return status;
}

/* Counts the examples that halted in an update, of all ranks. */
static trm_status loop_count_halted(trm__session *s, const trm__done *done, trm_error *err) {
  trm__score *m = &s->history.recent[done->step % TRM__RECENT];
  *m = (trm__score){0};
  for (int i = 0; i < done->slots; i++)
    if (done->halted[i]) trm__score_add(m, &done->stats[i], done->steps[i], 0);
  return trm__trainer_merge_score(&s->trainer, m, err);
}

/* Mean seconds an update over the recent ones of this call. */
static double loop_pace(trm__session *s, int64_t step) {
  double now = trm__clock(), from = s->began;
  int64_t count = step - s->first;
  if (count > TRM__SPEED_WINDOW) {
    from = s->mark[step % TRM__SPEED_WINDOW];
    count = TRM__SPEED_WINDOW;
  }
  s->mark[step % TRM__SPEED_WINDOW] = now;
  return (now - from) / (double)count;
}

static trm_train_progress loop_progress(trm__session *s, const trm__record *r, double pace_seconds) {
  return (trm_train_progress){.step = r->step,
                              .steps = s->config.updates,
                              .loss = r->update.loss,
                              .lm_loss = r->update.lm_loss,
                              .halt_loss = r->update.halt_loss,
                              .exact_accuracy = trm__score_exact_accuracy(&r->recent),
                              .token_accuracy = trm__score_token_accuracy(&r->recent),
                              .mean_steps = trm__score_mean_steps(&r->recent),
                              .lr = r->update.lr,
                              .grad_norm = r->update.grad_norm,
                              .examples_per_second = r->examples_per_second,
                              .seconds = r->seconds,
                              .seconds_left = pace_seconds * (double)(s->config.updates - r->step),
                              .evaluated = r->evaluated,
                              .valid_exact = r->valid_exact,
                              .valid_token = r->valid_token,
                              .best_exact = s->history.best_exact,
                              .best_step = s->history.best_step};
}

static int is_due(int64_t step, int64_t every) {
  return every > 0 && step % every == 0;
}

/* One finished update with its validation, record and checkpoint; where the first or the last is due, nothing is in the
 * queue behind it (must_collect). *stop: the caller or the clock asks to stop. */
static trm_status loop_account(trm__session *s, const trm__done *done, trm_train_fn fn, void *context, int *stop,
                               trm_error *err) {
  const trm_train_config *c = &s->config.train;
  trm__record record = {
      .step = done->step, .update = done->update, .valid_exact = NAN, .valid_token = NAN, .best_exact = NAN};
  trm_status status = loop_count_halted(s, done, err);
  if (status) return status;
  record.recent = trm__history_recent(&s->history);
  double seconds = loop_pace(s, done->step);
  record.seconds = loop_seconds(s);
  record.examples_per_second = seconds > 0 ? (double)c->batch / seconds : 0;
  int last = done->step >= s->config.updates;
  if (last) s->history.finished = 1;
  if (s->valid && (last || is_due(done->step, c->eval_every))) status = loop_validate(s, &record, err);
  if (!status && loop_writes(s) && (record.evaluated || last || is_due(done->step, c->log_every)))
    status = trm__recorder_add(&s->recorder, &record, err);
  if (!status && (s->history.finished || is_due(done->step, c->save_every))) status = loop_save(s, err);
  if (status) return status;
  trm_train_progress progress = loop_progress(s, &record, seconds);
  if (fn && fn(context, &progress)) *stop = 1;
  if (c->max_minutes > 0 && trm__clock() - s->began >= 60 * c->max_minutes) *stop = 1;
  return TRM_OK;
}

/* The next update into the queue. Who halted is known only where the host has the memory; otherwise a candidate is
 * built for every slot. */
static trm_status loop_enqueue(trm__session *s, trm_error *err) {
  trm__trainer *t = &s->trainer;
  const uint8_t *halted = t->backend->on_host ? t->carry.slots.halted : NULL;
  trm_status status = trm__loader_next(s->loader, halted, t->offer.inputs, t->offer.labels, t->offer.ids, err);
  return status ? status : trm__update_enqueue(t, err);
}

/* Validation and checkpoints want the state of their update; records can be written a little later. Several ranks
 * collect each update, as clocks would let them part. */
static int loop_must_collect(const trm__session *s) {
  const trm_train_config *c = &s->config.train;
  int64_t step = s->trainer.step + s->trainer.queued;
  return s->comm->size > 1 || trm__update_queue_full(&s->trainer) || step >= s->config.updates ||
         is_due(step, c->save_every) || (s->valid && is_due(step, c->eval_every)) ||
         s->trainer.queued * s->each >= COLLECT_SECONDS || trm__clock() - s->collected >= COLLECT_SECONDS;
}

/* Waits for the queue. The updates before one that diverged still count. */
static trm_status loop_collect(trm__session *s, trm_train_fn fn, void *context, int *stop, trm_error *err) {
  int count = 0;
  trm_error late = {0};
  trm_status status = TRM_OK, lost = trm__update_collect(&s->trainer, &count, &late);
  if (count) s->each = (trm__clock() - s->collected) / count;
  for (int i = 0; i < count && !status; i++) {
    trm__done done = trm__update_done(&s->trainer, i);
    status = loop_account(s, &done, fn, context, stop, err);
  }
  s->collected = trm__clock();
  if (status || !lost) return status;
  if (err) *err = late;
  return lost;
}

/* Adds to the error of a run that is lost which checkpoint is good, unless another rank has. */
static void loop_name_checkpoint(const trm__session *s, trm_error *err) {
  if (!err || strstr(err->message, " checkpoint ")) return;
  size_t used = strlen(err->message);
  if (s->checkpoint[0])
    snprintf(err->message + used, sizeof err->message - used, "; the last good checkpoint is %.700s", s->checkpoint);
  else snprintf(err->message + used, sizeof err->message - used, "; there is no checkpoint yet");
}

static trm_status loop_updates(trm__session *s, trm_train_fn fn, void *context, trm_error *err) {
  s->first = s->trainer.step;
  s->collected = trm__clock();
  s->each = COLLECT_SECONDS; /* the first one is waited for */
  while (!s->history.finished) {
    int stop = 0;
    trm_status status = loop_enqueue(s, err);
    if (!status && loop_must_collect(s)) status = loop_collect(s, fn, context, &stop, err);
    if (!status) status = trm__ranks_any(s->comm, &stop, err);
    if (status == TRM_E_DIVERGED || (status && s->comm->size > 1)) loop_name_checkpoint(s, err);
    if (status) return status;
    if (!stop || s->history.finished) continue;
    status = loop_save(s, err);
    if (!status) status = loop_export_last(s, err);
    if (status) return status;
    return trm__fail(err, TRM_E_STOPPED, s->run.path,
                     "stopped after update %" PRId64 " of %" PRId64 ", saved in %.700s", s->trainer.step,
                     s->config.updates, s->checkpoint);
  }
  return loop_export_last(s, err);
}

static void loop_result(trm__session *s, trm_train_result *result) {
  char path[TRM__RUN_PATH];
  const char *name = s->history.best_step ? "best.safetensors" : "last.safetensors";
  if (!result) return;
  *result = (trm_train_result){.step = s->trainer.step,
                               .best_exact = s->history.best_exact,
                               .best_step = s->history.best_step,
                               .updates = s->trainer.step - s->first,
                               .seconds = trm__clock() - s->began,
                               .run_seconds = loop_seconds(s),
                               .predicted_bytes = s->predicted.host,
                               .peak_bytes = trm__mem_peak(),
                               .resident_bytes = trm__memory_resident_peak(),
                               .micro_batch = s->config.micro_batch,
                               .halt_threshold = NAN,
                               .halt_steps = NAN};
  trm__run_path(&s->run, name, path);
  if (trm__path_exists(path)) snprintf(result->model, sizeof result->model, "%.1099s", path);
  snprintf(result->checkpoint, sizeof result->checkpoint, "%.1099s", s->checkpoint);
}

/* Of several ranks the first chooses, and the others wait to learn whether it could. */
static trm_status loop_thresholds(trm__session *s, trm_train_fn fn, void *context, trm_train_result *result,
                                  trm_error *err) {
  trm_halting_choice chosen = {.threshold = NAN};
  trm_status status = TRM_OK;
  if (loop_writes(s)) status = trm__train_thresholds(s, s->trainer.step, fn, context, &chosen, err);
  s->comm->patient = 1;
  if (!status) status = trm__comm_barrier(s->comm, err);
  s->comm->patient = 0;
  if (status || !result || !loop_writes(s)) return status;
  result->seconds = trm__clock() - s->began;
  result->run_seconds = loop_seconds(s);
  result->halt_threshold = chosen.threshold;
  if (chosen.points) result->halt_steps = chosen.point[chosen.points - 1].mean_steps;
  return TRM_OK;
}

static trm_status loop_run(trm__session *s, trm_train_fn fn, void *context, trm_train_result *result, trm_error *err) {
  trm_status status = TRM_OK;
  if (loop_writes(s)) status = trm__recorder_open(&s->recorder, &s->run, s->trainer.step, &s->log, err);
  if (status) return status;
  s->recorder_open = loop_writes(s);
  trm__session_announce(s);
  s->before = s->history.seconds;
  s->began = trm__clock();
  status = loop_updates(s, fn, context, err);
  loop_result(s, result);
  return status ? status : loop_thresholds(s, fn, context, result, err);
}

/* -- the public functions ------------------------------------------------------------------------------------------ */

static trm_status path_check(const char *path, const char *option, trm_error *err) {
  json_t *text = json_string(path);
  json_decref(text);
  if (text) return TRM_OK;
  return trm__fail(err, TRM_E_USAGE, option, "\"%s\" is not UTF-8, which the run's config.json is: rename it", path);
}

/* Paths are kept absolute, so that a run can be resumed from any working directory. */
static trm_status path_make_absolute(char *path, size_t size, const char *option, trm_error *err) {
  char *whole = path[0] ? realpath(path, NULL) : NULL;
  if (whole && strlen(whole) < size) memcpy(path, whole, strlen(whole) + 1);
  free(whole);
  return path_check(path, option, err);
}

/* On the heap: with its configurations it is too large for a caller's stack. */
static trm__session *loop_new(trm_runtime *runtime, trm__comm *comm, trm_error *err) {
  trm__session *s = trm__calloc(1, sizeof *s);
  if (!s) {
    trm__fail_memory(err, "run", sizeof *s);
    return NULL;
  }
  s->runtime = runtime;
  s->comm = comm;
  if (loop_writes(s)) s->log = runtime->log;
  s->run.lock = -1;
  return s;
}

/* The one end of a run: tells the other ranks of a failure, and frees everything. s may be NULL. */
static trm_status loop_end(trm__comm *comm, trm__session *s, trm_status status, const trm_error *err) {
  if (status) trm__comm_abandon(comm, err);
  if (s) trm__session_close(s);
  trm__free(s);
  return status;
}

trm_status trm__train_start(trm_runtime *runtime, trm__comm *comm, const trm_model_config *model,
                            const trm_train_config *config, trm_train_fn fn, void *context, trm_train_result *result,
                            trm_error *err) {
  trm__session *s = loop_new(runtime, comm, err);
  static const trm__config_form form = TRM__CONFIG_FORM(trm_train_config, max_loss);
  if (!s) return loop_end(comm, NULL, TRM_E_MEMORY, err);
  trm_train_config *c = &s->config.train;
  trm__history_init(&s->history);
  trm__mem_reset_peak();
  *c = trm_train_config_default();
  trm_status status = trm__model_config_read(&s->config.model, model, err);
  if (!status) status = trm__config_read(c, config, &form, err);
  if (!status) status = path_check(c->run, "--run", err);
  if (!status) status = path_make_absolute(c->data, sizeof c->data, "--data", err);
  if (!status) status = path_make_absolute(c->valid, sizeof c->valid, "--valid", err);
  if (!status) status = path_make_absolute(c->init_from, sizeof c->init_from, "--init-from", err);
  if (!status) status = trm__run_check_validation(c, NULL, err);
  if (!status) status = loop_writes(s) ? trm__run_create(&s->run, c->run, err) : trm__run_follow(&s->run, c->run, err);
  if (status) return loop_end(comm, s, status, err);
  status = trm__session_open(s, err);
  if (!status && c->init_from[0]) status = trm__init_from(&s->trainer, c->init_from, err);
  if (!status) {
    trm__session_note_data(s);
    status = trm__ranks_check_run(comm, &s->config, runtime->backend, err);
  }
  if (!status && loop_writes(s)) status = trm__run_save(&s->run, &s->config, err);
  if (status) trm__run_abandon(&s->run);
  else status = loop_run(s, fn, context, result, err);
  return loop_end(comm, s, status, err);
}

/* The best model so far must be whole, since the run may end with it. One that is gone is sought anew. */
static trm_status loop_check_best(trm__session *s, trm_error *err) {
  char path[TRM__RUN_PATH];
  trm_model *model = NULL;
  trm_error why;
  if (!s->history.best_step) return TRM_OK;
  trm__run_path(&s->run, "best.safetensors", path);
  if (!trm__path_exists(path)) {
    trm__log_write(&s->log, TRM_LOG_WARN, "%s is gone: the next validation writes it anew", path);
    s->history.best_step = 0;
    s->history.best_exact = (double)NAN;
    return TRM_OK;
  }
  trm_status status = trm_model_open(&model, path, &why);
  trm_model_close(&model);
  if (!status) return TRM_OK;
  return trm__fail(err, status, path, "%.800s - or remove it, and the run goes on without its best model", why.message);
}

static trm_status loop_restore(trm__session *s, trm_error *err) {
  trm__checkpoint c = loop_checkpoint(s);
  trm_status status = trm__checkpoint_load(&c, s->checkpoint, err);
  if (status) return status;
  s->saved = s->trainer.step;
  char moved[1024], *from = s->config.train.init_from;
  if (!s->checkpoint[0] && from[0]) {
    if (!trm__path_exists(from) && trm__places_find(s->run.path, s->config.from_run.init_from, moved)[0])
      memcpy(from, moved, sizeof moved);
    status = trm__init_from(&s->trainer, from, err);
  }
  if (!status && loop_writes(s)) status = loop_check_best(s, err);
  return status ? status : trm__comm_broadcast(s->comm, &s->history, sizeof s->history, err);
}

trm_status trm__train_resume(trm_runtime *runtime, trm__comm *comm, const char *run, const char *const *overrides,
                             size_t count, trm_train_fn fn, void *context, trm_train_result *result, trm_error *err) {
  trm__session *s = loop_new(runtime, comm, err);
  if (!s) return loop_end(comm, NULL, TRM_E_MEMORY, err);
  trm_train_config *c = &s->config.train;
  int limits = 0;
  s->resumed = 1;
  trm__history_init(&s->history);
  trm__mem_reset_peak();
  trm_status status = loop_writes(s) ? trm__run_open(&s->run, run, err) : trm__run_follow(&s->run, run, err);
  if (!status) status = trm__run_load(&s->run, &s->config, err);
  if (!status) status = trm__run_override(&s->config, overrides, count, &limits, err);
  if (!status) status = path_make_absolute(c->data, sizeof c->data, "--data", err);
  if (!status) status = path_make_absolute(c->valid, sizeof c->valid, "--valid", err);
  if (status) return loop_end(comm, s, status, err);
  s->recorded = s->config;
  status = trm__session_open(s, err);
  if (!status) status = trm__ranks_check_run(comm, &s->config, runtime->backend, err);
  if (!status) status = loop_restore(s, err);
  if (!status && s->config.updates != s->recorded.updates && s->config.updates < s->trainer.step)
    status = trm__fail(err, TRM_E_USAGE, "--steps", "%" PRId64 " updates, but the run has done %" PRId64 " already",
                       s->config.updates, s->trainer.step);
  if (!status && (count || s->moved) && loop_writes(s)) status = trm__run_save(&s->run, &s->config, err);
  if (status) return loop_end(comm, s, status, err);
  if (limits) s->history.finished = s->trainer.step >= s->config.updates; /* new limits may let a finished run go on */
  return loop_end(comm, s, loop_run(s, fn, context, result, err), err);
}

/* -- one rank ------------------------------------------------------------------------------------------------------ */

trm_status trm_train_start(trm_runtime *runtime, const trm_model_config *model, const trm_train_config *config,
                           trm_train_fn fn, void *context, trm_train_result *result, trm_error *err) {
  trm__comm *comm = NULL;
  trm_status status = trm__comm_self(&comm, err);
  if (!status) status = trm__train_start(runtime, comm, model, config, fn, context, result, err);
  trm__comm_close(&comm);
  return status;
}

/* -- several ------------------------------------------------------------------------------------------------------ */

trm_status trm_ranks_train_start(trm_ranks *ranks, trm_runtime *runtime, const trm_model_config *model,
                                 const trm_train_config *config, trm_train_fn fn, void *context,
                                 trm_train_result *result, trm_error *err) {
  trm_error own = {0};
  return trm__train_start(runtime, ranks->comm, model, config, fn, context, result, err ? err : &own);
}

trm_status trm_ranks_train_resume(trm_ranks *ranks, trm_runtime *runtime, const char *run, const char *const *overrides,
                                  size_t count, trm_train_fn fn, void *context, trm_train_result *result,
                                  trm_error *err) {
  trm_error own = {0};
  return trm__train_resume(runtime, ranks->comm, run, overrides, count, fn, context, result, err ? err : &own);
}

trm_status trm_train_resume(trm_runtime *runtime, const char *run, const char *const *overrides, size_t count,
                            trm_train_fn fn, void *context, trm_train_result *result, trm_error *err) {
  trm__comm *comm = NULL;
  trm_status status = trm__comm_self(&comm, err);
  if (!status) status = trm__train_resume(runtime, comm, run, overrides, count, fn, context, result, err);
  trm__comm_close(&comm);
  return status;
}
