/* Items in the engine: from a frame to a puzzle of a queue, from its end to a frame. See engine.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "serve/engine_state.h"

#define UNIQUE_BOUND 20000 /* work of counting a puzzle's solutions, as `trm solve` has it */

/* -- ends ---------------------------------------------------------------------------------------------------------- */

static void item_send_end(trm__engine_item *item, uint16_t type, const trm__work_bytes *bytes) {
  const trm__engine_letter letter = {.type = type, .request = item->request, .bytes = *bytes, .item = item};
  trm__engine_outbox_put(&item->engine->outbox, &letter, 0);
}

void trm__engine_item_end(trm__engine_item *item, trm__work_done *done) {
  trm__work_bytes bytes = {0};
  trm_error err = {.code = TRM_OK};
  if (atomic_load(&item->back) && done->solution.cancelled) {
    item_send_end(item, TRM__WORK_BACK, &bytes);
    return;
  }
  done->kind = item->work.kind;
  done->cells = (size_t)(item->engine->model[item->model].task.width * item->engine->model[item->model].task.height);
  done->solutions = item->solutions.count;
  done->seconds = item->began > 0 ? trm__clock() - item->began : 0;
  if (trm__work_done_pack(done, &bytes, &err)) { /* too large, or no memory: at least that is told */
    trm__work_done failed = {.status = err.code, .error = err, .kind = done->kind, .cells = done->cells};
    if (trm__work_done_pack(&failed, &bytes, NULL)) abort();
  }
  item_send_end(item, TRM__WORK_DONE, &bytes);
}

void trm__engine_item_refuse(trm__engine_item *item, const trm_error *err) {
  trm__work_done done = {.status = err->code, .error = *err};
  trm__engine_item_end(item, &done);
}

/* -- the solver's thread ------------------------------------------------------------------------------------------- */

void trm__engine_item_begin(trm__engine_item *item) {
  if (atomic_exchange(&item->begun, 1)) return;
  item->began = trm__clock();
}

static int item_keep(trm__engine_item *item, int which, const trm_step *step, size_t cells) {
  trm__engine_answer *kept = &item->kept[which];
  if (!kept->answer) kept->answer = trm__calloc(cells, sizeof *kept->answer);
  if (!kept->confidence) kept->confidence = trm__calloc(cells, sizeof *kept->confidence);
  if (!kept->answer || !kept->confidence) return 0; /* then no confidence is told */
  memcpy(kept->answer, step->answer, cells * sizeof *kept->answer);
  memcpy(kept->confidence, step->confidence, cells * sizeof *kept->confidence);
  kept->q = step->q;
  kept->known = 1;
  return 1;
}

static void item_tell_step(trm__engine_item *item, const trm_step *step, size_t cells) {
  const trm__work_step told = {.step = step->step,
                               .chain = step->chain,
                               .halted = step->halted,
                               .checked = step->checked,
                               .correct = step->correct,
                               .q = step->q,
                               .cells = cells,
                               .answer = step->answer,
                               .confidence = step->confidence};
  trm__engine_letter letter = {.type = TRM__WORK_STEP, .request = item->request};
  if (trm__work_step_pack(&told, &letter.bytes, NULL)) return; /* a step that is not told; its answer will be */
  trm__engine_outbox_put(&item->engine->outbox, &letter, 1);
}

int trm__engine_item_watch(void *context, const trm_step *step) {
  trm__engine_item *item = context;
  size_t cells = item->work.cells;
  trm__engine_item_begin(item);
  if (item->work.explain) item_tell_step(item, step, cells);
  atomic_store(&item->unit->moved, trm__clock());
  (void)item_keep(item, TRM__ANSWER_LAST, step, cells);
  const trm__engine_answer *surest = &item->kept[TRM__ANSWER_SUREST];
  if (step->checked && step->correct) (void)item_keep(item, TRM__ANSWER_RIGHT, step, cells);
  else if (step->halted && (!surest->known || step->q > surest->q))
    (void)item_keep(item, TRM__ANSWER_SUREST, step, cells);
  if (item->work.wants_state && step->halted && step->chain == 1 && step->place) {
    trm_state_close(&item->after);
    (void)trm_state_take(step->place, &item->after, NULL);
  }
  return atomic_load(&item->cancelled) ? TRM_STEP_CANCEL : TRM_STEP_ON;
}

/* The confidence of the kept answer that is this one; NULL: none is. */
static const float *item_confidence(const trm__engine_item *item, const int32_t *answer) {
  for (int i = TRM__ANSWERS - 1; i >= 0; i--)
    if (item->kept[i].known && memcmp(item->kept[i].answer, answer, item->work.cells * sizeof *answer) == 0)
      return item->kept[i].confidence;
  return NULL;
}

static void item_set_values(const trm__engine_item *item, trm_solver_values *values) {
  const trm_solver_config *c = &item->work.solver;
  *values = item->engine->model[item->model].values;
  if (c->max_steps) values->max_steps = (trm_counted_value){c->max_steps, TRM_VALUE_OPTION};
  if (c->H_cycles) values->H_cycles = (trm_counted_value){c->H_cycles, TRM_VALUE_OPTION};
  if (c->L_cycles) values->L_cycles = (trm_counted_value){c->L_cycles, TRM_VALUE_OPTION};
  if (!isnan(c->halt_threshold)) values->halt_threshold = (trm_real_value){c->halt_threshold, TRM_VALUE_OPTION};
}

/* One that was cancelled before the plain trajectory's last step has its state from where it left. */
static void item_take_state(trm__engine_item *item, const trm_leave *leave) {
  if (!item->work.wants_state || item->after || !leave->place) return;
  (void)trm_state_take(leave->place, &item->after, NULL);
}

void trm__engine_item_leave(void *context, const trm_leave *leave) {
  trm__engine_unit *unit = context;
  trm__engine_item *item = leave->tag;
  trm__work_done done = {.solution = *leave->solution};
  atomic_store(&unit->moved, trm__clock());
  if (leave->error) {
    trm__engine_item_refuse(item, leave->error);
    return;
  }
  const trm_solver_config *c = &item->work.solver;
  done.search = c->search > 0 ? c->search : c->search ? trm_solver_get_search(unit->solver) : 0;
  done.level = done.search || c->votes * c->rollouts > 1 ? trm_solver_get_level(unit->solver) : TRM_LEVEL_A;
  item_set_values(item, &done.values);
  if (leave->answer && leave->solution->steps) {
    done.answer = leave->answer;
    done.confidence = item_confidence(item, leave->answer);
  }
  item_take_state(item, leave);
  if (item->after) done.state = trm_state_bytes(item->after, &done.state_size);
  trm__engine_item_end(item, &done);
}

/* -- the main thread: coming --------------------------------------------------------------------------------------- */

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

static int item_model(const trm__serve_engine *e, const char *name) {
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
