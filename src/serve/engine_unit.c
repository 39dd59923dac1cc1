/* Solvers, each with a runtime, a queue and a thread: see engine.h. A model's usual solver is opened with it; items
 * whose options are the solver's own matter - level, votes, noise, seed - get one that has them, of which as many are
 * kept as the configuration says. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "serve/engine_state.h"

#define UNIT_QUEUE 65536 /* puzzles; the gateway gives no more than the window */

/* What a puzzle says itself has its default, so that it does not make another solver. */
trm_solver_config trm__engine_unit_key(const trm__serve_engine *e, const trm_solver_config *wanted) {
  trm_solver_config key = *wanted;
  key.max_steps = key.H_cycles = key.L_cycles = 0;
  key.halt = 1;
  key.halt_threshold = NAN;
  key.rules_halt = 1;
  key.search = TRM_SEARCH_USUAL;
  key.start_noise = 0;
  key.batch = e->config.batch;
  key.puzzles = 0;
  key.dtype = TRM_SOLVE_MODEL;
  return key;
}

/* Field by field, as padding may differ. */
static int unit_is_same(const trm_solver_config *a, const trm_solver_config *b) {
  size_t count;
  const trm_option *options = trm__work_options(&count);
  static const size_t sizes[] = {sizeof(int), sizeof(int64_t), sizeof(double), sizeof(int), 0};
  for (size_t i = 0; i < count; i++) {
    const char *x = (const char *)a + options[i].offset, *y = (const char *)b + options[i].offset;
    if (memcmp(x, y, sizes[options[i].type]) != 0) return 0;
  }
  return 1;
}

static void *unit_thread(void *context) {
  trm__engine_unit *unit = context;
  (void)trm_queue_solve(unit->queue, unit->solver, NULL);
  return NULL;
}

static void unit_free(trm__engine_unit *unit) {
  trm_queue_close(&unit->queue);
  trm_solver_close(&unit->solver);
  trm_runtime_close(&unit->runtime);
  trm__free(unit);
}

/* Waits for the steps at hand; what its queue still holds leaves cancelled. */
static void unit_close(trm__engine_unit *unit) {
  trm__engine_unit **at = &unit->engine->units;
  while (*at != unit) at = &(*at)->next;
  *at = unit->next;
  trm_queue_end(unit->queue);
  pthread_join(unit->thread, NULL);
  unit_free(unit);
}

trm_status trm__engine_unit_open(trm__engine_unit **out, trm__serve_engine *e, int model, const trm_solver_config *key,
                                 int usual, trm_error *err) {
  trm_runtime_config runtime = trm_runtime_config_default();
  runtime.threads = e->config.threads;
  runtime.device = e->config.device[0] ? e->config.device : NULL;
  trm__engine_unit *unit = trm__calloc(1, sizeof *unit);
  if (!unit) return trm__fail_memory(err, "engine", sizeof *unit);
  unit->engine = e;
  unit->model = model;
  unit->usual = usual;
  unit->key = *key;
  atomic_store(&unit->moved, trm__clock());
  trm_status status = trm_runtime_open(&unit->runtime, &runtime, err);
  if (!status) status = trm_solver_open(&unit->solver, unit->runtime, e->model[model].model, key, err);
  if (!status) status = trm_queue_open(&unit->queue, unit->solver, UNIT_QUEUE, trm__engine_item_leave, unit, err);
  if (!status && pthread_create(&unit->thread, NULL, unit_thread, unit) != 0)
    status = trm__fail(err, TRM_E_MEMORY, "engine", "no thread could be started for a solver");
  if (status) {
    unit_free(unit);
    return status;
  }
  unit->next = e->units;
  e->units = unit;
  *out = unit;
  return TRM_OK;
}

/* Makes room for one more of this model; 0: all have items. */
static int unit_make_room(trm__serve_engine *e, int model) {
  int others = 0;
  trm__engine_unit *oldest = NULL;
  for (trm__engine_unit *unit = e->units; unit; unit = unit->next) {
    if (unit->model != model || unit->usual) continue;
    others++;
    if (!unit->items && (!oldest || unit->used < oldest->used)) oldest = unit;
  }
  if (others < e->config.solvers) return 1;
  if (!oldest) return 0;
  unit_close(oldest);
  return 1;
}

trm_status trm__engine_unit_get(trm__engine_unit **out, trm__serve_engine *e, int model, const trm_solver_config *key,
                                trm_error *err) {
  trm__engine_unit *unit = e->units;
  *out = NULL;
  while (unit && (unit->model != model || !unit_is_same(&unit->key, key))) unit = unit->next;
  if (!unit) {
    if (!unit_make_room(e, model)) return TRM_OK;
    trm_status status = trm__engine_unit_open(&unit, e, model, key, 0, err);
    if (status) return status;
  }
  unit->used = ++e->uses;
  *out = unit;
  return TRM_OK;
}

void trm__engine_units_close(trm__serve_engine *e) {
  while (e->units) unit_close(e->units);
}
