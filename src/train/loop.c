/* The training loop: trm_train_start and trm_train_resume. Both open the data, plan memory, open the trainer and the
 * run directory, and then do updates until the run is over, recording, validating and saving as configured. */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/status.h"
#include "data/dataset.h"
#include "train/checkpoint.h"
#include "train/memory.h"
#include "train/metrics.h"
#include "train/validate.h"

#define SPEED_WINDOW 32   /* updates over which examples/s is measured */
#define LOADER_AHEAD 3    /* batches built while a device works */
#define COLLECT_SECONDS 1 /* a device may run this long before somebody looks */

/* A run in progress. */
typedef struct session {
  trm_runtime *runtime;
  trm__run run;
  trm__run_config config;
  trm_dataset *data, *valid; /* valid NULL: no validation */
  trm__comm *comm;
  trm__trainer trainer;
  int trainer_open;
  trm__loader *loader;
  trm__history history;
  trm__recorder recorder;
  int recorder_open;
  char checkpoint[TRM__RUN_PATH]; /* the newest whole one; "" before */
  int64_t saved;                  /* its update */
  trm__bytes predicted;
  double began, before;      /* clock at the start of this call; seconds of the run before it */
  double mark[SPEED_WINDOW]; /* clock after update t at t % SPEED_WINDOW */
  int64_t first;             /* update before the first of this call */
  double collected;          /* clock when the queue was collected last */
  double each;               /* seconds an update took before that */
} session;

/* -- opening --------------------------------------------------------------------------------------------------------
 */

static uint32_t data_crc(const trm_dataset *d) {
  size_t tokens = (size_t)(d->info.examples * d->info.seq_len);
  uint32_t crc = 0;
  if (d->inputs) crc = trm__crc32(crc, d->inputs, tokens);
  if (d->labels) crc = trm__crc32(crc, d->labels, tokens);
  if (d->inputs32) crc = trm__crc32(crc, d->inputs32, tokens * sizeof(int32_t));
  if (d->labels32) crc = trm__crc32(crc, d->labels32, tokens * sizeof(int32_t));
  crc = trm__crc32(crc, d->identifiers, (size_t)d->info.puzzles * sizeof(int32_t));
  crc = trm__crc32(crc, d->puzzle_indices, (size_t)(d->info.puzzles + 1) * sizeof(int64_t));
  return trm__crc32(crc, d->group_indices, (size_t)(d->info.groups + 1) * sizeof(int64_t));
}

static trm_status open_data(session *s, trm_error *err) {
  const trm_train_config *c = &s->config.train;
  if (!c->data[0]) return trm__fail(err, TRM_E_USAGE, "--data", "training data must be named");
  trm_status status = trm_dataset_open(&s->data, c->data, "train", NULL, err);
  if (status != TRM_OK) return status;
  trm_dataset_info info = trm_dataset_describe(s->data);
  if (info.examples == 0) return trm__fail(err, TRM_E_INPUT, c->data, "holds no examples");
  s->config.task = info.task;
  if (!c->valid[0]) return TRM_OK;
  status = trm_dataset_open(&s->valid, c->valid, "test", &info.task, err);
  if (status != TRM_OK) return status;
  trm_dataset_info valid = trm_dataset_describe(s->valid);
  if (valid.examples == 0) return trm__fail(err, TRM_E_INPUT, c->valid, "holds no examples");
  if (valid.seq_len != info.seq_len || valid.vocab_size != info.vocab_size)
    return trm__fail(err, TRM_E_INPUT, c->valid,
                     "has %" PRId64 " tokens a puzzle of %" PRId64 " kinds, the training data %" PRId64 " of %" PRId64,
                     valid.seq_len, valid.vocab_size, info.seq_len, info.vocab_size);
  return TRM_OK;
}

/* Updates in the whole run (SPEC.md, run length). */
static trm_status count_updates(session *s, trm_error *err) {
  const trm_train_config *c = &s->config.train;
  trm_dataset_info info = trm_dataset_describe(s->data);
  double mean = (double)info.examples / (double)info.puzzles;
  s->config.updates =
      c->steps ? c->steps : (int64_t)((double)c->epochs * (double)info.groups * mean / (double)c->batch);
  if (s->config.updates > 0) return TRM_OK;
  return trm__fail(err, TRM_E_USAGE, "--epochs",
                   "%" PRId64 " epochs of %" PRId64 " groups are less than one batch of %" PRId64, c->epochs,
                   info.groups, c->batch);
}

static void log_plan(session *s) {
  const trm__backend *be = s->runtime->backend;
  char device[64] = "";
  if (!be->on_host) snprintf(device, sizeof device, ", %zu MiB on %s", s->predicted.device >> 20, be->name);
  trm__log_write(&s->runtime->log, TRM_LOG_INFO,
                 "micro-batch %" PRId64 " of batch %" PRId64 ", %zu MiB of memory predicted%s", s->config.micro_batch,
                 s->config.train.batch, s->predicted.host >> 20, device);
}

static trm_status plan_memory(session *s, trm_error *err) {
  trm__params params;
  int micro_batch = 0;
  trm_status status = trm__params_open(&params, &s->config.model, err);
  if (status != TRM_OK) return status;
  trm__memory_job job = {.model = &s->config.model,
                         .params = &params,
                         .train = &s->config.train,
                         .backend = s->runtime->backend,
                         .local_batch = (int)s->config.train.batch / s->comm->size,
                         .already = trm__mem_used()};
  if (s->config.micro_batch) micro_batch = (int)s->config.micro_batch; /* a resumed run keeps its slices */
  else status = trm__memory_plan(&job, &micro_batch, err);
  if (status == TRM_OK) {
    s->config.micro_batch = micro_batch;
    s->predicted = trm__memory_predict(&job, micro_batch);
    log_plan(s);
  }
  trm__params_close(&params);
  return status;
}

/* Data, memory plan, trainer and loader, in that order. */
static trm_status open_parts(session *s, trm_error *err) {
  trm_status status = trm__comm_self(&s->comm, err);
  if (status == TRM_OK) status = open_data(s, err);
  if (status == TRM_OK) status = count_updates(s, err);
  if (status != TRM_OK) return status;
  trm_dataset_info info = trm_dataset_describe(s->data);
  s->config.model.seq_len = info.seq_len;
  s->config.model.vocab_size = info.vocab_size;
  s->config.model.num_puzzle_identifiers = info.identifiers;
  snprintf(s->config.isa, sizeof s->config.isa, "%s", trm_runtime_describe(s->runtime).isa);
  status = trm_model_config_check(&s->config.model, err);
  if (status == TRM_OK) status = plan_memory(s, err);
  if (status != TRM_OK) return status;
  trm__trainer_config trainer = {.runtime = s->runtime,
                                 .comm = s->comm,
                                 .model = &s->config.model,
                                 .train = &s->config.train,
                                 .updates = s->config.updates,
                                 .micro_batch = (int)s->config.micro_batch};
  status = trm__trainer_open(&s->trainer, &trainer, err);
  if (status != TRM_OK) return status;
  s->trainer_open = 1;
  trm__loader_config loader = {.batch = (int)s->config.train.batch,
                               .first = s->trainer.first,
                               .count = s->trainer.carry.slots.count,
                               .ahead = s->runtime->backend->on_host ? 0 : LOADER_AHEAD,
                               .seed = (uint64_t)s->config.train.seed,
                               .augment = s->config.train.augment,
                               .threads = trm_runtime_describe(s->runtime).threads};
  return trm__loader_open(&s->loader, s->data, &loader, err);
}

static void close_session(session *s) {
  if (s->recorder_open) trm__recorder_close(&s->recorder);
  trm__loader_close(&s->loader);
  if (s->trainer_open) trm__trainer_close(&s->trainer);
  trm__comm_close(&s->comm);
  trm_dataset_close(&s->data);
  trm_dataset_close(&s->valid);
  trm__run_close(&s->run);
}

/* -- saving ---------------------------------------------------------------------------------------------------------
 */

static trm__checkpoint checkpoint_of(session *s) {
  return (trm__checkpoint){
      .run = &s->run, .config = &s->config, .trainer = &s->trainer, .loader = s->loader, .history = &s->history};
}

static double seconds_so_far(const session *s) {
  return s->before + trm__clock() - s->began;
}

static trm_status save(session *s, trm_error *err) {
  if (s->saved == s->trainer.step) return TRM_OK;
  s->history.seconds = seconds_so_far(s);
  trm__checkpoint c = checkpoint_of(s);
  trm_status status = trm__recorder_sync(&s->recorder, err);
  if (status == TRM_OK) status = trm__checkpoint_save(&c, s->config.train.keep, s->checkpoint, err);
  if (status == TRM_OK) s->saved = s->trainer.step;
  return status;
}

/* The EMA where the run stands: at its end, and when it is stopped, so that it can be used before it goes on. */
static trm_status export_last(session *s, trm_error *err) {
  trm__checkpoint c = checkpoint_of(s);
  return trm__checkpoint_export(&c, "last.safetensors", err);
}

/* -- one update and what follows it ----------------------------------------------------------------------------------
 */

static trm_status validate(session *s, trm__record *record, trm_error *err) {
  trm__metrics m;
  trm_status status = trm__validate(&s->trainer, s->valid, s->config.train.eval_limit, &m, err);
  if (status != TRM_OK) return status;
  record->evaluated = 1;
  record->valid_exact = trm__metrics_exact_accuracy(&m);
  record->valid_token = trm__metrics_token_accuracy(&m);
  trm__history *h = &s->history;
  h->worse++;
  if (!(record->valid_exact <= h->best_exact)) { /* better, or the first */
    h->best_exact = record->valid_exact;
    h->best_step = s->trainer.step;
    h->worse = 0;
    trm__checkpoint c = checkpoint_of(s);
    status = trm__checkpoint_export(&c, "best.safetensors", err);
  }
  record->best_exact = h->best_exact;
  const trm_train_config *c = &s->config.train;
  if (c->stop_at > 0 && record->valid_exact >= c->stop_at) h->finished = 1;
  if (c->patience > 0 && h->worse >= c->patience) h->finished = 1;
  return status;
}

/* Counts the examples that halted in an update. */
static void note_halted(session *s, const trm__done *done) {
  trm__metrics *m = &s->history.recent[done->step % TRM__RECENT];
  *m = (trm__metrics){0};
  for (int i = 0; i < done->slots; i++)
    if (done->halted[i]) trm__metrics_add(m, &done->stats[i], done->steps[i], 0);
}

/* Mean seconds an update over the recent ones of this call. */
static double pace(session *s, int64_t step) {
  double now = trm__clock(), from = s->began;
  int64_t count = step - s->first;
  if (count > SPEED_WINDOW) {
    from = s->mark[step % SPEED_WINDOW];
    count = SPEED_WINDOW;
  }
  s->mark[step % SPEED_WINDOW] = now;
  return (now - from) / (double)count;
}

static trm_train_progress progress_of(session *s, const trm__record *r, double pace_seconds) {
  return (trm_train_progress){.step = r->step,
                              .steps = s->config.updates,
                              .loss = r->update.loss,
                              .lm_loss = r->update.lm_loss,
                              .halt_loss = r->update.halt_loss,
                              .exact_accuracy = trm__metrics_exact_accuracy(&r->recent),
                              .token_accuracy = trm__metrics_token_accuracy(&r->recent),
                              .mean_steps = trm__metrics_mean_steps(&r->recent),
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
static trm_status account(session *s, const trm__done *done, trm_train_fn fn, void *context, int *stop,
                          trm_error *err) {
  const trm_train_config *c = &s->config.train;
  trm__record record = {
      .step = done->step, .update = done->update, .valid_exact = NAN, .valid_token = NAN, .best_exact = NAN};
  trm_status status = TRM_OK;
  note_halted(s, done);
  record.recent = trm__history_recent(&s->history);
  double seconds = pace(s, done->step);
  record.seconds = seconds_so_far(s);
  record.examples_per_second = seconds > 0 ? (double)c->batch / seconds : 0;
  int last = done->step >= s->config.updates;
  if (last) s->history.finished = 1;
  if (s->valid && (last || is_due(done->step, c->eval_every))) status = validate(s, &record, err);
  if (status == TRM_OK && (record.evaluated || last || is_due(done->step, c->log_every)))
    status = trm__recorder_add(&s->recorder, &record, err);
  if (status == TRM_OK && (s->history.finished || is_due(done->step, c->save_every))) status = save(s, err);
  if (status != TRM_OK) return status;
  trm_train_progress progress = progress_of(s, &record, seconds);
  if (fn && fn(context, &progress)) *stop = 1;
  if (c->max_minutes > 0 && trm__clock() - s->began >= 60 * c->max_minutes) *stop = 1;
  return TRM_OK;
}

/* The next update into the queue. Who halted is known only where the host has the memory; otherwise a candidate is
 * built for every slot. */
static trm_status enqueue(session *s, trm_error *err) {
  trm__trainer *t = &s->trainer;
  const uint8_t *halted = t->backend->on_host ? t->carry.slots.halted : NULL;
  trm_status status = trm__loader_next(s->loader, halted, t->offer.inputs, t->offer.labels, t->offer.ids, err);
  return status == TRM_OK ? trm__trainer_enqueue(t, err) : status;
}

/* Validation and checkpoints want the state of their update; records can be written a little later. */
static int must_collect(const session *s) {
  const trm_train_config *c = &s->config.train;
  int64_t step = s->trainer.step + s->trainer.queued;
  return trm__trainer_is_full(&s->trainer) || step >= s->config.updates || is_due(step, c->save_every) ||
         (s->valid && is_due(step, c->eval_every)) || s->trainer.queued * s->each >= COLLECT_SECONDS ||
         trm__clock() - s->collected >= COLLECT_SECONDS;
}

/* Waits for the queue. The updates before one that diverged still count. */
static trm_status collect(session *s, trm_train_fn fn, void *context, int *stop, trm_error *err) {
  int count = 0;
  trm_error late = {0};
  trm_status status = TRM_OK, lost = trm__trainer_collect(&s->trainer, &count, &late);
  if (count) s->each = (trm__clock() - s->collected) / count;
  for (int i = 0; i < count && status == TRM_OK; i++) {
    trm__done done = trm__trainer_done(&s->trainer, i);
    status = account(s, &done, fn, context, stop, err);
  }
  s->collected = trm__clock();
  if (status != TRM_OK || lost == TRM_OK) return status;
  if (err) *err = late;
  return lost;
}

/* Adds to a diverged run's error which checkpoint is good. */
static void name_checkpoint(const session *s, trm_error *err) {
  if (!err) return;
  size_t used = strlen(err->message);
  if (s->checkpoint[0])
    snprintf(err->message + used, sizeof err->message - used, "; the last good checkpoint is %.700s", s->checkpoint);
  else snprintf(err->message + used, sizeof err->message - used, "; there is no checkpoint yet");
}

static trm_status updates(session *s, trm_train_fn fn, void *context, trm_error *err) {
  s->first = s->trainer.step;
  s->collected = trm__clock();
  s->each = COLLECT_SECONDS; /* the first one is waited for */
  while (!s->history.finished) {
    int stop = 0;
    trm_status status = enqueue(s, err);
    if (status == TRM_OK && must_collect(s)) status = collect(s, fn, context, &stop, err);
    if (status == TRM_E_DIVERGED) name_checkpoint(s, err);
    if (status != TRM_OK) return status;
    if (!stop || s->history.finished) continue;
    status = save(s, err);
    if (status == TRM_OK) status = export_last(s, err);
    if (status != TRM_OK) return status;
    return trm__fail(err, TRM_E_STOPPED, s->run.path,
                     "stopped after update %" PRId64 " of %" PRId64 ", saved in %.700s", s->trainer.step,
                     s->config.updates, s->checkpoint);
  }
  return export_last(s, err);
}

static void fill_result(session *s, trm_train_result *result) {
  char path[TRM__RUN_PATH];
  const char *name = s->history.best_step ? "best.safetensors" : "last.safetensors";
  if (!result) return;
  *result = (trm_train_result){.step = s->trainer.step,
                               .best_exact = s->history.best_exact,
                               .best_step = s->history.best_step,
                               .seconds = seconds_so_far(s),
                               .predicted_bytes = s->predicted.host,
                               .peak_bytes = trm__mem_peak(),
                               .resident_bytes = trm__memory_resident_peak(),
                               .micro_batch = s->config.micro_batch};
  trm__run_path(&s->run, name, path);
  if (trm__path_exists(path)) snprintf(result->model, sizeof result->model, "%.1099s", path);
  snprintf(result->checkpoint, sizeof result->checkpoint, "%.1099s", s->checkpoint);
}

static trm_status train(session *s, trm_train_fn fn, void *context, trm_train_result *result, trm_error *err) {
  trm_status status = trm__recorder_open(&s->recorder, &s->run, s->trainer.step, &s->runtime->log, err);
  if (status != TRM_OK) return status;
  s->recorder_open = 1;
  s->before = s->history.seconds;
  s->began = trm__clock();
  status = updates(s, fn, context, err);
  fill_result(s, result);
  return status;
}

/* -- the public functions -------------------------------------------------------------------------------------------
 */

/* Paths are kept absolute, so that a run can be resumed from any working directory. */
static void make_absolute(char *path, size_t size) {
  char *whole = path[0] ? realpath(path, NULL) : NULL;
  if (whole && strlen(whole) < size) memcpy(path, whole, strlen(whole) + 1);
  free(whole);
}

trm_status trm_train_start(trm_runtime *runtime, const trm_model_config *model, const trm_train_config *config,
                           trm_train_fn fn, void *context, trm_train_result *result, trm_error *err) {
  session s = {.runtime = runtime, .run.lock = -1, .config = {.model = *model, .train = *config}};
  trm_train_config *c = &s.config.train;
  trm__history_init(&s.history);
  trm__mem_reset_peak();
  trm_status status = trm__run_create(&s.run, c->run, err);
  if (status != TRM_OK) goto done;
  make_absolute(c->data, sizeof c->data);
  make_absolute(c->valid, sizeof c->valid);
  make_absolute(c->init_from, sizeof c->init_from);
  status = open_parts(&s, err);
  if (status == TRM_OK && c->init_from[0]) status = trm__trainer_init_from(&s.trainer, c->init_from, err);
  if (status == TRM_OK) {
    s.config.train_crc = data_crc(s.data);
    s.config.valid_crc = s.valid ? data_crc(s.valid) : 0;
    status = trm__run_save(&s.run, &s.config, err);
  }
  if (status != TRM_OK) {
    trm__run_abandon(&s.run);
    goto done;
  }
  status = train(&s, fn, context, result, err);
done:
  close_session(&s);
  return status;
}

/* What config.json recorded about the data must still be so. */
static trm_status check_data(const session *s, const trm__run_config *before, trm_error *err) {
  if (data_crc(s->data) != before->train_crc)
    return trm__fail(err, TRM_E_INPUT, s->config.train.data, "is not the data that this run was started with");
  if (s->valid && data_crc(s->valid) != before->valid_crc)
    return trm__fail(err, TRM_E_INPUT, s->config.train.valid, "is not the data that this run was started with");
  return TRM_OK;
}

/* Files that an interrupted write left in the run directory. */
static void remove_leftovers(const trm__run *run) {
  char **names, path[TRM__RUN_PATH];
  size_t count;
  if (trm__dir_list(run->path, &names, &count, NULL) != TRM_OK) return;
  for (size_t i = 0; i < count; i++) {
    size_t length = strlen(names[i]);
    if (length > 4 && strcmp(names[i] + length - 4, ".tmp") == 0 && *trm__run_path(run, names[i], path)) remove(path);
  }
  trm__dir_list_free(names, count);
}

static trm_status restore(session *s, trm_error *err) {
  trm__checkpoint c = checkpoint_of(s);
  trm_status status = trm__checkpoint_load(&c, s->checkpoint, err);
  if (status != TRM_OK) return status;
  s->saved = s->trainer.step;
  const trm__log *log = &s->runtime->log;
  if (s->checkpoint[0]) {
    trm__log_write(log, TRM_LOG_INFO, "resuming from %s", s->checkpoint);
    return TRM_OK;
  }
  trm__log_write(log, TRM_LOG_INFO, "%s: no checkpoint yet, starting from the beginning", s->run.path);
  return s->config.train.init_from[0] ? trm__trainer_init_from(&s->trainer, s->config.train.init_from, err) : TRM_OK;
}

trm_status trm_train_resume(trm_runtime *runtime, const char *run, const char *const *overrides, size_t count,
                            trm_train_fn fn, void *context, trm_train_result *result, trm_error *err) {
  session s = {.runtime = runtime, .run.lock = -1};
  trm__run_config before;
  trm__history_init(&s.history);
  trm__mem_reset_peak();
  trm_status status = trm__run_open(&s.run, run, err);
  if (status == TRM_OK) status = trm__run_load(&s.run, &s.config, err);
  if (status == TRM_OK) status = trm__run_override(&s.config, overrides, count, err);
  if (status != TRM_OK) goto done;
  remove_leftovers(&s.run);
  before = s.config;
  status = open_parts(&s, err);
  if (status == TRM_OK) status = check_data(&s, &before, err);
  if (status == TRM_OK) status = restore(&s, err);
  if (status == TRM_OK && count) status = trm__run_save(&s.run, &s.config, err);
  if (status != TRM_OK) goto done;
  if (count) s.history.finished = s.trainer.step >= s.config.updates; /* new limits may let a finished run go on */
  status = train(&s, fn, context, result, err);
done:
  close_session(&s);
  return status;
}
