/* One request at work: its puzzles go to the pool, at most batch_size * max_concurrency of them at once, and their
 * answers are put together in the order of the request. A puzzle that is wrong in itself, or is refused, fails alone.
 * What a request and a job of the journal do is the same and is done here.
 *
 * Invariants, whenever nothing of this file is being called:
 *   1. an item is before its turn, at work in the pool, or has its answer; `left` counts those without an answer
 *   2. at most `window` items are at work
 *   3. done is called once, when left is 0, or never after trm__run_close
 *   4. trm__run_close cancels what is at work; its ends come to nobody */
#ifndef TRM_SERVE_RUN_H
#define TRM_SERVE_RUN_H

#include "serve/ask.h"
#include "serve/problems.h"
#include "serve/telemetry.h"

typedef struct trm__run trm__run;

/* What a run needs of the gateway; borrowed. */
typedef struct trm__run_place {
  struct event_base *base;
  trm__serve_pool *pool;
  const trm__serve_config *config;
  trm__telemetry *telemetry;
} trm__run_place;

typedef struct trm__run_end {
  json_t *answer; /* of one puzzle its object, of a list {"answers": [...], ...}; borrowed. NULL: a problem */
  trm__problem_kind problem; /* of one puzzle that failed */
  const char *detail;
  int poison; /* it was at work in two engines that died */
} trm__run_end;

typedef struct trm__run_watch {
  /* NULL: steps are not asked for. item: its place in the list. event: borrowed; {"item", "step", ...} */
  void (*step)(void *context, size_t item, json_t *event);
  /* NULL, or an item of a list has its answer, which is borrowed. */
  void (*item)(void *context, size_t item, json_t *answer);
  void (*done)(void *context, const trm__run_end *end);
  void *context;
} trm__run_watch;

/* What is wrong with a request, of a list but for its puzzles, which fail one by one. */
trm_status trm__run_check(const trm__run_place *place, const json_t *body, trm__ask_fault *fault);

/* body is taken, also on failure. Callbacks come from the loop, never from here. TRM_E_INPUT and TRM_E_USAGE with
 * fault: the request is wrong; TRM_E_BUSY: the pool is full, and nothing was begun (patient 1: it waits for room
 * instead); TRM_E_MEMORY. */
trm_status trm__run_open(trm__run **out, const trm__run_place *place, json_t *body, const char *client, int patient,
                         const trm__run_watch *watch, trm__ask_fault *fault);
void trm__run_close(trm__run **run); /* accepts NULL inside; also from its callbacks, and after done */

#endif
