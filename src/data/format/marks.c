/* Names of groups and identifiers and their numbers: see marks.h. The tables are JSON objects, whose hashes are seeded,
 * so that no file can make them slow. */
#include "data/format/marks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "data/format/cells.h"

#define BLANK "<blank>"

trm_status trm__marks_open(trm__marks *marks, trm_error *err) {
  *marks = (trm__marks){.numbers = {json_object(), json_object()}, .names = json_pack("[s]", BLANK)};
  if (marks->numbers[0] && marks->numbers[1] && marks->names) return TRM_OK;
  trm__marks_close(marks);
  return trm__fail_memory(err, "identifiers", 256);
}

void trm__marks_close(trm__marks *marks) {
  for (int mark = 0; mark < TRM__MARKS; mark++) json_decref(marks->numbers[mark]);
  json_decref(marks->names);
  memset(marks, 0, sizeof *marks);
}

const char *trm__mark_word(trm__mark mark) {
  return mark == TRM__MARK_GROUP ? "group" : "identifier";
}

int64_t trm__marks_count(const trm__marks *marks, trm__mark mark) {
  return (int64_t)json_object_size(marks->numbers[mark]);
}

static const char *marks_add(trm__marks *marks, trm__mark mark, const char *name, int32_t *number) {
  int64_t next = trm__marks_count(marks, mark) + 1;
  if (next >= INT32_MAX) return "is one name too many, expected fewer than 2^31";
  json_t *text = json_string(name);
  if (!text) return "is no UTF-8, expected a text";
  int failed = mark == TRM__MARK_IDENTIFIER && json_array_append(marks->names, text) != 0;
  json_decref(text);
  if (failed || json_object_set_new(marks->numbers[mark], name, json_integer(next)) != 0) return trm__cells_no_memory;
  *number = (int32_t)next;
  return NULL;
}

const char *trm__marks_number(trm__marks *marks, trm__mark mark, const char *name, size_t length, int32_t *number) {
  char plain[TRM__MARK_LIMIT + 1];
  for (; length > 0 && (*name == ' ' || *name == '\t'); name++) length--;
  while (length > 0 && memchr(" \t\r", name[length - 1], 3)) length--;
  *number = 0;
  if (length == 0) return NULL;
  if (length > TRM__MARK_LIMIT) return "is longer than 200 bytes, expected a short name";
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f) return "has a control character, expected a name of one line";
  memcpy(plain, name, length);
  plain[length] = '\0';
  if (mark == TRM__MARK_IDENTIFIER && strcmp(plain, BLANK) == 0) return NULL;
  const json_t *known = json_object_get(marks->numbers[mark], plain);
  if (!known) return marks_add(marks, mark, plain, number);
  *number = (int32_t)json_integer_value(known);
  return NULL;
}

const char *trm__marks_number_json(trm__marks *marks, trm__mark mark, const json_t *value, int32_t *number) {
  char text[32];
  *number = 0;
  if (json_is_null(value)) return NULL;
  if (json_is_string(value))
    return trm__marks_number(marks, mark, json_string_value(value), json_string_length(value), number);
  if (!json_is_integer(value)) return "is neither a text nor an integer, expected one of them, or null for none";
  (void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
  return trm__marks_number(marks, mark, text, strlen(text), number);
}
