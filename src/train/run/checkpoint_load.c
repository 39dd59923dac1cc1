/* Reading checkpoints: each is verified as a whole (state.json's own CRC, then every file's) before anything of it is
 * used, the newest first. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"
#include "train/run/checkpoint_internal.h"

#define STATE_LIMIT ((size_t)64 << 20) /* bytes of state.json */

typedef struct folder {
  char path[TRM__RUN_PATH];
  json_t *state;
} folder;

/* -- verifying ----------------------------------------------------------------------------------------------------- */

static trm_status checkpoint_verify_state(folder *f, trm_error *err) {
  char path[TRM__RUN_PATH];
  int64_t format = 0, crc = 0;
  trm__run_join(f->path, "state.json", path);
  trm_status status = trm__json_load(&f->state, path, STATE_LIMIT, err);
  if (!status) status = trm__json_int(f->state, "format", 0, INT64_MAX, &format, path, err);
  if (!status && format != TRM__CHECKPOINT_FORMAT)
    return trm__fail(err, TRM_E_INPUT, path, "the checkpoint has format %" PRId64 ", this version of trm reads %d",
                     format, TRM__CHECKPOINT_FORMAT);
  if (!status) status = trm__json_int(f->state, "crc32", 0, UINT32_MAX, &crc, path, err);
  if (status) return status;
  json_object_del(f->state, "crc32");
  uint32_t found = trm__json_crc32(f->state);
  if (found != (uint32_t)crc)
    return trm__fail(err, TRM_E_INPUT, path, "CRC-32 is %08" PRIx32 ", the file says %08" PRIx32, found, (uint32_t)crc);
  return TRM_OK;
}

static trm_status checkpoint_verify_file(const folder *f, const char *name, trm_error *err) {
  char path[TRM__RUN_PATH];
  int64_t bytes = 0, crc = 0;
  trm__map map;
  const json_t *entry = json_object_get(json_object_get(f->state, "files"), name);
  trm__run_join(f->path, name, path);
  trm_status status = trm__json_int(entry, "bytes", 0, INT64_MAX, &bytes, path, err);
  if (!status) status = trm__json_int(entry, "crc32", 0, UINT32_MAX, &crc, path, err);
  if (!status) status = trm__map_open(&map, path, err);
  if (status) return status;
  uint32_t found = trm__crc32(0, map.data, map.size);
  if (map.size != (size_t)bytes)
    status = trm__fail(err, TRM_E_INPUT, path, "has %zu bytes, state.json says %" PRId64, map.size, bytes);
  else if (found != (uint32_t)crc)
    status =
        trm__fail(err, TRM_E_INPUT, path, "CRC-32 is %08" PRIx32 ", state.json says %08" PRIx32, found, (uint32_t)crc);
  trm__map_close(&map);
  return status;
}

static trm_status checkpoint_verify(folder *f, trm_error *err) {
  trm_status status = checkpoint_verify_state(f, err);
  for (int i = 0; i < TRM__CHECKPOINT_FILES && !status; i++)
    status = checkpoint_verify_file(f, trm__checkpoint_file[i], err);
  return status;
}

/* -- restoring ----------------------------------------------------------------------------------------------------- */

static trm_status checkpoint_find(const trm__safetensors *st, const char *name, trm__st_dtype dtype, size_t elements,
                                  const char *path, const trm__st_tensor **out, trm_error *err) {
  const trm__st_tensor *tensor = trm__st_find(st, name);
  if (!tensor) return trm__fail(err, TRM_E_INPUT, path, "has no tensor %s", name);
  if (tensor->dtype != dtype || tensor->elements != elements)
    return trm__fail(err, TRM_E_INPUT, path, "tensor %s is %s of %zu numbers, expected %s of %zu", name,
                     trm__st_dtype_name(tensor->dtype), tensor->elements, trm__st_dtype_name(dtype), elements);
  *out = tensor;
  return TRM_OK;
}

static trm_status checkpoint_read(const trm__safetensors *st, const char *name, trm__st_dtype dtype, size_t n, void *to,
                                  const char *path, trm_error *err) {
  const trm__st_tensor *tensor = NULL;
  trm_status status = checkpoint_find(st, name, dtype, n, path, &tensor, err);
  if (!status) memcpy(to, tensor->data, n * trm__st_dtype_size(dtype));
  return status;
}

static trm_status checkpoint_load_model(const folder *f, trm__trainer *t, trm_error *err) {
  char path[TRM__RUN_PATH];
  trm_model *model = NULL;
  trm__weight_set set;
  trm_status status = trm_model_open(&model, trm__run_join(f->path, "model.safetensors", path), err);
  if (status) return status;
  if (model->params.trained != t->params.trained || model->params.puzzle != t->params.puzzle ||
      model->params.dims.D != t->params.dims.D)
    status = trm__fail(err, TRM_E_INPUT, path, "does not have the shapes of config.json");
  if (!status) status = trm__checkpoint_borrow(t, t->weights, &set, err);
  if (!status) {
    trm__model_read(model, &set);
    trm__checkpoint_return(t, t->weights, &set, 1);
  }
  trm_model_close(&model);
  return status;
}

static trm_status checkpoint_load_optimizer(const folder *f, trm__trainer *t, trm_error *err) {
  static const char *const names[] = {"m", "v", "ema"};
  char path[TRM__RUN_PATH];
  trm__safetensors st;
  size_t n = t->params.trained;
  trm__real *device[] = {t->optimizer.m, t->optimizer.v, t->ema};
  trm_status status = trm__st_open(&st, trm__run_join(f->path, "optimizer.safetensors", path), err);
  if (status) return status;
  for (int i = 0; i < 3 && !status; i++) {
    const trm__st_tensor *tensor = NULL;
    status = checkpoint_find(&st, names[i], TRM__ST_F32, n, path, &tensor, err);
    if (status) break;
    trm__real *host = trm__trainer_borrow(t, device[i], n * sizeof *host, err);
    if (host) trm__st_read_real(tensor, host);
    else status = TRM_E_MEMORY;
    trm__trainer_return(t, device[i], n * sizeof *host, host, 1);
  }
  trm__st_close(&st);
  return status;
}

static trm_status carry_load(const trm__safetensors *st, const char *name, trm__trainer *t, trm__act *to, int latents,
                             const char *path, trm_error *err) {
  size_t n = (size_t)latents * (size_t)t->carry.slots.count * (size_t)t->params.dims.L * (size_t)t->params.dims.D;
  const trm__st_tensor *tensor = NULL;
  trm_status status = checkpoint_find(st, name, TRM__ST_F32, n, path, &tensor, err);
  if (status) return status;
  if (trm__checkpoint_plain_carry(t)) {
    trm__st_read_real(tensor, (trm__real *)(void *)to);
    return TRM_OK;
  }
  trm__real *copy = trm__calloc(n, sizeof *copy);
  if (!copy) return trm__fail_memory(err, path, n * sizeof *copy);
  trm__st_read_real(tensor, copy);
  t->backend->act_write(t->backend, &t->params.dims, to, copy, n);
  trm__free(copy);
  return TRM_OK;
}

/* Tokens index rows and identifiers index the puzzle table, so they are checked like any input. */
static trm_status slots_check(const trm__trainer *t, const trm__slots *c, const char *path, trm_error *err) {
  for (int i = 0; i < c->count; i++) {
    int bad = c->halted[i] > 1 || c->steps[i] < 0 || c->steps[i] > t->model.halt_max_steps || c->ids[i] < 0 ||
              c->ids[i] >= (t->model.num_puzzle_identifiers > 0 ? t->model.num_puzzle_identifiers : INT32_MAX);
    for (int j = 0; j < c->seq_len; j++) {
      size_t at = (size_t)i * (size_t)c->seq_len + (size_t)j;
      bad |= c->inputs[at] < 0 || c->inputs[at] >= t->params.dims.V || c->labels[at] >= t->params.dims.V;
    }
    if (bad) return trm__fail(err, TRM_E_INPUT, path, "slot %d holds values out of range", i);
  }
  return TRM_OK;
}

static trm_status slots_load(const trm__safetensors *st, trm__trainer *t, const char *path, trm_error *err) {
  trm__slots c;
  trm_status status = trm__checkpoint_borrow_slots(t, &c, err);
  if (status) return status;
  size_t n = (size_t)c.count, s = (size_t)c.seq_len;
  status = checkpoint_read(st, "inputs", TRM__ST_I32, n * s, c.inputs, path, err);
  if (!status) status = checkpoint_read(st, "labels", TRM__ST_I32, n * s, c.labels, path, err);
  if (!status) status = checkpoint_read(st, "ids", TRM__ST_I32, n, c.ids, path, err);
  if (!status) status = checkpoint_read(st, "steps", TRM__ST_I32, n, c.steps, path, err);
  if (!status) status = checkpoint_read(st, "halted", TRM__ST_U8, n, c.halted, path, err);
  if (!status) status = slots_check(t, &c, path, err);
  trm__checkpoint_return_slots(t, &c, !status);
  return status;
}

/* The starts of all latents but the first, which is the model's. */
static trm_status starts_load(const trm__safetensors *st, trm__trainer *t, const char *path, trm_error *err) {
  size_t width = (size_t)t->params.dims.D, rows = (size_t)(t->carry.latents - 1) * width;
  const trm__st_tensor *tensor = NULL;
  if (!rows) return TRM_OK;
  trm_status status = checkpoint_find(st, "starts", TRM__ST_F32, rows, path, &tensor, err);
  if (status) return status;
  trm__real *host = trm__trainer_borrow(t, t->start + 2 * width, rows * sizeof *host, err);
  if (!host) return TRM_E_MEMORY;
  trm__st_read_real(tensor, host);
  trm__trainer_return(t, t->start + 2 * width, rows * sizeof *host, host, 1);
  return TRM_OK;
}

static trm_status checkpoint_load_carry(const folder *f, trm__trainer *t, trm_error *err) {
  char path[TRM__RUN_PATH];
  trm__safetensors st;
  const trm__train_slots *c = &t->carry;
  trm_status status = trm__st_open(&st, trm__run_join(f->path, "carry.safetensors", path), err);
  if (status) return status;
  status = carry_load(&st, "y", t, c->y, 1, path, err);
  if (!status) status = carry_load(&st, "z", t, c->z, c->latents, path, err);
  if (!status) status = starts_load(&st, t, path, err);
  if (!status) status = slots_load(&st, t, path, err);
  trm__st_close(&st);
  return status;
}

static trm_status checkpoint_restore(const trm__checkpoint *c, const folder *f, trm_error *err) {
  char path[TRM__RUN_PATH];
  int64_t crc = 0, step = 0;
  const char *isa = "";
  trm__trainer *t = c->trainer;
  trm__run_join(f->path, "state.json", path);
  trm_status status = trm__json_int(f->state, "config_crc32", 0, UINT32_MAX, &crc, path, err);
  if (!status && (uint32_t)crc != trm__run_config_crc(c->config))
    status = trm__fail(err, TRM_E_INPUT, path, "was written with another configuration than config.json now has");
  if (!status) status = trm__json_int(f->state, "step", 1, INT64_MAX, &step, path, err);
  if (!status) status = trm__json_string(f->state, "isa", &isa, path, err);
  if (!status) status = checkpoint_load_model(f, t, err);
  if (!status) status = checkpoint_load_optimizer(f, t, err);
  if (!status) status = checkpoint_load_carry(f, t, err);
  if (!status) status = trm__loader_restore(c->loader, json_object_get(f->state, "loader"), path, err);
  if (!status) status = trm__history_from_json(c->history, json_object_get(f->state, "history"), path, err);
  if (status) return status;
  trm__trainer_set_step(t, step);
  trm__trainer_prepare(t);
  if (strcmp(isa, c->config->isa) != 0)
    trm__log_write(&t->runtime->log, TRM_LOG_WARN,
                   "%s: written with %s kernels, going on with %s: the last bits of "
                   "results may differ",
                   f->path, isa, c->config->isa);
  return TRM_OK;
}

/* -- choosing ------------------------------------------------------------------------------------------------------ */

/* The largest number of a checkpoint under `below`, 0 when there is none. */
static int64_t checkpoints_newest_below(char **names, size_t count, int64_t below) {
  int64_t best = 0;
  for (size_t i = 0; i < count; i++) {
    int64_t number = trm__checkpoint_number(names[i]);
    if (number > best && number < below) best = number;
  }
  return best;
}

trm_status trm__checkpoint_load(const trm__checkpoint *checkpoint, char *path, trm_error *err) {
  const trm__log *log = &checkpoint->trainer->runtime->log;
  char checkpoints[TRM__RUN_PATH], name[40], **names;
  size_t count;
  path[0] = 0;
  trm__run_path(checkpoint->run, "checkpoints", checkpoints);
  if (!trm__path_is_dir(checkpoints)) return TRM_OK;
  trm_status status = trm__dir_list(checkpoints, &names, &count, err);
  if (status) return status;
  trm__temporaries_remove(checkpoints, NULL);
  trm_error why = {0};
  int64_t number = INT64_MAX, damaged = 0;
  while (!path[0] && (number = checkpoints_newest_below(names, count, number)) > 0) {
    folder f = {.state = NULL};
    snprintf(name, sizeof name, "step-%" PRId64, number);
    trm__run_join(checkpoints, name, f.path);
    status = checkpoint_verify(&f, &why);
    if (!status) {
      status = checkpoint_restore(checkpoint, &f, err);
      memcpy(path, f.path, sizeof f.path);
    } else {
      damaged++;
      trm__log_write(log, TRM_LOG_WARN, "skipping the damaged checkpoint %s: %s: %s", f.path, why.where, why.message);
    }
    json_decref(f.state);
  }
  trm__dir_list_free(names, count);
  if (!path[0] && damaged)
    return trm__fail(err, TRM_E_INPUT, checkpoints, "none of the %" PRId64 " checkpoints is whole: %s: %s", damaged,
                     why.where, why.message);
  if (!path[0] || status) return path[0] ? status : TRM_OK;
  return trm__checkpoint_prune(checkpoints, number, checkpoint->config->train.keep,
                               err); /* a kill may have prevented it */
}
