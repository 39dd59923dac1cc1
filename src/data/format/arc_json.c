/* ARC tasks as published: {"train": [{"input": [[0, 1], ...], "output": ...}, ...], "test": [...]}. A grid lies in the
 * upper left of 30x30 cells; the row below it and the column right of it are end marks over its extent, and everything
 * else is padding, as in the original's data. */
#include "data/format/arc_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "base/text/json.h"
#include "task/task.h"

int trm__arc_is_task(const json_t *object) {
  const json_t *first = json_array_get(json_object_get(object, "train"), 0);
  return json_is_object(first) && json_object_get(first, "input");
}

static int arc_is_size(size_t size, const char *what, char problem[TRM__ARC_PROBLEM]) {
  if (size >= 1 && size <= TRM__ARC_SIDE) return 1;
  (void)snprintf(problem, TRM__ARC_PROBLEM, "%zu %s, expected 1 to %d", size, what, TRM__ARC_SIDE);
  return 0;
}

static int arc_read_row(const json_t *row, size_t number, size_t width, uint8_t *cells,
                        char problem[TRM__ARC_PROBLEM]) {
  if (!json_is_array(row) || json_array_size(row) != width) {
    if (json_is_array(row))
      (void)snprintf(problem, TRM__ARC_PROBLEM, "row %zu has %zu cells, expected %zu as in row 1", number,
                     json_array_size(row), width);
    else
      (void)snprintf(problem, TRM__ARC_PROBLEM, "row %zu is %s, expected an array", number, trm__json_type_name(row));
    return 0;
  }
  for (size_t c = 0; c < width; c++) {
    const json_t *cell = json_array_get(row, c);
    json_int_t colour = json_integer_value(cell);
    if (!json_is_integer(cell) || colour < 0 || colour >= TRM__ARC_COLOURS) {
      if (json_is_integer(cell))
        (void)snprintf(problem, TRM__ARC_PROBLEM, "row %zu, column %zu: found %lld, expected a colour 0 to 9", number,
                       c + 1, (long long)colour);
      else
        (void)snprintf(problem, TRM__ARC_PROBLEM, "row %zu, column %zu: found %s, expected a colour 0 to 9", number,
                       c + 1, trm__json_type_name(cell));
      return 0;
    }
    cells[c] = (uint8_t)colour;
  }
  return 1;
}

int trm__arc_read_grid(const json_t *value, trm__arc_grid *grid, char problem[TRM__ARC_PROBLEM]) {
  size_t height = json_array_size(value), width = json_array_size(json_array_get(value, 0));
  if (!json_is_array(value)) {
    (void)snprintf(problem, TRM__ARC_PROBLEM, "found %s, expected a grid: an array of rows",
                   trm__json_type_name(value));
    return 0;
  }
  if (!arc_is_size(height, "rows", problem) || !arc_is_size(width, "columns", problem)) return 0;
  grid->height = (uint8_t)height, grid->width = (uint8_t)width;
  for (size_t r = 0; r < height; r++)
    if (!arc_read_row(json_array_get(value, r), r + 1, width, grid->cell + r * width, problem)) return 0;
  return 1;
}

static void arc_text(const trm__arc_grid *grid, char text[TRM__ARC_CELLS]) {
  uint8_t tokens[TRM__ARC_CELLS];
  trm__arc_place(grid, TRM__ARC_SIDE, 0, 0, tokens);
  for (int i = 0; i < TRM__ARC_CELLS; i++) text[i] = "_|0123456789"[tokens[i]];
}

static trm_status arc_add_pair(trm__rows *rows, const json_t *pair, const char *list, size_t number, uint64_t line,
                               trm_error *err) {
  static const char *const keys[2] = {"input", "output"};
  char text[2][TRM__ARC_CELLS], where[512], problem[TRM__ARC_PROBLEM];
  for (int i = 0; i < 2; i++) {
    trm__arc_grid grid;
    if (trm__arc_read_grid(json_object_get(pair, keys[i]), &grid, problem)) {
      arc_text(&grid, text[i]);
      continue;
    }
    snprintf(where, sizeof where, "%.440s:%" PRIu64, rows->path, line);
    return trm__fail(err, TRM_E_INPUT, where, "\"%s\" of pair %zu of \"%s\": %s", keys[i], number, list, problem);
  }
  trm__rows_place place = {line, 0, 0};
  return trm__rows_add(rows, (const uint8_t *)text[0], TRM__ARC_CELLS, (const uint8_t *)text[1], TRM__ARC_CELLS,
                       (double)NAN, place, err);
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
