/* Keys of questions and sorting by them. */
#include "task/keys.h"

#include <stdlib.h>

void trm__sudoku_cells(const int32_t *tokens, size_t count, uint8_t *cells) {
  for (size_t i = 0; i < count; i++) cells[i] = (uint8_t)(tokens[i] > 0 ? tokens[i] - 1 : 0);
}

uint64_t trm__question_key(const trm_task *task, const int32_t *tokens, size_t cells) {
  if (task->kind == TRM_TASK_SUDOKU && cells <= 256) {
    uint8_t grid[256];
    trm__sudoku_cells(tokens, cells, grid);
    return trm_sudoku_invariant(task->width, grid);
  }
  uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a over 32-bit tokens, then the finalizer of SplitMix64 */
  for (size_t i = 0; i < cells; i++) hash = (hash ^ (uint32_t)tokens[i]) * 0x100000001b3u;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
  return hash ^ (hash >> 31);
}

static int compare(const void *a, const void *b) {
  const trm__keyed *x = a, *y = b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  if (x->split != y->split) return x->split < y->split ? -1 : 1;
  return x->place < y->place ? -1 : x->place > y->place;
}

void trm__keyed_sort(trm__keyed *items, size_t count) {
  if (count > 1) qsort(items, count, sizeof *items, compare);
}
