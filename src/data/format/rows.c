/* Collecting rows of symbols and turning them into a dataset. Symbols stay bytes until the last row is in, because only
 * then is it known which occur; then they become tokens in place, and the arrays become the dataset's own. */
#include "data/format/rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "data/format/rows_frame.h"
#include "data/format/rows_infer.h"
#include "task/task.h"

void trm__rows_free(trm__rows *rows) {
  trm__free(rows->questions);
  trm__free(rows->answers);
  trm__free(rows->ratings);
  trm__free(rows->places);
  for (int mark = 0; mark < TRM__MARKS; mark++) {
    trm__free(rows->marked[mark]);
    rows->marked[mark] = NULL;
  }
  rows->questions = rows->answers = NULL;
  rows->ratings = NULL;
  rows->places = NULL;
  rows->count = rows->capacity = 0;
  trm__rows_frame_free(&rows->frame);
}

static trm_status rows_fail(const trm__rows *rows, const trm__rows_place *place, int answer, size_t cell,
                            trm_error *err, const char *found, const char *expected) {
  char where[512];
  uint32_t column = answer ? place->answer : place->question;
  if (column > 0) snprintf(where, sizeof where, "%.440s:%" PRIu64 ":%zu", rows->path, place->line, column + cell);
  else snprintf(where, sizeof where, "%.440s:%" PRIu64, rows->path, place->line);
  return trm__fail(err, TRM_E_INPUT, where, "%s, cell %zu: found %s, expected %s", answer ? "answer" : "question",
                   cell + 1, found, expected);
}

static trm_status rows_fail_length(const trm__rows *rows, const trm__rows_place *place, int answer, size_t found,
                                   const char *expected, trm_error *err) {
  char where[512];
  uint32_t column = answer ? place->answer : place->question;
  snprintf(where, sizeof where, "%.440s:%" PRIu64 ":%" PRIu32, rows->path, place->line, column > 0 ? column : 1);
  return trm__fail(err, TRM_E_INPUT, where, "the %s has %zu cells, expected %s", answer ? "answer" : "question", found,
                   expected);
}

static trm_status rows_check_symbols(const trm__rows *rows, const trm__rows_place *place, int answer,
                                     const uint8_t *cells, trm_error *err) {
  for (size_t i = 0; i < rows->length && !rows->numbers; i++)
    if (cells[i] < 0x20 || cells[i] > 0x7e) {
      char found[32];
      snprintf(found, sizeof found, "byte 0x%02x", cells[i]);
      return rows_fail(rows, place, answer, i, err, found, "printable ASCII, one character a symbol");
    }
  return TRM_OK;
}

/* array: the address of the pointer. 0 without memory, when the array stays as it was. */
static int rows_grow(void *array, size_t capacity, size_t size) {
  void **p = array, *larger;
  size_t bytes;
  if (!trm__mul_size(capacity, size, &bytes)) return 0;
  larger = trm__realloc(*p, capacity, size);
  if (!larger) return 0;
  *p = larger;
  return 1;
}

static int rows_grow_marks(trm__rows *rows, size_t capacity) {
  for (int mark = 0; rows->marks && mark < TRM__MARKS; mark++)
    if (!rows_grow(&rows->marked[mark], capacity, sizeof *rows->marked[mark])) return 0;
  return 1;
}

static trm_status rows_reserve(trm__rows *rows, trm_error *err) {
  if (rows->count < rows->capacity) return TRM_OK;
  if (rows->count >= TRM__EXAMPLES_LIMIT)
    return trm__fail(err, TRM_E_INPUT, rows->path, "more than %d puzzles, expected at most that", TRM__EXAMPLES_LIMIT);
  size_t capacity = rows->capacity == 0 ? 64 : rows->capacity + rows->capacity / 2;
  if (rows_grow(&rows->questions, capacity, rows->length) &&
      (rows->questions_only || rows_grow(&rows->answers, capacity, rows->length)) &&
      rows_grow(&rows->ratings, capacity, sizeof *rows->ratings) &&
      rows_grow(&rows->places, capacity, sizeof *rows->places) && rows_grow_marks(rows, capacity)) {
    rows->capacity = capacity;
    return TRM_OK;
  }
  return trm__fail_memory(err, rows->path, capacity * (2 * rows->length + sizeof(double) + sizeof(trm__rows_place)));
}

/* Puts question and answer into the frame, if there is one. */
static trm_status rows_fill(trm__rows *rows, const uint8_t *cells[2], size_t length[2], const trm__rows_place *place,
                            trm_error *err) {
  char expected[96];
  for (int answer = 0; answer < 2 - rows->questions_only; answer++) {
    size_t found = length[answer];
    trm_status status = trm__rows_fill(rows, answer, &cells[answer], &length[answer], expected, sizeof expected, err);
    if (status) return status;
    if (expected[0]) return rows_fail_length(rows, place, answer, found, expected, err);
  }
  return TRM_OK;
}

trm_status trm__rows_add(trm__rows *rows, const uint8_t *question, size_t question_length, const uint8_t *answer,
                         size_t answer_length, double rating, trm__rows_place place, trm_error *err) {
  char expected[96];
  const uint8_t *cells[2] = {question, answer};
  size_t length[2] = {question_length, answer_length};
  if (!rows->questions_only && rows->frame.width && question_length != answer_length) {
    snprintf(expected, sizeof expected, "%zu as in its question", question_length);
    return rows_fail_length(rows, &place, 1, answer_length, expected, err);
  }
  trm_status filled = rows_fill(rows, cells, length, &place, err);
  if (filled) return filled;
  question = cells[0], answer = cells[1];
  question_length = length[0], answer_length = length[1];
  if (rows->count == 0) rows->length = question_length;
  if (question_length == 0 || question_length > TRM__SEQ_LIMIT)
    return rows_fail_length(rows, &place, 0, question_length, "1 to 65536", err);
  snprintf(expected, sizeof expected, "%zu as in the first puzzle", rows->length);
  if (question_length != rows->length) return rows_fail_length(rows, &place, 0, question_length, expected, err);
  snprintf(expected, sizeof expected, "%zu as in its question", rows->length);
  if (!rows->questions_only && answer_length != rows->length)
    return rows_fail_length(rows, &place, 1, answer_length, expected, err);
  trm_status status = rows_check_symbols(rows, &place, 0, question, err);
  if (!status && !rows->questions_only) status = rows_check_symbols(rows, &place, 1, answer, err);
  if (!status) status = rows_reserve(rows, err);
  if (status) return status;
  memcpy(rows->questions + rows->count * rows->length, question, rows->length);
  if (!rows->questions_only) memcpy(rows->answers + rows->count * rows->length, answer, rows->length);
  rows->ratings[rows->count] = rating;
  for (int mark = 0; mark < TRM__MARKS; mark++) {
    if (rows->marks) rows->marked[mark][rows->count] = rows->mark[mark];
    rows->mark[mark] = 0;
  }
  rows->places[rows->count++] = place;
  return TRM_OK;
}

/* -- tokens -------------------------------------------------------------------------------------------------------- */

/* map: of the cells of this question or answer. */
static trm_status rows_fail_cell(const trm__rows *rows, const trm_task *task, size_t row, int answer, size_t cell,
                                 const int16_t map[256], uint8_t symbol, trm_error *err) {
  char found[32], expected[400];
  if (rows->numbers) {
    int low = 0, high = 255;
    while (low < 255 && map[low] < 0) low++;
    while (high > low && map[high] < 0) high--;
    snprintf(found, sizeof found, "%d", symbol);
    snprintf(expected, sizeof expected, "%d to %d", low, high);
  } else {
    snprintf(found, sizeof found, "'%c'", symbol);
    trm__task_expected(task, answer, expected, sizeof expected);
  }
  return rows_fail(rows, &rows->places[row], answer, cell, err, found, expected);
}

/* Symbols become tokens in place. */
static trm_status rows_encode(trm__rows *rows, const trm_task *task, int answer, trm_error *err) {
  const int16_t *map = rows->map[answer];
  uint8_t *cells = answer ? rows->answers : rows->questions;
  for (size_t row = 0; row < rows->count; row++)
    for (size_t i = 0; i < rows->length; i++, cells++) {
      if (map[*cells] < 0) return rows_fail_cell(rows, task, row, answer, i, map, *cells, err);
      *cells = (uint8_t)map[*cells];
    }
  return TRM_OK;
}

static trm_status rows_check_task(const trm__rows *rows, const trm_task *task, trm_error *err) {
  size_t cells = (size_t)task->width * (size_t)task->height;
  if (task->vocab_size > 256 || (task->alphabet[0] == '\0' && !rows->numbers))
    return trm__fail(err, TRM_E_INPUT, rows->path,
                     "the tokens of this task have no symbols, expected a dataset directory");
  if (rows->length == cells) return TRM_OK;
  return trm__fail(err, TRM_E_INPUT, rows->path, "its puzzles have %zu cells, expected %zu (a %s grid of %d x %d)",
                   rows->length, cells, trm_task_name(task), task->width, task->height);
}

static trm_status rows_choose_task(trm_task *task, trm__rows *rows, const trm__rows_hint *hint, trm_error *err) {
  const trm_task *given = hint->task ? hint->task : rows->task.width > 0 ? &rows->task : NULL;
  if (!given) return trm__rows_infer(task, rows, hint, err);
  *task = *given;
  trm_status status = rows_check_task(rows, task, err);
  return status ? status : trm__rows_infer_notation(rows, task, err);
}

trm_status trm__rows_question(trm__rows *rows, const trm_task *task, int32_t *tokens, trm_error *err) {
  char expected[64];
  size_t cells = (size_t)task->width * (size_t)task->height;
  snprintf(expected, sizeof expected, "%zu (%d rows of %d)", cells, task->height, task->width);
  if (rows->length != cells) return rows_fail_length(rows, rows->places, 0, rows->length, expected, err);
  trm_status status = rows_check_task(rows, task, err);
  if (!status) status = trm__rows_infer_blank(rows, task, err);
  if (!status) status = rows_encode(rows, task, 0, err);
  for (size_t i = 0; i < rows->length && !status; i++) tokens[i] = rows->questions[i];
  return status;
}

trm_status trm__rows_answer(trm__rows *rows, const trm_task *task, int32_t *tokens, trm_error *err) {
  trm_status status = rows_check_task(rows, task, err);
  if (!status) status = trm__rows_infer_notation(rows, task, err);
  if (!status) status = rows_encode(rows, task, 1, err);
  for (size_t i = 0; i < rows->length && !status; i++) tokens[i] = rows->answers[i];
  return status;
}

/* Each example is a puzzle yet; who makes puzzles and groups of them reads group_names. */
static void rows_give_marks(trm__rows *rows, trm_dataset *dataset) {
  if (!rows->marks) return;
  memcpy(dataset->identifiers, rows->marked[TRM__MARK_IDENTIFIER], rows->count * sizeof *dataset->identifiers);
  dataset->info.identifiers = trm__marks_count(rows->marks, TRM__MARK_IDENTIFIER) + 1;
  dataset->group_names = rows->marked[TRM__MARK_GROUP];
  dataset->identifier_names = json_incref(rows->marks->names);
  rows->marked[TRM__MARK_GROUP] = NULL;
}

trm_status trm__rows_finish(trm_dataset **out, trm__rows *rows, const trm__rows_hint *hint, trm_error *err) {
  trm_task task = {0};
  trm_dataset *dataset = NULL;
  if (rows->count == 0) return trm__fail(err, TRM_E_INPUT, rows->path, "no puzzles, expected at least one");
  trm_status status = rows_choose_task(&task, rows, hint, err);
  if (!status) status = rows_encode(rows, &task, 0, err);
  if (!status) status = rows_encode(rows, &task, 1, err);
  if (status) return status;
  trm__rows_note_ratings(rows);
  trm__rows_note_marks(rows);
  if (rows->rated.texts > 0 && rows->rated.numbers == 0) rows->has_ratings = 0;
  status =
      trm__dataset_adopt(&dataset, &task, (int64_t)rows->count, 1, rows->questions, rows->answers,
                         rows->has_ratings ? rows->ratings : NULL, rows->has_ratings ? rows->rating_name : NULL, err);
  if (status) return status;
  rows_give_marks(rows, dataset);
  memcpy(dataset->info.notes, rows->notes, sizeof dataset->info.notes);
  rows->questions = rows->answers = NULL;
  if (rows->has_ratings) rows->ratings = NULL;
  *out = dataset;
  return TRM_OK;
}
