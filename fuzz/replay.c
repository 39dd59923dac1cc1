/* Runs a fuzz target without libFuzzer: on the empty input, on every file of a folder of seeds, and on a fixed number
 * of small changes of each (bytes replaced, ranges cut or doubled), always the same ones. Argument: the folder; without
 * a seed in it the run fails. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/rng.h"

#define CHANGES 200         /* a seed */
#define MAX_SEED (1u << 20) /* bytes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exactly size bytes, so that reading past the end is noticed. */
static int run_copy(const uint8_t *data, size_t size) {
  uint8_t *copy = trm__calloc(size, 1);
  if (!copy) return 1;
  if (size) memcpy(copy, data, size);
  LLVMFuzzerTestOneInput(copy, size);
  trm__free(copy);
  return 0;
}

static size_t change(trm__rng *rng, uint8_t *data, size_t size) {
  if (size == 0) return 0;
  uint32_t at = trm__rng_below(rng, (uint32_t)size), rest = (uint32_t)size - at;
  switch (trm__rng_below(rng, 5)) {
  case 0:
    data[at] = (uint8_t)trm__rng_u32(rng);
    return size;
  case 1:
    data[at] ^= (uint8_t)(1u << trm__rng_below(rng, 8));
    return size;
  case 2:
    return at;
  case 3: {
    uint32_t length = 1 + trm__rng_below(rng, rest);
    memmove(data + at, data + at + length, rest - length);
    return size - length;
  }
  default:
    memmove(data + at + rest / 2, data + at, rest - rest / 2);
    return size;
  }
}

static int run_seed(const uint8_t *seed, size_t size, uint64_t number) {
  trm__rng rng = trm__rng_make(1, TRM__RNG_TEST, number);
  uint8_t *data = trm__calloc(size + 1, 1);
  if (!data || run_copy(seed, size)) return 1;
  for (int i = 0; i < CHANGES; i++) {
    size_t now = size;
    memcpy(data, seed, size);
    for (uint32_t k = 1 + trm__rng_below(&rng, 4); k > 0; k--) now = change(&rng, data, now);
    if (run_copy(data, now)) return 1;
  }
  trm__free(data);
  return 0;
}

int main(int argc, char **argv) {
  char **names = NULL;
  size_t count = 0, size;
  trm_error err = {0};
  if (run_copy((const uint8_t *)"", 0)) return 1;
  if (argc != 2) return fprintf(stderr, "expected one argument, the folder of seeds\n"), 1;
  if (trm__dir_list(argv[1], &names, &count, &err)) return fprintf(stderr, "%s: %s\n", err.where, err.message), 1;
  if (count == 0) return fprintf(stderr, "%s: no seeds in it, expected at least one\n", argv[1]), 1;
  for (size_t i = 0; i < count; i++) {
    char path[4096], *seed;
    snprintf(path, sizeof path, "%s/%s", argv[1], names[i]);
    if (trm__file_read(path, MAX_SEED, &seed, &size, &err)) return fprintf(stderr, "%s: %s\n", path, err.message), 1;
    if (run_seed((const uint8_t *)seed, size, i)) return 1;
    trm__free(seed);
  }
  trm__dir_list_free(names, count);
  printf("%zu seeds, %d changes of each\n", count, CHANGES);
  return 0;
}
