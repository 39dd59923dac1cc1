/* ARC: what a model makes of tasks by letting their images vote, as the original implementation does. An answer to an
 * image is cropped and turned back, and of the answers to a test those come first that most images gave, and of these
 * the ones that the halting head is surer of. The dataset is trm_data_arc's (trm/data.h), or the original's. */
#ifndef TRM_ARC_H
#define TRM_ARC_H

#include <stddef.h>
#include <stdint.h>
#include <trm/data.h>
#include <trm/solve.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The side of the square that the grids of a task of kind arc stand in; 0 for one of another kind. */
int trm_arc_side(const trm_task *task);

/* The answers to all tests of a dataset, counted. It never changes. */
typedef struct trm_arc_votes trm_arc_votes;

/* Solves every example of the dataset, which is the test split of the folder at path; identifiers.json and
 * test_puzzles.json are read there. TRM_E_INPUT names file and field where these and the arrays do not fit each other,
 * or the model does not know an identifier. After TRM_E_STOPPED nothing is counted. */
trm_status trm_arc_vote(trm_arc_votes **out, trm_solver *solver, const trm_dataset *dataset, const char *path,
                        trm_progress_fn progress, void *context, trm_error *err);
void trm_arc_votes_close(trm_arc_votes **votes); /* accepts NULL; clears the pointer */

/* Scores. A task is scored when the answers to all its tests are known, and counts as the fraction of its tests that
 * are right; a score is the mean over tasks. NaN where nothing is scored. */
#define TRM_ARC_PASSES 6 /* 1, 2, 5, 10, 100, 1000 */
typedef struct trm_arc_score {
  int64_t tasks, tests;               /* all */
  int64_t scored_tasks, scored_tests; /* of these with known answers */
  int64_t predictions;                /* images of tests that were solved */
  int64_t attempts[TRM_ARC_PASSES];   /* k */
  double pass[TRM_ARC_PASSES];        /* right among the first k answers of the vote */
  int64_t right_tests;                /* with two attempts */
  double low, high;                   /* Wilson's 95 % interval of right_tests of scored_tests */
  double one;                         /* one attempt, without votes: the answer to the task as it is */
  double image;                       /* one attempt, without votes: the answer to one image, the mean over all */
  double blank;                       /* as one, under identifier 0 instead of the task's own; NaN without embedding */
  int64_t cells, right_cells;         /* of the tests as they are, by their labels: colours and end marks */
  int64_t copied_cells;               /* right when the input is copied */
  double seconds;
} trm_arc_score;
trm_arc_score trm_arc_votes_score(const trm_arc_votes *votes);

/* submission.json: {"ID": [{"attempt_1": GRID, "attempt_2": GRID}, ...], ...}, an object a test. A test with one answer
 * has it twice; one without any, or without a grid in it, has [[0]]. Written whole or not at all. */
trm_status trm_arc_submit(const trm_arc_votes *votes, const char *out, trm_error *err);

/* -- looking at tasks ---------------------------------------------------------------------------------------------- */

/* Borrowed: cells [height][width], colours 0 to 9. height 0: not known, or no grid. */
typedef struct trm_arc_view {
  int height, width;
  const uint8_t *cells;
} trm_arc_view;
typedef struct trm_arc_task {
  const char *id;
  int demonstrations, tests;
} trm_arc_task;
typedef struct trm_arc_answer {
  trm_arc_view grid;
  int64_t votes;
  double q; /* mean confidence of those that voted for it, 0..1 */
} trm_arc_answer;
size_t trm_arc_tasks(const trm_arc_votes *votes);
trm_arc_task trm_arc_task_at(const trm_arc_votes *votes, size_t task);
/* Pair i: the demonstrations first, then the tests. */
void trm_arc_pair_at(const trm_arc_votes *votes, size_t task, int pair, trm_arc_view *input, trm_arc_view *output);
/* The answer of that rank, from 0 on; votes 0: there is none. */
trm_arc_answer trm_arc_answer_at(const trm_arc_votes *votes, size_t task, int test, size_t rank);

#ifdef __cplusplus
}
#endif
#endif
