/* The calls of jobs.h: a request is checked and copied into one block of memory, posted, and answered. The block is all
 * that a request ever needs of its own, so nothing can fail between its commit and its answer. */
#include "store/jobs.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "base/status.h"
#include "store/rules.h"

enum { KIND_LENGTH = 64, OWNER_LENGTH = 128, KEY_LENGTH = 255, REASON_LENGTH = 64, LIST_LIMIT = 1000 };

typedef struct jobs_op {
  trm__journal_op op; /* first: the journal knows only this */
  trm__job_request request;
  trm__jobs_outcome outcome;
  trm__job_list found;
  trm__jobs_fn fn;
  void *context;
  char *end; /* of what was copied behind this struct */
} jobs_op;

/* -- on the journal's thread and back ------------------------------------------------------------------------------ */

/* The hash is made here, not where it was posted: a large body takes milliseconds. */
static void jobs_hash(trm__job_request *request) {
  trm__sha256 sha;
  trm__sha256_begin(&sha);
  trm__sha256_add(&sha, request->spec.kind, strlen(request->spec.kind) + 1);
  trm__sha256_add(&sha, request->spec.body, request->spec.body_size);
  trm__sha256_end(&sha, request->hash);
}

static trm_status jobs_run(trm__journal_op *op, trm__journal_work *work, trm_error *err) {
  jobs_op *j = (jobs_op *)op;
  trm__job_list_clear(&j->found);
  if (j->request.kind == TRM__REQUEST_SUBMIT && !j->request.hash[0]) jobs_hash(&j->request);
  return trm__rules_apply(&j->request, work, &j->outcome, &j->found, err);
}

static void jobs_done(trm__journal_op *op) {
  jobs_op *j = (jobs_op *)op;
  trm__jobs_answer answer = {.status = op->status};
  if (op->status) {
    answer.error = &op->error;
  } else {
    answer.outcome = j->outcome;
    answer.job = (const trm__job *const *)j->found.job;
    answer.count = j->found.count;
  }
  if (j->fn) j->fn(j->context, &answer);
  trm__job_list_clear(&j->found);
  trm__free(j);
}

/* -- making requests ----------------------------------------------------------------------------------------------- */

static jobs_op *jobs_make(trm__request_kind kind, size_t bytes, trm__jobs_fn fn, void *context, trm_error *err) {
  jobs_op *j = trm__calloc(1, sizeof *j + bytes);
  if (!j) {
    trm__fail_memory(err, "journal", sizeof *j + bytes);
    return NULL;
  }
  j->op.run = jobs_run;
  j->op.done = jobs_done;
  j->op.bytes = (int64_t)(sizeof *j + bytes);
  j->request.kind = kind;
  j->fn = fn;
  j->context = context;
  j->end = (char *)(j + 1);
  return j;
}

static const void *jobs_copy(jobs_op *j, const void *bytes, size_t size) {
  void *copy = j->end;
  if (size) memcpy(copy, bytes, size);
  j->end += size;
  return copy;
}

static const char *jobs_copy_text(jobs_op *j, const char *text) {
  return text ? jobs_copy(j, text, strlen(text) + 1) : NULL;
}

/* What is no id is left empty, and names nothing. */
static void jobs_set_id(char to[TRM__UUID_TEXT], const char *id) {
  if (id && trm__uuid_is(id)) memcpy(to, id, TRM__UUID_TEXT);
}

static trm_status jobs_post(trm__journal *journal, jobs_op *j, trm_error *err) {
  trm_status status = trm__journal_post(journal, &j->op, err);
  if (status) trm__free(j);
  return status;
}

static trm_status jobs_check_text(const char *field, const char *text, size_t least, size_t most, trm_error *err) {
  size_t length = text ? strnlen(text, most + 1) : 0;
  if (text && length >= least && length <= most) return TRM_OK;
  if (length > most) return trm__fail(err, TRM_E_INPUT, field, "longer than %zu bytes; shorten it", most);
  return trm__fail(err, TRM_E_INPUT, field, "%s; give %zu to %zu bytes", text ? "empty" : "missing", least, most);
}

static trm_status jobs_check_size(const char *field, const void *bytes, size_t size, int64_t most, trm_error *err) {
  if (!bytes && size) return trm__fail(err, TRM_E_USAGE, field, "NULL, with a size of %zu", size);
  if (size <= (uint64_t)most) return TRM_OK;
  return trm__fail(err, TRM_E_INPUT, field, "%zu bytes, at most %lld are kept; shorten it or raise the limit", size,
                   (long long)most);
}

static trm_status jobs_check_spec(const trm__job_spec *spec, const trm__journal_config *limits, trm_error *err) {
  trm_status status = jobs_check_text("kind", spec->kind, 1, KIND_LENGTH, err);
  if (!status) status = jobs_check_text("owner", spec->owner, 0, OWNER_LENGTH, err);
  if (!status && spec->key) status = jobs_check_text("Idempotency-Key", spec->key, 1, KEY_LENGTH, err);
  if (!status) status = jobs_check_size("body", spec->body, spec->body_size, limits->body_limit, err);
  if (!status && spec->deadline_ms < 0)
    status =
        trm__fail(err, TRM_E_INPUT, "deadline", "%lld ms since 1970, expected 0 or more", (long long)spec->deadline_ms);
  return status;
}

trm_status trm__jobs_submit(trm__journal *journal, const trm__job_spec *spec, trm__jobs_fn fn, void *context,
                            trm_error *err) {
  trm_status status = jobs_check_spec(spec, trm__journal_limits(journal), err);
  if (status) return status;
  size_t texts = strlen(spec->kind) + strlen(spec->owner) + (spec->key ? strlen(spec->key) : 0) + 3;
  jobs_op *j = jobs_make(TRM__REQUEST_SUBMIT, texts + spec->body_size, fn, context, err);
  if (!j) return TRM_E_MEMORY;
  j->request.spec = *spec;
  j->request.spec.kind = jobs_copy_text(j, spec->kind);
  j->request.spec.owner = jobs_copy_text(j, spec->owner);
  j->request.spec.key = jobs_copy_text(j, spec->key);
  j->request.spec.body = jobs_copy(j, spec->body, spec->body_size);
  return jobs_post(journal, j, err);
}

trm_status trm__jobs_take(trm__journal *journal, int64_t limit, trm__jobs_fn fn, void *context, trm_error *err) {
  if (limit < 0) return trm__fail(err, TRM_E_USAGE, "limit", "%lld, expected 0 or more", (long long)limit);
  jobs_op *j = jobs_make(TRM__REQUEST_TAKE, 0, fn, context, err);
  if (!j) return TRM_E_MEMORY;
  j->op.always = 1;
  j->request.limit = limit;
  return jobs_post(journal, j, err);
}

/* What moves an attempt on. */
typedef struct jobs_move {
  const char *id, *reason;
  const void *result;
  size_t size;
  int64_t attempt;
} jobs_move;

static trm_status jobs_post_move(trm__journal *journal, trm__request_kind kind, const jobs_move *move, trm__jobs_fn fn,
                                 void *context, trm_error *err) {
  trm_status status =
      jobs_check_size("result", move->result, move->size, trm__journal_limits(journal)->result_limit, err);
  if (status) return status;
  jobs_op *j = jobs_make(kind, move->size + (move->reason ? strlen(move->reason) + 1 : 0), fn, context, err);
  if (!j) return TRM_E_MEMORY;
  j->op.always = kind != TRM__REQUEST_CANCEL && kind != TRM__REQUEST_GET;
  jobs_set_id(j->request.id, move->id);
  j->request.attempt = move->attempt;
  j->request.reason = jobs_copy_text(j, move->reason);
  if (move->result) j->request.result = jobs_copy(j, move->result, move->size);
  j->request.result_size = move->size;
  return jobs_post(journal, j, err);
}

trm_status trm__jobs_finish(trm__journal *journal, const char *id, int64_t attempt, const void *result, size_t size,
                            trm__jobs_fn fn, void *context, trm_error *err) {
  jobs_move move = {.id = id, .attempt = attempt, .result = result, .size = size};
  return jobs_post_move(journal, TRM__REQUEST_FINISH, &move, fn, context, err);
}

trm_status trm__jobs_fail(trm__journal *journal, const char *id, int64_t attempt, const char *reason,
                          const void *result, size_t size, trm__jobs_fn fn, void *context, trm_error *err) {
  jobs_move move = {.id = id, .attempt = attempt, .reason = reason, .result = result, .size = size};
  trm_status status = jobs_check_text("reason", reason, 1, REASON_LENGTH, err);
  return status ? status : jobs_post_move(journal, TRM__REQUEST_FAIL, &move, fn, context, err);
}

trm_status trm__jobs_crashed(trm__journal *journal, const char *id, int64_t attempt, trm__jobs_fn fn, void *context,
                             trm_error *err) {
  jobs_move move = {.id = id, .attempt = attempt};
  return jobs_post_move(journal, TRM__REQUEST_CRASHED, &move, fn, context, err);
}

trm_status trm__jobs_return(trm__journal *journal, const char *id, int64_t attempt, trm__jobs_fn fn, void *context,
                            trm_error *err) {
  jobs_move move = {.id = id, .attempt = attempt};
  return jobs_post_move(journal, TRM__REQUEST_RETURN, &move, fn, context, err);
}

trm_status trm__jobs_cancel(trm__journal *journal, const char *id, trm__jobs_fn fn, void *context, trm_error *err) {
  jobs_move move = {.id = id};
  return jobs_post_move(journal, TRM__REQUEST_CANCEL, &move, fn, context, err);
}

trm_status trm__jobs_get(trm__journal *journal, const char *id, trm__jobs_fn fn, void *context, trm_error *err) {
  jobs_move move = {.id = id};
  return jobs_post_move(journal, TRM__REQUEST_GET, &move, fn, context, err);
}

trm_status trm__jobs_list(trm__journal *journal, const trm__jobs_filter *filter, trm__jobs_fn fn, void *context,
                          trm_error *err) {
  if (filter->limit < 1 || filter->limit > LIST_LIMIT)
    return trm__fail(err, TRM_E_INPUT, "limit", "%lld, expected 1 to %d", (long long)filter->limit, LIST_LIMIT);
  if ((int)filter->state < 0 || filter->state >= TRM__JOB_STATES)
    return trm__fail(err, TRM_E_INPUT, "state", "%d is no state of a job", (int)filter->state);
  if (filter->after && !trm__uuid_is(filter->after))
    return trm__fail(err, TRM_E_INPUT, "after", "\"%.40s\" is no id; give the last one of the page before",
                     filter->after);
  trm_status status = filter->owner ? jobs_check_text("owner", filter->owner, 0, OWNER_LENGTH, err) : TRM_OK;
  if (status) return status;
  jobs_op *j = jobs_make(TRM__REQUEST_LIST, filter->owner ? strlen(filter->owner) + 1 : 0, fn, context, err);
  if (!j) return TRM_E_MEMORY;
  j->request.state = filter->state;
  j->request.limit = filter->limit;
  j->request.owner = jobs_copy_text(j, filter->owner);
  jobs_set_id(j->request.after, filter->after);
  return jobs_post(journal, j, err);
}
