/* Opening a text file of puzzles: the file is mapped, its reader appends rows, and those become the dataset. */
#include "data/format/rows_open.h"

#include <string.h>

#include "base/os/file.h"
#include "base/status.h"
#include "data/format/csv_rows.h"
#include "data/format/jsonl.h"

#define FILE_LIMIT ((uint64_t)8 << 30) /* bytes */

static int path_ends_with(const char *path, const char *end) {
  size_t length = strlen(path), tail = strlen(end);
  return length >= tail && strcmp(path + length - tail, end) == 0;
}

typedef trm_status (*rows_reader)(trm__rows *rows, const char *data, size_t size, trm_error *err);

/* The formats; TRM__ROWS_ENDINGS names their endings in messages and help. */
static const struct {
  const char *ending;
  rows_reader read;
} rows_formats[] = {{".csv", trm__csv_rows}, {".jsonl", trm__jsonl_rows}, {".ndjson", trm__jsonl_rows}};

/* The reader of the file, by its ending; NULL: none. */
static rows_reader rows_reader_of(const char *path) {
  for (size_t i = 0; i < sizeof rows_formats / sizeof *rows_formats; i++)
    if (path_ends_with(path, rows_formats[i].ending)) return rows_formats[i].read;
  return NULL;
}

int trm__rows_is_file_name(const char *path) {
  return rows_reader_of(path) != NULL;
}

static trm_status rows_check_file(const trm__map *map, const char *path, trm_error *err) {
  if (map->size > FILE_LIMIT) return trm__fail(err, TRM_E_INPUT, path, "%zu bytes, expected at most 8 GiB", map->size);
  int wide = map->size >= 2 &&
             ((map->data[0] == 0xff && map->data[1] == 0xfe) || (map->data[0] == 0xfe && map->data[1] == 0xff));
  if (wide) return trm__fail(err, TRM_E_INPUT, path, "the file is UTF-16, expected UTF-8 or ASCII text");
  return TRM_OK;
}

trm_status trm__rows_open(trm_dataset **out, const char *path, const trm__rows_hint *hint, trm_error *err) {
  trm__map map = {0};
  trm__rows rows = {.path = path};
  rows_reader read = rows_reader_of(path);
  if (!read)
    return trm__fail(err, TRM_E_INPUT, path, "unknown kind of file, expected a name that ends in " TRM__ROWS_ENDINGS);
  trm_status status = trm__map_open(&map, path, err);
  if (status) return status;
  status = rows_check_file(&map, path, err);
  if (!status) status = read(&rows, (const char *)map.data, map.size, err);
  if (!status) status = trm__rows_finish(out, &rows, hint, err);
  trm__rows_free(&rows);
  trm__map_close(&map);
  return status;
}
