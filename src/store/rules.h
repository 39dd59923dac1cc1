/* What happens to a job: the arrows of store/job.h, each inside the transaction of its group, on the journal's thread.
 */
#ifndef TRM_STORE_RULES_H
#define TRM_STORE_RULES_H

#include "store/jobs.h"
#include "store/table.h"

typedef enum trm__request_kind {
  TRM__REQUEST_SUBMIT,
  TRM__REQUEST_TAKE,
  TRM__REQUEST_FINISH,
  TRM__REQUEST_FAIL,
  TRM__REQUEST_CRASHED,
  TRM__REQUEST_RETURN,
  TRM__REQUEST_CANCEL,
  TRM__REQUEST_GET,
  TRM__REQUEST_LIST
} trm__request_kind;

/* A request that was checked. Its texts and bytes live as long as what is found does. */
typedef struct trm__job_request {
  trm__request_kind kind;
  trm__job_spec spec;      /* submit */
  char hash[65];           /* of spec's kind and body */
  char id[TRM__UUID_TEXT]; /* "": names no job */
  int64_t attempt, limit;
  const char *reason; /* fail */
  const void *result; /* finish, fail */
  size_t result_size;
  trm__job_state state; /* list, with the next two */
  const char *owner;    /* NULL: all */
  char after[TRM__UUID_TEXT];
} trm__job_request;

/* found: cleared by the caller before and after. */
trm_status trm__rules_apply(const trm__job_request *request, trm__journal_work *work, trm__jobs_outcome *outcome,
                            trm__job_list *found, trm_error *err);

/* At opening, where what is RUNNING ran when the last process died: how many those were, and how many of them failed
 * for it as poison. */
trm_status trm__rules_recover(trm__journal_work *work, int64_t *recovered, int64_t *poisoned, trm_error *err);

/* Removes up to limit expired jobs. */
trm_status trm__rules_remove_expired(trm__journal_work *work, int64_t limit, int64_t *removed, trm_error *err);

#endif
