#include "serve/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"

#define EVENTS 64 /* of a job that are kept */

typedef struct live_event {
  int64_t id;
  const char *name;
  json_t *data;
} live_event;

/* Who waits for a job's end, or watches it. */
typedef struct live_listener live_listener;
struct live_listener {
  trm__call *call;
  struct live_job *job;
  int is_watcher;
  live_listener *next;
};

typedef struct live_job live_job;
struct live_job {
  trm__live_jobs *all;
  live_job *next;
  char id[TRM__UUID_TEXT];
  int64_t attempt;
  trm__run *run; /* NULL: it waits in the journal, or its end is on its way there */
  int ending;    /* 1: the latter */
  live_event event[EVENTS];
  int64_t events; /* so far; event k is at (k - 1) % EVENTS */
  live_listener *listeners;
  json_t *answer; /* what the end will tell */
  trm__problem_kind problem;
};

struct trm__live_jobs {
  trm__gateway *gateway;
  live_job *first;
  size_t running;
  int taking;  /* a take is on its way */
  int more;    /* 1: the journal may have jobs that wait */
  int stopped; /* nothing is begun any more */
};

/* -- the table ----------------------------------------------------------------------------------------------------- */

static live_job *live_find(trm__live_jobs *live, const char *id) {
  live_job *job = live->first;
  while (job && strcmp(job->id, id) != 0) job = job->next;
  return job;
}

static live_job *live_make(trm__live_jobs *live, const char *id) {
  live_job *job = live_find(live, id);
  if (job) return job;
  job = trm__calloc(1, sizeof *job);
  if (!job) return NULL;
  job->all = live;
  snprintf(job->id, sizeof job->id, "%s", id);
  job->next = live->first;
  live->first = job;
  return job;
}

static void live_end_run(live_job *job) {
  if (!job->run) return;
  job->all->running--;
  trm__run_close(&job->run);
}

/* The job is forgotten; whoever still listens is answered with a problem. */
static void live_drop(live_job *job, trm__problem_kind problem, const char *detail) {
  live_job **at = &job->all->first;
  while (*at != job) at = &(*at)->next;
  *at = job->next;
  live_end_run(job);
  while (job->listeners) {
    live_listener *l = job->listeners;
    job->listeners = l->next;
    json_t *data = trm__problem_json(problem, NULL, detail);
    if (!l->is_watcher) trm__call_problem(l->call, problem, NULL, detail);
    else {
      if (data) trm__call_event(l->call, job->events + 1, "problem", data);
      trm__call_end(l->call);
    }
    json_decref(data);
    trm__free(l);
  }
  for (int i = 0; i < EVENTS; i++) json_decref(job->event[i].data);
  json_decref(job->answer);
  trm__gateway_idle(job->all->gateway);
  trm__free(job);
}

static void live_on_gone(trm__call *call, void *own) {
  live_listener *l = own, **at = &l->job->listeners;
  (void)call;
  while (*at != l) at = &(*at)->next;
  *at = l->next;
  trm__free(l);
}

static int live_listen(live_job *job, trm__call *call, int is_watcher) {
  live_listener *l = trm__calloc(1, sizeof *l);
  if (!l) return 0;
  *l = (live_listener){.call = call, .job = job, .is_watcher = is_watcher, .next = job->listeners};
  job->listeners = l;
  call->own = l;
  call->gone = live_on_gone;
  return 1;
}

/* -- events -------------------------------------------------------------------------------------------------------- */

static void live_event_add(live_job *job, const char *name, json_t *data) {
  live_event *e = &job->event[job->events % EVENTS];
  json_decref(e->data);
  *e = (live_event){.id = ++job->events, .name = name, .data = json_incref(data)};
  for (live_listener *l = job->listeners; l; l = l->next)
    if (l->is_watcher) trm__call_event(l->call, e->id, name, data);
}

static void live_on_step(void *context, size_t item, json_t *event) {
  (void)item;
  live_event_add(context, "step", event);
}

static void live_on_item(void *context, size_t item, json_t *answer) {
  json_t *event = json_pack("{s:I, s:O}", "item", (json_int_t)item, "answer", answer);
  if (event) live_event_add(context, "item", event);
  json_decref(event);
}

/* -- the end ------------------------------------------------------------------------------------------------------- */

/* What was to end is on disk, or cannot be: everybody is told. */
static void live_on_ended(void *context, const trm__jobs_answer *answer) {
  live_job *job = context;
  trm__live_jobs *live = job->all;
  if (answer->status || answer->outcome != TRM__JOBS_CHANGED) {
    live_drop(job, answer->status ? TRM__PROBLEM_STORAGE : TRM__PROBLEM_CONFLICT,
              answer->status ? answer->error->message : "the job was ended by somebody else");
    return;
  }
  const char *name = job->problem ? "problem" : "done";
  live_event_add(job, name, job->answer);
  while (job->listeners) {
    live_listener *l = job->listeners;
    job->listeners = l->next;
    if (l->is_watcher) trm__call_end(l->call);
    else if (job->problem)
      trm__call_problem(l->call, job->problem, NULL, json_string_value(json_object_get(job->answer, "detail")));
    else trm__call_answer(l->call, 200, json_incref(job->answer));
    trm__free(l);
  }
  live_drop(job, TRM__PROBLEM_INTERNAL, "");
  trm__live_take(live);
}

/* answer is taken. */
static void live_end(live_job *job, json_t *answer, trm__problem_kind problem) {
  trm_error err = {0};
  trm__gateway *g = job->all->gateway;
  char *text = answer ? trm__json_text(answer, JSON_COMPACT) : NULL;
  trm_status status = text ? TRM_OK : TRM_E_MEMORY;
  live_end_run(job);
  job->ending = 1;
  job->answer = answer;
  job->problem = problem;
  if (!status && problem)
    status = trm__jobs_fail(g->journal, job->id, job->attempt, trm__problem_of(problem)->name, text, strlen(text),
                            live_on_ended, job, &err);
  else if (!status)
    status = trm__jobs_finish(g->journal, job->id, job->attempt, text, strlen(text), live_on_ended, job, &err);
  free(text);
  if (!status) return;
  trm__records_about about = {.job_id = job->id, .seconds = -1};
  trm__records_write(&g->records, TRM_LOG_ERROR, &about, "the journal does not take a result: %s", err.message);
  live_drop(job, TRM__PROBLEM_STORAGE, err.message);
}

static void live_on_returned(void *context, const trm__jobs_answer *answer) {
  (void)context, (void)answer; /* where it fails, the next start finds the job running and lets it wait again */
}

static void live_give_back(live_job *job) {
  (void)trm__jobs_return(job->all->gateway->journal, job->id, job->attempt, live_on_returned, NULL, NULL);
  live_drop(job, TRM__PROBLEM_DRAINING, "the server is ending; the job goes on at its next start");
}

static void live_on_done(void *context, const trm__run_end *end) {
  live_job *job = context;
  if (end->problem == TRM__PROBLEM_DRAINING) live_give_back(job);
  else if (end->answer) live_end(job, json_incref(end->answer), TRM__PROBLEM_NONE);
  else live_end(job, trm__problem_json(end->problem, NULL, end->detail), end->problem);
}

/* -- the beginning ------------------------------------------------------------------------------------------------- */

/* job: RUNNING. body: taken; NULL: the job's own. */
static void live_begin(trm__live_jobs *live, const trm__job *job, json_t *body) {
  trm_error err = {0};
  trm__ask_fault fault = {0};
  live_job *mine = live_make(live, job->id);
  if (!mine) {
    json_decref(body);
    (void)trm__jobs_return(live->gateway->journal, job->id, job->attempts, live_on_returned, NULL, NULL);
    return;
  }
  mine->attempt = job->attempts;
  if (live->stopped) {
    json_decref(body);
    live_give_back(mine);
    return;
  }
  trm__run_watch watch = {live_on_step, live_on_item, live_on_done, mine};
  trm__run_place place = trm__gateway_place(live->gateway);
  trm_status status = TRM_OK;
  if (!body) status = trm__json_parse(&body, job->body, job->body_size, "the job's body", &err);
  if (!status) status = trm__run_open(&mine->run, &place, body, job->owner, 1, &watch, &fault);
  if (!status) {
    live->running++;
    return;
  }
  const char *detail = *fault.detail ? fault.detail : *err.message ? err.message : trm_status_name(status);
  trm__problem_kind problem = status == TRM_E_MEMORY ? TRM__PROBLEM_INTERNAL : TRM__PROBLEM_INVALID;
  live_end(mine, trm__problem_json(problem, *fault.pointer ? fault.pointer : NULL, detail), problem);
}

/* Those that waited too long have failed in the journal already. */
static void live_tell_failed(trm__live_jobs *live, const trm__job *job) {
  live_job *mine = live_find(live, job->id);
  if (mine) live_drop(mine, TRM__PROBLEM_CONFLICT, "the job's time was over before it began");
}

/* Jobs may wait although none was given: those that ran at several ends of this process are begun one by one. */
static int live_waits(const trm__live_jobs *live) {
  trm__journal_stats stats;
  trm__journal_get_stats(live->gateway->journal, &stats);
  return stats.jobs[TRM__JOB_SUBMITTED] > 0;
}

static void live_on_taken(void *context, const trm__jobs_answer *answer) {
  trm__live_jobs *live = context;
  live->taking = 0;
  size_t begun = 0;
  for (size_t i = 0; !answer->status && i < answer->count; i++)
    if (answer->job[i]->state == TRM__JOB_RUNNING) live_begin(live, answer->job[i], NULL), begun++;
    else live_tell_failed(live, answer->job[i]);
  live->more = begun > 0 || live_waits(live);
  if (begun) trm__live_take(live);
}

static size_t live_room(const trm__live_jobs *live) {
  size_t most = (size_t)live->gateway->config.queue_limit;
  return live->running < most ? most - live->running : 0;
}

void trm__live_take(trm__live_jobs *live) {
  size_t room = live_room(live);
  if (live->stopped || live->taking || !live->more || !room || !live->gateway->started) return;
  if (!trm__jobs_take(live->gateway->journal, (int64_t)(room < 32 ? room : 32), live_on_taken, live, NULL))
    live->taking = 1;
}

/* -- submitting ---------------------------------------------------------------------------------------------------- */

typedef struct live_submission {
  trm__call *call; /* NULL: the client is gone */
  trm__live_jobs *live;
  json_t *body;
  int async;
} live_submission;

static void submission_on_gone(trm__call *call, void *own) {
  live_submission *s = own;
  (void)call;
  s->call = NULL; /* the job goes on: what is in the journal is done */
}

const char *trm__live_owner(const trm__call *call) {
  return call->gateway->tokens ? call->client : "";
}

static void submission_accepted(live_submission *s, const trm__job *job) {
  char location[64];
  if (job->state == TRM__JOB_RUNNING) live_begin(s->live, job, json_incref(s->body));
  else s->live->more = 1;
  if (!s->call) return;
  if (s->call->note) snprintf(s->call->note->job, sizeof s->call->note->job, "%s", job->id);
  if (s->async) {
    snprintf(location, sizeof location, "/v1/jobs/%s", job->id);
    trm__call_answer_at(s->call, 202, location, trm__live_json(job));
    return;
  }
  live_job *mine = live_make(s->live, job->id); /* it may have ended already: then nobody will come */
  if (!mine || !live_listen(mine, s->call, 0))
    trm__call_problem(s->call, TRM__PROBLEM_INTERNAL, NULL, "out of memory; the job goes on");
}

/* The same request once more, whose job has ended: its answer again. */
static void submission_repeated(live_submission *s, const trm__job *job) {
  json_t *result = NULL;
  char location[64];
  snprintf(location, sizeof location, "/v1/jobs/%s", job->id);
  if (s->async) {
    trm__call_answer_at(s->call, 200, location, trm__live_json(job));
    return;
  }
  if (job->result) (void)trm__json_parse(&result, job->result, job->result_size, "result", NULL);
  if (job->state == TRM__JOB_DONE && result) trm__call_answer_at(s->call, 200, location, json_incref(result));
  else
    trm__call_problem(s->call, TRM__PROBLEM_CONFLICT, NULL,
                      job->state == TRM__JOB_CANCELLED ? "the job of this Idempotency-Key was cancelled"
                                                       : "the job of this Idempotency-Key failed");
  json_decref(result);
}

static void submission_answer(live_submission *s, const trm__jobs_answer *answer) {
  char location[64];
  switch (answer->outcome) {
  case TRM__JOBS_FOUND:
    submission_repeated(s, answer->job[0]);
    break;
  case TRM__JOBS_IN_PROGRESS:
    snprintf(location, sizeof location, "/v1/jobs/%s", answer->job[0]->id);
    if (s->async) trm__call_answer_at(s->call, 202, location, trm__live_json(answer->job[0]));
    else trm__call_problem(s->call, TRM__PROBLEM_IN_PROGRESS, NULL, "the first request with this key is at work");
    break;
  case TRM__JOBS_CONFLICT:
    trm__call_problem(s->call, TRM__PROBLEM_KEY_REUSED, NULL, "take a new key for another request");
    break;
  default:
    trm__call_problem(s->call, TRM__PROBLEM_BUSY, NULL, "too many jobs are open; nothing of this was accepted");
  }
}

static void live_on_submitted(void *context, const trm__jobs_answer *answer) {
  live_submission *s = context;
  if (s->call) s->call->gone = NULL, s->call->own = NULL;
  if (!answer->status && answer->outcome == TRM__JOBS_CHANGED) submission_accepted(s, answer->job[0]);
  else if (s->call && answer->status) trm__call_problem(s->call, TRM__PROBLEM_STORAGE, NULL, answer->error->message);
  else if (s->call) submission_answer(s, answer);
  trm__live_take(s->live);
  json_decref(s->body);
  trm__free(s);
}

static trm_status live_post(trm__live_jobs *live, trm__call *call, const char *key, live_submission *s,
                            trm_error *err) {
  char *text = trm__json_text(call->body, JSON_COMPACT | JSON_SORT_KEYS);
  if (!text) return TRM_E_MEMORY;
  trm__job_spec spec = {.kind = "solve",
                        .owner = trm__live_owner(call),
                        .key = key,
                        .body = text,
                        .body_size = strlen(text),
                        .priority = json_integer_value(json_object_get(call->body, "priority")),
                        .start = live_room(live) > 0 && !live->more};
  trm_status status = trm__jobs_submit(live->gateway->journal, &spec, live_on_submitted, s, err);
  free(text);
  return status;
}

void trm__live_submit(trm__call *call, const char *key) {
  trm_error err = {0};
  trm__ask_fault fault = {0};
  trm__live_jobs *live = call->gateway->live;
  if (!live) {
    trm__call_problem(call, TRM__PROBLEM_STORAGE, NULL, "there is no journal for jobs here; trm serve has one");
    return;
  }
  trm__run_place place = trm__gateway_place(call->gateway);
  trm_status status = trm__run_check(&place, call->body, &fault);
  if (status) {
    trm__call_status(call, status, &fault);
    return;
  }
  live_submission *s = trm__calloc(1, sizeof *s);
  if (s) {
    *s = (live_submission){call, live, json_incref(call->body), json_is_true(json_object_get(call->body, "async"))};
    status = live_post(live, call, key, s, &err);
  } else status = TRM_E_MEMORY;
  if (!status) {
    call->own = s;
    call->gone = submission_on_gone;
    return;
  }
  if (s) json_decref(s->body);
  trm__free(s);
  trm__call_problem(call, status == TRM_E_BUSY ? TRM__PROBLEM_BUSY : TRM__PROBLEM_STORAGE, NULL,
                    *err.message ? err.message : "out of memory");
}

/* -- watching ------------------------------------------------------------------------------------------------------ */

static int live_join(live_job *job, trm__call *call, int64_t after) {
  if (!live_listen(job, call, 1)) return 0;
  trm__call_stream(call);
  int64_t first = job->events > EVENTS ? job->events - EVENTS + 1 : 1;
  for (int64_t k = first > after + 1 ? first : after + 1; k <= job->events; k++) {
    const live_event *e = &job->event[(k - 1) % EVENTS];
    trm__call_event(call, e->id, e->name, e->data);
  }
  return 1;
}

int trm__live_watch(trm__live_jobs *live, const char *id, trm__call *call, int64_t after) {
  live_job *job = live_find(live, id);
  return job && live_join(job, call, after < 0 ? 0 : after);
}

int trm__live_expect(trm__live_jobs *live, const char *id, trm__call *call) {
  live_job *job = live_make(live, id);
  return job && live_join(job, call, 0);
}

void trm__live_cancelled(trm__live_jobs *live, const char *id) {
  live_job *job = live_find(live, id);
  if (job && !job->ending) live_drop(job, TRM__PROBLEM_CONFLICT, "the job was cancelled");
  trm__live_take(live);
}

/* -- all of them --------------------------------------------------------------------------------------------------- */

trm_status trm__live_open(trm__live_jobs **out, trm__gateway *gateway, trm_error *err) {
  trm__live_jobs *live = trm__calloc(1, sizeof *live);
  if (!live) return trm__fail_memory(err, "jobs", sizeof *live);
  live->gateway = gateway;
  live->more = 1;
  *out = live;
  return TRM_OK;
}

void trm__live_return(trm__live_jobs *live) {
  live->stopped = 1;
  for (live_job *job = live->first, *next; job; job = next) {
    next = job->next;
    if (job->run) live_give_back(job);
    else if (!job->ending) live_drop(job, TRM__PROBLEM_DRAINING, "the server is ending; the job waits in its journal");
  }
}

size_t trm__live_count(const trm__live_jobs *live) {
  size_t count = 0;
  for (const live_job *job = live->first; job; job = job->next) count += job->run || job->ending;
  return count;
}

void trm__live_close(trm__live_jobs **livep) {
  trm__live_jobs *live = *livep;
  *livep = NULL;
  if (!live) return;
  while (live->first) live_drop(live->first, TRM__PROBLEM_DRAINING, "the server is ending");
  trm__free(live);
}
