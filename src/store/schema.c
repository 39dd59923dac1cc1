/* Migrations: see schema.h. What a job's fields mean is in store/job.h. The checks hold what every version promises, so
 * that a defect is an error and not a file that the next process cannot read. */
#include "store/schema.h"

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"

/* The columns of jobs: state 1 submitted, 2 running, 3 done, 4 failed, 5 cancelled; times in ms since 1970. A body is
 * kept while the job is open, its hash as long as the row. */
static const char *const journal_migrations[] = {
    "CREATE TABLE jobs ("
    "  id TEXT PRIMARY KEY NOT NULL,"
    "  state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5),"
    "  kind TEXT NOT NULL,"
    "  owner TEXT NOT NULL,"
    "  key TEXT,"
    "  body_sha256 TEXT NOT NULL,"
    "  body BLOB CHECK ((state <= 2) = (body IS NOT NULL)),"
    "  priority INTEGER NOT NULL,"
    "  attempts INTEGER NOT NULL,"
    "  kills INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  started_ms INTEGER CHECK (state <> 2 OR started_ms IS NOT NULL),"
    "  ended_ms INTEGER CHECK ((state > 2) = (ended_ms IS NOT NULL)),"
    "  deadline_ms INTEGER,"
    "  expires_ms INTEGER CHECK ((state > 2) = (expires_ms IS NOT NULL)),"
    "  reason TEXT CHECK ((state = 4) = (reason IS NOT NULL)),"
    "  result BLOB CHECK (state > 2 OR result IS NULL)"
    ") STRICT;"
    "CREATE UNIQUE INDEX jobs_key ON jobs (owner, key) WHERE key IS NOT NULL;"
    "CREATE INDEX jobs_waiting ON jobs (priority DESC, id) WHERE state = 1;"
    "CREATE INDEX jobs_overdue ON jobs (deadline_ms) WHERE state = 1 AND deadline_ms IS NOT NULL;"
    "CREATE INDEX jobs_running ON jobs (id) WHERE state = 2;"
    "CREATE INDEX jobs_expiring ON jobs (expires_ms) WHERE expires_ms IS NOT NULL;",
    "ALTER TABLE jobs ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;",
};

const trm__schema trm__schema_journal = {journal_migrations,
                                         (int)(sizeof journal_migrations / sizeof *journal_migrations)};

/* -- the copy ------------------------------------------------------------------------------------------------------ */

static trm_status schema_copy_into(trm__db *db, sqlite3 *copy, const char *path, trm_error *err) {
  sqlite3_backup *backup = sqlite3_backup_init(copy, "main", db->sqlite, "main");
  if (!backup) return trm__db_fail(db, sqlite3_extended_errcode(copy), "a copy cannot be begun", err);
  sqlite3_backup_step(backup, -1);
  int code = sqlite3_backup_finish(backup);
  if (code == SQLITE_OK) return TRM_OK;
  return trm__db_fail(db, code, path, err);
}

/* What an earlier attempt left; mostly there is nothing. */
static void schema_remove_copy(const trm__db *db, const char *path) {
  static const char *const endings[] = {"", "-journal", "-wal"};
  sqlite3_vfs *vfs = sqlite3_vfs_find(db->vfs);
  for (int i = 0; vfs && i < 3; i++) {
    char *name = trm__format("%s%s", path, endings[i]);
    if (name) vfs->xDelete(vfs, name, 1);
    trm__free(name);
  }
}

/* SQLite's own way, so that it holds what stands in the log, and so that it is synced before it counts. */
static trm_status schema_copy(trm__db *db, int version, trm_error *err) {
  char *path = trm__format("%s.v%d", db->path, version);
  if (!path) return trm__fail_memory(err, db->path, 16);
  schema_remove_copy(db, path);
  sqlite3 *copy = NULL;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  int code = sqlite3_open_v2(path, &copy, flags, db->vfs);
  trm_status status = TRM_OK;
  if (code != SQLITE_OK) status = trm__db_fail(db, code, "a copy cannot be made before the migration", err);
  if (!status) status = schema_copy_into(db, copy, path, err);
  sqlite3_close(copy);
  if (!status && !db->vfs) status = trm__dir_sync_parent(path, err);
  trm__free(path);
  return status;
}

/* -- the migrations ------------------------------------------------------------------------------------------------ */

static trm_status schema_run(trm__db *db, const trm__schema *schema, int from, trm_error *err) {
  char version[96];
  sqlite3_snprintf(sizeof version, version, "PRAGMA user_version=%d; PRAGMA application_id=%d", schema->count,
                   TRM__DB_APPLICATION);
  trm_status status = TRM_OK;
  for (int i = from; !status && i < schema->count; i++) status = trm__db_execute(db, schema->migrations[i], err);
#ifdef TRM_PLANT_203 /* the version is set after the migrations' transaction */
  if (!status) status = trm__db_commit(db, err);
#endif
  return status ? status : trm__db_execute(db, version, err);
}

trm_status trm__schema_upgrade(trm__db *db, const trm__schema *schema, int *from, trm_error *err) {
  int64_t version = 0;
  trm_status status = trm__db_number(db, "PRAGMA user_version", &version, err);
  if (status) return status;
  if (version > schema->count)
    return trm__fail(err, TRM_E_UNSUPPORTED, db->path,
                     "was written by a newer trm: schema %lld, this one knows up to %d; start the newer trm, or name "
                     "another folder",
                     (long long)version, schema->count);
  *from = (int)version;
  if (version == schema->count) return TRM_OK;
  if (version > 0) status = schema_copy(db, (int)version, err);
  if (!status) status = trm__db_begin(db, err);
  if (!status) status = schema_run(db, schema, (int)version, err);
  if (!status) status = trm__db_commit(db, err);
  if (status) trm__db_rollback(db);
  return status;
}
