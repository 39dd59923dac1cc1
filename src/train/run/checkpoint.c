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
#include "train/run/carry.h"
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

/* -- the optimizer's file ------------------------------------------------------------------------------------------ */

static trm__st_source source_flat(const char *name, const trm__real *data, size_t n) {
  return (trm__st_source){
      .name = name, .dtype = TRM__ST_F32, .rank = 1, .shape = {(int64_t)n}, .data = data, .data_is_real = 1};
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
    trm__st_source source[] = {source_flat("m", host[0], n), source_flat("v", host[1], n),
                               source_flat("ema", host[2], n)};
    status = trm__st_write(path, NULL, source, 3, crc, err);
  }
  for (int i = 0; i < 3; i++) trm__trainer_return(t, device[i], size, host[i], 0);
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

static trm_status checkpoint_write(const trm__checkpoint *c, const trm__carry_image *carry, const char *folder,
                                   trm_error *err) {
  char path[TRM__CHECKPOINT_FILES][TRM__RUN_PATH];
  uint32_t crc[TRM__CHECKPOINT_FILES];
  for (int i = 0; i < TRM__CHECKPOINT_FILES; i++) trm__run_join(folder, trm__checkpoint_file[i], path[i]);
  trm_status status = checkpoint_save_model(c, path[0], c->trainer->weights, "raw", &crc[0], err);
  if (!status) status = checkpoint_save_optimizer(c, path[1], &crc[1], err);
  if (!status) status = trm__carry_write(carry, path[2], &crc[2], err);
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

/* By rank 0. */
static trm_status checkpoint_commit(const trm__checkpoint *c, const trm__carry_image *carry, int64_t keep,
                                    const char *folder, const char *final, trm_error *err) {
  int64_t step = c->trainer->step;
  trm__draft *draft;
  trm_status status = trm__dir_make(folder, err);
  if (!status) status = trm__draft_open(&draft, final, err);
  if (status) return status;
  status = checkpoint_write(c, carry, trm__draft_path(draft), err);
  if (!status) status = checkpoint_remove(folder, step, err); /* a damaged one of the same number */
  if (status) {
    trm__draft_abort(&draft);
    return status;
  }
  status = trm__draft_commit(&draft, err);
  return status ? status : trm__checkpoint_prune(folder, step, keep, err);
}

trm_status trm__checkpoint_save(const trm__checkpoint *checkpoint, int64_t keep, char *path, trm_error *err) {
  char folder[TRM__RUN_PATH], final[TRM__RUN_PATH], name[40];
  trm__trainer *t = checkpoint->trainer;
  trm__carry_image carry;
  trm__run_path(checkpoint->run, "checkpoints", folder);
  snprintf(name, sizeof name, "step-%" PRId64, t->step);
  trm__run_join(folder, name, final);
  trm_status status = trm__carry_image_open(&carry, t, err);
  if (!status && t->comm->rank == 0) status = checkpoint_commit(checkpoint, &carry, keep, folder, final, err);
  trm__carry_image_close(&carry);
  if (!status) status = trm__comm_barrier(t->comm, err); /* it is written, for all */
  if (!status) memcpy(path, final, sizeof final);
  return status;
}
