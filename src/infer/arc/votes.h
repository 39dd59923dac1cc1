/* The answers that images of ARC's tests were given, while they are collected and afterwards (trm/arc.h). */
#ifndef TRM_INFER_ARC_VOTES_H
#define TRM_INFER_ARC_VOTES_H

#include <trm/arc.h>

#include "data/arc/names.h"

/* An answer that at least one image gave. */
typedef struct trm__arc_candidate {
  uint64_t hash;
  trm__arc_grid *grid;
  int64_t votes, first; /* first: the example that gave it first */
  double q;             /* mean of sigmoid(q_halt) */
} trm__arc_candidate;

/* A test of a task, and its answers: best first once they are ranked. */
typedef struct trm__arc_test {
  size_t task;
  const trm__arc_pair *pair;
  int32_t same; /* the first test of the task with the same input, which has the answers of both */
  trm__arc_candidate *candidate;
  size_t count, room;
  int one, blank; /* 1: the answer to the task as it is was right; of one under identifier 0 */
} trm__arc_test;

struct trm_arc_votes {
  trm__arc_tasks tasks;
  size_t *first; /* [tasks + 1]: the tests of task t are first[t] .. first[t + 1] - 1 */
  trm__arc_test *test;
  int64_t predictions;
  int embedded; /* 1: the model has an embedding of puzzles */
  int64_t cells, right_cells, copied_cells;
  double seconds;
};

/* The answers of a test, those of its first equal where it has one. */
const trm__arc_test *trm__arc_test_answers(const trm_arc_votes *votes, const trm__arc_test *test);

#endif
