/* What the files of the engine process share: see engine.h for threads and invariants. */
#ifndef TRM_SERVE_ENGINE_STATE_H
#define TRM_SERVE_ENGINE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "proc/channel.h"
#include "serve/engine.h"
#include "serve/work.h"

typedef struct trm__serve_engine trm__serve_engine;
typedef struct trm__engine_unit trm__engine_unit;

/* An answer that an item may end with, and what was known of its cells. */
typedef struct trm__engine_answer {
  int known;
  float q;
  int32_t *answer;   /* [cells] */
  float *confidence; /* [cells] */
} trm__engine_answer;
enum { TRM__ANSWER_LAST, TRM__ANSWER_RIGHT, TRM__ANSWER_SUREST, TRM__ANSWERS }; /* that are kept of an item */

typedef struct trm__engine_item {
  trm__serve_engine *engine;
  uint64_t request;
  void *data; /* of its frame, to which work points */
  trm__work work;
  int model;              /* its number */
  trm__engine_unit *unit; /* that has it; NULL */
  int64_t ticket;         /* in the unit's queue */
  int helped;             /* 1: a helper has it */
  atomic_int cancelled;   /* it is not wanted, or handed back */
  atomic_int back;        /* 1: handed back rather than done, where it has not begun */
  atomic_int begun;       /* it has taken a step, or its call has begun */
  double began;           /* when; of the thread that has it, as what follows */
  trm_task_solutions solutions;
  trm_state *state; /* that it begins from */
  trm_state *after; /* that it ends with, where it is wanted */
  trm__engine_answer kept[TRM__ANSWERS];
  struct trm__engine_item *next, *previous;
  struct trm__engine_item *queued; /* the next one of its helper */
} trm__engine_item;

/* A solver with the options of its key, and its thread. */
struct trm__engine_unit {
  trm__serve_engine *engine;
  int model;
  int usual;             /* 1: the model's usual one, which is never closed */
  trm_solver_config key; /* what puzzles say themselves has its default */
  trm_runtime *runtime;
  trm_solver *solver;
  trm_queue *queue;
  pthread_t thread;
  int items;            /* that it has; of the main thread */
  uint64_t used;        /* a counter: when it last got an item */
  _Atomic double moved; /* when something last happened here */
  trm__engine_unit *next;
};

/* A thread for calls that are not puzzles of a queue: hints, with a solver a model of its own, and new puzzles. */
typedef struct trm__engine_helper {
  trm__serve_engine *engine;
  pthread_t thread;
  int started;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  trm__engine_item *first, *last; /* that wait; guarded by the mutex, as `ended` */
  int ended;
  int items; /* that it has; of the main thread */
  _Atomic double moved;
  trm_runtime *runtime; /* its own, when it is first needed */
  trm_solver *solver[TRM__WORK_MODELS];
} trm__engine_helper;

typedef struct trm__engine_model {
  trm_model *model; /* NULL: it could not be loaded */
  char id[13];      /* "": its file has no checksum */
  trm_task task;
  trm_solver_values values;
  int64_t identifiers;
} trm__engine_model;

/* A frame that a thread wants to be sent. */
typedef struct trm__engine_letter {
  uint16_t type;
  uint64_t request;
  trm__work_bytes bytes;
  trm__engine_item *item; /* DONE and BACK: whose end it is */
  struct trm__engine_letter *next;
} trm__engine_letter;

typedef struct trm__engine_outbox {
  pthread_mutex_t mutex;
  pthread_cond_t room;
  trm__engine_letter *first, *last;
  size_t bytes;
  int closed; /* 1: nobody reads any more, and nobody waits for room */
  int wake;   /* an eventfd that the main thread waits for */
} trm__engine_outbox;

struct trm__serve_engine {
  trm__channel *channel; /* NULL: it has ended */
  int supervised;
  const char *device; /* NULL: the configuration's */
  int configured, draining;
  double ended; /* when the channel did */
  trm__work_config config;
  trm__engine_model model[TRM__WORK_MODELS];
  trm__engine_unit *units;
  uint64_t uses;
  trm__engine_helper hints, puzzles;
  trm__engine_item *items; /* all */
  int64_t living;          /* how many */
  trm__engine_outbox outbox;
};

/* -- engine_load.c: the models ------------------------------------------------------------------------------------- */

/* Loads what the configuration names, opens the usual solvers, and says what there is (READY or UNREADY). */
trm_status trm__engine_load(trm__serve_engine *engine, trm_error *err);
void trm__engine_unload(trm__serve_engine *engine);

/* -- engine_unit.c: solvers ---------------------------------------------------------------------------------------- */

trm_solver_config trm__engine_unit_key(const trm__serve_engine *engine, const trm_solver_config *wanted);
trm_status trm__engine_unit_open(trm__engine_unit **out, trm__serve_engine *engine, int model,
                                 const trm_solver_config *key, int usual, trm_error *err);
/* The unit for these options, opened where there is room; *out NULL with TRM_OK: wait until one has no items. */
trm_status trm__engine_unit_get(trm__engine_unit **out, trm__serve_engine *engine, int model,
                                const trm_solver_config *key, trm_error *err);
void trm__engine_units_close(trm__serve_engine *engine); /* cancels, and waits for the steps at hand */

/* -- engine_item.c: items ------------------------------------------------------------------------------------------ */

/* Takes a copy of the frame's data. An item that cannot be solved ends at once. */
trm_status trm__engine_item_take(trm__serve_engine *engine, uint64_t request, const void *data, uint32_t size,
                                 trm_error *err);
void trm__engine_item_cancel(trm__engine_item *item);
void trm__engine_items_place(trm__serve_engine *engine); /* those that wait for a solver */
trm__engine_item *trm__engine_item_find(const trm__serve_engine *engine, uint64_t request);
void trm__engine_item_free(trm__engine_item *item);

/* -- engine_end.c: the thread that has an item, or the main thread where none has it ------------------------------- */

void trm__engine_item_begin(trm__engine_item *item);
int trm__engine_item_watch(void *context, const trm_step *step);    /* context: the item */
void trm__engine_item_leave(void *context, const trm_leave *leave); /* context: the unit */
void trm__engine_item_end(trm__engine_item *item, trm__work_done *done);
void trm__engine_item_refuse(trm__engine_item *item, const trm_error *err);

/* -- engine_helper.c ----------------------------------------------------------------------------------------------- */

trm_status trm__engine_helper_add(trm__engine_helper *helper, trm__engine_item *item, trm_error *err);
void trm__engine_helper_close(trm__engine_helper *helper);

/* -- engine_outbox.c ----------------------------------------------------------------------------------------------- */

trm_status trm__engine_outbox_open(trm__engine_outbox *outbox, trm_error *err);
void trm__engine_outbox_shut(trm__engine_outbox *outbox); /* nothing is sent any more */
void trm__engine_outbox_close(trm__engine_outbox *outbox);
/* Any thread. Takes the bytes. May wait for room where wait is 1. Without memory the process ends: the gateway gives
 * its items to another. */
void trm__engine_outbox_put(trm__engine_outbox *outbox, const trm__engine_letter *letter, int wait);
trm__engine_letter *trm__engine_outbox_first(trm__engine_outbox *outbox); /* stays there; NULL: none */
void trm__engine_outbox_drop(trm__engine_outbox *outbox);                 /* the first, and frees it */

#endif
