/* Real engines for tests of the pool: processes that are started and killed here, on an event loop of the test's own.
 * TRM_SERVER names the program; without it the child calls the engine itself. */
#ifndef TRM_TESTS_SERVE_ENGINES_H
#define TRM_TESTS_SERVE_ENGINES_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/rng.h"
#include "proc/channel.h"
#include "serve/engine.h"
#include "serve/pool.h"

#define BUILD_ID TRM_TEST_BUILD_ID
#ifndef TRM_TEST_BUILD_ID
#define TRM_TEST_BUILD_ID trm_version()
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define BENCH_S 600 /* seconds that anything may take */
#else
#define BENCH_S 60
#endif
#define SUDOKU TRM_SOURCE_DIR "/models/sudoku-9x9.safetensors"
#define MAZE TRM_SOURCE_DIR "/models/maze-9.safetensors"

typedef struct bench {
  struct event_base *base;
  trm__serve_pool *pool;
  pid_t pid[8];
  int engines, lost;
  uint64_t numbers, number[8];
  trm_error why; /* that `changed` was told last */
} bench;

static inline void bench_changed(void *context, uint64_t engine, const trm_error *err) {
  bench *b = context;
  (void)engine;
  if (err) b->why = *err;
}

static inline trm__work_config bench_models(const char *sudoku, const char *maze) {
  trm__work_config c = {.device = "cpu", .threads = 1};
  snprintf(c.model[c.models].name, TRM__WORK_NAME, "sudoku");
  snprintf(c.model[c.models++].path, TRM__WORK_PATH, "%s", sudoku);
  if (!maze) return c;
  snprintf(c.model[c.models].name, TRM__WORK_NAME, "maze");
  snprintf(c.model[c.models++].path, TRM__WORK_PATH, "%s", maze);
  return c;
}

static inline pid_t bench_spawn(int socket) {
  const char *program = getenv("TRM_SERVER");
  pid_t pid = fork();
  if (pid) return pid;
  alarm(120);           /* a test that fails leaves nobody behind */
  int fd = dup(socket); /* without close-on-exec */
  char text[16];
  snprintf(text, sizeof text, "%d", fd);
  if (program) execl(program, program, "--role", "engine", "--channel", text, (char *)NULL);
  const trm__serve_engine_options options = {.channel = fd, .build_id = BUILD_ID};
  _exit(program ? 127 : trm__serve_engine_run(&options));
}

/* Engine i, in place of the one that was there. */
static inline void bench_start(bench *b, int i) {
  int sockets[2];
  trm_error err = {0};
  assert_int_equal(trm__channel_pair(sockets, &err), TRM_OK);
  b->pid[i] = bench_spawn(sockets[1]);
  assert_true(b->pid[i] > 0);
  close(sockets[1]);
  b->number[i] = ++b->numbers;
  assert_int_equal(trm__serve_pool_attach(b->pool, b->number[i], sockets[0], &err), TRM_OK);
  if (i >= b->engines) b->engines = i + 1;
}

static inline int bench_kill(bench *b, int i, int number) {
  int status = 0;
  assert_int_equal(kill(b->pid[i], number), 0);
  assert_int_equal(waitpid(b->pid[i], &status, 0), b->pid[i]);
  b->pid[i] = 0;
  b->lost++;
  return status;
}

static inline void bench_open(bench *b, const trm__work_config *engine, int deaths, int64_t waiting) {
  trm__serve_pool_config config = trm__serve_pool_config_default();
  trm_error err = {0};
  *b = (bench){.base = event_base_new()};
  config.base = b->base;
  config.build_id = BUILD_ID;
  config.engine = *engine;
  config.deaths = deaths;
  config.waiting_most = waiting;
  config.changed = bench_changed;
  config.context = b;
  assert_int_equal(trm__serve_pool_open(&b->pool, &config, &err), TRM_OK);
}

static inline void bench_close(bench *b) {
  trm__serve_pool_close(&b->pool);
  for (int i = 0; i < b->engines; i++)
    if (b->pid[i]) bench_kill(b, i, SIGKILL);
  event_base_free(b->base);
}

/* Turns the loop until the condition holds; BENCH_S is too long. */
#define BENCH_UNTIL(b, condition)                                                                                      \
  do {                                                                                                                 \
    double bench_end = trm_clock() + BENCH_S;                                                                          \
    while (!(condition)) {                                                                                             \
      struct timeval bench_turn = {0, 5000};                                                                           \
      if (trm_clock() > bench_end) fail_msg("%d seconds passed without %s", BENCH_S, #condition);                      \
      event_base_loopexit((b)->base, &bench_turn);                                                                     \
      event_base_dispatch((b)->base);                                                                                  \
    }                                                                                                                  \
  } while (0)

static inline int bench_up(const bench *b) {
  return trm__serve_pool_get_stats(b->pool).up;
}

#endif
