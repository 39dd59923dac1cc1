/* One update of the weights: halted slots refilled and given new examples, one supervision step of the whole batch in
 * slices of micro-batches, gradients clipped, puzzle rows and weights stepped, EMA, halting.
 *
 * It is one sequence of backend operations without a decision on the host, so a device may be behind: enqueue puts an
 * update into its queue, collect waits for all of them and hands out what they logged. A backend that can record
 * operations records the sequence once. On a host each update is done when enqueue returns, and is collected at once.
 *
 * The queue's invariants:
 *   1. trainer->step updates are done and collected; trainer->queued more are in the queue; the next is the update
 *      step + queued + 1.
 *   2. queued <= log.entries: update t leaves its log at t % log.entries, so no entry is overwritten uncollected.
 *   3. After a collect, queued is 0 and the updates before + 1 ... step are in `seen`, until the next enqueue.
 *   4. A recording is replayed only while its key equals the update's; its arguments are addresses in the trainer.
 *
 * Gradients of a slice's micro-batches are added into one array in slot order, and slices are summed in a tree
 * (dist/comm.h); every divisor is the global batch. So the result depends on the numbers of slices and of examples in a
 * micro-batch only through rounding, and not on threads or ranks. */
#ifndef TRM_TRAIN_UPDATE_H
#define TRM_TRAIN_UPDATE_H

#include "train/trainer.h"

typedef struct trm__update {
  double loss, lm_loss, halt_loss; /* means over the global batch */
  double q_halt;                   /* mean logit */
  double grad_norm;                /* before clipping */
  double lr;                       /* of the main optimizer */
  const trm__pool_counts *pool;    /* of the lattice recursion, until the next enqueue; else NULL */
} trm__update;

/* The mean logit under which the halting head counts as lost: the published training sometimes drifts to minus
 * infinity there, long before the loss is NaN. */
#define TRM__Q_HALT_FLOOR (-1e4)

/* One update into the queue, with trainer->offer as candidates (which may be written again when it returns). A full
 * queue must be collected first. */
int trm__update_queue_full(const trm__trainer *trainer);
trm_status trm__update_enqueue(trm__trainer *trainer, trm_error *err);

/* Waits for the queue; *count: the updates that were done, which trm__update_done then describes. TRM_E_DIVERGED when
 * the one after them had a loss, a gradient norm or a mean halting logit that is not finite, or the loss was over
 * max_loss, or that logit under the floor: it and all later ones have changed nothing but the slots' y and z and
 * examples. */
trm_status trm__update_collect(trm__trainer *trainer, int *count, trm_error *err);

/* Update i of the last collect, from 0. stats, steps and halted [slots] of this rank's slots, valid until the next
 * enqueue. */
typedef struct trm__done {
  int64_t step;
  trm__update update;
  int slots;
  const trm__example_stats *stats;
  const int32_t *steps;
  const uint8_t *halted;
} trm__done;
trm__done trm__update_done(const trm__trainer *trainer, int i);

/* Enqueue and collect of a single update. */
trm_status trm__update_run(trm__trainer *trainer, trm__update *out, trm_error *err);

/* The puzzle rows of b examples (ids: device) into trainer->rows; an identifier out of range reads zeros. */
void trm__update_gather(trm__trainer *trainer, const int32_t *ids, int b);
trm_loss_type trm__update_loss_kind(const trm__trainer *trainer);

#endif
