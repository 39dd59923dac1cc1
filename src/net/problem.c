/* A detail may quote what a client sent, which need not be UTF-8: jansson refuses such text, so it is mended first. */
#include "net/problem.h"

#include <jansson.h>
#include <string.h>

#include "base/mem.h"
#include "base/text/json.h"
#include "net/grammar.h"
#include "net/response.h"

static json_t *problem_string(const char *text) {
  size_t length = strlen(text);
  if (trm__is_utf8(text, length)) return json_string(text);
  char *mended = trm__strdup(text);
  if (!mended) return NULL;
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)mended[i] >= 0x80) mended[i] = '?';
  json_t *string = json_string(mended);
  trm__free(mended);
  return string;
}

static int problem_put(json_t *object, const char *key, const char *text) {
  return text ? json_object_set_new(object, key, problem_string(text)) : 0;
}

static int problem_put_errors(json_t *object, const trm__problem *problem) {
  if (!problem->error_count) return 0;
  json_t *list = json_array();
  int failed = json_object_set_new(object, "errors", list);
  for (size_t i = 0; i < problem->error_count && !failed; i++) {
    json_t *entry = json_object();
    failed = json_array_append_new(list, entry) || problem_put(entry, "pointer", problem->errors[i].pointer) ||
             problem_put(entry, "detail", problem->errors[i].detail);
  }
  return failed;
}

char *trm__problem_text(const trm__problem *problem) {
  json_t *object = json_object();
  const char *title = problem->title ? problem->title : trm__status_text(problem->status);
  int failed = !object || problem_put(object, "type", problem->type ? problem->type : "about:blank") ||
               problem_put(object, "title", title) ||
               json_object_set_new(object, "status", json_integer(problem->status)) ||
               problem_put(object, "detail", problem->detail) || problem_put(object, "instance", problem->instance) ||
               problem_put_errors(object, problem);
  char *text = failed ? NULL : trm__json_text(object, JSON_COMPACT);
  json_decref(object);
  return text;
}
