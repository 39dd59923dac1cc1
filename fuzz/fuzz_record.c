/* CSV and JSON Lines bytes record by record, as a pipe gives them: the first byte says which of the two. What must hold
 * is that a reader gets on and that it reads the same whether all of the file is there or only this record. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/format/record.h"
#include "task/task.h"

#define CELLS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tokens(const int32_t *tokens, const trm_task *task) {
  for (int i = 0; i < CELLS; i++)
    if (tokens[i] < 0 || tokens[i] >= task->vocab_size) abort();
}

/* By field: between them are bytes that mean nothing. */
static int columns_are_same(const trm__csv_columns *a, const trm__csv_columns *b) {
  return a->separator == b->separator && a->known == b->known && a->fields == b->fields && a->question == b->question &&
         a->answer == b->answer && a->rating == b->rating && a->rating_name == b->rating_name &&
         memcmp(a->mark, b->mark, sizeof a->mark) == 0;
}

/* One record; 0 when the rest cannot be told apart into records. */
static size_t read_one(trm__records *records, const char *text, size_t size, uint64_t line, const trm_task *task) {
  trm__records before = *records;
  size_t cells = 0, used = 0, counted = 0, again = 0;
  trm_error err = {0};
  trm_status status = trm__record_read(records, text, size, line, NULL, NULL, &cells, &used, &err);
  if (used > size) abort();
  if (status) {
    if (!err.message[0] || !err.where[0]) abort();
    return used;
  }
  if (size && !used) abort();
  if (cells == CELLS) {
    trm__records copy = before;
    int32_t tokens[CELLS];
    status = trm__record_read(&copy, text, size, line, task, tokens, &counted, &again, &err);
    if (again != used || (!status && counted != cells)) abort();
    if (!status) check_tokens(tokens, task);
    if (!status && !trm__record_answer(&before, text, used, line, task, tokens, &err)) check_tokens(tokens, task);
  }
  trm__records copy = before;
  char *alone = trm__calloc(used, 1); /* a copy of exactly this record, so that reading past it is noticed */
  if (!alone) return 0;
  if (used) memcpy(alone, text, used);
  status = trm__record_read(&copy, alone, used, line, NULL, NULL, &counted, &again, &err);
  trm__free(alone);
  if (status || counted != cells || again != used || !columns_are_same(&copy.columns, &records->columns)) abort();
  return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  trm_task task = trm_task_sudoku(4);
  trm__records records;
  if (size == 0) return 0;
  if (!trm__records_open(&records, data[0] & 1 ? "fuzz.jsonl" : "fuzz.csv", "", 0, 0)) abort();
  const char *text = (const char *)data + 1;
  size_t left = size - 1, used;
  for (uint64_t line = 1; left > 0 && (used = read_one(&records, text, left, line, &task)) > 0;
       text += used, left -= used)
    for (size_t i = 0; i < used; i++) line += text[i] == '\n';
  return 0;
}
