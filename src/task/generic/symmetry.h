/* Symmetries that the owner of a generic task declares, in words: trm_task.symmetries.
 *
 *   symbols:ABC   A, B and C may be exchanged everywhere, in question and answer; given again: another set of symbols
 *   dihedral      the grid may be mirrored and, where it is square, turned
 *   rows          rows may be exchanged; columns: likewise
 *   bands:N       bands of N rows may be exchanged, and the rows of a band; stacks:N: the same of columns
 *
 * What is declared must be a group that the words give, so that equal puzzles have equal keys: a square grid that may
 * be turned has its columns exchanged where its rows are, and in the same way. */
#ifndef TRM_TASK_GENERIC_SYMMETRY_H
#define TRM_TASK_GENERIC_SYMMETRY_H

#include <trm/task.h>

#include "base/rng.h"
#include "task/symmetry.h"

typedef struct trm__declared {
  uint8_t set[TRM__SYMMETRY_TOKENS]; /* of a token the set of symbols that may be exchanged, from 1; 0: none */
  int sets;
  int dihedral;
  int lines[2]; /* of rows, of columns: how many a band has whose lines may be exchanged; 1: none may; all: all may */
} trm__declared;

/* TRM_E_INPUT with where and the word when one is unknown, stands twice, or does not fit the task. */
trm_status trm__declared_read(trm__declared *declared, const trm_task *task, const char *where, trm_error *err);
/* Makes a random one of the identity. */
void trm__declared_draw(const trm__declared *declared, const trm_task *task, trm__rng *rng, trm__symmetry *symmetry);
/* Equal for all images of a question [cells]; of other questions different but by chance, or in very regular grids. */
uint64_t trm__declared_key(const trm__declared *declared, const trm_task *task, const int32_t *tokens);

#endif
