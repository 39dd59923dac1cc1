/* Batches built before they are asked for: one thread fills a small ring of buffers in order and waits when it is full,
 * so that a batch is ready when it is asked for. What is built does not depend on which thread is faster. */
#ifndef TRM_DATA_LOAD_AHEAD_H
#define TRM_DATA_LOAD_AHEAD_H

#include <stdint.h>
#include <trm/error.h>

typedef struct trm__batch {
  int32_t *inputs, *labels; /* [rows][seq_len] */
  int32_t *ids;             /* [rows] */
  int64_t after[3];         /* the builder's position when it was done */
} trm__batch;

typedef struct trm__ahead trm__ahead;

/* Fills the next batch; called in the ring's thread alone. */
typedef trm_status (*trm__build_fn)(void *context, trm__batch *to, trm_error *err);

/* depth >= 1 buffers of rows >= 1 examples; the thread starts at once. */
trm_status trm__ahead_open(trm__ahead **out, int depth, int rows, int seq_len, trm__build_fn build, void *context,
                           trm_error *err);
void trm__ahead_close(trm__ahead **ahead); /* stops the thread; what was built and not taken is lost */

/* The next batch, valid until the next call; waits for it. A builder's error comes in its place, and stays. */
trm_status trm__ahead_next(trm__ahead *ahead, const trm__batch **out, trm_error *err);

#endif
