/* A job: something that was accepted and will end exactly once in the journal.
 *
 *             submit           take               finish
 *   (nothing) ------> SUBMITTED ------> RUNNING ---------> DONE
 *                      ^   |              |  | fail, or the last kill that it is allowed
 *                      |   | overdue      |  +-----------> FAILED
 *                      |   +--------------|--------------> FAILED
 *                      +------------------+ its engine was killed, it was handed back, or the process began anew;
 *                                           but FAILED where it ran at the last such end that it is allowed
 *   cancel leads from SUBMITTED and RUNNING to CANCELLED. An ended job is removed when it expires.
 *
 * Invariants, of every state that is on disk:
 *  1. an id names one job for ever, and ids sort by the order in which jobs were accepted;
 *  2. a job that has ended never changes again, until it is removed;
 *  3. it is removed only when it has ended and its time to be kept is over;
 *  4. of an owner's key there is at most one job;
 *  5. attempts counts how often it began to run; what ends or hands back attempt N does so only while N runs;
 *  6. kills and deaths are below their limits unless it has failed as poison;
 *  7. an open job has its body, an ended one has it no more; only an ended one has a result;
 *  8. right after opening no job is RUNNING;
 *  9. of the suspects, whose deaths have come to half their limit, at most one is RUNNING. */
#ifndef TRM_STORE_JOB_H
#define TRM_STORE_JOB_H

#include <stddef.h>
#include <stdint.h>

#include "store/uuid.h"

/* Values are part of the file's format. */
typedef enum trm__job_state {
  TRM__JOB_SUBMITTED = 1,
  TRM__JOB_RUNNING,
  TRM__JOB_DONE,
  TRM__JOB_FAILED,
  TRM__JOB_CANCELLED
} trm__job_state;
#define TRM__JOB_STATES 6 /* for arrays that a state indexes */

/* Reasons that the journal itself gives; others are the caller's. */
#define TRM__JOB_POISON "poison"    /* it killed as many engines, or this process as often, as a job may */
#define TRM__JOB_OVERDUE "deadline" /* its deadline passed while it waited */

/* Texts are never NULL but for key and reason. Times are in ms since 1970, 0: not yet, or none. */
typedef struct trm__job {
  char id[TRM__UUID_TEXT];
  trm__job_state state;
  int64_t attempts, kills, deaths; /* deaths: ends of the process, not of its own will, while it ran */
  int64_t priority;                /* higher ones are taken first, equal ones in the order of their ids */
  int64_t created_ms, started_ms, ended_ms, deadline_ms, expires_ms;
  const char *kind, *owner;
  const char *key;    /* Idempotency-Key; NULL: none */
  const char *reason; /* why it FAILED */
  const void *body;   /* what is to be done; only from take and get, and NULL once it has ended */
  size_t body_size;
  const void *result; /* of what has ended; NULL: none, and in lists */
  size_t result_size;
} trm__job;

/* "submitted", "running", "done", "failed", "cancelled"; never NULL. And back: 0 for any other text. */
const char *trm__job_state_name(trm__job_state state);
trm__job_state trm__job_state_find(const char *name);

#endif
