/* Puzzles of a task with a pad: see text_padded.h. */
#include "task/text_padded.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"

size_t trm__text_padded_length(const trm__text *t, const char *line, size_t length) {
  while (length && memchr(" \t\r", line[length - 1], 3) && t->map[(unsigned char)line[length - 1]] < 0) length--;
  return length;
}

/* number: of the line, from 1. */
static trm_status padded_row(const trm_task *task, const trm__text *t, const char *line, size_t length, size_t number,
                             int32_t *tokens, size_t room, trm_error *err) {
  char where[64], found[16];
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)line[i];
    (void)snprintf(where, sizeof where, "line %zu, column %zu", number, i + 1);
    if (i == room)
      return trm__fail(err, TRM_E_INPUT, where, "%zu cells, expected at most %zu (%d rows of %d)", length, room,
                       task->height, task->width);
    if (t->map[c] < 0) {
      (void)snprintf(found, sizeof found, c > 0x20 && c < 0x7f ? "'%c'" : "byte 0x%02x", c);
      return trm__fail(err, TRM_E_INPUT, where, "found %s, expected %s", found, t->expected);
    }
    tokens[i] = t->map[c];
  }
  return TRM_OK;
}

trm_status trm__text_parse_padded(const trm_task *task, trm__text *t, int32_t *tokens, trm_error *err) {
  size_t width = (size_t)task->width, height = (size_t)task->height, rows = 0, number = 0, size;
  for (size_t i = 0; i < width * height; i++) tokens[i] = task->pad;
  for (size_t at = 0; at < t->length; at += size + 1) {
    const char *line = t->text + at, *end = memchr(line, '\n', t->length - at);
    size = end ? (size_t)(end - line) : t->length - at;
    size_t length = trm__text_padded_length(t, line, size);
    number++;
    if (!length) continue;
    if (rows == height)
      return trm__fail(err, TRM_E_INPUT, "puzzle", "over %zu rows, expected at most %zu", rows, height);
    int whole = !rows && length == width * height; /* all rows on one line */
    trm_status status = padded_row(task, t, line, length, number, tokens + rows * width, whole ? length : width, err);
    if (status) return status;
    rows += whole ? height : 1;
  }
  return rows ? TRM_OK
              : trm__fail(err, TRM_E_INPUT, "puzzle", "no cells, expected at most %zu rows of %zu: %s", height, width,
                          t->expected);
}
