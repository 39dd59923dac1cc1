/* The engines' sockets on the gateway's loop, and the items between them and who submitted them. Which item goes where
 * is decided in serve/dispatch.c; this file carries that out. An engine's way:
 *
 *     attached --READY--> up --detach or BACK--> retired --hands empty--> closed
 *
 * with its channel's end from any of these to lost. Before READY, and after UNREADY, it is unknown to the dispatcher.
 */
#include "serve/pool.h"

#include <event2/event.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "serve/pool_state.h"

/* What the dispatcher keeps for us with an item. */
typedef struct pool_item {
  trm__serve_pool_handlers handlers;
  void *context;
  size_t cells; /* of the model */
  int kind;
  trm__work_bytes frame;
} pool_item;

trm__serve_pool_config trm__serve_pool_config_default(void) {
  return (trm__serve_pool_config){.waiting_most = 1024, .bytes_most = (size_t)256 << 20, .deaths = 2};
}

/* -- carrying orders out ------------------------------------------------------------------------------------------- */

static void pool_wake(trm__serve_pool *pool) {
  event_active(pool->pump, EV_TIMEOUT, 0);
}

static trm__pool_engine *pool_find_engine(trm__serve_pool *pool, uint64_t number) {
  for (trm__pool_engine *e = pool->engines; e; e = e->next)
    if (e->number == number) return e;
  return NULL;
}

static void pool_free_engine(trm__pool_engine *engine) {
  trm__pool_engine **at = &engine->pool->engines;
  while (*at != engine) at = &(*at)->next;
  *at = engine->next;
  trm__wire_close(&engine->wire);
  trm__free(engine);
}

static void pool_changed(trm__serve_pool *pool, uint64_t engine, const trm_error *err) {
  if (pool->config.changed) pool->config.changed(pool->config.context, engine, err);
}

static void pool_forget(trm__serve_pool *pool, trm__dispatch_item *item) {
  pool_item *own = item->data;
  trm__dispatch_forget(pool->dispatch, item);
  trm__free(own->frame.data);
  trm__free(own);
}

/* Tells who submitted the item, which has ended, and forgets it. */
static void pool_tell(trm__serve_pool *pool, trm__dispatch_item *item, trm__serve_pool_end *end) {
  const pool_item *own = item->data;
  double now = trm__clock();
  end->engines = item->engines;
  end->queued = (item->given > 0 ? item->given : now) - item->accepted;
  end->worked = item->given > 0 ? now - item->given : 0;
  own->handlers.done(own->context, item->id, end);
  pool_forget(pool, item);
}

static void pool_end(trm__serve_pool *pool, trm__dispatch_item *item) {
  const pool_item *own = item->data;
  trm__serve_pool_end end = {.done = {.kind = own->kind, .cells = own->cells}};
  trm__work_done *done = &end.done;
  done->solution.cancelled = 1;
  switch (item->why) {
  case TRM__DISPATCH_CANCELLED:
    break;
  case TRM__DISPATCH_EXPIRED:
    done->solution.expired = 1;
    break;
  case TRM__DISPATCH_POISON:
    end.poison = 1;
    done->status = trm__fail(&done->error, TRM_E_INTERNAL, "engine",
                             "this puzzle was at work in %d engines that died; it is not tried again", item->deaths);
    break;
  case TRM__DISPATCH_UNSUPPORTED:
    done->status = trm__fail(&done->error, TRM_E_UNSUPPORTED, "model", "no engine has this model any more");
    break;
  case TRM__DISPATCH_STOPPED:
    done->status = trm__fail(&done->error, TRM_E_STOPPED, "server", "it ended before the puzzle was solved");
    break;
  }
  pool_tell(pool, item, &end);
}

/* What cannot be sent stays: a full channel says when it has room, a broken one that it has ended. */
static void pool_give(trm__serve_pool *pool, const trm__dispatch_order *order) {
  const pool_item *own = order->item->data;
  trm__pool_engine *engine = pool_find_engine(pool, order->engine->number);
  const trm__frame frame = {
      .type = TRM__WORK_ITEM, .request = order->item->id, .data = own->frame.data, .size = own->frame.size, .fd = -1};
  if (!trm__wire_send(engine->wire, &frame, NULL)) return;
  trm__dispatch_pause(pool->dispatch, order->engine, 1);
  trm__dispatch_unsent(pool->dispatch, order->item);
}

static void pool_carry_out(trm__serve_pool *pool, const trm__dispatch_order *order) {
  trm__pool_engine *engine = order->engine ? pool_find_engine(pool, order->engine->number) : NULL;
  uint64_t number = engine ? engine->number : 0;
  switch (order->kind) {
  case TRM__DISPATCH_GIVE:
    pool_give(pool, order);
    break;
  case TRM__DISPATCH_CANCEL: /* one that cannot be told ends as it would have */
    (void)trm__wire_send(engine->wire, &(trm__frame){.type = TRM__WORK_CANCEL, .request = order->item->id, .fd = -1},
                         NULL);
    break;
  case TRM__DISPATCH_END:
    pool_end(pool, order->item);
    break;
  case TRM__DISPATCH_CLOSE:
    trm__dispatch_lost(pool->dispatch, &engine->up, 0);
    engine->set->complete -= engine->complete;
    pool_free_engine(engine);
    (void)trm__pool_sets_settle(pool);
    pool_changed(pool, number, NULL);
    break;
  }
}

static void pool_run_orders(trm__serve_pool *pool) {
  trm__dispatch_order order;
  do
    while (trm__dispatch_next(pool->dispatch, trm__clock(), &order)) pool_carry_out(pool, &order);
  while (pool->old && trm__pool_sets_settle(pool));
}

static void pool_on_pump(evutil_socket_t socket, short what, void *context) {
  trm__serve_pool *pool = context;
  (void)socket, (void)what;
  pool_run_orders(pool);
  double due = trm__dispatch_due(pool->dispatch), wait = due - trm__clock();
  if (!isfinite(due)) {
    (void)event_del(pool->timer);
    return;
  }
  if (!(wait > 0.001)) wait = 0.001;
  if (wait > 3600) wait = 3600;
  const struct timeval span = {(time_t)wait, (suseconds_t)((wait - floor(wait)) * 1e6)};
  (void)event_add(pool->timer, &span);
}

/* -- what engines say ---------------------------------------------------------------------------------------------- */

static void pool_lose(trm__pool_engine *engine, const trm_error *err) {
  trm__serve_pool *pool = engine->pool;
  uint64_t number = engine->number;
  if (engine->up) trm__dispatch_lost(pool->dispatch, &engine->up, 1);
  if (engine->complete) engine->set->complete--;
  if (!engine->told || engine->complete) engine->set->lost++;
  if (err && (!engine->told || engine->complete)) engine->set->why = *err;
  pool_free_engine(engine);
  (void)trm__pool_sets_settle(pool);
  pool_changed(pool, number, err);
  pool_wake(pool);
}

static trm_status pool_on_ready(trm__pool_engine *engine, const trm__frame *frame, trm_error *err) {
  trm__serve_pool *pool = engine->pool;
  trm__work_ready ready = {0};
  if (engine->told) return trm__fail(err, TRM_E_INPUT, "engine", "it said twice what it has loaded");
  trm_status status = trm__work_ready_read(&ready, frame->data, frame->size, err);
  if (status) return status;
  trm_error missing = {.code = TRM_OK};
  int64_t mask = trm__pool_set_learn(engine->set, &ready, &missing);
  int window = ready.window, models = ready.models;
  trm__work_ready_free(&ready);
  if (mask < 0) return trm__fail(err, TRM_E_INPUT, "engine", "it speaks of other models than it was told");
  if (mask && frame->type == TRM__WORK_READY)
    status = trm__dispatch_up(pool->dispatch, engine->number, window, (uint32_t)mask, &engine->up, err);
  engine->told = 1;
  engine->complete = mask == (int64_t)engine->set->slots && models > 0;
  if (engine->complete) engine->set->complete++;
  else engine->set->lost++, engine->set->why = missing;
  if (status) return status;
  (void)trm__pool_sets_settle(pool);
  pool_changed(pool, engine->number, missing.code ? &missing : NULL);
  return TRM_OK;
}

static trm_status pool_unknown(const trm__frame *frame, trm_error *err) {
  return trm__fail(err, TRM_E_INPUT, "engine", "it speaks of item %llu, which it does not have",
                   (unsigned long long)frame->request);
}

static trm_status pool_on_step(trm__pool_engine *engine, const trm__frame *frame, trm_error *err) {
  trm__work_step step;
  trm__dispatch_item *item = trm__dispatch_find(engine->pool->dispatch, engine->up, frame->request);
  if (!item) return pool_unknown(frame, err);
  const pool_item *own = item->data;
  trm_status status = trm__work_step_read(&step, frame->data, frame->size, err);
  if (status) return status;
  if (step.cells != own->cells)
    return trm__fail(err, TRM_E_INPUT, "engine", "a step of %zu cells, expected %zu", step.cells, own->cells);
  if (own->handlers.step && !item->cancelled) own->handlers.step(own->context, item->id, &step);
  return TRM_OK;
}

static trm_status pool_on_done(trm__pool_engine *engine, const trm__frame *frame, trm_error *err) {
  trm__serve_pool *pool = engine->pool;
  trm__serve_pool_end end = {0};
  trm__dispatch_item *item = trm__dispatch_find(pool->dispatch, engine->up, frame->request);
  if (!item) return pool_unknown(frame, err);
  const pool_item *own = item->data;
  trm_status status = trm__work_done_read(&end.done, frame->data, frame->size, err);
  if (status) return status;
  if ((!end.done.status && end.done.cells != own->cells) || end.done.kind != own->kind)
    return trm__fail(err, TRM_E_INPUT, "engine", "an answer of %zu cells, expected %zu", end.done.cells, own->cells);
  const trm_solution *s = &end.done.solution;
  pool->steps += (uint64_t)s->steps;
  (void)trm__dispatch_done(pool->dispatch, engine->up, item->id, end.done.status != TRM_OK, s->cancelled, s->expired);
  pool_tell(pool, item, &end);
  return TRM_OK;
}

/* Of item 0: it has none to hand back, and wants no more. */
static trm_status pool_on_back(trm__pool_engine *engine, const trm__frame *frame, trm_error *err) {
  if (!frame->request) trm__dispatch_retire(engine->pool->dispatch, engine->up);
  if (!frame->request) return TRM_OK;
  return trm__dispatch_back(engine->pool->dispatch, engine->up, frame->request) ? TRM_OK : pool_unknown(frame, err);
}

/* An engine that says what it must not is not to be trusted with anything: its channel is closed, and the root process
 * will find that it ends. */
static void pool_on_frame(void *context, const trm__frame *frame) {
  trm__pool_engine *engine = context;
  trm__serve_pool *pool = engine->pool;
  trm_error error = {.code = TRM_OK};
  trm_status status;
  if (frame->type == TRM__WORK_READY || frame->type == TRM__WORK_UNREADY) status = pool_on_ready(engine, frame, &error);
  else if (engine->up && frame->type == TRM__WORK_STEP) status = pool_on_step(engine, frame, &error);
  else if (engine->up && frame->type == TRM__WORK_DONE) status = pool_on_done(engine, frame, &error);
  else if (engine->up && frame->type == TRM__WORK_BACK) status = pool_on_back(engine, frame, &error);
  else status = trm__fail(&error, TRM_E_INPUT, "engine", "a frame of type %d, which it must not send", frame->type);
  if (status) pool_lose(engine, &error);
  pool_wake(pool);
}

static void pool_on_room(void *context) {
  trm__pool_engine *engine = context;
  if (engine->up) trm__dispatch_pause(engine->pool->dispatch, engine->up, 0);
  pool_wake(engine->pool);
}

static void pool_on_ended(void *context, trm_status status, const trm_error *err) {
  (void)status;
  pool_lose(context, err);
}

/* -- engines come and go ------------------------------------------------------------------------------------------- */

static trm_status pool_send_config(trm__pool_engine *engine, trm_error *err) {
  trm__work_bytes bytes = {0};
  trm_status status = trm__work_config_pack(&engine->set->config, &bytes, err);
  if (status) return status;
  const trm__frame frame = {.type = TRM__WORK_CONFIG, .data = bytes.data, .size = bytes.size, .fd = -1};
  status = trm__wire_send(engine->wire, &frame, err);
  trm__free(bytes.data);
  return status;
}

trm_status trm__serve_pool_attach(trm__serve_pool *pool, uint64_t number, int socket, trm_error *err) {
  return trm__serve_pool_attach_to(pool, number, pool->now->number, socket, err);
}

trm_status trm__serve_pool_attach_to(trm__serve_pool *pool, uint64_t number, uint32_t generation, int socket,
                                     trm_error *err) {
  static const trm__wire_handlers handlers = {pool_on_frame, pool_on_room, pool_on_ended};
  char name[32];
  (void)snprintf(name, sizeof name, "engine %llu", (unsigned long long)number);
  const trm__channel_config channel = trm__channel_config_default(name, pool->build_id);
  trm__wire *wire = NULL;
  trm__pool_set *set = trm__pool_set_find(pool, generation);
  if (!set) {
    (void)close(socket);
    return trm__fail(err, TRM_E_STOPPED, name, "nobody needs its models any more");
  }
  trm__pool_engine *engine = trm__calloc(1, sizeof *engine);
  trm_status status = trm__wire_open(&wire, pool->config.base, socket, &channel, &handlers, engine, err);
  if (!engine && !status) {
    trm__wire_close(&wire);
    status = trm__fail_memory(err, name, sizeof *engine);
  }
  if (status) {
    trm__free(engine);
    return status;
  }
  *engine = (trm__pool_engine){.pool = pool, .set = set, .number = number, .wire = wire, .next = pool->engines};
  pool->engines = engine;
  status = pool_send_config(engine, err);
  if (status) pool_free_engine(engine);
  return status;
}

int trm__serve_pool_has(trm__serve_pool *pool, uint64_t number) {
  return pool_find_engine(pool, number) != NULL;
}

void trm__serve_pool_detach(trm__serve_pool *pool, uint64_t number) {
  trm__pool_engine *engine = pool_find_engine(pool, number);
  if (!engine) return;
  if (engine->up) trm__dispatch_retire(pool->dispatch, engine->up);
  else pool_free_engine(engine);
  pool_wake(pool);
}

int trm__serve_pool_ready(const trm__serve_pool *pool) {
  for (const trm__pool_engine *e = pool->engines; e; e = e->next)
    if (e->set == pool->now && e->up && e->complete && !e->up->retired) return 1;
  return 0;
}

const trm__work_model *trm__serve_pool_models(const trm__serve_pool *pool, int *count) {
  *count = pool->now->models;
  return pool->now->model;
}

const trm__work_model *trm__serve_pool_model(const trm__serve_pool *pool, const char *name) {
  return trm__pool_set_model(pool->now, name);
}

/* -- items --------------------------------------------------------------------------------------------------------- */

static trm_status pool_check_work(const trm__pool_set *set, const trm__work *work, const trm__work_model **model,
                                  trm_error *err) {
  const trm__work_model *m = trm__pool_set_model(set, work->model);
  if (!set->models) return trm__fail(err, TRM_E_UNSUPPORTED, "model", "no engine has loaded a model yet");
  if (!m) return trm__fail(err, TRM_E_INPUT, "model", "\"%s\" is none of the models that are served", work->model);
  if (!m->loaded)
    return trm__fail(err, TRM_E_UNSUPPORTED, "model", "\"%s\" is not loaded: %.400s: %.400s", work->model, m->where,
                     m->error);
  if (work->kind != TRM__WORK_GENERATE && work->cells != (size_t)m->cells)
    return trm__fail(err, TRM_E_INPUT, "tokens", "found %zu cells, the model \"%s\" has %lld", work->cells, m->name,
                     (long long)m->cells);
  *model = m;
  return TRM_OK;
}

static trm_status pool_submit(trm__serve_pool *pool, const trm__pool_set *set, const trm__work *work,
                              const char *client, const trm__serve_pool_handlers *handlers, void *context,
                              uint64_t *item, trm_error *err) {
  const trm__work_model *model = NULL;
  trm_status status = pool_check_work(set, work, &model, err);
  if (status) return status;
  trm__work told = *work;
  pool_item *own = trm__calloc(1, sizeof *own);
  trm__dispatch_item *accepted = NULL;
  if (!own) return trm__fail_memory(err, "pool", sizeof *own);
  *own = (pool_item){*handlers, context, (size_t)model->cells, work->kind, {0}};
  (void)snprintf(told.model, sizeof told.model, "%s", *model->id ? model->id : model->name);
  told.explain = handlers->step != NULL;
  status = trm__work_item_pack(&told, &own->frame, err);
  if (!status)
    status = trm__dispatch_submit(pool->dispatch,
                                  &(trm__dispatch_item){.data = own,
                                                        .bytes = own->frame.size + sizeof *own,
                                                        .model = model->slot,
                                                        .priority = work->priority,
                                                        .deadline = work->deadline},
                                  client, trm__clock(), &accepted, err);
  if (status) {
    trm__free(own->frame.data);
    trm__free(own);
    return status;
  }
  *item = accepted->id;
  pool_wake(pool);
  return TRM_OK;
}

trm_status trm__serve_pool_submit(trm__serve_pool *pool, const trm__work *work, const char *client,
                                  const trm__serve_pool_handlers *handlers, void *context, uint64_t *item,
                                  trm_error *err) {
  return pool_submit(pool, pool->now, work, client, handlers, context, item, err);
}

trm_status trm__serve_pool_try(trm__serve_pool *pool, const trm__work *work, const char *client,
                               const trm__serve_pool_handlers *handlers, void *context, uint64_t *item,
                               trm_error *err) {
  if (!pool->next) return trm__fail(err, TRM_E_STOPPED, "models", "none are being prepared");
  return pool_submit(pool, pool->next, work, client, handlers, context, item, err);
}

void trm__serve_pool_cancel(trm__serve_pool *pool, uint64_t item) {
  trm__dispatch_cancel(pool->dispatch, item);
  pool_wake(pool);
}

trm__serve_pool_stats trm__serve_pool_get_stats(const trm__serve_pool *pool) {
  const trm__dispatch_stats s = trm__dispatch_get_stats(pool->dispatch);
  trm__serve_pool_stats stats = {.up = s.engines,
                                 .sandbox = pool->now->sandbox,
                                 .window = s.window,
                                 .waiting = s.waiting,
                                 .working = s.working,
                                 .accepted = s.accepted,
                                 .busy = s.busy,
                                 .done = s.done,
                                 .failed = s.failed,
                                 .cancelled = s.cancelled,
                                 .expired = s.expired,
                                 .poison = s.poison,
                                 .lost = s.lost,
                                 .again = s.again,
                                 .steps = pool->steps};
  for (const trm__pool_engine *e = pool->engines; e; e = e->next) stats.engines++;
  return stats;
}

/* -- the change to other models ------------------------------------------------------------------------------------ */

/* Its engines are let go; what they were trying ends as if nobody had the model. */
void trm__serve_pool_drop(trm__serve_pool *pool) {
  trm__pool_set *set = pool->next;
  if (!set) return;
  for (trm__pool_engine *e = pool->engines, *next; e; e = next) {
    next = e->next;
    if (e->set != set) continue;
    if (e->up) trm__dispatch_lost(pool->dispatch, &e->up, 0);
    pool_free_engine(e);
  }
  pool->next = NULL;
  trm__free(set);
  (void)trm__pool_sets_settle(pool);
  pool_wake(pool);
}

trm_status trm__serve_pool_switch(trm__serve_pool *pool, trm_error *err) {
  if (!pool->next || !pool->next->complete)
    return trm__fail(err, TRM_E_STOPPED, "models", "no engine has all of the new ones");
  pool->now->next = pool->old;
  pool->old = pool->now;
  pool->now = pool->next;
  pool->next = NULL;
  (void)trm__pool_sets_settle(pool);
  pool_wake(pool);
  pool_changed(pool, 0, NULL);
  return TRM_OK;
}

/* -- opening and closing ------------------------------------------------------------------------------------------- */

static void pool_free(trm__serve_pool *pool) {
  while (pool->engines) pool_free_engine(pool->engines);
  trm__dispatch_close(&pool->dispatch);
  if (pool->pump) event_free(pool->pump);
  if (pool->timer) event_free(pool->timer);
  trm__free(pool->build_id);
  trm__pool_sets_close(pool);
  trm__free(pool);
}

trm_status trm__serve_pool_open(trm__serve_pool **out, const trm__serve_pool_config *config, trm_error *err) {
  const trm__dispatch_limits limits = {config->waiting_most, config->client_most, config->bytes_most, config->deaths};
  trm__serve_pool *pool = trm__calloc(1, sizeof *pool);
  if (!pool) return trm__fail_memory(err, "pool", sizeof *pool);
  pool->config = *config;
  pool->build_id = trm__strdup(config->build_id);
  pool->pump = event_new(config->base, -1, 0, pool_on_pump, pool);
  pool->timer = event_new(config->base, -1, 0, pool_on_pump, pool);
  trm_status status = trm__dispatch_open(&pool->dispatch, &limits, err);
  if (!status) status = trm__pool_set_open(&pool->now, pool, &config->engine, err);
  if (!status && (!pool->build_id || !pool->pump || !pool->timer)) status = trm__fail_memory(err, "pool", sizeof *pool);
  if (status) {
    pool_free(pool);
    return status;
  }
  *out = pool;
  return TRM_OK;
}

void trm__serve_pool_close(trm__serve_pool **out) {
  trm__serve_pool *pool = *out;
  if (!pool) return;
  trm__dispatch_stop(pool->dispatch);
  pool_run_orders(pool);
  pool_free(pool);
  *out = NULL;
}
