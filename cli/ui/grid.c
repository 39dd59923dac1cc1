/* Grids as text: see grid.h. A cell is two columns, a mark and a symbol, so that marks never shift the grid; wide grids
 * without marks use one. */
#include "cli/ui/grid.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define LINES (int)(sizeof((cli_grid *)0)->line / sizeof(char *))
#define GAP 3
#define CAPTION_LINES 2

/* Token as one character. */
static char grid_symbol(const trm_task *task, int32_t token) {
  int32_t known = (int32_t)strlen(task->alphabet);
  if (token == 0) return '_';
  return token > 0 && token <= known ? task->alphabet[token - 1] : '?';
}

static int grid_is_clue(const trm_task *task, const int32_t *question, int cell) {
  return task->kind == TRM_TASK_SUDOKU && question && question[cell] >= 2;
}

typedef struct painter {
  const trm_task *task;
  const int32_t *tokens;
  const cli_grid_style *style;
  int cell_width;
} painter;

static char *grid_put(char *p, const char *text) {
  size_t length = strlen(text);
  memcpy(p, text, length + 1);
  return p + length;
}

static char *grid_put_cell(char *p, const painter *paint, int cell) {
  const cli_grid_style *style = paint->style;
  int changed = style->previous && style->previous[cell] != paint->tokens[cell];
  char text[2] = {grid_symbol(paint->task, paint->tokens[cell]), 0};
  if (paint->cell_width > 1) *p++ = changed && !style->color ? '*' : ' ';
  if (!style->color) return grid_put(p, text);
  const char *on = changed ? "\033[1;32m" : grid_is_clue(paint->task, style->question, cell) ? "\033[1m" : "";
  p = grid_put(p, on);
  p = grid_put(p, text);
  return *on ? grid_put(p, "\033[0m") : p;
}

static char *grid_paint_row(const painter *paint, int row) {
  const trm_task *task = paint->task;
  char *line = cli_alloc((size_t)task->width * 20 + 1, 1), *p = line;
  for (int c = 0; c < task->width; c++) {
    if (task->box_width && c && c % task->box_width == 0) p = grid_put(p, " |");
    p = grid_put_cell(p, paint, row * task->width + c);
  }
  return line;
}

/* Between two bands of boxes: a plus sign under each bar. */
static char *grid_paint_rule(const trm_task *task, int width) {
  char *line = cli_alloc((size_t)width + 1, 1);
  memset(line, '-', (size_t)width);
  line[0] = ' ';
  int block = 2 * task->box_width + 2; /* columns of a box with its bar */
  for (int bar = block - 1; bar < width; bar += block) line[bar] = '+';
  return line;
}

int cli_grid_open(cli_grid *grid, const trm_task *task, const int32_t *tokens, const cli_grid_style *style) {
  int bands = task->box_height ? task->height / task->box_height - 1 : 0;
  int marks = style->previous && !style->color;
  painter paint = {task, tokens, style, task->kind == TRM_TASK_SUDOKU || marks ? 2 : 1};
  memset(grid, 0, sizeof *grid);
  if (task->height + bands > LINES || task->width > 4096) return 0;
  grid->width = task->width * paint.cell_width;
  if (task->box_width) grid->width += 2 * (task->width / task->box_width - 1);
  for (int row = 0; row < task->height; row++) {
    if (bands && row && row % task->box_height == 0) grid->line[grid->lines++] = grid_paint_rule(task, grid->width);
    grid->line[grid->lines++] = grid_paint_row(&paint, row);
  }
  return 1;
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

const char *cli_task_word(trm_task_kind kind) {
  switch (kind) {
  case TRM_TASK_SUDOKU:
    return "sudoku";
  case TRM_TASK_MAZE:
    return "maze";
  case TRM_TASK_ARC:
    return "arc";
  case TRM_TASK_GENERIC:
    break;
  }
  return "generic";
}

const char *cli_task_text(const trm_task *task, char text[96]) {
  if (task->kind == TRM_TASK_SUDOKU) (void)snprintf(text, 96, "Sudoku %dx%d", task->width, task->height);
  else if (task->kind == TRM_TASK_MAZE) (void)snprintf(text, 96, "maze %dx%d", task->width, task->height);
  else if (task->kind == TRM_TASK_ARC) (void)snprintf(text, 96, "ARC grid %dx%d", task->width, task->height);
  else (void)snprintf(text, 96, "grid %dx%d of %d symbols", task->width, task->height, task->vocab_size - 1);
  return text;
}
