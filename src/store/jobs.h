/* What the journal is asked about jobs (store/job.h says what a job's life is). Every call returns at once; TRM_OK
 * means that fn will be called once, from trm__journal_deliver or trm__journal_close, with what then is on disk. Any
 * other status means that nothing was posted and fn is not called: TRM_E_BUSY too much waits (try later), TRM_E_INPUT a
 * field is wrong, TRM_E_STOPPED the journal is being closed, TRM_E_MEMORY, or why the journal is broken.
 *
 * A gateway's day:
 *   a request is accepted     trm__jobs_submit        answered 202 from the callback
 *   an engine has room        trm__jobs_take          gives what to run, and what failed because it waited too long
 *   the engine answers        trm__jobs_finish or _fail, with the attempt that it was given
 *   the engine dies           trm__jobs_crashed       it waits again, or fails as poison
 *   the engine is drained     trm__jobs_return        it waits again, and nothing is held against it
 * After a start what is open waits: go on with trm__jobs_take. */
#ifndef TRM_STORE_JOBS_H
#define TRM_STORE_JOBS_H

#include "store/journal.h"

typedef enum trm__jobs_outcome {
  TRM__JOBS_CHANGED,     /* what was asked for was done */
  TRM__JOBS_FOUND,       /* it was read; or the same key and body were submitted before, and that job has ended */
  TRM__JOBS_IN_PROGRESS, /* the same key and body were submitted before, and that job has not ended */
  TRM__JOBS_CONFLICT,    /* the owner has used the key for another body or kind */
  TRM__JOBS_FULL,        /* as many jobs are open as there may be; nothing was accepted */
  TRM__JOBS_ABSENT,      /* no such job, or it has expired */
  TRM__JOBS_STALE        /* nothing was done: the job has ended, or another attempt runs */
} trm__jobs_outcome;

typedef struct trm__jobs_answer {
  trm_status status;      /* TRM_OK: the rest holds and is on disk. Otherwise nothing was done */
  const trm_error *error; /* when status is not TRM_OK */
  trm__jobs_outcome outcome;
  const trm__job *const *job; /* [count] the jobs that it is about, as they are now */
  size_t count;
} trm__jobs_answer;

typedef void (*trm__jobs_fn)(void *context, const trm__jobs_answer *answer);

typedef struct trm__job_spec {
  const char *kind;  /* what is to be done with the body, for the caller: 1 to 64 bytes */
  const char *owner; /* whose it is, and whose keys: at most 128 bytes; "" where nobody is told apart */
  const char *key;   /* Idempotency-Key, 1 to 255 bytes; NULL: none */
  const void *body;  /* at most body_limit bytes */
  size_t body_size;
  int64_t priority;
  int64_t deadline_ms; /* wall time after which it is not begun; 0: none */
  int start;           /* 1: its first attempt begins with this commit, the caller runs it now */
} trm__job_spec;

/* CHANGED, FOUND with the result, IN_PROGRESS, CONFLICT, FULL. */
trm_status trm__jobs_submit(trm__journal *journal, const trm__job_spec *spec, trm__jobs_fn fn, void *context,
                            trm_error *err);

/* At most limit jobs begin to run, the highest priority and then the oldest first. CHANGED, with all that it changed:
 * RUNNING ones, with their bodies and the attempt that ends them, and FAILED ones whose deadline had passed. With limit
 * 0 only those. */
trm_status trm__jobs_take(trm__journal *journal, int64_t limit, trm__jobs_fn fn, void *context, trm_error *err);

/* CHANGED, STALE, ABSENT. id: any text, a wrong one is ABSENT. reason: one word of 1 to 64 bytes. */
trm_status trm__jobs_finish(trm__journal *journal, const char *id, int64_t attempt, const void *result, size_t size,
                            trm__jobs_fn fn, void *context, trm_error *err);
trm_status trm__jobs_fail(trm__journal *journal, const char *id, int64_t attempt, const char *reason,
                          const void *result, size_t size, trm__jobs_fn fn, void *context, trm_error *err);
trm_status trm__jobs_crashed(trm__journal *journal, const char *id, int64_t attempt, trm__jobs_fn fn, void *context,
                             trm_error *err);
trm_status trm__jobs_return(trm__journal *journal, const char *id, int64_t attempt, trm__jobs_fn fn, void *context,
                            trm_error *err);

/* Ends an open job, waiting or running. CHANGED, STALE (it has ended), ABSENT. */
trm_status trm__jobs_cancel(trm__journal *journal, const char *id, trm__jobs_fn fn, void *context, trm_error *err);

/* FOUND, with body and result; ABSENT. */
trm_status trm__jobs_get(trm__journal *journal, const char *id, trm__jobs_fn fn, void *context, trm_error *err);

typedef struct trm__jobs_filter {
  trm__job_state state; /* 0: all */
  const char *owner;    /* NULL: all */
  const char *after;    /* the last id of the page before; NULL: from the oldest */
  int64_t limit;        /* 1 to 1000 */
} trm__jobs_filter;

/* FOUND, oldest first, without bodies and results. */
trm_status trm__jobs_list(trm__journal *journal, const trm__jobs_filter *filter, trm__jobs_fn fn, void *context,
                          trm_error *err);

#endif
