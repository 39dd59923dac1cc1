/* Pictures of grids: see blocks.h. Walls are grey and the path is green on any terminal; half a character high, upper
 * and lower half of a half block are two cells, one in its own colour, one in that of the background. */
#include "cli/ui/blocks.h"

#include <string.h>

#include "cli/cli.h"

enum { AROUND = 6, CELL = 40 }; /* lines beside the grid's; bytes of a cell with its colours */

/* What a cell is painted with: the number of a foreground colour, 10 less than that of a background; 0: none. */
static int blocks_color(const cli_blocks *b, int cell) {
  static const int colors[] = {[TRM_LOOK_WALL] = 90, [TRM_LOOK_PATH] = 32, [TRM_LOOK_START] = 36, [TRM_LOOK_GOAL] = 35};
  const trm_task_cell *c = &b->cells[cell];
  const int32_t *previous = b->style->previous;
  if (b->style->wrong && c->wrong) return 31;
  if (previous && previous[cell] != b->tokens[cell]) return c->look == TRM_LOOK_EMPTY ? 33 : 92;
  return c->look < sizeof colors / sizeof *colors ? colors[c->look] : 0;
}

int cli_blocks_has(const trm_task_drawing *drawing, const trm_task_cell *cells) {
  for (int i = 0; i < drawing->width * drawing->height; i++)
    if (cells[i].look) return 1;
  return 0;
}

static char *blocks_row(const cli_blocks *b, int row) {
  int width = b->drawing->width;
  char *line = cli_alloc((size_t)width * CELL + 1, 1), *p = line;
  for (int at = row * width; at < (row + 1) * width; at++) {
    int color = blocks_color(b, at), end = b->cells[at].look == TRM_LOOK_START || b->cells[at].look == TRM_LOOK_GOAL;
    const char *text = end || b->cells[at].look == TRM_LOOK_SYMBOL ? b->cells[at].text : " ";
    if (color) p += snprintf(p, CELL, "\033[1;97;%dm%s \033[0m", color + 10, text);
    else p += snprintf(p, CELL, "%s ", text);
  }
  return line;
}

/* Two rows; the lower one may be beyond the grid. */
static char *blocks_rows(const cli_blocks *b, int row) {
  int width = b->drawing->width, more = row + 1 < b->drawing->height;
  char *line = cli_alloc((size_t)width * CELL + 1, 1), *p = line;
  for (int c = 0; c < width; c++) {
    int upper = blocks_color(b, row * width + c), lower = more ? blocks_color(b, (row + 1) * width + c) : 0;
    if (upper && lower) p += snprintf(p, CELL, "\033[%d;%dm\u2580\033[0m", upper, lower + 10);
    else if (upper) p += snprintf(p, CELL, "\033[%dm\u2580\033[0m", upper);
    else if (lower) p += snprintf(p, CELL, "\033[%dm\u2584\033[0m", lower);
    else p += snprintf(p, CELL, " ");
  }
  return line;
}

/* "S G", each in its colour, as wide as the grid. */
static char *blocks_legend(int width) {
  char *line = cli_alloc((size_t)width + 2 * CELL, 1);
  (void)snprintf(line, (size_t)width + 2 * CELL, "\033[36mS\033[0m \033[35mG\033[0m%*s", width - 3, "");
  return line;
}

void cli_blocks_paint(cli_grid *grid, const cli_blocks *b) {
  const trm_task_drawing *d = b->drawing;
  int halves = cli_utf8() && d->height + AROUND > cli_rows(stdout) && d->width >= 3;
  grid->width = halves ? d->width : 2 * d->width;
  grid->wrong = d->wrong;
  for (int row = 0; row < d->height; row += 1 + halves)
    grid->line[grid->lines++] = halves ? blocks_rows(b, row) : blocks_row(b, row);
  if (halves) grid->line[grid->lines++] = blocks_legend(d->width);
}
