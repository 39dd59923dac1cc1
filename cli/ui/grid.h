/* Puzzles as text for people: grids with box lines, changed or wrong cells marked, several side by side. How a task's
 * grid looks is the library's to say (trm_task_draw); here it is painted. */
#ifndef TRM_CLI_UI_GRID_H
#define TRM_CLI_UI_GRID_H

#include <stdint.h>
#include <stdio.h>
#include <trm/task.h>

typedef struct cli_grid {
  char *line[80]; /* with colours; all have the same visible width */
  int lines, width;
  int wrong; /* cells that are */
} cli_grid;

typedef struct cli_grid_style {
  const int32_t *question; /* its clues are bold where there is colour; NULL: none */
  const int32_t *previous; /* cells that differ from it are marked; NULL: none */
  const int32_t *right; /* cells that differ from it are the wrong ones, where it is 0 or more; NULL: the rules say */
  int wrong;            /* 1: wrong cells are marked: by the rules those that break one or change a clue */
  int color;            /* 0: a changed cell has a '*' before it, a wrong one a '!' */
} cli_grid_style;

/* Grids of up to 80 lines; 0 when the task's is larger. */
int cli_grid_open(cli_grid *grid, const trm_task *task, const int32_t *tokens, const cli_grid_style *style);
void cli_grid_close(cli_grid *grid);

/* count grids side by side under their captions (of two lines), as many in a row as columns hold. */
void cli_grids_print(FILE *file, const cli_grid *grids, char *const *captions, int count, int columns);

/* Cells where a and b differ. */
int cli_changed(const trm_task *task, const int32_t *a, const int32_t *b);

#endif
