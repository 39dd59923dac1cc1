/* Steps in place: see animation.h. The cursor stays under the last line; the next step begins by going up as many lines
 * as were drawn. */
#include "cli/ui/animation.h"

#include <math.h>
#include <time.h>

#include "cli/ui/grid.h"

#define MOMENT 0.2   /* seconds that a changed answer can be seen at least */
#define PATIENCE 4.0 /* seconds of waiting, for all steps together */
enum { AROUND = 4 }; /* lines beside the grid's */

static void animation_erase(cli_animation *a) {
  if (a->lines) printf("\033[%dA\r\033[J", a->lines);
  a->lines = 0;
}

/* Lets the last changed answer be seen, as long as patience lasts. */
static void animation_wait(cli_animation *a) {
  double left = fmin(a->drawn + MOMENT - trm_clock(), PATIENCE - a->waited);
  if (!a->shown || !(left > 0) || cli_interrupted()) return;
  struct timespec t = {.tv_nsec = (long)(1e9 * left)};
  (void)nanosleep(&t, NULL);
  a->waited += left;
}

static void animation_draw(cli_animation *a, const cli_grid *grid, const cli_trace_step *step, int changed) {
  char percent[32];
  animation_erase(a);
  printf("step %d: %d changed, confidence %s\n\n", step->step, changed,
         cli_percent(1 / (1 + exp(-(double)step->q)), percent));
  cli_grids_print(stdout, grid, NULL, 1, cli_columns(stdout));
  (void)fflush(stdout);
  a->lines = grid->lines + 2;
}

void cli_animation_show(cli_animation *a, const trm_task *task, const int32_t *question, const cli_trace *trace) {
  const cli_trace_step *step = &trace->step[trace->count - 1];
  const int32_t *before = trace->count > 1 ? step[-1].answer : question;
  cli_grid_style style = {.question = question, .previous = before, .color = cli_color(stdout)};
  cli_grid grid;
  if (!cli_is_terminal(stdout) || !cli_grid_open(&grid, task, step->answer, &style)) return;
  if (grid.lines + AROUND <= cli_rows(stdout) && grid.width < cli_columns(stdout)) {
    int changed = cli_changed(task, before, step->answer);
    if (changed) animation_wait(a);
    animation_draw(a, &grid, step, changed);
    if (changed) a->drawn = trm_clock();
    a->shown = 1;
  }
  cli_grid_close(&grid);
}

int cli_animation_end(cli_animation *a) {
  int shown = a->shown;
  animation_wait(a);
  animation_erase(a);
  a->shown = 0;
  return shown;
}
