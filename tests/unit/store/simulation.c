/* The journal against a model, on a false clock and a false disk: random work, and between it reads and writes that
 * fail, disks that fill, power that goes, processes that end. SEEDS=n: so many (200), FIRST=n: from this one. */
#include "support/jobs_script.h"

static char folder[64];

typedef struct run {
  script s;
  trm__journal_config config;
  trm__journal *journal;
  int crashes, faults, starts, failed;
} run;

static void run_open(run *r) {
  trm_error err = {0};
  CHECK_OK(trm__journal_open(&r->journal, &r->config, &err), err);
  r->starts++;
}

/* Whatever happened, a new process goes on. */
static void run_start_again(run *r, int power, const char *when) {
  trm__journal_close(&r->journal);
  if (power) crash_vfs_reboot(script_random(&r->s, 3));
  run_open(r);
  script_recover(&r->s, r->journal, when);
}

static void run_arm(run *r) {
  unsigned what = script_random(&r->s, 100);
  long nth = 1 + (long)script_random(&r->s, 12);
  if (what < 10) crash_vfs_arm(CRASH_POWER, nth);
  else if (what < 16) crash_vfs_arm(CRASH_IO_ERROR, nth);
  else if (what < 20) crash_vfs_arm(CRASH_FULL_ONCE, nth);
  else if (what < 24) crash_vfs_arm(CRASH_FULL, nth);
  else if (what < 28) crash_vfs_arm(CRASH_READ_ERROR, nth);
  else crash_vfs_arm(CRASH_NONE, 0);
  r->faults += what >= 10 && what < 28;
}

static void run_round(run *r) {
  trm__journal_stats stats;
  run_arm(r);
  r->failed += (int)script_round(&r->s, r->journal);
  int dead = crash_vfs_is_dead();
  if (!dead) crash_vfs_arm(CRASH_NONE, 0);
  trm__journal_get_stats(r->journal, &stats);
  r->crashes += dead;
  if (dead) run_start_again(r, 1, "after the power went");
  else if (stats.broken) run_start_again(r, 0, "after the journal broke");
  else if (script_chance(&r->s, 8)) run_start_again(r, 0, "after a clean end");
  else if (script_chance(&r->s, 5)) run_start_again(r, 1, "after an end, and the power went");
  else if (script_chance(&r->s, 20)) journal_check(r->journal, &r->s.sure, "between two rounds");
}

static void run_seed(run *r, unsigned long long seed) {
  crash_vfs_format(seed);
  script_begin(&r->s, seed, &r->config);
  run_open(r);
  for (int round = 0; round < 30; round++) run_round(r);
  run_start_again(r, 0, "at the end");
  trm__journal_close(&r->journal);
}

static unsigned long long run_number(const char *name, unsigned long long otherwise) {
  const char *text = getenv(name);
  return text ? strtoull(text, NULL, 10) : otherwise;
}

static void seeds_agree_with_the_model(void **state) {
  (void)state;
  static run r;
  unsigned long long first = run_number("FIRST", 1), seeds = run_number("SEEDS", 200);
  check_temp_dir(folder);
  crash_vfs_register();
  r.config = journal_test_config(folder, CRASH_VFS);
  for (unsigned long long seed = first; seed < first + seeds; seed++) run_seed(&r, seed);
  print_message("seeds %llu to %llu: %d starts, the power went %d times, %d faults, %d operations refused for them\n",
                first, first + seeds - 1, r.starts, r.crashes, r.faults, r.failed);
  if (seeds >= 100) assert_true(r.crashes > 50 && r.faults > 100 && r.failed > 50);
  check_remove(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(seeds_agree_with_the_model)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
