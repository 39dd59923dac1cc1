/* What the gateway and its engines say to each other: the frames of their channel (proc/frame.h), written and read here
 * alone. Both sides are of one build, so that the form may change with any build; all the same a reader takes nothing
 * on trust: sizes, types, ranges and tokens are checked, and an unknown or missing key is an error.
 *
 *     type      from     request   data
 *     CONFIG    gateway  -         JSON {device, threads, batch, ..., models: [{name, path}]}
 *     READY     engine   -         JSON {window, device, isa, threads, models: [{name, ...} or {name, where, error}]}
 *     UNREADY   engine   -         the same, when none of the models could be loaded
 *     ITEM      gateway  item      JSON, int32 tokens [cells], bytes of a state
 *     CANCEL    gateway  item      nothing
 *     STEP      engine   item      JSON, int32 answer [cells], float32 confidence [cells]
 *     DONE      engine   item      JSON, int32 question, int32 answer, float32 confidence [cells], bytes of a state: of
 *                                  each all or nothing, as the JSON says
 *     BACK      engine   item      nothing: it is not done and will not be here; give it to another. Item 0: no item,
 *                                  but from now on none is wanted, and the channel is to be closed after the last DONE
 *
 * JSON that has arrays behind it is preceded by its length as u32 and filled up with spaces, so that the arrays begin
 * at a multiple of four bytes. Numbers are in the order of the machine, as both sides are on it. Of each ITEM comes
 * exactly one DONE or BACK, or the channel ends. */
#ifndef TRM_SERVE_WORK_H
#define TRM_SERVE_WORK_H

#include <stddef.h>
#include <stdint.h>
#include <trm/solve.h>

#include "proc/frame.h"

enum trm__work_frame {
  TRM__WORK_CONFIG = TRM__FRAME_FREE,
  TRM__WORK_READY,
  TRM__WORK_UNREADY,
  TRM__WORK_ITEM,
  TRM__WORK_CANCEL,
  TRM__WORK_STEP,
  TRM__WORK_DONE,
  TRM__WORK_BACK
};

#define TRM__WORK_NAME 72           /* bytes of a model's name, NUL included */
#define TRM__WORK_PATH 1100         /* bytes of its file's path */
#define TRM__WORK_MODELS 16         /* of an engine, at most */
#define TRM__WORK_CELLS 65536       /* of a puzzle, at most */
#define TRM__WORK_STATE (12u << 20) /* bytes of a state, at most */

/* -- the engine's configuration ------------------------------------------------------------------------------------ */

typedef struct trm__work_model_file {
  char name[TRM__WORK_NAME], path[TRM__WORK_PATH];
  /* not told to the engine */
  char id[13]; /* that the file must have; "": any */
  int beside;  /* 1: an other version of a name; only who names its id gets it */
} trm__work_model_file;

typedef struct trm__work_config {
  char device[16]; /* "cpu", "cuda:1" */
  int threads;     /* 0: all cores */
  int batch;       /* puzzles at once; 0: 8, on a card 256 */
  int window;      /* items that the engine takes at once; 0: twice the batch */
  int solvers;     /* of a model beside its usual one, for items with options that need their own; 0: 3 */
  int sandbox;     /* TRM__SANDBOX_... (serve/sandbox.h); 0: none */
  int stall_s;     /* an item at work that makes no step for so long is stuck, and with it the engine; 0: 60 */
  int models;
  trm__work_model_file model[TRM__WORK_MODELS];
} trm__work_config;

/* -- what an engine has loaded ------------------------------------------------------------------------------------- */

typedef struct trm__work_model {
  char name[TRM__WORK_NAME];
  int loaded; /* 0: where and error say why it is not, and nothing else is set */
  char where[512], error[1024];
  char id[13];                     /* first 12 digits of the checksum; "" when the file has none */
  char checksum[65];               /* "" as before */
  char variant[24], recursion[24]; /* "raw", "ema" or ""; "trm" or "lattice" */
  trm_task task;
  int64_t cells, identifiers, parameters; /* S; rows of the puzzle embedding; weights */
  trm_solver_values values;               /* in force where an item does not say otherwise */
  int64_t search;                         /* usual budget in steps; 0: puzzles are one trajectory */
  int level;                              /* trm_search_level of it */
  char config[2048];                      /* the model's configuration, a JSON object */
  /* the gateway's own, never told */
  int slot;   /* a bit of the dispatcher's masks */
  int beside; /* as trm__work_model_file has it */
} trm__work_model;

typedef struct trm__work_ready {
  int window;  /* items that it takes at once, waiting ones included */
  int sandbox; /* the parts that it is in, as a mask */
  int threads;
  char device[64], isa[64];
  int models;
  trm__work_model *model; /* [models] */
} trm__work_ready;

/* -- one item of work ---------------------------------------------------------------------------------------------- */

typedef enum trm__work_kind {
  TRM__WORK_SOLVE,   /* tokens in, answer out; also one step of a session: its state in, its state out */
  TRM__WORK_HINT,    /* the next cell of the tokens */
  TRM__WORK_GENERATE /* a new puzzle of the model's task */
} trm__work_kind;

/* trm__work_default() sets what stands here; who submits changes what it knows better. Pointers are borrowed during the
 * call that takes the item. */
typedef struct trm__work {
  int kind;                   /* trm__work_kind */
  char model[TRM__WORK_NAME]; /* its name or its id */
  double deadline;            /* on trm_clock(); 0: none */
  int priority;               /* 0; TRM__WORK_PRIORITY at most, higher first */

  /* SOLVE. What `trm solve` does by default: rules end a puzzle where they are known, and search is usual; who turns
   * rules_halt off wants search 0 unless told otherwise, and an infinite threshold is halt 0. Not heeded: batch,
   * puzzles, dtype. Step limit, T, n, threshold, rules, search and start_noise are free; each other set of options is
   * a solver of its own, which the engine opens and keeps while it has room. */
  trm_solver_config solver;
  uint64_t number;    /* 0: the puzzle's number in its list, by which its random numbers are named; below 2^46 */
  int32_t identifier; /* 0 */
  int explain;        /* 1: its steps are told */
  int wants_state;    /* 1: the state after the last step of the plain trajectory */

  /* GENERATE, as trm_generate has it; beside solver.seed and number */
  trm_wanted wanted; /* progress NULL */

  const int32_t *tokens; /* [cells]; none for GENERATE */
  size_t cells;
  const void *state; /* bytes as of trm_state_bytes; NULL: none */
  size_t state_size;
} trm__work;

#define TRM__WORK_PRIORITY 100
trm__work trm__work_default(void);
/* The options of a solver that a request may give an item, with the defaults and bounds that they have here: for
 * requests and schemas. Who submits by itself is bound by trm_solver_options alone. */
const trm_option *trm__work_options(size_t *count);

/* One supervision step of an item with explain; pointers are valid during the callback. */
typedef struct trm__work_step {
  int step, chain; /* as trm_step has them */
  int halted, checked, correct;
  float q;
  size_t cells;
  const int32_t *answer;   /* [cells] */
  const float *confidence; /* [cells] */
} trm__work_step;

/* How an item ended; pointers are valid during the callback. */
typedef struct trm__work_done {
  trm_status status; /* TRM_OK: what follows is set. TRM_E_INPUT, ...: it was refused, and error says why */
  trm_error error;
  int kind;                 /* trm__work_kind */
  double seconds;           /* in the engine, from its first step (or the call) on */
  trm_solution solution;    /* SOLVE; cancelled or expired with 0 steps: there is no answer */
  int64_t search;           /* SOLVE: budget in force */
  int level;                /* SOLVE: trm_search_level in force */
  trm_solver_values values; /* SOLVE: in force */
  int solutions;            /* SOLVE: of the question, as trm_task_unique counts them within a bound */
  trm_hint_result hint;     /* HINT */
  size_t cells;
  const int32_t *question; /* [cells] GENERATE; else NULL */
  const int32_t *answer;   /* [cells] SOLVE, GENERATE; NULL: none */
  const float *confidence; /* [cells] SOLVE; NULL: not known */
  const void *state;       /* where it was wanted and a step was taken; else NULL */
  size_t state_size;
} trm__work_done;

/* -- the frames ---------------------------------------------------------------------------------------------------- */

/* The data of a frame; freed with trm__free. */
typedef struct trm__work_bytes {
  void *data;
  uint32_t size;
} trm__work_bytes;

trm_status trm__work_config_pack(const trm__work_config *config, trm__work_bytes *out, trm_error *err);
trm_status trm__work_ready_pack(const trm__work_ready *ready, trm__work_bytes *out, trm_error *err);
trm_status trm__work_item_pack(const trm__work *work, trm__work_bytes *out, trm_error *err);
trm_status trm__work_step_pack(const trm__work_step *step, trm__work_bytes *out, trm_error *err);
trm_status trm__work_done_pack(const trm__work_done *done, trm__work_bytes *out, trm_error *err);

/* TRM_E_INPUT for data that is not of this form. data stands at a multiple of four bytes; what is read points into it.
 */
trm_status trm__work_config_read(trm__work_config *config, const void *data, uint32_t size, trm_error *err);
trm_status trm__work_ready_read(trm__work_ready *ready, const void *data, uint32_t size, trm_error *err);
void trm__work_ready_free(trm__work_ready *ready); /* the models; accepts zeros */
trm_status trm__work_item_read(trm__work *work, const void *data, uint32_t size, trm_error *err);
trm_status trm__work_step_read(trm__work_step *step, const void *data, uint32_t size, trm_error *err);
trm_status trm__work_done_read(trm__work_done *done, const void *data, uint32_t size, trm_error *err);

#endif
