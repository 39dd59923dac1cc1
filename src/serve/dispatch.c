/* What happens to items and engines: see dispatch.h. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "serve/dispatch_state.h"

/* -- opening and closing ------------------------------------------------------------------------------------------- */

trm_status trm__dispatch_open(trm__dispatch **out, const trm__dispatch_limits *limits, trm_error *err) {
  if (limits->waiting_most < 1 || limits->client_most < 0 || limits->deaths < 1)
    return trm__fail(err, TRM_E_USAGE, "pool", "limits of %lld items, %lld a client and %d deaths",
                     (long long)limits->waiting_most, (long long)limits->client_most, limits->deaths);
  trm__dispatch *d = trm__calloc(1, sizeof *d);
  if (!d) return trm__fail_memory(err, "pool", sizeof *d);
  d->limits = *limits;
  d->soonest = INFINITY;
  *out = d;
  return TRM_OK;
}

void trm__dispatch_close(trm__dispatch **dispatch) {
  trm__dispatch *d = *dispatch;
  if (!d) return;
  for (size_t i = 0; i < TRM__DISPATCH_CHAINS; i++)
    for (trm__dispatch_item *item = d->chain[i], *next; item; item = next) {
      next = item->chained;
      trm__free(item);
    }
  for (trm__dispatch_client *c = d->clients, *next; c; c = next) {
    next = c->next;
    trm__free(c);
  }
  for (trm__dispatch_engine *e = d->engines, *next; e; e = next) {
    next = e->next;
    trm__free(e);
  }
  trm__free(d);
  *dispatch = NULL;
}

/* -- items --------------------------------------------------------------------------------------------------------- */

static trm_status dispatch_check_room(trm__dispatch *d, const trm__dispatch_item *item, const char *key,
                                      trm_error *err) {
  const trm__dispatch_limits *l = &d->limits;
  int64_t living = 0;
  for (const trm__dispatch_client *c = d->clients; c && l->client_most; c = c->next)
    if (strcmp(c->key, key) == 0) living = c->living;
  if (d->stopped) return trm__fail(err, TRM_E_BUSY, "pool", "it ends and takes no more work");
  if (d->stats.waiting >= l->waiting_most)
    return trm__fail(err, TRM_E_BUSY, "pool", "%lld puzzles wait, it holds no more; try again later",
                     (long long)d->stats.waiting);
  if (l->client_most && living >= l->client_most)
    return trm__fail(err, TRM_E_BUSY, "pool",
                     "%lld puzzles of this client are not done yet, more are not allowed; wait", (long long)living);
  if (item->bytes > l->bytes_most || d->stats.bytes > l->bytes_most - item->bytes)
    return trm__fail(err, TRM_E_BUSY, "pool", "its puzzles and states fill %zu bytes, it holds %zu; try again later",
                     d->stats.bytes, l->bytes_most);
  return TRM_OK;
}

trm_status trm__dispatch_submit(trm__dispatch *d, const trm__dispatch_item *given, const char *key, double now,
                                trm__dispatch_item **out, trm_error *err) {
  if (!key) key = "";
  trm_status status = dispatch_check_room(d, given, key, err);
  if (status) {
    d->stats.busy++;
    return status;
  }
  trm__dispatch_client *client = trm__place_client(d, key);
  trm__dispatch_item *item = client ? trm__calloc(1, sizeof *item) : NULL;
  if (!item) {
    if (client) trm__place_drop_client(d, client);
    return trm__fail_memory(err, "pool", sizeof *item);
  }
  *item = (trm__dispatch_item){.data = given->data, .bytes = given->bytes, .model = given->model};
  item->priority = given->priority;
  item->deadline = given->deadline;
  item->id = ++d->ids;
  item->accepted = now;
  item->client = client;
  client->living++;
  item->chained = d->chain[item->id % TRM__DISPATCH_CHAINS];
  d->chain[item->id % TRM__DISPATCH_CHAINS] = item;
  d->stats.accepted++;
  d->stats.bytes += item->bytes;
  trm__place_in_line(d, item);
  *out = item;
  return TRM_OK;
}

static trm__dispatch_item *dispatch_by_id(trm__dispatch *d, uint64_t id) {
  trm__dispatch_item *item = d->chain[id % TRM__DISPATCH_CHAINS];
  while (item && item->id != id) item = item->chained;
  return item;
}

void trm__dispatch_forget(trm__dispatch *d, trm__dispatch_item *item) {
  trm__dispatch_item **at = &d->chain[item->id % TRM__DISPATCH_CHAINS];
  while (*at != item) at = &(*at)->chained;
  *at = item->chained;
  d->stats.bytes -= item->bytes;
  item->client->living--;
  trm__place_drop_client(d, item->client);
  trm__free(item);
}

void trm__dispatch_cancel(trm__dispatch *d, uint64_t id) {
  trm__dispatch_item *item = dispatch_by_id(d, id);
  if (!item || item->cancelled || item->state == TRM__ITEM_ENDED) return;
  item->cancelled = 1;
  if (item->state == TRM__ITEM_WAITS) {
    trm__place_end_waiting(d, item, TRM__DISPATCH_CANCELLED);
    return;
  }
  item->cancel_due = 1;
  d->cancels_due++;
}

static void dispatch_stop_waiting(trm__dispatch *d, trm__dispatch_item *item, double unused) {
  (void)unused;
  trm__place_end_waiting(d, item, TRM__DISPATCH_STOPPED);
}

void trm__dispatch_stop(trm__dispatch *d) {
  d->stopped = 1;
  trm__place_each_waiting(d, dispatch_stop_waiting, 0);
  for (trm__dispatch_engine *e = d->engines; e; e = e->next)
    while (e->hands.first) {
      trm__dispatch_item *item = e->hands.first;
      trm__place_leave_hands(d, item);
      trm__place_ended(d, item, TRM__DISPATCH_STOPPED);
    }
}

/* -- engines ------------------------------------------------------------------------------------------------------- */

trm_status trm__dispatch_up(trm__dispatch *d, uint64_t number, int window, uint32_t models, trm__dispatch_engine **out,
                            trm_error *err) {
  trm__dispatch_engine *e = trm__calloc(1, sizeof *e), **at = &d->engines;
  if (!e) return trm__fail_memory(err, "pool", sizeof *e);
  *e = (trm__dispatch_engine){.number = number, .window = window, .models = models, .takes = models};
  while (*at) at = &(*at)->next;
  *at = e;
  d->stats.engines++;
  d->stats.window += window;
  d->look_at_models = 1;
  *out = e;
  return TRM_OK;
}

void trm__dispatch_narrow(trm__dispatch *d, trm__dispatch_engine *engine, uint32_t takes) {
  engine->takes = takes & engine->models;
  d->look_at_models = 1;
}

void trm__dispatch_expect(trm__dispatch *d, uint32_t models) {
  d->expected = models;
  d->look_at_models = 1;
}

static void dispatch_note_model(trm__dispatch *d, trm__dispatch_item *item, double unused) {
  (void)unused;
  d->waiting |= UINT32_C(1) << item->model;
}

uint32_t trm__dispatch_waiting(trm__dispatch *d) {
  d->waiting = 0;
  trm__place_each_waiting(d, dispatch_note_model, 0);
  return d->waiting;
}

uint32_t trm__dispatch_living(const trm__dispatch *d) {
  uint32_t models = 0;
  for (size_t i = 0; i < TRM__DISPATCH_CHAINS; i++)
    for (const trm__dispatch_item *item = d->chain[i]; item; item = item->chained) models |= UINT32_C(1) << item->model;
  return models;
}

void trm__dispatch_pause(trm__dispatch *d, trm__dispatch_engine *engine, int paused) {
  (void)d;
  engine->paused = paused;
}

void trm__dispatch_retire(trm__dispatch *d, trm__dispatch_engine *engine) {
  (void)d;
  engine->retired = 1;
}

/* What becomes of an item whose engine has not done it. */
static void dispatch_again(trm__dispatch *d, trm__dispatch_item *item, int died) {
  trm__place_leave_hands(d, item);
#ifndef TRM_PLANT_141 /* deaths are not counted */
  item->deaths += died;
#endif
#ifndef TRM_PLANT_142 /* what was cancelled is tried again */
  if (item->cancelled) trm__place_ended(d, item, TRM__DISPATCH_CANCELLED);
  else
#endif
      if (item->deaths >= d->limits.deaths)
    trm__place_ended(d, item, TRM__DISPATCH_POISON);
  else trm__place_first(d, item);
}

void trm__dispatch_lost(trm__dispatch *d, trm__dispatch_engine **engine, int died) {
  trm__dispatch_engine *e = *engine, **at = &d->engines;
  while (*at != e) at = &(*at)->next;
  *at = e->next;
#ifdef TRM_PLANT_143 /* one of several is forgotten */
  if (e->working > 2) trm__place_leave_hands(d, e->hands.first);
#endif
  while (e->hands.first) dispatch_again(d, e->hands.first, died);
  d->stats.engines--;
  d->stats.window -= e->window;
  d->stats.lost++;
  d->look_at_models = 1;
  trm__free(e);
  *engine = NULL;
}

trm__dispatch_item *trm__dispatch_find(trm__dispatch *d, const trm__dispatch_engine *engine, uint64_t id) {
  trm__dispatch_item *item = dispatch_by_id(d, id);
#ifdef TRM_PLANT_144 /* a late answer of an engine that lost the item is taken */
  return item && item->state == TRM__ITEM_WORKS ? item : NULL;
#endif
  return item && item->engine == engine ? item : NULL;
}

trm__dispatch_item *trm__dispatch_done(trm__dispatch *d, trm__dispatch_engine *engine, uint64_t id, int failed,
                                       int cancelled, int expired) {
  trm__dispatch_item *item = trm__dispatch_find(d, engine, id);
  if (!item) return NULL;
  trm__place_leave_hands(d, item);
  item->state = TRM__ITEM_ENDED;
  if (failed) d->stats.failed++;
  else if (expired) d->stats.expired++;
  else if (cancelled) d->stats.cancelled++;
  else d->stats.done++;
  return item;
}

int trm__dispatch_back(trm__dispatch *d, trm__dispatch_engine *engine, uint64_t id) {
  trm__dispatch_item *item = trm__dispatch_find(d, engine, id);
  if (!item) return 0;
  engine->retired = 1;
  dispatch_again(d, item, 0);
  return 1;
}

void trm__dispatch_unsent(trm__dispatch *d, trm__dispatch_item *item) {
  trm__place_leave_hands(d, item);
  trm__place_first(d, item);
}

trm__dispatch_stats trm__dispatch_get_stats(const trm__dispatch *d) {
  return d->stats;
}
