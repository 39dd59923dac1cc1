/* The engine: a fixed number of slots over one network. A puzzle enters a free slot between two supervision steps and
 * leaves as soon as it halts or reaches the step limit; its place is taken at once, so easy puzzles never wait for hard
 * ones. Solving and evaluating are both a job for this one loop, and a job's puzzles come from a source
 * (infer/source.h). */
#ifndef TRM_INFER_ENGINE_H
#define TRM_INFER_ENGINE_H

#include <stdatomic.h>
#include <trm/solve.h>

#include "backend/runtime.h"
#include "base/sha256.h"
#include "infer/batch.h"
#include "infer/best.h"
#include "infer/events.h"
#include "infer/halt.h"
#include "model/network.h"

#define TRM__NO_STEPS "is a lattice model, which has no supervision steps, and these are needed here"

/* What a slot holds between steps. */
typedef struct trm__slot {
  int64_t puzzle; /* its number in the call; negative: it has left */
  int64_t steps;  /* supervision steps taken */
  int64_t max_steps;
  int n, T;     /* latent and recursion cycles of its steps */
  int rules;    /* 1: it heeds them */
  int faults;   /* of its last step, where rules are asked; negative: they could not be */
  float change; /* of its last step; NaN: not computed */
  trm__best best;
  int last;      /* 1: its last step was its last */
  trm_halt halt; /* why, where that was not the limit */
  int32_t identifier;
  int priority;
  double start_noise; /* deviation */
  double threshold;   /* of the halting logit; infinity: it does not halt */
  double deadline;    /* 0: none */
  uint64_t noise_name;
  trm_step_fn watch;
  void *watch_context, *tag;
  trm__inference inference; /* for its events */
} trm__slot;

/* What one call does with the puzzles of a source. */
typedef struct trm__job {
  trm_source source;
  trm_step_fn step; /* NULL: none */
  void *step_context;
  trm_progress_fn progress; /* after every round; NULL: none. The source's number of puzzles is known then */
  void *progress_context;
  /* A scored job (NULL: no job is): fills labels [S] of the puzzle that the source has just given; and gets its loss
   * and metrics right before it leaves, unless it is cancelled. The context is the source's. */
  void (*labels)(void *context, int64_t puzzle, int32_t *labels);
  void (*score)(void *context, int64_t puzzle, const trm_solution *solution, const trm__example_stats *stats);
  /* NULL, or which number a puzzle has in events, where it is not that of the call: a search's chains have that of
   * their puzzle. */
  int64_t (*event_number)(void *context, void *tag);
} trm__job;

/* Where a puzzle is that a callback tells of: its slot. */
struct trm_place {
  trm_solver *solver;
  int slot;
};

/* The state of one call. Puzzles are in the first `active` slots, and a round computes one step of the first `width` of
 * them at most. Active slots beyond the width, which has shrunk then, are parked: they wait with what their last step
 * gave until a place is free, higher priorities first, and nobody else enters before. When a callback of a step or of
 * progress is called,
 *  1. 1 <= width <= slots, and the round that has just been computed was of the first `round` <= active <= slots;
 *  2. active slots hold different puzzles below next, or none (-1) where one left after this round: those gaps are
 *     closed before the next round;
 *  3. every puzzle below next has either left, once, or is in an active slot: next = left + puzzles in slots;
 *  4. every puzzle in a slot has taken a step in this call, and with those of its state at most its max_steps; where
 *     it heeds rules and they hold, it was its last;
 *  5. no slot was computed without a puzzle: stats.computed = stats.steps;
 *  6. logits_host and q_host of an active slot are of its puzzle's last step, parked or not (scores_host is read right
 *     after the round that wrote it, and of no parked puzzle);
 *  7. the slots of a round were computed with their own n and T: neighbours with the same as one batch;
 *  8. the source has not been asked after it said END, and was asked to wait only when no slot held a puzzle. */
typedef struct trm__engine {
  trm_solver *solver;
  const trm__job *job;
  size_t S, V, state; /* tokens, vocabulary, bytes of one example's y */
  int active;         /* slots with a puzzle */
  int width;          /* puzzles of a round at most */
  int largest;        /* size up to which step times are still measured; 0: width is final */
  int round;          /* puzzles of the last round */
  int warm;           /* width whose first round, in which a device loads kernels, is over */
  double work;        /* a puzzle's mean work in the last round, against one of the solver's own n and T */
  int ended;          /* the source has no more */
  int asked;          /* the source has none at the moment, as it said since the last round */
  int64_t next, left; /* next puzzle to enter; puzzles that left */
  trm_place place;    /* of the puzzle that a callback is told of */
  int64_t call;       /* number of this call in events */
  double seconds;     /* of the last round */
} trm__engine;

struct trm_cancel {
  atomic_int all;
  int64_t puzzles;
  atomic_uchar *puzzle; /* [puzzles] */
};

struct trm_solver {
  trm__backend *backend;    /* of the runtime, borrowed */
  trm_solver_config config; /* step limit and threshold are those in force */
  trm_solver_values values;
  trm_model_config model; /* n and T are those in force */
  trm_loss_type loss;     /* the model's: of confidences and of the loss */
  trm__params params;
  trm__network *network;          /* NULL of a lattice model, which has the next one */
  struct trm__deducer *deducer;   /* infer/lattice/deducer.h */
  struct trm__search *search;     /* NULL: puzzles are one trajectory (infer/search/search.h) */
  trm_solver **voter;             /* [voters]: of the models that vote beside it, its own; they have no search */
  int voters;
  trm_task task;                  /* whose rules halt */
  int has_rules;                  /* 1: it has some */
  trm_hopeless hopeless;          /* the model's; none unless they are asked for */
  char *task_text;                /* trm.task of the model file, or NULL */
  char checksum[TRM__SHA256_HEX]; /* of the model, for states */
  char *path;                     /* of the model file, for messages */
  int slots;
  const trm_cancel *cancel; /* borrowed, NULL: none */
  trm__batch_costs costs;   /* of a step, measured in any call */
  trm_solve_stats stats;    /* of the last call */
  trm__engine engine;       /* of the call at work */
  double (*clock)(void);    /* trm__clock; tests put a false one here */
  trm__real *puzzle_rows;   /* [identifiers][emb_ndim] on the host, NULL without a prefix */

  /* on the device */
  trm__real *start;                    /* [2][D] */
  trm__act *y, *z;                     /* [slots][L][D] */
  trm__real *rows;                     /* [slots][emb_ndim], NULL without a prefix */
  int32_t *tokens;                     /* [slots][S] */
  int32_t *labels;                     /* [slots][S], for the loss */
  trm__real *logits;                   /* [slots][S][V] */
  trm__real *q;                        /* [slots][2] */
  uint8_t *starts;                     /* [slots]: copy of fresh */
  uint64_t *noise_index;               /* [slots]: copy of noise_name */
  trm__act *was_y, *was_z;             /* [slots][L][D] before the step; NULL unless changes are computed */
  trm__act *candidate_y, *candidate_z; /* [K][slots][L][D] of parallel latents; NULL without */
  trm__real *candidate_q;              /* [K][slots] */
  double *moved;                       /* [2][slots][2]: of y, then of z, as backend distance has it; NULL as before */
  trm__example_stats *scores;          /* [slots] */

  /* on the host */
  trm__slot *slot;                     /* [slots] */
  uint8_t *fresh;                      /* [slots]: 1 where the puzzle has just entered and has no state yet */
  uint8_t *marked;                     /* [slots]: room to work in */
  int32_t *question;                   /* [slots][S]: what answers are judged by; NULL without rules */
  uint64_t *noise_name;                /* [slots]: of the puzzle's noise in this step */
  int32_t *token_host;                 /* [S] of the puzzle that enters */
  int32_t *label_host;                 /* [S] */
  int32_t *answer, *best_answer;       /* [S] of the puzzle that is reported: of its last step, and the best */
  float *confidence, *best_confidence; /* [S] */
  trm__real *logits_host;              /* [slots][S][V] */
  trm__real *q_host;                   /* [slots][2] */
  trm__example_stats *scores_host;     /* [slots]: copy of scores */
  trm__real *best_logits;              /* [slots][S][V] of the best answers; NULL when the last is kept */
  trm__example_stats *best_scores;     /* [slots]; NULL as before */
  trm__real *candidate_q_host;         /* as candidate_q */
  double *moved_host;                  /* copy of moved; NULL as it */
};

/* The caller's configuration, checked, with the defaults of what it lacks. */
trm_status trm__solver_config_read(trm_solver_config *whole, const trm_solver_config *config, trm_error *err);
/* As trm_solver_open with a whole configuration, for a solver beside which voters - 1 others will vote. */
trm_status trm__solver_open(trm_solver **out, trm_runtime *runtime, const trm_model *model,
                            const trm_solver_config *config, int voters, trm_error *err);
/* 0: the solver itself. */
static inline trm_solver *trm__solver_voter(trm_solver *solver, int voter) {
  return voter ? solver->voter[voter - 1] : solver;
}

/* 1: rules are asked of slot i's answers, as it heeds them or the best is kept. */
static inline int trm__engine_asks(const trm_solver *s, const trm__slot *slot) {
  return slot->rules || (s->has_rules && s->config.keep == TRM_KEEP_BEST);
}

/* Runs the job to its end, or until step, progress or the solver's cancel marks stop it (TRM_E_STOPPED). What does not
 * fit is refused. Fills solver->stats. */
trm_status trm__engine_run(trm_solver *solver, const trm__job *job, trm_error *err);

/* The same with several engines, each with a job of its own, which take their rounds in turn: those of a search over
 * models that vote. A source is asked to wait only when no engine holds a puzzle, and when one call stops, all do. The
 * verdict is that of the first job. */
trm_status trm__engine_run_together(trm_solver *const *solvers, const trm__job *jobs, int count, trm_error *err);

/* The parts of that. begin: nothing has entered; call: its number in events. fill: gives the places of puzzles that left
 * to parked ones, then to new ones, and closes the gaps that remain; wait: as a source is asked when nobody is at work.
 * round: a step of the puzzles at work, of which there is one or more; *stop is set when the call is to end. end: all
 * leave that are still there, after a failure of the device without an answer. */
void trm__engine_begin(trm_solver *solver, const trm__job *job, int64_t call);
void trm__engine_fill(trm__engine *engine, int wait);
trm_status trm__engine_round(trm__engine *engine, int *stop, trm_error *err);
void trm__engine_end(trm__engine *engine, int failed);

/* The first of the conditions 1 to 5 that does not hold, or NULL: from a step or progress callback, or right after a
 * round was reported, when builds with tests ask it. */
const char *trm__engine_check(const trm_solver *solver);

#endif
