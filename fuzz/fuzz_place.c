/* Any JSON: the line of each value in it, by its pointer, is one of the text, and never before that of the value around
 * it; pointers that lead nowhere are followed as far as they go. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/define/place.h"
#include "base/text/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct walk {
  const char *text;
  size_t size, lines;
  char pointer[4096];
} walk;

static void walk_value(walk *w, const json_t *value, size_t used, size_t before) {
  size_t line = trm__place_line(w->text, w->size, w->pointer), i = 0;
  if (line < before || line > w->lines) abort();
  json_t *members = (json_t *)(uintptr_t)value;
  for (i = 0; i < json_array_size(value) && i < 3; i++) {
    int n = snprintf(w->pointer + used, sizeof w->pointer - used, "/%zu", i);
    walk_value(w, json_array_get(value, i), used + (size_t)n, line);
    w->pointer[used] = 0;
  }
  i = 0;
  for (void *at = json_object_iter(members); at && i < 3; at = json_object_iter_next(members, at), i++) {
    const char *key = json_object_iter_key(at);
    if (strlen(key) > 40 || strchr(key, '/') || strchr(key, '~')) continue;
    int n = snprintf(w->pointer + used, sizeof w->pointer - used, "/%s", key);
    if (used + (size_t)n >= sizeof w->pointer) return;
    walk_value(w, json_object_iter_value(at), used + (size_t)n, line);
    w->pointer[used] = 0;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  trm_error err = {.code = TRM_OK};
  json_t *value = NULL;
  walk w = {.text = (const char *)data, .size = size, .lines = 1};
  for (size_t i = 0; i < size; i++) w.lines += data[i] == '\n';
  if (size > 2000 || trm__json_parse(&value, w.text, size, "fuzz", &err)) return 0;
  walk_value(&w, value, 0, 1);
  if (trm__place_line(w.text, size, "/a/0/b//~1") > w.lines) abort();
  json_decref(value);
  return 0;
}
