/* The journal's thread, its queue and its groups: see journal.h. One mutex guards what the threads share; it is never
 * held while the disk is waited for or a callback runs. The thread's own things (database, counts, names, the backup
 * that is made) need no lock. */
#include "store/journal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "store/backup.h"
#include "store/rules.h"

enum { GROUP_OPERATIONS = 256, REMOVED_AT_ONCE = 64 };
#define LONGEST_KEPT ((int64_t)100 * 366 * 24 * 3600 * 1000) /* ms; so that sums of times do not overflow */

typedef struct journal_list {
  trm__journal_op *first, **end; /* end NULL: empty and never used */
} journal_list;

typedef struct journal_backup {
  trm__journal_op op; /* it is delivered as any other; run NULL */
  char *path;
  trm__journal_backup_fn done;
  void *context;
  trm__backup *copy; /* NULL: not begun */
} journal_backup;

struct trm__journal {
  trm__journal_config config;
  int event;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  /* guarded by the mutex */
  journal_list waiting, done;
  int closing;
  trm__journal_stats stats;
  trm_error why;          /* once stats.broken */
  journal_backup *backup; /* wanted or being made; changed by whoever asks when NULL, otherwise by the thread */
  /* the thread's */
  trm__db db;
  trm__uuids uuids;
  int64_t jobs[TRM__JOB_STATES];
  double upkeep_due; /* monotonic */
};

static void list_add(journal_list *list, trm__journal_op *op) {
  if (!list->first) list->end = &list->first;
  op->next = NULL;
  *list->end = op;
  list->end = &op->next;
}

static trm__journal_op *list_take(journal_list *list) {
  trm__journal_op *op = list->first;
  if (op) list->first = op->next;
  return op;
}

/* -- the thread ---------------------------------------------------------------------------------------------------- */

static int64_t journal_now(const trm__journal *j) {
  int64_t now = j->config.now_ms ? j->config.now_ms(j->config.now_context) : (int64_t)(trm__wall_clock() * 1000);
  return now > 0 ? now : 1;
}

static trm__journal_work journal_work(trm__journal *j) {
  return (trm__journal_work){&j->db, journal_now(j), j->jobs, &j->uuids, &j->config};
}

/* With the mutex held: what others see of the thread's things. */
static void journal_publish(trm__journal *j) {
  memcpy(j->stats.jobs, j->jobs, sizeof j->jobs);
  j->stats.wal_pages = j->db.wal_pages;
  if (!j->db.broken || j->stats.broken) return;
  j->stats.broken = 1;
  j->why = j->db.why;
  trm__log_write(&j->config.log, TRM_LOG_ERROR, "%s: %s", j->why.where, j->why.message);
}

static void journal_hand_over(trm__journal *j, trm__journal_op **group, size_t count) {
  uint64_t one = 1;
  pthread_mutex_lock(&j->mutex);
  for (size_t i = 0; i < count; i++) {
    j->stats.operations++;
    j->stats.failed += group[i]->status ? 1 : 0;
    list_add(&j->done, group[i]);
  }
  journal_publish(j);
  if (count && write(j->event, &one, sizeof one) < 0) errno = 0; /* it cannot be full */
  pthread_mutex_unlock(&j->mutex);
}

static trm_status journal_commit(trm__journal *j, trm_error *err) {
  double before = trm__clock();
  trm_status status = trm__db_commit(&j->db, err);
  double seconds = trm__clock() - before;
  pthread_mutex_lock(&j->mutex);
  j->stats.groups++;
  j->stats.commit_seconds += seconds;
  if (seconds > j->stats.commit_longest) j->stats.commit_longest = seconds;
  pthread_mutex_unlock(&j->mutex);
  return status;
}

/* One transaction. After a failure everything is as before it. */
static trm_status journal_attempt(trm__journal *j, trm__journal_op **group, size_t count, trm_error *err) {
  int64_t before[TRM__JOB_STATES];
  memcpy(before, j->jobs, sizeof before);
  trm__journal_work work = journal_work(j);
  trm_status status = trm__db_begin(&j->db, err);
  for (size_t i = 0; !status && i < count; i++) status = group[i]->run(group[i], &work, err);
#ifdef TRM_PLANT_206 /* acknowledged before the commit */
  if (!status) {
    journal_hand_over(j, group, count);
    if (journal_commit(j, err)) trm__db_rollback(&j->db);
    return TRM_OK;
  }
#endif
#ifdef TRM_PLANT_207 /* a commit that failed is acknowledged */
  if (!status && journal_commit(j, err)) {
    trm__db_rollback(&j->db);
    return TRM_OK;
  }
#else
  if (!status) status = journal_commit(j, err);
#endif
  if (!status) return TRM_OK;
  trm__db_rollback(&j->db);
#ifndef TRM_PLANT_208 /* counts are not restored */
  memcpy(j->jobs, before, sizeof before);
#endif
  return status;
}

/* All together, or each for itself when that fails. */
static void journal_run_group(trm__journal *j, trm__journal_op **group, size_t count) {
  trm_error err = {0};
  trm_status status = journal_attempt(j, group, count, &err);
  int apart = status && count > 1 && !j->db.broken;
#ifdef TRM_PLANT_206
  if (!status) return;
  apart = 0;
#endif
  for (size_t i = 0; i < count; i++) {
    trm__journal_op *op = group[i];
    op->status = apart ? journal_attempt(j, &op, 1, &op->error) : status;
    if (status && !apart) op->error = err;
  }
  journal_hand_over(j, group, count);
}

/* Expired jobs go a few at a time, in transactions of their own, so that no group waits long for it. */
static void journal_remove_expired(trm__journal *j) {
  if (j->db.broken || trm__clock() < j->upkeep_due) return;
  int64_t before[TRM__JOB_STATES], removed = 0;
  trm_error err = {0};
  memcpy(before, j->jobs, sizeof before);
  trm__journal_work work = journal_work(j);
  trm_status status = trm__db_begin(&j->db, &err);
  if (!status) status = trm__rules_remove_expired(&work, REMOVED_AT_ONCE, &removed, &err);
  if (!status) status = trm__db_commit(&j->db, &err);
  if (status) {
    trm__db_rollback(&j->db);
    memcpy(j->jobs, before, sizeof before);
    removed = 0;
    trm__log_write(&j->config.log, TRM_LOG_WARN, "expired jobs stay for now: %s: %s", err.where, err.message);
  }
  if (removed < REMOVED_AT_ONCE) j->upkeep_due = trm__clock() + (double)j->config.upkeep_ms / 1000;
  pthread_mutex_lock(&j->mutex);
  j->stats.removed += removed;
  journal_publish(j);
  pthread_mutex_unlock(&j->mutex);
}

static void journal_checkpoint(trm__journal *j) {
  trm_error err = {0};
  if (trm__db_checkpoint(&j->db, TRM__DB_CHECKPOINT_PAGES, &err))
    trm__log_write(&j->config.log, TRM_LOG_WARN, "%s: %s", err.where, err.message);
  pthread_mutex_lock(&j->mutex);
  journal_publish(j);
  pthread_mutex_unlock(&j->mutex);
}

/* -- backups ------------------------------------------------------------------------------------------------------- */

static void backup_done(trm__journal_op *op) {
  journal_backup *b = (journal_backup *)op;
  if (b->done) b->done(b->context, op->status, op->status ? &op->error : NULL);
  trm__free(b->path);
  trm__free(b);
}

static void backup_end(trm__journal *j, journal_backup *b, trm_status status) {
  trm__journal_op *op = &b->op;
  trm__backup_abort(&b->copy);
  b->op.status = status;
  pthread_mutex_lock(&j->mutex);
  j->backup = NULL;
  j->stats.backup_done = j->stats.backup_pages = 0;
  pthread_mutex_unlock(&j->mutex);
  journal_hand_over(j, &op, 1);
}

/* One step of the backup that is wanted, if one is. */
static void journal_back_up(trm__journal *j, journal_backup *b, int closing) {
  int64_t left = 1, pages = 0;
  trm_status status = TRM_OK;
  if (!b) return;
  if (j->db.broken) {
    b->op.error = j->db.why;
    status = j->db.why.code;
  } else if (closing) {
    status = trm__fail(&b->op.error, TRM_E_STOPPED, b->path, "the journal was closed before its backup was complete");
  }
  if (!status && !b->copy) status = trm__backup_open(&b->copy, &j->db, b->path, &b->op.error);
  if (!status) status = trm__backup_step(b->copy, &left, &pages, &b->op.error);
  if (!status && left == 0) status = trm__backup_commit(&b->copy, &b->op.error);
  if (status || left == 0) {
    backup_end(j, b, status);
    return;
  }
  pthread_mutex_lock(&j->mutex);
  j->stats.backup_done = pages - left;
  j->stats.backup_pages = pages;
  pthread_mutex_unlock(&j->mutex);
}

/* -- the thread's loop --------------------------------------------------------------------------------------------- */

/* With the mutex held: until there is something to do, or time for upkeep. */
static void journal_wait(trm__journal *j) {
  struct timespec until = {.tv_sec = (time_t)j->upkeep_due};
  until.tv_nsec = (long)((j->upkeep_due - (double)until.tv_sec) * 1e9);
  int timed = j->config.upkeep_ms > 0 && !j->stats.broken, result = 0;
  while (result != ETIMEDOUT && !j->waiting.first && !j->closing && !j->backup) {
    if (timed) result = pthread_cond_timedwait(&j->wake, &j->mutex, &until);
    else pthread_cond_wait(&j->wake, &j->mutex);
  }
}

static void *journal_main(void *context) {
  trm__journal *j = context;
  trm__journal_op *group[GROUP_OPERATIONS];
  for (;;) {
    size_t count = 0;
    pthread_mutex_lock(&j->mutex);
    journal_wait(j);
    while (count < GROUP_OPERATIONS && j->waiting.first) group[count++] = list_take(&j->waiting);
    int closing = j->closing;
    journal_backup *backup = j->backup;
    pthread_mutex_unlock(&j->mutex);
    if (count) journal_run_group(j, group, count);
    journal_remove_expired(j);
    journal_checkpoint(j);
    journal_back_up(j, backup, closing);
    if (closing && !count) return NULL;
  }
}

/* -- opening and closing ------------------------------------------------------------------------------------------- */

trm__journal_config trm__journal_config_default(void) {
  return (trm__journal_config){.waiting_limit = 1024,
                               .waiting_bytes = 64 << 20,
                               .open_limit = 10000,
                               .body_limit = 1 << 20,
                               .result_limit = 16 << 20,
                               .kills = 2,
                               .deaths = 5,
                               .keep_ms = 24 * 3600 * 1000,
                               .upkeep_ms = 1000};
}

static trm_status journal_check(const trm__journal_config *c, trm_error *err) {
  struct {
    const char *name;
    int64_t value, least, most;
  } fields[] = {
      {"waiting_limit", c->waiting_limit, 1, 1 << 20},
      {"waiting_bytes", c->waiting_bytes, 1, INT64_MAX},
      {"open_limit", c->open_limit, 1, 10000000},
      {"body_limit", c->body_limit, 0, 512 << 20},
      {"result_limit", c->result_limit, 0, 512 << 20},
      {"kills", c->kills, 1, 1000},
      {"deaths", c->deaths, 1, 1000},
      {"keep_ms", c->keep_ms, 0, LONGEST_KEPT},
      {"upkeep_ms", c->upkeep_ms, 0, 24 * 3600 * 1000},
  };
  if (!c->folder || !c->folder[0]) return trm__fail(err, TRM_E_USAGE, "folder", "a journal needs a folder");
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (fields[i].value < fields[i].least || fields[i].value > fields[i].most)
      return trm__fail(err, TRM_E_USAGE, fields[i].name, "%lld, expected %lld to %lld", (long long)fields[i].value,
                       (long long)fields[i].least, (long long)fields[i].most);
  return TRM_OK;
}

/* What the last process left is made ready, in one transaction behind the migrations'. Then the log is emptied: should
 * the last process have died of a failed sync, it may look whole here and not be so on disk, and nothing may be written
 * behind it. */
static trm_status journal_recover(trm__journal *j, trm_error *err) {
  int from = 0;
  const trm__schema *schema = j->config.schema ? j->config.schema : &trm__schema_journal;
  trm_status status = trm__schema_upgrade(&j->db, schema, &from, err);
  if (!status && from > 0 && from < schema->count)
    trm__log_write(&j->config.log, TRM_LOG_INFO, "%s: migrated from schema %d to %d; the old file is kept as %s.v%d",
                   j->db.path, from, schema->count, j->db.path, from);
  if (!status) status = trm__db_begin(&j->db, err);
  if (!status) status = trm__table_count(&j->db, j->jobs, &j->uuids, err);
  trm__journal_work work = journal_work(j);
  if (!status) status = trm__rules_recover(&work, &j->stats.recovered, &j->stats.poisoned, err);
  if (!status) status = trm__db_commit(&j->db, err);
  if (!status && j->stats.recovered)
    trm__log_write(&j->config.log, j->stats.poisoned ? TRM_LOG_WARN : TRM_LOG_INFO,
                   "%s: %lld jobs ran when the last process ended; they wait again, but for %lld that ran at %lld such "
                   "ends: poison",
                   j->db.path, (long long)j->stats.recovered, (long long)j->stats.poisoned,
                   (long long)j->config.deaths);
  return status ? status : trm__db_checkpoint(&j->db, 0, err);
}

static void journal_init(trm__journal *j, const trm__journal_config *config) {
  pthread_condattr_t monotonic;
  j->config = *config;
  j->event = -1;
  j->db.lock = -1;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&j->wake, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&j->mutex, NULL);
}

static void journal_free(trm__journal *j) {
  trm__db_close(&j->db);
  if (j->event >= 0) close(j->event);
  pthread_cond_destroy(&j->wake);
  pthread_mutex_destroy(&j->mutex);
  trm__free(j);
}

/* Signals are the event loop's. */
static trm_status journal_start(trm__journal *j, trm_error *err) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  errno = pthread_create(&j->thread, NULL, journal_main, j);
  int failed = errno != 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failed ? trm__fail_errno(err, "journal", "its thread cannot be started") : TRM_OK;
}

trm_status trm__journal_open(trm__journal **out, const trm__journal_config *config, trm_error *err) {
  trm_status status = journal_check(config, err);
  if (status) return status;
  trm__journal *j = trm__calloc(1, sizeof *j);
  if (!j) return trm__fail_memory(err, "journal", sizeof *j);
  journal_init(j, config);
  j->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (j->event < 0) status = trm__fail_errno(err, "journal", "no descriptor for its events");
  if (!status) status = trm__db_open(&j->db, config->folder, config->vfs, err);
  if (!status) status = journal_recover(j, err);
  if (!status) {
    j->config.folder = j->config.vfs = NULL; /* the caller's */
    journal_publish(j);
    status = journal_start(j, err);
  }
  if (status) journal_free(j);
  else *out = j;
  return status;
}

void trm__journal_close(trm__journal **journal) {
  trm__journal *j = *journal;
  if (!j) return;
  pthread_mutex_lock(&j->mutex);
  j->closing = 1;
  pthread_cond_signal(&j->wake);
  pthread_mutex_unlock(&j->mutex);
  pthread_join(j->thread, NULL);
  trm__journal_deliver(j);
  journal_free(j);
  *journal = NULL;
}

/* -- any thread ---------------------------------------------------------------------------------------------------- */

/* With the mutex held. */
static trm_status journal_admit(trm__journal *j, const trm__journal_op *op, trm_error *err) {
  if (j->closing) return trm__fail(err, TRM_E_STOPPED, "journal", "it is being closed and takes nothing new");
  if (j->stats.broken) {
    if (err) *err = j->why;
    return j->why.code;
  }
  int full =
      j->stats.waiting >= j->config.waiting_limit || j->stats.waiting_bytes > j->config.waiting_bytes - op->bytes;
  if (op->always || !full || j->stats.waiting == 0) return TRM_OK;
  j->stats.refused++;
  return trm__fail(err, TRM_E_BUSY, "journal", "%lld operations of %lld bytes wait for the disk; try again later",
                   (long long)j->stats.waiting, (long long)j->stats.waiting_bytes);
}

/* With the mutex held. */
static void journal_count_in(trm__journal *j, const trm__journal_op *op) {
  j->stats.waiting++;
  j->stats.waiting_bytes += op->bytes;
  pthread_cond_signal(&j->wake);
}

trm_status trm__journal_post(trm__journal *j, trm__journal_op *op, trm_error *err) {
  pthread_mutex_lock(&j->mutex);
  trm_status status = journal_admit(j, op, err);
  if (!status) {
    list_add(&j->waiting, op);
    journal_count_in(j, op);
  }
  pthread_mutex_unlock(&j->mutex);
  return status;
}

trm_status trm__journal_backup(trm__journal *j, const char *path, trm__journal_backup_fn done, void *context,
                               trm_error *err) {
  journal_backup *b = trm__calloc(1, sizeof *b);
  char *copy = trm__strdup(path);
  trm_status status = b && copy ? TRM_OK : trm__fail_memory(err, path, sizeof *b + strlen(path) + 1);
  if (!status) {
    *b = (journal_backup){.op = {.done = backup_done}, .path = copy, .done = done, .context = context};
    pthread_mutex_lock(&j->mutex);
    status = journal_admit(j, &b->op, err);
    if (!status && j->backup) status = trm__fail(err, TRM_E_BUSY, path, "another backup is being made; wait for it");
    if (!status) {
      j->backup = b;
      journal_count_in(j, &b->op);
    }
    pthread_mutex_unlock(&j->mutex);
  }
  if (status) {
    trm__free(copy);
    trm__free(b);
  }
  return status;
}

int trm__journal_fd(const trm__journal *j) {
  return j->event;
}

size_t trm__journal_deliver(trm__journal *j) {
  uint64_t events;
  size_t delivered = 0;
  pthread_mutex_lock(&j->mutex);
  if (read(j->event, &events, sizeof events) < 0) errno = 0; /* nothing is done */
  journal_list done = j->done;
  j->done = (journal_list){0};
  pthread_mutex_unlock(&j->mutex);
  for (trm__journal_op *op; (op = list_take(&done)); delivered++) {
    pthread_mutex_lock(&j->mutex);
    j->stats.waiting--;
    j->stats.waiting_bytes -= op->bytes;
    pthread_mutex_unlock(&j->mutex);
    op->done(op);
  }
  return delivered;
}

void trm__journal_get_stats(trm__journal *j, trm__journal_stats *stats) {
  pthread_mutex_lock(&j->mutex);
  *stats = j->stats;
  pthread_mutex_unlock(&j->mutex);
}

const trm__journal_config *trm__journal_limits(const trm__journal *j) {
  return &j->config;
}
