/* The grids of an ARC task in JSON. */
#ifndef TRM_DATA_FORMAT_ARC_JSON_H
#define TRM_DATA_FORMAT_ARC_JSON_H

#include <jansson.h>

#include "data/format/rows.h"
#include "task/arc/grid.h"

int trm__arc_is_task(const json_t *object);

enum { TRM__ARC_PROBLEM = 160 };
/* 0: the value is no grid, and problem says why, and what was expected. */
int trm__arc_read_grid(const json_t *value, trm__arc_grid *grid, char problem[TRM__ARC_PROBLEM]);

/* Appends its pairs, as text of the task kind: '_' padding, '|' the end of the grid, digits colours. line: in errors.
 */
trm_status trm__arc_add_task(trm__rows *rows, const json_t *object, uint64_t line, trm_error *err);

#endif
