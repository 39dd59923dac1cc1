/* Mazes as a task kind: 30x30 cells in the published set, any size elsewhere. Augmentation and key know the symmetries
 * of the rectangle. Labels stay of one kind: those of one example are computed again under every symmetry or moved
 * under every one. */
#include "task/kind.h"

#include <stdio.h>
#include <string.h>

#include "task/hash.h"
#include "task/maze/generate.h"
#include "task/maze/grade.h"
#include "task/maze/maze.h"
#include "task/maze/rules.h"

enum {
  MOST = 4096,    /* cells of the largest maze that is augmented */
  UNSCORED = -100 /* a label */
};

trm_task trm_task_maze(void) {
  return (trm_task){.kind = TRM_TASK_MAZE, .width = 30, .height = 30, .vocab_size = 6, .alphabet = "# SGo"};
}

/* Arrays of tokens are mazes in the published size alone; texts, whose symbols tell more, in every square. */
static int maze_infer(trm_task *task, int64_t seq_len, int64_t vocab_size) {
  *task = trm_task_maze();
  if (seq_len == 900) return !vocab_size || vocab_size == 6;
  for (int side = 3; !vocab_size && (int64_t)side * side <= seq_len; side++)
    if ((int64_t)side * side == seq_len) {
      task->width = task->height = side;
      return 1;
    }
  return 0;
}

static trm_status maze_shape(trm_task *same, const trm_task *task, const char *where, trm_error *err) {
  (void)where, (void)err;
  *same = trm_task_maze();
  same->width = task->width;
  same->height = task->height;
  return TRM_OK;
}

static int maze_fits(const trm_task *task, int numbers, const int32_t *question, const int32_t *answer) {
  int starts = 0, goals = 0;
  (void)answer;
  for (int i = 0; i < task->width * task->height; i++) {
    starts += question[i] == TRM__MAZE_START;
    goals += question[i] == TRM__MAZE_GOAL;
  }
  return !numbers && starts == 1 && goals == 1;
}

static void maze_title(const trm_task *task, char *text, size_t size) {
  (void)snprintf(text, size, "maze %dx%d", task->width, task->height);
}

static void maze_add_symbols(const trm_task *task, int16_t *map) {
  (void)task;
  map['.'] = TRM__MAZE_FREE;
}

static void maze_expected(const trm_task *task, int answer, char *text, size_t size) {
  (void)task, (void)answer;
  snprintf(text, size, "# (wall), space or . (free), S, G or o");
}

static void maze_draw(const trm_task *task, const int32_t *question, const int32_t *tokens, trm_task_drawing *drawing,
                      trm_task_cell *cells) {
  static const uint8_t looks[] = {[TRM__MAZE_WALL] = TRM_LOOK_WALL,   [TRM__MAZE_FREE] = TRM_LOOK_EMPTY,
                                  [TRM__MAZE_START] = TRM_LOOK_START, [TRM__MAZE_GOAL] = TRM_LOOK_GOAL,
                                  [TRM__MAZE_PATH] = TRM_LOOK_PATH};
  (void)drawing;
  for (int i = 0; i < task->width * task->height; i++)
    if (tokens[i] >= TRM__MAZE_WALL && tokens[i] <= TRM__MAZE_PATH) cells[i].look = looks[tokens[i]];
  trm__maze_mark(task, question, tokens, cells);
}

/* Of the path that is marked. */
static double maze_rate(const trm_task *task, const int32_t *question, const int32_t *answer) {
  int moves = 1;
  (void)question;
  for (int i = 0; i < task->width * task->height; i++) moves += answer[i] == TRM__MAZE_PATH;
  return moves;
}

/* -- augmentation -------------------------------------------------------------------------------------------------- */

static int maze_symmetric(const trm_task *task) {
  return task->width > 0 && task->height > 0 && task->width <= MOST / task->height;
}

/* 1 when labels are those of the published rule. Cells that no label can change (walls, padding) may be unscored. rule,
 * queue, parent: room to work in. */
static int maze_follows_rule(const trm_task *task, const int32_t *inputs, const int32_t *labels, int32_t *rule,
                             int32_t *queue, int32_t *parent) {
  if (!trm__maze_label(task->width, task->height, inputs, rule, queue, parent)) return 0;
  for (int i = 0; i < task->width * task->height; i++)
    if (labels[i] != rule[i] && (labels[i] != UNSCORED || inputs[i] == TRM__MAZE_FREE)) return 0;
  return 1;
}

/* Question and labels move together. Labels that follow the rule are then computed again by it, because moved ones may
 * be another of several shortest paths than the one that the rule finds in the image; all others are their author's. */
static void maze_augment(const trm_task *task, trm__rng *rng, int32_t *inputs, int32_t *labels) {
  int32_t room[MOST], queue[MOST], parent[MOST];
  int transforms[8], count = trm__grid_transforms(task->width, task->height, transforms);
  int transform = transforms[trm__rng_below(rng, (uint32_t)count)], cells = task->width * task->height;
  if (transform == 0) return;
  int again = maze_follows_rule(task, inputs, labels, room, queue, parent);
  trm__grid_dihedral(transform, task->width, task->height, inputs, room);
  memcpy(inputs, room, sizeof(room[0]) * (size_t)cells);
  trm__grid_dihedral(transform, task->width, task->height, labels, room);
  memcpy(labels, room, sizeof(room[0]) * (size_t)cells);
  if (!again || !trm__maze_label(task->width, task->height, inputs, room, queue, parent)) return;
  for (int i = 0; i < cells; i++)
    if (labels[i] != UNSCORED) labels[i] = room[i];
}

/* -- key ----------------------------------------------------------------------------------------------------------- */

static uint64_t maze_hash(const int32_t *tokens, int width, int height, trm__grid_walk walk) {
  uint64_t hash = TRM__HASH_START;
  for (int r = 0; r < height; r++)
    for (int c = 0; c < width; c++) hash = trm__hash_token(hash, tokens[walk.first + r * walk.down + c * walk.right]);
  return trm__hash_finish(hash);
}

/* The cell that holds the token, or -1 when none or more than one does. */
static int maze_only(const int32_t *tokens, int cells, int32_t token) {
  int at = -1, count = 0;
  for (int i = 0; i < cells; i++)
    if (tokens[i] == token) at = i, count++;
  return count == 1 ? at : -1;
}

/* Where cell `at` of a grid lies in the image; -1 stays. */
static int64_t maze_place(int at, int transform, int width, int height) {
  trm__grid_walk back = trm__grid_walk_of(trm__dihedral_inverse(transform), width, height);
  return at < 0 ? at : back.first + at / width * back.down + at % width * back.right;
}

/* Of all images those in which start, then goal lie first, and of these the least hash: a choice among the images that
 * does not depend on which of them was given. Mostly one image is left and one hash computed. */
static uint64_t maze_key(const trm_task *task, const int32_t *tokens, size_t cells) {
  int width = task->width, height = task->height, transforms[8];
  int count = trm__grid_transforms(width, height, transforms);
  int start = maze_only(tokens, (int)cells, TRM__MAZE_START), goal = maze_only(tokens, (int)cells, TRM__MAZE_GOAL);
  int64_t place[8], first = INT64_MAX;
  for (int k = 0; k < count; k++) {
    place[k] = maze_place(start, transforms[k], width, height) * width * height +
               maze_place(goal, transforms[k], width, height);
    if (place[k] < first) first = place[k];
  }
  uint64_t least = UINT64_MAX;
  for (int k = 0; k < count; k++) {
    if (place[k] != first) continue;
    uint64_t hash = maze_hash(tokens, width, height, trm__grid_walk_of(transforms[k], width, height));
    if (hash < least) least = hash;
  }
  return least;
}

const trm__kind trm__kind_maze = {
    .name = "maze",
    .rules = "path cells (o) lead from S to G over free cells, and none lies apart",
    .first_number = 1,
    .frame = TRM__MAZE_WALL,
    .infer = maze_infer,
    .shape = maze_shape,
    .fits = maze_fits,
    .title = maze_title,
    .symbols = maze_add_symbols,
    .expected = maze_expected,
    .parse = trm__text_parse,
    .render = trm__text_render,
    .draw = maze_draw,
    .judge = trm__maze_judge,
    .fault = trm__maze_fault,
    .remark = trm__maze_remark,
    .metrics = trm__maze_metrics,
    .grade = trm__maze_grade,
    .check = trm__maze_check,
    .unique = trm__maze_unique,
    .search = trm__maze_search,
    .rating = "rating",
    .rate = maze_rate,
    .symmetric = maze_symmetric,
    .augment = maze_augment,
    .key = maze_key,
};
