/* Grids that are pictures, such as mazes: coloured cells in place of symbols. */
#ifndef TRM_CLI_UI_BLOCKS_H
#define TRM_CLI_UI_BLOCKS_H

#include "cli/ui/grid.h"

typedef struct cli_blocks {
  const trm_task_drawing *drawing;
  const trm_task_cell *cells; /* [width*height], as all of these */
  const int32_t *tokens;
  const cli_grid_style *style;
} cli_blocks;

/* 1 when a cell looks like something else than its symbol. */
int cli_blocks_has(const trm_task_drawing *drawing, const trm_task_cell *cells);
/* The grid's lines: a row of cells a line, each two columns wide; two rows a line where the terminal has too few lines
 * and shows UTF-8, with a line below that says what start and goal look like. */
void cli_blocks_paint(cli_grid *grid, const cli_blocks *blocks);

#endif
