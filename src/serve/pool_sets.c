/* The sets of models that engines have, and the change from one to the next: see pool_state.h. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "serve/pool_state.h"

/* -- slots --------------------------------------------------------------------------------------------------------- */

static uint32_t sets_slots(const trm__serve_pool *pool) {
  uint32_t slots = (pool->now ? pool->now->slots : 0) | (pool->next ? pool->next->slots : 0);
  for (const trm__pool_set *set = pool->old; set; set = set->next) slots |= set->slots;
  return slots;
}

static int set_slot_of(const trm__pool_set *set, const trm__work_model_file *file) {
  for (int i = 0; set && i < set->config.models; i++)
    if (strcmp(set->config.model[i].name, file->name) == 0 && strcmp(set->config.model[i].path, file->path) == 0 &&
        strcmp(set->config.model[i].id, file->id) == 0)
      return set->slot[i];
  return -1;
}

static int set_choose_slot(const trm__serve_pool *pool, const trm__pool_set *own, const trm__work_model_file *file,
                           uint32_t living) {
  int slot = set_slot_of(pool->now, file);
  for (const trm__pool_set *set = pool->old; set && slot < 0; set = set->next) slot = set_slot_of(set, file);
  uint32_t taken = sets_slots(pool) | own->slots | living;
  for (int i = 0; i < TRM__POOL_SLOTS && slot < 0; i++)
    if (!(taken >> i & 1)) slot = i;
  return slot;
}

/* -- sets ---------------------------------------------------------------------------------------------------------- */

trm_status trm__pool_set_open(trm__pool_set **out, trm__serve_pool *pool, const trm__work_config *config,
                              trm_error *err) {
  if (config->models < 1 || config->models > TRM__WORK_MODELS)
    return trm__fail(err, TRM_E_USAGE, "models", "found %d, expected 1 to %d", config->models, TRM__WORK_MODELS);
  trm__pool_set *set = trm__calloc(1, sizeof *set);
  if (!set) return trm__fail_memory(err, "pool", sizeof *set);
  uint32_t living = trm__dispatch_living(pool->dispatch);
  set->config = *config;
  for (int i = 0; i < config->models; i++) {
    set->slot[i] = set_choose_slot(pool, set, &config->model[i], living);
    if (set->slot[i] < 0) {
      trm__free(set);
      return trm__fail(err, TRM_E_BUSY, "models", "earlier versions are still at work; try again when they are done");
    }
    set->slots |= UINT32_C(1) << set->slot[i];
  }
  set->number = ++pool->generations;
  *out = set;
  return TRM_OK;
}

void trm__pool_sets_close(trm__serve_pool *pool) {
  trm__free(pool->now);
  trm__free(pool->next);
  for (trm__pool_set *set = pool->old, *next; set; set = next) {
    next = set->next;
    trm__free(set);
  }
  pool->now = pool->next = pool->old = NULL;
}

trm__pool_set *trm__pool_set_find(const trm__serve_pool *pool, uint32_t generation) {
  if (pool->now->number == generation) return pool->now;
  if (pool->next && pool->next->number == generation) return pool->next;
  trm__pool_set *set = pool->old;
  while (set && set->number != generation) set = set->next;
  return set;
}

int64_t trm__pool_set_learn(trm__pool_set *set, const trm__work_ready *ready, trm_error *missing) {
  const trm__work_config *c = &set->config;
  int64_t mask = 0;
  if (ready->models != c->models) return -1;
  for (int i = 0; i < ready->models; i++) {
    const trm__work_model *m = &ready->model[i];
    if (strcmp(m->name, c->model[i].name) != 0) return -1;
    if (m->loaded && *c->model[i].id && strcmp(m->id, c->model[i].id) != 0) return -1;
    if (m->loaded) mask |= INT64_C(1) << set->slot[i];
    else if (!missing->code) (void)trm__fail(missing, TRM_E_INPUT, m->where, "%s", m->error);
  }
  /* An engine that could not load a model does not make others' knowledge worse. */
  for (int i = 0; i < ready->models; i++) {
    if (ready->model[i].loaded || !set->models || !set->model[i].loaded) set->model[i] = ready->model[i];
    set->model[i].slot = set->slot[i];
    set->model[i].beside = c->model[i].beside;
  }
  set->models = ready->models;
  set->sandbox = ready->sandbox;
  return mask;
}

const trm__work_model *trm__pool_set_model(const trm__pool_set *set, const char *name) {
  for (int i = 0; i < set->models; i++)
    if (!set->model[i].beside && strcmp(set->model[i].name, name) == 0) return &set->model[i];
  for (int i = 0; i < set->models; i++)
    if (*set->model[i].id && strcmp(set->model[i].id, name) == 0) return &set->model[i];
  return NULL;
}

/* -- who takes what ------------------------------------------------------------------------------------------------ */

uint32_t trm__pool_set_takes(const trm__serve_pool *pool, const trm__pool_set *set) {
  return set == pool->now ? set->slots : set->slots & ~pool->now->slots;
}

static int set_has_engine(const trm__serve_pool *pool, const trm__pool_set *set) {
  for (const trm__pool_engine *e = pool->engines; e; e = e->next)
    if (e->set == set) return 1;
  return 0;
}

/* Old engines for which nothing waits, and sets that nobody needs. */
static int sets_settle_old(trm__serve_pool *pool) {
  uint32_t waiting = trm__dispatch_waiting(pool->dispatch);
  int done = 0;
  for (trm__pool_engine *e = pool->engines; e; e = e->next) {
    if (e->set == pool->now || e->set == pool->next || !e->up || e->up->retired) continue;
    if (waiting & trm__pool_set_takes(pool, e->set)) continue;
    trm__dispatch_retire(pool->dispatch, e->up);
    done = 1;
  }
  for (trm__pool_set **at = &pool->old; *at;) {
    trm__pool_set *set = *at;
    if (set_has_engine(pool, set) || waiting & trm__pool_set_takes(pool, set)) {
      at = &set->next;
      continue;
    }
    *at = set->next;
    trm__free(set);
    done = 1;
  }
  return done;
}

int trm__pool_sets_settle(trm__serve_pool *pool) {
  uint32_t expected = 0;
  for (trm__pool_engine *e = pool->engines; e; e = e->next)
    if (e->up && e->up->takes != (e->up->models & trm__pool_set_takes(pool, e->set)))
      trm__dispatch_narrow(pool->dispatch, e->up, trm__pool_set_takes(pool, e->set));
  int done = pool->old ? sets_settle_old(pool) : 0;
  for (const trm__pool_set *set = pool->old; set; set = set->next) expected |= trm__pool_set_takes(pool, set);
  /* While there are others, an engine of now that ended must not make its items homeless before it is back. */
  for (int i = 0; (pool->old || pool->next) && i < pool->now->models; i++)
    if (pool->now->model[i].loaded) expected |= UINT32_C(1) << pool->now->slot[i];
  trm__dispatch_expect(pool->dispatch, expected);
  return done;
}

/* -- the next set -------------------------------------------------------------------------------------------------- */

trm_status trm__serve_pool_prepare(trm__serve_pool *pool, const trm__work_config *config, uint32_t *generation,
                                   trm_error *err) {
  if (pool->next) return trm__fail(err, TRM_E_BUSY, "models", "other ones are being prepared");
  trm_status status = trm__pool_set_open(&pool->next, pool, config, err);
  if (status) return status;
  (void)trm__pool_sets_settle(pool);
  *generation = pool->next->number;
  return TRM_OK;
}

trm__serve_pool_next trm__serve_pool_get_next(const trm__serve_pool *pool) {
  const trm__pool_set *set = pool->next;
  if (!set) return (trm__serve_pool_next){0};
  return (trm__serve_pool_next){set->number, set->complete, set->lost, &set->why, set->models, set->model};
}

int trm__serve_pool_needs(trm__serve_pool *pool, uint32_t generation) {
  const trm__pool_set *set = trm__pool_set_find(pool, generation);
  if (!set || set == pool->now || set == pool->next) return set != NULL;
  return (trm__dispatch_waiting(pool->dispatch) & trm__pool_set_takes(pool, set)) != 0;
}

int trm__serve_pool_is_settled(const trm__serve_pool *pool) {
  return !pool->old;
}

uint32_t trm__serve_pool_generation(const trm__serve_pool *pool) {
  return pool->now->number;
}
