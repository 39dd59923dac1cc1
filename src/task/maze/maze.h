/* Mazes: the shortest path that the published data set labels, and the symmetries of a grid. Tokens are those of
 * trm_task_maze. */
#ifndef TRM_TASK_MAZE_MAZE_H
#define TRM_TASK_MAZE_MAZE_H

#include <stdint.h>

enum { TRM__MAZE_WALL = 1, TRM__MAZE_FREE = 2, TRM__MAZE_START = 3, TRM__MAZE_GOAL = 4, TRM__MAZE_PATH = 5 };

/* Labels [height*width] from inputs: the input with the path between start and goal marked, as found by a breadth-first
 * search from the start that tries down, left, right, up and keeps each cell's first parent. queue and parent
 * [height*width] are room to work in. Returns 0, labels untouched, when there is not exactly one start and one goal or
 * no path. */
int trm__maze_label(int width, int height, const int32_t *inputs, int32_t *labels, int32_t *queue, int32_t *parent);

/* Moves from start to each cell over free ones and goal, -1 where no way leads. queue [height*width] receives the cells
 * that are reached, the nearest first; returns how many. Goal is passed through like a free cell. */
int trm__maze_distances(int width, int height, const int32_t *cells, int start, int32_t *queue, int32_t *distance);

/* The eight symmetries of a square, numbered as for ARC: 0 identity; 1, 2, 3 counter-clockwise quarter turns; 4 left-
 * right flip; 5 up-down flip; 6 transpose; 7 left-right flip after a quarter turn. Only 0, 2, 4 and 5 keep the shape of
 * a grid that is not square; the others need width == height. */
void trm__grid_dihedral(int transform, int width, int height, const int32_t *grid, int32_t *image);
int trm__dihedral_inverse(int transform);
/* Writes the numbers of the symmetries that a grid of this shape has, in growing order; returns how many, 8 or 4. */
int trm__grid_transforms(int width, int height, int transforms[8]);

/* A transform as a way through the grid: cell (r, c) of the image is element first + r * down + c * right. */
typedef struct trm__grid_walk {
  int first, down, right;
} trm__grid_walk;
trm__grid_walk trm__grid_walk_of(int transform, int width, int height);

#endif
