/* What the files of the dispatcher share: its state. See dispatch.h for the rules that it keeps. */
#ifndef TRM_SERVE_DISPATCH_STATE_H
#define TRM_SERVE_DISPATCH_STATE_H

#include "serve/dispatch.h"

#define TRM__DISPATCH_CHAINS 1024 /* of the table of ids */

/* Somebody with a living item. Clients with something in their line stand in the ring, whose first has the turn. */
typedef struct trm__dispatch_client {
  struct trm__dispatch_client *next;                      /* of all clients */
  struct trm__dispatch_client *ring_next, *ring_previous; /* of the ring, where waiting > 0 */
  trm__dispatch_list line;
  int64_t waiting, living; /* in its line; altogether */
  char key[];
} trm__dispatch_client;

struct trm__dispatch {
  trm__dispatch_limits limits;
  trm__dispatch_client *clients;
  trm__dispatch_client *ring_first, *ring_last;
  trm__dispatch_list first; /* those that go before all lines: they were with an engine before */
  trm__dispatch_list ended; /* not told yet */
  trm__dispatch_engine *engines;
  trm__dispatch_item *chain[TRM__DISPATCH_CHAINS];
  uint64_t ids;
  int64_t cancels_due; /* items whose engine is to be told */
  double soonest;      /* no deadline of a waiting item is before it */
  int look_at_models;  /* 1: engines have changed */
  uint32_t expected;   /* models for which an engine will come */
  uint32_t waiting;    /* what trm__dispatch_waiting is counting */
  int stopped;
  trm__dispatch_stats stats;
};

/* 1: a goes before b in a client's line. */
int trm__dispatch_is_before(const trm__dispatch_item *a, const trm__dispatch_item *b);

/* The client of this key, a new one where there is none; NULL without memory. Without living items it is dropped. */
trm__dispatch_client *trm__place_client(trm__dispatch *d, const char *key);
void trm__place_drop_client(trm__dispatch *d, trm__dispatch_client *client);

/* An item that is nowhere is put somewhere, and one that waits into an engine's hands. */
void trm__place_in_line(trm__dispatch *d, trm__dispatch_item *item);
void trm__place_first(trm__dispatch *d, trm__dispatch_item *item); /* before all lines: it was with an engine */
void trm__place_in_hands(trm__dispatch *d, trm__dispatch_item *item, trm__dispatch_engine *engine);
void trm__place_ended(trm__dispatch *d, trm__dispatch_item *item, trm__dispatch_why why);

void trm__place_leave_line(trm__dispatch *d, trm__dispatch_item *item);
void trm__place_leave_hands(trm__dispatch *d, trm__dispatch_item *item);
void trm__place_end_waiting(trm__dispatch *d, trm__dispatch_item *item, trm__dispatch_why why);
trm__dispatch_item *trm__place_take_ended(trm__dispatch *d); /* out of its place; NULL: all were told */

/* Calls fn for each item that waits; fn may end it. */
void trm__place_each_waiting(trm__dispatch *d, void (*fn)(trm__dispatch *, trm__dispatch_item *, double),
                             double argument);

#endif
