/* Ranks: several processes, on one machine or many, that do one training run together, as the processes of an MPI job
 * (mpirun). The results have the same bits as those of one process. MPI itself is in trm-mpi.so, which is opened here.
 * One handle a process; calls on it come from one thread, and all ranks make the same calls in the same order. */
#ifndef TRM_RANKS_H
#define TRM_RANKS_H

#include <stdint.h>
#include <trm/data.h>
#include <trm/error.h>
#include <trm/solve.h>
#include <trm/train.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trm_ranks trm_ranks;

/* Called about four times a second while another rank is waited for longer than a quarter of a second: which one, and
 * how long already. */
typedef void (*trm_ranks_fn)(void *context, int rank, double seconds);

typedef struct trm_ranks_config {
  uint32_t size;        /* set by trm_ranks_config_default() */
  int any_number;       /* 1: also a number of ranks that is no power of two */
  const char *module;   /* path of trm-mpi.so */
  double timeout;       /* seconds: a rank that does not answer for so long is given up; 0: never. 300 unless set */
  trm_ranks_fn waiting; /* NULL: nobody is told */
  void *context;
} trm_ranks_config;
trm_ranks_config trm_ranks_config_default(void);

/* Joins the MPI job that this process was started in, waiting for all its ranks. TRM_E_UNSUPPORTED where the module or
 * MPI cannot be opened; TRM_E_USAGE, on every rank, when ranks run different builds of the library. The strings of
 * config are not kept. */
trm_status trm_ranks_open(trm_ranks **out, const trm_ranks_config *config, trm_error *err);
/* Leaves the job. Accepts NULL; clears the pointer. */
void trm_ranks_close(trm_ranks **ranks);

typedef struct trm_ranks_info {
  int rank, size; /* 0 <= rank < size */
  int lost;       /* 1: messages are no longer exchanged, so the others cannot be told anything */
  int reserved;   /* 0 */
  char host[64];  /* this machine's name */
  double seconds; /* so far in communication, waiting for others included */
  int64_t bytes;  /* sent so far */
} trm_ranks_info;
trm_ranks_info trm_ranks_describe(const trm_ranks *ranks);

/* Tells the others why this rank stops, unless they know: each gets this error from the call that it is in, or its
 * next. For failures between the calls below, which tell of their own. */
void trm_ranks_abandon(trm_ranks *ranks, const trm_error *why);

/* trm_train_start and trm_train_resume by all ranks together. Each has a runtime of its own and passes the same values;
 * paths lead to the same run directory, which rank 0 writes, and to the same data. config->slices must be a power of
 * two, and the number of ranks one up to that. Progress is told on every rank; when one asks to stop, all do after the
 * same update. After an error the handle is good for trm_ranks_close alone. */
trm_status trm_ranks_train_start(trm_ranks *ranks, trm_runtime *runtime, const trm_model_config *model,
                                 const trm_train_config *config, trm_train_fn fn, void *context,
                                 trm_train_result *result, trm_error *err);
trm_status trm_ranks_train_resume(trm_ranks *ranks, trm_runtime *runtime, const char *run, const char *const *overrides,
                                  size_t count, trm_train_fn fn, void *context, trm_train_result *result,
                                  trm_error *err);

#ifdef __cplusplus
}
#endif
#endif
