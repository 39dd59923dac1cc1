/* Run directories and their config.json. */
#include "train/run/directory.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"
#include "base/text/options.h"
#include "task/task.h"

/* What resume may change: nothing here alters the updates that are still to come, except how many. */
static const char *const changeable_options[] = {"steps",      "max_minutes", "save_every", "keep",
                                                 "eval_every", "patience",    "stop_at"};

const char *trm__run_join(const char *folder, const char *name, char *buffer) {
  if (snprintf(buffer, TRM__RUN_PATH, "%s/%s", folder, name) >= TRM__RUN_PATH) buffer[0] = 0;
  return buffer;
}

const char *trm__run_path(const trm__run *run, const char *name, char *buffer) {
  return trm__run_join(run->path, name, buffer);
}

static trm_status run_set_path(trm__run *run, const char *path, trm_error *err) {
  *run = (trm__run){.lock = -1};
  size_t length = strlen(path);
  while (length > 1 && path[length - 1] == '/') length--;
  if (length == 0) return trm__fail(err, TRM_E_USAGE, "--run", "a run directory must be named");
  if (length >= sizeof run->path) return trm__fail(err, TRM_E_USAGE, "--run", "the path is too long");
  memcpy(run->path, path, length);
  return TRM_OK;
}

trm_status trm__run_create(trm__run *run, const char *path, trm_error *err) {
  char name[TRM__RUN_PATH];
  trm_status status = run_set_path(run, path, err);
  if (status) return status;
  run->created = !trm__path_exists(run->path);
  status = trm__dir_make(run->path, err);
  if (!status) status = trm__lock_open(&run->lock, trm__run_path(run, "lock", name), err);
  if (status) return status;
  if (trm__path_exists(trm__run_path(run, "config.json", name))) {
    trm__lock_close(&run->lock);
    return trm__fail(err, TRM_E_USAGE, path, "already holds a run; go on with it by --resume, or name another");
  }
  return TRM_OK;
}

trm_status trm__run_open(trm__run *run, const char *path, trm_error *err) {
  char name[TRM__RUN_PATH];
  trm_status status = run_set_path(run, path, err);
  if (status) return status;
  if (!trm__path_exists(trm__run_path(run, "config.json", name)))
    return trm__fail(err, TRM_E_INPUT, path, "is no run directory: it has no config.json");
  return trm__lock_open(&run->lock, trm__run_path(run, "lock", name), err);
}

void trm__run_close(trm__run *run) {
  if (run->lock >= 0) trm__lock_close(&run->lock);
  run->lock = -1;
}

void trm__run_abandon(trm__run *run) {
  char name[TRM__RUN_PATH];
  if (run->lock < 0) return;
  if (run->created) unlink(trm__run_path(run, "lock", name));
  trm__run_close(run);
  if (run->created) rmdir(run->path);
}

/* -- config.json --------------------------------------------------------------------------------------------------- */

static json_t *config_model_json(const trm__run_config *config) {
  size_t count;
  const trm_option *table = trm_model_options(&count);
  return trm__options_to_json(table, count, &config->model);
}

static json_t *config_train_json(const trm__run_config *config) {
  size_t count;
  const trm_option *table = trm_train_options(&count);
  return trm__options_to_json(table, count, &config->train);
}

trm_status trm__run_save(const trm__run *run, const trm__run_config *config, trm_error *err) {
  char path[TRM__RUN_PATH];
  json_t *resolved = json_pack("{s:I,s:I,s:s,s:I,s:I}", "steps", (json_int_t)config->updates, "micro_batch",
                               (json_int_t)config->micro_batch, "isa", config->isa, "train_crc32",
                               (json_int_t)config->train_crc, "valid_crc32", (json_int_t)config->valid_crc);
  json_t *root = json_pack("{s:i,s:s,s:o,s:o,s:o,s:o}", "format", TRM__RUN_FORMAT, "trm", trm_version(), "model",
                           config_model_json(config), "train", config_train_json(config), "task",
                           trm__task_to_json(&config->task), "resolved", resolved);
  if (!root) return trm__fail_memory(err, run->path, 0);
  trm_status status = trm__json_save(root, trm__run_path(run, "config.json", path), err);
  json_decref(root);
  return status;
}

static trm_status config_read_section(const json_t *root, const char *key, const trm_option *table, size_t count,
                                      void *config, const char *path, trm_error *err) {
  const json_t *section = json_object_get(root, key);
  if (!json_is_object(section)) return trm__fail(err, TRM_E_INPUT, path, "has no object \"%s\"", key);
  return trm__options_from_json(table, count, config, section, 0, path, err);
}

static trm_status config_read_resolved(const json_t *root, trm__run_config *config, const char *path, trm_error *err) {
  const json_t *resolved = json_object_get(root, "resolved");
  const char *isa = "";
  int64_t train_crc = 0, valid_crc = 0;
  trm_status status = trm__json_int(resolved, "steps", 1, INT64_MAX, &config->updates, path, err);
  if (!status) status = trm__json_int(resolved, "micro_batch", 1, 1 << 20, &config->micro_batch, path, err);
  if (!status) status = trm__json_string(resolved, "isa", &isa, path, err);
  if (!status) status = trm__json_int(resolved, "train_crc32", 0, UINT32_MAX, &train_crc, path, err);
  if (!status) status = trm__json_int(resolved, "valid_crc32", 0, UINT32_MAX, &valid_crc, path, err);
  if (status) return status;
  snprintf(config->isa, sizeof config->isa, "%s", isa);
  config->train_crc = (uint32_t)train_crc;
  config->valid_crc = (uint32_t)valid_crc;
  return TRM_OK;
}

trm_status trm__run_load(const trm__run *run, trm__run_config *config, trm_error *err) {
  char path[TRM__RUN_PATH];
  json_t *root = NULL;
  int64_t format = 0;
  size_t models, trains;
  const trm_option *model = trm_model_options(&models), *train = trm_train_options(&trains);
  memset(config, 0, sizeof *config);
  config->model = trm_model_config_default();
  config->train = trm_train_config_default();
  trm_status status = trm__json_load(&root, trm__run_path(run, "config.json", path), 1 << 20, err);
  if (!status) status = trm__json_int(root, "format", 0, INT64_MAX, &format, path, err);
  if (!status && format != TRM__RUN_FORMAT)
    status = trm__fail(err, TRM_E_INPUT, path, "the run directory has format %lld, this version of trm reads %d",
                       (long long)format, TRM__RUN_FORMAT);
  if (!status) status = config_read_section(root, "model", model, models, &config->model, path, err);
  if (!status) status = config_read_section(root, "train", train, trains, &config->train, path, err);
  if (!status) status = trm__task_from_json(&config->task, json_object_get(root, "task"), path, err);
  if (!status) status = config_read_resolved(root, config, path, err);
  if (!status) snprintf(config->train.run, sizeof config->train.run, "%s", run->path);
  json_decref(root);
  return status;
}

static int crc_add(const char *text, size_t size, void *crc) {
  *(uint32_t *)crc = trm__crc32(*(uint32_t *)crc, text, size);
  return 0;
}

uint32_t trm__json_crc32(const json_t *json) {
  uint32_t crc = 0;
  trm__json_dump(json, crc_add, &crc, JSON_COMPACT | JSON_SORT_KEYS);
  return crc;
}

uint32_t trm__run_config_crc(const trm__run_config *config) {
  static const char *const left_out[] = {"data",   "valid",       "run",       "init_from",
                                         "memory", "micro_batch", "log_every", "epochs"};
  json_t *root = json_pack("{s:o,s:o,s:I}", "model", config_model_json(config), "train", config_train_json(config),
                           "micro_batch", (json_int_t)config->micro_batch);
  json_t *train = json_object_get(root, "train");
  for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++) json_object_del(train, left_out[i]);
  for (size_t i = 0; i < sizeof changeable_options / sizeof *changeable_options; i++)
    json_object_del(train, changeable_options[i]);
  uint32_t crc = trm__json_crc32(root);
  json_decref(root);
  return crc;
}

static int option_may_change(const char *name) {
  for (size_t i = 0; i < sizeof changeable_options / sizeof *changeable_options; i++)
    if (strcmp(changeable_options[i], name) == 0) return 1;
  return 0;
}

trm_status trm__run_override(trm__run_config *config, const char *const *pairs, size_t count, trm_error *err) {
  size_t options;
  const trm_option *table = trm_train_options(&options);
  for (size_t i = 0; i < count; i++) {
    const trm_option *option = trm__option_find(table, options, pairs[2 * i]);
    if (option && !option_may_change(option->name))
      return trm__fail(err, TRM_E_USAGE, pairs[2 * i],
                       "cannot change when a run is resumed (steps, max_minutes, save_every, keep, eval_every, "
                       "patience and stop_at can)");
    trm_status status = trm_options_set(table, options, &config->train, pairs[2 * i], pairs[2 * i + 1], err);
    if (status) return status;
  }
  return TRM_OK;
}
