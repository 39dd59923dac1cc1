/* Augmentation: random symmetries of Sudoku grids and mazes, applied to questions and labels alike. The labels stay of
 * one kind: those of one example are computed again under every symmetry or moved under every one. */
#include "task/augment.h"

#include <string.h>

#include "task/maze/maze.h"
#include "task/sudoku/sudoku.h"

enum {
  BLANK = 1,      /* tokens of a Sudoku: the blank, and v + 1 for the value v */
  UNSCORED = -100 /* a label */
};

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

/* 1 when labels are those of the published rule. Cells that no label can change (walls, padding) may be unscored. rule,
 * queue, parent: room to work in. */
static int augment_follows_rule(const trm_task *task, const int32_t *inputs, const int32_t *labels, int32_t *rule,
                                int32_t *queue, int32_t *parent) {
  if (!trm__maze_label(task->width, task->height, inputs, rule, queue, parent)) return 0;
  for (int i = 0; i < task->width * task->height; i++)
    if (labels[i] != rule[i] && (labels[i] != UNSCORED || inputs[i] == TRM__MAZE_FREE)) return 0;
  return 1;
}

/* Question and labels move together. Labels that follow the rule are then computed again by it, because moved ones may
 * be another of several shortest paths than the one that the rule finds in the image; all others are their author's. */
static void augment_maze(const trm_task *task, trm__rng *rng, int32_t *inputs, int32_t *labels) {
  int32_t room[TRM__AUGMENT_MAX_MAZE], queue[TRM__AUGMENT_MAX_MAZE], parent[TRM__AUGMENT_MAX_MAZE];
  int transforms[8], count = trm__grid_transforms(task->width, task->height, transforms);
  int transform = transforms[trm__rng_below(rng, (uint32_t)count)], cells = task->width * task->height;
  if (transform == 0) return;
  int again = augment_follows_rule(task, inputs, labels, room, queue, parent);
  trm__grid_dihedral(transform, task->width, task->height, inputs, room);
  memcpy(inputs, room, sizeof(room[0]) * (size_t)cells);
  trm__grid_dihedral(transform, task->width, task->height, labels, room);
  memcpy(labels, room, sizeof(room[0]) * (size_t)cells);
  if (!again || !trm__maze_label(task->width, task->height, inputs, room, queue, parent)) return;
  for (int i = 0; i < cells; i++)
    if (labels[i] != UNSCORED) labels[i] = room[i];
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
