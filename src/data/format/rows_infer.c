/* Inference of the task from symbols: each kind says which task has puzzles of this length, and whether a row fits it.
 * The first rows are looked at, and most of these decide, so that a damaged one is an error of its own and does not
 * make another task of the whole file. */
#include "data/format/rows_infer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "task/kind.h"
#include "task/task.h"

#define PROBE 100 /* rows that are looked at */

typedef struct symbols {
  uint8_t question[256], answer[256]; /* 1 where the symbol occurs */
} symbols;

static void infer_mark(const uint8_t *cells, size_t count, uint8_t seen[256]) {
  for (size_t i = 0; i < count; i++) seen[cells[i]] = 1;
}

/* Whether the row is wholly in symbols of the task, and a puzzle of its kind. tokens: [2][length], room to work in. */
static int infer_row_fits(const trm__rows *rows, size_t row, const trm_task *task, int16_t map[2][256],
                          int32_t *tokens) {
  const uint8_t *cells[2] = {rows->questions + row * rows->length, rows->answers + row * rows->length};
  for (int answer = 0; answer < 2; answer++)
    for (size_t i = 0; i < rows->length; i++) {
      int16_t token = map[answer][cells[answer][i]];
      if (token < 1) return 0;
      tokens[(size_t)answer * rows->length + i] = token;
    }
  return trm__kind_of(task)->fits(task, rows->numbers, tokens, tokens + rows->length);
}

static int infer_fits(const trm__rows *rows, const trm_task *task, int32_t *tokens) {
  int16_t map[2][256];
  size_t probes = rows->count < PROBE ? rows->count : PROBE, good = 0;
  for (int answer = 0; answer < 2; answer++) trm__task_symbols(task, rows->numbers, answer, map[answer]);
  for (size_t row = 0; row < probes; row++) good += (size_t)infer_row_fits(rows, row, task, map, tokens);
  return 2 * good > probes;
}

static trm_status infer_width(int64_t *width, const trm__rows *rows, const trm__rows_hint *hint, trm_error *err) {
  int64_t length = (int64_t)rows->length;
  if (hint->width > 0 && length % hint->width != 0)
    return trm__fail(err, TRM_E_INPUT, rows->path, "puzzles of %" PRId64 " cells cannot have rows of %" PRId64, length,
                     hint->width);
  *width = hint->width > 0 ? hint->width : (int64_t)rows->width;
  if (*width > 0 && length % *width != 0) *width = 0;
  return TRM_OK;
}

static trm_status infer_generic(trm_task *task, const trm__rows *rows, const symbols *seen, const trm__rows_hint *hint,
                                trm_error *err) {
  char alphabet[257] = "";
  int64_t width = 0, vocab;
  size_t used = 0;
  int highest = 0;
  for (int c = 0; c < 256; c++)
    if (seen->question[c] || seen->answer[c]) {
      highest = c;
      if (!rows->numbers) alphabet[used++] = (char)c;
    }
  if (hint->alphabet && hint->alphabet[0] != '\0') {
    if (strlen(hint->alphabet) > 255)
      return trm__fail(err, TRM_E_USAGE, "alphabet", "more than 255 symbols, expected at most 255");
    snprintf(alphabet, sizeof alphabet, "%s", hint->alphabet);
  }
  trm_status status = infer_width(&width, rows, hint, err);
  if (status) return status;
  if (rows->numbers && alphabet[0] == '\0') {
    trm_task named; /* for its symbols */
    (void)trm__task_infer_as(&named, TRM_TASK_GENERIC, 1, highest + 2);
    snprintf(alphabet, sizeof alphabet, "%s", named.alphabet);
    vocab = highest + 2;
  } else vocab = (int64_t)strlen(alphabet) + 1;
  *task = trm__task_generic((int64_t)rows->length, width, vocab < 2 ? 2 : vocab, alphabet);
  return trm__task_check(task, rows->path, err);
}

/* A given alphabet that is exactly a known task's means that task. */
static int infer_alphabet_allows(const trm__rows_hint *hint, const trm_task *task) {
  if (hint->width > 0 && hint->width != task->width) return 0;
  return !hint->alphabet || hint->alphabet[0] == '\0' || strcmp(hint->alphabet, task->alphabet) == 0;
}

trm_status trm__rows_infer(trm_task *task, const trm__rows *rows, const trm__rows_hint *hint, trm_error *err) {
  symbols seen = {{0}, {0}};
  const trm__kind *kind;
  int32_t *tokens = trm__calloc(rows->length, 2 * sizeof *tokens);
  if (!tokens) return trm__fail_memory(err, rows->path, rows->length * 2 * sizeof *tokens);
  int found = 0;
  for (trm_task_kind number = 0; !found && (kind = trm__kind_find(number)); number++)
    found = kind->fits && trm__task_infer_as(task, number, (int64_t)rows->length, 0) &&
            infer_alphabet_allows(hint, task) && infer_fits(rows, task, tokens);
  trm__free(tokens);
  if (found) return TRM_OK;
  infer_mark(rows->questions, rows->count * rows->length, seen.question);
  infer_mark(rows->answers, rows->count * rows->length, seen.answer);
  return infer_generic(task, rows, &seen, hint, err);
}
