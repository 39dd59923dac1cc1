/* The places that an item can be in, the clients' lines and whose turn it is: see dispatch_state.h. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "serve/dispatch_state.h"

/* -- lists --------------------------------------------------------------------------------------------------------- */

/* Before `at`; NULL: as the last. */
static void list_insert(trm__dispatch_list *list, trm__dispatch_item *item, trm__dispatch_item *at) {
  item->next = at;
  item->previous = at ? at->previous : list->last;
  if (item->previous) item->previous->next = item;
  else list->first = item;
  if (at) at->previous = item;
  else list->last = item;
}

static void list_remove(trm__dispatch_list *list, trm__dispatch_item *item) {
  if (item->previous) item->previous->next = item->next;
  else list->first = item->next;
  if (item->next) item->next->previous = item->previous;
  else list->last = item->previous;
  item->next = item->previous = NULL;
}

int trm__dispatch_is_before(const trm__dispatch_item *a, const trm__dispatch_item *b) {
  double a_deadline = a->deadline > 0 ? a->deadline : INFINITY, b_deadline = b->deadline > 0 ? b->deadline : INFINITY;
  if (a->priority != b->priority) return a->priority > b->priority;
  if (a_deadline < b_deadline || a_deadline > b_deadline) return a_deadline < b_deadline;
  return a->id < b->id;
}

/* -- clients ------------------------------------------------------------------------------------------------------- */

trm__dispatch_client *trm__place_client(trm__dispatch *d, const char *key) {
  for (trm__dispatch_client *c = d->clients; c; c = c->next)
    if (strcmp(c->key, key) == 0) return c;
  trm__dispatch_client *c = trm__calloc(1, sizeof *c + strlen(key) + 1);
  if (!c) return NULL;
  memcpy(c->key, key, strlen(key) + 1);
  c->next = d->clients;
  d->clients = c;
  return c;
}

void trm__place_drop_client(trm__dispatch *d, trm__dispatch_client *client) {
  if (client->living > 0) return;
  trm__dispatch_client **at = &d->clients;
  while (*at != client) at = &(*at)->next;
  *at = client->next;
  trm__free(client);
}

static void ring_append(trm__dispatch *d, trm__dispatch_client *c) {
  c->ring_next = NULL;
  c->ring_previous = d->ring_last;
  if (d->ring_last) d->ring_last->ring_next = c;
  else d->ring_first = c;
  d->ring_last = c;
}

static void ring_remove(trm__dispatch *d, trm__dispatch_client *c) {
  if (c->ring_previous) c->ring_previous->ring_next = c->ring_next;
  else d->ring_first = c->ring_next;
  if (c->ring_next) c->ring_next->ring_previous = c->ring_previous;
  else d->ring_last = c->ring_previous;
  c->ring_next = c->ring_previous = NULL;
}

/* -- places of an item --------------------------------------------------------------------------------------------- */

static void dispatch_wait(trm__dispatch *d, trm__dispatch_item *item) {
  item->state = TRM__ITEM_WAITS;
  item->engine = NULL;
  d->stats.waiting++;
  if (item->deadline > 0 && item->deadline < d->soonest) d->soonest = item->deadline;
}

void trm__place_in_line(trm__dispatch *d, trm__dispatch_item *item) {
  trm__dispatch_client *c = item->client;
  trm__dispatch_item *at = NULL;
  for (trm__dispatch_item *last = c->line.last; last && trm__dispatch_is_before(item, last); last = last->previous)
    at = last;
  list_insert(&c->line, item, at);
  if (c->waiting++ == 0) ring_append(d, c);
  dispatch_wait(d, item);
}

/* Again, before all others: as the items came. */
void trm__place_first(trm__dispatch *d, trm__dispatch_item *item) {
  trm__dispatch_item *at = d->first.first;
  while (at && at->id < item->id) at = at->next;
  list_insert(&d->first, item, at);
  dispatch_wait(d, item);
  d->stats.again++;
}

/* An item that was with an engine waits among the first, the others in their client's line. */
void trm__place_leave_line(trm__dispatch *d, trm__dispatch_item *item) {
  trm__dispatch_client *c = item->client;
  d->stats.waiting--;
  if (item->engines > 0) {
    list_remove(&d->first, item);
    return;
  }
  list_remove(&c->line, item);
  if (--c->waiting == 0) ring_remove(d, c);
}

void trm__place_in_hands(trm__dispatch *d, trm__dispatch_item *item, trm__dispatch_engine *e) {
  trm__dispatch_client *c = item->client;
  int in_line = item->engines == 0;
  trm__place_leave_line(d, item);
  if (in_line && c->waiting) { /* its turn is over */
    ring_remove(d, c);
    ring_append(d, c);
  }
  item->state = TRM__ITEM_WORKS;
  item->engine = e;
  list_insert(&e->hands, item, NULL);
  e->working++;
  e->alone = item->deaths > 0;
  d->stats.working++;
}

void trm__place_leave_hands(trm__dispatch *d, trm__dispatch_item *item) {
  trm__dispatch_engine *e = item->engine;
  list_remove(&e->hands, item);
  e->working--;
  if (!e->working) e->alone = 0;
  if (item->cancel_due) d->cancels_due--;
  item->cancel_due = 0;
  d->stats.working--;
  item->engine = NULL;
}

/* It is in no place. */
void trm__place_ended(trm__dispatch *d, trm__dispatch_item *item, trm__dispatch_why why) {
  item->state = TRM__ITEM_ENDED;
  item->why = why;
  list_insert(&d->ended, item, NULL);
  if (why == TRM__DISPATCH_CANCELLED) d->stats.cancelled++;
  else if (why == TRM__DISPATCH_EXPIRED) d->stats.expired++;
  else if (why == TRM__DISPATCH_POISON) d->stats.poison++;
  else d->stats.failed++;
}

void trm__place_end_waiting(trm__dispatch *d, trm__dispatch_item *item, trm__dispatch_why why) {
  trm__place_leave_line(d, item);
  trm__place_ended(d, item, why);
}

/* Calls fn for each item that waits; fn may end it. */
void trm__place_each_waiting(trm__dispatch *d, void (*fn)(trm__dispatch *, trm__dispatch_item *, double),
                             double argument) {
  for (trm__dispatch_item *item = d->first.first, *next; item; item = next) {
    next = item->next;
    fn(d, item, argument);
  }
  for (trm__dispatch_client *c = d->clients; c; c = c->next)
    for (trm__dispatch_item *item = c->line.first, *next; item; item = next) {
      next = item->next;
      fn(d, item, argument);
    }
}

trm__dispatch_item *trm__place_take_ended(trm__dispatch *d) {
  trm__dispatch_item *item = d->ended.first;
  if (item) list_remove(&d->ended, item);
  return item;
}
