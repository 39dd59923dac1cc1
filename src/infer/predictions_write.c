/* Predictions as a file: docs/files.md has the fields. There is one list of fields, the object of a puzzle: a line of
 * JSON Lines is that object, and a row of CSV its values in the same order. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"
#include "infer/predictions.h"
#include "task/text.h"

/* -- one puzzle ---------------------------------------------------------------------------------------------------- */

static json_t *prediction_real(double number) {
  return isfinite(number) ? json_real(number) : json_null();
}

/* As text, a cell that is not scored as padding is; or as numbers where tokens have no symbols. */
static json_t *prediction_cells(const trm_predictions *p, const int32_t *tokens) {
  if (!p->task.alphabet[0]) {
    json_t *numbers = json_array();
    for (size_t i = 0; i < p->S; i++) (void)json_array_append_new(numbers, json_integer(tokens[i]));
    return numbers;
  }
  char *text = malloc(p->S + 1);
  if (!text) return NULL;
  for (size_t i = 0; i < p->S; i++) text[i] = trm__text_symbol(&p->task, tokens[i] < 0 ? 0 : tokens[i]);
  json_t *json = json_stringn(text, p->S);
  free(text);
  return json;
}

/* The same words as in the JSON of trm solve. */
static const char *prediction_verdict(const trm_task_verdict *v) {
  return v->keeps_rules < 0 ? "no rules known" : v->keeps_rules && v->keeps_clues ? "right" : "wrong";
}

/* Owned by the caller; NULL without memory. */
static json_t *prediction_object(trm_predictions *p, int64_t index) {
  const trm_prediction row = trm_predictions_at(p, index), *r = &row;
  const trm_solution *s = &r->solution;
  int checked = r->verdict.keeps_rules >= 0;
  json_t *correct = checked ? json_boolean(r->verdict.keeps_rules && r->verdict.keeps_clues) : json_null();
  trm_dataset_info info = trm_dataset_describe(p->dataset);
  json_t *o = json_pack("{s:I, s:o, s:o, s:o, s:b, s:I, s:I, s:i, s:o, s:o, s:o, s:b, s:o, s:s}", "example",
                        (json_int_t)r->example + 1, "question", prediction_cells(p, r->question), "right_answer",
                        prediction_cells(p, r->labels), "given_answer", prediction_cells(p, r->answer), "exact",
                        r->exact, "wrong_cells", (json_int_t)r->wrong, "cells", (json_int_t)r->cells, "steps", s->steps,
                        "q", prediction_real((double)s->q), "confidence", prediction_real((double)s->confidence),
                        "least_confidence", prediction_real((double)s->least), "checked", checked, "correct", correct,
                        "verdict", prediction_verdict(&r->verdict));
  if (o && info.has_ratings && json_object_set_new(o, "rating", prediction_real(r->rating)) != 0) {
    json_decref(o);
    return NULL;
  }
  return o;
}

/* -- files --------------------------------------------------------------------------------------------------------- */

static char *prediction_text(const json_t *value) {
  return value ? trm__json_text(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)) : NULL;
}

size_t trm_predictions_json(trm_predictions *p, int64_t index, char *text, size_t size) {
  json_t *object = prediction_object(p, index);
  char *line = prediction_text(object);
  size_t length = line ? strlen(line) : 0;
  if (size) (void)snprintf(text, size, "%s", line ? line : "");
  json_decref(object);
  free(line);
  return length;
}

static trm_status prediction_format(int *csv, const char *path, trm_error *err) {
  static const char *const lines[] = {".jsonl", ".ndjson"};
  const char *slash = strrchr(path, '/'), *ending = strrchr(slash ? slash : path, '.');
  *csv = ending && !strcasecmp(ending, ".csv");
  if (!ending || *csv) return TRM_OK; /* no ending: a device or a pipe */
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    if (!strcasecmp(ending, lines[i])) return TRM_OK;
  return trm__fail(err, TRM_E_USAGE, path, "found the ending \"%.40s\", expected .csv or .jsonl", ending);
}

trm_status trm_predictions_check_path(const char *path, trm_error *err) {
  int csv;
  return prediction_format(&csv, path, err);
}

typedef struct sheet {
  trm__writer *writer;
  const char *path;
  int csv;
  trm_error *err;
} sheet;

static trm_status sheet_put(sheet *s, const char *text) {
  return trm__writer_write(s->writer, text, strlen(text), s->err);
}

/* Between quotes where it would end the field; a quote in it twice. */
static trm_status sheet_put_text(sheet *s, const char *text) {
  if (!strpbrk(text, ",;\t\r\n\" ")) return sheet_put(s, text);
  trm_status status = sheet_put(s, "\"");
  for (const char *quote; !status && (quote = strchr(text, '"')); text = quote + 1) {
    status = trm__writer_write(s->writer, text, (size_t)(quote - text), s->err);
    if (!status) status = sheet_put(s, "\"\"");
  }
  if (!status) status = sheet_put(s, text);
  return status ? status : sheet_put(s, "\"");
}

static trm_status sheet_put_json(sheet *s, const json_t *value) {
  char *text = prediction_text(value);
  if (!text) return trm__fail_memory(s->err, s->path, 1);
  trm_status status = s->csv && json_is_array(value) ? sheet_put_text(s, text) : sheet_put(s, text);
  free(text);
  return status;
}

/* Nothing for null, which is how tables say that a value is absent. */
static trm_status sheet_put_field(sheet *s, const json_t *value) {
  if (json_is_null(value)) return TRM_OK;
  return json_is_string(value) ? sheet_put_text(s, json_string_value(value)) : sheet_put_json(s, value);
}

static trm_status sheet_put_row(sheet *s, json_t *object, int header) {
  const char *key, *comma = "";
  json_t *value;
  if (!s->csv) {
    trm_status status = sheet_put_json(s, object);
    return status ? status : sheet_put(s, "\n");
  }
  json_object_foreach(object, key, value) {
    trm_status status = sheet_put(s, comma);
    if (!status) status = header ? sheet_put(s, key) : sheet_put_field(s, value);
    if (status) return status;
    comma = ",";
  }
  return sheet_put(s, "\n");
}

static trm_status sheet_fill(sheet *s, trm_predictions *p) {
  trm_status status = TRM_OK;
  for (int64_t i = 0; i < p->count && !status; i++) {
    json_t *object = prediction_object(p, i);
    if (!object) return trm__fail_memory(s->err, s->path, 4 * p->S);
    if (!i && s->csv) status = sheet_put_row(s, object, 1);
    if (!status) status = sheet_put_row(s, object, 0);
    json_decref(object);
  }
  return status;
}

trm_status trm_predictions_write(trm_predictions *p, const char *path, trm_error *err) {
  sheet s = {.path = path, .err = err};
  trm_status status = prediction_format(&s.csv, path, err);
  if (!status) status = trm__writer_open(&s.writer, path, err);
  if (status) return status;
  status = sheet_fill(&s, p);
  if (!status) return trm__writer_commit(&s.writer, err);
  trm__writer_abort(&s.writer);
  return status;
}
