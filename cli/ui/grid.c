/* Grids as text: see grid.h. A cell with a mark is two columns, mark and symbol, so that marks never shift the grid. */
#include "cli/ui/grid.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/ui/blocks.h"

#define LINES (int)(sizeof((cli_grid *)0)->line / sizeof(char *))
#define GAP 3
#define CAPTION_LINES 2

/* What is painted: the library says how the grid looks. */
typedef struct painter {
  trm_task_drawing drawing;
  trm_task_cell *cells;  /* [width*height] */
  const int32_t *tokens; /* [width*height] */
  const cli_grid_style *style;
} painter;

static char *grid_put(char *p, const char *text) {
  size_t length = strlen(text);
  memcpy(p, text, length + 1);
  return p + length;
}

/* A changed cell's mark comes before a wrong one's: where changes are shown, they are what is looked for. */
static char *grid_put_cell(char *p, const painter *paint, int cell) {
  const cli_grid_style *style = paint->style;
  const trm_task_cell *c = &paint->cells[cell];
  int changed = style->previous && style->previous[cell] != paint->tokens[cell], wrong = style->wrong && c->wrong;
  if (paint->drawing.cell_width > 1) *p++ = style->color ? ' ' : changed ? '*' : wrong ? '!' : ' ';
  if (!style->color) return grid_put(p, c->text);
  const char *on = changed ? "\033[1;32m" : wrong ? "\033[1;31m" : c->clue ? "\033[1m" : "";
  p = grid_put(p, on);
  p = grid_put(p, c->text);
  return *on ? grid_put(p, "\033[0m") : p;
}

static char *grid_paint_row(const painter *paint, int row) {
  const trm_task_drawing *d = &paint->drawing;
  char *line = cli_alloc((size_t)d->width * (sizeof paint->cells->text + 16) + 1, 1), *p = line;
  for (int c = 0; c < d->width; c++) {
    if (d->box_width && c && c % d->box_width == 0) p = grid_put(p, " |");
    p = grid_put_cell(p, paint, row * d->width + c);
  }
  return line;
}

/* Between two bands of boxes: a plus sign under each bar. */
static char *grid_paint_rule(const trm_task_drawing *d, int width) {
  char *line = cli_alloc((size_t)width + 1, 1);
  memset(line, '-', (size_t)width);
  line[0] = ' ';
  int block = d->cell_width * d->box_width + 2; /* columns of a box with its bar */
  for (int bar = block - 1; bar < width && d->box_width; bar += block) line[bar] = '+';
  return line;
}

static void grid_paint(cli_grid *grid, const painter *paint) {
  const trm_task_drawing *d = &paint->drawing;
  grid->width = d->width * d->cell_width;
  grid->wrong = d->wrong;
  if (d->box_width) grid->width += 2 * ((d->width - 1) / d->box_width);
  for (int row = 0; row < d->height; row++) {
    if (d->box_height && row && row % d->box_height == 0) grid->line[grid->lines++] = grid_paint_rule(d, grid->width);
    grid->line[grid->lines++] = grid_paint_row(paint, row);
  }
}

/* Wrong is what differs, whatever the rules say of it. */
static void grid_compare(const painter *paint, trm_task_drawing *drawing) {
  drawing->wrong = 0;
  for (int i = 0; i < drawing->width * drawing->height; i++) {
    int32_t right = paint->style->right[i];
    paint->cells[i].wrong = right >= 0 && right != paint->tokens[i];
    drawing->wrong += paint->cells[i].wrong;
  }
}

int cli_grid_open(cli_grid *grid, const trm_task *task, const int32_t *tokens, const cli_grid_style *style) {
  painter paint = {.tokens = tokens, .style = style};
  memset(grid, 0, sizeof *grid);
  if (task->height > LINES || task->width > 4096) return 0;
  paint.cells = cli_alloc((size_t)task->width * (size_t)task->height, sizeof *paint.cells);
  paint.drawing = trm_task_draw(task, style->question, tokens, paint.cells);
  if (style->right) grid_compare(&paint, &paint.drawing);
  int bands = paint.drawing.box_height ? (task->height - 1) / paint.drawing.box_height : 0;
  int marks = !style->color && (style->previous || (style->wrong && paint.drawing.wrong));
  if (marks) paint.drawing.cell_width = 2;
  int fits = task->height + bands <= LINES;
  if (fits && style->color && cli_blocks_has(&paint.drawing, paint.cells)) {
    const cli_blocks blocks = {&paint.drawing, paint.cells, tokens, style};
    cli_blocks_paint(grid, &blocks);
  } else if (fits) {
    grid_paint(grid, &paint);
  }
  free(paint.cells);
  return fits;
}

void cli_grid_close(cli_grid *grid) {
  for (int i = 0; i < grid->lines; i++) free(grid->line[i]);
  memset(grid, 0, sizeof *grid);
}

/* Line number `line` of a text, and its length. */
static const char *grid_caption_line(const char *text, int line, int *length) {
  while (line-- > 0 && text) text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL;
  *length = text ? (int)strcspn(text, "\n") : 0;
  return text ? text : "";
}

/* One row of grids. The captions' lines stand above, shorter ones filled up. */
static void grid_print_row(FILE *file, const cli_grid *grids, char *const *captions, int count, int width) {
  for (int line = 0; line < CAPTION_LINES && captions; line++) {
    for (int g = 0; g < count; g++) {
      int length, last = g + 1 == count;
      const char *text = grid_caption_line(captions[g], line, &length);
      fprintf(file, "%.*s%*s", length, text, last ? 0 : width - length + GAP, last ? "\n" : "");
    }
  }
  for (int i = 0; i < grids[0].lines; i++) {
    for (int g = 0; g < count; g++) {
      int last = g + 1 == count;
      fprintf(file, "%s%*s", grids[g].line[i], last ? 0 : width - grids[g].width + GAP, last ? "\n" : "");
    }
  }
}

void cli_grids_print(FILE *file, const cli_grid *grids, char *const *captions, int count, int columns) {
  int width = 0, length;
  for (int i = 0; i < count; i++) {
    if (grids[i].width > width) width = grids[i].width;
    for (int line = 0; line < CAPTION_LINES && captions; line++) {
      (void)grid_caption_line(captions[i], line, &length);
      if (length > width) width = length;
    }
  }
  int in_row = (columns + GAP) / (width + GAP);
  if (in_row < 1) in_row = 1;
  for (int i = 0; i < count; i += in_row) {
    int n = count - i < in_row ? count - i : in_row;
    grid_print_row(file, grids + i, captions ? captions + i : NULL, n, width);
    if (i + n < count) fputc('\n', file);
  }
}

int cli_changed(const trm_task *task, const int32_t *a, const int32_t *b) {
  int changed = 0;
  for (int i = 0; i < task->width * task->height; i++) changed += a[i] != b[i];
  return changed;
}
