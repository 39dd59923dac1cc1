/* Log lines go to the callback of the runtime config, never to a file descriptor. */
#ifndef TRM_BASE_LOG_H
#define TRM_BASE_LOG_H

#include <trm/trm.h>

typedef struct trm__log {
  trm_log_fn fn; /* NULL: silent */
  void *context;
} trm__log;

void trm__log_write(const trm__log *log, trm_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
