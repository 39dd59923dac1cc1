/* Augmentation: random symmetries of Sudoku grids and mazes, applied to questions and labels alike. */
#include "task/augment.h"

#include <string.h>

#include "task/maze/maze.h"
#include "task/sudoku/sudoku.h"

/* Tokens of a Sudoku: 1 is the blank, v + 1 the value v. */
enum { BLANK = 1 };

static const trm__sudoku_geometry *augment_geometry(const trm_task *task) {
  if (task->kind != TRM_TASK_SUDOKU || task->width != task->height) return NULL;
  const trm__sudoku_geometry *g = trm__sudoku_geometry_of(task->width);
  return g && g->box_width == task->box_width && g->box_height == task->box_height ? g : NULL;
}

int trm__augment_known(const trm_task *task) {
  if (task->kind == TRM_TASK_MAZE)
    return task->width > 0 && task->height > 0 && task->width <= TRM__AUGMENT_MAX_MAZE / task->height;
  return augment_geometry(task) != NULL;
}

static void augment_tokens(const trm__sudoku_symmetry *symmetry, int32_t *tokens) {
  int n = symmetry->size;
  int32_t from[TRM__SUDOKU_CELLS];
  memcpy(from, tokens, sizeof(from[0]) * (size_t)(n * n));
  for (int r = 0; r < n; r++)
    for (int c = 0; c < n; c++) {
      int32_t t = from[trm__sudoku_symmetry_source(symmetry, r, c)];
      tokens[r * n + c] = t > BLANK && t <= BLANK + n ? BLANK + symmetry->value[t - BLANK] : t;
    }
}

static void augment_maze(const trm_task *task, trm__rng *rng, int32_t *inputs, int32_t *labels) {
  int32_t image[TRM__AUGMENT_MAX_MAZE], queue[TRM__AUGMENT_MAX_MAZE], parent[TRM__AUGMENT_MAX_MAZE];
  int transforms[8], count = trm__grid_transforms(task->width, task->height, transforms);
  int transform = transforms[trm__rng_below(rng, (uint32_t)count)];
  if (transform == 0) return;
  trm__grid_dihedral(transform, task->width, task->height, inputs, image);
  if (!trm__maze_label(task->width, task->height, image, labels, queue, parent)) return;
  memcpy(inputs, image, sizeof(image[0]) * (size_t)(task->width * task->height));
}

void trm__augment(const trm_task *task, trm__rng *rng, int32_t *inputs, int32_t *labels) {
  if (!trm__augment_known(task)) return;
  if (task->kind == TRM_TASK_MAZE) {
    augment_maze(task, rng, inputs, labels);
    return;
  }
  trm__sudoku_symmetry symmetry = trm__sudoku_symmetry_random(augment_geometry(task), rng);
  augment_tokens(&symmetry, inputs);
  augment_tokens(&symmetry, labels);
}
