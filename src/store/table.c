/* Rows of the table jobs: see table.h. Every statement that reads jobs has the same columns, so that one function makes
 * a trm__job of a row. */
#include "store/table.h"

#include <string.h>

#include "base/mem.h"
#include "base/status.h"

/* -- reading ------------------------------------------------------------------------------------------------------- */

enum column {
  ID,
  STATE,
  KIND,
  OWNER,
  KEY,
  PRIORITY,
  ATTEMPTS,
  KILLS,
  DEATHS,
  CREATED,
  STARTED,
  ENDED,
  DEADLINE,
  EXPIRES,
  REASON,
  BODY,
  RESULT,
  HASH
};

#define HEAD                                                                                                           \
  "SELECT id, state, kind, owner, key, priority, attempts, kills, deaths, created_ms, started_ms, ended_ms, "          \
  "deadline_ms, expires_ms, reason, "
#define HEAD_ONLY HEAD "NULL, NULL, NULL FROM jobs "
#define WHOLE HEAD "body, result, body_sha256 FROM jobs "

void trm__job_list_clear(trm__job_list *list) {
  for (size_t i = 0; i < list->count; i++) trm__free(list->job[i]);
  trm__free(list->job);
  *list = (trm__job_list){0};
}

static int list_make_room(trm__job_list *list) {
  if (list->count < list->room) return 1;
  size_t room = list->room ? 2 * list->room : 4;
  trm__job **grown = trm__realloc(list->job, room, sizeof *grown);
  if (!grown) return 0;
  list->job = grown;
  list->room = room;
  return 1;
}

/* The field's bytes, with a NUL behind them, at *end of a job's own memory. NULL for NULL. */
static const char *row_copy(sqlite3_stmt *row, int column, char **end, size_t *size) {
  *size = 0;
  if (sqlite3_column_type(row, column) == SQLITE_NULL) return NULL;
  const void *bytes = sqlite3_column_blob(row, column); /* NULL for no bytes */
  *size = (size_t)sqlite3_column_bytes(row, column);
  char *copy = *end;
  if (*size) memcpy(copy, bytes, *size);
  copy[*size] = '\0';
  *end += *size + 1;
  return copy;
}

static void row_fill(sqlite3_stmt *row, trm__job *job) {
  char *end = (char *)(job + 1);
  size_t size;
  const void *id = sqlite3_column_blob(row, ID);
  if (id && sqlite3_column_bytes(row, ID) == TRM__UUID_TEXT - 1) memcpy(job->id, id, TRM__UUID_TEXT - 1);
  job->state = (trm__job_state)sqlite3_column_int(row, STATE);
  job->priority = sqlite3_column_int64(row, PRIORITY);
  job->attempts = sqlite3_column_int64(row, ATTEMPTS);
  job->kills = sqlite3_column_int64(row, KILLS);
  job->deaths = sqlite3_column_int64(row, DEATHS);
  job->created_ms = sqlite3_column_int64(row, CREATED);
  job->started_ms = sqlite3_column_int64(row, STARTED);
  job->ended_ms = sqlite3_column_int64(row, ENDED);
  job->deadline_ms = sqlite3_column_int64(row, DEADLINE);
  job->expires_ms = sqlite3_column_int64(row, EXPIRES);
  job->kind = row_copy(row, KIND, &end, &size);
  job->owner = row_copy(row, OWNER, &end, &size);
  job->key = row_copy(row, KEY, &end, &size);
  job->reason = row_copy(row, REASON, &end, &size);
  job->body = row_copy(row, BODY, &end, &job->body_size);
  job->result = row_copy(row, RESULT, &end, &job->result_size);
}

static trm_status row_append(trm__db *db, sqlite3_stmt *row, trm__job_list *list, trm_error *err) {
  static const int kept[] = {KIND, OWNER, KEY, REASON, BODY, RESULT};
  size_t size = sizeof(trm__job);
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
    if (sqlite3_column_type(row, kept[i]) == SQLITE_NULL) continue;
    /* the bytes are asked for first: SQLite may find only then that it has no memory for them */
    if (!sqlite3_column_blob(row, kept[i]) && sqlite3_column_bytes(row, kept[i]) > 0)
      return trm__db_fail(db, SQLITE_NOMEM, "a job cannot be read", err);
    size += (size_t)sqlite3_column_bytes(row, kept[i]) + 1;
  }
  if (sqlite3_errcode(db->sqlite) == SQLITE_NOMEM) return trm__db_fail(db, SQLITE_NOMEM, "a job cannot be read", err);
  trm__job *job = list_make_room(list) ? trm__calloc(size, 1) : NULL;
  if (!job) return trm__fail_memory(err, db->path, size);
  row_fill(row, job);
  list->job[list->count++] = job;
  return TRM_OK;
}

/* All rows of a statement whose parameters are bound. */
static trm_status rows_append(trm__db *db, sqlite3_stmt *statement, trm__job_list *list, trm_error *err) {
  int row = 1;
  trm_status status = TRM_OK;
  while (!status && row) {
    status = trm__db_step(db, statement, &row, err);
    if (!status && row) status = row_append(db, statement, list, err);
  }
  trm__db_reset(statement);
  return status;
}

static trm_status table_bind_text(trm__db *db, sqlite3_stmt *statement, int number, const char *text, trm_error *err) {
  int code = sqlite3_bind_text(statement, number, text, -1, SQLITE_STATIC); /* NULL: SQL's NULL */
  return code == SQLITE_OK ? TRM_OK : trm__db_fail(db, code, "a text cannot be bound", err);
}

trm_status trm__table_get(trm__db *db, const char *id, trm__job_part part, trm__job_list *list, trm_error *err) {
  static const char whole[] = WHOLE "WHERE id = ?1", head[] = HEAD_ONLY "WHERE id = ?1";
  sqlite3_stmt *statement;
  trm_status status = trm__db_statement(db, part == TRM__JOB_WHOLE ? whole : head, &statement, err);
  if (!status) status = table_bind_text(db, statement, 1, id, err);
  return status ? status : rows_append(db, statement, list, err);
}

trm_status trm__table_get_key(trm__db *db, const char *owner, const char *key, trm__job_list *list, char hash[65],
                              trm_error *err) {
  static const char sql[] = WHOLE "WHERE owner = ?1 AND key = ?2";
  sqlite3_stmt *statement;
  trm_status status = trm__db_statement(db, sql, &statement, err);
  if (!status) status = table_bind_text(db, statement, 1, owner, err);
  if (!status) status = table_bind_text(db, statement, 2, key, err);
  int row = 0;
  if (!status) status = trm__db_step(db, statement, &row, err);
  if (status || !row) return status;
  const char *text = (const char *)sqlite3_column_text(statement, HASH);
  if (text) memcpy(hash, text, strnlen(text, 64) + 1);
  status = text ? row_append(db, statement, list, err) : trm__db_fail(db, SQLITE_NOMEM, "a job cannot be read", err);
  trm__db_reset(statement);
  return status;
}

/* Statements with one or two numbers. */
static trm_status table_find(trm__db *db, const char *sql, int64_t first, int64_t second, trm__job_list *list,
                             trm_error *err) {
  sqlite3_stmt *statement;
  trm_status status = trm__db_statement(db, sql, &statement, err);
  if (status) return status;
  sqlite3_bind_int64(statement, 1, first);
  if (sqlite3_bind_parameter_count(statement) > 1) sqlite3_bind_int64(statement, 2, second);
  return rows_append(db, statement, list, err);
}

trm_status trm__table_running(trm__db *db, trm__job_list *list, trm_error *err) {
  static const char sql[] = HEAD_ONLY "WHERE state = 2 ORDER BY id";
  sqlite3_stmt *statement;
  trm_status status = trm__db_statement(db, sql, &statement, err);
  return status ? status : rows_append(db, statement, list, err);
}

trm_status trm__table_waiting(trm__db *db, int64_t limit, int64_t suspect, trm__job_list *list, trm_error *err) {
#ifdef TRM_PLANT_204 /* priorities do not count */
#define ORDER "ORDER BY id"
#else
#define ORDER "ORDER BY priority DESC, id"
#endif
  static const char sql[] =
      WHOLE "WHERE state = 1 AND (deaths < ?2 OR id = (SELECT id FROM jobs WHERE state = 1 AND deaths >= ?2 " ORDER
            " LIMIT 1) AND NOT EXISTS (SELECT 1 FROM jobs WHERE state = 2 AND deaths >= ?2)) " ORDER " LIMIT ?1";
  return table_find(db, sql, limit, suspect, list, err);
}

trm_status trm__table_overdue(trm__db *db, int64_t now_ms, trm__job_list *list, trm_error *err) {
  static const char sql[] = HEAD_ONLY "WHERE state = 1 AND deadline_ms IS NOT NULL AND deadline_ms <= ?1 "
                                      "ORDER BY deadline_ms, id";
  return table_find(db, sql, now_ms, 0, list, err);
}

trm_status trm__table_expired(trm__db *db, int64_t now_ms, int64_t limit, trm__job_list *list, trm_error *err) {
  static const char sql[] = HEAD_ONLY "WHERE expires_ms IS NOT NULL AND expires_ms <= ?1 LIMIT ?2";
  return table_find(db, sql, now_ms, limit, list, err);
}

trm_status trm__table_list(trm__db *db, const trm__table_query *query, trm__job_list *list, trm_error *err) {
  static const char sql[] = HEAD_ONLY "WHERE id > ?1 AND (?2 = 0 OR state = ?2) AND (?3 IS NULL OR owner = ?3) "
                                      "AND (expires_ms IS NULL OR expires_ms > ?4) ORDER BY id LIMIT ?5";
  sqlite3_stmt *statement;
  trm_status status = trm__db_statement(db, sql, &statement, err);
  if (!status) status = table_bind_text(db, statement, 1, query->after ? query->after : "", err);
  if (!status) status = table_bind_text(db, statement, 3, query->owner, err);
  if (status) return status;
  sqlite3_bind_int(statement, 2, (int)query->state);
  sqlite3_bind_int64(statement, 4, query->now_ms);
  sqlite3_bind_int64(statement, 5, query->limit);
  return rows_append(db, statement, list, err);
}

/* -- writing ------------------------------------------------------------------------------------------------------- */

static trm_status table_run(trm__db *db, sqlite3_stmt *statement, trm_error *err) {
  int row;
  return trm__db_step(db, statement, &row, err);
}

/* 0 is NULL in the file: no such time. */
static void table_bind_time(sqlite3_stmt *statement, int number, int64_t ms) {
  if (ms) sqlite3_bind_int64(statement, number, ms);
}

static void table_bind_blob(sqlite3_stmt *statement, int number, const void *bytes, size_t size) {
  if (bytes) sqlite3_bind_blob64(statement, number, bytes, size, SQLITE_STATIC);
}

trm_status trm__table_insert(trm__db *db, const trm__job *job, const char *hash, trm_error *err) {
  static const char sql[] =
      "INSERT INTO jobs (id, state, kind, owner, key, body_sha256, body, priority, attempts, kills, created_ms, "
      "started_ms, deadline_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
  sqlite3_stmt *statement;
  trm_status status = trm__db_statement(db, sql, &statement, err);
  if (!status) status = table_bind_text(db, statement, 1, job->id, err);
  if (!status) status = table_bind_text(db, statement, 3, job->kind, err);
  if (!status) status = table_bind_text(db, statement, 4, job->owner, err);
  if (!status) status = table_bind_text(db, statement, 5, job->key, err);
  if (!status) status = table_bind_text(db, statement, 6, hash, err);
  if (status) return status;
  sqlite3_bind_int(statement, 2, (int)job->state);
  table_bind_blob(statement, 7, job->body, job->body_size);
  sqlite3_bind_int64(statement, 8, job->priority);
  sqlite3_bind_int64(statement, 9, job->attempts);
  sqlite3_bind_int64(statement, 10, job->kills);
  sqlite3_bind_int64(statement, 11, job->created_ms);
  table_bind_time(statement, 12, job->started_ms);
  table_bind_time(statement, 13, job->deadline_ms);
  return table_run(db, statement, err);
}

trm_status trm__table_update(trm__db *db, const trm__job *job, trm_error *err) {
  static const char sql[] =
      "UPDATE jobs SET state = ?2, attempts = ?3, kills = ?4, started_ms = ?5, ended_ms = ?6, expires_ms = ?7, "
      "reason = ?8, result = ?9, deaths = ?10, body = CASE WHEN ?2 <= 2 THEN body END WHERE id = ?1";
  sqlite3_stmt *statement;
  trm_status status = trm__db_statement(db, sql, &statement, err);
  if (!status) status = table_bind_text(db, statement, 1, job->id, err);
  if (!status) status = table_bind_text(db, statement, 8, job->reason, err);
  if (status) return status;
  sqlite3_bind_int(statement, 2, (int)job->state);
  sqlite3_bind_int64(statement, 3, job->attempts);
  sqlite3_bind_int64(statement, 4, job->kills);
  table_bind_time(statement, 5, job->started_ms);
  table_bind_time(statement, 6, job->ended_ms);
  table_bind_time(statement, 7, job->expires_ms);
  table_bind_blob(statement, 9, job->result, job->result_size);
  sqlite3_bind_int64(statement, 10, job->deaths);
  return table_run(db, statement, err);
}

trm_status trm__table_remove(trm__db *db, const char *id, trm_error *err) {
  static const char sql[] = "DELETE FROM jobs WHERE id = ?1";
  sqlite3_stmt *statement;
  trm_status status = trm__db_statement(db, sql, &statement, err);
  if (!status) status = table_bind_text(db, statement, 1, id, err);
  return status ? status : table_run(db, statement, err);
}

/* -- opening ------------------------------------------------------------------------------------------------------- */

trm_status trm__table_count(trm__db *db, int64_t count[TRM__JOB_STATES], trm__uuids *uuids, trm_error *err) {
  static const char counts[] = "SELECT state, count(*), max(id) FROM jobs GROUP BY state";
  sqlite3_stmt *statement;
  trm_status status = trm__db_statement(db, counts, &statement, err);
  for (int row = 1; !status && row;) {
    status = trm__db_step(db, statement, &row, err);
    if (status || !row) break;
    int state = sqlite3_column_int(statement, 0);
    if (state > 0 && state < TRM__JOB_STATES) count[state] = sqlite3_column_int64(statement, 1);
    const char *last = (const char *)sqlite3_column_text(statement, 2);
    if (last) trm__uuid_after(uuids, last);
    else status = trm__db_fail(db, SQLITE_NOMEM, "the jobs cannot be counted", err);
  }
  return status;
}
