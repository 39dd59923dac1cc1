/* Grading paths: the moves from start to goal over the cells that an answer marks, beside the fewest that there are. */
#include "task/maze/grade.h"

#include <stdio.h>

#include "base/mem.h"
#include "task/maze/maze.h"
#include "task/maze/rules.h"

const char *const trm__maze_metrics[] = {"optimal", "connected", NULL};

typedef struct lengths {
  int keeps;    /* the answer changes no wall, start or goal */
  int marked;   /* cells that it marks as path */
  int moves;    /* over these from start to goal; -1: there is no way */
  int shortest; /* over all free cells; -1: there is no way, or memory ran out */
} lengths;

/* Moves from start to goal over cells that hold the token. room: [3][cells]. */
static int lengths_measure(const trm_task *task, const int32_t *tokens, int32_t walkable, int32_t *room) {
  int cells = task->width * task->height, start = -1, goal = -1;
  for (int i = 0; i < cells; i++) {
    if (tokens[i] == TRM__MAZE_START) start = i;
    if (tokens[i] == TRM__MAZE_GOAL) goal = i;
    room[i] = tokens[i] == walkable ? TRM__MAZE_FREE : tokens[i] == TRM__MAZE_GOAL ? TRM__MAZE_GOAL : TRM__MAZE_WALL;
  }
  if (start < 0 || goal < 0) return -1;
  int32_t *distance = room + 2 * cells;
  (void)trm__maze_distances(task->width, task->height, room, start, room + cells, distance);
  return distance[goal];
}

static lengths lengths_of(const trm_task *task, const int32_t *question, const int32_t *answer) {
  int cells = task->width * task->height;
  lengths l = {.keeps = 1, .moves = -1, .shortest = -1};
  int32_t *room = trm__calloc((size_t)cells, 3 * sizeof *room);
  for (int i = 0; i < cells; i++) {
    l.keeps &= trm__maze_keeps(question[i], answer[i]);
    l.marked += answer[i] == TRM__MAZE_PATH;
  }
  if (room) {
    l.moves = lengths_measure(task, answer, TRM__MAZE_PATH, room);
    l.shortest = lengths_measure(task, question, TRM__MAZE_FREE, room);
  }
  trm__free(room);
  return l;
}

void trm__maze_grade(const trm_task *task, const int32_t *question, const int32_t *answer, uint8_t *has) {
  lengths l = lengths_of(task, question, answer);
  has[0] = l.keeps && l.moves > 0 && l.moves == l.shortest && l.marked == l.moves - 1;
  has[1] = l.keeps && l.moves > 0;
}

void trm__maze_remark(const trm_task *task, const int32_t *question, const int32_t *answer, char *text, size_t size) {
  lengths l = lengths_of(task, question, answer);
  int longer = l.moves - l.shortest, beside = l.marked - (l.moves - 1);
  char more[48] = ", the shortest", spare[48] = "";
  if (l.moves < 1 || l.shortest < 1) return;
  if (longer) (void)snprintf(more, sizeof more, ", %d longer than the shortest", longer);
  if (beside) (void)snprintf(spare, sizeof spare, "; %d cell%s marked beside it", beside, beside == 1 ? "" : "s");
  (void)snprintf(text, size, "a path of %d move%s%s%s", l.moves, l.moves == 1 ? "" : "s", more, spare);
}
