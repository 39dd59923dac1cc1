/* Reading checkpoints: each is verified as a whole (state.json's own CRC, then every file's) before anything of it is
 * used, the newest first. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"
#include "train/run/carry.h"
#include "train/run/checkpoint_internal.h"

#define STATE_LIMIT ((size_t)64 << 20) /* bytes of state.json */

typedef struct folder {
  char path[TRM__RUN_PATH];
  json_t *state;
  uint32_t crc; /* of the state, and so of the files too */
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
  f->crc = found;
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
    status = trm__st_find_sized(&st, names[i], TRM__ST_F32, n, path, &tensor, err);
    if (status) break;
    trm__real *host = trm__trainer_borrow(t, device[i], n * sizeof *host, err);
    if (host) trm__st_read_real(tensor, host);
    else status = TRM_E_MEMORY;
    trm__trainer_return(t, device[i], n * sizeof *host, host, 1);
  }
  trm__st_close(&st);
  return status;
}

/* What changes the last bits from here on. */
static void checkpoint_warn(const trm__checkpoint *c, const char *path, const char *isa) {
  if (strcmp(isa, c->config->isa) != 0)
    trm__log_write(c->log, TRM_LOG_WARN,
                   "%s: written with %s kernels, going on with %s: the last bits of "
                   "results may differ",
                   path, isa, c->config->isa);
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
  if (!status) status = trm__carry_load(t, trm__run_join(f->path, trm__checkpoint_file[2], path), err);
  if (!status) status = trm__loader_restore(c->loader, json_object_get(f->state, "loader"), path, err);
  if (!status) status = trm__history_from_json(c->history, json_object_get(f->state, "history"), path, err);
  if (status) return status;
  trm__trainer_set_step(t, step);
  trm__trainer_prepare(t);
  checkpoint_warn(c, f->path, isa);
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

/* Rank 0's choice. */
typedef struct choice {
  int64_t number; /* 0: there is none at all */
  uint32_t crc;   /* of its state */
} choice;

static const char *choice_path(const choice *chosen, const char *checkpoints, char *path) {
  char name[40];
  snprintf(name, sizeof name, "step-%" PRId64, chosen->number);
  return trm__run_join(checkpoints, name, path);
}

/* Rank 0: the newest whole one, verified, into f. */
static trm_status checkpoint_choose(const trm__checkpoint *c, const char *checkpoints, folder *f, choice *out,
                                    trm_error *err) {
  char **names;
  size_t count;
  *out = (choice){.number = INT64_MAX};
  if (!trm__path_is_dir(checkpoints)) out->number = 0;
  if (!out->number) return TRM_OK;
  trm_status status = trm__dir_list(checkpoints, &names, &count, err);
  if (status) return status;
  trm__temporaries_remove(checkpoints, NULL);
  trm_error why = {0};
  int64_t damaged = 0;
  while ((out->number = checkpoints_newest_below(names, count, out->number)) > 0) {
    choice_path(out, checkpoints, f->path);
    if (!checkpoint_verify(f, &why)) break;
    damaged++;
    trm__log_write(c->log, TRM_LOG_WARN, "skipping the damaged checkpoint %s: %s: %s", f->path, why.where, why.message);
    json_decref(f->state);
    f->state = NULL;
  }
  trm__dir_list_free(names, count);
  out->crc = f->crc;
  if (!out->number && damaged)
    return trm__fail(err, TRM_E_INPUT, checkpoints, "none of the %" PRId64 " checkpoints is whole: %s: %s", damaged,
                     why.where, why.message);
  return TRM_OK;
}

/* The others: the one that rank 0 chose, found and verified by themselves. */
static trm_status checkpoint_follow(const choice *chosen, const char *checkpoints, folder *f, trm_error *err) {
  choice_path(chosen, checkpoints, f->path);
  trm_status status = checkpoint_verify(f, err);
  if (status || f->crc == chosen->crc) return status;
  return trm__fail(err, TRM_E_INPUT, f->path,
                   "CRC-32 of its state is %08" PRIx32 ", rank 0 goes on from one with %08" PRIx32
                   ": all ranks need the same run directory",
                   f->crc, chosen->crc);
}

trm_status trm__checkpoint_load(const trm__checkpoint *checkpoint, char *path, trm_error *err) {
  trm__comm *comm = checkpoint->trainer->comm;
  char checkpoints[TRM__RUN_PATH];
  folder f = {.state = NULL};
  choice chosen = {0};
  trm_status status = TRM_OK;
  path[0] = 0;
  trm__run_path(checkpoint->run, "checkpoints", checkpoints);
  if (comm->rank == 0) status = checkpoint_choose(checkpoint, checkpoints, &f, &chosen, err);
  if (!status) status = trm__comm_broadcast(comm, &chosen, sizeof chosen, err);
  if (!status && chosen.number && comm->rank > 0) status = checkpoint_follow(&chosen, checkpoints, &f, err);
  if (!status && chosen.number) status = checkpoint_restore(checkpoint, &f, err);
  json_decref(f.state);
  if (status || !chosen.number) return status;
  memcpy(path, f.path, sizeof f.path);
  if (comm->rank > 0) return TRM_OK;
  return trm__checkpoint_prune(checkpoints, chosen.number, checkpoint->config->train.keep,
                               err); /* a kill may have prevented it */
}
