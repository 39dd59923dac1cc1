/* The durable journal: one thread that owns one SQLite database, and a bounded queue of work for it.
 *
 * Idea. Whoever wants something read or written posts an operation and goes on. The journal's thread takes all that
 * wait, runs them in the order they were posted inside one transaction, commits, and only then hands them back: what an
 * operation says was done is on disk. While it commits the next group gathers, so the number of syncs does not grow
 * with the load. The event loop never waits for the disk.
 *
 *   event loop:  trm__jobs_submit(...)            (store/jobs.h: what can be asked for)
 *                watch trm__journal_fd()          readable: something is done
 *                trm__journal_deliver(journal)    calls the callbacks, here, on this thread
 *
 * Ownership. Every operation that was accepted for the queue gets exactly one callback, from trm__journal_deliver or
 * trm__journal_close, also when the journal breaks. What is passed to a call is copied, what a callback is given lives
 * until it returns.
 *
 * Threads. Any thread may post and ask for stats. One thread at a time delivers; the thread that closes delivers last,
 * and nobody posts once it has begun. Callbacks may post, and may not deliver or close.
 *
 * Bounded. A new operation is refused with TRM_E_BUSY, before anything of it is accepted, while waiting_limit
 * operations or waiting_bytes of them have been posted and not delivered. What moves on a job that was accepted is
 * never refused for that reason: the caller runs only so many jobs.
 *
 * Failing. When a group cannot be committed it is rolled back and its operations are tried again one by one, so that
 * each failure goes to its cause: a full disk refuses what writes and still answers what reads. What failed was not
 * done; one exception: after a failed sync, or when the process dies before it answers, it may be found done after the
 * next start, whole, never half. Then the journal is broken (store/db.h): everything waiting and everything posted
 * later fails with the reason, and the process should end with a non-zero code, to be started again.
 *
 * Invariants, whenever the mutex is free:
 *  1. posted = delivered + waiting + at work + done, each operation in one place;
 *  2. operations of one group are delivered in the order in which they were posted, and groups in their order;
 *  3. an operation with status TRM_OK in the done list has been committed;
 *  4. the published counts are those of the last commit;
 *  5. while an operation is done and not delivered, the descriptor is readable. */
#ifndef TRM_STORE_JOURNAL_H
#define TRM_STORE_JOURNAL_H

#include "base/log.h"
#include "store/job.h"
#include "store/schema.h"

typedef struct trm__journal trm__journal;

typedef struct trm__journal_config {
  const char *folder;    /* made, private, where it is not there */
  int64_t waiting_limit; /* operations; 1024 */
  int64_t waiting_bytes; /* of their bodies and results; 64 MiB */
  int64_t open_limit;    /* jobs submitted and running; 10,000 */
  int64_t body_limit;    /* bytes of a body; 1 MiB */
  int64_t result_limit;  /* bytes of a result; 16 MiB */
  int64_t kills;         /* engines that a job may kill until it fails as poison; 2 */
  int64_t deaths;        /* of the process while it runs, until it fails as poison; 5 */
  int64_t keep_ms;       /* how long an ended job and its key are kept; a day */
  int64_t upkeep_ms;     /* how often expired jobs are looked for; 1000. 0: after each group, and only then */
  int64_t (*now_ms)(void *context); /* wall time since 1970, asked on the journal's thread; NULL: the system's */
  void *now_context;
  const char *vfs;           /* a file layer registered with SQLite, for tests; NULL: the system's */
  const trm__schema *schema; /* NULL: trm__schema_journal */
  trm__log log;              /* called on the journal's thread */
} trm__journal_config;

trm__journal_config trm__journal_config_default(void);

/* Opens journal.db, or makes it; migrates an older one (store/schema.h), and lets wait again what ran when the last
 * process died. TRM_E_BUSY naming file and process when another one has it. config is not kept. */
trm_status trm__journal_open(trm__journal **out, const trm__journal_config *config, trm_error *err);

/* Finishes what waits, delivers it, closes the file. Clears the pointer; accepts NULL in it. */
void trm__journal_close(trm__journal **journal);

int trm__journal_fd(const trm__journal *journal);   /* an eventfd: readable, level-triggered, while something is done */
size_t trm__journal_deliver(trm__journal *journal); /* how many callbacks it called */

typedef struct trm__journal_stats {
  int64_t waiting, waiting_bytes;      /* posted and not delivered */
  int64_t jobs[TRM__JOB_STATES];       /* how many there are in each state, with expired ones until they are removed */
  int64_t recovered, poisoned;         /* that ran when the last process died; that failed for it */
  int64_t operations, groups, refused; /* so far: done, commits that they took, and not taken for being too many */
  int64_t failed;                      /* operations that were told an error */
  int64_t removed;                     /* expired jobs */
  int64_t wal_pages;                   /* in the log */
  int64_t backup_done, backup_pages;   /* of the backup that is being made; 0 and 0 when none is */
  double commit_seconds, commit_longest; /* that commits took: the sum, and the longest */
  int broken;                            /* 1: nothing is done any more */
} trm__journal_stats;
void trm__journal_get_stats(trm__journal *journal, trm__journal_stats *stats);

/* A consistent copy of all that is committed when it ends, made in steps between the groups, so that nothing waits for
 * it longer than a step; written beside path, synced and renamed. done: on the delivering thread. TRM_E_BUSY while
 * another one is made. A journal that is closed ends it with TRM_E_STOPPED. To put a backup back: stop the server,
 * remove journal.db and journal.db-wal, copy it to journal.db. */
typedef void (*trm__journal_backup_fn)(void *context, trm_status status, const trm_error *error);
trm_status trm__journal_backup(trm__journal *journal, const char *path, trm__journal_backup_fn done, void *context,
                               trm_error *err);

/* -- for the files of src/store that add operations ---------------------------------------------------------------- */

/* What an operation works with, on the journal's thread. */
typedef struct trm__journal_work {
  trm__db *db;
  int64_t now_ms;
  int64_t *jobs; /* [TRM__JOB_STATES] how many there are; restored when the group is rolled back */
  trm__uuids *uuids;
  const trm__journal_config *config;
} trm__journal_work;

typedef struct trm__journal_op trm__journal_op;
struct trm__journal_op {
  /* Inside the group's transaction. It may be run again after a roll-back, so it begins by clearing what it found. A
   * status that is not TRM_OK rolls the group back. */
  trm_status (*run)(trm__journal_op *op, trm__journal_work *work, trm_error *err);
  void (*done)(trm__journal_op *op); /* on the delivering thread: tells the caller, frees op */
  int64_t bytes;                     /* that count against waiting_bytes */
  int always;                        /* 1: never refused for being too many */
  trm_status status;                 /* for done; */
  trm_error error;                   /* filled when status is not TRM_OK */
  trm__journal_op *next;
};

/* On failure op is still the caller's. */
trm_status trm__journal_post(trm__journal *journal, trm__journal_op *op, trm_error *err);
const trm__journal_config *trm__journal_limits(const trm__journal *journal);

#endif
