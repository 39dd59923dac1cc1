/* The puzzles' own rules: whether a question contradicts itself, and whether an answer keeps clues and rules. */
#include <stdio.h>
#include <string.h>
#include <trm/task.h>

#include "base/mem.h"
#include "base/status.h"
#include "task/maze/maze.h"
#include "task/task.h"

/* -- Sudoku: tokens 1 blank, 2.. digits -- */

enum { units = 3 };
static const char *const unit_names[units] = {"row", "column", "box"};

static int sudoku_unit(const trm_task *task, int kind, int row, int column) {
  if (kind == 0) return row;
  if (kind == 1) return column;
  return row / task->box_height * (task->width / task->box_width) + column / task->box_width;
}

/* The first cell in row-major order whose digit stands earlier in the same row, column or box (*kind: 0, 1, 2), or -1.
 */
static int sudoku_clash(const trm_task *task, const int32_t *tokens, int *kind) {
  uint32_t seen[units][16] = {{0}};
  int size = task->width;
  for (int cell = 0; cell < size * size; cell++) {
    int32_t digit = tokens[cell] - 2;
    if (digit < 0 || digit >= size) continue;
    for (int k = 0; k < units; k++) {
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

static trm_task_verdict judge_sudoku(const trm_task *task, const int32_t *question, const int32_t *answer) {
  trm_task_verdict verdict = {1, 1};
  int size = task->width, kind = 0;
  for (int i = 0; i < size * size; i++) {
    if (question[i] >= 2 && question[i] != answer[i]) verdict.keeps_clues = 0;
    if (answer[i] < 2 || answer[i] > size + 1) verdict.keeps_rules = 0;
  }
  if (sudoku_clash(task, answer, &kind) >= 0) verdict.keeps_rules = 0;
  return verdict;
}

static trm_status check_sudoku(const trm_task *task, const int32_t *question, trm_error *err) {
  int kind = 0, cell = sudoku_clash(task, question, &kind);
  if (cell < 0) return TRM_OK;
  char where[64];
  int row = cell / task->width, column = cell % task->width;
  int unit = sudoku_unit(task, kind, row, column);
  snprintf(where, sizeof where, "row %d, column %d", row + 1, column + 1);
  return trm__fail(err, TRM_E_INPUT, where, "clue %c stands twice in %s %d, expected each digit at most once",
                   task->alphabet[question[cell] - 1], unit_names[kind], unit + 1);
}

/* -- mazes -- */

static int maze_find_one(const int32_t *cells, int count, int32_t token) {
  int at = -1;
  for (int i = 0; i < count; i++)
    if (cells[i] == token) {
      if (at >= 0) return -2;
      at = i;
    }
  return at;
}

/* Marks in reached [cells] the walkable cells that can be reached from start; returns whether G is beside one of them
 * or beside start. queue: [cells], room to work in. */
static int maze_reach(const trm_task *task, const int32_t *cells, int start, int32_t walkable, uint8_t *reached,
                      int *queue) {
  int width = task->width, height = task->height, head = 0, tail = 0, goal = 0;
  queue[tail++] = start;
  reached[start] = 1;
  while (head < tail) {
    int at = queue[head++], row = at / width, column = at % width;
    const int next[4] = {row + 1 < height ? at + width : -1, column > 0 ? at - 1 : -1, column + 1 < width ? at + 1 : -1,
                         row > 0 ? at - width : -1};
    for (int k = 0; k < 4; k++) {
      int to = next[k];
      if (to < 0 || reached[to]) continue;
      if (cells[to] == TRM__MAZE_GOAL) goal = 1;
      if (cells[to] != walkable) continue;
      reached[to] = 1;
      queue[tail++] = to;
    }
  }
  return goal;
}

/* 1 when walkable cells join S and G and, with together set, all of them can be reached from S; otherwise 0, and -1
 * without memory. */
static int maze_joined(const trm_task *task, const int32_t *cells, int32_t walkable, int together) {
  int count = task->width * task->height, start = maze_find_one(cells, count, TRM__MAZE_START);
  if (start < 0 || maze_find_one(cells, count, TRM__MAZE_GOAL) < 0) return 0;
  unsigned char *space = trm__calloc((size_t)count, sizeof(int) + 1);
  if (!space) return -1;
  uint8_t *reached = space + (size_t)count * sizeof(int);
  int joined = maze_reach(task, cells, start, walkable, reached, (int *)(void *)space);
  for (int i = 0; i < count && together; i++)
    if (cells[i] == walkable && !reached[i]) joined = 0;
  trm__free(space);
  return joined;
}

static trm_task_verdict judge_maze(const trm_task *task, const int32_t *question, const int32_t *answer) {
  trm_task_verdict verdict = {1, 1};
  for (int i = 0; i < task->width * task->height; i++) {
    int free_cell = question[i] == TRM__MAZE_FREE || question[i] == TRM__MAZE_PATH;
    int kept = free_cell ? answer[i] == TRM__MAZE_FREE || answer[i] == TRM__MAZE_PATH : answer[i] == question[i];
    if (!kept) verdict.keeps_clues = 0;
  }
  verdict.keeps_rules = verdict.keeps_clues ? maze_joined(task, answer, TRM__MAZE_PATH, 1) : 0;
  return verdict;
}

static trm_status check_maze(const trm_task *task, const int32_t *question, trm_error *err) {
  int count = task->width * task->height;
  const struct {
    int32_t token;
    const char *name;
  } marks[] = {{TRM__MAZE_START, "start (S)"}, {TRM__MAZE_GOAL, "goal (G)"}};
  for (size_t k = 0; k < 2; k++) {
    int at = maze_find_one(question, count, marks[k].token);
    if (at < 0)
      return trm__fail(err, TRM_E_INPUT, "maze", "found %s %s, expected exactly one", at == -1 ? "no" : "more than one",
                       marks[k].name);
  }
  int path = 0;
  while (path < count && question[path] != TRM__MAZE_PATH) path++;
  if (path < count) {
    char where[64];
    snprintf(where, sizeof where, "row %d, column %d", path / task->width + 1, path % task->width + 1);
    return trm__fail(err, TRM_E_INPUT, where, "found a path mark (o) in a question, expected # space S G");
  }
  int joined = maze_joined(task, question, TRM__MAZE_FREE, 0);
  if (joined < 0) return trm__fail_memory(err, "maze", (size_t)count * (sizeof(int) + 1));
  if (!joined) return trm__fail(err, TRM_E_INPUT, "maze", "no way leads from S to G, expected one");
  return TRM_OK;
}

/* -- all tasks -- */

trm_task_verdict trm_task_judge(const trm_task *task, const int32_t *question, const int32_t *answer) {
  if (task->kind == TRM_TASK_SUDOKU) return judge_sudoku(task, question, answer);
  if (task->kind == TRM_TASK_MAZE) return judge_maze(task, question, answer);
  trm_task_verdict unknown = {1, -1};
  return unknown;
}

trm_status trm_task_check_question(const trm_task *task, const int32_t *question, trm_error *err) {
  int count = task->width * task->height;
  for (int i = 0; i < count; i++)
    if (question[i] < 0 || question[i] >= task->vocab_size) {
      char where[64];
      snprintf(where, sizeof where, "row %d, column %d", i / task->width + 1, i % task->width + 1);
      return trm__fail(err, TRM_E_INPUT, where, "token %d is outside the vocabulary, expected 0 to %d",
                       (int)question[i], task->vocab_size - 1);
    }
  if (task->kind == TRM_TASK_SUDOKU) return check_sudoku(task, question, err);
  if (task->kind == TRM_TASK_MAZE) return check_maze(task, question, err);
  return TRM_OK;
}
