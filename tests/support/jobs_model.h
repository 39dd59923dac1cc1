/* What the journal of jobs should do, written a second time and as plainly as possible: an array of jobs in the order
 * in which they were accepted. Tests apply each operation to it and to the journal and compare outcomes, answers and,
 * at the end, everything that can be seen. It knows nothing of disks: a test that loses power keeps several models, one
 * for each thing that may have happened. */
#ifndef TRM_TESTS_SUPPORT_JOBS_MODEL_H
#define TRM_TESTS_SUPPORT_JOBS_MODEL_H

#include "store/jobs.h"
#include "store/rules.h"
#include "support/check.h"

enum { MODEL_JOBS = 256, MODEL_TEXT = 48, MODEL_FOUND = 64 };

typedef struct model_job {
  char id[TRM__UUID_TEXT]; /* "": accepted, and not told */
  int state;
  long long attempts, kills, deaths, priority, created, started, ended, deadline, expires;
  char kind[MODEL_TEXT], owner[MODEL_TEXT], key[MODEL_TEXT], reason[MODEL_TEXT], body[MODEL_TEXT], result[MODEL_TEXT];
  char submitted[MODEL_TEXT]; /* the body that it came with */
  int has_result;
} model_job;

typedef struct model {
  model_job job[MODEL_JOBS];
  int count;
  long long kills, deaths, keep, open_limit;
} model;

/* One operation; the fields that its kind uses. */
typedef struct model_op {
  trm__request_kind kind;
  char id[TRM__UUID_TEXT], what[MODEL_TEXT], owner[MODEL_TEXT], key[MODEL_TEXT], body[MODEL_TEXT], reason[MODEL_TEXT];
  long long attempt, priority, deadline, limit;
  int start;
} model_op;

typedef struct model_answer {
  trm_status status;
  trm_error error;
  trm__jobs_outcome outcome;
  model_job job[MODEL_FOUND];
  size_t count;
  int arrived;
} model_answer;

static inline int model_is_open(const model_job *job) {
  return job->state == TRM__JOB_SUBMITTED || job->state == TRM__JOB_RUNNING;
}

static inline void model_forget_expired(model *m, long long now) {
  int kept = 0;
  for (int i = 0; i < m->count; i++)
    if (model_is_open(&m->job[i]) || m->job[i].expires > now) m->job[kept++] = m->job[i];
  m->count = kept;
}

static inline int model_open_jobs(const model *m) {
  int open = 0;
  for (int i = 0; i < m->count; i++) open += model_is_open(&m->job[i]);
  return open;
}

static inline void model_end(const model *m, model_job *job, int state, const char *reason, const char *result,
                             long long now) {
  job->state = state;
  job->ended = now;
  job->expires = now + m->keep;
  job->body[0] = '\0';
  snprintf(job->reason, MODEL_TEXT, "%s", reason);
  job->has_result = result != NULL;
  snprintf(job->result, MODEL_TEXT, "%s", result ? result : "");
}

/* The process began anew. */
static inline void model_restart(model *m, long long now) {
  for (int i = 0; i < m->count; i++) {
    model_job *job = &m->job[i];
    if (job->state != TRM__JOB_RUNNING) continue;
    job->state = TRM__JOB_SUBMITTED;
    if (++job->deaths == m->deaths) model_end(m, job, TRM__JOB_FAILED, "poison", NULL, now);
  }
}

/* One that has seen half as many ends as it may is begun only while no other such job runs. */
static inline int model_is_suspect(const model *m, const model_job *job) {
  return 2 * job->deaths >= m->deaths;
}

static inline int model_may_begin(const model *m, const model_job *job) {
  for (int i = 0; model_is_suspect(m, job) && i < m->count; i++)
    if (m->job[i].state == TRM__JOB_RUNNING && model_is_suspect(m, &m->job[i])) return 0;
  return job->state == TRM__JOB_SUBMITTED;
}

static inline void model_found(model_answer *a, const model_job *job) {
  if (a->count < MODEL_FOUND) a->job[a->count++] = *job;
}

static inline void model_submit(model *m, const model_op *op, long long now, model_answer *a) {
  for (int i = 0; op->key[0] && i < m->count; i++) {
    model_job *job = &m->job[i];
    if (strcmp(job->key, op->key) || strcmp(job->owner, op->owner)) continue;
    model_found(a, job);
    if (strcmp(job->submitted, op->body) || strcmp(job->kind, op->what)) a->outcome = TRM__JOBS_CONFLICT;
    else a->outcome = model_is_open(job) ? TRM__JOBS_IN_PROGRESS : TRM__JOBS_FOUND;
    return;
  }
  a->outcome = TRM__JOBS_FULL;
  if (model_open_jobs(m) >= m->open_limit || m->count == MODEL_JOBS) return;
  model_job *job = &m->job[m->count++];
  *job = (model_job){.state = op->start ? TRM__JOB_RUNNING : TRM__JOB_SUBMITTED,
                     .attempts = op->start,
                     .priority = op->priority,
                     .created = now,
                     .started = op->start ? now : 0,
                     .deadline = op->deadline};
  strcpy(job->kind, op->what);
  strcpy(job->owner, op->owner);
  strcpy(job->key, op->key);
  strcpy(job->body, op->body);
  strcpy(job->submitted, op->body);
  a->outcome = TRM__JOBS_CHANGED;
  model_found(a, job);
}

static inline void model_take(model *m, const model_op *op, long long now, model_answer *a) {
  a->outcome = TRM__JOBS_CHANGED;
  for (;;) { /* the earliest deadline first */
    model_job *first = NULL;
    for (int i = 0; i < m->count; i++) {
      model_job *job = &m->job[i];
      int overdue = job->state == TRM__JOB_SUBMITTED && job->deadline && job->deadline <= now;
      if (overdue && (!first || job->deadline < first->deadline)) first = job;
    }
    if (!first) break;
    model_end(m, first, TRM__JOB_FAILED, "deadline", NULL, now);
    model_found(a, first);
  }
  for (long long n = 0; n < op->limit; n++) {
    model_job *best = NULL;
    for (int i = 0; i < m->count; i++) {
      model_job *job = &m->job[i];
      if (model_may_begin(m, job) && (!best || job->priority > best->priority)) best = job;
    }
    if (!best) break;
    best->state = TRM__JOB_RUNNING;
    best->attempts++;
    best->started = now;
    model_found(a, best);
  }
}

static inline void model_move(model *m, const model_op *op, model_job *job, long long now, model_answer *a) {
  int cancel = op->kind == TRM__REQUEST_CANCEL;
  int runs = job->state == TRM__JOB_RUNNING && job->attempts == op->attempt;
  a->outcome = (cancel ? model_is_open(job) : runs) ? TRM__JOBS_CHANGED : TRM__JOBS_STALE;
  if (a->outcome == TRM__JOBS_STALE) {
  } else if (cancel) {
    model_end(m, job, TRM__JOB_CANCELLED, "", NULL, now);
  } else if (op->kind == TRM__REQUEST_FINISH) {
    model_end(m, job, TRM__JOB_DONE, "", op->body, now);
  } else if (op->kind == TRM__REQUEST_FAIL) {
    model_end(m, job, TRM__JOB_FAILED, op->reason, op->body, now);
  } else if (op->kind == TRM__REQUEST_RETURN) {
    job->state = TRM__JOB_SUBMITTED;
  } else if (++job->kills >= m->kills) {
    model_end(m, job, TRM__JOB_FAILED, "poison", NULL, now);
  } else {
    job->state = TRM__JOB_SUBMITTED;
  }
  model_found(a, job);
}

/* What the journal should answer; *changed: whether it changes anything. */
static inline void model_apply(model *m, const model_op *op, long long now, model_answer *a, int *changed) {
  *a = (model_answer){.outcome = TRM__JOBS_ABSENT};
  model_forget_expired(m, now);
  if (op->kind == TRM__REQUEST_SUBMIT) {
    model_submit(m, op, now, a);
  } else if (op->kind == TRM__REQUEST_TAKE) {
    model_take(m, op, now, a);
  } else {
    for (int i = 0; i < m->count; i++) {
      if (!op->id[0] || strcmp(m->job[i].id, op->id)) continue;
      if (op->kind != TRM__REQUEST_GET) {
        model_move(m, op, &m->job[i], now, a);
        break;
      }
      a->outcome = TRM__JOBS_FOUND;
      model_found(a, &m->job[i]);
    }
  }
  *changed = a->outcome == TRM__JOBS_CHANGED && (op->kind != TRM__REQUEST_TAKE || a->count > 0);
}

/* -- the journal's answers as the model's ------------------------------------------------------------------------- */

static inline void model_copy_text(char to[MODEL_TEXT], const char *text, size_t size) {
  if (size >= MODEL_TEXT) fail_msg("a text of %zu bytes", size);
  if (size) memcpy(to, text, size);
  to[size] = '\0';
}

static inline void model_read(model_job *to, const trm__job *job) {
  *to = (model_job){.state = (int)job->state,
                    .attempts = job->attempts,
                    .kills = job->kills,
                    .deaths = job->deaths,
                    .priority = job->priority,
                    .created = job->created_ms,
                    .started = job->started_ms,
                    .ended = job->ended_ms,
                    .deadline = job->deadline_ms,
                    .expires = job->expires_ms,
                    .has_result = job->result != NULL};
  memcpy(to->id, job->id, sizeof to->id);
  model_copy_text(to->kind, job->kind, strlen(job->kind));
  model_copy_text(to->owner, job->owner, strlen(job->owner));
  model_copy_text(to->key, job->key ? job->key : "", job->key ? strlen(job->key) : 0);
  model_copy_text(to->reason, job->reason ? job->reason : "", job->reason ? strlen(job->reason) : 0);
  model_copy_text(to->body, job->body, job->body_size);
  model_copy_text(to->result, job->result, job->result_size);
}

/* A trm__jobs_fn. */
static inline void model_arrived(void *context, const trm__jobs_answer *answer) {
  model_answer *a = context;
  if (a->arrived) fail_msg("answered twice");
  a->arrived = 1;
  a->status = answer->status;
  if (answer->status) {
    a->error = *answer->error;
    return;
  }
  a->outcome = answer->outcome;
  for (size_t i = 0; i < answer->count && a->count < MODEL_FOUND; i++) model_read(&a->job[a->count++], answer->job[i]);
}

static inline trm_status model_post(trm__journal *journal, const model_op *op, model_answer *a, trm_error *err) {
  *a = (model_answer){0};
  trm__job_spec spec = {.kind = op->what,
                        .owner = op->owner,
                        .key = op->key[0] ? op->key : NULL,
                        .body = op->body,
                        .body_size = strlen(op->body),
                        .priority = op->priority,
                        .deadline_ms = op->deadline,
                        .start = op->start};
  switch (op->kind) {
  case TRM__REQUEST_SUBMIT:
    return trm__jobs_submit(journal, &spec, model_arrived, a, err);
  case TRM__REQUEST_TAKE:
    return trm__jobs_take(journal, op->limit, model_arrived, a, err);
  case TRM__REQUEST_FINISH:
    return trm__jobs_finish(journal, op->id, op->attempt, op->body, strlen(op->body), model_arrived, a, err);
  case TRM__REQUEST_FAIL:
    return trm__jobs_fail(journal, op->id, op->attempt, op->reason, op->body, strlen(op->body), model_arrived, a, err);
  case TRM__REQUEST_CRASHED:
    return trm__jobs_crashed(journal, op->id, op->attempt, model_arrived, a, err);
  case TRM__REQUEST_RETURN:
    return trm__jobs_return(journal, op->id, op->attempt, model_arrived, a, err);
  case TRM__REQUEST_CANCEL:
    return trm__jobs_cancel(journal, op->id, model_arrived, a, err);
  default:
    return trm__jobs_get(journal, op->id, model_arrived, a, err);
  }
}

/* NULL: the same; otherwise what differs. bodies: whether those are compared, which only get and take tell. */
static inline const char *model_job_differs(const model_job *a, const model_job *b, int bodies) {
  if (a->id[0] && b->id[0] && strcmp(a->id, b->id)) return "id";
  if (a->state != b->state) return "state";
  if (a->attempts != b->attempts) return "attempts";
  if (a->kills != b->kills) return "kills";
  if (a->deaths != b->deaths) return "deaths";
  if (a->priority != b->priority) return "priority";
  if (a->created != b->created || a->started != b->started || a->ended != b->ended) return "times";
  if (a->deadline != b->deadline || a->expires != b->expires) return "deadline or expiry";
  if (strcmp(a->kind, b->kind) || strcmp(a->owner, b->owner) || strcmp(a->key, b->key)) return "kind, owner or key";
  if (strcmp(a->reason, b->reason)) return "reason";
  if (bodies && strcmp(a->body, b->body)) return "body";
  if (bodies && (a->has_result != b->has_result || strcmp(a->result, b->result))) return "result";
  return NULL;
}

/* Whether the journal answered as the model does; new jobs of the model get the ids that it told. */
static inline const char *model_answer_differs(model *m, const model_op *op, const model_answer *expected,
                                               const model_answer *got) {
  int bodies = op->kind == TRM__REQUEST_GET || (op->kind == TRM__REQUEST_TAKE);
  if (expected->outcome != got->outcome) return "outcome";
  if (expected->count != got->count) return "number of jobs";
  for (size_t i = 0; i < got->count; i++) {
    const char *what = model_job_differs(&expected->job[i], &got->job[i], bodies);
    if (what) return what;
  }
  if (op->kind == TRM__REQUEST_SUBMIT && got->outcome == TRM__JOBS_CHANGED)
    memcpy(m->job[m->count - 1].id, got->job[0].id, TRM__UUID_TEXT);
  return NULL;
}

#endif
