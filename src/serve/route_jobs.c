/* /v1/jobs: what was accepted, how far it is, its result, its events, and an end before its time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text/json.h"
#include "net/uri.h"
#include "serve/live.h"
#include "serve/routes.h"

static int job_is_over(trm__job_state state) {
  return state != TRM__JOB_SUBMITTED && state != TRM__JOB_RUNNING;
}

/* -- asking the journal -------------------------------------------------------------------------------------------- */

typedef struct job_asking {
  trm__call *call; /* NULL: the client is gone */
  trm__gateway *gateway;
  char id[TRM__UUID_TEXT];
  void (*found)(struct job_asking *asking, const trm__job *job); /* the call is there, and may see it */
} job_asking;

static void job_asking_on_gone(trm__call *call, void *own) {
  (void)call;
  ((job_asking *)own)->call = NULL;
}

/* The journal has answered: 1 when the client is there and nothing failed; otherwise the call has ended. */
static int job_asking_is_good(job_asking *a, const trm__jobs_answer *answer) {
  if (!a->call) return 0;
  a->call->gone = NULL;
  a->call->own = NULL;
  if (!answer->status) return 1;
  trm__call_problem(a->call, TRM__PROBLEM_STORAGE, NULL, answer->error->message);
  return 0;
}

static void job_asking_on_answer(void *context, const trm__jobs_answer *answer) {
  job_asking *a = context;
  if (job_asking_is_good(a, answer)) {
    const trm__job *job = answer->count ? answer->job[0] : NULL;
    if (job && strcmp(job->owner, trm__live_owner(a->call)) == 0) a->found(a, job);
    else
      trm__call_problem(a->call, TRM__PROBLEM_NOT_FOUND, NULL, "there is no such job, or its time to be kept is over");
  }
  trm__free(a);
}

static void job_ask(trm__call *call, void (*found)(job_asking *asking, const trm__job *job)) {
  trm_error err = {0};
  job_asking *a = trm__calloc(1, sizeof *a);
  if (!a) {
    trm__call_problem(call, TRM__PROBLEM_INTERNAL, NULL, "out of memory");
    return;
  }
  *a = (job_asking){.call = call, .gateway = call->gateway, .found = found};
  snprintf(a->id, sizeof a->id, "%s", trm__call_id(call));
  trm_status status = trm__jobs_get(call->gateway->journal, a->id, job_asking_on_answer, a, &err);
  if (!status) {
    call->own = a;
    call->gone = job_asking_on_gone;
    return;
  }
  trm__free(a);
  trm__call_problem(call, status == TRM_E_BUSY ? TRM__PROBLEM_BUSY : TRM__PROBLEM_STORAGE, NULL, err.message);
}

/* -- one job ------------------------------------------------------------------------------------------------------- */

static void job_show(job_asking *a, const trm__job *job) {
  trm__call_answer(a->call, 200, trm__live_json(job));
}

void trm__route_job(trm__call *call) {
  job_ask(call, job_show);
}

static void job_watch(job_asking *a, const trm__job *job) {
  const char *last = trm__call_field(a->call, "last-event-id", NULL);
  int64_t after = last ? strtoll(last, NULL, 10) : -1;
  if (!job_is_over(job->state)) {
    if (trm__live_watch(a->gateway->live, job->id, a->call, after)) return;
    if (!trm__live_expect(a->gateway->live, job->id, a->call))
      trm__call_problem(a->call, TRM__PROBLEM_INTERNAL, NULL, "out of memory");
    return;
  }
  json_t *o = trm__live_json(job);
  trm__call_stream(a->call);
  json_t *data = json_object_get(o, "result");
  if (!data) data = json_object_get(o, "problem");
  if (!data) data = o;
  trm__call_event(a->call, after > 0 ? after + 1 : 1, job->state == TRM__JOB_DONE ? "done" : "problem", data);
  json_decref(o);
  trm__call_end(a->call);
}

void trm__route_job_events(trm__call *call) {
  job_ask(call, job_watch);
}

static void cancel_on_answer(void *context, const trm__jobs_answer *answer) {
  job_asking *a = context;
  if (!answer->status && answer->outcome == TRM__JOBS_CHANGED) trm__live_cancelled(a->gateway->live, a->id);
  if (job_asking_is_good(a, answer)) {
    if (answer->outcome == TRM__JOBS_CHANGED) trm__call_answer(a->call, 200, trm__live_json(answer->job[0]));
    else if (answer->outcome == TRM__JOBS_STALE)
      trm__call_problem(a->call, TRM__PROBLEM_CONFLICT, NULL, "the job has ended already");
    else trm__call_problem(a->call, TRM__PROBLEM_NOT_FOUND, NULL, "there is no such job");
  }
  trm__free(a);
}

static void job_cancel(job_asking *seen, const trm__job *job) {
  trm_error err = {0};
  trm__call *call = seen->call;
  job_asking *a = trm__calloc(1, sizeof *a);
  trm_status status = a ? TRM_OK : TRM_E_MEMORY;
  if (a) {
    *a = *seen;
    status = trm__jobs_cancel(call->gateway->journal, job->id, cancel_on_answer, a, &err);
  }
  if (status) {
    trm__free(a);
    trm__call_problem(call, TRM__PROBLEM_STORAGE, NULL, *err.message ? err.message : "out of memory");
    return;
  }
  call->own = a;
  call->gone = job_asking_on_gone;
}

void trm__route_job_cancel(trm__call *call) {
  job_ask(call, job_cancel);
}

/* -- all jobs ------------------------------------------------------------------------------------------------------ */

static void list_on_answer(void *context, const trm__jobs_answer *answer) {
  job_asking *a = context;
  if (job_asking_is_good(a, answer)) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < answer->count; i++)
      (void)json_array_append_new(list, trm__live_json(answer->job[i]));
    trm__call_answer(
        a->call, 200,
        json_pack("{s:o, s:s*}", "jobs", list, "next", answer->count ? answer->job[answer->count - 1]->id : NULL));
  }
  trm__free(a);
}

/* 1: the filter is filled; otherwise what is wrong. */
static int list_filter(trm__jobs_filter *filter, const char *query, char after[TRM__UUID_TEXT], const char **detail) {
  char text[TRM__UUID_TEXT];
  *filter = (trm__jobs_filter){.limit = 100};
  trm__query_found found = trm__query_get(query, "state", text, sizeof text);
  if (found == TRM__QUERY_ONE) filter->state = trm__job_state_find(text);
  *detail = "state: expected submitted, running, done, failed or cancelled";
  if (found == TRM__QUERY_BAD || (found == TRM__QUERY_ONE && !filter->state)) return 0;
  found = trm__query_get(query, "after", after, TRM__UUID_TEXT);
  *detail = "after: expected the id of a job";
  if (found == TRM__QUERY_BAD) return 0;
  if (found == TRM__QUERY_ONE) filter->after = after;
  found = trm__query_get(query, "limit", text, sizeof text);
  *detail = "limit: expected a number from 1 to 1000";
  if (found == TRM__QUERY_ONE) {
    char *end;
    filter->limit = strtoll(text, &end, 10);
    if (*end || filter->limit < 1 || filter->limit > 1000) return 0;
  }
  return found != TRM__QUERY_BAD;
}

void trm__route_jobs(trm__call *call) {
  trm_error err = {0};
  trm__jobs_filter filter;
  char after[TRM__UUID_TEXT];
  const char *detail;
  if (!list_filter(&filter, trm__call_query(call), after, &detail)) {
    trm__call_problem(call, TRM__PROBLEM_INVALID, NULL, detail);
    return;
  }
  filter.owner = trm__live_owner(call);
  job_asking *a = trm__calloc(1, sizeof *a);
  trm_status status = a ? TRM_OK : TRM_E_MEMORY;
  if (a) {
    *a = (job_asking){.call = call, .gateway = call->gateway};
    status = trm__jobs_list(call->gateway->journal, &filter, list_on_answer, a, &err);
  }
  if (status) {
    trm__free(a);
    trm__call_problem(call, status == TRM_E_BUSY ? TRM__PROBLEM_BUSY : TRM__PROBLEM_STORAGE, NULL,
                      *err.message ? err.message : "out of memory");
    return;
  }
  call->own = a;
  call->gone = job_asking_on_gone;
}
