/* Passes of the lattice recursion (docs/spec.md, Lattice): a chain holds candidate sets, and each pass drops values,
 * finds a conflict, or guesses. Many chains take a pass as one batch, each in symmetric frames of its own, drawn anew
 * every time. What a chain does depends on its question, its name and the rule alone: not on what else is in the batch.
 *
 * A pass of a chain:
 *  1. A frame is drawn, from the third restart on several; the sets are shown in it, and the network takes its loops.
 *  2. After each loop from the fourth on, where rules are asked: the best live digits of all cells; when they are right
 *     the chain has its answer.
 *  3. Values that all frames would drop leave the sets, given cells apart.
 *  4. An empty cell, a sure conflict head, or, at levels that check sets, two equal single cells in a unit: a conflict.
 *     All cells single: the answer, checked where rules are asked; a wrong one is a conflict.
 *  5. A conflict: the sets are the question's again. Otherwise a cell drawn among the open ones gets its best live
 *     digit. A chain that met the same wrong answer twice draws digits until it restarts. */
#ifndef TRM_INFER_LATTICE_PASSES_H
#define TRM_INFER_LATTICE_PASSES_H

#include <trm/solve.h>

#include "model/lattice.h"
#include "model/sets.h"

enum {
  TRM__PASSES_FRAMES = 4,   /* of a chain that has restarted often */
  TRM__PASSES_PATIENCE = 3, /* restarts until then */
  TRM__PASSES_LOOPS = 16,   /* of a pass, where training had no more: thinking deeper than it was trained pays */
  TRM__PASSES_CHECKED = 4   /* the first loop whose digits are checked */
};

typedef struct trm__passes_rule {
  const trm_task *task;
  int loops;   /* of a pass */
  int control; /* 1: logits are drawn from noise, and no network runs */
  uint64_t seed;
} trm__passes_rule;

typedef struct trm__deduction {
  int32_t *question; /* [S] tokens */
  int32_t *sets;     /* [S] */
  int32_t *answer;   /* [S] tokens: the best digits of the last pass */
  float *confidence; /* [S] of them */
  uint64_t name;     /* of its random numbers, less than 2^46 */
  int level;         /* trm_search_level; under C rules are not asked */
  int64_t passes;    /* taken, each frame counted */
  int frames;        /* of its next pass at most */
  int restarts;
  int sampled;    /* 1: it draws digits */
  uint64_t wrong; /* hash of the last wrong answer */
  /* of the last pass */
  int finished; /* the answer is one: all cells single and no conflict, or right by the rules */
  int right;    /* by the rules */
  float q;      /* over 0 where finished; its size grows with the conflict head's certainty */
} trm__deduction;

typedef struct trm__passes trm__passes;

/* net is borrowed, and has room for `rows` frames of all chains of a pass together. */
trm_status trm__passes_open(trm__passes **out, trm__lattice *net, const trm__dims *dims, int rows, trm_error *err);
void trm__passes_close(trm__passes **passes);
size_t trm__passes_bytes(const trm__dims *dims, int rows);

/* From the question on: sets, counts. question, name and the buffers are there. */
void trm__passes_begin(const trm__passes *passes, trm__deduction *chain);
/* Frames that the chain's next pass takes: fewer where no more than `left` may be counted. */
int trm__passes_frames(const trm__deduction *chain, int64_t left);
/* One pass of each, in chain[i]->frames frames. */
void trm__passes_run(trm__passes *passes, const trm__passes_rule *rule, trm__deduction *const *chain, int count);

#endif
