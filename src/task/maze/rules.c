/* The rules of mazes. An answer marks path cells, all of which start reaches through path cells, and goal is beside one
 * of them. Every path is right, but the shortest ones are what is trained on, so these are what is counted. */
#include "task/maze/rules.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/status.h"
#include "task/maze/maze.h"

static int maze_find_one(const int32_t *cells, int count, int32_t token) {
  int at = -1;
  for (int i = 0; i < count; i++)
    if (cells[i] == token) {
      if (at >= 0) return -2;
      at = i;
    }
  return at;
}

/* The neighbours of a cell; -1 where the grid ends. */
static void maze_neighbours(const trm_task *task, int at, int next[4]) {
  int width = task->width, row = at / width, column = at % width;
  next[0] = row + 1 < task->height ? at + width : -1;
  next[1] = column > 0 ? at - 1 : -1;
  next[2] = column + 1 < width ? at + 1 : -1;
  next[3] = row > 0 ? at - width : -1;
}

/* Marks in reached [cells] the walkable cells that can be reached from start; returns whether G is beside one of them
 * or beside start. queue: [cells], room to work in. */
static int maze_reach(const trm_task *task, const int32_t *cells, int start, int32_t walkable, uint8_t *reached,
                      int *queue) {
  int head = 0, tail = 0, goal = 0, next[4];
  queue[tail++] = start;
  reached[start] = 1;
  while (head < tail) {
    maze_neighbours(task, queue[head++], next);
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

/* Cells that are neither free nor path are clues; free ones may become path. */
int trm__maze_keeps(int32_t asked, int32_t answered) {
  int free_cell = asked == TRM__MAZE_FREE || asked == TRM__MAZE_PATH;
  return free_cell ? answered == TRM__MAZE_FREE || answered == TRM__MAZE_PATH : answered == asked;
}

trm_task_verdict trm__maze_judge(const trm_task *task, const int32_t *question, const int32_t *answer) {
  trm_task_verdict verdict = {1, 1};
  for (int i = 0; i < task->width * task->height; i++)
    if (!trm__maze_keeps(question[i], answer[i])) verdict.keeps_clues = 0;
  verdict.keeps_rules = verdict.keeps_clues ? maze_joined(task, answer, TRM__MAZE_PATH, 1) : 0;
  return verdict;
}

void trm__maze_fault(const trm_task *task, const int32_t *question, const int32_t *answer, char *text, size_t size) {
  int changed = 0;
  for (int i = 0; i < task->width * task->height; i++) changed += !trm__maze_keeps(question[i], answer[i]);
  if (changed) (void)snprintf(text, size, "%d cell%s of the maze %s changed", changed, changed == 1 ? "" : "s", changed == 1 ? "is" : "are");
  else if (maze_joined(task, answer, TRM__MAZE_PATH, 0) == 1)
    (void)snprintf(text, size, "path cells lie apart from the path");
  else (void)snprintf(text, size, "no path leads from S to G");
}

static trm_status maze_refuse_second(const trm_task *task, const int32_t *question, int32_t token, const char *name,
                                     trm_error *err) {
  int at = 0, first;
  char where[64];
  while (question[at] != token) at++;
  first = at++;
  while (question[at] != token) at++;
  (void)snprintf(where, sizeof where, "row %d, column %d", at / task->width + 1, at % task->width + 1);
  return trm__fail(err, TRM_E_INPUT, where, "found more than one %s, expected exactly one: the first is in row %d, column %d",
                   name, first / task->width + 1, first % task->width + 1);
}

trm_status trm__maze_check(const trm_task *task, const int32_t *question, trm_error *err) {
  int count = task->width * task->height;
  const struct {
    int32_t token;
    const char *name;
  } marks[] = {{TRM__MAZE_START, "start (S)"}, {TRM__MAZE_GOAL, "goal (G)"}};
  for (size_t k = 0; k < 2; k++) {
    int at = maze_find_one(question, count, marks[k].token);
    if (at == -1) return trm__fail(err, TRM_E_INPUT, "maze", "found no %s, expected exactly one", marks[k].name);
    if (at < -1) return maze_refuse_second(task, question, marks[k].token, marks[k].name, err);
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
  if (joined) return TRM_OK;
  int start = maze_find_one(question, count, TRM__MAZE_START), goal = maze_find_one(question, count, TRM__MAZE_GOAL);
  char where[64];
  (void)snprintf(where, sizeof where, "row %d, column %d", start / task->width + 1, start % task->width + 1);
  return trm__fail(err, TRM_E_INPUT, where, "no way leads from S to G in row %d, column %d, expected one: walls shut it off",
                   goal / task->width + 1, goal % task->width + 1);
}

void trm__maze_mark(const trm_task *task, const int32_t *question, const int32_t *tokens, trm_task_cell *cells) {
  int count = task->width * task->height, start = maze_find_one(tokens, count, TRM__MAZE_START);
  for (int i = 0; i < count && question; i++) cells[i].wrong = !trm__maze_keeps(question[i], tokens[i]);
  unsigned char *space = start < 0 ? NULL : trm__calloc((size_t)count, sizeof(int) + 1);
  if (!space) return;
  uint8_t *reached = space + (size_t)count * sizeof(int);
  (void)maze_reach(task, tokens, start, TRM__MAZE_PATH, reached, (int *)(void *)space);
  for (int i = 0; i < count; i++)
    if (tokens[i] == TRM__MAZE_PATH && !reached[i]) cells[i].wrong = 1;
  trm__free(space);
}

/* Breadth-first from start: distance and number of shortest ways of each cell, the latter cut at most. 0 when the bound
 * was reached before goal's number was known. distance (-1: not visited), ways, queue: [cells]. */
static int maze_count_ways(const trm_task *task, const int32_t *cells, int start, int most, int64_t bound,
                           int *distance, int *ways, int *queue) {
  int count = task->width * task->height, head = 0, tail = 0, goal = maze_find_one(cells, count, TRM__MAZE_GOAL);
  int next[4];
  for (int i = 0; i < count; i++) distance[i] = -1;
  distance[start] = 0, ways[start] = 1;
  queue[tail++] = start;
  while (head < tail) {
    int at = queue[head++];
    if (distance[goal] >= 0 && distance[at] >= distance[goal]) break; /* all ways to goal are counted */
    if (bound && head > bound) return 0;
    maze_neighbours(task, at, next);
    for (int k = 0; k < 4; k++) {
      int to = next[k];
      if (to < 0 || (cells[to] != TRM__MAZE_FREE && to != goal)) continue;
      if (distance[to] < 0) {
        distance[to] = distance[at] + 1;
        queue[tail++] = to;
      }
      if (distance[to] != distance[at] + 1) continue;
      ways[to] = ways[to] > most - ways[at] ? most : ways[to] + ways[at];
    }
  }
  return 1;
}

trm_task_solutions trm__maze_unique(const trm_task *task, const int32_t *question, int most, int64_t bound) {
  trm_task_solutions found = {.effort = (double)NAN};
  int count = task->width * task->height, start = maze_find_one(question, count, TRM__MAZE_START);
  int goal = maze_find_one(question, count, TRM__MAZE_GOAL);
  if (start < 0 || goal < 0) return found;
  int *space = trm__calloc((size_t)count, 3 * sizeof *space), *ways = space + count;
  found.count = TRM_SOLUTIONS_UNDECIDED;
  if (!space) return found;
  if (maze_count_ways(task, question, start, most, bound, space, ways, ways + count)) found.count = ways[goal];
  trm__free(space);
  return found;
}
