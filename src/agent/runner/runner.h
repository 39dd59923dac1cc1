/* Runs a program for an action: one text in, one text out, with limits, in a process group of its own that is gone when
 * this returns. It is the only place that starts programs for agents.
 *
 * The process has the three standard descriptors, PATH and LANG alone of the environment, no core file, a limit of
 * address space, of the size of files and of open ones; it dies with the thread that started it. What it writes to
 * standard error is kept for messages. At its deadline, or when it is cancelled, it gets SIGTERM, and SIGKILL half a
 * second later. */
#ifndef TRM_AGENT_RUNNER_RUNNER_H
#define TRM_AGENT_RUNNER_RUNNER_H

#include <stdatomic.h>
#include <stddef.h>
#include <trm/error.h>

typedef struct trm__runner_job {
  const char *const *argv; /* an absolute path, its arguments, NULL */
  const char *input;
  size_t input_size;
  double deadline; /* trm__clock; 0: none */
  atomic_int *cancelled;
  size_t memory; /* bytes of address space */
  size_t most;   /* bytes of output; with more it is killed */
} trm__runner_job;

typedef struct trm__runner_end {
  int code;      /* exit code, or -1 */
  int signal;    /* that ended it, or 0 */
  int late;      /* 1: its time was over */
  int cancelled; /* 1 */
  int too_much;  /* 1: it wrote more than `most` bytes */
  char *output;  /* trm__free; a NUL behind it that is not counted */
  size_t size;
  char errors[400]; /* the last of what it wrote to standard error, without control characters */
} trm__runner_end;

/* TRM_OK when it was started, however it ended. */
trm_status trm__runner_run(const trm__runner_job *job, trm__runner_end *end, trm_error *err);

/* 1 when program (absolute) is on a list behind commas. Both are compared with their links followed. */
int trm__runner_allows(const char *list, const char *program);

#endif
