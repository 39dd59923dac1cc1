/* A journal in a test: opened with a clock of the test's, asked one thing or a group of things, waited for, and
 * compared with a model as a whole. */
#ifndef TRM_TESTS_SUPPORT_JOURNAL_H
#define TRM_TESTS_SUPPORT_JOURNAL_H

#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "store/schema.h"
#include "support/jobs_model.h"

static inline atomic_llong *journal_time(void) {
  static atomic_llong now = 1700000000000;
  return &now;
}

static inline int64_t journal_test_now(void *context) {
  (void)context;
  return atomic_load(journal_time());
}

/* Nothing happens by itself, and limits are small enough to be met. */
static inline trm__journal_config journal_test_config(const char *folder, const char *vfs) {
  trm__journal_config config = trm__journal_config_default();
  config.folder = folder;
  config.vfs = vfs;
  config.now_ms = journal_test_now;
  config.upkeep_ms = 0;
  config.keep_ms = 10000;
  config.open_limit = 24;
  config.deaths = 4; /* so that it happens */
  return config;
}

/* The journal's own migrations and two more behind them. */
static inline trm__schema journal_schema_with(const char *first, const char *second) {
  static const char *migrations[16];
  int own = trm__schema_journal.count;
  assert_true(own + 2 <= 16);
  memcpy(migrations, trm__schema_journal.migrations, (size_t)own * sizeof *migrations);
  migrations[own] = first;
  migrations[own + 1] = second;
  return (trm__schema){migrations, own + 2};
}

static inline void journal_deliver_some(trm__journal *journal) {
  struct pollfd ready = {.fd = trm__journal_fd(journal), .events = POLLIN};
  if (poll(&ready, 1, 60000) != 1) fail_msg("the journal is silent for a minute");
  trm__journal_deliver(journal);
}

static inline void journal_await(trm__journal *journal, const int *arrived) {
  while (!*arrived) journal_deliver_some(journal);
}

static inline void journal_ask(trm__journal *journal, const model_op *op, model_answer *a) {
  trm_error err = {0};
  CHECK_OK(model_post(journal, op, a, &err), err);
  journal_await(journal, &a->arrived);
}

/* An operation during which the thread stands still, so that what is posted meanwhile is one group; and one that does
 * nothing, behind which all upkeep of the groups before is over. */
typedef struct journal_stop {
  trm__journal_op op;
  sem_t begun, go;
  int stops, arrived;
} journal_stop;

static inline trm_status journal_stop_run(trm__journal_op *op, trm__journal_work *work, trm_error *err) {
  journal_stop *stop = (journal_stop *)op;
  (void)work;
  (void)err;
  if (!stop->stops) return TRM_OK;
  sem_post(&stop->begun);
  while (sem_wait(&stop->go) != 0) {
  }
  return TRM_OK;
}

static inline void journal_stop_done(trm__journal_op *op) {
  ((journal_stop *)op)->arrived = 1;
}

/* Returns what posting returned; on success the thread stands. */
static inline trm_status journal_stop_begin(trm__journal *journal, journal_stop *stop, trm_error *err) {
  *stop = (journal_stop){.op = {.run = journal_stop_run, .done = journal_stop_done, .always = 1}, .stops = 1};
  sem_init(&stop->begun, 0, 0);
  sem_init(&stop->go, 0, 0);
  trm_status status = trm__journal_post(journal, &stop->op, err);
  while (!status && !stop->arrived) { /* it arrives at once when no transaction can be begun */
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (until.tv_nsec += 2000000) / 1000000000;
    until.tv_nsec %= 1000000000;
    if (sem_timedwait(&stop->begun, &until) == 0) break;
    trm__journal_deliver(journal);
  }
  return status;
}

static inline void journal_stop_end(trm__journal *journal, journal_stop *stop) {
  sem_post(&stop->go);
  journal_await(journal, &stop->arrived);
  sem_destroy(&stop->begun);
  sem_destroy(&stop->go);
}

static inline void journal_settle(trm__journal *journal) {
  journal_stop fence = {.op = {.run = journal_stop_run, .done = journal_stop_done, .always = 1}};
  if (trm__journal_post(journal, &fence.op, NULL)) return;
  journal_await(journal, &fence.arrived);
}

/* All of them in one group, if the journal takes them; each has an answer then. */
static inline void journal_ask_group(trm__journal *journal, const model_op *ops, size_t count, model_answer *answers) {
  journal_stop stop;
  trm_error err = {0};
  int stands = !journal_stop_begin(journal, &stop, &err);
  for (size_t i = 0; i < count; i++) {
    trm_status status = model_post(journal, &ops[i], &answers[i], &err);
    if (status) answers[i] = (model_answer){.status = status, .error = err, .arrived = 1};
  }
  if (stands) journal_stop_end(journal, &stop);
  for (size_t i = 0; i < count; i++) journal_await(journal, &answers[i].arrived);
  journal_settle(journal);
}

/* -- all that can be seen ------------------------------------------------------------------------------------------ */

typedef struct journal_seen {
  model_job job[MODEL_JOBS];
  int count, arrived; /* arrived: answers */
} journal_seen;

static inline void journal_see_page(void *context, const trm__jobs_answer *answer) {
  journal_seen *seen = context;
  if (answer->status) fail_msg("%s: %s", answer->error->where, answer->error->message);
  for (size_t i = 0; i < answer->count; i++) {
    if (seen->count == MODEL_JOBS) fail_msg("more than %d jobs", MODEL_JOBS);
    model_read(&seen->job[seen->count++], answer->job[i]);
  }
  seen->arrived++;
}

/* Answers come in the order of the questions. */
static inline void journal_see_job(void *context, const trm__jobs_answer *answer) {
  journal_seen *seen = context;
  if (answer->status || answer->count != 1) fail_msg("a job that was listed cannot be read");
  model_job job;
  model_read(&job, answer->job[0]);
  if (strcmp(job.id, seen->job[seen->arrived].id)) fail_msg("another job than was asked for");
  seen->job[seen->arrived++] = job;
}

static inline void journal_see(trm__journal *journal, journal_seen *seen) {
  trm_error err = {0};
  *seen = (journal_seen){0};
  trm__jobs_filter filter = {.limit = 19};
  for (int before = -1, pages = 1; seen->count > before; pages++) {
    before = seen->count;
    filter.after = before ? seen->job[before - 1].id : NULL;
    CHECK_OK(trm__jobs_list(journal, &filter, journal_see_page, seen, &err), err);
    while (seen->arrived < pages) journal_deliver_some(journal);
  }
  seen->arrived = 0;
  for (int i = 0; i < seen->count; i++)
    CHECK_OK(trm__jobs_get(journal, seen->job[i].id, journal_see_job, seen, &err), err);
  while (seen->arrived < seen->count) journal_deliver_some(journal);
}

/* NULL when the journal shows exactly the model. */
static inline const char *journal_differs(const journal_seen *seen, model *m, long long now) {
  model_forget_expired(m, now);
  if (seen->count != m->count) return "number of jobs";
  for (int i = 0; i < m->count; i++) {
    const char *what = model_job_differs(&m->job[i], &seen->job[i], 1);
    if (what) return what;
  }
  return NULL;
}

/* The model's jobs have the ids that the journal shows; only after journal_differs said NULL. */
static inline void journal_learn_ids(const journal_seen *seen, model *m) {
  for (int i = 0; i < m->count; i++) memcpy(m->job[i].id, seen->job[i].id, TRM__UUID_TEXT);
}

static inline void journal_check(trm__journal *journal, model *m, const char *when) {
  static journal_seen seen;
  trm__journal_stats stats;
  journal_see(journal, &seen);
  const char *what = journal_differs(&seen, m, atomic_load(journal_time()));
  if (what) fail_msg("%s: the journal differs from the model: %s", when, what);
  trm__journal_get_stats(journal, &stats);
  long long open = stats.jobs[TRM__JOB_SUBMITTED] + stats.jobs[TRM__JOB_RUNNING];
  if (open != model_open_jobs(m)) fail_msg("%s: %lld jobs are counted open, %d are", when, open, model_open_jobs(m));
}

#endif
