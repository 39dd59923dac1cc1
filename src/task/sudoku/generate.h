/* Making Sudoku puzzles with exactly one solution. The same configuration gives the same puzzles in the same order at
 * any number of threads: work is done in numbered attempts, each with its own stream of random numbers, and merged in
 * order. */
#ifndef TRM_TASK_SUDOKU_GENERATE_H
#define TRM_TASK_SUDOKU_GENERATE_H

#include <stdint.h>
#include <trm/data.h>

#include "base/rng.h"
#include "task/sudoku/sudoku.h"

typedef struct trm__generate_config {
  int size;                         /* 4, 6, 9, 16 */
  int64_t count;                    /* puzzles, no two equivalent */
  int64_t min_clues, max_clues;     /* inclusive; max 0: any */
  int64_t min_guesses, max_guesses; /* inclusive, of trm_sudoku_solve; max -1: any */
  int minimal;                      /* 1: no clue can be removed (16x16: none that a bounded search shows removable) */
  uint64_t seed;
  int threads;                 /* 0: all cores */
  int (*watch)(void *context); /* NULL, or asked for each family of an island, which any answer but 0 ends */
  void *watch_context;
} trm__generate_config;

typedef struct trm__puzzles {
  int size;
  int64_t count;
  uint8_t *questions, *answers; /* [count][size*size] */
  int32_t *guesses;             /* [count] */
} trm__puzzles;

/* Fills out (to be freed with trm__puzzles_free). Puzzles that are variations of one another are neighbours in the
 * order. TRM_E_USAGE for a configuration that no puzzle can have, TRM_E_INPUT with the number found when the search
 * finds too few, TRM_E_STOPPED when progress says so. */
trm_status trm__generate(trm__puzzles *out, const trm__generate_config *config, trm_progress_fn progress, void *context,
                         trm_error *err);
void trm__puzzles_free(trm__puzzles *puzzles);

/* -- the parts ---------------------------------------------------------------------------------------------------- */

typedef struct trm__puzzle {
  int clues;
  int64_t guesses;
  uint64_t invariant;
  uint8_t question[TRM__SUDOKU_CELLS], answer[TRM__SUDOKU_CELLS];
} trm__puzzle;

/* Most guesses that a check of one clue or a rating may take. */
int64_t trm__generate_patience(const trm__sudoku_geometry *geometry);

/* A random filled grid. */
void trm__generate_grid(const trm__sudoku_geometry *geometry, trm__rng *rng, uint8_t *cells);

/* Removes clues of puzzle->question in random order while the solution stays the only one, until target are left or
 * none can go. question and answer must be set; sets clues. */
void trm__generate_dig(const trm__sudoku_geometry *geometry, trm__rng *rng, int target, trm__puzzle *puzzle);

/* Sets guesses and answer; 0 when the question has not exactly one solution or the search gave up. */
int trm__generate_rate(const trm__sudoku_geometry *geometry, trm__puzzle *puzzle);

int trm__generate_wanted(const trm__generate_config *config, const trm__puzzle *puzzle);

/* One random puzzle by digging; 0 when it is not what config wants. */
int trm__generate_attempt(const trm__generate_config *config, uint64_t index, trm__puzzle *puzzle);

/* One puzzle as wanted, all drawn from rng; trm_generate says how it fails. */
trm_status trm__generate_one(const trm__sudoku_geometry *geometry, trm__rng *rng, const trm_wanted *wanted,
                             trm__puzzle *puzzle, trm_error *err);

/* Breeds hard puzzles: climbs from random ones by removing a few clues and completing them to other puzzles, keeping
 * the hardest. Writes up to `room` puzzles that config wants, no two equivalent; returns how many, or -1 without
 * memory. */
int trm__generate_island(const trm__generate_config *config, uint64_t index, trm__puzzle *found, int room);

#endif
