/* How the ranks of a training run talk: a small table of collective operations. Every rank calls them in the same
 * order. The loop of src/train is written over this table alone, so one rank (comm_self.c) and many run the same code.
 */
#ifndef TRM_DIST_COMM_H
#define TRM_DIST_COMM_H

#include <stddef.h>
#include <trm/error.h>

typedef struct trm__comm trm__comm;

struct trm__comm {
  int rank, size; /* 0 <= rank < size */

  /* x [n] becomes, on every rank, the sum over the ranks, added in rank order: the same bits on each rank and in each
   * run with the same number of ranks. */
  trm_status (*all_reduce_sum)(trm__comm *comm, float *x, size_t n, trm_error *err);

  /* data [size][bytes]: rank r brings block r and receives the others'. */
  trm_status (*all_gather)(trm__comm *comm, void *data, size_t bytes, trm_error *err);

  void (*close)(trm__comm *comm);
};

/* One rank: every operation is complete before it starts. */
trm_status trm__comm_self(trm__comm **out, trm_error *err);

void trm__comm_close(trm__comm **comm); /* accepts NULL inside; clears the pointer */

#endif
