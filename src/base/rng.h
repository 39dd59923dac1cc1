/* Random numbers that depend only on what they are for: Philox 4x32-10 (Salmon et al., SC 2011), a counter-based
 * generator. A stream is named by (seed, purpose, index), so example 17 draws the same numbers whichever thread,
 * batch or rank works on it, and a stream's whole state is a few integers that a checkpoint can hold. */
#ifndef TRM_BASE_RNG_H
#define TRM_BASE_RNG_H

#include <stdint.h>

/* What a stream is for. Values are part of the file format of checkpoints: append only. */
enum trm__rng_purpose {
  TRM__RNG_INIT = 1, /* initial weights; index: parameter number */
  TRM__RNG_ORDER,    /* data order; index: epoch or shuffle number */
  TRM__RNG_AUGMENT,  /* augmentation; index: global example number */
  TRM__RNG_HALT,     /* halting exploration; index: step * batch + slot */
  TRM__RNG_NOISE,    /* latent noise */
  TRM__RNG_GENERATE, /* puzzle generation; index: attempt */
  TRM__RNG_SPLIT,    /* train/test split */
  TRM__RNG_TEST,
  TRM__RNG_PUZZLE, /* trm_generate; index: the puzzle's number */
  TRM__RNG_SEARCH, /* frames and guesses of a search; index: a chain's name */
  TRM__RNG_POOL,   /* the lattice recursion's pool; index: 2 * (update * batch + slot), + 1 after the step */
  TRM__RNG_BACKOFF, /* how long a restart waits; index: its number */
  TRM__RNG_IMAGE,   /* images of ARC tasks; index: the task's number */
  TRM__RNG_PLACE    /* where an ARC puzzle's grids are placed; index: its identifier */
};

typedef struct trm__rng {
  uint64_t key;       /* from the seed */
  uint64_t stream[2]; /* purpose, index */
  uint64_t block;     /* next block of four words */
  uint32_t word[4];
  uint32_t left; /* unread words of the current block */
} trm__rng;

/* One block: four words from a counter and a key. */
void trm__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
double trm__normal_quantile(double p); /* 0 < p < 1 */

trm__rng trm__rng_make(uint64_t seed, uint32_t purpose, uint64_t index);
uint32_t trm__rng_u32(trm__rng *rng);
uint64_t trm__rng_u64(trm__rng *rng);
uint32_t trm__rng_below(trm__rng *rng, uint32_t n); /* uniform in 0..n-1 without bias; n > 0 */
double trm__rng_unit(trm__rng *rng);                /* uniform in [0, 1), 53 bits */
double trm__rng_normal(trm__rng *rng);              /* standard normal (inverse of the cumulative distribution) */
/* Normal of mean 0 cut at two standard deviations and rescaled so that the cut distribution has deviation std. */
double trm__rng_trunc_normal(trm__rng *rng, double std);
void trm__rng_shuffle(trm__rng *rng, uint32_t *items, uint32_t n);

#endif
