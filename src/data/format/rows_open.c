/* Opening a text file of puzzles: its text is found (bytes.h), its reader appends rows, and those become the dataset.
 */
#include "data/format/rows_open.h"

#include <string.h>

#include "base/status.h"
#include "data/format/bytes.h"
#include "data/format/csv_rows.h"
#include "data/format/jsonl.h"

static int path_ends_with(const char *path, size_t length, const char *end) {
  size_t tail = strlen(end);
  if (length < tail) return 0;
  for (size_t i = 0; i < tail; i++) {
    char c = path[length - tail + i];
    if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != end[i]) return 0;
  }
  return 1;
}

trm__rows_kind trm__rows_ending(const char *path) {
  static const struct {
    const char *ending;
    trm__rows_kind kind;
  } endings[] = {{".csv", TRM__ROWS_CSV},
                 {".tsv", TRM__ROWS_CSV},
                 {".json", TRM__ROWS_JSON},
                 {".jsonl", TRM__ROWS_JSON},
                 {".ndjson", TRM__ROWS_JSON}};
  size_t length = strlen(path);
  if (path_ends_with(path, length, ".gz")) length -= 3;
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
    if (path_ends_with(path, length, endings[i].ending)) return endings[i].kind;
  return TRM__ROWS_UNKNOWN;
}

trm_status trm__rows_open(trm_dataset **out, const char *path, const trm__rows_hint *hint, trm_error *err) {
  trm__bytes bytes;
  trm__rows rows = {.path = path, .names = hint->names, .marks = hint->marks};
  if (hint->marks) memset(hint->marks->seen, 0, sizeof hint->marks->seen);
  trm_status status = trm__rows_set_frame(&rows, hint, err);
  if (!status) status = trm__bytes_open(&bytes, path, hint->stop, err);
  if (status) return status;
  int json = trm__jsonl_begins(bytes.data, bytes.size) || trm__rows_ending(path) == TRM__ROWS_JSON;
  status = (json ? trm__jsonl_rows : trm__csv_rows)(&rows, bytes.data, bytes.size, err);
  if (!status) status = trm__rows_finish(out, &rows, hint, err);
  trm__rows_free(&rows);
  trm__bytes_close(&bytes);
  return status;
}
