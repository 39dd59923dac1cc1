/* What a solver's configuration asks of a search, resolved once: which chains a puzzle gets, and what decides. */
#ifndef TRM_INFER_SEARCH_PLAN_H
#define TRM_INFER_SEARCH_PLAN_H

#include <trm/solve.h>

typedef struct trm__plan {
  int on;         /* 0: a puzzle is one trajectory, and there is no search */
  int64_t budget; /* counted steps of a puzzle's chains */
  int64_t start;  /* steps of a chain of the first wave */
  int64_t limit;  /* of a chain after it */
  int side;       /* chains of a wave after the first */
  int first;      /* chains of the first wave: 1, or all votes */
  int voters;     /* models that vote; 1: there is but one */
  int share;      /* votes of each */
  int repeats;    /* chains of one frame, which differ by noise */
  int votes;      /* 1: the chains of the first wave vote, and there is no other wave */
  int by;         /* trm_vote */
  int level;      /* trm_search_level */
  int judged;     /* 1: rules say when an answer is right; 0: the halting head does */
  int guesses;    /* cells that a chain after the first wave takes for clues */
  int framed;     /* 1: chains have frames of their own */
  double noise;   /* deviation of what a chain after the first adds to its start; 0: none */
  int control;    /* 1: answers are drawn from noise, and no network runs */
} trm__plan;

/* step_work: operations of a network step; voters: models. TRM_E_USAGE with the field of what cannot be. */
trm_status trm__plan_make(trm__plan *plan, const trm_solver_config *config, const trm_task *task, int64_t max_steps,
                          double step_work, int voters, trm_error *err);
/* Whether the lattice recursion is for such a task: its cells hold one of some values or a blank, partial answers can
 * be checked, and symmetries are known. */
int trm__lattice_fits(const trm_task *task);
/* The same for a lattice model, whose steps are passes: chains side by side from the first wave on, each until the
 * budget is spent. */
trm_status trm__plan_make_lattice(trm__plan *plan, const trm_solver_config *config, const trm_task *task,
                                  int64_t max_steps, trm_error *err);
/* The widest wave of the plan. */
int trm__plan_most(const trm__plan *plan);

#endif
