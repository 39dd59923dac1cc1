/* Solving and evaluating: a solver holds a model on a runtime and improves answers one supervision step at a time, with
 * every step observable. */
#ifndef TRM_SOLVE_H
#define TRM_SOLVE_H

#include <stddef.h>
#include <stdint.h>
#include <trm/data.h>
#include <trm/model.h>
#include <trm/trm.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Number type of the network: the model's own forward_dtype, or another. */
typedef enum trm_solver_dtype {
  TRM_SOLVE_MODEL,
  TRM_SOLVE_FLOAT32,
  TRM_SOLVE_BFLOAT16,
  TRM_SOLVE_INT8
} trm_solver_dtype;

typedef struct trm_solver_config {
  uint32_t size;         /* set by trm_solver_config_default() */
  int64_t max_steps;     /* supervision steps at most; 0: the model's own, or 16 */
  int halt;              /* 1: a puzzle leaves when its halting logit exceeds halt_threshold */
  double halt_threshold; /* on the logit of q; 0 is a probability of one half, 2 of 0.88; NaN: the model's own */
  int dtype;             /* trm_solver_dtype */
  int64_t batch;         /* puzzles at once; 0: chosen from measured steps, results are the same */
  double damping;        /* of the latent, in place of the model's; negative: the model's */
  double start_noise;    /* deviation of the normal numbers added to z where a puzzle starts; 0: none */
  double latent_noise;   /* the same for z after each latent cycle */
  int64_t seed;          /* of the noise, which depends on the puzzle's index in the call and the step beside it */
  int64_t puzzles;       /* the most that a call will bring, so that no memory is taken for more; 0: unknown */
  int64_t H_cycles;      /* T, recursion cycles; 0: the model's own */
  int64_t L_cycles;      /* n, latent cycles; 0: the model's own */
  int rules_halt;     /* 1: where the task has rules that trm knows, a puzzle leaves when its answer keeps them and its
                         clues, and not before, whatever the halting head says; 0: rules are not asked */
  int change;         /* 1: trm_step.change is computed */
  double fixed_point; /* a puzzle leaves when its change is at most that; 0: it does not */
  int keep;           /* trm_keep */
  int stop_hopeless;  /* 1: a puzzle leaves when the model's bounds say that more steps do not help */
  int64_t parallel_latents; /* candidates of the state that each step is taken from, and that are merged after it; 1:
                               the state alone */
  int merge;                /* trm_merge: how they are */
  double latent_spread;     /* deviation of the noise by which their z differ; 0: they differ by damping */
  int64_t search;      /* network steps that all chains of a puzzle may take; 0: one trajectory; TRM_SEARCH_USUAL */
  int level;           /* trm_search_level */
  int64_t chains;      /* of a wave, side by side; 0: 8 */
  int64_t chain_steps; /* of a chain after the first, at most; 0: 4 with guesses, else max_steps */
  int64_t guesses;     /* cells that a chain of a search takes for clues from an earlier answer; -1: 3 */
  int64_t votes;       /* frames that vote, in place of a search; 1: none */
  int vote_by;         /* trm_vote */
  int64_t rollouts;    /* chains of each frame, which differ by noise; 1: none */
  double noise;        /* deviation of what chains after the first add to their start, beside start_noise; 0: none */
  int noise_control;   /* 1: a search whose answers are drawn from noise, without a network, to compare with */
  trm_judge *judge;    /* knows the rules of a task of which trm knows none; of the caller, outlives the solver, and may
                          be that of several; NULL: none. When it fails a call ends with what trm_judge_status says */
} trm_solver_config;

/* What becomes of the candidates of parallel latents. */
typedef enum trm_merge {
  TRM_MERGE_AVERAGE,
  TRM_MERGE_BEST,    /* the one with the largest q */
  TRM_MERGE_WEIGHTED /* their mean weighted by softmax(q) */
} trm_merge;

/* Which of a puzzle's answers is returned. */
typedef enum trm_keep {
  TRM_KEEP_LAST, /* that of the last step */
  TRM_KEEP_BEST  /* the one with the fewest faults (trm_task_faults), where rules are known, and of these the one with
                    the  largest q: it never gets worse over the steps */
} trm_keep;

/* Search, votes, rollouts. A puzzle is solved by chains, and the first is the plain trajectory. Every later one solves
 * an image of the puzzle under a random symmetry of its task (a *frame*), or begins from noise, or both, and its
 * answers are mapped back. In a search the first answer that keeps rules and clues ends it; when no step of the budget
 * is left the puzzle leaves with the answer that the network is surest of, which is not right. Rules only judge: an
 * answer is always the network's, unless the level says otherwise. Steps are counted as if the chains of a wave stepped
 * together, so that answers and counts depend on puzzle, seed and options alone (docs/solve.md). */
#define TRM_SEARCH_USUAL                                                                                               \
  (-1)                       /* where a task has symmetries and rules as many steps as TRM_SEARCH_WORK allows, else 0 */
#define TRM_SEARCH_OFF (-2)  /* of a puzzle: one trajectory */
#define TRM_SEARCH_WORK 50e9 /* operations of all steps of a puzzle: a second of one core, or less */
#define TRM_SEARCH_MOST 512  /* steps that are chosen for TRM_SEARCH_USUAL; more can be asked for */
#define TRM_CHAINS_MOST 1024 /* of a wave */
typedef enum trm_search_level {
  TRM_LEVEL_USUAL, /* C where rules are known, else B */
  TRM_LEVEL_A,     /* one trajectory as it is */
  TRM_LEVEL_B,     /* the first answer that the halting head says is right, also without `halt`; it may be wrong */
  TRM_LEVEL_C,     /* answers are checked by the rules: the network decides all else */
  TRM_LEVEL_D,     /* and guesses are, one by one */
  TRM_LEVEL_E      /* and rules fill in what follows from a guess: a hybrid, not the network alone */
} trm_search_level;
typedef enum trm_vote {
  TRM_VOTE_FIRST,     /* the first chain that the halting head says is right; of none the most confident */
  TRM_VOTE_CONFIDENT, /* the largest halting logit */
  TRM_VOTE_MAJORITY   /* the answer of most chains */
} trm_vote;
const trm_option *trm_solver_options(size_t *count);
trm_solver_config trm_solver_config_default(void); /* halting, and the model's own values */

/* A model's own values: which are in force, and where each comes from. An option wins, then what the model's file says,
 * then the default: 16 steps, T 3, n 6, a threshold of 0 (docs/solve.md). */
typedef enum trm_value_origin { TRM_VALUE_DEFAULT, TRM_VALUE_MODEL, TRM_VALUE_OPTION } trm_value_origin;
typedef struct trm_counted_value {
  int64_t value;
  int origin; /* trm_value_origin */
} trm_counted_value;
typedef struct trm_real_value {
  double value;
  int origin; /* trm_value_origin */
} trm_real_value;
typedef struct trm_solver_values {
  trm_counted_value max_steps, H_cycles, L_cycles;
  trm_real_value halt_threshold;
} trm_solver_values;
/* options NULL: none is given. TRM_E_USAGE with the field of one that is out of range. */
trm_status trm_model_values(const trm_model *model, const trm_solver_config *options, trm_solver_values *values,
                            trm_error *err);

/* Opens the model for such puzzles from the first of these folders that has one that fits, there the first by
 * trm_model_is_before. Files that are no models are passed over, and glob patterns in the folders'
 * names are followed. *files (NULL: skip) receives how many .safetensors files were seen, also with TRM_E_INPUT, when
 * none fits. */
trm_status trm_model_find(trm_model **out, const char *const *folders, size_t count, const trm_puzzle_kind *kind,
                          size_t *files, trm_error *err);

typedef struct trm_solver trm_solver;
/* runtime is borrowed; the model's weights are copied, so it may be closed. */
trm_status trm_solver_open(trm_solver **out, trm_runtime *runtime, const trm_model *model,
                           const trm_solver_config *config, trm_error *err);
/* The same with several models of the same puzzles, which vote: each gets as many chains of a puzzle as `votes` and
 * `rollouts` say, the first one's come first, and all have the values and options that the models have alone. A right
 * answer, or where rules are not asked `vote_by`, decides between them. There is no search then. TRM_E_INPUT, with the
 * file and what was found and expected, when they do not fit one another. */
#define TRM_VOTERS_MOST 64
trm_status trm_solver_open_voters(trm_solver **out, trm_runtime *runtime, const trm_model *const *models, int64_t count,
                                  const trm_solver_config *config, trm_error *err);
/* The solver of one of the models that vote, to be asked what it is and not to solve with; 0: the solver itself, NULL:
 * there are not so many. It lives as long as the solver. */
const trm_solver *trm_solver_voter(const trm_solver *solver, int64_t index);
void trm_solver_close(trm_solver **solver);                                /* accepts NULL; clears the pointer */
const trm_model_config *trm_solver_model_config(const trm_solver *solver); /* as it computes: n and T in force */
trm_solver_values trm_solver_get_values(const trm_solver *solver);
/* The search in force: its budget in steps, 0 where puzzles are one trajectory; of votes and rollouts that of them all.
 */
int64_t trm_solver_get_search(const trm_solver *solver);
int trm_solver_get_level(const trm_solver *solver); /* trm_search_level; A where there is no search */
/* The model's task from its metadata; inferred from shapes when the file has none. */
trm_status trm_model_task(const trm_model *model, trm_task *task, trm_error *err);
trm_status trm_solver_task(const trm_solver *solver, trm_task *task, trm_error *err);

/* Where a puzzle is in the engine while a callback tells of it: what trm_state_take needs. */
typedef struct trm_place trm_place;

/* One puzzle after one supervision step; pointers are valid during the callback. */
typedef struct trm_step {
  int64_t puzzle;          /* its number in the call: 0, 1, 2, ... as they entered */
  int step;                /* 1-based, of its chain; steps that its state had taken before are counted */
  const int32_t *answer;   /* [S] argmax tokens */
  const float *confidence; /* [S] probability of the argmax token, by the model's own loss */
  float q;                 /* halting logit */
  int halted;              /* this was its last step */
  const trm_place *place;  /* for trm_state_take; NULL in a chain after the first, whose state is of another frame */
  int checked;             /* 1: rules and clues were asked, as the puzzle heeds them */
  int correct;             /* 1: and the answer keeps them */
  int chain;               /* 1: the plain trajectory; more: a later chain of a search */
  float change;            /* |s - t| / |s|, s being y and z after the step and t before it; NaN: not computed */
} trm_step;
/* What the callback of a step answers. Puzzles that share a batch are reported in no particular order, the steps of
 * each in theirs. */
typedef enum trm_step_answer {
  TRM_STEP_ON = 0,
  TRM_STEP_STOP = 1,  /* the whole call ends with TRM_E_STOPPED (as with any other value that is not listed) */
  TRM_STEP_CANCEL = 2 /* this puzzle leaves with the answer it has; nothing changes for the others */
} trm_step_answer;
typedef int (*trm_step_fn)(void *context, const trm_step *step);

/* Marks that end work between two steps. Any thread may set them at any time, before or during a call, and they stay
 * set until trm_cancel_reset, which must not run at the same time as a call. */
typedef struct trm_cancel trm_cancel;
trm_status trm_cancel_open(trm_cancel **out, int64_t puzzles, trm_error *err); /* marks for indices 0..puzzles-1 */
void trm_cancel_close(trm_cancel **cancel);                                    /* accepts NULL; clears the pointer */
void trm_cancel_puzzle(trm_cancel *cancel, int64_t puzzle); /* as TRM_STEP_CANCEL; other indices are ignored */
void trm_cancel_all(trm_cancel *cancel);                    /* as TRM_STEP_STOP; safe in a signal handler */
void trm_cancel_reset(trm_cancel *cancel);
/* The solver's later calls obey these marks, which are borrowed; NULL: none. */
void trm_solver_set_cancel(trm_solver *solver, const trm_cancel *cancel);

/* What ended a puzzle, where it was not its step limit. */
typedef enum trm_halt {
  TRM_HALT_NONE,        /* nothing did: the step limit, or it was cancelled */
  TRM_HALT_HEAD,        /* its halting logit exceeds the threshold */
  TRM_HALT_RULES,       /* its answer keeps rules and clues */
  TRM_HALT_FIXED_POINT, /* its state hardly changes any more */
  TRM_HALT_HOPELESS     /* more steps are predicted not to help */
} trm_halt;
const char *trm_halt_name(trm_halt halt); /* "none", "head", "rules", "fixed_point", "hopeless"; never NULL */

typedef struct trm_solution {
  int steps;        /* of all chains; 0: cancelled before the first */
  int halted;       /* trm_halt */
  int cancelled;    /* 1: left before it was done */
  int expired;      /* 1: cancelled by its deadline */
  int refused;      /* 1: cancelled because it does not fit the model, and took no step */
  float q;          /* halting logit of the step whose answer it is */
  float confidence; /* sigmoid(q) */
  float least;      /* the least certain cell's confidence */
  int checked;      /* 1: the answer was judged by rules and clues, as the puzzle heeds them */
  int correct;      /* 1: and keeps them */
  int chain;        /* whose answer it is: 1 the plain trajectory's; 0: no step was taken */
  int chain_steps;  /* that chain took */
  int chains;       /* that were begun */
  int answer_step;  /* the step whose answer it is: steps, or an earlier one with TRM_KEEP_BEST */
  int voter;        /* whose answer it is of several models that vote; 0: the first */
} trm_solution;

/* inputs [n][S] tokens, identifiers [n] or NULL (zeros) -> answers [n][S], solutions [n] (NULL: skip). Results do not
 * depend on how puzzles are batched. TRM_E_INPUT for a token outside the vocabulary. On TRM_E_STOPPED, too, each puzzle
 * has its answer so far: what is not `cancelled` was finished. A puzzle without a step has its question as answer. */
trm_status trm_solve(trm_solver *solver, int64_t n, const int32_t *inputs, const int32_t *identifiers, int32_t *answers,
                     trm_solution *solutions, trm_step_fn step, void *context, trm_error *err);

/* -- states -------------------------------------------------------------------------------------------------------- */

/* A puzzle outside the engine, after any of its steps: question, answer, latent and what else its next step depends
 * on. Put back in any slot of any solver of the same model and number type, the puzzle goes on with the same bits as if
 * it had stayed, unless its clues were changed. A state never changes; threads may share one. */
typedef struct trm_state trm_state;

/* The state of the puzzle that a step or leave callback tells of, during that callback. The caller closes it.
 * TRM_E_USAGE when place is NULL: the puzzle left before its first step. */
trm_status trm_state_take(const trm_place *place, trm_state **out, trm_error *err);
void trm_state_close(trm_state **state); /* accepts NULL; clears the pointer */

/* What a state holds; pointers are valid until it is closed. */
typedef struct trm_state_info {
  int64_t cells;           /* S */
  int64_t steps;           /* supervision steps taken */
  int32_t identifier;      /* the puzzle's row of the puzzle embedding */
  float q;                 /* halting logit of the last step */
  uint64_t noise_name;     /* as trm_puzzle's */
  const int32_t *question; /* [S] */
  const int32_t *answer;   /* [S] of the last step */
  const float *confidence; /* [S] */
  const char *model;       /* the checksum of its model, 64 digits: trm_model_get_checksum */
} trm_state_info;
trm_state_info trm_state_describe(const trm_state *state);

/* One file a state, written atomically. Loading gives TRM_E_INPUT for a file that is damaged or not a state. Whether a
 * solver takes it is found when it is put back. */
trm_status trm_state_save(const trm_state *state, const char *path, trm_error *err);
trm_status trm_state_load(trm_state **out, const char *path, trm_error *err);

/* The bytes of that file, for programs that keep or send states themselves; valid until the state is closed. */
const void *trm_state_bytes(const trm_state *state, size_t *size);
trm_status trm_state_from_bytes(trm_state **out, const void *bytes, size_t size, trm_error *err);

/* TRM_E_INPUT, with what was found and expected, unless the solver can go on from the state. */
trm_status trm_state_check(const trm_state *state, const trm_solver *solver, trm_error *err);

/* -- sources ------------------------------------------------------------------------------------------------------- */

/* A puzzle as a source gives it. trm_puzzle_default() sets the values that stand here, of which a source changes what
 * it knows better; most set only the tokens. */
typedef struct trm_puzzle {
  uint32_t size;          /* set by trm_puzzle_default() */
  int32_t *tokens;        /* [S]: a buffer to be filled, or the source's own, which stays as it is until next is called
                             again or the puzzle leaves */
  int32_t identifier;     /* 0 */
  int64_t max_steps;      /* 0: the solver's. Steps that its state has taken are counted */
  int latent_cycles;      /* n; 0: the solver's */
  int recursion_cycles;   /* T; 0: the solver's */
  double halt_threshold;  /* NaN: the solver's; infinity: it does not halt */
  uint64_t noise_name;    /* TRM_NOISE_UNNAMED: its state's, or its number in the call. Less than 2^46; the same seed,
                             name and step have the same noise */
  double deadline;        /* on trm_clock(); 0: none. After it the puzzle leaves with the answer it has */
  int priority;           /* 0. Of puzzles that wait, higher ones go on first */
  const trm_state *state; /* NULL: it starts afresh. Borrowed as long as the tokens, which may differ from the state's
                             question: then its clues have changed */
  trm_step_fn watch;      /* NULL. Called after each step of this puzzle, after the call's own callback; any answer but
                             TRM_STEP_ON cancels this puzzle alone */
  void *watch_context;
  void *tag;          /* NULL; the source's own, handed back with the puzzle */
  int rules;          /* trm_rules; without effect where the task has none */
  double start_noise; /* NaN: the solver's */
  int64_t search; /* steps of all chains; 0: the solver's; TRM_SEARCH_OFF. Without effect where the solver has none */
} trm_puzzle;
/* Whether rules end a puzzle, as rules_halt of the configuration has it. */
typedef enum trm_rules {
  TRM_RULES_SOLVER, /* as the solver's configuration says */
  TRM_RULES_HALT,
  TRM_RULES_IGNORE
} trm_rules;
#define TRM_NOISE_UNNAMED UINT64_MAX
trm_puzzle trm_puzzle_default(void);

typedef enum trm_source_answer {
  TRM_SOURCE_PUZZLE, /* here is a puzzle */
  TRM_SOURCE_NONE,   /* none at the moment: ask again after the next step */
  TRM_SOURCE_END     /* no more; it is not asked again */
} trm_source_answer;

/* A puzzle that leaves; pointers are valid during the callback. */
typedef struct trm_leave {
  int64_t puzzle;        /* its number in the call */
  void *tag;             /* as its source gave it */
  const int32_t *answer; /* [S]; NULL when it took no step in this call */
  const trm_solution *solution;
  const trm_error *error; /* why it was refused, else NULL */
  const trm_place *place; /* for trm_state_take; NULL when it took no step in this call, or a chain after the first */
} trm_leave;

/* Where puzzles come from and where their results go: arrays, files, pipes, requests, a search. All functions are
 * called on the thread of trm_solve_source, one at a time. */
typedef struct trm_source {
  uint32_t size;   /* set by trm_source_default() */
  int64_t puzzles; /* how many it will give; negative: unknown */
  void *context;
  /* Fills *puzzle, whose number in this call is `number`: 0, 1, 2, ... With wait, no puzzle is at work: the source
   * blocks until it can say something else than NONE (which then counts as END). It must not use the solver. */
  trm_source_answer (*next)(void *context, int64_t number, int wait, trm_puzzle *puzzle);
  /* NULL, or whether a puzzle at work is wanted no more: asked between two steps. */
  int (*cancelled)(void *context, int64_t number, void *tag);
  /* Every puzzle that next gave leaves exactly once, in any order. */
  void (*leave)(void *context, const trm_leave *leave);
} trm_source;
trm_source trm_source_default(void); /* no functions; puzzles -1 */

/* Solves the puzzles of a source until it ends. A puzzle that does not fit the model is refused: it leaves at once, and
 * the others go on. TRM_E_STOPPED when step (NULL: none) or the solver's cancel marks ended the call before the source
 * did. Whatever is returned, every puzzle that was given has left. */
trm_status trm_solve_source(trm_solver *solver, const trm_source *source, trm_step_fn step, void *context,
                            trm_error *err);

/* -- a queue: a source that other threads fill --------------------------------------------------------------------- */

/* Puzzles wait in the queue by priority, equal ones in the order in which they came. Every function but close may be
 * called by any thread at any time. */
typedef struct trm_queue trm_queue;

/* Called on the solving thread for each puzzle that was accepted, once; ticket as trm_queue_push gave it, leave->puzzle
 * the same. */
typedef void (*trm_queue_leave_fn)(void *context, const trm_leave *leave);

/* capacity: puzzles that wait at most. solver is borrowed, for its sizes. */
trm_status trm_queue_open(trm_queue **out, const trm_solver *solver, int64_t capacity, trm_queue_leave_fn leave,
                          void *context, trm_error *err);
/* Accepts NULL; clears the pointer. No thread may use the queue any more. What still waits leaves cancelled. */
void trm_queue_close(trm_queue **queue);

/* Copies puzzle and its tokens; its state must live until the puzzle has left. Of an unnamed noise the ticket is the
 * name. TRM_E_BUSY when capacity puzzles wait or after trm_queue_end; TRM_E_INPUT when it does not fit the solver's
 * model. *ticket (NULL: skip): 0, 1, 2, ... of this queue. */
trm_status trm_queue_push(trm_queue *queue, const trm_puzzle *puzzle, int64_t *ticket, trm_error *err);
/* It leaves as soon as the engine can let it, waiting or at work; unknown tickets are ignored. */
void trm_queue_cancel(trm_queue *queue, int64_t ticket);
int64_t trm_queue_waiting(trm_queue *queue);
void trm_queue_end(trm_queue *queue); /* no more puzzles: solving ends when all have left */
/* Solves until trm_queue_end and all have left, or until stopped: then what waits stays. While nothing is there it
 * sleeps, and a push or the end wakes it; trm_cancel_all alone does not. One call at a time. */
trm_status trm_queue_solve(trm_queue *queue, trm_solver *solver, trm_error *err);

/* -- hints --------------------------------------------------------------------------------------------------------- */

/* The next cell of a puzzle that a person works on: first what logic alone gives (trm_task_hint). Where that ends, the
 * network takes a few supervision steps, and its most certain empty cell is taken, unless the exact solver finds it
 * wrong within a bound; then the next one. solver NULL: only logic; its model must be of the task's cells and tokens,
 * or of a larger grid that it fits (trm_task_fits). TRM_E_INPUT when the question contradicts itself or has no or,
 * where one is wanted, several solutions. */
trm_status trm_hint(trm_solver *solver, const trm_task *task, const int32_t *question, trm_hint_result *hint,
                    trm_error *err);

/* What the last call of a solver did and what it cost. */
typedef enum trm_batch_origin {
  TRM_BATCH_GIVEN,   /* by the configuration */
  TRM_BATCH_USUAL,   /* a fixed size, as the job was too small to measure */
  TRM_BATCH_MEASURED /* chosen from measured steps */
} trm_batch_origin;
#define TRM_SOLVE_COSTS 16
typedef struct trm_solve_cost {
  int64_t batch;
  double seconds; /* the least that a round of batch puzzles took */
} trm_solve_cost;
typedef struct trm_solve_stats {
  int64_t puzzles;  /* that took a step */
  int64_t steps;    /* supervision steps taken, summed over puzzles */
  int64_t computed; /* supervision steps computed; equal to steps, as no empty slot is ever computed */
  int64_t rounds;   /* times the network ran, for up to batch puzzles each */
  int64_t full;     /* rounds of exactly batch puzzles, after batch was chosen */
  int64_t batch;    /* puzzles a round */
  int origin;       /* trm_batch_origin */
  double seconds;
  double predicted; /* seconds of a round of batch puzzles, when batch was chosen; 0: unknown */
  double measured;  /* their mean in the full rounds; 0: unknown */
  int costs;        /* sizes measured so far, in this call or an earlier one */
  trm_solve_cost cost[TRM_SOLVE_COSTS];
} trm_solve_stats;
trm_solve_stats trm_solver_last_stats(const trm_solver *solver); /* zeros before the first call */

#define TRM_EVAL_BANDS 6
typedef struct trm_eval_band {
  double low, high; /* rating in [low, high] */
  int64_t puzzles, exact;
} trm_eval_band;

#define TRM_EVAL_METRICS 4
/* What a kind's answers are counted by besides being exact: of mazes "optimal", a shortest path and nothing beside it,
 * and "connected", a path at all. */
typedef struct trm_eval_metric {
  const char *name; /* a static string */
  int64_t puzzles;
  double interval_low, interval_high; /* Wilson, 95 % */
} trm_eval_metric;

typedef struct trm_eval_result {
  int64_t puzzles, exact, tokens, right_tokens; /* labelled tokens */
  double exact_accuracy, token_accuracy;        /* fractions */
  double interval_low, interval_high;           /* Wilson, 95 % */
  double mean_steps;
  double lm_loss; /* mean over puzzles */
  int64_t said_right_is_right, said_right_is_wrong, said_wrong_is_right,
      said_wrong_is_wrong;              /* halting head, last step */
  double halt_precision, halt_recall;   /* of "right"; NaN when undefined */
  double wrong_precision, wrong_recall; /* of "wrong" */
  int bands;                            /* 0 without ratings */
  trm_eval_band band[TRM_EVAL_BANDS];
  double seconds;
  trm_solve_stats stats;
  /* Of a solver that searches or votes, else zeros. An answer is claimed when rules say that it is right, or, where
   * they are not asked, the halting head; the others are "don't know". */
  int level;                                       /* trm_search_level; USUAL: no search */
  int64_t claimed_right, claimed_wrong, dont_know; /* right: as labelled, or by the rules of a kind with many answers */
  double steps_median, steps_p90, steps_right_mean; /* of all chains of a puzzle; the mean over those claimed right */
  int metrics;                                      /* 0 for most kinds */
  trm_eval_metric metric[TRM_EVAL_METRICS];
} trm_eval_result;

/* Solves every example of the dataset. limit 0: all. progress is called after every round of steps. TRM_E_INPUT when
 * dataset and model do not fit. *result is written on success, and on TRM_E_STOPPED about the puzzles that were
 * finished; cancelled ones are not counted. */
trm_status trm_evaluate(trm_solver *solver, const trm_dataset *dataset, int64_t limit, trm_eval_result *result,
                        trm_progress_fn progress, void *context, trm_error *err);

/* -- what became of each puzzle of an evaluation ------------------------------------------------------------------- */

/* Of the puzzles that were finished, in the order of the dataset, which is borrowed. One call at a time. */
typedef struct trm_predictions trm_predictions;
typedef struct trm_prediction {
  int64_t example;         /* its number in the dataset: 0, 1, 2, ... */
  const int32_t *question; /* [S]; this and the others are valid until the next call */
  const int32_t *labels;   /* [S] the right answer as the dataset has it; -100 where not scored */
  const int32_t *answer;   /* [S] the model's */
  int64_t cells, wrong;    /* scored; of these, where answer and label differ */
  int exact;               /* 1: none does */
  double rating;           /* NaN: none */
  trm_solution solution;
  trm_task_verdict verdict; /* of the task's own rules, which may allow other answers than the dataset's */
} trm_prediction;

/* trm_evaluate that keeps what became of each puzzle: 4 S bytes and a trm_solution. *out, which the caller closes, is
 * written where *result is, on TRM_E_STOPPED too. out NULL: as trm_evaluate. */
trm_status trm_evaluate_each(trm_predictions **out, trm_solver *solver, const trm_dataset *dataset, int64_t limit,
                             trm_eval_result *result, trm_progress_fn progress, void *context, trm_error *err);
void trm_predictions_close(trm_predictions **predictions); /* accepts NULL; clears the pointer */
int64_t trm_predictions_count(const trm_predictions *predictions);
/* index: 0 to trm_predictions_count - 1. */
trm_prediction trm_predictions_at(trm_predictions *predictions, int64_t index);
/* The indices [at most most] of those that are not exact, worst first: wrong answers before answers that keep rules and
 * clues and are others than the dataset's; of each the larger q, of which the model was surer; then more wrong cells;
 * then as they stand in the dataset. *count: how many. TRM_E_MEMORY. */
trm_status trm_predictions_worst(trm_predictions *predictions, int64_t most, int64_t *indices, int64_t *count,
                                 trm_error *err);
/* One line a puzzle, JSON or, where the file's name ends in .csv, CSV with a header: docs/files.md has the fields. The
 * file is written whole or not at all. TRM_E_USAGE for the name of another format. */
trm_status trm_predictions_write(trm_predictions *predictions, const char *path, trm_error *err);
trm_status trm_predictions_check_path(const char *path, trm_error *err); /* that TRM_E_USAGE, told before the work */
/* A line of that file as JSON without its end. Returns its length as snprintf does; 0 without memory. */
size_t trm_predictions_json(trm_predictions *predictions, int64_t index, char *text, size_t size);

/* Chooses a halting threshold for the model as it is solved here, on the first examples of the dataset (limit 0: all;
 * never more than some thousand), which must be neither of training nor of a test: trm_halting_choice says how. The
 * solver must be one with halt = 0. Nothing is written; trm_model_convert does that. progress as in trm_evaluate; when
 * it or a cancel mark ends the call (TRM_E_STOPPED), nothing is chosen. */
trm_status trm_choose_threshold(trm_solver *solver, const trm_dataset *dataset, int64_t limit,
                                trm_halting_choice *choice, trm_progress_fn progress, void *context, trm_error *err);

#ifdef __cplusplus
}
#endif
#endif
