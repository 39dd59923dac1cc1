/* Power that goes at every write, sync, truncation, creation and removal of a script of 30 groups, with an end and a
 * new start in its middle, on a disk that promises nothing; and at every one of a migration. After each: all that was
 * acknowledged is there, and nothing is half there. SCRIPTS=n: so many scripts (1),
 * each in all ways. */
#include "support/jobs_script.h"

enum { GROUPS = 30, WAYS = 3 };

static char folder[64];
static trm__journal_config config;
static script work;

/* The script until the power goes. */
static void script_run(void) {
  trm__journal *journal = NULL;
  for (int round = 0; round < GROUPS && !crash_vfs_is_dead(); round++) {
    if (round == GROUPS / 2) {
      trm__journal_close(&journal);
      model_restart(&work.sure, atomic_load(journal_time()));
    }
    if (!journal && trm__journal_open(&journal, &config, NULL)) break;
    script_round(&work, journal);
  }
  trm__journal_close(&journal);
}

static void script_crash(unsigned long long seed, long nth, unsigned way) {
  trm__journal *journal = NULL;
  trm_error err = {0};
  char when[96];
  crash_vfs_format(seed * 100000 + (unsigned long long)nth * WAYS + way);
  script_begin(&work, seed, &config);
  crash_vfs_arm(CRASH_POWER, nth);
  script_run();
  assert_true(crash_vfs_is_dead());
  crash_vfs_reboot(way);
  snprintf(when, sizeof when, "power went at event %ld, way %u", nth, way);
  CHECK_OK(trm__journal_open(&journal, &config, &err), err);
  script_recover(&work, journal, when);
  for (int round = 0; round < 2; round++) assert_int_equal(script_round(&work, journal), 0);
  journal_check(journal, &work.sure, when);
  trm__journal_close(&journal);
}

static void whatever_was_acknowledged_is_there(void **state) {
  (void)state;
  const char *scripts = getenv("SCRIPTS");
  for (unsigned long long seed = 1; seed <= (scripts ? strtoull(scripts, NULL, 10) : 1); seed++) {
    crash_vfs_format(seed);
    script_begin(&work, seed, &config);
    crash_vfs_arm(CRASH_NONE, 0);
    script_run();
    long events = crash_vfs_events();
    for (long nth = 1; nth <= events; nth++)
      for (unsigned way = 0; way < WAYS; way++)
        if (scripts || way == 2 || way == (nth & 1)) script_crash(seed, nth, way);
    print_message("script %llu: power went at each of %ld events\n", seed, events);
    assert_true(events > 100);
  }
}

/* -- migrations ---------------------------------------------------------------------------------------------------- */

static const char *const two_more[] = {
    "CREATE TABLE notes (id TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;"
    "INSERT INTO notes SELECT id, kind FROM jobs;"
    "ALTER TABLE jobs ADD COLUMN note TEXT;"
    "UPDATE jobs SET note = (SELECT text FROM notes WHERE notes.id = jobs.id);",
    "CREATE INDEX jobs_note ON jobs (note);",
};

static void old_file_make(unsigned long long seed) {
  trm__journal *journal = NULL;
  trm_error err = {0};
  crash_vfs_format(seed);
  script_begin(&work, 7, &config);
  CHECK_OK(trm__journal_open(&journal, &config, &err), err);
  for (int round = 0; round < 12; round++) assert_int_equal(script_round(&work, journal), 0);
  trm__journal_close(&journal);
}

/* A file is of version from or of the last one, and of that wholly. Returns which. */
static int file_check(int from, int last) {
  trm__db db;
  trm_error err = {0};
  int64_t version = 0, notes = 0, jobs = 0, tables = 0;
  CHECK_OK(trm__db_open(&db, folder, CRASH_VFS, &err), err);
  CHECK_OK(trm__db_number(&db, "PRAGMA user_version", &version, &err), err);
  CHECK_OK(
      trm__db_number(&db, "SELECT count(*) FROM sqlite_schema WHERE name IN ('notes', 'jobs_note')", &tables, &err),
      err);
  CHECK_OK(trm__db_number(&db, "SELECT count(*) FROM jobs", &jobs, &err), err);
  if (version != from && version != last) fail_msg("version %lld", (long long)version);
  if (tables != (version == last ? 2 : 0))
    fail_msg("version %lld with %lld tables", (long long)version, (long long)tables);
  if (version == last)
    CHECK_OK(trm__db_number(&db, "SELECT count(*) FROM jobs JOIN notes USING (id) WHERE note = kind", &notes, &err),
             err);
  if (version == last && notes != jobs) fail_msg("%lld notes of %lld jobs", (long long)notes, (long long)jobs);
  trm__db_close(&db);
  return (int)version;
}

static void migrations_are_whole_or_not_there(void **state) {
  (void)state;
  trm__journal_config newer = config;
  trm__schema all = journal_schema_with(two_more[0], two_more[1]);
  const int own = trm__schema_journal.count, last = all.count;
  newer.schema = &all;
  long events = 1;
  int old = 0, migrated = 0;
  for (long nth = 0; nth <= events; nth++) /* 0: none, to count */
    for (unsigned way = 0; way < WAYS; way++) {
      trm__journal *journal = NULL;
      trm_error err = {0};
      old_file_make(1 + (unsigned long long)nth * WAYS + way);
      crash_vfs_arm(nth ? CRASH_POWER : CRASH_NONE, nth);
      trm_status status = trm__journal_open(&journal, &newer, &err);
      if (!nth) {
        CHECK_OK(status, err);
        events = crash_vfs_events();
      }
      trm__journal_close(&journal);
      if (nth) crash_vfs_reboot(way);
      int version = file_check(own, last);
      old += version == own;
      migrated += version == last;
      CHECK_OK(trm__journal_open(&journal, &newer, &err), err);
      script_recover(&work, journal, "after a migration");
      trm__journal_close(&journal);
      assert_int_equal(file_check(own, last), last);
    }
  print_message("power went at each of %ld events of a migration: %d times it had not happened, %d times it had\n",
                events, old, migrated);
  assert_true(events > 15 && old > 0 && migrated > 0);
}

static int begin(void **state) {
  (void)state;
  check_temp_dir(folder);
  crash_vfs_register();
  config = journal_test_config(folder, CRASH_VFS);
  return 0;
}

static int end(void **state) {
  (void)state;
  check_remove(folder);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_was_acknowledged_is_there),
                                     cmocka_unit_test(migrations_are_whole_or_not_there)};
  return cmocka_run_group_tests(tests, begin, end);
}
