/* Sudoku as a task kind, of 4x4, 6x6, 9x9 and 16x16 cells. Tokens: 1 the blank, v + 1 the value v. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "task/kind.h"
#include "task/sudoku/generate.h"
#include "task/sudoku/hint.h"
#include "task/sudoku/make.h"
#include "task/sudoku/rules.h"
#include "task/sudoku/sudoku.h"

static const char sudoku_symbols[] = ".123456789ABCDEFG";

trm_task trm_task_sudoku(int size) {
  trm_task task = {.kind = TRM_TASK_SUDOKU, .width = size, .height = size, .vocab_size = 1};
  if (size >= 0 && size <= TRM__SUDOKU_MAX) {
    memcpy(task.alphabet, sudoku_symbols, (size_t)size + 1);
    task.vocab_size = size + 2;
  }
  task.box_width = size == 4 ? 2 : size == 16 ? 4 : 3;
  task.box_height = size / task.box_width;
  return task;
}

static int sudoku_infer(trm_task *task, int64_t seq_len, int64_t vocab_size) {
  static const int sizes[] = {4, 6, 9, 16};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    if (seq_len != sizes[i] * sizes[i] || (vocab_size && vocab_size != sizes[i] + 2)) continue;
    *task = trm_task_sudoku(sizes[i]);
    return 1;
  }
  return 0;
}

static trm_status sudoku_shape(trm_task *same, const trm_task *task, const char *where, trm_error *err) {
  if (!trm__sudoku_geometry_of(task->width))
    return trm__fail(err, TRM_E_INPUT, where, "width: found %d, expected a Sudoku of 4, 6, 9 or 16", task->width);
  *same = trm_task_sudoku(task->width);
  return TRM_OK;
}

/* Many tasks have these sizes and symbols; only the rules tell that the answers are Sudoku. */
static int sudoku_fits(const trm_task *task, int numbers, const int32_t *question, const int32_t *answer) {
  (void)numbers, (void)question;
  return trm__sudoku_judge(task, answer, answer).keeps_rules == 1;
}

static void sudoku_title(const trm_task *task, char *text, size_t size) {
  (void)snprintf(text, size, "Sudoku %dx%d", task->width, task->height);
}

static void sudoku_add_symbols(const trm_task *task, int16_t *map) {
  (void)task;
  for (const char *blank = ".0_*xX- "; *blank; blank++) map[(unsigned char)*blank] = TRM__SUDOKU_BLANK;
  for (int c = 'A'; c <= 'G'; c++) map[c - 'A' + 'a'] = map[c];
}

static void sudoku_expected(const trm_task *task, int answer, char *text, size_t size) {
  if (answer) snprintf(text, size, "a digit in every cell");
  else if (task->width > 9) snprintf(text, size, "1-9, A-%c or a blank (. 0 _ * x -)", task->alphabet[task->width]);
  else snprintf(text, size, "1-%d or a blank (. 0 _ * x -)", task->width);
}

static void sudoku_draw(const trm_task *task, const int32_t *question, const int32_t *tokens, trm_task_drawing *drawing,
                        trm_task_cell *cells) {
  drawing->box_width = task->box_width, drawing->box_height = task->box_height;
  drawing->cell_width = 2;
  for (int i = 0; i < task->width * task->height && question; i++) cells[i].clue = question[i] > TRM__SUDOKU_BLANK;
  trm__sudoku_mark(task, question, tokens, cells);
}

static trm_task_solutions sudoku_unique(const trm_task *task, const int32_t *question, int most, int64_t bound) {
  const trm__sudoku_geometry *geometry = trm__sudoku_geometry_of(task->width);
  trm__sudoku_limits limits = {.solutions = most, .guesses = bound};
  uint16_t candidates[TRM__SUDOKU_CELLS];
  uint8_t cells[TRM__SUDOKU_CELLS];
  trm__sudoku_cells(question, (size_t)geometry->cells, cells);
  trm__sudoku_candidates(geometry, cells, candidates);
  trm__sudoku_outcome found = trm__sudoku_search(geometry, candidates, &limits, NULL);
  int known = found.solutions == most || found.complete;
  return (trm_task_solutions){.count = known ? found.solutions : TRM_SOLUTIONS_UNDECIDED,
                              .effort = found.solutions ? (double)found.guesses : (double)NAN};
}

static void sudoku_put(const trm__sudoku_geometry *geometry, const trm__puzzle *puzzle, int32_t *question,
                       int32_t *answer) {
  for (int i = 0; i < geometry->cells; i++) {
    question[i] = TRM__SUDOKU_BLANK + puzzle->question[i];
    answer[i] = TRM__SUDOKU_BLANK + puzzle->answer[i];
  }
}

static trm_status sudoku_generate(const trm_task *task, trm__rng *rng, int32_t *question, int32_t *answer,
                                  trm_error *err) {
  const trm__sudoku_geometry *geometry = trm__sudoku_geometry_of(task->width);
  trm__puzzle puzzle;
  (void)err;
  trm__generate_grid(geometry, rng, puzzle.answer);
  memcpy(puzzle.question, puzzle.answer, sizeof puzzle.question);
  trm__generate_dig(geometry, rng, 0, &puzzle);
  sudoku_put(geometry, &puzzle, question, answer);
  return TRM_OK;
}

static trm_status sudoku_search(const trm_task *task, trm__rng *rng, const trm_wanted *wanted, int32_t *question,
                                int32_t *answer, trm_error *err) {
  const trm__sudoku_geometry *geometry = trm__sudoku_geometry_of(task->width);
  trm__puzzle puzzle;
  trm_status status = trm__generate_one(geometry, rng, wanted, &puzzle, err);
  if (!status) sudoku_put(geometry, &puzzle, question, answer);
  return status;
}

static const trm__sudoku_geometry *sudoku_geometry(const trm_task *task) {
  const trm__sudoku_geometry *g = task->width == task->height ? trm__sudoku_geometry_of(task->width) : NULL;
  return g && g->box_width == task->box_width && g->box_height == task->box_height ? g : NULL;
}

static int sudoku_symmetric(const trm_task *task) {
  return sudoku_geometry(task) != NULL;
}

static void sudoku_move(const trm__sudoku_symmetry *symmetry, int32_t *tokens) {
  int n = symmetry->size;
  int32_t from[TRM__SUDOKU_CELLS];
  memcpy(from, tokens, sizeof(from[0]) * (size_t)(n * n));
  for (int r = 0; r < n; r++)
    for (int c = 0; c < n; c++) {
      int32_t t = from[trm__sudoku_symmetry_source(symmetry, r, c)], value = t - TRM__SUDOKU_BLANK;
      tokens[r * n + c] = value > 0 && value <= n ? TRM__SUDOKU_BLANK + symmetry->value[value] : t;
    }
}

/* Values, rows, columns, bands, stacks and, where boxes are square, transposition. */
static void sudoku_augment(const trm_task *task, trm__rng *rng, int32_t *question, int32_t *answer) {
  trm__sudoku_symmetry symmetry = trm__sudoku_symmetry_random(sudoku_geometry(task), rng);
  sudoku_move(&symmetry, question);
  sudoku_move(&symmetry, answer);
}

static uint64_t sudoku_key(const trm_task *task, const int32_t *tokens, size_t cells) {
  uint8_t grid[TRM__SUDOKU_CELLS];
  trm__sudoku_cells(tokens, cells, grid);
  return trm_sudoku_invariant(task->width, grid);
}

const trm__kind trm__kind_sudoku = {
    .name = "sudoku",
    .rules = "each row, column and box holds each digit once",
    .first_number = TRM__SUDOKU_BLANK,
    .blank = TRM__SUDOKU_BLANK,
    .single = 1,
    .infer = sudoku_infer,
    .shape = sudoku_shape,
    .fits = sudoku_fits,
    .title = sudoku_title,
    .symbols = sudoku_add_symbols,
    .expected = sudoku_expected,
    .parse = trm__text_parse,
    .render = trm__text_render,
    .draw = sudoku_draw,
    .judge = trm__sudoku_judge,
    .fault = trm__sudoku_fault,
    .check = trm__sudoku_check,
    .unique = sudoku_unique,
    .inspect = trm__sudoku_inspect,
    .hint = trm__sudoku_hint,
    .generate = sudoku_generate,
    .search = sudoku_search,
    .make = trm__sudoku_make,
    .rating = "guesses",
    .rate = trm__sudoku_guesses,
    .symmetric = sudoku_symmetric,
    .augment = sudoku_augment,
    .key = sudoku_key,
};
