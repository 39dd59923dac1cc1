/* Opening and closing what a training run is made of. A resumed run has to have the same data, wherever that is now. */
#include "train/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "data/dataset.h"
#include "infer/search/plan.h"
#include "train/ranks.h"

#define LOADER_AHEAD 3 /* batches built while a device works */

/* Validation data of another kind than the training data. A run from before this was checked may go on: its validation
 * reads zeros for identifiers that are not in the puzzle embedding. */
static trm_status session_check_valid(const trm__session *s, trm_error *err) {
  const trm_train_config *c = &s->config.train;
  trm_dataset_info info = trm_dataset_describe(s->data);
  trm_error why = {0};
  trm__dataset_fit fit = {.seq_len = info.seq_len, .vocab_size = info.vocab_size, .alphabet = "", .whose = c->data};
  trm_status status = trm__dataset_check_fit(s->valid, &fit, c->valid, err);
  if (status) return status;
  if (s->config.model.puzzle_emb_ndim > 0) fit.identifiers = info.identifiers;
  fit.alphabet = info.task.alphabet;
  if (!s->resumed) return trm__dataset_check_fit(s->valid, &fit, c->valid, err);
  if (trm__dataset_check_fit(s->valid, &fit, c->valid, &why))
    trm__log_write(&s->log, TRM_LOG_WARN, "%s: %s; validation goes on as this run began it", why.where, why.message);
  return TRM_OK;
}

/* A data set of the configuration: what to open, and how it is known again. */
typedef struct wanted {
  char *path; /* in s->config.train; replaced where the data is elsewhere */
  const char *from_run, *option, *split;
  const trm_task *task;
  uint32_t crc; /* of a resumed run */
} wanted;

static trm_status session_open_same(trm_dataset **out, const wanted *w, const char *path, trm_error *err) {
  trm_dataset *d = NULL;
  trm_status status = trm_dataset_open(&d, path, w->split, w->task, err);
  if (!status && trm__session_data_crc(d) != w->crc)
    status = trm__fail(err, TRM_E_INPUT, path, "is not the data that this run was started with; name that with --%s",
                       w->option);
  if (status) trm_dataset_close(&d);
  else *out = d;
  return status;
}

/* A resumed run's data: where it was, or else where it lies now as seen from the run directory. */
static trm_status session_find_data(trm__session *s, trm_dataset **out, const wanted *w, trm_error *err) {
  char moved[sizeof s->config.train.data];
  trm__places_find(s->run.path, w->from_run, moved);
  if (!trm__path_exists(w->path) && !moved[0])
    return trm__fail(err, TRM_E_INPUT, w->path, "does not exist; name the data of this run with --%s", w->option);
  trm_status status = TRM_E_INPUT;
  if (trm__path_exists(w->path)) status = session_open_same(out, w, w->path, err);
  if (!status || !moved[0]) return status;
  trm_error of_moved;
  if (session_open_same(out, w, moved, &of_moved)) {
    if (!trm__path_exists(w->path)) *err = of_moved;
    return status;
  }
  memcpy(w->path, moved, sizeof moved);
  s->moved = 1;
  return TRM_OK;
}

static trm_status session_open_set(trm__session *s, trm_dataset **out, const wanted *w, trm_error *err) {
  trm_status status =
      s->resumed ? session_find_data(s, out, w, err) : trm_dataset_open(out, w->path, w->split, w->task, err);
  if (status || trm_dataset_describe(*out).examples > 0) return status;
  return trm__fail(err, TRM_E_INPUT, w->path, "holds no examples");
}

static trm_status session_open_data(trm__session *s, trm_error *err) {
  trm_train_config *c = &s->config.train;
  if (!c->data[0]) return trm__fail(err, TRM_E_USAGE, "--data", "training data must be named");
  wanted train = {c->data, s->config.from_run.data, "data", "train", NULL, s->recorded.train_crc};
  trm_status status = session_open_set(s, &s->data, &train, err);
  if (status) return status;
  s->config.task = trm_dataset_describe(s->data).task;
  if (s->resumed && !c->valid[0] != !s->recorded.valid_crc)
    return trm__fail(err, TRM_E_INPUT, s->run.path,
                     c->valid[0] ? "was started without validation data, and goes on without"
                                 : "config.json names no validation data, but the run was started with some");
  if (!c->valid[0]) return TRM_OK;
  wanted valid = {c->valid, s->config.from_run.valid, "valid", "test", &s->config.task, s->recorded.valid_crc};
  status = session_open_set(s, &s->valid, &valid, err);
  return status ? status : session_check_valid(s, err);
}

/* Updates in the whole run (docs/spec.md, Run length). */
static trm_status session_count_updates(trm__session *s, trm_error *err) {
  const trm_train_config *c = &s->config.train;
  trm_dataset_info info = trm_dataset_describe(s->data);
  double mean = (double)info.examples / (double)info.puzzles;
  s->config.updates =
      c->steps ? c->steps : (int64_t)((double)c->epochs * (double)info.groups * mean / (double)c->batch);
  if (s->config.updates < 1)
    return trm__fail(err, TRM_E_USAGE, "--epochs",
                     "%" PRId64 " epochs of %" PRId64 " groups are less than one batch of %" PRId64, c->epochs,
                     info.groups, c->batch);
  if (!s->config.schedule) s->config.schedule = c->schedule_steps ? c->schedule_steps : s->config.updates;
  if (s->config.updates > s->config.schedule && s->config.schedule > c->lr_warmup_steps && c->lr_min_ratio == 0)
    return trm__fail(err, TRM_E_USAGE, "--steps",
                     "%" PRId64 " updates, but the schedule ends at update %" PRId64
                     " with a rate of 0, and nothing is learned after it; --schedule-steps N makes it longer, and the "
                     "rate rise again",
                     s->config.updates, s->config.schedule);
  return TRM_OK;
}

/* A run that goes on beyond its schedule: what becomes of the rate. */
static void session_log_schedule(const trm__session *s) {
  const trm_train_config *c = &s->config.train;
  if (s->config.updates <= s->config.schedule || (c->lr_min_ratio == 1 && !c->cycles_schedule[0])) return;
  trm__log_write(&s->log, TRM_LOG_WARN,
                 "%" PRId64 " updates, the schedule ends at %" PRId64
                 ": after it the rate stays at %g times its largest; --schedule-steps N makes the schedule longer",
                 s->config.updates, s->config.schedule, c->lr_min_ratio);
}

void trm__session_announce(const trm__session *s) {
  const trm__backend *be = s->runtime->backend;
  const trm__log *log = &s->log;
  char device[64] = "";
  if (s->resumed && s->checkpoint[0]) trm__log_write(log, TRM_LOG_INFO, "resuming from %s", s->checkpoint);
  else if (s->resumed)
    trm__log_write(log, TRM_LOG_INFO, "%s: no checkpoint yet, starting from the beginning", s->run.path);
  if (!be->on_host) snprintf(device, sizeof device, ", %zu MiB on %s", s->predicted.device >> 20, be->name);
  trm__log_write(log, TRM_LOG_INFO, "micro-batch %" PRId64 " of batch %" PRId64 ", %zu MiB of memory predicted%s",
                 s->config.micro_batch, s->config.train.batch, s->predicted.host >> 20, device);
  if (s->comm->size > 1) trm__log_write(log, TRM_LOG_INFO, "%d ranks", s->comm->size);
  session_log_schedule(s);
}

/* The same on all ranks: the smallest that one of them asks for. */
static trm_status session_plan_micro_batch(trm__session *s, const trm__plan_job *job, int *micro_batch,
                                           trm_error *err) {
  trm_status status = trm__plan_micro_batch(job, micro_batch, err);
  int64_t largest = -(int64_t)*micro_batch;
  if (!status) status = trm__comm_largest(s->comm, &largest, err);
  if (!status) *micro_batch = (int)-largest;
  return status;
}

static trm_status session_plan_memory(trm__session *s, trm_error *err) {
  trm__params params;
  int micro_batch = 0;
  trm_status status = trm__params_open(&params, &s->config.model, err);
  if (status) return status;
  trm__plan_job job = {.model = &s->config.model,
                       .params = &params,
                       .train = &s->config.train,
                       .backend = s->runtime->backend,
                       .comm = s->comm,
                       .already = trm__mem_used()};
  if (s->config.micro_batch) micro_batch = (int)s->config.micro_batch; /* a resumed run keeps it */
  else status = session_plan_micro_batch(s, &job, &micro_batch, err);
  if (!status) {
    s->config.micro_batch = micro_batch;
    s->predicted = trm__plan_predict(&job, micro_batch);
  }
  trm__params_close(&params);
  return status;
}

/* What the lattice recursion has no use for. */
static trm_status session_check_lattice(const trm__session *s, trm_error *err) {
  const trm_train_config *c = &s->config.train;
  const struct {
    const char *option;
    int given;
  } unused[] = {{"--latents", c->latents > 1},
                {"--cycles-schedule", c->cycles_schedule[0]},
                {"--start-noise", c->start_noise != 0},
                {"--latent-noise", c->latent_noise != 0},
                {"--label-smoothing", c->label_smoothing != 0},
                {"--step-decay", c->step_decay != 1},
                {"--slices", c->slices > 1}};
  if (s->config.model.recursion != TRM_RECURSION_LATTICE) return TRM_OK;
  for (size_t i = 0; i < sizeof unused / sizeof *unused; i++)
    if (unused[i].given) return trm__fail(err, TRM_E_USAGE, unused[i].option, "is not for the lattice recursion");
  if (!trm__lattice_fits(&s->config.task))
    return trm__fail(err, TRM_E_INPUT, c->data, "is no Sudoku, and the lattice recursion is for nothing else");
  if (s->comm->size > 1)
    return trm__fail(err, TRM_E_UNSUPPORTED, "recursion", "is lattice, which trains in one process, found %d ranks",
                     s->comm->size);
  return TRM_OK;
}

trm_status trm__session_open(trm__session *s, trm_error *err) {
  const trm_train_config *c = &s->config.train;
  trm_status status = trm__ranks_check_number(s->comm, c->slices, c->batch, err);
  if (!status) status = session_open_data(s, err);
  if (!status) status = session_count_updates(s, err);
  if (status) return status;
  trm_dataset_info info = trm_dataset_describe(s->data);
  s->config.model.seq_len = info.seq_len;
  s->config.model.vocab_size = info.vocab_size;
  s->config.model.num_puzzle_identifiers = info.identifiers;
  status = trm_model_config_check(&s->config.model, err);
  if (!status) status = session_check_lattice(s, err);
  if (!status) status = session_plan_memory(s, err);
  if (status) return status;
  snprintf(s->config.isa, sizeof s->config.isa, "%s", trm_runtime_describe(s->runtime).isa); /* as the plan has it */
  trm__trainer_config trainer = {.runtime = s->runtime,
                                 .comm = s->comm,
                                 .model = &s->config.model,
                                 .train = &s->config.train,
                                 .task = &s->config.task,
                                 .updates = s->config.schedule,
                                 .micro_batch = (int)s->config.micro_batch};
  status = trm__trainer_open(&s->trainer, &trainer, err);
  if (status) return status;
  s->trainer_open = 1;
  trm__loader_config loader = {.batch = (int)s->config.train.batch,
                               .first = s->trainer.first,
                               .count = s->trainer.carry.slots.count,
                               .ahead = s->runtime->backend->on_host ? 0 : LOADER_AHEAD,
                               .seed = (uint64_t)s->config.train.seed,
                               .augment = s->config.train.augment,
                               .pool = s->runtime->pool};
  return trm__loader_open(&s->loader, s->data, &loader, err);
}

void trm__session_end_updates(trm__session *s) {
  trm__loader_close(&s->loader);
  if (s->trainer_open) trm__trainer_close(&s->trainer);
  s->trainer_open = 0;
}

void trm__session_close(trm__session *s) {
  if (s->recorder_open) trm__recorder_close(&s->recorder);
  trm__session_end_updates(s);
  trm_dataset_close(&s->data);
  trm_dataset_close(&s->valid);
  trm__run_close(&s->run);
}

/* -- the data's checksums ------------------------------------------------------------------------------------------ */

uint32_t trm__session_data_crc(const trm_dataset *d) {
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

void trm__session_note_data(trm__session *s) {
  s->config.train_crc = trm__session_data_crc(s->data);
  s->config.valid_crc = s->valid ? trm__session_data_crc(s->valid) : 0;
}
