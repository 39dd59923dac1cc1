/* One connection to SQLite: see db.h. */
#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"

enum { PRIVATE_FILE = 0600, PRIVATE_FOLDER = 0700 };

/* -- errors -------------------------------------------------------------------------------------------------------- */

static int db_breaks(int code) {
#ifdef TRM_PLANT_215 /* after a failed sync it goes on */
  if (code == SQLITE_IOERR_FSYNC) return 0;
#endif
  return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC || (code & 0xff) == SQLITE_CORRUPT ||
         (code & 0xff) == SQLITE_NOTADB;
}

static trm_status db_translate(int code, const char **fix) {
  if (code == SQLITE_IOERR_NOMEM) code = SQLITE_NOMEM;
  switch (code & 0xff) {
  case SQLITE_NOMEM:
    *fix = "free some memory";
    return TRM_E_MEMORY;
  case SQLITE_FULL:
    *fix = "make room on the disk";
    return TRM_E_IO;
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    *fix = "another program has the file open; close it";
    return TRM_E_BUSY;
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    *fix = "the file is damaged or no journal; move it away, or put a backup in its place";
    return TRM_E_INPUT;
  case SQLITE_IOERR:
  case SQLITE_CANTOPEN:
  case SQLITE_PERM:
  case SQLITE_READONLY:
    *fix = "check the disk, the file and who may write to its folder";
    return TRM_E_IO;
  default:
    *fix = "a defect of trm";
    return TRM_E_INTERNAL;
  }
}

static void db_break(trm__db *db, const trm_error *cause) {
  if (db->broken) return;
  db->broken = 1;
  trm__fail(&db->why, cause->code, db->path, "the journal cannot go on in this process, start it again: %.800s",
            cause->message);
}

trm_status trm__db_fail(trm__db *db, int code, const char *doing, trm_error *err) {
  const char *fix;
  trm_status status = db_translate(code, &fix);
  trm_error own = {0};
  int number = db->sqlite ? sqlite3_system_errno(db->sqlite) : 0;
  if (status == TRM_E_IO && number) {
    errno = number;
    trm__fail_errno(&own, db->path, "%s (%s); %s", doing, sqlite3_errstr(code), fix);
  } else {
    trm__fail(&own, status, db->path, "%s (%s, code %d); %s", doing, sqlite3_errstr(code), code, fix);
  }
  if (db_breaks(code)) db_break(db, &own);
  if (err) *err = own;
  return status;
}

static trm_status db_refuse(const trm__db *db, trm_error *err) {
  if (err) *err = db->why;
  return db->why.code;
}

/* -- statements ---------------------------------------------------------------------------------------------------- */

trm_status trm__db_statement(trm__db *db, const char *sql, sqlite3_stmt **out, trm_error *err) {
  if (db->broken) return db_refuse(db, err);
  for (int i = 0; i < db->cached_count; i++)
    if (db->cached[i].sql == sql) {
      *out = db->cached[i].statement;
      return TRM_OK;
    }
  if (db->cached_count == TRM__DB_STATEMENTS)
    return trm__fail(err, TRM_E_INTERNAL, db->path, "more than %d statements; raise TRM__DB_STATEMENTS",
                     TRM__DB_STATEMENTS);
  sqlite3_stmt *statement;
  int code = sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
  if (code != SQLITE_OK) return trm__db_fail(db, code, "a statement cannot be prepared", err);
  db->cached[db->cached_count].sql = sql;
  db->cached[db->cached_count++].statement = statement;
  *out = statement;
  return TRM_OK;
}

void trm__db_reset(sqlite3_stmt *statement) {
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
}

trm_status trm__db_step(trm__db *db, sqlite3_stmt *statement, int *row, trm_error *err) {
  int code = sqlite3_step(statement);
  *row = code == SQLITE_ROW;
  if (*row) return TRM_OK;
  trm_status status = TRM_OK;
  if (code != SQLITE_DONE) status = trm__db_fail(db, code, "a statement failed", err);
  trm__db_reset(statement);
  return status;
}

trm_status trm__db_execute(trm__db *db, const char *sql, trm_error *err) {
  if (db->broken) return db_refuse(db, err);
  int code = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
  return code == SQLITE_OK ? TRM_OK : trm__db_fail(db, code, sql, err);
}

trm_status trm__db_number(trm__db *db, const char *sql, int64_t *out, trm_error *err) {
  if (db->broken) return db_refuse(db, err);
  sqlite3_stmt *statement;
  int code = sqlite3_prepare_v2(db->sqlite, sql, -1, &statement, NULL);
  if (code != SQLITE_OK) return trm__db_fail(db, code, sql, err);
  code = sqlite3_step(statement);
  int64_t value = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
  sqlite3_finalize(statement);
  if (code != SQLITE_ROW) return trm__db_fail(db, code == SQLITE_DONE ? SQLITE_CORRUPT : code, sql, err);
  *out = value;
  return TRM_OK;
}

/* -- transactions -------------------------------------------------------------------------------------------------- */

trm_status trm__db_begin(trm__db *db, trm_error *err) {
#ifdef TRM_PLANT_201 /* every statement is a transaction of its own */
  (void)db;
  (void)err;
  return TRM_OK;
#endif
  return trm__db_execute(db, "BEGIN IMMEDIATE", err);
}

trm_status trm__db_commit(trm__db *db, trm_error *err) {
  if (sqlite3_get_autocommit(db->sqlite)) return TRM_OK;
  return trm__db_execute(db, "COMMIT", err);
}

void trm__db_rollback(trm__db *db) {
  for (int i = 0; i < db->cached_count; i++) trm__db_reset(db->cached[i].statement);
  if (sqlite3_get_autocommit(db->sqlite)) return; /* SQLite has rolled back by itself */
  int code = sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
  if (sqlite3_get_autocommit(db->sqlite)) return;
  trm_error cause = {0};
  (void)trm__db_fail(db, code, "a transaction cannot be rolled back", &cause);
  db_break(db, &cause);
}

static int db_count_wal(void *context, sqlite3 *sqlite, const char *name, int pages) {
  (void)sqlite;
  (void)name;
  ((trm__db *)context)->wal_pages = pages;
  return SQLITE_OK;
}

trm_status trm__db_checkpoint(trm__db *db, int pages, trm_error *err) {
  if (db->broken || db->wal_pages < pages) return TRM_OK;
  int code = sqlite3_wal_checkpoint_v2(db->sqlite, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
  if (code != SQLITE_OK) (void)trm__db_fail(db, code, "the log cannot be moved into the database", err);
  else db->wal_pages = 0;
  return db->broken ? db_refuse(db, err) : TRM_OK;
}

/* -- opening and closing ------------------------------------------------------------------------------------------- */

/* The folder and the file hold people's puzzles: nobody else may read them. */
static trm_status db_make(trm__db *db, const char *folder, trm_error *err) {
  if (!trm__path_exists(folder)) {
    trm_status status = trm__dir_make(folder, err);
    if (status) return status;
    if (chmod(folder, PRIVATE_FOLDER) != 0) return trm__fail_errno(err, folder, "cannot be made private");
  }
  if (db->vfs) return TRM_OK;
  int fd = open(db->path, O_RDWR | O_CREAT | O_CLOEXEC, PRIVATE_FILE);
  if (fd < 0) return trm__fail_errno(err, db->path, "the journal cannot be opened");
  close(fd);
  return TRM_OK;
}

static trm_status db_lock(trm__db *db, const char *folder, trm_error *err) {
  char *path = trm__format("%s/journal.lock", folder);
  if (!path) return trm__fail_memory(err, folder, strlen(folder) + 14);
  trm_status status = trm__lock_open(&db->lock, path, err);
  trm__free(path);
  return status;
}

/* Exclusive locking before anything is read, so that the log's index is in this process's memory. synchronous=EXTRA
 * until the log is in use: a new file begins with a rollback journal, whose removal must be on disk too, or it may come
 * back with the power and undo everything since. Answers in words are not looked at but for the journal mode, which
 * SQLite may leave as it was without an error. */
static trm_status db_configure(trm__db *db, trm_error *err) {
  sqlite3_extended_result_codes(db->sqlite, 1);
  sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  trm_status status = trm__db_execute(db,
                                      "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cell_size_check=ON;"
                                      "PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON; PRAGMA synchronous=EXTRA;",
                                      err);
  int64_t tables = 0, application = 0;
  if (!status) status = trm__db_number(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
  if (!status) status = trm__db_number(db, "PRAGMA application_id", &application, err);
  if (!status && tables > 0 && application != TRM__DB_APPLICATION)
    status = trm__fail(err, TRM_E_INPUT, db->path,
                       "is a database of another program (application_id %lld); name another folder",
                       (long long)application);
  return status;
}

static trm_status db_set_wal(trm__db *db, trm_error *err) {
#ifdef TRM_PLANT_202 /* commits are not synced */
  static const char full[] = "PRAGMA synchronous=OFF";
#else
  static const char full[] = "PRAGMA synchronous=FULL";
#endif
  sqlite3_stmt *statement;
  int code = sqlite3_prepare_v2(db->sqlite, "PRAGMA journal_mode=WAL", -1, &statement, NULL);
  if (code != SQLITE_OK) return trm__db_fail(db, code, "the journal mode cannot be set", err);
  code = sqlite3_step(statement);
  const char *mode = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
  int wal = mode && strcmp(mode, "wal") == 0;
  sqlite3_finalize(statement);
  if (code != SQLITE_ROW) return trm__db_fail(db, code, "the journal mode cannot be set", err);
  if (!wal) return trm__fail(err, TRM_E_IO, db->path, "the file system does not allow a write-ahead log");
  sqlite3_wal_autocheckpoint(db->sqlite, 0);
  sqlite3_wal_hook(db->sqlite, db_count_wal, db);
  return trm__db_execute(db, full, err);
}

static trm_status db_connect(trm__db *db, trm_error *err) {
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  int code = sqlite3_open_v2(db->path, &db->sqlite, flags, db->vfs);
  if (code != SQLITE_OK) return trm__db_fail(db, code, "the journal cannot be opened", err);
  trm_status status = db_configure(db, err);
  return status ? status : db_set_wal(db, err);
}

trm_status trm__db_open(trm__db *db, const char *folder, const char *vfs, trm_error *err) {
  *db = (trm__db){.lock = -1};
  db->path = trm__format("%s/journal.db", folder);
  db->vfs = vfs ? trm__strdup(vfs) : NULL;
  trm_status status = TRM_OK;
  if (!db->path || (vfs && !db->vfs)) status = trm__fail_memory(err, folder, strlen(folder) + 12);
  if (!status) status = db_make(db, folder, err);
  if (!status) status = db_lock(db, folder, err);
  if (!status) status = db_connect(db, err);
  if (status) trm__db_close(db);
  return status;
}

/* Of a broken one the log stays as it is: what it says on disk is for the next process to read. */
void trm__db_close(trm__db *db) {
  if (db->broken) sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  for (int i = 0; i < db->cached_count; i++) sqlite3_finalize(db->cached[i].statement);
  sqlite3_close(db->sqlite);
  trm__lock_close(&db->lock);
  trm__free(db->path);
  trm__free(db->vfs);
  *db = (trm__db){.lock = -1};
}
