#include "serve/problems.h"

#include <stdio.h>
#include <string.h>

static const trm__problem_row problems_table[TRM__PROBLEMS] = {
    [TRM__PROBLEM_NONE] = {500, "internal", "Internal error"},
    [TRM__PROBLEM_MALFORMED] = {400, "malformed", "The body is no JSON"},
    [TRM__PROBLEM_INVALID] = {400, "invalid", "A field is wrong"},
    [TRM__PROBLEM_UNAUTHORIZED] = {401, "unauthorized", "A token is needed"},
    [TRM__PROBLEM_FORBIDDEN] = {403, "forbidden", "This is not allowed"},
    [TRM__PROBLEM_NOT_FOUND] = {404, "not_found", "There is no such thing"},
    [TRM__PROBLEM_NOT_ACCEPTABLE] = {406, "not_acceptable", "The answer has no such form"},
    [TRM__PROBLEM_IN_PROGRESS] = {409, "in_progress", "The same request is still at work"},
    [TRM__PROBLEM_CONFLICT] = {409, "conflict", "It is in another state"},
    [TRM__PROBLEM_MEDIA_TYPE] = {415, "media_type", "The body is of another type"},
    [TRM__PROBLEM_KEY_REUSED] = {422, "key_reused", "The Idempotency-Key was used for another request"},
    [TRM__PROBLEM_MODEL_REFUSED] = {422, "model_refused", "The model is not served: the one before it is"},
    [TRM__PROBLEM_BUSY] = {429, "busy", "Too much waits"},
    [TRM__PROBLEM_POISON] = {500, "poison", "The puzzle ended two engines"},
    [TRM__PROBLEM_INTERNAL] = {500, "internal", "Internal error"},
    [TRM__PROBLEM_MODEL_NOT_LOADED] = {503, "model_not_loaded", "No model is loaded"},
    [TRM__PROBLEM_STORAGE] = {503, "storage", "The journal cannot be written"},
    [TRM__PROBLEM_DRAINING] = {503, "draining", "The server is ending"},
};

const trm__problem_row *trm__problem_of(trm__problem_kind kind) {
  return &problems_table[kind < TRM__PROBLEMS ? kind : TRM__PROBLEM_INTERNAL];
}

static void problem_type(const trm__problem_row *row, char *type, size_t size) {
  snprintf(type, size, "urn:trm:problem:%s", row->name);
}

void trm__problem_send(trm__exchange *exchange, trm__problem_kind kind, const char *pointer, const char *detail,
                       const char *challenge) {
  char type[64];
  const trm__problem_row *row = trm__problem_of(kind);
  problem_type(row, type, sizeof type);
  trm__problem_error error = {pointer, detail};
  trm__problem problem = {.status = row->status,
                          .type = type,
                          .title = row->title,
                          .detail = detail,
                          .errors = &error,
                          .error_count = pointer != NULL,
                          .retry_after_s = 1};
  const trm__field field = {"WWW-Authenticate", challenge};
  (void)trm__exchange_problem(exchange, &problem, &field, challenge != NULL, NULL);
}

json_t *trm__problem_json(trm__problem_kind kind, const char *pointer, const char *detail) {
  char type[64];
  const trm__problem_row *row = trm__problem_of(kind);
  problem_type(row, type, sizeof type);
  json_t *errors = pointer ? json_pack("[{s:s, s:s}]", "pointer", pointer, "detail", detail) : NULL;
  return json_pack("{s:s, s:s, s:i, s:s, s:o*}", "type", type, "title", row->title, "status", row->status, "detail",
                   detail, "errors", errors);
}
