/* A root process for tests: it runs in a child of the test, its roles are this program again, and all of them write
 * lines to one pipe, which the test waits for. A role is a function of a table; its name is the second argument. */
#ifndef TRM_TESTS_UNIT_PROC_TREE_OF_H
#define TRM_TESTS_UNIT_PROC_TREE_OF_H

#include "support/check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <time.h>

#include "proc/root.h"
#include "proc/spawn.h"

#define PATIENCE_MS 20000
#define SELF "/proc/self/exe", "--role"

typedef struct test_role {
  const char *name;
  int (*run)(int argc, char **argv); /* argv from the name on */
} test_role;

static pid_t root_pid;
static int root_says;               /* the reading end */
static char root_text[1 << 20];     /* all that was said */
static size_t root_used, root_seen; /* bytes there; bytes that were waited for */

static inline void say_line(const char *format, ...) {
  char line[256];
  va_list args;
  va_start(args, format);
  int length = vsnprintf(line, sizeof line - 1, format, args);
  va_end(args);
  line[length] = '\n';
  if (write(STDOUT_FILENO, line, (size_t)length + 1) < 0) _exit(99);
}

static inline void say_log(void *context, trm_log_level level, const char *line) {
  (void)context, (void)level;
  say_line("%s", line);
}

static inline void sleep_ms(long ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&t, &t) < 0 && errno == EINTR) continue;
}

static inline int64_t clock_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The role that this process was started for; negative: it is the test. */
static inline int run_role(const test_role *roles, size_t count, int argc, char **argv) {
  if (argc < 3 || strcmp(argv[1], "--role") != 0) return -1;
  for (size_t i = 0; i < count; i++)
    if (!strcmp(argv[2], roles[i].name)) return roles[i].run(argc - 2, argv + 2);
  return 98;
}

static inline int tree_run(const trm__root_config *config, pid_t test) {
  trm__root *root = NULL;
  trm_error err = {0};
  trm__spawn_bind(test);
  for (int number = 1; number < NSIG; number++) /* cmocka catches some, and a child would until its exec */
    if (number != SIGHUP) signal(number, SIG_DFL);
  if (trm__root_open(&root, config, &err)) {
    say_line("%s: %s", err.where, err.message);
    return 97;
  }
  trm__mem_fail_at(1); /* it promises to allocate nothing */
  int status = trm__root_run(root);
  trm__root_close(&root);
  return status;
}

static inline void tree_begin(trm__root_config config) {
  int ends[2];
  pid_t test = getpid();
  config.log = (trm__log){.fn = say_log};
  fflush(stdout);
  assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
  root_pid = fork();
  if (root_pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]); /* the pipe ends when all processes have */
    close(ends[1]);
    _exit(tree_run(&config, test));
  }
  close(ends[1]);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  root_says = ends[0];
  root_used = root_seen = 0;
}

/* 0: nobody is left who could say more. */
static inline int tree_listen(int ms) {
  struct pollfd p = {.fd = root_says, .events = POLLIN};
  if (poll(&p, 1, ms) == 0) return 1;
  if (root_used + 4096 >= sizeof root_text) root_used = root_seen = 0;
  ssize_t got = read(root_says, root_text + root_used, sizeof root_text - root_used - 1);
  if (got > 0) root_used += (size_t)got;
  root_text[root_used] = 0;
  return got != 0;
}

/* Waits for the next line that holds text; of its numbers the one after `before`, where that is not NULL. */
static inline long tree_await(const char *text, const char *before) {
  int64_t until = clock_ms() + PATIENCE_MS;
  for (;;) {
    root_text[root_used] = 0;
    char *found = strstr(root_text + root_seen, text), *end = found ? strchr(found, '\n') : NULL;
    if (end) {
      root_seen = (size_t)(end + 1 - root_text);
      char *number = before ? strstr(found, before) : NULL;
      return number && number < end ? strtol(number + strlen(before), NULL, 10) : 0;
    }
    if (!tree_listen(50) || clock_ms() > until) fail_msg("\"%s\" was never said:\n%s", text, root_text);
  }
}

/* How often text was said so far. */
static inline int tree_count(const char *text) {
  int count = 0;
  root_text[root_used] = 0;
  for (const char *p = root_text; (p = strstr(p, text)); p++) count++;
  return count;
}

/* The root ends with this status, and nobody survives it: the pipe, which all of them hold, ends. */
static inline void tree_end(int expected) {
  int status = 0;
  int64_t until = clock_ms() + PATIENCE_MS;
  while (tree_listen(50))
    if (clock_ms() > until) fail_msg("somebody is left:\n%s", root_text);
  assert_int_equal(waitpid(root_pid, &status, 0), root_pid);
  int got = WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
  if (got != expected) fail_msg("the root ended with %d, expected %d:\n%s", got, expected, root_text);
  close(root_says);
}

static inline void tree_stop(int expected) {
  kill(root_pid, SIGTERM);
  tree_end(expected);
}

/* -- trees -- */

#define ARGV(...)                                                                                                      \
  (const char *const[]) {                                                                                              \
    __VA_ARGS__, NULL                                                                                                  \
  }
#define TREE(...)                                                                                                      \
  {                                                                                                                    \
    .node = (const trm__node[]){__VA_ARGS__}, .nodes = sizeof((const trm__node[]){__VA_ARGS__}) / sizeof(trm__node),   \
    .hub = -1                                                                                                          \
  }

#define LIVELY ((trm__child_rule){TRM__PERMANENT, 20000, 10000, 1500})
#define QUIET ((trm__child_rule){TRM__PERMANENT, 20000, 10000, 0})

static inline trm__node group(const char *name, int above, trm__strategy strategy, int restarts) {
  return (trm__node){.name = name,
                     .group = above,
                     .supervisor = {.strategy = strategy,
                                    .restarts = restarts,
                                    .period_ms = 60000,
                                    .backoff_ms = 20,
                                    .backoff_most_ms = 100,
                                    .seed = 3}};
}

static inline trm__node role(const char *name, int above, trm__child_rule rule, const char *const *argv) {
  return (trm__node){.name = name, .group = above, .rule = rule, .argv = argv};
}

#endif
