/* Loading the models that the gateway names, and telling it what they are: see engine.h. A model that cannot be loaded
 * is told with its reason; the others are served. */
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"
#include "base/text/options.h"
#include "serve/engine_state.h"
#include "serve/sandbox.h"

enum { BATCH_CPU = 8, BATCH_CARD = 256, SOLVERS = 3, STALL_S = 60 }; /* where the configuration leaves it open */

static void load_defaults(trm__work_config *c) {
  int on_cpu = !c->device[0] || strcmp(c->device, "cpu") == 0;
  if (!c->batch) c->batch = on_cpu ? BATCH_CPU : BATCH_CARD;
  if (!c->window) c->window = 2 * c->batch;
  if (!c->solvers) c->solvers = SOLVERS;
  if (!c->stall_s) c->stall_s = STALL_S;
}

static void load_text(char *to, size_t size, const char *text) {
  size_t length = text ? strlen(text) : 0;
  if (length >= size) length = size - 1;
  if (length) memcpy(to, text, length);
  to[length] = 0;
}

static trm_status load_describe_config(trm__work_model *told, const trm_model_config *config, trm_error *err) {
  size_t count;
  const trm_option *options = trm_model_options(&count);
  json_t *json = trm__options_to_json(options, count, config);
  char *text = json ? trm__json_text(json, JSON_COMPACT) : NULL;
  trm_status status = TRM_OK;
  if (!text) status = trm__fail_memory(err, told->name, sizeof told->config);
  else if (strlen(text) >= sizeof told->config)
    status = trm__fail(err, TRM_E_INTERNAL, told->name, "its configuration has %zu bytes", strlen(text));
  else load_text(told->config, sizeof told->config, text);
  free(text);
  json_decref(json);
  return status;
}

static trm_status load_describe(trm__work_model *told, const trm_model *model, trm_error *err) {
  const trm_model_config *config = trm_model_get_config(model);
  const char *recursion = trm_model_get_metadata(model, "trm.config.recursion");
  const char *checksum = trm_model_get_checksum(model);
  load_text(told->checksum, sizeof told->checksum, checksum);
  load_text(told->id, sizeof told->id, checksum);
  load_text(told->variant, sizeof told->variant, trm_model_get_metadata(model, "trm.variant"));
  load_text(told->recursion, sizeof told->recursion, recursion ? recursion : "trm");
  told->cells = config->seq_len;
  told->identifiers = config->puzzle_emb_ndim ? config->num_puzzle_identifiers : 1;
  told->parameters = trm_model_config_parameters(config);
  return load_describe_config(told, config, err);
}

static trm_status load_model(trm__serve_engine *e, int number, trm__work_model *told, trm_error *err) {
  trm__engine_model *m = &e->model[number];
  trm__engine_unit *unit = NULL;
  const trm_solver_config usual = trm_solver_config_default(), key = trm__engine_unit_key(e, &usual);
  trm_status status = trm_model_open(&m->model, e->config.model[number].path, err);
  if (!status) status = trm_model_task(m->model, &m->task, err);
  if (!status) status = load_describe(told, m->model, err);
  if (!status && told->cells > TRM__WORK_CELLS)
    status = trm__fail(err, TRM_E_UNSUPPORTED, told->name, "a model of %lld cells, at most %d are served",
                       (long long)told->cells, TRM__WORK_CELLS);
  if (!status) status = trm__engine_unit_open(&unit, e, number, &key, 1, err);
  if (status) {
    trm_model_close(&m->model);
    return status;
  }
  m->identifiers = told->identifiers;
  memcpy(m->id, told->id, sizeof m->id);
  m->values = trm_solver_get_values(unit->solver);
  told->task = m->task;
  told->values = m->values;
  told->search = trm_solver_get_search(unit->solver);
  told->level = trm_solver_get_level(unit->solver);
  told->loaded = 1;
  return TRM_OK;
}

static trm_status load_tell(trm__serve_engine *e, const trm__work_ready *ready, int loaded, trm_error *err) {
  trm__work_bytes bytes = {0};
  trm_status status = trm__work_ready_pack(ready, &bytes, err);
  if (status) return status;
  const trm__engine_letter letter = {
      .type = loaded ? TRM__WORK_READY : TRM__WORK_UNREADY, .request = 0, .bytes = bytes};
  trm__engine_outbox_put(&e->outbox, &letter, 0);
  return TRM_OK;
}

static void load_describe_machine(const trm__serve_engine *e, trm__work_ready *ready) {
  load_text(ready->device, sizeof ready->device, e->config.device);
  if (!e->units) return;
  const trm_runtime_info info = trm_runtime_describe(e->units->runtime);
  load_text(ready->device, sizeof ready->device, info.device);
  load_text(ready->isa, sizeof ready->isa, info.isa);
  ready->threads = info.threads;
}

/* Before the first thread and the first model. */
static int load_close_files(const trm__work_config *c, int on_card) {
  const char *files[TRM__WORK_MODELS];
  if (!c->sandbox || on_card) return 0;
  for (int i = 0; i < c->models; i++) files[i] = c->model[i].path;
  return trm__sandbox_files(files, c->models) ? TRM__SANDBOX_LANDLOCK : 0;
}

/* Where all of the sandbox is required and a part is missing, it is as if no model could be loaded. */
static void load_require(const trm__work_config *c, trm__work_ready *ready, int on_card, int *loaded) {
  int wanted = on_card ? TRM__SANDBOX_SECCOMP : TRM__SANDBOX_SECCOMP | TRM__SANDBOX_LANDLOCK;
  if (c->sandbox != TRM__SANDBOX_REQUIRE || (ready->sandbox & wanted) == wanted) return;
  for (int i = 0; i < ready->models; i++) {
    ready->model[i] = (trm__work_model){0};
    load_text(ready->model[i].name, sizeof ready->model[i].name, c->model[i].name);
    load_text(ready->model[i].where, sizeof ready->model[i].where, "sandbox");
    load_text(ready->model[i].error, sizeof ready->model[i].error,
              ready->sandbox & TRM__SANDBOX_SECCOMP
                  ? "is required, and this kernel has no Landlock (Linux 5.13, and lsm= must name it)"
                  : "is required, and this kernel or build has no seccomp");
  }
  *loaded = 0;
}

trm_status trm__engine_load(trm__serve_engine *e, trm_error *err) {
  trm__work_ready ready = {0};
  int loaded = 0, on_card = e->config.device[0] && strcmp(e->config.device, "cpu") != 0;
  load_defaults(&e->config);
  ready.sandbox = load_close_files(&e->config, on_card);
  ready.window = e->config.window;
  ready.models = e->config.models;
  ready.model = trm__calloc((size_t)ready.models, sizeof *ready.model);
  if (!ready.model) return trm__fail_memory(err, "engine", (size_t)ready.models * sizeof *ready.model);
  for (int i = 0; i < ready.models; i++) {
    trm__work_model *told = &ready.model[i];
    trm_error why = {.code = TRM_OK};
    load_text(told->name, sizeof told->name, e->config.model[i].name);
    if (!load_model(e, i, told, &why)) {
      loaded++;
      continue;
    }
    *told = (trm__work_model){0};
    load_text(told->name, sizeof told->name, e->config.model[i].name);
    load_text(told->where, sizeof told->where, why.where);
    load_text(told->error, sizeof told->error, why.message);
  }
  load_describe_machine(e, &ready);
  if (e->config.sandbox && trm__sandbox_calls(on_card)) ready.sandbox |= TRM__SANDBOX_SECCOMP;
  load_require(&e->config, &ready, on_card, &loaded);
  trm_status status = load_tell(e, &ready, loaded, err);
  trm__work_ready_free(&ready);
  return status;
}

void trm__engine_unload(trm__serve_engine *e) {
  for (int i = 0; i < TRM__WORK_MODELS; i++) trm_model_close(&e->model[i].model);
}
