/* Which item of work goes to which engine, as a state machine without processes, sockets and clock: the caller says
 * what happened and what time it is, and asks what to do. serve/pool.c carries the orders out; serve/pool.h says what
 * the rules mean to who submits.
 *
 *     trm__dispatch_submit, _up, _lost, _done, _back, _cancel, ...            what happened
 *     while (trm__dispatch_next(d, now, &order)) carry out order;             after each event, and when _due has come
 *
 * An item's way: it waits, is in the hands of an engine, waits again where that was lost or handed it back, and ends.
 * After the loop of trm__dispatch_next the following holds.
 *   1. Each living item is in one place: in its client's line, in the line of those that go first, in the hands of one
 *      engine, or ended and not yet told. An item that was told is not there any more.
 *   2. waiting counts those of the lines, working those in hands, bytes the data of both.
 *   3. An engine holds at most its window, and only what it has the model for. It is given only what it takes, which is
 *      all that it has unless trm__dispatch_narrow said less.
 *   4. An item that was at work in an engine that died is alone in its engine, or waits among those that go first.
 *   5. The clients whose turn comes are those with something in their line, each once; each client's count is that of
 *      its living items.
 *   6. A client's line is in order: by priority, deadline, number.
 *   7. No living item has as many deaths as make it poison, and none that waits is cancelled.
 *   8. accepted = living + done + cancelled + expired + poison + failed: each accepted item ends once.
 *   9. No engine that could take an item is left without while one for it waits.
 * Memory: an item is one allocation, made by submit alone. Threads: one at a time. */
#ifndef TRM_SERVE_DISPATCH_H
#define TRM_SERVE_DISPATCH_H

#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>

typedef struct trm__dispatch trm__dispatch;
typedef struct trm__dispatch_engine trm__dispatch_engine;

typedef struct trm__dispatch_limits {
  int64_t waiting_most; /* items */
  int64_t client_most;  /* living items of a client; 0: no limit */
  size_t bytes_most;    /* of all living items */
  int deaths;           /* of engines, that make an item poison */
} trm__dispatch_limits;

typedef enum trm__dispatch_why {
  TRM__DISPATCH_CANCELLED, /* it was at work nowhere when it was cancelled, or its engine was lost after that */
  TRM__DISPATCH_EXPIRED,   /* it waited past its deadline */
  TRM__DISPATCH_POISON,
  TRM__DISPATCH_UNSUPPORTED, /* no engine has its model any more */
  TRM__DISPATCH_STOPPED      /* trm__dispatch_stop */
} trm__dispatch_why;

typedef enum trm__dispatch_state { TRM__ITEM_WAITS, TRM__ITEM_WORKS, TRM__ITEM_ENDED } trm__dispatch_state;

/* What the caller says of an item, and what becomes of it. */
typedef struct trm__dispatch_item {
  void *data;   /* the caller's */
  size_t bytes; /* that it takes */
  int model;    /* a bit of the engines' masks */
  int priority;
  double deadline; /* 0: none */

  /* set here */
  uint64_t id; /* 1, 2, ... */
  trm__dispatch_state state;
  trm__dispatch_why why; /* ENDED */
  int deaths, engines;   /* at whose work it was and that died; that it was given to */
  int cancelled;
  int cancel_due;         /* 1: its engine is to be told */
  double accepted, given; /* times; given 0: never */
  trm__dispatch_engine *engine;
  struct trm__dispatch_client *client;
  struct trm__dispatch_item *next, *previous, *chained; /* of its place; of the table of ids */
} trm__dispatch_item;

typedef struct trm__dispatch_list {
  trm__dispatch_item *first, *last;
} trm__dispatch_list;

struct trm__dispatch_engine {
  uint64_t number;
  int window, working;
  uint32_t models; /* a mask */
  uint32_t takes;  /* of these: what it is given */
  int paused;      /* it takes nothing at the moment */
  int retired;     /* it takes nothing any more; CLOSE is ordered when its hands are empty */
  int closing;     /* CLOSE was ordered */
  int alone;       /* it holds an item that must be alone */
  trm__dispatch_list hands;
  trm__dispatch_engine *next;
};

typedef struct trm__dispatch_stats {
  int engines;
  int64_t window, waiting, working;
  size_t bytes;
  uint64_t accepted, busy, done, failed, cancelled, expired, poison, lost, again;
} trm__dispatch_stats;

trm_status trm__dispatch_open(trm__dispatch **out, const trm__dispatch_limits *limits, trm_error *err);
void trm__dispatch_close(trm__dispatch **dispatch); /* accepts NULL inside; items that live are freed untold */

/* item: the caller's fields. *out: a copy, which lives until trm__dispatch_forget. TRM_E_BUSY: over a limit. */
trm_status trm__dispatch_submit(trm__dispatch *d, const trm__dispatch_item *item, const char *client, double now,
                                trm__dispatch_item **out, trm_error *err);
void trm__dispatch_cancel(trm__dispatch *d, uint64_t id);
void trm__dispatch_stop(trm__dispatch *d); /* everything ends with STOPPED, and nothing is accepted any more */

trm_status trm__dispatch_up(trm__dispatch *d, uint64_t number, int window, uint32_t models, trm__dispatch_engine **out,
                            trm_error *err);
/* From now on the engine is given items of these models alone, all of which it has. */
void trm__dispatch_narrow(trm__dispatch *d, trm__dispatch_engine *engine, uint32_t takes);
/* Models for which an engine will come, so that who waits for them waits on, though nobody takes them at the moment. */
void trm__dispatch_expect(trm__dispatch *d, uint32_t models);
uint32_t trm__dispatch_waiting(trm__dispatch *d);      /* the models of items that wait */
uint32_t trm__dispatch_living(const trm__dispatch *d); /* of all items that were not told yet */
void trm__dispatch_pause(trm__dispatch *d, trm__dispatch_engine *engine, int paused);
void trm__dispatch_retire(trm__dispatch *d, trm__dispatch_engine *engine);
/* The engine is freed. died: what is in its hands was at work when it ended; otherwise it was never begun. */
void trm__dispatch_lost(trm__dispatch *d, trm__dispatch_engine **engine, int died);

/* The engine has done the item, which is out of all places and to be forgotten; NULL: it does not have it. */
trm__dispatch_item *trm__dispatch_done(trm__dispatch *d, trm__dispatch_engine *engine, uint64_t id, int failed,
                                       int cancelled, int expired);
/* The engine hands it back, and wants nothing more. 0: it does not have it. */
int trm__dispatch_back(trm__dispatch *d, trm__dispatch_engine *engine, uint64_t id);
/* In the engine's hands; NULL: it is not. */
trm__dispatch_item *trm__dispatch_find(trm__dispatch *d, const trm__dispatch_engine *engine, uint64_t id);
void trm__dispatch_forget(trm__dispatch *d, trm__dispatch_item *item); /* frees an item that has ended */

typedef enum trm__dispatch_order_kind {
  TRM__DISPATCH_GIVE,   /* send the item to the engine; where that cannot be, _pause and _unsent */
  TRM__DISPATCH_CANCEL, /* tell the engine that the item is not wanted any more */
  TRM__DISPATCH_END,    /* tell who submitted it, and forget it */
  TRM__DISPATCH_CLOSE   /* the engine was retired, and its hands are empty */
} trm__dispatch_order_kind;

typedef struct trm__dispatch_order {
  trm__dispatch_order_kind kind;
  trm__dispatch_item *item;
  trm__dispatch_engine *engine;
} trm__dispatch_order;

int trm__dispatch_next(trm__dispatch *d, double now, trm__dispatch_order *order); /* 0: nothing is left to do */
double trm__dispatch_due(const trm__dispatch *d); /* when there is something again without an event; or INFINITY */
/* The item of a GIVE could not be sent: it waits again, before all others. */
void trm__dispatch_unsent(trm__dispatch *d, trm__dispatch_item *item);

trm__dispatch_stats trm__dispatch_get_stats(const trm__dispatch *d);

/* Which invariant does not hold; NULL: all do. */
const char *trm__dispatch_check(const trm__dispatch *d);

#endif
