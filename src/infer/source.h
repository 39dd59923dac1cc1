/* Where the engine's puzzles come from and where their results go. A source is asked for one puzzle whenever a slot is
 * free and says "here is one", "none at the moment" or "no more"; so arrays, files, pipes and requests are all solved
 * by one loop, and nobody needs to know how many puzzles there are. */
#ifndef TRM_INFER_SOURCE_H
#define TRM_INFER_SOURCE_H

#include <trm/solve.h>

struct trm__example_stats;

typedef enum trm__source_answer {
  TRM__SOURCE_PUZZLE, /* here is a puzzle */
  TRM__SOURCE_NONE,   /* none at the moment: ask again after the next step */
  TRM__SOURCE_END     /* no more */
} trm__source_answer;

typedef struct trm__source {
  int64_t puzzles; /* how many it will give; negative: unknown */
  void *context;
  /* Fills tokens [S], labels [S] (only of a scored job) and *identifier of the next puzzle, whose number in this call
   * is `puzzle`: 0, 1, 2, ... They must be in the model's ranges (trm__engine_check_puzzle). With wait, nothing is at
   * work: the source blocks until it can say something else than NONE. It is not asked again after END. */
  trm__source_answer (*next)(void *context, int64_t puzzle, int wait, int32_t *tokens, int32_t *labels,
                             int32_t *identifier);
  /* A puzzle's last step: its answer, and its loss and metrics when scored (else NULL). Of a cancelled puzzle the
   * answer so far (NULL before its first step) and no stats. Puzzles leave in any order. */
  void (*leave)(void *context, int64_t puzzle, const int32_t *answer, const trm_solution *solution,
                const struct trm__example_stats *stats);
} trm__source;

/* trm_solve for a source. TRM_E_STOPPED when step or the solver's cancel marks ended it before the source did. */
trm_status trm__solve_source(trm_solver *solver, const trm__source *source, trm_step_fn step, void *context,
                             trm_error *err);

#endif
