/* The server's log: a record a line on standard error, as text for people or as a JSON object {ts, level, msg,
 * component, ...}. No record has a puzzle, an answer, a state or a token in it. Threads: any. */
#ifndef TRM_SERVE_RECORDS_H
#define TRM_SERVE_RECORDS_H

#include <trm/trm.h>

#include "base/log.h"

typedef struct trm__records {
  int json;  /* 1: JSON lines */
  int least; /* trm_log_level: what is less is not written */
  const char *component;
} trm__records;

/* form: of trm__serve_config.log. */
trm__records trm__records_open(int form, int least, const char *component);

/* What a record is about, beside its message; NULL or "" members are left out. */
typedef struct trm__records_about {
  const char *trace_id, *job_id, *model_version, *route, *client;
  int status;     /* of HTTP; 0: none */
  double seconds; /* negative: none */
} trm__records_about;

void trm__records_write(const trm__records *records, trm_log_level level, const trm__records_about *about,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

/* For what logs through base/log.h; records must outlive it. */
trm__log trm__records_log(const trm__records *records);

#endif
