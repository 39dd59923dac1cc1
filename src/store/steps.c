#include "store/steps.h"

#include "base/mem.h"
#include "base/status.h"
#include "store/schema.h"

struct trm__steps {
  trm__db db;
};

static const char *const steps_migrations[] = {
    "CREATE TABLE entries ("
    "  number INTEGER PRIMARY KEY,"
    "  run TEXT NOT NULL CHECK (run <> ''),"
    "  step TEXT NOT NULL,"
    "  event INTEGER NOT NULL CHECK (event BETWEEN 1 AND 6),"
    "  value TEXT NOT NULL,"
    "  at_ms INTEGER NOT NULL,"
    "  UNIQUE (run, step, event));",
};
static const trm__schema steps_schema = {steps_migrations, 1};

trm_status trm__steps_open(trm__steps **out, const char *folder, const char *vfs, trm_error *err) {
  int from;
  trm__steps *s = trm__calloc(1, sizeof *s);
  char *place = trm__format("%s/flows", folder);
  if (!s || !place) {
    trm__free(s);
    trm__free(place);
    return trm__fail_memory(err, folder, sizeof *s);
  }
  trm_status status = trm__db_open(&s->db, place, vfs, err);
  if (!status) status = trm__schema_upgrade(&s->db, &steps_schema, &from, err);
  trm__free(place);
  if (status) trm__steps_close(&s);
  else *out = s;
  return status;
}

void trm__steps_close(trm__steps **steps) {
  if (!*steps) return;
  trm__db_close(&(*steps)->db);
  trm__free(*steps);
  *steps = NULL;
}

static trm_status steps_insert(trm__steps *s, const char *run, const char *step, trm__steps_event event,
                               const char *value, int64_t now_ms, trm_error *err) {
  sqlite3_stmt *row;
  int more = 0;
  trm_status status = trm__db_statement(&s->db,
                                        "INSERT OR IGNORE INTO entries (run, step, event, value, at_ms) "
                                        "VALUES (?1, ?2, ?3, ?4, ?5)",
                                        &row, err);
  if (status) return status;
  int code = sqlite3_bind_text(row, 1, run, -1, SQLITE_STATIC);
  if (!code) code = sqlite3_bind_text(row, 2, step, -1, SQLITE_STATIC);
  if (!code) code = sqlite3_bind_int(row, 3, (int)event);
  if (!code) code = sqlite3_bind_text(row, 4, value, -1, SQLITE_STATIC);
  if (!code) code = sqlite3_bind_int64(row, 5, now_ms);
  if (code) return trm__db_fail(&s->db, code, "step cannot be written", err);
  return trm__db_step(&s->db, row, &more, err);
}

trm_status trm__steps_add(trm__steps *steps, const char *run, const char *step, trm__steps_event event,
                          const char *value, int64_t now_ms, int *fresh, trm_error *err) {
  trm_status status = trm__db_begin(&steps->db, err);
  if (status) return status;
  status = steps_insert(steps, run, step, event, value ? value : "", now_ms, err);
  *fresh = !status && sqlite3_changes(steps->db.sqlite) > 0;
  if (!status) status = trm__db_commit(&steps->db, err);
  if (status) trm__db_rollback(&steps->db);
  else (void)trm__db_checkpoint(&steps->db, TRM__DB_CHECKPOINT_PAGES, NULL);
  return status;
}

trm_status trm__steps_each(trm__steps *steps, const char *run, trm__steps_fn fn, void *context, trm_error *err) {
  sqlite3_stmt *row;
  int more = 0;
  trm_status status = trm__db_statement(
      &steps->db, "SELECT step, event, value, at_ms FROM entries WHERE run = ?1 ORDER BY number", &row, err);
  if (status) return status;
  int code = sqlite3_bind_text(row, 1, run, -1, SQLITE_STATIC);
  if (code) return trm__db_fail(&steps->db, code, "run cannot be read", err);
  for (status = trm__db_step(&steps->db, row, &more, err); !status && more;) {
    const trm__steps_entry entry = {(const char *)sqlite3_column_text(row, 0),
                                    (const char *)sqlite3_column_text(row, 2),
                                    (trm__steps_event)sqlite3_column_int(row, 1), sqlite3_column_int64(row, 3)};
    if (!entry.step || !entry.value) status = trm__fail_memory(err, run, 0);
    else status = fn(context, &entry, err);
    if (status) trm__db_reset(row);
    else status = trm__db_step(&steps->db, row, &more, err);
  }
  return status;
}
