/* Jobs: requests that are on disk before anything is answered, and end exactly once in the journal whatever dies. What
 * a job's body holds is the request's own JSON, and its result what the request would have been answered.
 *
 * A job that this process works on is *live*: it has a run, its last 64 events, and those who wait for its end or watch
 * it. A waiter is answered, and a watcher gets `done`, when the end is on disk, not before. A watcher that comes again
 * with Last-Event-ID gets what it has missed as far as it is kept; of a job that has ended the last event alone.
 *
 * Invariants, whenever nothing of this file is being called:
 *   1. a live job is RUNNING in the journal with this attempt, or its end is on its way there
 *   2. at most `config.queue_limit` jobs are live
 *   3. each call that was handed over is answered once, or lost with its client */
#ifndef TRM_SERVE_LIVE_H
#define TRM_SERVE_LIVE_H

#include "serve/call.h"
#include "store/jobs.h"

trm_status trm__live_open(trm__live_jobs **out, trm__gateway *gateway, trm_error *err);
/* After trm__live_return and after the journal is closed, which has told of the last ends. */
void trm__live_close(trm__live_jobs **live);

/* The call's body becomes a job; key: its Idempotency-Key, NULL: it is asynchronous. Ends the call, now or later. */
void trm__live_submit(trm__call *call, const char *key);

/* The call becomes a watcher of the job, if this process knows it: 1. after: the last event that it has; -1: none. */
int trm__live_watch(trm__live_jobs *live, const char *id, trm__call *call, int64_t after);
/* The same for a job that waits in the journal and is not known yet; 0 without memory. */
int trm__live_expect(trm__live_jobs *live, const char *id, trm__call *call);
/* The journal says that the job was cancelled: what runs of it ends, and who waits is told. */
void trm__live_cancelled(trm__live_jobs *live, const char *id);

/* A job as clients read it; with its result where it has one. NULL without memory. */
json_t *trm__live_json(const trm__job *job);
json_t *trm__live_time(int64_t ms); /* RFC 3339 with milliseconds; null for a time that has not come */
/* Who owns what a call submits: "" where no tokens tell clients apart. */
const char *trm__live_owner(const trm__call *call);

/* Begins what waits in the journal and there is room for. */
void trm__live_take(trm__live_jobs *live);
/* Nothing more is begun; what runs goes back to the journal, for the next start. */
void trm__live_return(trm__live_jobs *live);
size_t trm__live_count(const trm__live_jobs *live);

#endif
