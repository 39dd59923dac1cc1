/* The grids of an ARC task in JSON, as text of the task kind: '_' padding, '|' the end of the grid, digits colours. */
#ifndef TRM_DATA_FORMAT_ARC_JSON_H
#define TRM_DATA_FORMAT_ARC_JSON_H

#include <jansson.h>

#include "data/format/rows.h"

int trm__arc_is_task(const json_t *object);
/* Appends its pairs. where: "file:line" in errors. */
trm_status trm__arc_add_task(trm__rows *rows, const json_t *object, uint64_t line, trm_error *err);

#endif
