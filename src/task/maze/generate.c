/* Random mazes: a path is dug from a random cell, never into a cell that touches two free ones, so that what is free is
 * a tree and one way leads from each of its cells to each other. Start is where digging began, goal the cell farthest
 * from it. The size may be any. */
#include "task/maze/generate.h"

#include "base/mem.h"
#include "base/status.h"
#include "task/maze/maze.h"

/* The neighbours of a cell inside the grid; returns how many. */
static int dig_neighbours(const trm_task *task, int at, int next[4]) {
  int width = task->width, count = 0;
  if (at / width > 0) next[count++] = at - width;
  if (at % width > 0) next[count++] = at - 1;
  if (at % width + 1 < width) next[count++] = at + 1;
  if (at / width + 1 < task->height) next[count++] = at + width;
  return count;
}

/* A cell that may be dug next to `at`, at random; -1 when there is none. */
static int dig_choose(const trm_task *task, trm__rng *rng, const int32_t *cells, int at) {
  int next[4], beyond[4], chosen = -1;
  uint32_t choices = 0;
  int count = dig_neighbours(task, at, next);
  for (int k = 0; k < count; k++) {
    int touched = 0, around = dig_neighbours(task, next[k], beyond);
    for (int j = 0; j < around; j++) touched += cells[beyond[j]] != TRM__MAZE_WALL;
    if (cells[next[k]] != TRM__MAZE_WALL || touched != 1) continue;
    if (trm__rng_below(rng, ++choices) == 0) chosen = next[k];
  }
  return chosen;
}

/* Digs depth first. Returns the cell farthest from start; what is left of the stack is its way. stack: [cells]. */
static int maze_dig(const trm_task *task, trm__rng *rng, int32_t *cells, int start, int32_t *stack) {
  int depth = 0, deepest = 0, farthest = start;
  cells[start] = TRM__MAZE_FREE;
  stack[depth++] = start;
  while (depth > 0) {
    int to = dig_choose(task, rng, cells, stack[depth - 1]);
    if (to < 0) {
      depth--;
      continue;
    }
    cells[to] = TRM__MAZE_FREE;
    if (depth > deepest) deepest = depth, farthest = to;
    stack[depth++] = to;
  }
  return farthest;
}

trm_status trm__maze_generate(const trm_task *task, trm__rng *rng, int32_t *question, int32_t *answer, trm_error *err) {
  int count = task->width * task->height;
  if (count < 2)
    return trm__fail(err, TRM_E_UNSUPPORTED, "maze", "a grid of one cell has no room for start and goal, expected two");
  int32_t *room = trm__calloc((size_t)count, 2 * sizeof *room);
  if (!room) return trm__fail_memory(err, "maze", (size_t)count * 2 * sizeof *room);
  for (int i = 0; i < count; i++) question[i] = TRM__MAZE_WALL;
  int start = (int)trm__rng_below(rng, (uint32_t)count), goal = maze_dig(task, rng, question, start, room);
  question[start] = TRM__MAZE_START;
  question[goal] = TRM__MAZE_GOAL;
  (void)trm__maze_label(task->width, task->height, question, answer, room, room + count);
  trm__free(room);
  return TRM_OK;
}
