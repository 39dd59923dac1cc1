/* ARC's grids as a task kind: 30x30 tokens, of which padding lies outside the grid, 1 marks its end and 2 to 11 are the
 * colours 0 to 9 (grid.h). Collections of small grids may stand in smaller squares. A task's rule is what a solver has
 * to find, so there is none to judge by. */
#include <stdio.h>
#include <trm/arc.h>

#include "base/status.h"
#include "task/arc/grid.h"
#include "task/kind.h"
#include "task/task.h"

trm_task trm__task_arc_side(int side) {
  return (trm_task){.kind = TRM_TASK_ARC, .width = side, .height = side, .vocab_size = 12, .alphabet = "|0123456789"};
}

int trm_arc_side(const trm_task *task) {
  return task->kind == TRM_TASK_ARC ? task->width : 0;
}

trm_task trm__task_arc(void) {
  return trm__task_arc_side(TRM__ARC_SIDE);
}

static int arc_infer(trm_task *task, int64_t seq_len, int64_t vocab_size) {
  *task = trm__task_arc();
  return seq_len == 900 && (!vocab_size || vocab_size == 12);
}

static trm_status arc_shape(trm_task *same, const trm_task *task, const char *where, trm_error *err) {
  if (task->width != task->height || task->width > TRM__ARC_SIDE)
    return trm__fail(err, TRM_E_INPUT, where, "a grid of %d x %d, expected a square of at most %d x %d for kind arc",
                     task->width, task->height, TRM__ARC_SIDE, TRM__ARC_SIDE);
  *same = trm__task_arc_side(task->width);
  return TRM_OK;
}

/* Mazes have as many cells, and when they are written as numbers these are 0 to 5: a colour beyond, an end mark or
 * padding tells ARC's grids from them. */
static int arc_fits(const trm_task *task, int numbers, const int32_t *question, const int32_t *answer) {
  (void)numbers;
  for (int i = 0; i < task->width * task->height; i++)
    if (question[i] < 2 || question[i] > 7 || answer[i] < 2 || answer[i] > 7) return 1;
  return 0;
}

static void arc_title(const trm_task *task, char *text, size_t size) {
  (void)snprintf(text, size, "ARC grid %dx%d", task->width, task->height);
}

static void arc_symbols(const trm_task *task, int16_t *map) {
  (void)task;
  map['_'] = 0;
}

const trm__kind trm__kind_arc = {
    .name = "arc",
    .first_number = 2, /* the colour 0 */
    .infer = arc_infer,
    .shape = arc_shape,
    .fits = arc_fits,
    .title = arc_title,
    .symbols = arc_symbols,
    .parse = trm__text_parse,
    .render = trm__text_render,
};
