/* The invariants of the dispatcher, for its tests: see dispatch.h. */
#include "serve/dispatch_state.h"

typedef struct check_sums {
  int64_t waiting, working, ended, living;
  size_t bytes;
} check_sums;

/* A list is whole, and of what it holds it is the place. */
static const char *check_list(const trm__dispatch_list *list, trm__dispatch_state state,
                              const trm__dispatch_engine *engine, int64_t *count) {
  const trm__dispatch_item *previous = NULL;
  for (const trm__dispatch_item *item = list->first; item; previous = item, item = item->next, ++*count) {
    if (item->previous != previous) return "1: a place's list is broken";
    if (item->state != state || item->engine != engine) return "1: an item is where it does not know to be";
  }
  return list->last == previous ? NULL : "1: a place's last item is not its last";
}

static const char *check_engine(const trm__dispatch *d, const trm__dispatch_engine *e, check_sums *sums) {
  int64_t count = 0;
  const char *wrong = check_list(&e->hands, TRM__ITEM_WORKS, e, &count);
  if (wrong) return wrong;
  if (count != e->working) return "2: an engine's hands are not counted right";
  if (e->takes & ~e->models) return "3: an engine takes what it has no model for";
  if (e->working > e->window) return "3: an engine holds more than its window";
  for (const trm__dispatch_item *item = e->hands.first; item; item = item->next) {
    if (!(e->models >> item->model & 1)) return "3: an engine has an item without the model for it";
    if (item->deaths && e->working > 1) return "4: an item that must be alone is not";
    if (item->deaths >= d->limits.deaths) return "7: poison is at work";
    if (item->cancel_due) return "a cancelled item's engine was not told";
  }
  sums->working += count;
  return NULL;
}

static const char *check_client(const trm__dispatch *d, const trm__dispatch_client *c, check_sums *sums) {
  int64_t count = 0, in_ring = 0;
  const char *wrong = check_list(&c->line, TRM__ITEM_WAITS, NULL, &count);
  if (wrong) return wrong;
  if (count != c->waiting) return "5: a client's line is not counted right";
  for (const trm__dispatch_client *r = d->ring_first; r; r = r->ring_next) in_ring += r == c;
  if (in_ring != (count > 0)) return "5: a client is not in the ring as often as it should";
  for (const trm__dispatch_item *item = c->line.first; item; item = item->next) {
    if (item->client != c) return "1: an item is in another client's line";
    if (item->deaths || item->engines) return "4: an item that was with an engine waits in a line";
    if (item->cancelled) return "7: what was cancelled waits";
    if (item->next && !trm__dispatch_is_before(item, item->next)) return "6: a line is not in order";
  }
  sums->waiting += count;
  sums->living += c->living;
  return NULL;
}

/* Room, and something that fits: it would be given. */
static const char *check_idle(const trm__dispatch *d) {
  for (const trm__dispatch_engine *e = d->engines; e; e = e->next) {
    int suspects = 0;
    if (e->paused || e->retired || e->alone || e->working >= e->window) continue;
    for (const trm__dispatch_item *item = d->first.first; item && !suspects; item = item->next) {
      if (!(e->takes >> item->model & 1)) continue;
      if (!item->deaths || !e->working) return "9: an item could go on and does not";
      suspects = 1;
    }
    for (const trm__dispatch_client *c = d->ring_first; c && !suspects; c = c->ring_next)
      for (const trm__dispatch_item *item = c->line.first; item; item = item->next)
        if (e->takes >> item->model & 1) return "9: an item could be at work and waits";
  }
  return NULL;
}

static const char *check_sums_fit(const trm__dispatch *d, const check_sums *sums) {
  const trm__dispatch_stats *s = &d->stats;
  if (sums->waiting != s->waiting || sums->working != s->working) return "2: items are not counted right";
  if (sums->bytes != s->bytes) return "2: bytes are not counted right";
  int64_t living = sums->waiting + sums->working + sums->ended;
  if (living != sums->living) return "5: clients count other items than there are";
  uint64_t ends = s->done + s->failed + s->cancelled + s->expired + s->poison;
  if (s->accepted != ends + (uint64_t)(sums->waiting + sums->working)) return "8: an item was lost or ended twice";
  return NULL;
}

const char *trm__dispatch_check(const trm__dispatch *d) {
  check_sums sums = {0};
  int64_t chained = 0;
  const char *wrong = check_list(&d->first, TRM__ITEM_WAITS, NULL, &sums.waiting);
  for (const trm__dispatch_item *item = d->first.first; item && !wrong; item = item->next) {
    if (item->deaths >= d->limits.deaths) wrong = "7: poison waits";
    if (item->cancelled) wrong = "7: what was cancelled waits";
  }
  if (!wrong) wrong = check_list(&d->ended, TRM__ITEM_ENDED, NULL, &sums.ended);
  for (const trm__dispatch_client *c = d->clients; c && !wrong; c = c->next) wrong = check_client(d, c, &sums);
  for (const trm__dispatch_engine *e = d->engines; e && !wrong; e = e->next) wrong = check_engine(d, e, &sums);
  for (size_t i = 0; i < TRM__DISPATCH_CHAINS; i++)
    for (const trm__dispatch_item *item = d->chain[i]; item; item = item->chained, chained++) sums.bytes += item->bytes;
  if (!wrong && chained != sums.waiting + sums.working + sums.ended) wrong = "1: an item is in no place";
  if (!wrong) wrong = check_sums_fit(d, &sums);
  if (!wrong && !d->stopped) wrong = check_idle(d);
  return wrong;
}
