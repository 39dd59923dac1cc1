/* Sudoku for a dataset: what the generator finds, as tokens. */
#include "task/sudoku/make.h"

#include <math.h>

#include "base/status.h"
#include "task/sudoku/generate.h"
#include "task/sudoku/rules.h"

static trm__generate_config make_wanted(const trm_task *task, const trm_make_config *c) {
  return (trm__generate_config){.size = task->width,
                                .count = c->train + c->test,
                                .min_clues = c->min_clues,
                                .max_clues = c->max_clues,
                                .min_guesses = c->min_guesses,
                                .max_guesses = c->max_guesses,
                                .minimal = c->minimal,
                                .seed = (uint64_t)c->seed,
                                .threads = (int)c->threads};
}

trm_status trm__sudoku_make(const trm_task *task, const trm_make_config *config, trm__made *made,
                            trm_progress_fn progress, void *context, trm_error *err) {
  trm__puzzles puzzles = {0};
  if (config->min_path || config->min_side || config->max_side)
    return trm__fail(err, TRM_E_USAGE, "min_path", "paths and sides are of mazes, expected clues or guesses");
  trm__generate_config wanted = make_wanted(task, config);
  trm_status status = trm__generate(&puzzles, &wanted, progress, context, err);
  if (status) return status;
  size_t all = (size_t)puzzles.count * (size_t)(task->width * task->height);
  for (size_t i = 0; i < all; i++) puzzles.questions[i]++, puzzles.answers[i]++; /* values to tokens */
  *made = (trm__made){.count = puzzles.count, .questions = puzzles.questions, .answers = puzzles.answers};
  puzzles.questions = puzzles.answers = NULL;
  trm__puzzles_free(&puzzles);
  return TRM_OK;
}

double trm__sudoku_guesses(const trm_task *task, const int32_t *question, const int32_t *answer) {
  uint8_t cells[TRM__SUDOKU_CELLS];
  (void)answer;
  trm__sudoku_cells(question, (size_t)(task->width * task->height), cells);
  trm_sudoku_result result = trm_sudoku_solve(task->width, cells, 1, NULL);
  return result.solutions > 0 ? (double)result.guesses : (double)NAN;
}
