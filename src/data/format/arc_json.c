/* ARC tasks as published: {"train": [{"input": [[0, 1], ...], "output": ...}, ...], "test": [...]}. A grid lies in the
 * upper left of 30x30 cells; the row below it and the column right of it are end marks over its extent, and everything
 * else is padding, as in the original's data. */
#include "data/format/arc_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "task/task.h"

enum { SIDE = 30, CELLS = SIDE * SIDE };

int trm__arc_is_task(const json_t *object) {
  const json_t *first = json_array_get(json_object_get(object, "train"), 0);
  return json_is_object(first) && json_object_get(first, "input");
}

static const char *arc_read_row(const json_t *row, int width, char *text) {
  if (!json_is_array(row) || (int)json_array_size(row) != width)
    return "rows of different lengths, expected equal ones";
  for (int c = 0; c < width; c++) {
    const json_t *cell = json_array_get(row, (size_t)c);
    json_int_t colour = json_integer_value(cell);
    if (!json_is_integer(cell) || colour < 0 || colour > 9) return "a cell that is no colour, expected 0 to 9";
    text[c] = (char)('0' + colour);
  }
  return NULL;
}

/* NULL, or what is wrong. */
static const char *arc_read_grid(const json_t *grid, char text[CELLS]) {
  size_t height = json_array_size(grid), width = json_array_size(json_array_get(grid, 0));
  if (height < 1 || height > SIDE || width < 1 || width > SIDE)
    return "no grid, expected 1 to 30 rows of 1 to 30 colours";
  memset(text, '_', CELLS);
  for (size_t r = 0; r < height; r++) {
    const char *problem = arc_read_row(json_array_get(grid, r), (int)width, text + r * SIDE);
    if (problem) return problem;
    if (width < SIDE) text[r * SIDE + width] = '|';
  }
  if (height < SIDE) memset(text + height * SIDE, '|', width);
  return NULL;
}

static trm_status arc_add_pair(trm__rows *rows, const json_t *pair, const char *list, size_t number, uint64_t line,
                               trm_error *err) {
  static const char *const keys[2] = {"input", "output"};
  char text[2][CELLS], where[512];
  for (int i = 0; i < 2; i++) {
    const char *problem = arc_read_grid(json_object_get(pair, keys[i]), text[i]);
    if (!problem) continue;
    snprintf(where, sizeof where, "%.440s:%" PRIu64, rows->path, line);
    return trm__fail(err, TRM_E_INPUT, where, "\"%s\" of pair %zu of \"%s\": %s", keys[i], number, list, problem);
  }
  trm__rows_place place = {line, 0, 0};
  return trm__rows_add(rows, (const uint8_t *)text[0], CELLS, (const uint8_t *)text[1], CELLS, (double)NAN, place, err);
}

trm_status trm__arc_add_task(trm__rows *rows, const json_t *object, uint64_t line, trm_error *err) {
  static const char *const lists[2] = {"train", "test"};
  rows->task = trm__task_arc();
  for (int i = 0; i < 2; i++) {
    size_t index;
    const json_t *pair;
    json_array_foreach(json_object_get(object, lists[i]), index, pair) {
      if (!json_object_get(pair, "output") && i == 1) {
        rows->unanswered++;
        continue;
      }
      trm_status status = arc_add_pair(rows, pair, lists[i], index + 1, line, err);
      if (status) return status;
    }
  }
  return TRM_OK;
}
