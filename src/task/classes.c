/* The table of the classes that equal keys form. */
#include "base/mem.h"
#include "base/status.h"
#include "task/keys.h"

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
