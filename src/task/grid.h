/* The symmetries of a grid, whatever it shows: turned and mirrored. */
#ifndef TRM_TASK_GRID_H
#define TRM_TASK_GRID_H

#include <stdint.h>

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
