/* Keys of questions, and the table of the classes that they form. */
#include "task/keys.h"

#include "base/mem.h"
#include "base/status.h"

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

trm_status trm__classes_open(trm__classes *classes, size_t most, trm_error *err) {
  size_t slots = 64;
  while (slots / 2 < most) slots *= 2;
  *classes = (trm__classes){.mask = slots - 1};
  classes->key = trm__calloc(slots, sizeof *classes->key);
  classes->number = trm__calloc(slots, sizeof *classes->number);
  if (classes->key && classes->number) return TRM_OK;
  trm__classes_close(classes);
  return trm__fail_memory(err, "puzzles", slots * (sizeof *classes->key + sizeof *classes->number));
}

void trm__classes_close(trm__classes *classes) {
  trm__free(classes->key);
  trm__free(classes->number);
  *classes = (trm__classes){0};
}

/* The slot that holds the key, or the free one where it belongs. Keys are hashes, so their low bits are spread. */
static size_t classes_slot(const trm__classes *classes, uint64_t key) {
  size_t at = (size_t)key & classes->mask;
  while (classes->number[at] && classes->key[at] != key) at = (at + 1) & classes->mask;
  return at;
}

uint32_t trm__classes_add(trm__classes *classes, uint64_t key) {
  size_t at = classes_slot(classes, key);
  if (!classes->number[at]) {
    classes->key[at] = key;
    classes->number[at] = ++classes->count;
  }
  return classes->number[at] - 1;
}

int64_t trm__classes_find(const trm__classes *classes, uint64_t key) {
  return (int64_t)classes->number[classes_slot(classes, key)] - 1;
}
