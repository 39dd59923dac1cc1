/* When two puzzles are the same: when a symmetry of their task maps one question onto the other. Sudoku and mazes have
 * such symmetries; of a task without (there is no augmentation either) only equal questions are the same. Making,
 * importing and checking data tell puzzles apart here and nowhere else. Keys are 64-bit hashes; a collision counts as
 * equality, so two different puzzles may be taken for the same, but never one puzzle for two. */
#ifndef TRM_TASK_KEYS_H
#define TRM_TASK_KEYS_H

#include <stddef.h>
#include <stdint.h>
#include <trm/task.h>

/* Equal for puzzles that are the same, so for all images that trm__augment makes of one. tokens [cells]: the question,
 * cells = width * height of the task. Of a Sudoku it is trm_sudoku_invariant. */
uint64_t trm__question_key(const trm_task *task, const int32_t *tokens, size_t cells);

/* Puzzles that are the same form a class. Classes are numbered 0, 1, 2, ... in the order in which they are first met.
 */
typedef struct trm__classes {
  uint32_t count;
  size_t mask;      /* slots - 1; the slots are a hash table with open addressing, at most half full */
  uint64_t *key;    /* [slots] */
  uint32_t *number; /* [slots] the class + 1; 0: free */
} trm__classes;

/* Room for `most` classes. */
trm_status trm__classes_open(trm__classes *classes, size_t most, trm_error *err);
void trm__classes_close(trm__classes *classes); /* also of a zeroed struct */
/* The class of a key. A new one, whose number is the count before, when the key was not met yet. */
uint32_t trm__classes_add(trm__classes *classes, uint64_t key);
/* The class of a key, or -1 when it was not met. */
int64_t trm__classes_find(const trm__classes *classes, uint64_t key);

#endif
