/* The table of jobs: its rows read and changed, inside a transaction that the caller has begun. Nothing here decides
 * what happens to a job; store/rules.c does. On the journal's thread alone. */
#ifndef TRM_STORE_TABLE_H
#define TRM_STORE_TABLE_H

#include "store/db.h"
#include "store/job.h"

typedef struct trm__job_list {
  trm__job **job; /* each of trm__calloc, with its texts and bytes behind it */
  size_t count, room;
} trm__job_list;

void trm__job_list_clear(trm__job_list *list);

/* What a row is asked for: all of it, or without body and result. */
typedef enum trm__job_part { TRM__JOB_WHOLE, TRM__JOB_HEAD } trm__job_part;

/* Each appends what it finds, TRM_OK also when that is nothing. */
trm_status trm__table_get(trm__db *db, const char *id, trm__job_part part, trm__job_list *list, trm_error *err);
/* hash: that of the body which it was submitted with. */
trm_status trm__table_get_key(trm__db *db, const char *owner, const char *key, trm__job_list *list, char hash[65],
                              trm_error *err);
/* Of those with so many deaths as suspect at most one, and none while one runs. */
trm_status trm__table_waiting(trm__db *db, int64_t limit, int64_t suspect, trm__job_list *list, trm_error *err);
trm_status trm__table_running(trm__db *db, trm__job_list *list, trm_error *err);
trm_status trm__table_overdue(trm__db *db, int64_t now_ms, trm__job_list *list, trm_error *err);
trm_status trm__table_expired(trm__db *db, int64_t now_ms, int64_t limit, trm__job_list *list, trm_error *err);

typedef struct trm__table_query {
  trm__job_state state; /* 0: all */
  const char *owner;    /* NULL: all */
  const char *after;    /* NULL: from the first; an id, which need not be there */
  int64_t limit, now_ms;
} trm__table_query;
trm_status trm__table_list(trm__db *db, const trm__table_query *query, trm__job_list *list, trm_error *err);

trm_status trm__table_insert(trm__db *db, const trm__job *job, const char *hash, trm_error *err);
/* Writes all that may change of a job: state, counts, times, reason, result. An ended one loses its body. */
trm_status trm__table_update(trm__db *db, const trm__job *job, trm_error *err);
trm_status trm__table_remove(trm__db *db, const char *id, trm_error *err);

/* At opening: how many jobs each state has, and the last id. */
trm_status trm__table_count(trm__db *db, int64_t count[TRM__JOB_STATES], trm__uuids *uuids, trm_error *err);

#endif
