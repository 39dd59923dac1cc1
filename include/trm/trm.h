/* libtrm: Tiny Recursion Models. This header holds what the others share: version, logging and the runtime (threads
 * and choice of kernels). No function prints, exits, reads the environment or installs signal handlers. */
#ifndef TRM_TRM_H
#define TRM_TRM_H

#include <trm/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRM_VERSION_MAJOR 0
#define TRM_VERSION_MINOR 1
#define TRM_VERSION_PATCH 0

/* "0.1.0": the library's version at run time; a static string. */
const char *trm_version(void);

typedef enum trm_log_level { TRM_LOG_ERROR, TRM_LOG_WARN, TRM_LOG_INFO, TRM_LOG_DEBUG } trm_log_level;
typedef void (*trm_log_fn)(void *context, trm_log_level level, const char *line);

typedef struct trm_runtime_config {
  int threads;        /* 0: as many as this process may use (affinity and cgroup limits respected) */
  const char *isa;    /* NULL or "auto": the best this CPU runs; or a name: "ref", "avx2", "avx512", ... */
  const char *device; /* NULL or "cpu" */
  trm_log_fn log;     /* NULL: silent */
  void *log_context;
} trm_runtime_config;

/* Threads and kernels that models, trainers and solvers compute with. One may be shared by many handles, but only one
 * call at a time may compute on it. */
typedef struct trm_runtime trm_runtime;

trm_runtime_config trm_runtime_config_default(void);

/* *out is written only on success. TRM_E_USAGE for an unknown isa or device, TRM_E_UNSUPPORTED for one that this
 * machine lacks. The strings of config are not kept. */
trm_status trm_runtime_open(trm_runtime **out, const trm_runtime_config *config, trm_error *err);

/* Accepts NULL; clears the pointer. Handles opened on the runtime must be closed before it. */
void trm_runtime_close(trm_runtime **runtime);

typedef struct trm_runtime_info {
  int threads;        /* computing threads in use */
  int cores;          /* what this process may use */
  char isa[16];       /* kernels in use */
  char available[64]; /* all that this CPU runs, space-separated */
  char device[64];    /* "cpu" */
} trm_runtime_info;

trm_runtime_info trm_runtime_describe(const trm_runtime *runtime);

#ifdef __cplusplus
}
#endif
#endif
