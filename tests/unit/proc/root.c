/* The root process with real children, which are killed, stopped, hung and stubborn, in short times. */
#include "unit/proc/tree_of.h"

#include <sys/un.h>

#include "proc/notify.h"

/* -- roles -- */

/* beat [so many milliseconds until it is ready] */
static int role_beat(int argc, char **argv) {
  trm_error err = {0};
  if (trm__role_open(&err)) return 90;
  if (argc > 1) sleep_ms(strtol(argv[1], NULL, 10));
  for (trm__role_ready();; trm__role_beat()) sleep_ms(10);
}

/* silent: ready, and nothing more */
static int role_silent(int argc, char **argv) {
  (void)argc, (void)argv;
  trm__role_ready();
  for (;;) pause();
  return 0;
}

/* end status [1: after it was ready] */
static int role_end(int argc, char **argv) {
  if (argc > 2) trm__role_ready();
  return (int)strtol(argv[1], NULL, 10);
}

static int role_stubborn(int argc, char **argv) {
  signal(SIGTERM, SIG_IGN);
  return role_beat(argc, argv);
}

/* Leaves a process of its own behind. */
static int role_forks(int argc, char **argv) {
  pid_t child = fork();
  if (child == 0)
    for (;;) pause();
  say_line("grandchild=%ld", (long)child);
  return role_beat(argc, argv);
}

/* What a child may have: three standard descriptors, its line, a channel or not, what it was given. */
static int role_looks(int argc, char **argv) {
  (void)argc, (void)argv;
  int open = 0;
  char byte = 0;
  for (int fd = 3; fd < 200; fd++)
    if (fcntl(fd, F_GETFD) >= 0) open |= 1 << fd;
  sigset_t blocked;
  sigprocmask(SIG_SETMASK, NULL, &blocked);
  int term = sigismember(&blocked, SIGTERM) || sigismember(&blocked, SIGCHLD);
  ssize_t got = read(TRM__ROLE_GIVEN, &byte, 1);
  say_line("sees open=%d blocked=%d byte=%d leader=%d hup=%d", open, term, got == 1 ? byte : -1, getpgrp() == getpid(),
           signal(SIGHUP, SIG_DFL) == SIG_DFL);
  return role_silent(argc, argv);
}

/* Says on its line what no line has. */
static int role_rude(int argc, char **argv) {
  static const unsigned char much[64] = {1};
  trm__role_ready();
  if (argc > 1) trm__role_add((int)strtol(argv[1], NULL, 10));
  else if (write(TRM__ROLE_LINE, much, sizeof much) < 0) return 95;
  for (;;) pause();
}

static const test_role roles[] = {{"beat", role_beat},        {"silent", role_silent}, {"end", role_end},
                                  {"forks", role_forks},      {"looks", role_looks},   {"rude", role_rude},
                                  {"stubborn", role_stubborn}};

/* -- trees -- */

static void test_order(void **state) {
  (void)state;
  trm__root_config config =
      TREE(group("top", -1, TRM__REST_FOR_ONE, 3), role("first", 0, LIVELY, ARGV(SELF, "beat", "100")),
           role("second", 0, LIVELY, ARGV(SELF, "beat", "100")), role("third", 0, LIVELY, ARGV(SELF, "beat")));
  tree_begin(config);
  tree_await("first is started", NULL);
  tree_await("first is ready", NULL);
  tree_await("second is started", NULL);
  tree_await("second is ready", NULL);
  tree_await("third is ready", NULL);
  kill(root_pid, SIGTERM);
  tree_await("third is told to end: all are to end", NULL);
  tree_await("third, process", NULL);
  tree_await("second is told to end", NULL);
  tree_await("first is told to end", NULL);
  tree_end(TRM__EXIT_OK);
}

/* Killed, hung, and not hung: who is silent is replaced, nobody else, and not because of the root's own silence. */
static void test_killed_and_hung(void **state) {
  (void)state;
  trm__root_config config = TREE(group("top", -1, TRM__ONE_FOR_ONE, 5), role("a", 0, LIVELY, ARGV(SELF, "beat")),
                                 role("b", 0, LIVELY, ARGV(SELF, "beat")));
  tree_begin(config);
  pid_t a = (pid_t)tree_await("a is started", "process ");
  pid_t b = (pid_t)tree_await("b is started", "process ");
  tree_await("b is ready", NULL);
  kill(a, SIGKILL);
  tree_await("was ended by signal 9", NULL);
  tree_await("a is ready", NULL);
  kill(b, SIGSTOP);
  tree_await("b is killed: its heartbeat stopped", NULL);
  tree_await("b is ready", NULL);
  kill(root_pid, SIGSTOP);
  sleep_ms(2000); /* longer than a heartbeat, and with room for a beat now and then on a busy machine */
  kill(root_pid, SIGCONT);
  sleep_ms(200);
  tree_stop(TRM__EXIT_OK);
  assert_int_equal(tree_count("is started"), 4);
  assert_int_equal(tree_count("is killed"), 1);
}

static void test_gives_up(void **state) {
  (void)state;
  for (int n = 0; n <= 3; n += 3) {
    trm__root_config config = TREE(group("top", -1, TRM__ONE_FOR_ALL, n), role("good", 0, LIVELY, ARGV(SELF, "beat")),
                                   role("bad", 0, QUIET, ARGV(SELF, "end", "4", "1")));
    tree_begin(config);
    tree_end(TRM__EXIT_FAULT);
    assert_int_equal(tree_count("bad is started"), n + 1);
    assert_int_equal(tree_count("top: given up, because bad failed too often"), 1);
  }
}

/* A bad configuration is told at once, before it was ready alone. */
static void test_hopeless(void **state) {
  (void)state;
  trm__root_config config =
      TREE(group("top", -1, TRM__ONE_FOR_ALL, 5), group("inner", 0, TRM__ONE_FOR_ONE, 5),
           role("bad", 1, QUIET, ARGV(SELF, "end", "3")), role("good", 0, LIVELY, ARGV(SELF, "beat")));
  tree_begin(config);
  tree_end(TRM__EXIT_INPUT);
  assert_int_equal(tree_count("is started"), 1);
  assert_int_equal(tree_count("inner: given up, because bad cannot run as it was started"), 1);
  trm__root_config later =
      TREE(group("top", -1, TRM__ONE_FOR_ALL, 1), role("bad", 0, QUIET, ARGV(SELF, "end", "3", "1")));
  tree_begin(later);
  tree_end(TRM__EXIT_FAULT);
  assert_int_equal(tree_count("is started"), 2);
}

/* A group that gives up is a child that failed. */
static void test_groups(void **state) {
  (void)state;
  trm__root_config config =
      TREE(group("top", -1, TRM__ONE_FOR_ALL, 1), group("inner", 0, TRM__ONE_FOR_ONE, 2),
           role("bad", 1, QUIET, ARGV(SELF, "end", "0", "1")), role("good", 0, LIVELY, ARGV(SELF, "beat")));
  tree_begin(config);
  tree_end(TRM__EXIT_FAULT);
  assert_int_equal(tree_count("bad is started"), 6);
  assert_int_equal(tree_count("inner: given up"), 2);
  assert_int_equal(tree_count("top: given up"), 1);
}

static void test_no_program(void **state) {
  (void)state;
  trm__root_config config =
      TREE(group("top", -1, TRM__ONE_FOR_ALL, 2), role("absent", 0, QUIET, ARGV("/nowhere/at/all")));
  tree_begin(config);
  tree_end(TRM__EXIT_FAULT);
  assert_int_equal(tree_count("its program could not be run"), 3);
}

static void test_not_ready(void **state) {
  (void)state;
  static const trm__child_rule hasty = {TRM__PERMANENT, 100, 100, 0};
  trm__root_config config =
      TREE(group("top", -1, TRM__ONE_FOR_ALL, 1), role("slow", 0, hasty, ARGV(SELF, "beat", "60000")));
  tree_begin(config);
  tree_end(TRM__EXIT_FAULT);
  assert_int_equal(tree_count("slow is killed: it was not ready in time"), 2);
}

static void test_stubborn(void **state) {
  (void)state;
  static const trm__child_rule shortly = {TRM__PERMANENT, 20000, 200, 1500};
  trm__root_config config =
      TREE(group("top", -1, TRM__ONE_FOR_ALL, 1), role("rock", 0, shortly, ARGV(SELF, "stubborn")));
  tree_begin(config);
  tree_await("rock is ready", NULL);
  tree_stop(TRM__EXIT_OK);
  assert_int_equal(tree_count("rock is killed: its shutdown time is over"), 1);
}

static void test_second_signal(void **state) {
  (void)state;
  static const trm__child_rule forever = {TRM__PERMANENT, TRM__NEVER, TRM__NEVER, 0};
  trm__root_config config =
      TREE(group("top", -1, TRM__ONE_FOR_ALL, 1), group("inner", 0, TRM__ONE_FOR_ALL, 1),
           role("a", 1, forever, ARGV(SELF, "stubborn")), role("b", 0, forever, ARGV(SELF, "stubborn")));
  tree_begin(config);
  tree_await("b is ready", NULL);
  kill(root_pid, SIGTERM);
  tree_await("b is told to end", NULL);
  kill(root_pid, SIGINT);
  tree_end(TRM__EXIT_STOPPED);
  assert_int_equal(tree_count("is killed: all are to end at once"), 3); /* with the group */
}

static void test_nobody_left(void **state) {
  (void)state;
  static const trm__child_rule once = {TRM__TEMPORARY, TRM__NEVER, 0, 0};
  trm__root_config config =
      TREE(group("top", -1, TRM__ONE_FOR_ALL, 1), group("inner", 0, TRM__ONE_FOR_ONE, 1),
           role("a", 1, once, ARGV(SELF, "end", "4")), role("b", 0, once, ARGV(SELF, "end", "0")));
  tree_begin(config);
  tree_end(TRM__EXIT_OK);
  assert_int_equal(tree_count("is started"), 2);
}

/* The children die with the root, and the processes of a child with that child. */
static void test_root_killed(void **state) {
  (void)state;
  trm__root_config config = TREE(group("top", -1, TRM__ONE_FOR_ALL, 1), role("a", 0, LIVELY, ARGV(SELF, "stubborn")),
                                 role("b", 0, LIVELY, ARGV(SELF, "beat")));
  tree_begin(config);
  tree_await("b is ready", NULL);
  kill(root_pid, SIGKILL);
  tree_end(1000 + SIGKILL); /* which waits for the end of all */
}

static void test_process_group(void **state) {
  (void)state;
  trm__root_config config = TREE(group("top", -1, TRM__ONE_FOR_ALL, 3), role("a", 0, LIVELY, ARGV(SELF, "forks")));
  tree_begin(config);
  pid_t a = (pid_t)tree_await("a is started", "process ");
  pid_t left = (pid_t)tree_await("grandchild=", "grandchild=");
  tree_await("a is ready", NULL);
  kill(a, SIGKILL);
  tree_await("a is ready", NULL);
  int64_t until = clock_ms() + PATIENCE_MS;
  while (!kill(left, 0) && clock_ms() < until) { /* a zombie, until whoever inherited it looks */
    char path[64], text[512] = {0};
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)left);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    if (got <= 0 || strstr(text, ") Z ")) break;
    sleep_ms(10);
  }
  assert_true(clock_ms() < until);
  tree_stop(TRM__EXIT_OK);
}

static void test_descriptors(void **state) {
  (void)state;
  int pipes[2], stray = open("/dev/null", O_RDONLY); /* without close-on-exec */
  assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
  assert_int_equal(write(pipes[1], "xy", 2), 2);
  trm__node top = group("top", -1, TRM__ONE_FOR_ONE, 0), plain = role("plain", 0, QUIET, ARGV(SELF, "looks")),
            linked = plain;
  plain.given = linked.given = pipes;
  plain.given_count = 1;
  linked.given_count = 2;
  linked.linked = 1;
  trm__root_config config = TREE(top, plain, linked);
  signal(SIGHUP, SIG_IGN);
  tree_begin(config);
  signal(SIGHUP, SIG_DFL);
  tree_await("sees open=40 blocked=0 byte=120 leader=1 hup=1", NULL);  /* 3 and 5 */
  tree_await("sees open=120 blocked=0 byte=121 leader=1 hup=1", NULL); /* 3 to 6 */
  tree_stop(TRM__EXIT_OK);
  close(pipes[0]);
  close(pipes[1]);
  close(stray);
}

static void test_rude(void **state) {
  (void)state;
  trm__root_config config = TREE(group("top", -1, TRM__ONE_FOR_ALL, 0), role("rude", 0, QUIET, ARGV(SELF, "rude")));
  tree_begin(config);
  tree_end(TRM__EXIT_FAULT);
  assert_int_equal(tree_count("rude is killed: it said what its line does not have, type 0"), 1);
  trm__root_config other = TREE(group("top", -1, TRM__ONE_FOR_ALL, 0), role("rude", 0, QUIET, ARGV(SELF, "rude", "1")));
  tree_begin(other); /* only the hub may ADD */
  tree_end(TRM__EXIT_FAULT);
  assert_int_equal(tree_count("does not have, type 4"), 1);
}

/* -- systemd -- */

static int notify_listen(const char *name, char path[64]) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  snprintf(path, 64, name, (long)getpid());
  memcpy(address.sun_path, path, strlen(path) + 1);
  if (path[0] == '@') address.sun_path[0] = 0;
  size_t length = offsetof(struct sockaddr_un, sun_path) + strlen(path);
  assert_int_equal(bind(s, (struct sockaddr *)&address, (socklen_t)length), 0);
  return s;
}

static void notify_expect(int s, const char *text) {
  char got[1100];
  struct pollfd p = {.fd = s, .events = POLLIN};
  for (;;) {
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    ssize_t size = recv(s, got, sizeof got - 1, 0);
    assert_true(size > 0);
    got[size] = 0;
    if (!strcmp(got, text)) return;
  }
}

static void test_systemd(void **state) {
  (void)state;
  static const char *const names[] = {"@trm-test-%ld", "/tmp/trm-test-%ld.socket"};
  for (int i = 0; i < 2; i++) {
    char path[64];
    int s = notify_listen(names[i], path);
    trm__root_config config =
        TREE(group("top", -1, TRM__ONE_FOR_ALL, 1), role("a", 0, LIVELY, ARGV(SELF, "beat", "50")));
    config.notify_socket = path;
    config.watchdog_ms = 30;
    tree_begin(config);
    notify_expect(s, "STATUS=starting");
    notify_expect(s, "WATCHDOG=1");
    notify_expect(s, "READY=1\nSTATUS=all children are ready");
    for (int k = 0; k < 5; k++) notify_expect(s, "WATCHDOG=1");
    kill(root_pid, SIGTERM);
    notify_expect(s, "STOPPING=1\nSTATUS=stopping");
    notify_expect(s, "STATUS=ended");
    tree_end(TRM__EXIT_OK);
    close(s);
    if (path[0] == '/') unlink(path);
  }
}

static void test_notify_names(void **state) {
  (void)state;
  trm__notify n;
  trm_error err = {0};
  char own[32], longest[200];
  CHECK_OK(trm__notify_open(&n, NULL, &err), err);
  trm__notify_send(&n, "READY=1");
  CHECK_OK(trm__notify_open(&n, "", &err), err);
  CHECK_OK(trm__notify_open(&n, "/nowhere/at/all", &err), err);
  trm__notify_send(&n, "READY=1"); /* lost */
  trm__notify_close(&n);
  trm__notify_close(&n);
  memset(longest, 'x', sizeof longest);
  longest[0] = '/';
  longest[sizeof longest - 1] = 0;
  CHECK_FAILS(trm__notify_open(&n, longest, &err), TRM_E_USAGE, err, "NOTIFY_SOCKET");
  CHECK_FAILS(trm__notify_open(&n, "relative", &err), TRM_E_USAGE, err, "expected a path or '@'");
  CHECK_FAILS(trm__notify_open(&n, "@", &err), TRM_E_USAGE, err, "expected a path");
  snprintf(own, sizeof own, "%ld", (long)getpid());
  assert_int_equal(trm__notify_watchdog_ms("3000000", NULL), 1500);
  assert_int_equal(trm__notify_watchdog_ms("3000000", own), 1500);
  assert_int_equal(trm__notify_watchdog_ms("3000000", "1"), 0);
  assert_int_equal(trm__notify_watchdog_ms("3000000", "x"), 0);
  assert_int_equal(trm__notify_watchdog_ms("1", own), 1);
  assert_int_equal(trm__notify_watchdog_ms("0", own), 0);
  assert_int_equal(trm__notify_watchdog_ms("-5", own), 0);
  assert_int_equal(trm__notify_watchdog_ms("soon", own), 0);
  assert_int_equal(trm__notify_watchdog_ms(NULL, own), 0);
}

/* -- what does not fit -- */

static trm_status open_root(void *context, trm_error *err) {
  trm__root *root = NULL;
  trm_status status = trm__root_open(&root, context, err);
  trm__root_close(&root);
  return status;
}

static void test_usage(void **state) {
  (void)state;
  trm_error err = {0};
  trm__node top = group("top", -1, TRM__ONE_FOR_ALL, 1), a = role("a", 0, QUIET, ARGV("x"));
  trm__node early = a, nameless = a, many = a, program = a, tie = group("tie", 0, TRM__ONE_FOR_ALL, 1),
            often = group("often", -1, TRM__ONE_FOR_ALL, 65);
  early.group = 2;
  nameless.name = NULL;
  many.given_count = TRM__MOST_GIVEN + 1;
  program.argv = (const char *const[]){NULL};
  tie.linked = 1;
  trm__node slow = a;
  slow.rule.start_ms = -1;
  const struct {
    trm__root_config config;
    const char *text;
  } wrong[] = {{TREE(a), "the first node must be a group"},
               {TREE(top, early), "expected the number of an earlier group"},
               {TREE(top, nameless), "number 1 has no name"},
               {TREE(top, many), "at most 16 can be"},
               {TREE(top, program), "names no program"},
               {TREE(top, tie), "only roles are linked"},
               {TREE(often), "restarts: is 65, expected 0 to 64"},
               {TREE(top, slow), "start_ms: is -1 ms"},
               {TREE(top, a, a, group("late", 1, TRM__ONE_FOR_ALL, 1)), "stands in node 1"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    trm__root_config config = wrong[i].config;
    CHECK_FAILS(open_root(&config, &err), TRM_E_USAGE, err, wrong[i].text);
  }
  trm__root_config config = TREE(top, a);
  config.hub = 0;
  CHECK_FAILS(open_root(&config, &err), TRM_E_USAGE, err, "is node 0, expected a role");
  config.hub = 2;
  CHECK_FAILS(open_root(&config, &err), TRM_E_USAGE, err, "is node 2, expected a role");
  config.hub = -1;
  config.nodes = 0;
  CHECK_FAILS(open_root(&config, &err), TRM_E_USAGE, err, "there are 0");
  CHECK_FAILS(trm__role_open(&err), TRM_E_USAGE, err, "roles are started by");
}

static int open_each(void *context) {
  trm__root_config config = TREE(group("top", -1, TRM__ONE_FOR_ALL, 1), role("a", 0, QUIET, ARGV("x")));
  (void)context;
  for (size_t n = 1; n < 10; n++) {
    trm_error err = {0};
    size_t used = trm__mem_used();
    trm__mem_fail_at(n);
    trm_status status = open_root(&config, &err);
    size_t counted = trm__mem_fail_at(0);
    if (trm__mem_used() != used) return 1;
    if (counted < n) return status ? 2 : 0;
    if (status != TRM_E_MEMORY) return 3;
  }
  return 4;
}

/* In a child, since a root blocks signals for good. */
static void test_allocations(void **state) {
  (void)state;
  assert_int_equal(check_in_child(open_each, NULL), 0);
}

int main(int argc, char **argv) {
  int status = run_role(roles, sizeof roles / sizeof *roles, argc, argv);
  if (status >= 0) return status;
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_order),         cmocka_unit_test(test_killed_and_hung),
      cmocka_unit_test(test_gives_up),      cmocka_unit_test(test_hopeless),
      cmocka_unit_test(test_groups),        cmocka_unit_test(test_no_program),
      cmocka_unit_test(test_not_ready),     cmocka_unit_test(test_stubborn),
      cmocka_unit_test(test_second_signal), cmocka_unit_test(test_nobody_left),
      cmocka_unit_test(test_root_killed),   cmocka_unit_test(test_process_group),
      cmocka_unit_test(test_descriptors),   cmocka_unit_test(test_rude),
      cmocka_unit_test(test_systemd),       cmocka_unit_test(test_notify_names),
      cmocka_unit_test(test_usage),         cmocka_unit_test(test_allocations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
