/* Mazes: the shortest path that the published data set labels. Tokens are those of trm_task_maze. */
#ifndef TRM_TASK_MAZE_MAZE_H
#define TRM_TASK_MAZE_MAZE_H

#include <stdint.h>

#include "task/grid.h"

enum { TRM__MAZE_WALL = 1, TRM__MAZE_FREE = 2, TRM__MAZE_START = 3, TRM__MAZE_GOAL = 4, TRM__MAZE_PATH = 5 };

/* Labels [height*width] from inputs: the input with the path between start and goal marked, as found by a breadth-first
 * search from the start that tries down, left, right, up and keeps each cell's first parent. queue and parent
 * [height*width] are room to work in. Returns 0, labels untouched, when there is not exactly one start and one goal or
 * no path. */
int trm__maze_label(int width, int height, const int32_t *inputs, int32_t *labels, int32_t *queue, int32_t *parent);

/* Moves from start to each cell over free ones and goal, -1 where no way leads. queue [height*width] receives the cells
 * that are reached, the nearest first; returns how many. Goal is passed through like a free cell. */
int trm__maze_distances(int width, int height, const int32_t *cells, int start, int32_t *queue, int32_t *distance);

#endif
