/* Inference of the task from symbols: each kind says which task has puzzles of this length, and whether a row fits it.
 * The first rows are looked at, and most of these decide, so that a damaged one is an error of its own and does not
 * make another task of the whole file.
 *
 * A kind whose questions have blanks is also known in other notations, which the answers prove: another sign for the
 * blank, or other symbols for the values, as 0-F or A-P in 16x16. Which ones is noted. A file that is nearly of a known
 * kind stays generic, and that is noted too. */
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

static const char infer_signs[] = "-xX?#~+:"; /* for blanks, besides the task's own */

static void infer_mark(const uint8_t *cells, size_t count, uint8_t seen[256]) {
  for (size_t i = 0; i < count; i++) seen[cells[i]] = 1;
}

static void infer_plain_map(trm__rows *rows, const trm_task *task) {
  for (int answer = 0; answer < 2; answer++) trm__task_symbols(task, rows->numbers, answer, rows->map[answer]);
}

/* Tokens of a row's question or answer. Returns the first cell without one; the length when all have. */
static size_t infer_tokens(const trm__rows *rows, size_t row, int answer, int32_t *tokens) {
  const uint8_t *cells = (answer ? rows->answers : rows->questions) + row * rows->length;
  size_t i = 0;
  for (; i < rows->length && rows->map[answer][cells[i]] >= 0; i++) tokens[i] = rows->map[answer][cells[i]];
  return i;
}

/* How much of a kind a row has. */
enum { NOTHING, SYMBOLS, ANSWER, ALL };

/* tokens: [2][length], room to work in. */
static int infer_row(const trm__rows *rows, size_t row, const trm_task *task, int32_t *tokens) {
  const trm__kind *kind = trm__kind_of(task);
  int32_t *question = tokens, *answer = tokens + rows->length;
  int asked = infer_tokens(rows, row, 0, question) == rows->length;
  int answered = infer_tokens(rows, row, 1, answer) == rows->length;
  if (asked && answered) return kind->fits(task, rows->numbers, question, answer) ? ALL : SYMBOLS;
  return answered && kind->blank && kind->fits(task, rows->numbers, answer, answer) ? ANSWER : NOTHING;
}

/* 1 when most of the first rows have that much; rows->map is the notation. */
static int infer_most(const trm__rows *rows, const trm_task *task, int much, int32_t *tokens) {
  size_t probes = rows->count < PROBE ? rows->count : PROBE, good = 0;
  for (size_t row = 0; row < probes; row++) good += infer_row(rows, row, task, tokens) == much;
  return 2 * good > probes;
}

/* -- notations ----------------------------------------------------------------------------------------------------- */

/* Takes every blank of the task's own out of questions and puts the sign in. */
static void infer_set_blank(trm__rows *rows, int32_t blank, char sign) {
  for (int c = 0; c < 256; c++)
    if (rows->map[0][c] == blank) rows->map[0][c] = -1;
  rows->map[0][(unsigned char)sign] = (int16_t)blank;
}

static int infer_other_blank(trm__rows *rows, const trm_task *task, const symbols *seen, int32_t *tokens) {
  for (const char *sign = infer_signs; *sign; sign++) {
    infer_plain_map(rows, task);
    if (!seen->question[(unsigned char)*sign] || rows->map[0][(unsigned char)*sign] >= 0) continue;
    infer_set_blank(rows, trm__kind_of(task)->blank, *sign);
    if (!infer_most(rows, task, ALL, tokens)) continue;
    trm__rows_note(rows, "'%c' is taken for a blank", *sign);
    return 1;
  }
  return 0;
}

/* The values under other names: the symbols of the answers in their order, when there are as many, and one more symbol
 * in questions for the blank. */
static int infer_other_values(trm__rows *rows, const trm_task *task, const symbols *seen, int32_t *tokens) {
  int32_t blank = trm__kind_of(task)->blank, value = blank;
  char names[257] = "", sign = 0;
  int others = 0;
  for (int c = 0; c < 256; c++)
    if (!seen->answer[c] && seen->question[c]) sign = (char)c, others++;
    else if (seen->answer[c] && value - blank < task->vocab_size) names[value++ - blank] = (char)c;
  if (value - blank != task->vocab_size - 1 - blank || others > 1) return 0;
  for (int c = 0; c < 256; c++) rows->map[0][c] = rows->map[1][c] = -1;
  for (int32_t v = 0; v < value - blank; v++)
    rows->map[0][(unsigned char)names[v]] = rows->map[1][(unsigned char)names[v]] = (int16_t)(blank + 1 + v);
  if (others) rows->map[0][(unsigned char)sign] = (int16_t)blank;
  if (!infer_most(rows, task, ALL, tokens)) return 0;
  trm__rows_note(rows, "the symbols %s are taken for the values %s, in this order", names, task->alphabet + blank);
  return 1;
}

/* 1 when most of the first rows are puzzles of the task in a notation, which rows->map then is. */
static int infer_reads(trm__rows *rows, const trm_task *task, const symbols *seen, int32_t *tokens) {
  infer_plain_map(rows, task);
  if (infer_most(rows, task, ALL, tokens)) return 1;
  if (rows->numbers || !trm__kind_of(task)->blank) return 0;
  return infer_other_blank(rows, task, seen, tokens) || infer_other_values(rows, task, seen, tokens);
}

static void infer_look(const trm__rows *rows, symbols *seen) {
  infer_mark(rows->questions, rows->count * rows->length, seen->question);
  infer_mark(rows->answers, rows->count * rows->length, seen->answer);
}

trm_status trm__rows_infer_notation(trm__rows *rows, const trm_task *task, trm_error *err) {
  symbols seen = {{0}, {0}};
  infer_plain_map(rows, task);
  if (!trm__kind_of(task)->blank || !trm__kind_of(task)->fits) return TRM_OK;
  int32_t *tokens = trm__calloc(rows->length, 2 * sizeof *tokens);
  if (!tokens) return trm__fail_memory(err, rows->path, rows->length * 2 * sizeof *tokens);
  infer_look(rows, &seen);
  if (!infer_reads(rows, task, &seen, tokens)) infer_plain_map(rows, task);
  trm__free(tokens);
  return TRM_OK;
}

trm_status trm__rows_infer_blank(trm__rows *rows, const trm_task *task, trm_error *err) {
  int32_t blank = trm__kind_of(task)->blank;
  uint8_t seen[256] = {0};
  infer_plain_map(rows, task);
  if (!blank || rows->numbers) return TRM_OK;
  infer_mark(rows->questions, rows->length, seen);
  int own = 0;
  for (int c = 0; c < 256; c++) own += seen[c] && rows->map[0][c] == blank;
  if (own > 1 && seen['0'] && strchr(task->alphabet, 'A'))
    return trm__fail(err, TRM_E_INPUT, rows->path,
                     "line %" PRIu64
                     ": a 0 beside another sign for blanks may be a blank or a digit, expected one sign",
                     rows->places[0].line);
  for (const char *sign = infer_signs; *sign && !own; sign++)
    if (seen[(unsigned char)*sign] && rows->map[0][(unsigned char)*sign] < 0) {
      infer_set_blank(rows, blank, *sign);
      own = 1;
    }
  return TRM_OK;
}

/* -- generic tasks ------------------------------------------------------------------------------------------------- */

static trm_status infer_width(int64_t *width, const trm__rows *rows, const trm__rows_hint *hint, trm_error *err) {
  int64_t length = (int64_t)rows->length;
  if (hint->height > 0 && length != hint->height * (hint->width > 0 ? hint->width : length / hint->height))
    return trm__fail(err, TRM_E_INPUT, rows->path, "puzzles of %" PRId64 " cells have not %" PRId64 " rows%s", length,
                     hint->height, hint->width > 0 ? " of that width" : "");
  if (hint->width > 0 && length % hint->width != 0)
    return trm__fail(err, TRM_E_INPUT, rows->path, "puzzles of %" PRId64 " cells cannot have rows of %" PRId64, length,
                     hint->width);
  *width = hint->width > 0 ? hint->width : hint->height > 0 ? length / hint->height : (int64_t)rows->width;
  if (*width > 0 && length % *width != 0) *width = 0;
  return TRM_OK;
}

/* The token of the pad; one that is no symbol of the alphabet is found when cells become tokens. */
static void infer_set_pad(trm_task *task, const trm__rows *rows) {
  const trm__rows_frame *f = &rows->frame;
  const char *symbol = f->width && !rows->numbers ? strchr(task->alphabet, f->symbol[0]) : NULL;
  if (symbol) task->pad = (int)(symbol - task->alphabet) + 1;
  else if (f->width && rows->numbers && f->number + 1 < task->vocab_size) task->pad = f->number + 1;
}

static trm_status infer_generic(trm_task *task, const trm__rows *rows, const symbols *seen, const trm__rows_hint *hint,
                                trm_error *err) {
  char alphabet[257] = "";
  int64_t width = 0, vocab;
  const char *pad = rows->frame.width && !rows->numbers ? rows->frame.symbol : NULL; /* also where it was not needed */
  size_t used = 0;
  int highest = 0;
  for (int c = 0; c < 256; c++)
    if (seen->question[c] || seen->answer[c] || (pad && c == *pad)) {
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
  infer_set_pad(task, rows);
  return trm__task_check(task, rows->path, err);
}

/* A given alphabet that is exactly a known task's means that task. */
static int infer_alphabet_allows(const trm__rows_hint *hint, const trm_task *task) {
  if (hint->width > 0 && hint->width != task->width) return 0;
  return !hint->alphabet || hint->alphabet[0] == '\0' || strcmp(hint->alphabet, task->alphabet) == 0;
}

/* The task of a kind that has puzzles like the file's: of the width that its rows show or the caller says, or of the
 * kind's own choice. */
static int infer_candidate(trm_task *task, trm_task_kind number, const trm__rows *rows, const trm__rows_hint *hint) {
  const trm__kind *kind = trm__kind_find(number);
  int64_t length = (int64_t)rows->length, width = hint->width > 0 ? hint->width : (int64_t)rows->width;
  if (!kind->fits) return 0;
  if (width > 0 && length % width == 0 && kind->shape) {
    trm_task wanted = {.kind = number, .width = (int)width, .height = (int)(length / width)};
    if (!kind->shape(task, &wanted, "", NULL) && task->width == wanted.width && task->height == wanted.height) {
      task->kind = number;
      return infer_alphabet_allows(hint, task);
    }
  }
  return trm__task_infer_as(task, number, length, 0) && infer_alphabet_allows(hint, task);
}

/* A generic file that is nearly something else is a slip more often than not. */
static void infer_note_near(trm__rows *rows, const trm__rows_hint *hint, int32_t *tokens) {
  trm_task task;
  char title[64];
  for (trm_task_kind number = 0; trm__kind_find(number); number++) {
    if (!infer_candidate(&task, number, rows, hint)) continue;
    infer_plain_map(rows, &task);
    (void)trm_task_title(&task, title, sizeof title);
    if (infer_most(rows, &task, SYMBOLS, tokens))
      trm__rows_note(rows, "taken as a grid without rules: size and symbols are those of %s, but most puzzles are none",
                     title);
    size_t cell = infer_tokens(rows, 0, 0, tokens);
    if (cell == rows->length || !infer_most(rows, &task, ANSWER, tokens)) continue;
    trm__rows_note(rows, rows->numbers ? "%s %s, but %d in questions is not" : "%s %s, but '%c' in questions is not",
                   "taken as a grid without rules: the answers are those of", title, rows->questions[cell]);
  }
}

static trm_status infer_task(trm_task *task, trm__rows *rows, const trm__rows_hint *hint, const symbols *seen,
                             int32_t *tokens, trm_error *err) {
  for (trm_task_kind number = 0; trm__kind_find(number); number++)
    if (infer_candidate(task, number, rows, hint) && infer_reads(rows, task, seen, tokens)) return TRM_OK;
  if (!hint->alphabet || hint->alphabet[0] == '\0') infer_note_near(rows, hint, tokens);
  trm_status status = infer_generic(task, rows, seen, hint, err);
  if (!status) infer_plain_map(rows, task);
  return status;
}

trm_status trm__rows_infer(trm_task *task, trm__rows *rows, const trm__rows_hint *hint, trm_error *err) {
  symbols seen = {{0}, {0}};
  int32_t *tokens = trm__calloc(rows->length, 2 * sizeof *tokens);
  if (!tokens) return trm__fail_memory(err, rows->path, rows->length * 2 * sizeof *tokens);
  infer_look(rows, &seen);
  trm_status status = infer_task(task, rows, hint, &seen, tokens, err);
  trm__free(tokens);
  return status;
}
