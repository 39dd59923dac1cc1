/* One record at a time: see record.h. A record becomes a row, so that what is checked, and what a message says, is the
 * same as for a whole file. */
#include "data/format/record.h"

#include <string.h>

#include "base/status.h"
#include "data/format/json_items.h"
#include "data/format/jsonl.h"
#include "data/format/rows_open.h"

int trm__records_open(trm__records *records, const char *path, const char *text, size_t size, size_t cells) {
  *records = (trm__records){.path = path ? path : "standard input"};
  trm__rows_kind named = path ? trm__rows_ending(path) : TRM__ROWS_UNKNOWN;
  if (trm__jsonl_begins(text, size)) records->json = 1;
  else if (!trm__csv_begins(&records->names, text, size, cells)) {
    records->json = named == TRM__ROWS_JSON;
    return named != TRM__ROWS_UNKNOWN;
  }
  return 1;
}

int trm__record_whole(const trm__records *records, const char *text, size_t size) {
  int quotes = 0;
  if (records->json) {
    trm__json_items items = trm__json_items_open(text, size);
    items.in_array = records->in_array;
    trm__json_item item = trm__json_items_next(&items);
    return !item.text || (item.whole && (item.text[0] == '{' || text[size - 1] == '\n'));
  }
  for (const char *at = text, *end = text + size; (at = memchr(at, '"', (size_t)(end - at))); at++) quotes++;
  return quotes % 2 == 0;
}

/* Appends the row of the record at data, of a puzzle of task; NULL: not known. */
static trm_status record_row(trm__records *records, trm__rows *rows, const char *data, size_t size, uint64_t line,
                             const trm_task *task, size_t *used, trm_error *err) {
  size_t wanted = task ? (size_t)task->width * (size_t)task->height : 0;
  *rows = (trm__rows){.path = records->path, .names = records->names, .questions_only = rows->questions_only};
  trm_status status = trm__rows_set_frame(rows, &(trm__rows_hint){.task = task}, err);
  if (status) return status;
  if (records->json) return trm__jsonl_record(rows, data, size, line, &records->in_array, used, err);
  return trm__csv_record(rows, &records->columns, data, size, line, wanted, used, err);
}

trm_status trm__record_read(trm__records *records, const char *data, size_t size, uint64_t line, const trm_task *task,
                            int32_t *tokens, size_t *cells, size_t *used, trm_error *err) {
  trm__rows rows = {.questions_only = 1};
  *cells = 0;
  *used = 0;
  trm_status status = record_row(records, &rows, data, size, line, task, used, err);
  if (!status && rows.count > 0) {
    *cells = rows.length;
    if (task) status = trm__rows_question(&rows, task, tokens, err);
  }
  trm__rows_free(&rows);
  return status;
}

trm_status trm__record_answer(const trm__records *records, const char *data, size_t size, uint64_t line,
                              const trm_task *task, int32_t *tokens, trm_error *err) {
  trm__records copy = *records;
  trm__rows rows = {.questions_only = 0};
  size_t used = 0;
  /* Where a header told the question alone, no other field is the answer. */
  if (!copy.json && copy.columns.known && copy.columns.answer < 0)
    return trm__fail(err, TRM_E_INPUT, copy.path, "has no column of answers");
  trm_status status = record_row(&copy, &rows, data, size, line, task, &used, err);
  if (!status && !rows.count) status = trm__fail(err, TRM_E_INPUT, copy.path, "no puzzle in this record");
  if (!status) status = trm__rows_answer(&rows, task, tokens, err);
  trm__rows_free(&rows);
  return status;
}
