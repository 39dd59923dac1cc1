/* Symmetries of a task: ways to exchange cells and to rename tokens that turn puzzles into puzzles and right answers
 * into right answers. A kind's row draws them; augmentation, search and votes apply them. */
#ifndef TRM_TASK_SYMMETRY_H
#define TRM_TASK_SYMMETRY_H

#include <stdint.h>
#include <trm/task.h>

#include "base/rng.h"

enum {
  TRM__SYMMETRY_CELLS = 4096, /* of the largest task that has symmetries */
  TRM__SYMMETRY_TOKENS = 257  /* padding and an alphabet */
};

/* Cell i of the image shows cell from[i] of the original, and of its token t in 0..tokens-1 the token name[t]. Other
 * tokens, such as a label of -100, keep their value. Both are permutations. */
typedef struct trm__symmetry {
  int cells, tokens;
  uint16_t from[TRM__SYMMETRY_CELLS];
  uint16_t name[TRM__SYMMETRY_TOKENS];
} trm__symmetry;

/* 1 when symmetries of the task are known that trm__symmetry_draw draws: Sudoku of known sizes, mazes of at most 4096
 * cells. */
int trm__symmetry_known(const trm_task *task);
/* A random one; the identity where none is known. */
void trm__symmetry_draw(const trm_task *task, trm__rng *rng, trm__symmetry *symmetry);
void trm__symmetry_identity(const trm_task *task, trm__symmetry *symmetry);
/* tokens and image [cells] may not overlap. */
void trm__symmetry_apply(const trm__symmetry *symmetry, const int32_t *tokens, int32_t *image);
void trm__symmetry_undo(const trm__symmetry *symmetry, const int32_t *image, int32_t *tokens);
/* The same for candidate sets [cells] in which bit v stands for token first + v. */
void trm__symmetry_apply_sets(const trm__symmetry *symmetry, int first, const int32_t *sets, int32_t *image);

#endif
