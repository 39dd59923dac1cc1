/* Mazes: labels by breadth-first search in the order that the published set was labelled with. A transform of the grid
 * changes which of several shortest paths that rule finds. */
#include "task/maze/maze.h"

static int maze_find_ends(int cells, const int32_t *inputs, int *start, int *goal) {
  int starts = 0, goals = 0;
  for (int i = 0; i < cells; i++) {
    if (inputs[i] == TRM__MAZE_START) *start = i, starts++;
    if (inputs[i] == TRM__MAZE_GOAL) *goal = i, goals++;
  }
  return starts == 1 && goals == 1;
}

/* Fills parent from start until goal is reached; 0 when it cannot be. Unvisited cells have parent -1. */
static int maze_search(int width, int height, const int32_t *inputs, int start, int goal, int32_t *queue,
                       int32_t *parent) {
  static const int step_row[4] = {1, 0, 0, -1}, step_column[4] = {0, -1, 1, 0};
  int head = 0, tail = 0;
  for (int i = 0; i < width * height; i++) parent[i] = -1;
  parent[start] = start;
  queue[tail++] = start;
  while (head < tail && parent[goal] < 0) {
    int at = queue[head++];
    for (int k = 0; k < 4; k++) {
      int r = at / width + step_row[k], c = at % width + step_column[k], next = r * width + c;
      if (r < 0 || r >= height || c < 0 || c >= width || parent[next] >= 0) continue;
      if (inputs[next] != TRM__MAZE_FREE && inputs[next] != TRM__MAZE_GOAL) continue;
      parent[next] = at;
      queue[tail++] = next;
    }
  }
  return parent[goal] >= 0;
}

int trm__maze_label(int width, int height, const int32_t *inputs, int32_t *labels, int32_t *queue, int32_t *parent) {
  int start = 0, goal = 0;
  if (!maze_find_ends(width * height, inputs, &start, &goal)) return 0;
  if (!maze_search(width, height, inputs, start, goal, queue, parent)) return 0;
  for (int i = 0; i < width * height; i++) labels[i] = inputs[i];
  for (int at = parent[goal]; at != start; at = parent[at]) labels[at] = TRM__MAZE_PATH;
  return 1;
}

int trm__maze_distances(int width, int height, const int32_t *cells, int start, int32_t *queue, int32_t *distance) {
  int head = 0, tail = 0;
  for (int i = 0; i < width * height; i++) distance[i] = -1;
  distance[start] = 0;
  queue[tail++] = start;
  while (head < tail) {
    int at = queue[head++], r = at / width, c = at % width;
    const int next[4] = {r + 1 < height ? at + width : -1, c > 0 ? at - 1 : -1, c + 1 < width ? at + 1 : -1,
                         r > 0 ? at - width : -1};
    for (int k = 0; k < 4; k++) {
      int to = next[k];
      if (to < 0 || distance[to] >= 0 || (cells[to] != TRM__MAZE_FREE && cells[to] != TRM__MAZE_GOAL)) continue;
      distance[to] = distance[at] + 1;
      queue[tail++] = to;
    }
  }
  return tail;
}
