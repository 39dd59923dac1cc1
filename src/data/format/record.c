/* One record at a time: see record.h. A record becomes a dataset of one puzzle, so that what is checked, and what a
 * message says, is the same as for a whole file. */
#include "data/format/record.h"

#include <string.h>

#include "base/status.h"
#include "data/format/jsonl.h"
#include "data/format/rows_open.h"

int trm__records_open(trm__records *records, const char *path) {
  size_t length = strlen(path);
  *records = (trm__records){.path = path, .json = length < 4 || strcmp(path + length - 4, ".csv") != 0};
  return trm__rows_is_file_name(path);
}

static trm_status record_tokens(trm__rows *rows, const trm_task *task, int32_t *tokens, trm_error *err) {
  trm_dataset *dataset = NULL;
  trm__rows_hint hint = {.task = task};
  trm_status status = trm__rows_finish(&dataset, rows, &hint, err);
  if (status) return status;
  trm_dataset_example(dataset, 0, tokens, NULL, NULL, NULL);
  trm_dataset_close(&dataset);
  return TRM_OK;
}

trm_status trm__record_read(trm__records *records, const char *data, size_t size, uint64_t line, const trm_task *task,
                            int32_t *tokens, size_t *cells, size_t *used, trm_error *err) {
  trm__rows rows = {.path = records->path};
  trm_status status;
  *cells = 0;
  *used = 0;
  if (line == 1 && size >= 2 && (!memcmp(data, "\xff\xfe", 2) || !memcmp(data, "\xfe\xff", 2)))
    return trm__fail(err, TRM_E_INPUT, records->path, "the file is UTF-16, expected UTF-8 or ASCII text");
  if (records->json) {
    const char *end = memchr(data, '\n', size);
    *used = end ? (size_t)(end - data) + 1 : size;
    status = trm__jsonl_record(&rows, data, *used, line, err);
  } else {
    status = trm__csv_record(&rows, &records->columns, data, size, line, used, err);
  }
  if (!status && rows.count > 0) {
    *cells = rows.length;
    if (task) status = record_tokens(&rows, task, tokens, err);
  }
  trm__rows_free(&rows);
  return status;
}
