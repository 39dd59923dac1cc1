/* A run in a temporary folder with tiny data and a tiny network, for tests through the public functions. */
#ifndef TRM_TESTS_UNIT_TRAIN_RUN_BENCH_H
#define TRM_TESTS_UNIT_TRAIN_RUN_BENCH_H

#include "unit/train/support.h"

enum { BENCH_UPDATES = 24 };

typedef struct bench {
  char dir[64], run[100];
  trm_runtime *runtime;
  trm_model_config model;
  trm_train_config train;
  trm_train_result result;
  char log[8192];                 /* lines of the library's log */
  double rate[BENCH_UPDATES + 1]; /* of each update, where a test keeps them */
  int64_t stop_at;
} bench;

static inline void bench_keep_line(void *context, trm_log_level level, const char *line) {
  bench *b = context;
  (void)level;
  if (strlen(b->log) + strlen(line) + 2 < sizeof b->log) strcat(strcat(b->log, line), "\n");
}

static inline void open_bench(bench *b) {
  trm_error err = {0};
  trm_runtime_config config = trm_runtime_config_default();
  *b = (bench){.model = tiny_model()};
  check_temp_dir(b->dir);
  tiny_data(b->dir);
  snprintf(b->run, sizeof b->run, "%s/run", b->dir);
  b->train = tiny_train(b->dir, "run");
  config.threads = 2;
  config.log = bench_keep_line;
  config.log_context = b;
  CHECK_OK(trm_runtime_open(&b->runtime, &config, &err), err);
}

static inline void close_bench(bench *b) {
  trm_runtime_close(&b->runtime);
  check_remove(b->dir);
}

static inline int exists(const bench *b, const char *name) {
  return access(check_path(b->run, name), F_OK) == 0;
}

#endif
