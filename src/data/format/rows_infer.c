/* Inference of the task from symbols: the lengths and alphabets of Sudoku and mazes are distinctive, and a look at the
 * first rows keeps another task of the same shape from being taken for Sudoku. It is most of these rows that decide, so
 * that a damaged one is an error of its own and does not make another task of the whole file. */
#include "data/format/rows_infer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "task/task.h"

#define PROBE 100 /* rows that are looked at */

typedef struct symbols {
  uint8_t question[256], answer[256]; /* 1 where the symbol occurs */
} symbols;

static void infer_mark(const uint8_t *cells, size_t count, uint8_t seen[256]) {
  for (size_t i = 0; i < count; i++) seen[cells[i]] = 1;
}

/* The token of a symbol or number if the puzzle is a Sudoku; -1: none. */
static int infer_sudoku_token(const trm__rows *rows, const trm_task *task, const int16_t map[256], int symbol) {
  if (!rows->numbers) return map[symbol];
  return symbol <= task->width ? symbol + 1 : -1;
}

/* Whether the row is wholly in symbols of the Sudoku and its answer keeps the rules. */
static int infer_row_is_sudoku(const trm__rows *rows, size_t row, const trm_task *task, const int16_t map[256]) {
  int32_t answer[256];
  const uint8_t *questions = rows->questions + row * rows->length, *answers = rows->answers + row * rows->length;
  for (size_t i = 0; i < rows->length; i++) {
    if (infer_sudoku_token(rows, task, map, questions[i]) < 1) return 0;
    answer[i] = infer_sudoku_token(rows, task, map, answers[i]);
  }
  return trm_task_judge(task, answer, answer).keeps_rules == 1;
}

static int infer_is_sudoku(const trm__rows *rows, const trm_task *task) {
  int16_t map[256];
  size_t probes = rows->count < PROBE ? rows->count : PROBE, good = 0;
  if (rows->length != (size_t)task->width * (size_t)task->width) return 0;
  trm__task_symbols(task, map);
  for (size_t row = 0; row < probes; row++) good += (size_t)infer_row_is_sudoku(rows, row, task, map);
  return 2 * good > probes;
}

static int infer_row_is_maze(const trm__rows *rows, size_t row) {
  const uint8_t *question = rows->questions + row * rows->length, *answer = rows->answers + row * rows->length;
  int starts = 0, goals = 0;
  for (size_t i = 0; i < rows->length; i++) {
    if (!question[i] || !answer[i] || !strchr("# SGo", question[i]) || !strchr("# SGo", answer[i])) return 0;
    starts += question[i] == 'S';
    goals += question[i] == 'G';
  }
  return starts == 1 && goals == 1;
}

static int infer_is_maze(const trm__rows *rows) {
  size_t probes = rows->count < PROBE ? rows->count : PROBE, good = 0;
  if (rows->numbers || rows->length != 900) return 0;
  for (size_t row = 0; row < probes; row++) good += (size_t)infer_row_is_maze(rows, row);
  return 2 * good > probes;
}

static trm_status infer_width(int64_t *width, const trm__rows *rows, const trm__rows_hint *hint, trm_error *err) {
  int64_t length = (int64_t)rows->length;
  if (hint->width > 0 && length % hint->width != 0)
    return trm__fail(err, TRM_E_INPUT, rows->path, "puzzles of %" PRId64 " cells cannot have rows of %" PRId64, length,
                     hint->width);
  *width = hint->width > 0 ? hint->width : (int64_t)rows->width;
  if (*width > 0 && length % *width != 0) *width = 0;
  return TRM_OK;
}

static trm_status infer_generic(trm_task *task, const trm__rows *rows, const symbols *seen, const trm__rows_hint *hint,
                                trm_error *err) {
  char alphabet[257] = "";
  int64_t width = 0, vocab;
  size_t used = 0;
  int highest = 0;
  for (int c = 0; c < 256; c++)
    if (seen->question[c] || seen->answer[c]) {
      highest = c;
      if (!rows->numbers) alphabet[used++] = (char)c;
    }
  if (hint->alphabet && hint->alphabet[0] != '\0') {
    if (strlen(hint->alphabet) > 255)
      return trm__fail(err, TRM_E_USAGE, "alphabet", "more than 255 symbols, expected at most 255");
    snprintf(alphabet, sizeof alphabet, "%s", hint->alphabet);
  }
  trm_status status = infer_width(&width, rows, hint, err);
  if (status) return status;
  if (rows->numbers && alphabet[0] == '\0') {
    trm_task named = trm__task_infer(1, highest + 2); /* for its symbols */
    snprintf(alphabet, sizeof alphabet, "%s", named.alphabet);
    vocab = highest + 2;
  } else vocab = (int64_t)strlen(alphabet) + 1;
  *task = trm__task_generic((int64_t)rows->length, width, vocab < 2 ? 2 : vocab, alphabet);
  return trm__task_check(task, rows->path, err);
}

/* A given alphabet that is exactly a known task's means that task. */
static int infer_alphabet_allows(const trm__rows_hint *hint, const trm_task *task) {
  if (hint->width > 0 && hint->width != task->width) return 0;
  return !hint->alphabet || hint->alphabet[0] == '\0' || strcmp(hint->alphabet, task->alphabet) == 0;
}

trm_status trm__rows_infer(trm_task *task, const trm__rows *rows, const trm__rows_hint *hint, trm_error *err) {
  static const int sizes[] = {4, 6, 9, 16};
  symbols seen = {{0}, {0}};
  infer_mark(rows->questions, rows->count * rows->length, seen.question);
  infer_mark(rows->answers, rows->count * rows->length, seen.answer);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    *task = trm_task_sudoku(sizes[i]);
    if (infer_alphabet_allows(hint, task) && infer_is_sudoku(rows, task)) return TRM_OK;
  }
  *task = trm_task_maze();
  if (infer_alphabet_allows(hint, task) && infer_is_maze(rows)) return TRM_OK;
  return infer_generic(task, rows, &seen, hint, err);
}
