/* What the fuzzers of text files share: a dataset that opens holds only tokens of its vocabulary. */
#ifndef TRM_FUZZ_TEXT_H
#define TRM_FUZZ_TEXT_H

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/dataset.h"
#include "data/format/csv_rows.h"
#include "data/format/jsonl.h"
#include "task/task.h"

static inline void check_dataset(const trm_dataset *d) {
  trm_dataset_info info = trm_dataset_describe(d);
  trm_error err = {0};
  if (trm__task_check(&info.task, "fuzz", &err) != TRM_OK || info.examples < 1 || info.seq_len < 1) abort();
  int32_t *q = trm__calloc((size_t)info.seq_len * 2, sizeof *q), *a = q + info.seq_len, id;
  if (q == NULL) return;
  for (int64_t i = 0; i < info.examples; i++) {
    trm_dataset_example(d, i, q, a, &id, NULL);
    if (id < 0 || id >= info.identifiers) abort();
    for (int64_t c = 0; c < info.seq_len; c++)
      if (q[c] < 0 || q[c] >= info.vocab_size || (a[c] != -100 && (a[c] < 0 || a[c] >= info.vocab_size))) abort();
    (void)trm_task_judge(&info.task, q, a);
    (void)trm_task_check_question(&info.task, q, &err);
  }
  trm__free(q);
}

typedef trm_status (*reader)(trm__rows *rows, const char *data, size_t size, trm_error *err);

/* Reads the bytes with no hint, as Sudoku, and with an alphabet. */
static inline void read_text(reader read, const uint8_t *data, size_t size) {
  trm_task sudoku = trm_task_sudoku(4);
  const trm__rows_hint hints[] = {{0}, {.task = &sudoku}, {.alphabet = "ab# ", .width = 2}};
  for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
    trm__marks marks = {0};
    trm__rows rows = {.path = "fuzz"};
    trm_dataset *d = NULL;
    trm_error err = {0};
    if (i == 0 && trm__marks_open(&marks, &err) == TRM_OK) rows.marks = &marks;
    trm_status status = read(&rows, (const char *)data, size, &err);
    if (status == TRM_OK) status = trm__rows_finish(&d, &rows, &hints[i], &err);
    if (status != TRM_OK && (d != NULL || err.message[0] == '\0' || err.where[0] == '\0')) abort();
    if (d != NULL) check_dataset(d);
    trm_dataset_close(&d);
    trm__rows_free(&rows);
    trm__marks_close(&marks);
  }
}

#endif
