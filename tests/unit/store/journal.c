/* The journal as a stranger uses it, on a real disk: limits, locks, callbacks, several threads, backups while it runs.
 */
#include <pthread.h>

#include "support/journal.h"

static char folder[64];
static trm__journal_config config;
static trm__journal *journal;

static model_op submit_of(const char *body) {
  model_op op = {.kind = TRM__REQUEST_SUBMIT, .what = "solve", .owner = "ada"};
  snprintf(op.body, MODEL_TEXT, "%s", body);
  return op;
}

static void too_much_is_refused_before_anything_is_accepted(void **state) {
  (void)state;
  trm_error err = {0};
  journal_stop stop;
  static model_answer a[8];
  trm__journal_stats stats;
  model_op submit = submit_of("x");
  CHECK_OK(journal_stop_begin(journal, &stop, &err), err); /* it waits too: one of three */
  CHECK_OK(model_post(journal, &submit, &a[0], &err), err);
  CHECK_OK(model_post(journal, &submit, &a[1], &err), err);
  CHECK_FAILS(model_post(journal, &submit, &a[2], &err), TRM_E_BUSY, err, "3 operations");
  model_op get = {.kind = TRM__REQUEST_GET}, take = {.kind = TRM__REQUEST_TAKE, .limit = 9};
  CHECK_FAILS(model_post(journal, &get, &a[2], &err), TRM_E_BUSY, err, "try again later");
  CHECK_OK(model_post(journal, &take, &a[3], &err), err); /* what moves accepted jobs is always taken */
  journal_stop_end(journal, &stop);
  journal_await(journal, &a[3].arrived);
  assert_int_equal(a[3].count, 2);
  trm__journal_get_stats(journal, &stats);
  assert_int_equal(stats.refused, 2);
  assert_int_equal(stats.waiting, 0);
  assert_int_equal(stats.waiting_bytes, 0);
  assert_int_equal(stats.jobs[TRM__JOB_RUNNING], 2);
}

static void wrong_fields_are_named(void **state) {
  (void)state;
  trm_error err = {0};
  char longer[400];
  memset(longer, 'k', sizeof longer);
  longer[sizeof longer - 1] = '\0';
  trm__job_spec good = {.kind = "solve", .owner = "", .body = "x", .body_size = 1}, spec = good;
  spec.kind = NULL;
  CHECK_FAILS(trm__jobs_submit(journal, &spec, NULL, NULL, &err), TRM_E_INPUT, err, "kind");
  spec = good;
  spec.key = longer;
  CHECK_FAILS(trm__jobs_submit(journal, &spec, NULL, NULL, &err), TRM_E_INPUT, err, "Idempotency-Key");
  spec.key = "";
  CHECK_FAILS(trm__jobs_submit(journal, &spec, NULL, NULL, &err), TRM_E_INPUT, err, "empty");
  spec = good;
  spec.owner = longer;
  CHECK_FAILS(trm__jobs_submit(journal, &spec, NULL, NULL, &err), TRM_E_INPUT, err, "owner");
  spec = good;
  spec.body_size = 2000000;
  CHECK_FAILS(trm__jobs_submit(journal, &spec, NULL, NULL, &err), TRM_E_INPUT, err, "at most 1048576");
  spec = good;
  spec.deadline_ms = -1;
  CHECK_FAILS(trm__jobs_submit(journal, &spec, NULL, NULL, &err), TRM_E_INPUT, err, "deadline");
  CHECK_FAILS(trm__jobs_fail(journal, "x", 1, "", NULL, 0, NULL, NULL, &err), TRM_E_INPUT, err, "reason");
  trm__jobs_filter filter = {.limit = 0};
  CHECK_FAILS(trm__jobs_list(journal, &filter, NULL, NULL, &err), TRM_E_INPUT, err, "limit");
  filter = (trm__jobs_filter){.limit = 5, .after = "' OR 1=1"};
  CHECK_FAILS(trm__jobs_list(journal, &filter, NULL, NULL, &err), TRM_E_INPUT, err, "no id");
  trm__journal_config bad = config;
  bad.kills = 0;
  trm__journal *other = NULL;
  CHECK_FAILS(trm__journal_open(&other, &bad, &err), TRM_E_USAGE, err, "kills");
  bad = config;
  bad.folder = "";
  CHECK_FAILS(trm__journal_open(&other, &bad, &err), TRM_E_USAGE, err, "folder");
}

static int second_process(void *context) {
  trm__journal *other = NULL;
  trm_error err = {0};
  char pid[32];
  snprintf(pid, sizeof pid, "process %ld", (long)getppid());
  trm_status status = trm__journal_open(&other, context, &err);
  return status == TRM_E_BUSY && strstr(err.where, "journal.lock") && strstr(err.message, pid) && !other ? 0 : 1;
}

static void a_second_process_is_refused(void **state) {
  (void)state;
  assert_int_equal(check_in_child(second_process, &config), 0);
  sqlite3 *db; /* and a program that knows nothing of the lock file */
  assert_int_equal(sqlite3_open(check_path(folder, "journal.db"), &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "DELETE FROM jobs", NULL, NULL, NULL), SQLITE_BUSY);
  sqlite3_close(db);
}

static void hostile_texts_are_texts(void **state) {
  (void)state;
  model_answer a;
  model_op submit = submit_of("'; DROP TABLE jobs; --");
  strcpy(submit.owner, "x' OR '1'='1");
  strcpy(submit.key, "\xff\xfe%s%n\"';\\");
  journal_ask(journal, &submit, &a);
  assert_int_equal(a.outcome, TRM__JOBS_CHANGED);
  model_answer again;
  journal_ask(journal, &submit, &again);
  assert_int_equal(again.outcome, TRM__JOBS_IN_PROGRESS);
  assert_string_equal(again.job[0].key, submit.key);
  assert_string_equal(again.job[0].id, a.job[0].id);
  model_op get = {.kind = TRM__REQUEST_GET, .id = "' OR 1=1 --"};
  journal_ask(journal, &get, &a);
  assert_int_equal(a.outcome, TRM__JOBS_ABSENT);
}

static void bytes(void *context, const trm__jobs_answer *answer) {
  int *arrived = context;
  assert_int_equal(answer->status, TRM_OK);
  *arrived = 1;
  if (answer->count == 0 || !answer->job[0]->body) return;
  const unsigned char *body = answer->job[0]->body;
  assert_int_equal(answer->job[0]->body_size, 1 << 20);
  for (int i = 0; i < 1 << 20; i++) assert_int_equal(body[i], (unsigned char)(i * 7 >> 3));
  *arrived = 2;
}

static void large_bodies_come_back(void **state) {
  (void)state;
  trm_error err = {0};
  unsigned char *body = malloc(1 << 20);
  int arrived = 0;
  for (int i = 0; body && i < 1 << 20; i++) body[i] = (unsigned char)(i * 7 >> 3);
  trm__job_spec spec = {.kind = "solve", .owner = "", .body = body, .body_size = 1 << 20};
  CHECK_OK(trm__jobs_submit(journal, &spec, bytes, &arrived, &err), err);
  free(body); /* it was copied */
  journal_await(journal, &arrived);
  arrived = 0;
  CHECK_OK(trm__jobs_take(journal, 1, bytes, &arrived, &err), err);
  journal_await(journal, &arrived);
  assert_int_equal(arrived, 2);
}

/* -- threads ------------------------------------------------------------------------------------------------------- */

enum { POSTERS = 4, POSTED = 100 };
static atomic_int accepted, told;

static void count_told(void *context, const trm__jobs_answer *answer) {
  (void)context;
  assert_int_equal(answer->status, TRM_OK);
  atomic_fetch_add(&told, 1);
}

static void *poster(void *context) {
  for (int i = 0; i < POSTED;) {
    trm__job_spec spec = {.kind = "solve", .owner = context, .body = &i, .body_size = sizeof i};
    trm_status status = trm__jobs_submit(journal, &spec, count_told, NULL, NULL);
    if (!status) atomic_fetch_add(&accepted, 1);
    if (status && status != TRM_E_BUSY) return "failed";
    if (!status) i++;
    else usleep(200);
    trm__journal_stats stats;
    trm__journal_get_stats(journal, &stats);
  }
  return NULL;
}

static void threads_post_at_once(void **state) {
  (void)state;
  pthread_t thread[POSTERS];
  trm__journal_stats stats;
  atomic_store(&accepted, 0);
  atomic_store(&told, 0);
  for (int i = 0; i < POSTERS; i++) assert_int_equal(pthread_create(&thread[i], NULL, poster, "ada"), 0);
  while (atomic_load(&told) < POSTERS * POSTED) journal_deliver_some(journal);
  for (int i = 0; i < POSTERS; i++) {
    void *failed;
    pthread_join(thread[i], &failed);
    assert_null(failed);
  }
  assert_int_equal(atomic_load(&accepted), POSTERS * POSTED);
  trm__journal_get_stats(journal, &stats);
  assert_int_equal(stats.jobs[TRM__JOB_SUBMITTED], POSTERS * POSTED);
  assert_true(stats.groups <= stats.operations);
}

/* Closing delivers what was accepted; a callback that posts then is told so. */
static void post_again(void *context, const trm__jobs_answer *answer) {
  trm_error err = {0};
  assert_int_equal(answer->status, TRM_OK);
  *(trm_status *)context = trm__jobs_take(journal, 1, NULL, NULL, &err);
}

static void closing_finishes_what_waits(void **state) {
  (void)state;
  trm_error err = {0};
  trm_status again = TRM_OK;
  trm__job_spec spec = {.kind = "solve", .owner = "", .body = "x", .body_size = 1};
  CHECK_OK(trm__jobs_submit(journal, &spec, post_again, &again, &err), err);
  trm__journal_close(&journal);
  assert_int_equal(again, TRM_E_STOPPED);
  CHECK_OK(trm__journal_open(&journal, &config, &err), err);
  trm__journal_stats stats;
  trm__journal_get_stats(journal, &stats);
  assert_int_equal(stats.jobs[TRM__JOB_SUBMITTED], 1);
}

/* -- backups ------------------------------------------------------------------------------------------------------- */

typedef struct backup_answer {
  int arrived;
  trm_status status;
  trm_error error;
} backup_answer;

static void backup_arrived(void *context, trm_status status, const trm_error *error) {
  backup_answer *a = context;
  a->arrived = 1;
  a->status = status;
  if (error) a->error = *error;
}

static void fill(int jobs) {
  static char body[20000];
  for (int i = 0; i < jobs; i++) {
    int arrived = 0;
    trm_error err = {0};
    trm__job_spec spec = {.kind = "solve", .owner = "", .body = body, .body_size = sizeof body};
    CHECK_OK(trm__jobs_submit(journal, &spec, bytes, &arrived, &err), err);
    journal_await(journal, &arrived);
  }
}

static void backups_are_made_while_it_runs(void **state) {
  (void)state;
  trm_error err = {0};
  backup_answer a = {0}, second = {0};
  fill(60);
  char path[128];
  snprintf(path, sizeof path, "%s/copy.db", folder);
  CHECK_OK(trm__journal_backup(journal, path, backup_arrived, &a, &err), err);
  trm_status busy = trm__journal_backup(journal, path, backup_arrived, &second, &err);
  int during = 0;
  while (!a.arrived) {
    fill(1);
    during++;
  }
  if (busy) assert_int_equal(busy, TRM_E_BUSY);
  else
    while (!second.arrived) journal_deliver_some(journal);
  CHECK_OK(a.status, a.error);
  trm__journal_close(&journal);
  trm__journal_config copied = config; /* the copy opens as a journal, whole */
  char other[128];
  snprintf(other, sizeof other, "%s/other", folder);
  assert_int_equal(mkdir(other, 0700), 0);
  assert_int_equal(rename(path, check_path(other, "journal.db")), 0);
  copied.folder = other;
  CHECK_OK(trm__journal_open(&journal, &copied, &err), err);
  trm__journal_stats stats;
  trm__journal_get_stats(journal, &stats);
  print_message("%d jobs while the backup was made, %lld in it\n", during, (long long)stats.jobs[TRM__JOB_SUBMITTED]);
  assert_true(stats.jobs[TRM__JOB_SUBMITTED] >= 60 && stats.jobs[TRM__JOB_SUBMITTED] <= 60 + during);
}

static void backups_that_fail_say_so(void **state) {
  (void)state;
  trm_error err = {0};
  backup_answer a = {0};
  CHECK_OK(trm__journal_backup(journal, check_path(folder, "absent/copy.db"), backup_arrived, &a, &err), err);
  journal_await(journal, &a.arrived);
  assert_int_equal(a.status, TRM_E_IO);
  assert_non_null(strstr(a.error.where, "absent/copy.db"));
  model_answer still;
  model_op submit = submit_of("x");
  journal_ask(journal, &submit, &still);
  assert_int_equal(still.status, TRM_OK);
}

static void expired_jobs_go_by_themselves(void **state) {
  (void)state;
  trm__journal_stats stats;
  model_answer a;
  atomic_store(journal_time(), 1700000000000);
  for (int i = 0; i < 150; i++) {
    model_op submit = submit_of("x");
    journal_ask(journal, &submit, &a);
    model_op cancel = {.kind = TRM__REQUEST_CANCEL};
    memcpy(cancel.id, a.job[0].id, sizeof cancel.id);
    journal_ask(journal, &cancel, &a);
  }
  atomic_fetch_add(journal_time(), config.keep_ms);
  model_op get = {.kind = TRM__REQUEST_GET};
  memcpy(get.id, a.job[0].id, sizeof get.id);
  journal_ask(journal, &get, &a);
  assert_int_equal(a.outcome, TRM__JOBS_ABSENT); /* at once, whenever it is removed */
  for (int i = 0; i < 4; i++) journal_settle(journal);
  trm__journal_get_stats(journal, &stats);
  assert_int_equal(stats.removed, 150);
  assert_int_equal(stats.jobs[TRM__JOB_CANCELLED], 0);
}

static int begin(void **state) {
  (void)state;
  trm_error err = {0};
  check_temp_dir(folder);
  config = journal_test_config(folder, NULL);
  config.open_limit = 5000;
  CHECK_OK(trm__journal_open(&journal, &config, &err), err);
  return 0;
}

static int begin_small(void **state) {
  (void)state;
  trm_error err = {0};
  check_temp_dir(folder);
  config = journal_test_config(folder, NULL);
  config.waiting_limit = 3;
  CHECK_OK(trm__journal_open(&journal, &config, &err), err);
  return 0;
}

static int end(void **state) {
  (void)state;
  trm__journal_close(&journal);
  trm__journal_close(&journal);
  check_remove(folder);
  return trm__mem_used() ? -1 : 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(too_much_is_refused_before_anything_is_accepted, begin_small, end),
      cmocka_unit_test_setup_teardown(wrong_fields_are_named, begin, end),
      cmocka_unit_test_setup_teardown(a_second_process_is_refused, begin, end),
      cmocka_unit_test_setup_teardown(hostile_texts_are_texts, begin, end),
      cmocka_unit_test_setup_teardown(large_bodies_come_back, begin, end),
      cmocka_unit_test_setup_teardown(threads_post_at_once, begin, end),
      cmocka_unit_test_setup_teardown(closing_finishes_what_waits, begin, end),
      cmocka_unit_test_setup_teardown(backups_are_made_while_it_runs, begin, end),
      cmocka_unit_test_setup_teardown(backups_that_fail_say_so, begin, end),
      cmocka_unit_test_setup_teardown(expired_jobs_go_by_themselves, begin, end)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
