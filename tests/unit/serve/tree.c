/* The tree of a server with real processes: this program is the root, the engines, and a gateway that solves puzzles.
 * Engines are killed and stopped under it; the root replaces them, the gateway gets the new ones, and every puzzle has
 * one answer. */
#include "unit/serve/engine_puzzles.h"

#include "proc/role.h"
#include "proc/root.h"
#include "serve/tree.h"

enum { ITEMS = 60 };

/* -- the roles ----------------------------------------------------------------------------------------------------- */

typedef struct hub {
  bench b;
  const char *path; /* where it says how it stands */
  int told, stuck;  /* stuck: the first puzzle's first step takes minutes */
} hub;

static void hub_say(const hub *h, const char *what) {
  char temporary[300];
  const trm__serve_pool_stats s = trm__serve_pool_get_stats(h->b.pool);
  int once = 0, right = 0;
  for (int i = 0; i < ITEMS; i++) {
    once += results[i].ended == 1;
    right += results[i].end.done.status == TRM_OK &&
             memcmp(results[i].answer, puzzles[i].answer, sizeof results[i].answer) == 0;
  }
  snprintf(temporary, sizeof temporary, "%s.new", h->path);
  FILE *out = fopen(temporary, "w");
  fprintf(out, "%s ended %d right %d poison %d again %d lost %d", what, once, right, results[0].end.poison,
          (int)s.again, (int)s.lost);
  fclose(out);
  rename(temporary, h->path);
}

static void hub_on_line(evutil_socket_t fd, short what, void *context) {
  hub *h = context;
  trm__role_message message;
  int got;
  (void)fd, (void)what;
  while ((got = trm__role_next(&message)) > 0)
    if (!message.refused) (void)trm__serve_pool_attach(h->b.pool, message.id, message.channel, NULL);
  if (got < 0) event_base_loopbreak(h->b.base);
}

static void hub_on_turn(evutil_socket_t fd, short what, void *context) {
  hub *h = context;
  (void)fd, (void)what;
  trm__role_beat();
  if (!h->told && bench_up(&h->b) == 2 && trm__serve_pool_ready(h->b.pool)) {
    h->told = 1;
    for (int i = 0; i < ITEMS; i++) {
      trm__work work = work_of(i);
      if (h->stuck && i == 0) work.solver.L_cycles = work.solver.H_cycles = 1024;
      submit(&h->b, &work, 1, &results[i]);
    }
  }
  int count = ended(0, ITEMS);
  if (h->told) hub_say(h, count == ITEMS ? "all" : "begun");
}

static void hub_on_term(evutil_socket_t fd, short what, void *context) {
  (void)fd, (void)what;
  event_base_loopbreak(((hub *)context)->b.base);
}

static int run_gateway(const char *path, int stuck) {
  static hub h;
  const struct timeval turn = {0, 50000};
  trm__work_config models = bench_models(SUDOKU, MAZE);
  if (trm__role_open(NULL)) return TRM__EXIT_USAGE;
  (void)make_puzzles(NULL);
  models.stall_s = stuck;
  bench_open(&h.b, &models, stuck ? 2 : 1000, 1000);
  h.path = path;
  h.stuck = stuck;
  struct event *line = event_new(h.b.base, TRM__ROLE_LINE, EV_READ | EV_PERSIST, hub_on_line, &h);
  struct event *tick = event_new(h.b.base, -1, EV_PERSIST, hub_on_turn, &h);
  struct event *term = evsignal_new(h.b.base, SIGTERM, hub_on_term, &h);
  event_add(line, NULL);
  event_add(tick, &turn);
  event_add(term, NULL);
  trm__role_ready();
  event_base_dispatch(h.b.base);
  event_free(line);
  event_free(tick);
  event_free(term);
  h.b.engines = 0;
  bench_close(&h.b);
  return TRM__EXIT_OK;
}

static int run_engine(void) {
  const trm__serve_engine_options options = {.channel = TRM__ROLE_CHANNEL, .build_id = BUILD_ID, .supervised = 1};
  return trm__role_open(NULL) ? TRM__EXIT_USAGE : trm__serve_engine_run(&options);
}

/* -- the test ------------------------------------------------------------------------------------------------------ */

static pid_t start_root(const char *path, const char *mode) {
  pid_t pid = fork();
  if (pid) return pid;
  alarm(200);
  const char *arguments[] = {path, mode, NULL};
  trm__tree_config config = trm__tree_config_default();
  config.engines = 2;
  config.gateway = arguments;
  config.restarts = 60;
  config.heartbeat_ms = 4000;
  config.gateway_ms = config.engine_ms = mode ? 1000 : 5000;
  int code = 99;
  if (trm__tree_run(&config, &code, NULL)) _exit(98);
  _exit(code);
}

/* An engine of this root; 0: none runs at the moment. */
static pid_t find_engine(pid_t root, int which) {
  char path[64], words[256];
  pid_t pid, found = 0;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)root, (int)root);
  FILE *children = fopen(path, "r");
  if (!children) return 0;
  for (int seen = 0; !found && fscanf(children, "%d", &pid) == 1;) {
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    FILE *in = fopen(path, "r");
    size_t size = in ? fread(words, 1, sizeof words - 1, in) : 0;
    if (in) fclose(in);
    for (size_t i = 0; i < size; i++)
      if (!words[i]) words[i] = ' ';
    words[size] = 0;
    if (strstr(words, "--role engine") && seen++ == which) found = pid;
  }
  fclose(children);
  return found;
}

static int says(const char *path, const char *word, char *text, size_t size) {
  FILE *in = fopen(path, "r");
  if (!in) return 0;
  size_t got = fread(text, 1, size - 1, in);
  fclose(in);
  text[got] = 0;
  return strncmp(text, word, strlen(word)) == 0;
}

static int wait_for(const char *path, const char *word, char *text, size_t size) {
  for (int i = 0; i < 6000; i++, usleep(10000))
    if (says(path, word, text, size) || says(path, "all", text, size)) return 1;
  return 0;
}

static void engines_that_die_or_stop_are_replaced(void **state) {
  (void)state;
  char path[] = "/tmp/trm_tree_XXXXXX", text[256] = "";
  int fd = mkstemp(path), status;
  assert_true(fd >= 0);
  close(fd);
  pid_t root = start_root(path, NULL);
  if (!wait_for(path, "begun", text, sizeof text)) fail_msg("nothing is solved: %s", text);
  pid_t killed = find_engine(root, 0), stopped = find_engine(root, 1);
  if (!killed || !stopped) print_message("NOTE: engines cannot be found here, none is killed\n");
  if (killed) assert_int_equal(kill(killed, SIGKILL), 0);
  if (stopped) assert_int_equal(kill(stopped, SIGSTOP), 0);
  int done = wait_for(path, "all", text, sizeof text);
  print_message("%s\n", text);
  assert_int_equal(kill(root, SIGTERM), 0);
  assert_int_equal(waitpid(root, &status, 0), root);
  unlink(path);
  assert_true(done);
  assert_non_null(strstr(text, "all ended 60 right 60"));
  if (killed && stopped) assert_non_null(strstr(text, "lost 2"));
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), TRM__EXIT_OK);
}

/* An engine that does not get on is no sign of life, however well its main thread does. */
static void a_puzzle_that_never_steps_is_poison(void **state) {
  (void)state;
  char path[] = "/tmp/trm_tree_XXXXXX", text[256] = "";
  int fd = mkstemp(path), status;
  assert_true(fd >= 0);
  close(fd);
  pid_t root = start_root(path, "stuck");
  int done = wait_for(path, "all", text, sizeof text);
  print_message("%s\n", text);
  assert_int_equal(kill(root, SIGTERM), 0);
  assert_int_equal(waitpid(root, &status, 0), root);
  unlink(path);
  assert_true(done);
  assert_non_null(strstr(text, "all ended 60 right 59 poison 1"));
}

static void impossible_trees_are_refused(void **state) {
  (void)state;
  trm_error err = {0};
  int code = 77;
  trm__tree_config config = trm__tree_config_default();
  config.engines = 0;
  assert_int_equal(trm__tree_run(&config, &code, &err), TRM_E_USAGE);
  assert_string_equal(err.where, "pool_size");
  config = trm__tree_config_default();
  config.restarts = 1000;
  assert_int_equal(trm__tree_run(&config, &code, &err), TRM_E_USAGE);
  assert_non_null(strstr(err.message, "1000"));
  assert_int_equal(code, 77);
}

int main(int argc, char **argv) {
  if (argc > 2 && strcmp(argv[1], "--role") == 0)
    return strcmp(argv[2], "engine") == 0 ? run_engine() : run_gateway(argv[3], argc > 4);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(impossible_trees_are_refused),
      cmocka_unit_test(engines_that_die_or_stop_are_replaced),
      cmocka_unit_test(a_puzzle_that_never_steps_is_poison),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
