/* Threads for hints and for new puzzles: calls that are made one after the other. See engine.h. */
#include <math.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "serve/engine_state.h"

/* The next item, or NULL at the end. */
static trm__engine_item *helper_next(trm__engine_helper *h) {
  pthread_mutex_lock(&h->mutex);
  while (!h->first && !h->ended) pthread_cond_wait(&h->changed, &h->mutex);
  trm__engine_item *item = h->first;
  if (item) h->first = item->queued;
  if (!h->first) h->last = NULL;
  pthread_mutex_unlock(&h->mutex);
  return item;
}

/* The helper's own solver of a model: for one puzzle, without search. */
static trm_status helper_solver(trm__engine_helper *h, int model, trm_solver **solver, trm_error *err) {
  const trm__serve_engine *e = h->engine;
  trm_status status = TRM_OK;
  if (!h->runtime) {
    trm_runtime_config config = trm_runtime_config_default();
    config.threads = e->config.threads;
    config.device = e->config.device[0] ? e->config.device : NULL;
    status = trm_runtime_open(&h->runtime, &config, err);
  }
  if (!status && !h->solver[model]) {
    trm_solver_config config = trm_solver_config_default();
    config.batch = 1;
    status = trm_solver_open(&h->solver[model], h->runtime, e->model[model].model, &config, err);
  }
  if (!status) *solver = h->solver[model];
  return status;
}

static void helper_hint(trm__engine_helper *h, trm__engine_item *item) {
  const trm__engine_model *m = &h->engine->model[item->model];
  trm__work_done done = {.status = TRM_OK};
  trm_solver *solver = NULL;
  done.status = helper_solver(h, item->model, &solver, &done.error);
  if (!done.status) done.status = trm_hint(solver, &m->task, item->work.tokens, &done.hint, &done.error);
  trm__engine_item_end(item, &done);
}

/* 1: the item is not wanted any more, or its time is over. */
static int helper_is_over(const trm__engine_item *item) {
  return atomic_load(&item->cancelled) || (item->work.deadline > 0 && trm__clock() >= item->work.deadline);
}

static int helper_on_progress(void *context, int64_t tried) {
  trm__engine_item *item = context;
  (void)tried;
  atomic_store(&item->engine->puzzles.moved, trm__clock());
  return helper_is_over(item);
}

static void helper_generate(trm__engine_helper *h, trm__engine_item *item) {
  const trm_task *task = &h->engine->model[item->model].task;
  size_t cells = (size_t)task->width * (size_t)task->height;
  trm__work_done done = {.status = TRM_OK};
  trm_wanted wanted = item->work.wanted;
  int32_t *tokens = trm__calloc(2 * cells, sizeof *tokens);
  wanted.progress = helper_on_progress;
  wanted.context = item;
  if (!tokens) done.status = trm__fail_memory(&done.error, "engine", 2 * cells * sizeof *tokens);
  else
    done.status = trm_generate(task, (uint64_t)item->work.solver.seed, item->work.number, &wanted, tokens,
                               tokens + cells, &done.error);
  if (done.status == TRM_E_USAGE) done.status = done.error.code = TRM_E_INPUT;
  if (done.status == TRM_E_STOPPED) {
    done.status = TRM_OK;
    done.solution.cancelled = 1;
    done.solution.expired = !atomic_load(&item->cancelled);
  } else if (!done.status) {
    done.question = tokens;
    done.answer = tokens + cells;
  }
  trm__engine_item_end(item, &done);
  trm__free(tokens);
}

static void helper_end_unbegun(trm__engine_item *item) {
  trm__work_done done = {.solution = {.cancelled = 1, .expired = !atomic_load(&item->cancelled)}};
  trm__engine_item_end(item, &done);
}

static void *helper_thread(void *context) {
  trm__engine_helper *h = context;
  trm__engine_item *item;
  while ((item = helper_next(h))) {
    atomic_store(&h->moved, trm__clock());
    if (helper_is_over(item)) {
      helper_end_unbegun(item);
      continue;
    }
    trm__engine_item_begin(item);
    if (item->work.kind == TRM__WORK_HINT) helper_hint(h, item);
    else helper_generate(h, item);
    atomic_store(&h->moved, trm__clock());
  }
  return NULL;
}

static trm_status helper_start(trm__engine_helper *h, trm__serve_engine *engine, trm_error *err) {
  if (h->started) return TRM_OK;
  h->engine = engine;
  pthread_mutex_init(&h->mutex, NULL);
  pthread_cond_init(&h->changed, NULL);
  if (pthread_create(&h->thread, NULL, helper_thread, h) != 0)
    return trm__fail(err, TRM_E_MEMORY, "engine", "no thread could be started for hints and new puzzles");
  h->started = 1;
  return TRM_OK;
}

trm_status trm__engine_helper_add(trm__engine_helper *h, trm__engine_item *item, trm_error *err) {
  trm_status status = helper_start(h, item->engine, err);
  if (status) return status;
  if (!h->items++) atomic_store(&h->moved, trm__clock());
  item->helped = 1;
  item->queued = NULL;
  pthread_mutex_lock(&h->mutex);
  if (h->last) h->last->queued = item;
  else h->first = item;
  h->last = item;
  pthread_cond_signal(&h->changed);
  pthread_mutex_unlock(&h->mutex);
  return TRM_OK;
}

void trm__engine_helper_close(trm__engine_helper *h) {
  if (!h->started) return;
  pthread_mutex_lock(&h->mutex);
  h->ended = 1;
  pthread_cond_broadcast(&h->changed);
  pthread_mutex_unlock(&h->mutex);
  pthread_join(h->thread, NULL);
  pthread_cond_destroy(&h->changed);
  pthread_mutex_destroy(&h->mutex);
  for (int i = 0; i < TRM__WORK_MODELS; i++) trm_solver_close(&h->solver[i]);
  trm_runtime_close(&h->runtime);
  h->started = 0;
}
