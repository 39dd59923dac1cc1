/* The symmetries of a grid: see grid.h. */
#include "task/grid.h"

int trm__grid_transforms(int width, int height, int transforms[8]) {
  static const int any[8] = {0, 1, 2, 3, 4, 5, 6, 7}, keeps_shape[4] = {0, 2, 4, 5};
  int count = width == height ? 8 : 4;
  for (int k = 0; k < count; k++) transforms[k] = count == 8 ? any[k] : keeps_shape[k];
  return count;
}

trm__grid_walk trm__grid_walk_of(int transform, int width, int height) {
  int last_row = (height - 1) * width, last_column = width - 1;
  switch (transform) {
  case 1:
    return (trm__grid_walk){.first = last_column, .down = -1, .right = width};
  case 2:
    return (trm__grid_walk){.first = last_row + last_column, .down = -width, .right = -1};
  case 3:
    return (trm__grid_walk){.first = last_row, .down = 1, .right = -width};
  case 4:
    return (trm__grid_walk){.first = last_column, .down = width, .right = -1};
  case 5:
    return (trm__grid_walk){.first = last_row, .down = -width, .right = 1};
  case 6:
    return (trm__grid_walk){.first = 0, .down = 1, .right = width};
  case 7:
    return (trm__grid_walk){.first = last_row + last_column, .down = -1, .right = -width};
  default:
    return (trm__grid_walk){.first = 0, .down = width, .right = 1};
  }
}

void trm__grid_dihedral(int transform, int width, int height, const int32_t *grid, int32_t *image) {
  trm__grid_walk walk = trm__grid_walk_of(transform, width, height);
  for (int r = 0; r < height; r++)
    for (int c = 0; c < width; c++) image[r * width + c] = grid[walk.first + r * walk.down + c * walk.right];
}

int trm__dihedral_inverse(int transform) {
  return transform == 1 ? 3 : transform == 3 ? 1 : transform;
}
