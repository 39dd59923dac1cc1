/* A job's life: see rules.h and the picture in job.h. A function reads the job, decides, changes the record that it
 * read and writes it back, so the answer is what the file has. */
#include "store/rules.h"

#include <string.h>

#include "base/status.h"

static int rule_is_open(const trm__job *job) {
  return job->state <= TRM__JOB_RUNNING;
}

static int rule_is_expired(const trm__job *job, int64_t now_ms) {
#ifdef TRM_PLANT_209 /* what has expired is seen until it is removed */
  (void)now_ms;
  return 0;
#endif
  return job->expires_ms && job->expires_ms <= now_ms;
}

/* Writes a job that becomes state, and counts. reason, result: for the states that have them. */
static trm_status rule_move(trm__journal_work *work, trm__job *job, trm__job_state state, trm_error *err) {
  trm__job_state before = job->state;
  job->state = state;
  if (state > TRM__JOB_RUNNING) {
    job->ended_ms = work->now_ms;
    job->expires_ms = work->now_ms + work->config->keep_ms;
    job->body = NULL;
    job->body_size = 0;
  }
  trm_status status = trm__table_update(work->db, job, err);
  if (status) return status;
  work->jobs[before]--;
  work->jobs[state]++;
  return TRM_OK;
}

static trm_status rule_remove(trm__journal_work *work, const trm__job *job, trm_error *err) {
  trm_status status = trm__table_remove(work->db, job->id, err);
  if (!status) work->jobs[job->state]--;
  return status;
}

/* -- submitting ---------------------------------------------------------------------------------------------------- */

static trm_status rule_insert(const trm__job_request *request, trm__journal_work *work, trm__job_list *found,
                              trm_error *err) {
  const trm__job_spec *spec = &request->spec;
  trm__job job = {.state = spec->start ? TRM__JOB_RUNNING : TRM__JOB_SUBMITTED,
                  .attempts = spec->start ? 1 : 0,
                  .priority = spec->priority,
                  .created_ms = work->now_ms,
                  .started_ms = spec->start ? work->now_ms : 0,
                  .deadline_ms = spec->deadline_ms,
                  .kind = spec->kind,
                  .owner = spec->owner,
                  .key = spec->key,
                  .body = spec->body,
                  .body_size = spec->body_size};
  trm_status status = trm__uuid_next(work->uuids, work->now_ms, job.id, err);
  if (!status) status = trm__table_insert(work->db, &job, request->hash, err);
  if (!status) status = trm__table_get(work->db, job.id, TRM__JOB_HEAD, found, err);
  if (!status) work->jobs[job.state]++;
  return status;
}

/* The key was used before: *outcome; otherwise, and when that job has expired, TRM__JOBS_ABSENT. */
static trm_status rule_find_key(const trm__job_request *request, trm__journal_work *work, trm__jobs_outcome *outcome,
                                trm__job_list *found, trm_error *err) {
  char hash[65] = "";
  trm_status status = trm__table_get_key(work->db, request->spec.owner, request->spec.key, found, hash, err);
  *outcome = TRM__JOBS_ABSENT;
  if (status || found->count == 0) return status;
  if (rule_is_expired(found->job[0], work->now_ms)) {
    status = rule_remove(work, found->job[0], err);
    trm__job_list_clear(found);
    return status;
  }
  if (strcmp(hash, request->hash) != 0) *outcome = TRM__JOBS_CONFLICT;
  else *outcome = rule_is_open(found->job[0]) ? TRM__JOBS_IN_PROGRESS : TRM__JOBS_FOUND;
#ifdef TRM_PLANT_210 /* a key's body is not compared */
  if (*outcome == TRM__JOBS_CONFLICT) *outcome = rule_is_open(found->job[0]) ? TRM__JOBS_IN_PROGRESS : TRM__JOBS_FOUND;
#endif
  return TRM_OK;
}

static trm_status rule_submit(const trm__job_request *request, trm__journal_work *work, trm__jobs_outcome *outcome,
                              trm__job_list *found, trm_error *err) {
  trm_status status = TRM_OK;
  *outcome = TRM__JOBS_ABSENT;
  if (request->spec.key) status = rule_find_key(request, work, outcome, found, err);
  if (status || *outcome != TRM__JOBS_ABSENT) return status;
  if (work->jobs[TRM__JOB_SUBMITTED] + work->jobs[TRM__JOB_RUNNING] >= work->config->open_limit) {
    *outcome = TRM__JOBS_FULL;
    return TRM_OK;
  }
  *outcome = TRM__JOBS_CHANGED;
  return rule_insert(request, work, found, err);
}

/* -- running ------------------------------------------------------------------------------------------------------- */

/* What waited too long fails, before anything is begun: so nothing begins after its deadline. */
static trm_status rule_end_overdue(trm__journal_work *work, trm__job_list *found, trm_error *err) {
#ifdef TRM_PLANT_211 /* deadlines are not looked at */
  return TRM_OK;
#endif
  trm_status status = trm__table_overdue(work->db, work->now_ms, found, err);
  for (size_t i = 0; !status && i < found->count; i++) {
    found->job[i]->reason = TRM__JOB_OVERDUE;
    status = rule_move(work, found->job[i], TRM__JOB_FAILED, err);
  }
  return status;
}

/* From so many deaths on a job is begun only while no other such job runs: so at the next death the guilty one has no
 * company among them, and the innocent come to no more. */
static int64_t rule_suspect(const trm__journal_work *work) {
#ifdef TRM_PLANT_217 /* suspects are not kept apart */
  return INT64_MAX;
#endif
  return (work->config->deaths + 1) / 2;
}

static trm_status rule_take(const trm__job_request *request, trm__journal_work *work, trm__jobs_outcome *outcome,
                            trm__job_list *found, trm_error *err) {
  *outcome = TRM__JOBS_CHANGED;
  trm_status status = rule_end_overdue(work, found, err);
  size_t overdue = found->count;
  if (!status && request->limit > 0)
    status = trm__table_waiting(work->db, request->limit, rule_suspect(work), found, err);
  for (size_t i = overdue; !status && i < found->count; i++) {
    found->job[i]->attempts++;
    found->job[i]->started_ms = work->now_ms;
    status = rule_move(work, found->job[i], TRM__JOB_RUNNING, err);
  }
  return status;
}

/* The job of an id. *outcome: TRM__JOBS_FOUND or TRM__JOBS_ABSENT. */
static trm_status rule_find(const trm__job_request *request, trm__journal_work *work, trm__job_part part,
                            trm__jobs_outcome *outcome, trm__job_list *found, trm_error *err) {
  *outcome = TRM__JOBS_ABSENT;
  if (!request->id[0]) return TRM_OK;
  trm_status status = trm__table_get(work->db, request->id, part, found, err);
  if (status || found->count == 0) return status;
  if (rule_is_expired(found->job[0], work->now_ms)) trm__job_list_clear(found);
  else *outcome = TRM__JOBS_FOUND;
  return TRM_OK;
}

/* An engine was lost with this job: it waits for another, unless it has cost as many as a job may. */
static trm_status rule_crashed(trm__journal_work *work, trm__job *job, trm_error *err) {
#ifndef TRM_PLANT_212 /* kills are not counted */
  job->kills++;
#endif
  if (job->kills < work->config->kills) return rule_move(work, job, TRM__JOB_SUBMITTED, err);
  job->reason = TRM__JOB_POISON;
  return rule_move(work, job, TRM__JOB_FAILED, err);
}

static trm_status rule_end_attempt(const trm__job_request *request, trm__journal_work *work, trm__job *job,
                                   trm_error *err) {
  if (request->kind == TRM__REQUEST_RETURN) return rule_move(work, job, TRM__JOB_SUBMITTED, err);
  if (request->kind == TRM__REQUEST_CRASHED) return rule_crashed(work, job, err);
  job->reason = request->reason;
  job->result = request->result;
  job->result_size = request->result_size;
  return rule_move(work, job, request->kind == TRM__REQUEST_FINISH ? TRM__JOB_DONE : TRM__JOB_FAILED, err);
}

/* Finish, fail, crashed, return: of the attempt that runs. */
static trm_status rule_attempt(const trm__job_request *request, trm__journal_work *work, trm__jobs_outcome *outcome,
                               trm__job_list *found, trm_error *err) {
  trm_status status = rule_find(request, work, TRM__JOB_HEAD, outcome, found, err);
  if (status || *outcome != TRM__JOBS_FOUND) return status;
  trm__job *job = found->job[0];
  int runs = job->state == TRM__JOB_RUNNING && job->attempts == request->attempt;
#ifdef TRM_PLANT_213 /* an engine that was given up may still answer */
  runs = job->state == TRM__JOB_RUNNING;
#endif
  *outcome = runs ? TRM__JOBS_CHANGED : TRM__JOBS_STALE;
  return runs ? rule_end_attempt(request, work, job, err) : TRM_OK;
}

static trm_status rule_cancel(const trm__job_request *request, trm__journal_work *work, trm__jobs_outcome *outcome,
                              trm__job_list *found, trm_error *err) {
  trm_status status = rule_find(request, work, TRM__JOB_HEAD, outcome, found, err);
  if (status || *outcome != TRM__JOBS_FOUND) return status;
  int open = rule_is_open(found->job[0]);
  *outcome = open ? TRM__JOBS_CHANGED : TRM__JOBS_STALE;
  return open ? rule_move(work, found->job[0], TRM__JOB_CANCELLED, err) : TRM_OK;
}

/* The process died with this job. */
static trm_status rule_died(trm__journal_work *work, trm__job *job, trm_error *err) {
#ifndef TRM_PLANT_216 /* ends of the process are not counted */
  job->deaths++;
#endif
  if (job->deaths < work->config->deaths) return rule_move(work, job, TRM__JOB_SUBMITTED, err);
  job->reason = TRM__JOB_POISON;
  return rule_move(work, job, TRM__JOB_FAILED, err);
}

trm_status trm__rules_recover(trm__journal_work *work, int64_t *recovered, int64_t *poisoned, trm_error *err) {
  trm__job_list found = {0};
  *recovered = *poisoned = 0;
#ifdef TRM_PLANT_205 /* what ran when the process died runs for ever */
  return TRM_OK;
#endif
  trm_status status = trm__table_running(work->db, &found, err);
  for (size_t i = 0; !status && i < found.count; i++) {
    status = rule_died(work, found.job[i], err);
    *poisoned += found.job[i]->state == TRM__JOB_FAILED;
  }
  *recovered = (int64_t)found.count;
  trm__job_list_clear(&found);
  return status;
}

/* -- all ----------------------------------------------------------------------------------------------------------- */

static trm_status rule_list(const trm__job_request *request, trm__journal_work *work, trm__jobs_outcome *outcome,
                            trm__job_list *found, trm_error *err) {
  trm__table_query query = {.state = request->state,
                            .owner = request->owner,
                            .after = request->after,
                            .limit = request->limit,
                            .now_ms = work->now_ms};
  *outcome = TRM__JOBS_FOUND;
  return trm__table_list(work->db, &query, found, err);
}

trm_status trm__rules_apply(const trm__job_request *request, trm__journal_work *work, trm__jobs_outcome *outcome,
                            trm__job_list *found, trm_error *err) {
  switch (request->kind) {
  case TRM__REQUEST_SUBMIT:
    return rule_submit(request, work, outcome, found, err);
  case TRM__REQUEST_TAKE:
    return rule_take(request, work, outcome, found, err);
  case TRM__REQUEST_CANCEL:
    return rule_cancel(request, work, outcome, found, err);
  case TRM__REQUEST_GET:
    return rule_find(request, work, TRM__JOB_WHOLE, outcome, found, err);
  case TRM__REQUEST_LIST:
    return rule_list(request, work, outcome, found, err);
  default:
    return rule_attempt(request, work, outcome, found, err);
  }
}

trm_status trm__rules_remove_expired(trm__journal_work *work, int64_t limit, int64_t *removed, trm_error *err) {
  int64_t now_ms = work->now_ms;
#ifdef TRM_PLANT_214 /* results are removed too early */
  now_ms += work->config->keep_ms / 2;
#endif
  trm__job_list expired = {0};
  trm_status status = trm__table_expired(work->db, now_ms, limit, &expired, err);
  for (size_t i = 0; !status && i < expired.count; i++) status = rule_remove(work, expired.job[i], err);
  *removed = (int64_t)expired.count;
  trm__job_list_clear(&expired);
  return status;
}
