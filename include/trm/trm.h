/* libtrm: Tiny Recursion Models. This header holds what the others share: version, logging and the runtime (threads
 * and choice of kernels). No function prints, exits, reads the environment or installs signal handlers. */
#ifndef TRM_TRM_H
#define TRM_TRM_H

#include <stdint.h>
#include <trm/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRM_VERSION_MAJOR 0
#define TRM_VERSION_MINOR 1
#define TRM_VERSION_PATCH 0

/* "0.1.0": the library's version at run time; a static string. */
const char *trm_version(void);

/* Seconds of the monotonic clock: of deadlines (trm/solve.h). */
double trm_clock(void);

typedef enum trm_log_level { TRM_LOG_ERROR, TRM_LOG_WARN, TRM_LOG_INFO, TRM_LOG_DEBUG } trm_log_level;
typedef void (*trm_log_fn)(void *context, trm_log_level level, const char *line);

/* Every struct by which a caller configures something begins with `size`, the bytes that the caller's header knows of
 * it. The struct's _default() sets it, and every field; a function refuses one that was not filled so (TRM_E_USAGE). */
typedef struct trm_runtime_config {
  uint32_t size;      /* set by trm_runtime_config_default() */
  int threads;        /* 0: as many as this process may use (affinity and cgroup limits respected) */
  const char *isa;    /* NULL or "auto": all that this CPU has; or "ref", "avx2", ...; several joined by '+' */
  const char *device; /* NULL or "cpu"; "cuda" or "cuda:N" in builds with CUDA: the card's number */
  trm_log_fn log;     /* NULL: silent */
  void *log_context;
} trm_runtime_config;

/* Threads and kernels that models, trainers and solvers compute with. One may be shared by many handles, but only one
 * call at a time may compute on it. */
typedef struct trm_runtime trm_runtime;

trm_runtime_config trm_runtime_config_default(void);

/* *out is written only on success. TRM_E_USAGE for an unknown isa or device, TRM_E_UNSUPPORTED for one that this
 * machine lacks. The strings of config are not kept; config NULL: the defaults. */
trm_status trm_runtime_open(trm_runtime **out, const trm_runtime_config *config, trm_error *err);

/* Accepts NULL; clears the pointer. Handles opened on the runtime must be closed before it. */
void trm_runtime_close(trm_runtime **runtime);

typedef struct trm_runtime_info {
  int threads;         /* computing threads in use */
  int cores;           /* what this process may use */
  char isa[64];        /* kernels in use: instruction sets joined by '+', without those that these need */
  char available[128]; /* all that this process may use, space-separated, best last */
  char device[64];     /* "cpu", "cuda:0" */
} trm_runtime_info;

trm_runtime_info trm_runtime_describe(const trm_runtime *runtime);

/* An instruction set that trm_runtime_config.isa can name. */
typedef struct trm_isa_info {
  char name[24];
  int present;   /* 1: processor and operating system have it, and this build has its kernels */
  char why[160]; /* why it is not used although it is present: this process was refused it; why it is not present; or ""
                  */
} trm_isa_info;

/* Writes up to `most` instruction sets to list (NULL with most 0), from worst to best, and returns how many there are.
 * Asks for the permissions that this process needs for those present, as opening a model of their number type would. */
int trm_isas(trm_isa_info *list, int most);

/* A card that trm_runtime_config.device can name. */
typedef struct trm_device_info {
  char name[16];   /* "cuda:0" */
  char model[64];  /* as its maker calls it */
  uint64_t memory; /* bytes, all of it */
  int capability;  /* CUDA's compute capability times ten: 90 */
  int usable;      /* 0: too old */
  int driver;      /* newest CUDA that the driver knows, times 1000: 13000 */
  int built;       /* the CUDA that this library was built with, likewise */
} trm_device_info;

/* Writes up to `most` cards to list (NULL with most 0) and returns how many there are. When there is none, why (may be
 * NULL) says the reason and what to do. */
int trm_devices(trm_device_info *list, int most, trm_error *why);

#ifdef __cplusplus
}
#endif
#endif
