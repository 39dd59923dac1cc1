/* Smaller puzzles in the model's grid: see framed.h. */
#include "cli/framed.h"

#include <stdlib.h>

/* The size of which the puzzles seem to be: of a table, squares of as many cells. */
static trm_task framed_guess(const trm_puzzle_kind *kind, const trm_task *grid) {
  trm_task task = *grid;
  int side = 1;
  if (kind->task.width) return kind->task;
  while ((size_t)side * (size_t)side < kind->cells) side++;
  if (kind->cells && (size_t)side * (size_t)side == kind->cells) task.width = task.height = side;
  return task;
}

int cli_framed_open(cli_framed *f, const cli_command *command, cli_puzzles *puzzles, const trm_puzzle_kind *kind,
                    const trm_task *grid) {
  trm_puzzle_kind looked = {0};
  char problem[CLI_PROBLEM], title[64], most[64];
  *f = (cli_framed){.task = *grid, .grid = *grid};
  if (trm_task_has_frame(grid)) {
    if (!kind) cli_puzzles_kind(puzzles, &looked, problem);
    trm_task task = framed_guess(kind ? kind : &looked, grid);
    if (trm_task_fits(&task, grid)) f->task = task;
    else if (task.kind == grid->kind)
      return cli_bad_input(command, "%s: the model solves %s and smaller", trm_task_title(&task, title, sizeof title),
                           trm_task_title(grid, most, sizeof most));
  }
  f->S = (size_t)f->task.width * (size_t)f->task.height;
  f->answer = cli_alloc(f->S, sizeof *f->answer);
  f->confidence = cli_alloc(f->S, sizeof *f->confidence);
  return CLI_CONTINUE;
}

void cli_framed_close(cli_framed *f) {
  free(f->answer);
  free(f->confidence);
  *f = (cli_framed){0};
}

trm_step cli_framed_step(cli_framed *f, const trm_step *step) {
  trm_step own = *step;
  trm_task_unframe(&f->task, &f->grid, step->answer, f->answer);
  trm_task_unframe_real(&f->task, &f->grid, step->confidence, f->confidence);
  own.answer = f->answer;
  own.confidence = f->confidence;
  return own;
}
