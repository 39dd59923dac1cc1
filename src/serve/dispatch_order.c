/* What is to be done next: who is told, and which item meets which engine. See dispatch.h. */
#include <math.h>

#include "serve/dispatch_state.h"

static void dispatch_expire(trm__dispatch *d, trm__dispatch_item *item, double now) {
  if (!(item->deadline > 0)) return;
  if (item->deadline <= now) trm__place_end_waiting(d, item, TRM__DISPATCH_EXPIRED);
  else if (item->deadline < d->soonest) d->soonest = item->deadline;
}

static uint32_t dispatch_models(const trm__dispatch *d) {
  uint32_t models = 0;
  for (const trm__dispatch_engine *e = d->engines; e; e = e->next) models |= e->takes;
  return models;
}

static void dispatch_drop_unsupported(trm__dispatch *d, trm__dispatch_item *item, double unused) {
  (void)unused;
  if (!((dispatch_models(d) | d->expected) >> item->model & 1))
    trm__place_end_waiting(d, item, TRM__DISPATCH_UNSUPPORTED);
}

static void dispatch_settle(trm__dispatch *d, double now) {
  if (now >= d->soonest) {
    d->soonest = INFINITY;
    trm__place_each_waiting(d, dispatch_expire, now);
  }
  if (d->look_at_models && dispatch_models(d)) trm__place_each_waiting(d, dispatch_drop_unsupported, 0);
  d->look_at_models = 0;
}

static int engine_has(const trm__dispatch_engine *e, const trm__dispatch_item *item) {
  return (int)(e->takes >> item->model & 1);
}

/* What this engine gets next; NULL: nothing. Where one waits that must be alone, nothing else is given until the engine
 * is empty. */
static trm__dispatch_item *dispatch_pick(trm__dispatch *d, const trm__dispatch_engine *e) {
  for (trm__dispatch_item *item = d->first.first; item; item = item->next) {
    if (!engine_has(e, item)) continue;
#ifdef TRM_PLANT_145 /* suspects are not alone */
    return item;
#endif
    return item->deaths && e->working ? NULL : item;
  }
#ifdef TRM_PLANT_146 /* the first client is served until it has nothing left */
  for (trm__dispatch_client *c = d->clients; c; c = c->next)
    if (c->line.first && engine_has(e, c->line.first)) return c->line.first;
  return NULL;
#endif
  for (trm__dispatch_client *c = d->ring_first; c; c = c->ring_next)
    for (trm__dispatch_item *item = c->line.first; item; item = item->next)
      if (engine_has(e, item)) return item; /* before it stand others, for models that this engine is not given */
  return NULL;
}

static int engine_has_room(const trm__dispatch_engine *e) {
#ifdef TRM_PLANT_147 /* windows are taken for what they are not */
  return !e->paused && !e->retired && !e->alone && e->working <= e->window;
#endif
  return !e->paused && !e->retired && !e->alone && e->working < e->window;
}

/* The engine with the least in its hands that can take something. */
static trm__dispatch_item *dispatch_match(trm__dispatch *d, trm__dispatch_engine **engine) {
  trm__dispatch_item *best = NULL;
  for (trm__dispatch_engine *e = d->engines; e; e = e->next) {
    if (!engine_has_room(e) || (best && e->working >= (*engine)->working)) continue;
    trm__dispatch_item *item = dispatch_pick(d, e);
    if (!item) continue;
    best = item;
    *engine = e;
  }
  return best;
}

static void dispatch_give(trm__dispatch *d, trm__dispatch_item *item, trm__dispatch_engine *e, double now) {
  trm__place_in_hands(d, item, e);
  item->engines++;
  if (item->engines == 1) item->given = now;
}

static int dispatch_find_cancel(trm__dispatch *d, trm__dispatch_order *order) {
  for (trm__dispatch_engine *e = d->engines; e && d->cancels_due; e = e->next)
    for (trm__dispatch_item *item = e->hands.first; item; item = item->next) {
      if (!item->cancel_due) continue;
      item->cancel_due = 0;
      d->cancels_due--;
      *order = (trm__dispatch_order){TRM__DISPATCH_CANCEL, item, e};
      return 1;
    }
  return 0;
}

static int dispatch_find_close(trm__dispatch *d, trm__dispatch_order *order) {
  for (trm__dispatch_engine *e = d->engines; e; e = e->next) {
    if (!e->retired || e->closing || e->working) continue;
    e->closing = 1;
    *order = (trm__dispatch_order){TRM__DISPATCH_CLOSE, NULL, e};
    return 1;
  }
  return 0;
}

int trm__dispatch_next(trm__dispatch *d, double now, trm__dispatch_order *order) {
  trm__dispatch_engine *engine = NULL;
  dispatch_settle(d, now);
  trm__dispatch_item *item = trm__place_take_ended(d);
  if (item) {
    *order = (trm__dispatch_order){TRM__DISPATCH_END, item, NULL};
    return 1;
  }
  if (dispatch_find_cancel(d, order) || dispatch_find_close(d, order)) return 1;
  if (!d->stats.waiting || !(item = dispatch_match(d, &engine))) return 0;
  dispatch_give(d, item, engine, now);
  *order = (trm__dispatch_order){TRM__DISPATCH_GIVE, item, engine};
  return 1;
}

double trm__dispatch_due(const trm__dispatch *d) {
  return d->soonest;
}
