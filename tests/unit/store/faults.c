/* One thing fails, at each point in turn: a write, sync or creation, a read, room on the disk, an allocation of trm or
 * of SQLite. What is refused says why and is not there; what is acknowledged is there; and the journal goes on, or says
 * that it cannot and a new one does. */
#include "support/jobs_script.h"

enum { GROUPS = 6 };

static char folder[64];
static trm__journal_config config;
static script work;

typedef struct outcome {
  int refused, broken, not_opened;
} outcome;

/* A script in which something fails. Returns the events, reads or allocations, whatever the fault counts. */
static void faulty_script(unsigned long long seed, outcome *o, void (*disarm)(void)) {
  trm__journal *journal = NULL;
  trm__journal_stats stats = {0};
  trm_error err = {0};
  script_begin(&work, seed, &config);
  trm_status status = trm__journal_open(&journal, &config, &err);
  if (status) {
    o->not_opened++;
    if (!err.message[0] || !err.where[0]) fail_msg("a journal that cannot be opened does not say why");
  }
  for (int round = 0; journal && round < GROUPS; round++) {
    o->refused += (int)script_round(&work, journal);
    trm__journal_get_stats(journal, &stats);
    if (stats.broken) break;
  }
  o->broken += stats.broken;
  disarm();
  if (journal && !stats.broken) { /* it goes on */
    assert_int_equal(script_round(&work, journal), 0);
    journal_check(journal, &work.sure, "after a fault");
  }
  trm__journal_close(&journal);
  CHECK_OK(trm__journal_open(&journal, &config, &err), err);
  script_recover(&work, journal, "after a fault and a new start");
  trm__journal_close(&journal);
}

static void disarm_disk(void) {
  crash_vfs_arm(CRASH_NONE, 0);
}

static void each_fault(crash_fault fault, int reads, const char *name, int breaks) {
  outcome o = {0};
  long last = 1, n;
  for (n = 0; n <= last; n++) {
    crash_vfs_format(3);
    crash_vfs_arm(n ? fault : CRASH_NONE, n);
    if (n == 0) {
      trm__journal *journal = NULL;
      script_begin(&work, 3, &config);
      assert_int_equal(trm__journal_open(&journal, &config, NULL), TRM_OK);
      for (int round = 0; round < GROUPS; round++) script_round(&work, journal);
      last = reads ? crash_vfs_reads() : crash_vfs_events();
      trm__journal_close(&journal);
    } else {
      faulty_script(3, &o, disarm_disk);
    }
  }
  print_message("%s at each of %ld points: %d operations refused, %d journals broken, %d not opened\n", name, last,
                o.refused, o.broken, o.not_opened);
  assert_true(o.refused + o.not_opened > 0);
  if (breaks) assert_true(o.broken > 0);
  else assert_int_equal(o.broken, 0);
}

static void disks_fail(void **state) {
  (void)state;
  each_fault(CRASH_IO_ERROR, 0, "an I/O error", 1);
  each_fault(CRASH_READ_ERROR, 1, "a read error", 0);
  each_fault(CRASH_FULL_ONCE, 0, "a write without room", 0);
  each_fault(CRASH_FULL, 0, "a disk full from then on", 0);
}

static void a_full_disk_says_so_and_still_answers(void **state) {
  (void)state;
  trm__journal *journal = NULL;
  trm_error err = {0};
  model_answer a;
  crash_vfs_format(1);
  CHECK_OK(trm__journal_open(&journal, &config, &err), err);
  model_op submit = {.kind = TRM__REQUEST_SUBMIT, .what = "solve", .body = "x"};
  journal_ask(journal, &submit, &a);
  model_op get = {.kind = TRM__REQUEST_GET};
  memcpy(get.id, a.job[0].id, sizeof get.id);
  crash_vfs_arm(CRASH_FULL, 1);
  model_op both[] = {submit, get, submit};
  model_answer got[3];
  journal_ask_group(journal, both, 3, got);
  assert_int_equal(got[0].status, TRM_E_IO);
  assert_non_null(strstr(got[0].error.message, "make room on the disk"));
  assert_non_null(strstr(got[0].error.where, "journal.db"));
  assert_int_equal(got[1].status, TRM_OK); /* what reads has nothing to do with it */
  assert_int_equal(got[2].status, TRM_E_IO);
  crash_vfs_arm(CRASH_NONE, 0);
  journal_ask(journal, &submit, &a);
  assert_int_equal(a.status, TRM_OK);
  trm__journal_close(&journal);
}

static void a_failed_sync_ends_it(void **state) {
  (void)state;
  trm__journal *journal = NULL;
  trm__journal_stats stats;
  trm_error err = {0};
  model_answer a;
  crash_vfs_format(1);
  CHECK_OK(trm__journal_open(&journal, &config, &err), err);
  model_op submit = {.kind = TRM__REQUEST_SUBMIT, .what = "solve", .body = "x"};
  journal_ask(journal, &submit, &a);
  for (long nth = 1; !a.status; nth++) { /* until the event is the commit's sync */
    crash_vfs_arm(CRASH_IO_ERROR, nth);
    journal_ask(journal, &submit, &a);
    trm__journal_get_stats(journal, &stats);
    if (a.status && !stats.broken) a.status = TRM_OK;
  }
  assert_int_equal(a.status, TRM_E_IO);
  assert_true(stats.broken);
  CHECK_FAILS(model_post(journal, &submit, &a, &err), TRM_E_IO, err, "cannot go on in this process, start it again");
  trm__journal_close(&journal);
}

/* -- memory -------------------------------------------------------------------------------------------------------- */

static atomic_long sqlite_count, sqlite_failing;
static sqlite3_mem_methods sqlite_own;

static int sqlite_fails(void) {
  return atomic_fetch_add(&sqlite_count, 1) + 1 == atomic_load(&sqlite_failing);
}

static void *sqlite_take(int size) {
  return sqlite_fails() ? NULL : sqlite_own.xMalloc(size);
}

static void *sqlite_grow(void *p, int size) {
  return sqlite_fails() ? NULL : sqlite_own.xRealloc(p, size);
}

static void sqlite_fail_at(long nth) {
  atomic_store(&sqlite_count, 0);
  atomic_store(&sqlite_failing, nth);
}

static void disarm_sqlite(void) {
  sqlite_fail_at(0);
}

static void disarm_trm(void) {
  trm__mem_fail_at(0);
}

static void each_allocation_of_sqlite(void **state) {
  (void)state;
  outcome o = {0};
  crash_vfs_format(3);
  trm__journal *journal = NULL;
  sqlite_fail_at(0);
  script_begin(&work, 3, &config);
  assert_int_equal(trm__journal_open(&journal, &config, NULL), TRM_OK);
  long opening = atomic_load(&sqlite_count);
  for (int round = 0; round < GROUPS; round++) script_round(&work, journal);
  long last = atomic_load(&sqlite_count);
  trm__journal_close(&journal);
  for (long n = 1; n <= last; n += n < opening ? 1 + opening / 200 : 1) {
    crash_vfs_format(3);
    sqlite_fail_at(n);
    faulty_script(3, &o, disarm_sqlite);
  }
  print_message("SQLite's allocations, %ld while opening, %ld later: %d operations refused, %d not opened\n", opening,
                last - opening, o.refused, o.not_opened);
  assert_true(o.not_opened > 0 && last > opening);
  assert_int_equal(o.broken, 0);
}

static void each_allocation_of_trm(void **state) {
  (void)state;
  outcome o = {0};
  size_t used = trm__mem_used(), last = 1;
  for (size_t n = 0; n <= last; n++) {
    crash_vfs_format(3);
    trm__mem_fail_at(n);
    faulty_script(3, &o, n ? disarm_trm : disarm_disk);
    if (!n) last = trm__mem_fail_at(0);
    if (trm__mem_used() != used) fail_msg("allocation %zu failed: %zu bytes leaked", n, trm__mem_used() - used);
  }
  print_message("one of %zu allocations: %d operations refused, %d not opened\n", last, o.refused, o.not_opened);
  assert_true(o.refused > 0 && o.not_opened > 0);
  assert_int_equal(o.broken, 0);
}

static int begin(void **state) {
  (void)state;
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_own);
  sqlite3_mem_methods failing = sqlite_own;
  failing.xMalloc = sqlite_take;
  failing.xRealloc = sqlite_grow;
  sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
  sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
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
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(disks_fail), cmocka_unit_test(a_full_disk_says_so_and_still_answers),
      cmocka_unit_test(a_failed_sync_ends_it), cmocka_unit_test(each_allocation_of_sqlite),
      cmocka_unit_test(each_allocation_of_trm)};
  return cmocka_run_group_tests(tests, begin, end);
}
