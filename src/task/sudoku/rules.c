/* The rules of Sudoku: each row, column and box holds each digit once. */
#include "task/sudoku/rules.h"

#include <stdio.h>

#include "base/status.h"

enum { UNITS = 3, MOST = 16 };
static const char *const sudoku_unit_names[UNITS] = {"row", "column", "box"};

static int sudoku_unit(const trm_task *task, int kind, int row, int column) {
  if (kind == 0) return row;
  if (kind == 1) return column;
  return row / task->box_height * (task->width / task->box_width) + column / task->box_width;
}

/* The first cell in row-major order whose digit stands earlier in the same row, column or box (*kind: 0, 1, 2), or -1.
 */
static int sudoku_clash(const trm_task *task, const int32_t *tokens, int *kind) {
  uint32_t seen[UNITS][MOST] = {{0}};
  int size = task->width;
  for (int cell = 0; cell < size * size; cell++) {
    int32_t digit = tokens[cell] - TRM__SUDOKU_BLANK - 1;
    if (digit < 0 || digit >= size) continue;
    for (int k = 0; k < UNITS; k++) {
      uint32_t *unit = &seen[k][sudoku_unit(task, k, cell / size, cell % size)];
      if (*unit & (1u << digit)) {
        *kind = k;
        return cell;
      }
      *unit |= 1u << digit;
    }
  }
  return -1;
}

void trm__sudoku_cells(const int32_t *tokens, size_t count, uint8_t *cells) {
  for (size_t i = 0; i < count; i++)
    cells[i] = (uint8_t)(tokens[i] > TRM__SUDOKU_BLANK ? tokens[i] - TRM__SUDOKU_BLANK : 0);
}

trm_task_verdict trm__sudoku_judge(const trm_task *task, const int32_t *question, const int32_t *answer) {
  trm_task_verdict verdict = {1, 1};
  int size = task->width, kind = 0;
  for (int i = 0; i < size * size; i++) {
    if (question[i] > TRM__SUDOKU_BLANK && question[i] != answer[i]) verdict.keeps_clues = 0;
    if (answer[i] <= TRM__SUDOKU_BLANK || answer[i] > size + 1) verdict.keeps_rules = 0;
  }
  if (sudoku_clash(task, answer, &kind) >= 0) verdict.keeps_rules = 0;
  return verdict;
}

trm_status trm__sudoku_check(const trm_task *task, const int32_t *question, trm_error *err) {
  int kind = 0, cell = sudoku_clash(task, question, &kind);
  if (cell < 0) return TRM_OK;
  char where[64];
  int row = cell / task->width, column = cell % task->width;
  int unit = sudoku_unit(task, kind, row, column);
  snprintf(where, sizeof where, "row %d, column %d", row + 1, column + 1);
  return trm__fail(err, TRM_E_INPUT, where, "clue %c stands twice in %s %d, expected each digit at most once",
                   task->alphabet[question[cell] - 1], sudoku_unit_names[kind], unit + 1);
}

void trm__sudoku_mark(const trm_task *task, const int32_t *question, const int32_t *tokens, trm_task_cell *cells) {
  uint8_t count[UNITS][MOST][MOST] = {{{0}}}; /* [kind][unit][digit] */
  int size = task->width;
  for (int pass = 0; pass < 2; pass++)
    for (int cell = 0; cell < size * size; cell++) {
      int32_t digit = tokens[cell] - TRM__SUDOKU_BLANK - 1;
      if (pass && question && question[cell] > TRM__SUDOKU_BLANK && question[cell] != tokens[cell])
        cells[cell].wrong = 1;
      for (int k = 0; k < UNITS && digit >= 0 && digit < size; k++) {
        uint8_t *times = &count[k][sudoku_unit(task, k, cell / size, cell % size)][digit];
        if (!pass) ++*times;
        else if (*times > 1) cells[cell].wrong = 1;
      }
    }
}
