/* Run directories and their config.json. */
#include "train/run/directory.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"
#include "base/text/options.h"
#include "task/task.h"

/* Lists of options: names between spaces. */

/* What resume may change: nothing here alters the updates that are still to come, except how many; and schedule_steps,
 * which is there to alter their rates. */
static const char changeable_options[] = "steps schedule_steps max_minutes save_every keep eval_every patience stop_at";

/* Where the data is now, which must be the same data. */
static const char movable_options[] = "data valid";

/* Neither decides what is computed: paths, what is planned or recorded, and a length that "steps" says. */
static const char left_out_options[] = "data valid run init_from memory micro_batch log_every epochs";

/* What there was when the first run directories were written. A later option is part of the checksum only where it
 * differs from its default, so that a run from before it goes on. This list never changes. */
static const char first_options[] =
    "seq_len vocab_size num_puzzle_identifiers puzzle_emb_ndim puzzle_emb_len hidden_size num_heads L_layers H_cycles "
    "L_cycles damping expansion activation mlp_t pos_encodings rms_norm_eps rope_theta halt_max_steps "
    "halt_exploration_prob forward_dtype "
    "frozen seed batch recompute augment optimizer lr lr_min_ratio beta1 beta2 weight_decay lr_warmup_steps muon_lr "
    "muon_momentum muon_weight_decay puzzle_emb_lr puzzle_emb_weight_decay ema_decay ema_from clip loss "
    "label_smoothing halt_weight step_decay max_loss latents cycles_schedule start_noise latent_noise eval_limit";

static int list_has(const char *list, const char *name) {
  size_t length = strlen(name), n;
  for (const char *p = list; *p; p += n + (p[n] == ' ')) {
    n = strcspn(p, " ");
    if (n == length && strncmp(p, name, n) == 0) return 1;
  }
  return 0;
}

const char *trm__run_join(const char *folder, const char *name, char *buffer) {
  if (snprintf(buffer, TRM__RUN_PATH, "%s/%s", folder, name) >= TRM__RUN_PATH) buffer[0] = 0;
  return buffer;
}

const char *trm__run_path(const trm__run *run, const char *name, char *buffer) {
  return trm__run_join(run->path, name, buffer);
}

trm_status trm__run_follow(trm__run *run, const char *path, trm_error *err) {
  *run = (trm__run){.lock = -1};
  size_t length = strlen(path);
  while (length > 1 && path[length - 1] == '/') length--;
  if (length == 0) return trm__fail(err, TRM_E_USAGE, "--run", "a run directory must be named");
  if (length >= sizeof run->path) return trm__fail(err, TRM_E_USAGE, "--run", "the path is too long");
  memcpy(run->path, path, length);
  return TRM_OK;
}

/* -- what others have in the folder -------------------------------------------------------------------------------- */

/* Whether a run keeps a file of this name, so that a new one may not begin where there is one. */
static int run_is_record(const char *name) {
  static const char model[] = ".safetensors";
  size_t length = strlen(name), ending = sizeof model - 1;
  return strcmp(name, "config.json") == 0 || strcmp(name, "metrics.jsonl") == 0 || strcmp(name, "checkpoints") == 0 ||
         strncmp(name, "events.out.tfevents.", 20) == 0 ||
         (length > ending && strcmp(name + length - ending, model) == 0);
}

/* TRM_E_USAGE when the folder holds a run or the records of somebody else. */
static trm_status run_check_free(const trm__run *run, trm_error *err) {
  char **names;
  size_t count;
  trm_status status = trm__dir_list(run->path, &names, &count, err);
  if (status) return status;
  const char *found = NULL;
  for (size_t i = 0; i < count; i++)
    if (run_is_record(names[i]) && (!found || strcmp(names[i], "config.json") == 0)) found = names[i];
  if (found && strcmp(found, "config.json") == 0)
    status = trm__fail(err, TRM_E_USAGE, run->path,
                       "already holds a run (config.json); go on with it by --resume, or name another folder");
  else if (found)
    status = trm__fail(err, TRM_E_USAGE, run->path,
                       "holds %.300s, which a new run would write to; move it away, or name another folder", found);
  trm__dir_list_free(names, count);
  return status;
}

/* A lock file holds a process id and a line's end, or nothing yet; one with anything else is somebody's own. */
static trm_status run_check_lock(const char *path, trm_error *err) {
  char *text = NULL;
  size_t size = 0;
  struct stat info;
  if (lstat(path, &info) != 0) return TRM_OK;
  int own = S_ISREG(info.st_mode) && info.st_size < 32;
  trm_status status = own ? trm__file_read(path, 32, &text, &size, err) : TRM_OK;
  if (status) return status;
  own = own && strspn(text, "0123456789\n") == size;
  trm__free(text);
  if (own) return TRM_OK;
  return trm__fail(err, TRM_E_USAGE, path,
                   "was not written by a run, which keeps its lock there; move it away, or name another folder");
}

/* -- opening ------------------------------------------------------------------------------------------------------- */

static trm_status run_lock(trm__run *run, trm_error *err) {
  char name[TRM__RUN_PATH];
  trm__run_path(run, "lock", name);
  trm_status status = run_check_lock(name, err);
  if (status) return status;
  run->lock_created = !trm__path_exists(name);
  return trm__lock_open(&run->lock, name, err);
}

trm_status trm__run_create(trm__run *run, const char *path, trm_error *err) {
  trm_status status = trm__run_follow(run, path, err);
  if (status) return status;
  trm__path_kind kind;
  status = trm__path_find(&kind, run->path, err);
  if (status) return status;
  run->created = kind == TRM__PATH_ABSENT;
  status = trm__dir_make(run->path, err);
  if (!status) status = run_lock(run, err);
  if (status) return status;
  status = run_check_free(run, err);
  if (status) trm__run_abandon(run);
  else trm__temporaries_remove(run->path, NULL);
  return status;
}

trm_status trm__run_open(trm__run *run, const char *path, trm_error *err) {
  char name[TRM__RUN_PATH];
  trm_status status = trm__run_follow(run, path, err);
  if (status) return status;
  trm__path_kind kind;
  status = trm__path_find(&kind, run->path, err);
  if (status) return status;
  if (kind == TRM__PATH_ABSENT) return trm__fail(err, TRM_E_INPUT, path, "does not exist, expected a run directory");
  if (kind != TRM__PATH_FOLDER) return trm__fail(err, TRM_E_INPUT, path, "is a file, expected a run directory");
  status = trm__path_find(&kind, trm__run_path(run, "config.json", name), err);
  if (status) return status;
  if (kind == TRM__PATH_ABSENT) return trm__fail(err, TRM_E_INPUT, path, "is no run directory: it has no config.json");
  status = run_lock(run, err);
  if (!status) trm__temporaries_remove(run->path, NULL);
  return status;
}

void trm__run_close(trm__run *run) {
  if (run->lock >= 0) trm__lock_close(&run->lock);
  run->lock = -1;
}

void trm__run_abandon(trm__run *run) {
  char name[TRM__RUN_PATH], *folder;
  int descriptor;
  if (run->lock < 0) return;
  if (run->lock_created) unlink(trm__run_path(run, "lock", name));
  trm__run_close(run);
  if (!run->created || trm__path_follow(&folder, &descriptor, run->path, NULL)) return;
  rmdir(folder); /* a link to it stays */
  trm__free(folder);
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

/* config.json without its sum and without the paths, which are edited where data has moved. */
static json_t *config_summed(const json_t *root) {
  static const char *const paths[] = {"data", "valid", "run", "init_from"};
  json_t *summed = json_deep_copy(root);
  json_object_del(summed, "crc32");
  json_object_del(summed, "from_run");
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) json_object_del(json_object_get(summed, "train"), paths[i]);
  return summed;
}

static uint32_t config_sum(const json_t *root) {
  json_t *summed = config_summed(root);
  uint32_t crc = trm__json_crc32(summed);
  json_decref(summed);
  return crc;
}

/* config.json without its sum; NULL without memory. */
static json_t *config_to_json(const trm__run_config *config) {
  json_t *resolved =
      json_pack("{s:I,s:I,s:I,s:s,s:I,s:I}", "steps", (json_int_t)config->updates, "schedule_steps",
                (json_int_t)config->schedule, "micro_batch", (json_int_t)config->micro_batch, "isa", config->isa,
                "train_crc32", (json_int_t)config->train_crc, "valid_crc32", (json_int_t)config->valid_crc);
  return json_pack("{s:i,s:s,s:o,s:o,s:o,s:o}", "format", TRM__RUN_FORMAT, "trm", trm_version(), "model",
                   config_model_json(config), "train", config_train_json(config), "task",
                   trm__task_to_json(&config->task), "resolved", resolved);
}

json_t *trm__run_whole(const trm__run_config *config) {
  json_t *root = config_to_json(config), *whole = config_summed(root);
  json_decref(root);
  return whole;
}

uint32_t trm__run_whole_crc(const trm__run_config *config) {
  json_t *root = config_to_json(config);
  uint32_t crc = config_sum(root);
  json_decref(root);
  return crc;
}

trm_status trm__run_save(const trm__run *run, const trm__run_config *config, trm_error *err) {
  char path[TRM__RUN_PATH];
  json_t *places = NULL;
  trm_status status = trm__places_json(&places, run->path, &config->train, err);
  if (status) return status;
  json_t *root = config_to_json(config);
  if (json_object_set_new(root, "from_run", places)) {
    json_decref(root);
    root = NULL;
  }
  if (!root) return trm__fail_memory(err, run->path, 0);
  json_object_set_new(root, "crc32", json_integer((json_int_t)config_sum(root)));
  status = trm__json_save(root, trm__run_path(run, "config.json", path), err);
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
  config->schedule = config->updates;
  if (!status && json_object_get(resolved, "schedule_steps"))
    status = trm__json_int(resolved, "schedule_steps", 1, INT64_MAX, &config->schedule, path, err);
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

/* Nothing else says that steps or schedule are not those of the run. Older run directories have no sum. */
static trm_status config_check_sum(const json_t *root, const char *path, trm_error *err) {
  int64_t said = 0;
  if (!json_object_get(root, "crc32")) return TRM_OK;
  trm_status status = trm__json_int(root, "crc32", 0, UINT32_MAX, &said, path, err);
  if (status || config_sum(root) == (uint32_t)said) return status;
  return trm__fail(
      err, TRM_E_INPUT, path,
      "CRC-32 is %08x, the file says %08x: it is damaged, or something other than a path was edited; if that "
      "was meant, remove \"crc32\" from it",
      (unsigned)config_sum(root), (unsigned)said);
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
  if (!status) status = config_check_sum(root, path, err);
  if (!status) status = config_read_section(root, "model", model, models, &config->model, path, err);
  if (!status) status = config_read_section(root, "train", train, trains, &config->train, path, err);
  if (!status) status = trm__task_from_json(&config->task, json_object_get(root, "task"), path, err);
  if (!status) status = config_read_resolved(root, config, path, err);
  if (!status) status = trm__places_read(&config->from_run, json_object_get(root, "from_run"), path, err);
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

json_t *trm__run_summed_options(const trm_option *table, size_t count, const void *config, const void *defaults) {
  json_t *all = trm__options_to_json(table, count, config), *usual = trm__options_to_json(table, count, defaults);
  for (size_t i = 0; i < count; i++) {
    const char *name = table[i].name;
    int later = !list_has(first_options, name);
    int unchanged = json_equal(json_object_get(all, name), json_object_get(usual, name));
    if (list_has(left_out_options, name) || list_has(changeable_options, name) || (later && unchanged))
      json_object_del(all, name);
  }
  json_decref(usual);
  return all;
}

uint32_t trm__run_config_crc(const trm__run_config *config) {
  size_t models, trains;
  const trm_option *model = trm_model_options(&models), *train = trm_train_options(&trains);
  const trm_model_config usual_model = trm_model_config_default();
  const trm_train_config usual_train = trm_train_config_default();
  json_t *root =
      json_pack("{s:o,s:o,s:I}", "model", trm__run_summed_options(model, models, &config->model, &usual_model), "train",
                trm__run_summed_options(train, trains, &config->train, &usual_train), "micro_batch",
                (json_int_t)config->micro_batch);
  uint32_t crc = trm__json_crc32(root);
  json_decref(root);
  return crc;
}

trm_status trm__run_check_validation(const trm_train_config *c, const char *name, trm_error *err) {
  const struct {
    const char *name;
    int given;
  } item[] = {{"eval_every", c->eval_every > 0},
              {"eval_limit", c->eval_limit > 0},
              {"patience", c->patience > 0},
              {"stop_at", c->stop_at > 0}};
  for (size_t i = 0; !c->valid[0] && i < sizeof item / sizeof *item; i++)
    if (item[i].given && (!name || strcmp(name, item[i].name) == 0))
      return trm__fail(err, TRM_E_USAGE, item[i].name,
                       "has no effect without validation data; name some with --valid, or leave it out");
  return TRM_OK;
}

trm_status trm__run_override(trm__run_config *config, const char *const *pairs, size_t count, int *limits,
                             trm_error *err) {
  size_t options;
  const trm_option *table = trm_train_options(&options);
  int limiting = 0;
  for (size_t i = 0; i < count; i++) {
    const trm_option *option = trm__option_find(table, options, pairs[2 * i]);
    int moves = option && list_has(movable_options, option->name);
    if (option && !moves && !list_has(changeable_options, option->name))
      return trm__fail(err, TRM_E_USAGE, pairs[2 * i],
                       "cannot change when a run is resumed (steps, schedule_steps, max_minutes, save_every, keep, "
                       "eval_every, patience and stop_at can, and data and valid where these have moved)");
    trm_status status = trm_options_set(table, options, &config->train, pairs[2 * i], pairs[2 * i + 1], err);
    if (!status && !moves) status = trm__run_check_validation(&config->train, option->name, err);
    if (status) return status;
    limiting |= !moves;
    if (strcmp(option->name, "data") == 0) config->from_run.data[0] = 0;
    if (strcmp(option->name, "valid") == 0) config->from_run.valid[0] = 0;
    if (strcmp(option->name, "schedule_steps") == 0) config->schedule = 0;
  }
  *limits = limiting;
  return TRM_OK;
}
