/* The gateway's side of the engines: items of work go in, their steps and ends come out. Engines come and go; an item
 * does not feel it.
 *
 *     trm__serve_pool_open(&pool, &config, &err);
 *     trm__serve_pool_attach(pool, engine, socket, &err);                 once the root process has linked an engine
 *     trm__serve_pool_submit(pool, &work, client, &handlers, context, &id, &err);
 *     ... step, step, done ...
 *     trm__serve_pool_close(&pool);
 *
 * Fairness. Clients that have something waiting take turns, one item each, however much each has brought. Of one
 * client's items those of higher priority go first, of equal priority those with the earlier deadline, then those that
 * came first. An engine gets only as many items as it says it can hold, so that what waits, waits here.
 * Deadlines. An item that waits past its deadline ends expired, without an answer; at work, with the answer it has.
 * Death. What an engine had is given to another, before everything that waits. An item that was at work in two engines
 * that died (`deaths`) is poison: it ends with TRM_E_INTERNAL and `poison`. Which of an engine's items killed it is not
 * known; so an item that was at work in one that died is alone in the next, and no neighbour makes it poison.
 *
 * Handlers are called from the loop, never from within a function of this file but trm__serve_pool_close, and may call
 * all but that one. Every item that was accepted gets `done` once, and nothing after it. Threads: the loop's alone. */
#ifndef TRM_SERVE_POOL_H
#define TRM_SERVE_POOL_H

#include "serve/work.h"

struct event_base;

typedef struct trm__serve_pool trm__serve_pool;

typedef struct trm__serve_pool_config {
  struct event_base *base; /* borrowed */
  const char *build_id;    /* as of the engines (proc/channel.h) */
  trm__work_config engine; /* that each engine is told */
  int64_t waiting_most;    /* items that wait, at most: 1024 */
  int64_t client_most;     /* of one client, waiting or at work; 0: no bound of its own */
  size_t bytes_most;       /* of all items, states included: 256 MiB */
  int deaths;              /* of engines at whose work an item was, until it is poison: 2 */
  /* NULL, or an engine became ready or was lost: readiness, models or numbers have changed. err: NULL, or why an engine
   * was lost or has not all models. */
  void (*changed)(void *context, uint64_t engine, const trm_error *err);
  void *context;
} trm__serve_pool_config;

trm__serve_pool_config trm__serve_pool_config_default(void);

/* Texts and configuration are copied. */
trm_status trm__serve_pool_open(trm__serve_pool **out, const trm__serve_pool_config *config, trm_error *err);
/* Accepts NULL inside. Items that are not done end with TRM_E_STOPPED, from here. */
void trm__serve_pool_close(trm__serve_pool **pool);

/* An engine at the other end of this socket, which is taken, also on failure; engine: the caller's number for it, which
 * no other attached one has. */
trm_status trm__serve_pool_attach(trm__serve_pool *pool, uint64_t engine, int socket, trm_error *err);
/* 1: it is attached. */
int trm__serve_pool_has(trm__serve_pool *pool, uint64_t engine);
/* It gets no more work; its channel is closed when its last item has ended. Unknown numbers are ignored. */
void trm__serve_pool_detach(trm__serve_pool *pool, uint64_t engine);

/* 1: an engine is up and has every model of the configuration. */
int trm__serve_pool_ready(const trm__serve_pool *pool);
/* The models that are served, as the engine that came last had them, in the order of the configuration, versions that
 * are loaded beside the active ones among them; before any came, none. Valid
 * until `changed` is called the next time. */
const trm__work_model *trm__serve_pool_models(const trm__serve_pool *pool, int *count);
/* The active one of a name, or one by id; NULL: no engine has had it. */
const trm__work_model *trm__serve_pool_model(const trm__serve_pool *pool, const char *name);

/* -- other models -------------------------------------------------------------------------------------------------- */

/* The models are changed by engines of a next generation beside those of now:
 *
 *     trm__serve_pool_prepare(pool, &models, &generation, &err);
 *     trm__serve_pool_attach_to(pool, engine, generation, socket, &err);      for each of its engines
 *     trm__serve_pool_get_next, and trm__serve_pool_try                       until they are ready and good
 *     trm__serve_pool_switch(pool, &err), or trm__serve_pool_drop(pool)
 *
 * After the switch new items go to the new models. What was accepted for a version that is served no more is still
 * solved by it, by its old engines, which then are detached by themselves: `changed` tells, and from then on
 * trm__serve_pool_needs says that they may be ended. What was accepted for a model that did not change goes to engines
 * of either generation. */
trm_status trm__serve_pool_prepare(trm__serve_pool *pool, const trm__work_config *models, uint32_t *generation,
                                   trm_error *err); /* TRM_E_BUSY: one is prepared, or too many are finished still */
/* As trm__serve_pool_attach, which attaches to the generation of now. TRM_E_STOPPED: this one has gone. */
trm_status trm__serve_pool_attach_to(trm__serve_pool *pool, uint64_t engine, uint32_t generation, int socket,
                                     trm_error *err);

typedef struct trm__serve_pool_next {
  uint32_t generation;          /* 0: none is prepared, and the rest is 0 */
  int complete;                 /* engines that have all models */
  int lost;                     /* that ended, or have not all */
  const trm_error *why;         /* the last of these */
  int models;                   /* that are known: none or all */
  const trm__work_model *model; /* [models]; valid until the next is changed */
} trm__serve_pool_next;
trm__serve_pool_next trm__serve_pool_get_next(const trm__serve_pool *pool);

trm_status trm__serve_pool_switch(trm__serve_pool *pool, trm_error *err); /* `changed` is called, with engine 0 */
void trm__serve_pool_drop(trm__serve_pool *pool);                         /* lets the next generation's engines go */

/* 1: engines of this generation are to run, and to be started again when they end. */
int trm__serve_pool_needs(trm__serve_pool *pool, uint32_t generation);
int trm__serve_pool_is_settled(const trm__serve_pool *pool);      /* 1: nothing of an earlier one is left */
uint32_t trm__serve_pool_generation(const trm__serve_pool *pool); /* that of now */

typedef struct trm__serve_pool_end {
  trm__work_done done;
  int poison;            /* 1: at work in two engines that died */
  int engines;           /* that it was given to */
  double queued, worked; /* seconds: until an engine got it the first time; from then on */
} trm__serve_pool_end;

typedef struct trm__serve_pool_handlers {
  void (*step)(void *context, uint64_t item,
               const trm__work_step *step); /* NULL: steps are not asked for. After an
         engine's death they begin anew: the same ones, and a reader drops what it knows */
  void (*done)(void *context, uint64_t item, const trm__serve_pool_end *end);
} trm__serve_pool_handlers;

/* Copies all. client: who it is for, for fairness; NULL is a client like any other. TRM_E_BUSY: too many wait, and
 * nothing was accepted; TRM_E_UNSUPPORTED: no engine has this model loaded, or has had it; TRM_E_INPUT: it does not fit
 * the model. *item: 1, 2, ... */
trm_status trm__serve_pool_submit(trm__serve_pool *pool, const trm__work *work, const char *client,
                                  const trm__serve_pool_handlers *handlers, void *context, uint64_t *item,
                                  trm_error *err);
/* The same for a model of the next generation, by its name or id: for who judges it. */
trm_status trm__serve_pool_try(trm__serve_pool *pool, const trm__work *work, const char *client,
                               const trm__serve_pool_handlers *handlers, void *context, uint64_t *item, trm_error *err);
/* It ends soon, with the answer it has or with none: done comes as for any other. Unknown numbers are ignored. */
void trm__serve_pool_cancel(trm__serve_pool *pool, uint64_t item);

typedef struct trm__serve_pool_stats {
  int engines, up;                                   /* attached; of these ready for work */
  int sandbox;                                       /* parts of it that engines are in, as a mask */
  int64_t window;                                    /* items that those hold together */
  int64_t waiting, working;                          /* items now */
  uint64_t accepted, busy;                           /* since the start: items; refused because too many waited */
  uint64_t done, failed, cancelled, expired, poison; /* ends of the accepted, each counted once */
  uint64_t lost, again;                              /* engines that were up and ended; items given to another engine */
  uint64_t steps;                                    /* supervision steps of all that is done */
} trm__serve_pool_stats;
trm__serve_pool_stats trm__serve_pool_get_stats(const trm__serve_pool *pool);

#endif
