/* What the gateway and its engines say to each other: the frames of their channel (proc/frame.h), written and read here
 * alone. Both sides are of one build, so that the form may change with any build; all the same a reader takes nothing
 * on trust: sizes, types, ranges and tokens are checked, and an unknown key is an error.
 *
 *     type      from     request   data
 *     CONFIG    gateway  -         JSON {device, threads, batch, models: [{name, path}]}
 *     READY     engine   -         JSON {window, device, isa, threads, models: [{name, ...} or {name, where, error}]}
 *     UNREADY   engine   -         the same, when none of the models could be loaded
 *     BEAT      engine   -         nothing: the engine has items, and they move
 *     WORK      gateway  item      u32 bytes of the JSON, JSON, int32 tokens [cells], bytes of a state
 *     CANCEL    gateway  item      nothing
 *     BEGUN     engine   item      nothing: it is at work from now on
 *     STEP      engine   item      u32, JSON, int32 answer [cells], float32 confidence [cells]
 *     DONE      engine   item      u32, JSON, int32 question and answer [cells] each or nothing, float32 confidence
 *                                  [cells] or nothing, bytes of a state or nothing
 *     BACK      engine   item      nothing: it is not done and will not be here; give it to another
 *
 * Numbers are little-endian. Of each WORK comes exactly one DONE or BACK, or the channel ends. */
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
  TRM__WORK_BEAT,
  TRM__WORK_ITEM,
  TRM__WORK_CANCEL,
  TRM__WORK_BEGUN,
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
} trm__work_model_file;

typedef struct trm__work_config {
  char device[16]; /* "cpu", "cuda:1" */
  int threads;     /* 0: all cores */
  int64_t batch;   /* puzzles at once; 0: measured */
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
} trm__work_model;

typedef struct trm__work_ready {
  int window; /* items that it takes at once, waiting ones included */
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
  trm__work_kind kind;
  char model[TRM__WORK_NAME]; /* its name or its id */
  double deadline;            /* on trm_clock(); 0: none */
  int priority;               /* 0; -100 to 100, higher first */

  /* SOLVE; the puzzle's own values where they are given, else the model's */
  int64_t max_steps;     /* 0. Steps that the state has taken are counted */
  int64_t L_cycles;      /* n; 0 */
  int64_t H_cycles;      /* T; 0 */
  double halt_threshold; /* NaN; infinity: it does not halt */
  int rules;             /* trm_rules; TRM_RULES_SOLVER: where rules are known they end it */
  int64_t search;        /* TRM_SEARCH_USUAL, TRM_SEARCH_OFF, or steps of all chains */
  int level;             /* trm_search_level */
  int64_t votes;         /* 1 */
  int vote_by;           /* trm_vote */
  int64_t seed;          /* 0; of noise and frames */
  uint64_t number;       /* 0: the puzzle's number in its list, by which its random numbers are named */
  int32_t identifier;    /* 0 */
  int explain;           /* 1: its steps are told */
  int wants_state;       /* 1: the state after the last step of the plain trajectory */

  /* GENERATE: as trm_generate has them; seed and number stand above */
  trm_wanted wanted; /* progress NULL */

  const int32_t *tokens; /* [cells]; none for GENERATE */
  size_t cells;
  const void *state; /* bytes as of trm_state_bytes; NULL: none */
  size_t state_size;
} trm__work;

trm__work trm__work_default(void);

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
  trm__work_kind kind;
  double seconds;           /* in the engine, from its first step (or the call) on */
  trm_solution solution;    /* SOLVE; cancelled or expired with 0 steps: there is no answer */
  int64_t search;           /* SOLVE: budget in force */
  int level;                /* SOLVE: trm_search_level in force */
  trm_solver_values values; /* SOLVE: in force */
  trm_hint_result hint;     /* HINT */
  size_t cells;
  const int32_t *question; /* [cells] GENERATE; else NULL */
  const int32_t *answer;   /* [cells] SOLVE, GENERATE; NULL: none */
  const float *confidence; /* [cells] SOLVE; NULL: not known */
  const void *state;       /* where it was wanted and a step was taken; else NULL */
  size_t state_size;
} trm__work_done;

#endif
