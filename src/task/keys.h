/* When two puzzles are the same: Sudoku by the invariant under its symmetries, every other task by the exact question.
 * Keys are 64-bit hashes; a collision counts as equality. */
#ifndef TRM_TASK_KEYS_H
#define TRM_TASK_KEYS_H

#include <stddef.h>
#include <stdint.h>
#include <trm/data.h>

uint64_t trm__question_key(const trm_task *task, const int32_t *tokens, size_t cells);

/* Tokens of a Sudoku as the solver's cells: 0 blank (and padding), 1.. values. */
void trm__sudoku_cells(const int32_t *tokens, size_t count, uint8_t *cells);

/* A question of a dataset, for sorting: equal keys come together, in order of their place. */
typedef struct trm__keyed {
  uint64_t key;
  uint32_t place; /* the caller's: an example or a group */
  uint32_t split; /* 0 or 1 */
} trm__keyed;
void trm__keyed_sort(trm__keyed *items, size_t count); /* by key, split, place */

#endif
