/* Writing checkpoints and model files, and pruning old ones. */
#include "train/run/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"
#include "task/task.h"
#include "train/run/checkpoint_internal.h"
#include "train/update.h"

const char *const trm__checkpoint_file[TRM__CHECKPOINT_FILES] = {"model.safetensors", "optimizer.safetensors",
                                                                 "carry.safetensors"};

/* -- weights, seen from the host ----------------------------------------------------------------------------------- */

static size_t start_bytes(const trm__trainer *t) {
  return 2 * (size_t)t->params.dims.D * sizeof(trm__real);
}

trm_status trm__checkpoint_borrow(trm__trainer *trainer, trm__real *flat, trm__weight_set *set, trm_error *err) {
  const trm__params *p = &trainer->params;
  *set = (trm__weight_set){0};
  set->flat = trm__trainer_borrow(trainer, flat, p->trained * sizeof *flat, err);
  if (set->flat) set->start = trm__trainer_borrow(trainer, trainer->start, start_bytes(trainer), err);
  if (set->start && trainer->puzzle)
    set->puzzle = trm__trainer_borrow(trainer, trainer->puzzle, p->puzzle * sizeof *flat, err);
  if (set->start && (set->puzzle || !trainer->puzzle)) return TRM_OK;
  trm__checkpoint_return(trainer, flat, set, 0);
  return TRM_E_MEMORY;
}

void trm__checkpoint_return(trm__trainer *trainer, trm__real *flat, trm__weight_set *set, int changed) {
  const trm__params *p = &trainer->params;
  trm__trainer_return(trainer, flat, p->trained * sizeof *flat, set->flat, changed);
  trm__trainer_return(trainer, trainer->start, start_bytes(trainer), set->start, changed);
  trm__trainer_return(trainer, trainer->puzzle, p->puzzle * sizeof *flat, set->puzzle, changed);
  *set = (trm__weight_set){0};
}

trm_status trm__checkpoint_borrow_slots(trm__trainer *trainer, trm__slots *out, trm_error *err) {
  const trm__slots *s = &trainer->carry.slots;
  size_t n = (size_t)s->count * sizeof(int32_t), rows = n * (size_t)s->seq_len;
  *out = (trm__slots){.count = s->count, .seq_len = s->seq_len};
  out->inputs = trm__trainer_borrow(trainer, s->inputs, rows, err);
  if (out->inputs) out->labels = trm__trainer_borrow(trainer, s->labels, rows, err);
  if (out->labels) out->ids = trm__trainer_borrow(trainer, s->ids, n, err);
  if (out->ids) out->steps = trm__trainer_borrow(trainer, s->steps, n, err);
  if (out->steps) out->halted = trm__trainer_borrow(trainer, s->halted, (size_t)s->count, err);
  if (out->halted) return TRM_OK;
  trm__checkpoint_return_slots(trainer, out, 0);
  return TRM_E_MEMORY;
}

void trm__checkpoint_return_slots(trm__trainer *trainer, const trm__slots *slots, int changed) {
  const trm__slots *s = &trainer->carry.slots;
  size_t n = (size_t)s->count * sizeof(int32_t), rows = n * (size_t)s->seq_len;
  trm__trainer_return(trainer, s->inputs, rows, slots->inputs, changed);
  trm__trainer_return(trainer, s->labels, rows, slots->labels, changed);
  trm__trainer_return(trainer, s->ids, n, slots->ids, changed);
  trm__trainer_return(trainer, s->steps, n, slots->steps, changed);
  trm__trainer_return(trainer, s->halted, (size_t)s->count, slots->halted, changed);
}

/* What a model file says about its origin: the run's seed and the update. */
static json_t *model_provenance(const trm__checkpoint *c) {
  char step[32], seed[32];
  snprintf(step, sizeof step, "%" PRId64, c->trainer->step);
  snprintf(seed, sizeof seed, "%" PRId64, c->config->train.seed);
  return json_pack("{s:s,s:s}", "trm.step", step, "trm.seed", seed);
}

static trm_status checkpoint_save_model(const trm__checkpoint *c, const char *path, trm__real *flat,
                                        const char *variant, uint32_t *crc, trm_error *err) {
  trm__weight_set set;
  trm_status status = trm__checkpoint_borrow(c->trainer, flat, &set, err);
  if (status) return status;
  json_t *task = trm__task_to_json(&c->config->task), *origin = model_provenance(c);
  char *text = task ? trm__json_text(task, JSON_COMPACT) : NULL;
  trm__model_write what = {.config = &c->trainer->model,
                           .params = &c->trainer->params,
                           .weights = &set,
                           .variant = variant,
                           .task = text,
                           .provenance = origin,
                           .dtype = TRM__ST_F32,
                           .loss = trm__update_loss_kind(c->trainer)};
  status = text && origin ? trm__model_save(path, &what, crc, err) : trm__fail_memory(err, path, 0);
  free(text);
  json_decref(task);
  json_decref(origin);
  trm__checkpoint_return(c->trainer, flat, &set, 0);
  return status;
}

trm_status trm__checkpoint_export(const trm__checkpoint *checkpoint, const char *name, trm_error *err) {
  char path[TRM__RUN_PATH];
  return checkpoint_save_model(checkpoint, trm__run_path(checkpoint->run, name, path), checkpoint->trainer->ema, "ema",
                               NULL, err);
}

/* -- the other two files ------------------------------------------------------------------------------------------- */

static trm__st_source source_reals(const char *name, const trm__real *data, int64_t a, int64_t b, int64_t c) {
  trm__st_source source = {.name = name, .dtype = TRM__ST_F32, .rank = b ? 3 : 1, .data = data, .data_is_real = 1};
  source.shape[0] = a, source.shape[1] = b, source.shape[2] = c;
  return source;
}

static trm__st_source source_bytes(const char *name, trm__st_dtype dtype, const void *data, int64_t a, int64_t b) {
  trm__st_source source = {.name = name, .dtype = dtype, .rank = b ? 2 : 1, .data = data};
  source.shape[0] = a, source.shape[1] = b;
  return source;
}

static trm_status checkpoint_save_optimizer(const trm__checkpoint *c, const char *path, uint32_t *crc, trm_error *err) {
  trm__trainer *t = c->trainer;
  size_t n = t->params.trained, size = n * sizeof(trm__real);
  trm__real *device[3] = {t->optimizer.m, t->optimizer.v, t->ema}, *host[3] = {0};
  trm_status status = TRM_OK;
  for (int i = 0; i < 3 && !status; i++) {
    host[i] = trm__trainer_borrow(t, device[i], size, err);
    if (!host[i]) status = TRM_E_MEMORY;
  }
  if (!status) {
    trm__st_source source[] = {source_reals("m", host[0], (int64_t)n, 0, 0),
                               source_reals("v", host[1], (int64_t)n, 0, 0),
                               source_reals("ema", host[2], (int64_t)n, 0, 0)};
    status = trm__st_write(path, NULL, source, 3, crc, err);
  }
  for (int i = 0; i < 3; i++) trm__trainer_return(t, device[i], size, host[i], 0);
  return status;
}

int trm__checkpoint_plain_carry(const trm__trainer *trainer) {
  const trm__backend *be = trainer->backend;
  return be->on_host && be->act_bytes(be, &trainer->params.dims) == sizeof(trm__real);
}

/* x, the states of so many latents, as trm__real on the host: x itself where that is possible, else *copy, to be freed.
 */
static const trm__real *carry_read(trm__trainer *t, const trm__act *x, int latents, trm__real **copy) {
  size_t n = (size_t)latents * (size_t)t->carry.slots.count * (size_t)t->params.dims.L * (size_t)t->params.dims.D;
  *copy = NULL;
  if (trm__checkpoint_plain_carry(t)) return (const trm__real *)(const void *)x;
  *copy = trm__calloc(n, sizeof **copy);
  if (*copy) t->backend->act_read(t->backend, &t->params.dims, *copy, x, n);
  return *copy;
}

static trm_status checkpoint_save_carry(const trm__checkpoint *c, const char *path, uint32_t *crc, trm_error *err) {
  trm__trainer *t = c->trainer;
  trm__train_slots *carry = &t->carry;
  trm__slots slots;
  trm__real *copy_y, *copy_z;
  const trm__real *y = carry_read(t, carry->y, 1, &copy_y), *z = carry_read(t, carry->z, carry->latents, &copy_z);
  size_t rows = (size_t)(carry->latents - 1) * (size_t)t->params.dims.D;
  trm__real *device = t->start + 2 * (size_t)t->params.dims.D, *starts = NULL;
  if (rows) starts = trm__trainer_borrow(t, device, rows * sizeof *starts, err);
  trm_status status = y && z && (starts || !rows)
                          ? TRM_OK
                          : trm__fail_memory(err, path, (size_t)carry->slots.count * carry->slot_bytes);
  if (!status) status = trm__checkpoint_borrow_slots(t, &slots, err);
  if (!status) {
    int64_t n = slots.count, s = slots.seq_len, l = t->params.dims.L, d = t->params.dims.D;
    trm__st_source source[] = {source_reals("y", y, n, l, d),
                               source_reals("z", z, carry->latents * n, l, d),
                               source_bytes("inputs", TRM__ST_I32, slots.inputs, n, s),
                               source_bytes("labels", TRM__ST_I32, slots.labels, n, s),
                               source_bytes("ids", TRM__ST_I32, slots.ids, n, 0),
                               source_bytes("steps", TRM__ST_I32, slots.steps, n, 0),
                               source_bytes("halted", TRM__ST_U8, slots.halted, n, 0),
                               source_reals("starts", starts, (int64_t)rows, 0, 0)};
    status = trm__st_write(path, NULL, source, sizeof source / sizeof *source - !rows, crc, err);
    trm__checkpoint_return_slots(t, &slots, 0);
  }
  trm__trainer_return(t, device, rows * sizeof *starts, starts, 0);
  trm__free(copy_y);
  trm__free(copy_z);
  return status;
}

/* -- the whole ----------------------------------------------------------------------------------------------------- */

static trm_status checkpoint_save_state(const trm__checkpoint *c, const char *folder, const uint32_t *crc,
                                        trm_error *err) {
  char path[TRM__RUN_PATH];
  json_t *files = json_object();
  for (int i = 0; i < TRM__CHECKPOINT_FILES; i++) {
    struct stat info = {0};
    trm__run_join(folder, trm__checkpoint_file[i], path);
    if (stat(path, &info) != 0) {
      json_decref(files);
      return trm__fail_errno(err, path, "cannot be examined");
    }
    json_object_set_new(files, trm__checkpoint_file[i],
                        json_pack("{s:I,s:I}", "bytes", (json_int_t)info.st_size, "crc32", (json_int_t)crc[i]));
  }
  json_t *root =
      json_pack("{s:i,s:I,s:I,s:s,s:o,s:o,s:o}", "format", TRM__CHECKPOINT_FORMAT, "step", (json_int_t)c->trainer->step,
                "config_crc32", (json_int_t)trm__run_config_crc(c->config), "isa", c->config->isa, "loader",
                trm__loader_state(c->loader), "history", trm__history_to_json(c->history), "files", files);
  if (!root) return trm__fail_memory(err, folder, 0);
  json_object_set_new(root, "crc32", json_integer((json_int_t)trm__json_crc32(root)));
  trm_status status = trm__json_save(root, trm__run_join(folder, "state.json", path), err);
  json_decref(root);
  return status;
}

static trm_status checkpoint_write(const trm__checkpoint *c, const char *folder, trm_error *err) {
  static trm_status (*const save[])(const trm__checkpoint *, const char *, uint32_t *,
                                    trm_error *) = {NULL, checkpoint_save_optimizer, checkpoint_save_carry};
  char path[TRM__RUN_PATH];
  uint32_t crc[TRM__CHECKPOINT_FILES];
  trm_status status = TRM_OK;
  for (int i = 0; i < TRM__CHECKPOINT_FILES && !status; i++) {
    trm__run_join(folder, trm__checkpoint_file[i], path);
    status = save[i] ? save[i](c, path, &crc[i], err)
                     : checkpoint_save_model(c, path, c->trainer->weights, "raw", &crc[i], err);
  }
  if (!status) status = checkpoint_save_state(c, folder, crc, err);
  if (!status) status = trm__dir_sync(folder, err);
  return status;
}

int64_t trm__checkpoint_number(const char *name) {
  char again[32];
  if (strncmp(name, "step-", 5) != 0) return -1;
  long long number = strtoll(name + 5, NULL, 10);
  snprintf(again, sizeof again, "step-%lld", number);
  return number > 0 && strcmp(again, name) == 0 ? (int64_t)number : -1;
}

/* Removes a checkpoint so that it is never seen half removed: it goes into a temporary first. */
static trm_status checkpoint_remove(const char *folder, int64_t number, trm_error *err) {
  char path[TRM__RUN_PATH], gone[TRM__RUN_PATH], name[40];
  trm__draft *draft;
  snprintf(name, sizeof name, "step-%" PRId64, number);
  trm__run_join(folder, name, path);
  if (!trm__path_exists(path)) return TRM_OK;
  trm_status status = trm__draft_open(&draft, path, err);
  if (status) return status;
  status = trm__rename(path, trm__run_join(trm__draft_path(draft), "old", gone), err);
  if (!status) status = trm__dir_remove(gone, err);
  trm__draft_abort(&draft);
  return status;
}

trm_status trm__checkpoint_prune(const char *folder, int64_t now, int64_t keep, trm_error *err) {
  char **names;
  size_t count;
  trm_status status = trm__dir_list(folder, &names, &count, err);
  if (status) return status;
  for (size_t i = 0; i < count && !status; i++) {
    int64_t number = trm__checkpoint_number(names[i]), newer = 0;
    if (number < 0) continue;
    for (size_t j = 0; j < count; j++) {
      int64_t other = trm__checkpoint_number(names[j]);
      newer += other > number && other <= now;
    }
    if (newer >= keep) status = checkpoint_remove(folder, number, err);
  }
  trm__dir_list_free(names, count);
  return status;
}

trm_status trm__checkpoint_save(const trm__checkpoint *checkpoint, int64_t keep, char *path, trm_error *err) {
  int64_t step = checkpoint->trainer->step;
  char folder[TRM__RUN_PATH], final[TRM__RUN_PATH], name[40];
  trm__draft *draft;
  trm__run_path(checkpoint->run, "checkpoints", folder);
  snprintf(name, sizeof name, "step-%" PRId64, step);
  trm__run_join(folder, name, final);
  trm_status status = trm__dir_make(folder, err);
  if (!status) status = trm__draft_open(&draft, final, err);
  if (status) return status;
  status = checkpoint_write(checkpoint, trm__draft_path(draft), err);
  if (!status) status = checkpoint_remove(folder, step, err); /* a damaged one of the same number */
  if (status) {
    trm__draft_abort(&draft);
    return status;
  }
  status = trm__draft_commit(&draft, err);
  if (status) return status;
  memcpy(path, final, sizeof final);
  return trm__checkpoint_prune(folder, step, keep, err);
}
