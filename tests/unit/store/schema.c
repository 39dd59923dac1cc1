/* Files of other versions and other programs: what is migrated, copied, refused. */
#include "store/schema.h"
#include "support/journal.h"

static char folder[64];
static trm__journal_config config;

static void run_sql(const char *sql) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open(check_path(folder, "journal.db"), &db), SQLITE_OK);
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail_msg("%s", sqlite3_errmsg(db));
  sqlite3_close(db);
}

static int64_t ask_sql(const char *name, const char *sql) {
  sqlite3 *db;
  sqlite3_stmt *statement;
  assert_int_equal(sqlite3_open(check_path(folder, name), &db), SQLITE_OK);
  if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) fail_msg("%s", sqlite3_errmsg(db));
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  int64_t value = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return value;
}

static void make_one_job(void) {
  trm__journal *journal = NULL;
  trm_error err = {0};
  model_answer a;
  model_op submit = {.kind = TRM__REQUEST_SUBMIT, .what = "solve", .body = "x"};
  CHECK_OK(trm__journal_open(&journal, &config, &err), err);
  journal_ask(journal, &submit, &a);
  assert_int_equal(a.outcome, TRM__JOBS_CHANGED);
  trm__journal_close(&journal);
}

static void a_new_file_is_of_this_version(void **state) {
  (void)state;
  make_one_job();
  assert_int_equal(ask_sql("journal.db", "PRAGMA user_version"), trm__schema_journal.count);
  assert_int_equal(ask_sql("journal.db", "PRAGMA application_id"), TRM__DB_APPLICATION);
  struct stat file;
  assert_int_equal(stat(check_path(folder, "journal.db"), &file), 0);
  assert_int_equal(file.st_mode & 0777, 0600);
}

static void an_older_file_is_copied_and_migrated(void **state) {
  (void)state;
  trm__schema more = journal_schema_with("ALTER TABLE jobs ADD COLUMN note TEXT NOT NULL DEFAULT 'none';",
                                         "ALTER TABLE jobs ADD COLUMN other TEXT;");
  const int own = trm__schema_journal.count;
  char copy[32];
  snprintf(copy, sizeof copy, "journal.db.v%d", own);
  trm__journal_config newer = config;
  trm__journal *journal = NULL;
  trm_error err = {0};
  make_one_job();
  newer.schema = &more;
  CHECK_OK(trm__journal_open(&journal, &newer, &err), err);
  trm__journal_close(&journal);
  assert_int_equal(ask_sql("journal.db", "PRAGMA user_version"), own + 2);
  assert_int_equal(ask_sql("journal.db", "SELECT count(*) FROM jobs WHERE note = 'none'"), 1);
  assert_int_equal(ask_sql(copy, "PRAGMA user_version"), own);
  assert_int_equal(ask_sql(copy, "SELECT count(*) FROM jobs"), 1);
}

/* A file of the first version, with a job that waits and one that ran: both go on, and the end counts against the one.
 */
static void a_file_of_the_first_version_goes_on(void **state) {
  (void)state;
  trm__journal *journal = NULL;
  trm_error err = {0};
  model_answer a;
  model_op take = {.kind = TRM__REQUEST_TAKE, .limit = 10};
  make_one_job();
  assert_int_equal(unlink(check_path(folder, "journal.db")), 0);
  run_sql(trm__schema_journal.migrations[0]);
  run_sql("PRAGMA user_version = 1; PRAGMA application_id = 1414679882; INSERT INTO jobs (id, state, kind, owner, "
          "body_sha256, body, priority, attempts, kills, created_ms, started_ms) VALUES "
          "('01890000-0000-7000-8000-000000000001', 2, 'solve', '', 'x', x'6f6e65', 0, 1, 0, 1000, 1000), "
          "('01890000-0000-7000-8000-000000000002', 1, 'solve', '', 'x', x'74776f', 0, 0, 0, 1000, NULL)");
  CHECK_OK(trm__journal_open(&journal, &config, &err), err);
  journal_ask(journal, &take, &a);
  trm__journal_close(&journal);
  assert_int_equal(a.count, 2);
  assert_string_equal(a.job[0].body, "one");
  assert_int_equal(a.job[0].attempts, 2);
  assert_int_equal(a.job[0].deaths, 1);
  assert_string_equal(a.job[1].body, "two");
  assert_int_equal(a.job[1].deaths, 0);
  assert_int_equal(ask_sql("journal.db.v1", "SELECT count(*) FROM jobs WHERE state = 2"), 1);
}

static void a_migration_that_fails_changes_nothing(void **state) {
  (void)state;
  trm__schema more = journal_schema_with("ALTER TABLE jobs ADD COLUMN note TEXT;", "SELECT nothing FROM nowhere;");
  trm__journal_config newer = config;
  trm__journal *journal = NULL;
  trm_error err = {0};
  make_one_job();
  newer.schema = &more;
  CHECK_FAILS(trm__journal_open(&journal, &newer, &err), TRM_E_INTERNAL, err, "nowhere");
  assert_null(journal);
  assert_int_equal(ask_sql("journal.db", "PRAGMA user_version"), trm__schema_journal.count);
  make_one_job();
  assert_int_equal(ask_sql("journal.db", "SELECT count(*) FROM jobs"), 2);
}

static void what_is_no_journal_is_refused(void **state) {
  (void)state;
  trm__journal *journal = NULL;
  trm_error err = {0};
  make_one_job();
  run_sql("PRAGMA user_version = 99");
  CHECK_FAILS(trm__journal_open(&journal, &config, &err), TRM_E_UNSUPPORTED, err, "schema 99, this one knows up to");
  run_sql("PRAGMA user_version = 0; PRAGMA application_id = 7");
  CHECK_FAILS(trm__journal_open(&journal, &config, &err), TRM_E_INPUT, err, "another program");
  assert_int_equal(ask_sql("journal.db", "SELECT count(*) FROM jobs"), 1);
  static const char noise[] = "this is a text and no database at all, though it is long enough to be looked at as one "
                              "and has more than a hundred bytes in it, which a header has";
  CHECK_OK(trm__file_write(check_path(folder, "journal.db"), noise, sizeof noise, &err), err);
  CHECK_FAILS(trm__journal_open(&journal, &config, &err), TRM_E_INPUT, err, "damaged or no journal");
  assert_null(journal);
}

/* Each index that the rules rely on is used, so that a full journal is as quick as an empty one. */
static void the_rules_use_indexes(void **state) {
  (void)state;
  static const char *const asked[][2] = {
      {"EXPLAIN QUERY PLAN SELECT * FROM jobs WHERE state = 1 AND (deaths < ?2 OR id = (SELECT id FROM jobs WHERE "
       "state "
       "= 1 AND deaths >= ?2 ORDER BY priority DESC, id LIMIT 1) AND NOT EXISTS (SELECT 1 FROM jobs WHERE state = 2 "
       "AND "
       "deaths >= ?2)) ORDER BY priority DESC, id LIMIT ?1",
       "jobs_waiting"},
      {"EXPLAIN QUERY PLAN SELECT * FROM jobs WHERE state = 1 AND deadline_ms IS NOT NULL AND deadline_ms <= ?1 ORDER "
       "BY deadline_ms, id",
       "jobs_overdue"},
      {"EXPLAIN QUERY PLAN SELECT * FROM jobs WHERE expires_ms IS NOT NULL AND expires_ms <= ?1 LIMIT ?2",
       "jobs_expiring"},
      {"EXPLAIN QUERY PLAN SELECT * FROM jobs WHERE owner = ?1 AND key = ?2", "jobs_key"},
      {"EXPLAIN QUERY PLAN SELECT * FROM jobs WHERE state = 2 ORDER BY id", "jobs_running"}};
  make_one_job();
  sqlite3 *db;
  assert_int_equal(sqlite3_open(check_path(folder, "journal.db"), &db), SQLITE_OK);
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(db, asked[i][0], -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const char *plan = (const char *)sqlite3_column_text(statement, 3);
    if (!plan || !strstr(plan, asked[i][1])) fail_msg("%s: %s", asked[i][0], plan ? plan : "no plan");
    sqlite3_finalize(statement);
  }
  sqlite3_close(db);
}

static int begin(void **state) {
  (void)state;
  check_temp_dir(folder);
  config = journal_test_config(folder, NULL);
  return 0;
}

static int end(void **state) {
  (void)state;
  check_remove(folder);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_new_file_is_of_this_version, begin, end),
      cmocka_unit_test_setup_teardown(an_older_file_is_copied_and_migrated, begin, end),
      cmocka_unit_test_setup_teardown(a_file_of_the_first_version_goes_on, begin, end),
      cmocka_unit_test_setup_teardown(a_migration_that_fails_changes_nothing, begin, end),
      cmocka_unit_test_setup_teardown(what_is_no_journal_is_refused, begin, end),
      cmocka_unit_test_setup_teardown(the_rules_use_indexes, begin, end)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
