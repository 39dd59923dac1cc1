/* Random mazes of the published kind: each cell is a wall with one probability, which each maze draws from 30 to 50 %;
 * start is any free cell, goal any cell that start reaches in as many moves as are wanted. What has no such cell is
 * thrown away, so long paths are found where walls happen to allow them, as in the published set. */
#include "task/maze/generate.h"

#include "base/mem.h"
#include "base/status.h"
#include "task/maze/maze.h"

#define LEAST_WALLS 0.3
#define MOST_WALLS 0.5
enum { PER_PROGRESS = 256 }; /* tries between two calls of progress */

typedef struct maker {
  int width, height;            /* of the grid */
  int inner_width, inner_height; /* of the maze in its upper left corner; what is beside it is wall */
  int64_t min_path;             /* moves */
  int32_t *queue, *parent;      /* [cells] */
  int *distance;                /* [cells] */
} maker;

/* Walls and free cells at random. */
static void maker_scatter(const maker *m, trm__rng *rng, int32_t *cells) {
  double walls = LEAST_WALLS + (MOST_WALLS - LEAST_WALLS) * trm__rng_unit(rng);
  for (int r = 0; r < m->height; r++)
    for (int c = 0; c < m->width; c++) {
      int free_cell = r < m->inner_height && c < m->inner_width && trm__rng_unit(rng) >= walls;
      cells[r * m->width + c] = free_cell ? TRM__MAZE_FREE : TRM__MAZE_WALL;
    }
}

/* A cell of the maze, at random. */
static int maker_choose_cell(const maker *m, trm__rng *rng) {
  int row = (int)trm__rng_below(rng, (uint32_t)m->inner_height);
  return row * m->width + (int)trm__rng_below(rng, (uint32_t)m->inner_width);
}

/* A cell at random of those that are far enough from start; -1 when none is. */
static int maker_choose_goal(const maker *m, trm__rng *rng, const int32_t *cells, int start) {
  int reached = trm__maze_distances(m->width, m->height, cells, start, m->queue, m->distance), first = 1;
  while (first < reached && m->distance[m->queue[first]] < m->min_path) first++;
  return first < reached ? m->queue[first + (int)trm__rng_below(rng, (uint32_t)(reached - first))] : -1;
}

/* One try; 0 when the maze is not as wanted. */
static int maker_try(const maker *m, trm__rng *rng, int32_t *question, int32_t *answer) {
  maker_scatter(m, rng, question);
  int start = maker_choose_cell(m, rng);
  int goal = question[start] == TRM__MAZE_FREE ? maker_choose_goal(m, rng, question, start) : -1;
  if (goal < 0) return 0;
  question[start] = TRM__MAZE_START;
  question[goal] = TRM__MAZE_GOAL;
  return trm__maze_label(m->width, m->height, question, answer, m->queue, m->parent);
}

static trm_status maker_run(const maker *m, trm__rng *rng, const trm_wanted *wanted, int32_t *question,
                            int32_t *answer, trm_error *err) {
  for (int64_t tried = 0; tried < wanted->tries; tried++) {
    if (tried && tried % PER_PROGRESS == 0 && wanted->progress && wanted->progress(wanted->context, tried))
      return trm__fail(err, TRM_E_STOPPED, "maze", "stopped after %lld tries", (long long)tried);
    if (maker_try(m, rng, question, answer)) return TRM_OK;
  }
  return trm__fail(err, TRM_E_INPUT, "maze",
                   "none of %lld random mazes of %d x %d has a path of %lld moves, expected a shorter one (min_path)",
                   (long long)wanted->tries, m->inner_width, m->inner_height, (long long)m->min_path);
}

/* A side between the wanted ones, or the grid's. */
static int maker_side(const trm_wanted *wanted, trm__rng *rng, int side) {
  int64_t most = wanted->max_side && wanted->max_side < side ? wanted->max_side : side;
  int64_t least = wanted->min_side ? wanted->min_side : most;
  return (int)(least + trm__rng_below(rng, (uint32_t)(most - least + 1)));
}

static trm_status maker_check(const trm_task *task, const trm_wanted *wanted, trm_error *err) {
  int64_t cells = (int64_t)task->width * task->height;
  int least = task->width < task->height ? task->width : task->height;
  if (cells < 2)
    return trm__fail(err, TRM_E_UNSUPPORTED, "maze", "a grid of one cell has no room for start and goal, expected two");
  if (wanted->min_clues || wanted->max_clues || wanted->min_guesses || wanted->max_guesses >= 0)
    return trm__fail(err, TRM_E_USAGE, "maze", "clues and guesses are of Sudoku, expected min_path or sides");
  if (wanted->min_path < 0 || wanted->min_path >= cells)
    return trm__fail(err, TRM_E_USAGE, "min_path", "found %lld moves, expected 0 to %lld in a grid of %d x %d",
                     (long long)wanted->min_path, (long long)cells - 1, task->width, task->height);
  if (wanted->min_side < 0 || wanted->max_side < 0 || wanted->min_side > least || wanted->max_side > least ||
      (wanted->max_side && wanted->max_side < wanted->min_side) || wanted->max_side == 1)
    return trm__fail(err, TRM_E_USAGE, "min_side", "found sides of %lld to %lld, expected some of 2 to %d",
                     (long long)wanted->min_side, (long long)wanted->max_side, least);
  return TRM_OK;
}

trm_status trm__maze_search(const trm_task *task, trm__rng *rng, const trm_wanted *wanted, int32_t *question,
                            int32_t *answer, trm_error *err) {
  trm_status status = maker_check(task, wanted, err);
  if (status) return status;
  size_t count = (size_t)task->width * (size_t)task->height;
  int32_t *room = trm__calloc(count, 3 * sizeof *room);
  if (!room) return trm__fail_memory(err, "maze", count * 3 * sizeof *room);
  maker m = {.width = task->width,
             .height = task->height,
             .inner_width = maker_side(wanted, rng, task->width),
             .inner_height = maker_side(wanted, rng, task->height),
             .queue = room,
             .parent = room + count,
             .distance = room + 2 * count};
  int side = m.inner_width > m.inner_height ? m.inner_width : m.inner_height;
  m.min_path = wanted->max_side ? wanted->min_path * side / wanted->max_side : wanted->min_path;
  status = maker_run(&m, rng, wanted, question, answer, err);
  trm__free(room);
  return status;
}
