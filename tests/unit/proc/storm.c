/* Storms: a tree of real processes whose members are killed, hung and let go on at random, for STORM_MS milliseconds
 * each (1,500 by default, ROUNDS=3 of them, SEED=1 on). Afterwards all must run again, each engine linked to the hub,
 * nobody may be left over, and the root must hold as many descriptors as before. Then parents that end at a random
 * moment around the start of a child: none may survive. */
#include "unit/proc/tree_of.h"

#include <dirent.h>

#include "base/rng.h"
#include "proc/channel.h"

#define ENGINES 4
#define FIRST_SERIAL 2 /* of the engines, behind their group */

static uint64_t number_from(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text ? strtoull(text, NULL, 10) : otherwise;
}

/* Ready, and beating; a channel, where there is one, is left alone. */
static int role_engine(int argc, char **argv) {
  trm_error err = {0};
  (void)argc, (void)argv;
  if (trm__role_open(&err)) return 90;
  for (trm__role_ready();; trm__role_beat()) sleep_ms(15);
}

/* Keeps the links that it gets, and says so. */
static int role_hub(int argc, char **argv) {
  trm_error err = {0};
  (void)argc, (void)argv;
  if (trm__role_open(&err)) return 90;
  for (trm__role_ready();; trm__role_beat()) {
    trm__role_message m;
    while (trm__role_next(&m) > 0) {
      say_line("linked serial=%ld start=%ld", (long)(m.id >> 32), (long)(m.id & 0xffffffff));
      if (m.channel > 900) return 91; /* the old ones are kept: their number stays bounded in a storm */
    }
    sleep_ms(15);
  }
}

static int role_sleep(int argc, char **argv) {
  (void)argc, (void)argv;
  sleep_ms(8000); /* who outlives his parent does not for long */
  return 0;
}

static const test_role roles[] = {{"engine", role_engine}, {"hub", role_hub}, {"sleep", role_sleep}};

/* Processes whose parent is this one. */
static size_t children_of(pid_t parent, pid_t *out, size_t most) {
  size_t count = 0;
  DIR *folder = opendir("/proc");
  assert_non_null(folder);
  for (struct dirent *e; count < most && (e = readdir(folder));) {
    char path[300], text[256] = {0}, state;
    int above;
    if (e->d_name[0] < '1' || e->d_name[0] > '9') continue;
    snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
    FILE *file = fopen(path, "re");
    if (!file) continue;
    size_t got = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    const char *end = got ? strrchr(text, ')') : NULL;
    if (end && sscanf(end + 1, " %c %d", &state, &above) == 2 && above == parent && state != 'Z')
      out[count++] = (pid_t)strtol(e->d_name, NULL, 10);
  }
  closedir(folder);
  return count;
}

static int descriptors_of(pid_t pid) {
  char path[64];
  int count = 0;
  snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
  DIR *folder = opendir(path);
  assert_non_null(folder);
  while (readdir(folder)) count++;
  closedir(folder);
  return count;
}

static void blow(trm__rng *rng, int64_t ms) {
  for (int64_t until = clock_ms() + ms; clock_ms() < until;) {
    pid_t child[16];
    size_t count = children_of(root_pid, child, 16);
    if (count) {
      pid_t victim = child[trm__rng_below(rng, (uint32_t)count)];
      static const int signals[] = {SIGKILL, SIGSTOP, SIGCONT, SIGSEGV, SIGTERM};
      kill(victim, signals[trm__rng_below(rng, 5)]);
    }
    tree_listen(0);
    sleep_ms((long)trm__rng_below(rng, 60));
  }
}

/* All run, for as long as two heartbeats: nobody is replaced any more. */
static void await_calm(void) {
  int64_t until = clock_ms() + PATIENCE_MS;
  for (;;) {
    pid_t before[16] = {0}, after[16] = {0};
    size_t count = children_of(root_pid, before, 16);
    for (int64_t end = clock_ms() + 1300; clock_ms() < end;) tree_listen(20);
    if (count == ENGINES + 1 && children_of(root_pid, after, 16) == count && !memcmp(before, after, sizeof before))
      return;
    if (clock_ms() > until) fail_msg("no calm after the storm:\n%s", root_text);
  }
}

/* The start of each engine that runs now is one that the hub has a link to. */
static void check_links(void) {
  for (int k = 0; k < ENGINES; k++) {
    char text[64];
    long start = 0;
    snprintf(text, sizeof text, "engine %d is started: process ", k);
    for (const char *p = root_text; (p = strstr(p, text)); p++) start = strtol(strstr(p, "start ") + 6, NULL, 10);
    snprintf(text, sizeof text, "linked serial=%d start=%ld\n", FIRST_SERIAL + k, start);
    if (!start || tree_count(text) != 1) fail_msg("not once: %s%s", text, root_text);
  }
}

static void one_storm(uint64_t seed, int64_t ms) {
  static const trm__child_rule rule = {TRM__PERMANENT, 20000, 200, 600};
  static const char *const engine[] = {SELF, "engine", NULL}, *const hub[] = {SELF, "hub", NULL};
  static const char *const names[ENGINES] = {"engine 0", "engine 1", "engine 2", "engine 3"};
  const trm__supervisor_config all = {TRM__ONE_FOR_ALL, 64, 60000, 5, 50, seed};
  const trm__supervisor_config one = {TRM__ONE_FOR_ONE, 64, 60000, 5, 50, seed};
  trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, 2);
  trm__node node[ENGINES + 3] = {{.name = "top", .group = -1, .supervisor = all},
                                 {.name = "engines", .group = 0, .supervisor = one}};
  for (int k = 0; k < ENGINES; k++)
    node[2 + k] = (trm__node){.name = names[k], .group = 1, .rule = rule, .argv = engine, .linked = 1};
  node[ENGINES + 2] = (trm__node){.name = "hub", .group = 0, .rule = rule, .argv = hub};
  tree_begin((trm__root_config){.node = node, .nodes = ENGINES + 3, .hub = ENGINES + 2});
  tree_await("hub is ready", NULL);
  await_calm();
  int descriptors = descriptors_of(root_pid);
  blow(&rng, ms);
  await_calm();
  assert_int_equal(descriptors_of(root_pid), descriptors);
  check_links();
  print_message("SEED=%llu: %d starts, %d links, hub started %d times, %d killed for silence\n",
                (unsigned long long)seed, tree_count(" is started"), tree_count("linked serial="),
                tree_count("hub is started"), tree_count("its heartbeat stopped"));
  assert_true(tree_count(" is started") > ENGINES + 1);
  tree_stop(TRM__EXIT_OK);
}

static void test_storms(void **state) {
  (void)state;
  uint64_t first = number_from("SEED", 1), rounds = number_from("ROUNDS", 3);
  for (uint64_t seed = first; seed < first + rounds; seed++) one_storm(seed, (int64_t)number_from("STORM_MS", 1500));
}

/* A parent that starts a child and ends at once, or a little later. The child's end is that of a pipe it holds. */
static int parent_ends(void *context) {
  static const char *const argv[] = {SELF, "sleep", NULL};
  trm__spawn spawn = {argv, -1, -1, NULL, 0};
  trm__spawn_child(&spawn);
  volatile long waited = 0;
  for (long i = *(long *)context; i > 0; i--) waited++;
  return 0;
}

static void test_orphans(void **state) {
  (void)state;
  trm__rng rng = trm__rng_make(1, TRM__RNG_TEST, 3);
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  int keep = dup(STDOUT_FILENO);
  fflush(stdout);
  dup2(ends[1], STDOUT_FILENO); /* standard output is what a child keeps */
  close(ends[1]);
  int failed = 0;
  for (int i = 0; i < 200; i++) {
    long turns = (long)trm__rng_below(&rng, 1 << trm__rng_below(&rng, 20));
    failed |= check_in_child(parent_ends, &turns);
  }
  dup2(keep, STDOUT_FILENO);
  close(keep);
  assert_int_equal(failed, 0);
  struct pollfd p = {.fd = ends[0], .events = POLLIN};
  char byte;
  if (poll(&p, 1, 5000) != 1 || read(ends[0], &byte, 1) != 0) fail_msg("children outlive parents that ended at once");
  close(ends[0]);
}

int main(int argc, char **argv) {
  int status = run_role(roles, sizeof roles / sizeof *roles, argc, argv);
  if (status >= 0) return status;
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_storms), cmocka_unit_test(test_orphans)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
