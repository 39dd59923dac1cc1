/* How items come into the engine: from a frame to a puzzle of a queue, on the main thread. See engine.h. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "serve/engine_state.h"

#define UNIQUE_BOUND 20000 /* work of counting a puzzle's solutions, as `trm solve` has it */

trm__engine_item *trm__engine_item_find(const trm__serve_engine *e, uint64_t request) {
  trm__engine_item *item = e->items;
  while (item && item->request != request) item = item->next;
  return item;
}

void trm__engine_item_free(trm__engine_item *item) {
  trm__serve_engine *e = item->engine;
  if (item->unit) item->unit->items--;
  if (item->helped) (item->work.kind == TRM__WORK_HINT ? &e->hints : &e->puzzles)->items--;
  if (item->previous) item->previous->next = item->next;
  else e->items = item->next;
  if (item->next) item->next->previous = item->previous;
  e->living--;
  for (int i = 0; i < TRM__ANSWERS; i++) {
    trm__free(item->kept[i].answer);
    trm__free(item->kept[i].confidence);
  }
  trm_state_close(&item->state);
  trm_state_close(&item->after);
  trm__free(item->data);
  trm__free(item);
}

/* Not begun and in no hands: it can end here. */
static void item_end_here(trm__engine_item *item) {
  trm__work_done done = {.solution = {.cancelled = 1}};
  trm__engine_item_end(item, &done);
}

void trm__engine_item_cancel(trm__engine_item *item) {
  if (atomic_exchange(&item->cancelled, 1)) return;
  if (item->unit) trm_queue_cancel(item->unit->queue, item->ticket);
  else if (!item->helped) item_end_here(item);
}

/* By id before name: of one name there may be two versions. */
static int item_model(const trm__serve_engine *e, const char *name) {
  for (int i = 0; i < e->config.models; i++)
    if (e->model[i].model && *name && strcmp(e->model[i].id, name) == 0) return i;
  for (int i = 0; i < e->config.models; i++)
    if (e->model[i].model && strcmp(e->config.model[i].name, name) == 0) return i;
  return -1;
}

/* What the solver would refuse in a call of its own is refused of a puzzle too. */
static trm_status item_check_search(const trm__engine_unit *unit, const trm__work *work, trm_error *err) {
  const trm_solver_config *c = &work->solver;
  int64_t limit = c->max_steps ? c->max_steps : trm_solver_get_values(unit->solver).max_steps.value;
  if (c->search <= 0) return TRM_OK;
  if (c->votes * c->rollouts > 1)
    return trm__fail(err, TRM_E_INPUT, "search", "found %lld beside votes or rollouts; leave one out",
                     (long long)c->search);
  if (!trm_solver_get_search(unit->solver))
    return trm__fail(err, TRM_E_INPUT, "search",
                     "found %lld, but this model's puzzles cannot be searched; leave it out", (long long)c->search);
  if (c->search >= limit) return TRM_OK;
  return trm__fail(err, TRM_E_INPUT, "search", "found %lld, expected the step limit, %lld, or more, or 0 for no search",
                   (long long)c->search, (long long)limit);
}

static trm_puzzle item_puzzle(trm__engine_item *item) {
  const trm__work *w = &item->work;
  const trm_solver_config *c = &w->solver;
  trm_puzzle p = trm_puzzle_default();
  p.tokens = (int32_t *)(uintptr_t)w->tokens; /* copied by the queue */
  p.identifier = w->identifier;
  p.max_steps = c->max_steps;
  p.latent_cycles = (int)c->L_cycles;
  p.recursion_cycles = (int)c->H_cycles;
  p.halt_threshold = c->halt ? c->halt_threshold : (double)INFINITY;
  p.noise_name = item->state ? TRM_NOISE_UNNAMED : w->number;
  p.deadline = w->deadline;
  p.priority = w->priority;
  p.state = item->state;
  p.watch = trm__engine_item_watch;
  p.watch_context = item;
  p.tag = item;
  p.rules = c->rules_halt ? TRM_RULES_HALT : TRM_RULES_IGNORE;
  p.start_noise = c->start_noise;
  int hopeless = item->solutions.count == 0 || (item->solutions.single && item->solutions.count > 1);
  p.search = c->search == 0 || hopeless ? TRM_SEARCH_OFF : c->search < 0 ? 0 : c->search;
  return p;
}

/* A model's own state for the puzzle, and what is known of its solutions before anything is computed. */
static trm_status item_prepare(trm__engine_item *item, trm_error *err) {
  const trm__engine_model *m = &item->engine->model[item->model];
  const trm__work *w = &item->work;
  item->solutions.count = TRM_SOLUTIONS_UNKNOWN;
  if (w->kind == TRM__WORK_GENERATE) return TRM_OK;
  int64_t cells = (int64_t)m->task.width * m->task.height, tokens = trm_model_get_config(m->model)->vocab_size;
  if ((int64_t)w->cells != cells)
    return trm__fail(err, TRM_E_INPUT, "tokens", "found %zu cells, expected %lld", w->cells, (long long)cells);
  for (size_t i = 0; i < w->cells; i++)
    if (w->tokens[i] < 0 || w->tokens[i] >= tokens)
      return trm__fail(err, TRM_E_INPUT, "tokens", "token %d in cell %zu, expected 0 to %lld", w->tokens[i], i,
                       (long long)tokens - 1);
  if (w->identifier >= m->identifiers)
    return trm__fail(err, TRM_E_INPUT, "identifier", "found %d, expected 0 to %lld", w->identifier,
                     (long long)m->identifiers - 1);
  if (w->kind != TRM__WORK_SOLVE) return TRM_OK;
  if (w->state) return trm_state_from_bytes(&item->state, w->state, w->state_size, err);
  item->solutions = trm_task_unique(&m->task, w->tokens, UNIQUE_BOUND);
  return TRM_OK;
}

/* Into a queue or a helper; what must wait for a solver stays where it is. */
static trm_status item_place(trm__engine_item *item, trm_error *err) {
  trm__serve_engine *e = item->engine;
  trm__engine_unit *unit = NULL;
  if (item->work.kind == TRM__WORK_HINT) return trm__engine_helper_add(&e->hints, item, err);
  if (item->work.kind == TRM__WORK_GENERATE) return trm__engine_helper_add(&e->puzzles, item, err);
  const trm_solver_config key = trm__engine_unit_key(e, &item->work.solver);
  trm_status status = trm__engine_unit_get(&unit, e, item->model, &key, err);
  if (status || !unit) return status;
  if ((status = item_check_search(unit, &item->work, err))) return status;
  const trm_puzzle puzzle = item_puzzle(item);
  if (!unit->items++) atomic_store(&unit->moved, trm__clock());
  item->unit = unit;
  status = trm_queue_push(unit->queue, &puzzle, &item->ticket, err);
  if (!status) return TRM_OK;
  item->unit = NULL;
  unit->items--;
  return status;
}

static void item_place_or_refuse(trm__engine_item *item) {
  trm_error err = {.code = TRM_OK};
  trm_status status = item_place(item, &err);
  if (status == TRM_E_USAGE) err.code = TRM_E_INPUT; /* options that cannot be are the item's fault */
  if (!status) return;
  atomic_store(&item->cancelled, 1); /* it has ended: it is not placed again */
  trm__engine_item_refuse(item, &err);
}

void trm__engine_items_place(trm__serve_engine *e) {
  for (trm__engine_item *item = e->items, *next; item; item = next) {
    next = item->next;
    if (!item->unit && !item->helped && !atomic_load(&item->cancelled)) item_place_or_refuse(item);
  }
}

trm_status trm__engine_item_take(trm__serve_engine *e, uint64_t request, const void *data, uint32_t size,
                                 trm_error *err) {
  if (trm__engine_item_find(e, request))
    return trm__fail(err, TRM_E_INPUT, "gateway", "item %llu came twice", (unsigned long long)request);
  trm__engine_item *item = trm__calloc(1, sizeof *item);
  void *copy = trm__calloc(size, 1);
  trm_status status = item && copy ? TRM_OK : trm__fail_memory(err, "engine", sizeof *item + size);
  if (!status) {
    memcpy(copy, data, size);
    status = trm__work_item_read(&item->work, copy, size, err);
  }
  if (status) {
    trm__free(item);
    trm__free(copy);
    return status;
  }
  trm_error why = {.code = TRM_OK};
  item->engine = e;
  item->request = request;
  item->data = copy;
  item->next = e->items;
  if (e->items) e->items->previous = item;
  e->items = item;
  e->living++;
  item->model = item_model(e, item->work.model);
  if (item->model < 0) {
    item->model = 0;
    (void)trm__fail(&why, TRM_E_UNSUPPORTED, "model", "\"%s\" is not loaded here", item->work.model);
  } else {
    (void)item_prepare(item, &why);
  }
  if (why.code) {
    atomic_store(&item->cancelled, 1);
    trm__engine_item_refuse(item, &why);
  } else {
    item_place_or_refuse(item);
  }
  return TRM_OK;
}
