/* Augmentation: a random symmetry of a puzzle, applied to an example in place. */
#ifndef TRM_TASK_AUGMENT_H
#define TRM_TASK_AUGMENT_H

#include <stdint.h>
#include <trm/task.h>

#include "base/rng.h"

/* 1 when the task has augmentations that trm__augment applies: Sudoku of known sizes, mazes of at most 4096 cells. */
int trm__augment_known(const trm_task *task);

/* Replaces inputs and labels [width*height] by an image under a random symmetry of the task, drawn from rng; does
 * nothing when it knows none. Padding and labels of -100 move with their cells and keep their value. Sudoku: values,
 * rows, columns, bands, stacks and, where boxes are square, transposition. Maze: a symmetry of the square or rectangle.
 * Labels that are what trm__maze_label gives for the question (-100 may stand where the question is not free) are
 * computed again for the image, with -100 moved; any other labels, such as another shortest path, a detour or none,
 * move with their cells. */
void trm__augment(const trm_task *task, trm__rng *rng, int32_t *inputs, int32_t *labels);

#endif
