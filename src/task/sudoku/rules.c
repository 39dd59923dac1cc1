/* The rules of Sudoku: each row, column and box holds each digit once. */
#include "task/sudoku/rules.h"

#include <stdio.h>
#include <string.h>

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

/* How often each digit stands in each unit. */
typedef struct sudoku_counts {
  uint8_t of[UNITS][MOST][MOST]; /* [kind][unit][digit] */
} sudoku_counts;

/* The count of a cell's digit in its unit of a kind; NULL for a cell without a digit. */
static uint8_t *sudoku_count_of(const trm_task *task, const int32_t *tokens, int cell, int kind, sudoku_counts *c) {
  int size = task->width, digit = tokens[cell] - TRM__SUDOKU_BLANK - 1;
  if (digit < 0 || digit >= size) return NULL;
  return &c->of[kind][sudoku_unit(task, kind, cell / size, cell % size)][digit];
}

static void sudoku_count(const trm_task *task, const int32_t *tokens, sudoku_counts *c) {
  memset(c, 0, sizeof *c);
  for (int cell = 0; cell < task->width * task->width; cell++)
    for (int k = 0; k < UNITS; k++) {
      uint8_t *times = sudoku_count_of(task, tokens, cell, k, c);
      if (times) ++*times;
    }
}

static int sudoku_conflicts(const trm_task *task, const int32_t *tokens, int cell, sudoku_counts *c) {
  int conflicts = 0;
  for (int k = 0; k < UNITS; k++) {
    const uint8_t *times = sudoku_count_of(task, tokens, cell, k, c);
    conflicts |= times && *times > 1;
  }
  return conflicts;
}

static int sudoku_changes(const int32_t *question, const int32_t *tokens, int cell) {
  return question && question[cell] > TRM__SUDOKU_BLANK && question[cell] != tokens[cell];
}

int trm__sudoku_faults(const trm_task *task, const int32_t *question, const int32_t *answer) {
  int size = task->width, faults = 0;
  sudoku_counts c;
  sudoku_count(task, answer, &c);
  for (int cell = 0; cell < size * size; cell++)
    faults += sudoku_changes(question, answer, cell) + !sudoku_count_of(task, answer, cell, 0, &c);
  for (int k = 0; k < UNITS; k++)
    for (int u = 0; u < size; u++)
      for (int d = 0; d < size; d++) faults += c.of[k][u][d] > 1 ? c.of[k][u][d] - 1 : 0;
  return faults;
}

void trm__sudoku_mark(const trm_task *task, const int32_t *question, const int32_t *tokens, trm_task_cell *cells) {
  sudoku_counts counts;
  sudoku_count(task, tokens, &counts);
  for (int cell = 0; cell < task->width * task->width; cell++)
    if (sudoku_changes(question, tokens, cell) || sudoku_conflicts(task, tokens, cell, &counts)) cells[cell].wrong = 1;
}

/* The most cells of one unit that conflict in it, the first unit of equals; 0: none do. */
static int sudoku_worst(const trm_task *task, const sudoku_counts *c, int *kind, int *unit) {
  int worst = 0;
  for (int k = 0; k < UNITS; k++)
    for (int u = 0; u < task->width; u++) {
      int cells = 0;
      for (int d = 0; d < task->width; d++) cells += c->of[k][u][d] > 1 ? c->of[k][u][d] : 0;
      if (cells > worst) worst = cells, *kind = k, *unit = u;
    }
  return worst;
}

static void sudoku_say(char *text, size_t size, int cells, const char *one, const char *many) {
  size_t used = strlen(text);
  if (!cells) return;
  (void)snprintf(text + used, size - used, "%s%d %s", used ? "; " : "", cells, cells == 1 ? one : many);
}

void trm__sudoku_fault(const trm_task *task, const int32_t *question, const int32_t *answer, char *text, size_t size) {
  sudoku_counts counts;
  int conflicts = 0, changed = 0, empty = 0, kind = 0, unit = 0, cells = task->width * task->width;
  char place[64];
  sudoku_count(task, answer, &counts);
  for (int cell = 0; cell < cells; cell++) {
    conflicts += sudoku_conflicts(task, answer, cell, &counts);
    changed += sudoku_changes(question, answer, cell);
    empty += !sudoku_count_of(task, answer, cell, 0, &counts);
  }
  int worst = sudoku_worst(task, &counts, &kind, &unit);
  (void)snprintf(place, sizeof place, "cells conflict in %s %d", sudoku_unit_names[kind], unit + 1);
  text[0] = '\0';
  sudoku_say(text, size, worst, "", place);
  if (conflicts > worst) {
    size_t used = strlen(text);
    (void)snprintf(text + used, size - used, ", %d in all", conflicts);
  }
  sudoku_say(text, size, changed, "clue is changed", "clues are changed");
  sudoku_say(text, size, empty, "cell is empty", "cells are empty");
}

/* The one digit that the units of a cell leave; 0: several; -1: none. */
static int sudoku_only(const trm_task *task, const int32_t *tokens, int cell) {
  uint32_t taken = 0, all = (1u << task->width) - 1;
  int size = task->width, row = cell / size, column = cell % size;
  for (int i = 0; i < size * size; i++) {
    int shared = i / size == row || i % size == column ||
                 sudoku_unit(task, 2, i / size, i % size) == sudoku_unit(task, 2, row, column);
    if (shared && tokens[i] > TRM__SUDOKU_BLANK) taken |= 1u << (tokens[i] - TRM__SUDOKU_BLANK - 1);
  }
  uint32_t left = all & ~taken;
  if (!left) return -1;
  if (left & (left - 1)) return 0;
  int digit = 1;
  while (!(left & 1u)) left >>= 1, digit++;
  return digit;
}

int trm__sudoku_deduce(const trm_task *task, int32_t *question) {
  int kind = 0, cells = task->width * task->width;
  for (int filled = 1; filled;) {
    filled = 0;
    if (sudoku_clash(task, question, &kind) >= 0) return 0;
    for (int i = 0; i < cells; i++) {
      if (question[i] > TRM__SUDOKU_BLANK) continue;
      int digit = sudoku_only(task, question, i);
      if (digit < 0) return 0;
      if (digit > 0) question[i] = TRM__SUDOKU_BLANK + digit, filled = 1;
    }
  }
  return 1;
}
