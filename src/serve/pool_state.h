/* What the files of the pool share: see pool.h. A set is the models that engines of one generation have. There is one
 * that is served from, `now`; one that may be prepared beside it, `next`; and old ones, whose engines finish what was
 * accepted for a model that is served no more.
 *
 * Slots. Each model file of a set has a slot, a bit of the dispatcher's masks; the same file in two sets has the same
 * one. So what waits for a model that the next set has too goes to whichever engine is free, and what waits for one
 * that was replaced stays with the engines that have it. What an engine is given follows from its set alone:
 *   now    all that it has
 *   next   what `now` does not have: nobody asks for that but who tries the new models (trm__serve_pool_try)
 *   old    what `now` does not have
 * An old engine is retired when nothing waits for what it is given; an old set goes when nothing waits for it and none
 * of its engines is attached; a slot is free again when no set and no living item has it. */
#ifndef TRM_SERVE_POOL_STATE_H
#define TRM_SERVE_POOL_STATE_H

#include "proc/wire.h"
#include "serve/dispatch.h"
#include "serve/pool.h"

#define TRM__POOL_SLOTS 32 /* bits of the dispatcher's masks */

typedef struct trm__pool_set {
  uint32_t number; /* its generation: 1, 2, ... */
  trm__work_config config;
  int slot[TRM__WORK_MODELS]; /* of config.model */
  uint32_t slots;             /* all of them, as a mask */
  int models;                 /* of `model`: none or all */
  trm__work_model model[TRM__WORK_MODELS];
  int sandbox;        /* parts that the engine that came last is in */
  int complete, lost; /* engines that have had every model; that ended, or had not */
  trm_error why;      /* of the last one that was lost */
  struct trm__pool_set *next;
} trm__pool_set;

typedef struct trm__pool_engine {
  trm__serve_pool *pool;
  trm__pool_set *set;
  uint64_t number;
  trm__wire *wire;
  trm__dispatch_engine *up; /* NULL: it is not ready for work */
  int told;                 /* 1: READY or UNREADY has come */
  int complete;             /* 1: it has every model */
  struct trm__pool_engine *next;
} trm__pool_engine;

struct trm__serve_pool {
  trm__serve_pool_config config; /* of which `engine` is that of the first set */
  char *build_id;
  trm__dispatch *dispatch;
  struct event *pump, *timer;
  trm__pool_engine *engines;
  trm__pool_set *now, *next, *old; /* next: NULL, none is prepared; old: a list */
  uint32_t generations;
  uint64_t steps;
};

/* -- pool_sets.c --------------------------------------------------------------------------------------------------- */

/* A set of these models with slots of its own or of other sets. TRM_E_USAGE: not 1 to TRM__WORK_MODELS of them;
 * TRM_E_BUSY: too many are still finished. */
trm_status trm__pool_set_open(trm__pool_set **out, trm__serve_pool *pool, const trm__work_config *config,
                              trm_error *err);
void trm__pool_sets_close(trm__serve_pool *pool);
trm__pool_set *trm__pool_set_find(const trm__serve_pool *pool, uint32_t generation); /* NULL: it has gone */

/* What an engine of the set is given, of what it has. */
uint32_t trm__pool_set_takes(const trm__serve_pool *pool, const trm__pool_set *set);
/* Engines, models or sets have changed: who takes what, who is retired, which old sets go. 1: something was done. */
int trm__pool_sets_settle(trm__serve_pool *pool);

/* What the engines of a set say that they have; the mask of its slots. Negative: it is not what they were told. */
int64_t trm__pool_set_learn(trm__pool_set *set, const trm__work_ready *ready, trm_error *missing);
const trm__work_model *trm__pool_set_model(const trm__pool_set *set, const char *name); /* active by name, or by id */

#endif
