/* The trainer: everything that one update needs and that a checkpoint must hold, apart from data and files. An update
 * is: slots refilled (carry.h), one supervision step of the whole batch in slices, gradients clipped, puzzle rows and
 * weights stepped, EMA, halting. src/train/loop.c drives it; tests drive it with their own batches.
 *
 * Gradients of all slices are added into one array in slot order, then over the ranks in rank order; every divisor is
 * the global batch. So the result depends on the slice size only through rounding, and not on threads. */
#ifndef TRM_TRAIN_TRAINER_H
#define TRM_TRAIN_TRAINER_H

#include <trm/train.h>

#include "backend/runtime.h"
#include "dist/comm.h"
#include "model/network.h"
#include "train/carry.h"
#include "train/optimizer.h"

typedef struct trm__trainer {
  trm_runtime *runtime;  /* borrowed */
  trm__backend *backend; /* borrowed */
  trm__comm *comm;       /* borrowed */
  trm_model_config model;
  trm_train_config config;
  int64_t updates; /* in the whole run: the schedule's N */
  int micro_batch;
  trm__params params;
  trm__network *net;
  trm__real *weights, *grads, *ema; /* device [params.trained] */
  trm__real *start;                 /* device [2][D]: y0, z0 */
  trm__real *puzzle;                /* device [identifiers][ndim]; NULL without */
  trm__optimizer optimizer;
  trm__carry carry;
  trm__real *rows;           /* device [micro_batch][ndim]: puzzle rows of a slice */
  trm__real *drows;          /* device [batch][ndim]: their gradients */
  trm__example_stats *stats; /* host [batch]: of the last update */
  trm__real *valid_logits;   /* device [micro_batch][S][V], for validation */
  trm__real *valid_q;        /* device [micro_batch][2] */
  trm__carry valid;          /* slots of validation, micro_batch of them */
  int64_t step;              /* updates done */
} trm__trainer;

typedef struct trm__trainer_config {
  trm_runtime *runtime;
  trm__comm *comm;
  const trm_model_config *model; /* with the data's shapes */
  const trm_train_config *train;
  int64_t updates;
  int micro_batch;
} trm__trainer_config;

/* Weights are initialized from the seed; y0 and z0 too. The comm's size must divide the batch. */
trm_status trm__trainer_open(trm__trainer *trainer, const trm__trainer_config *config, trm_error *err);
void trm__trainer_close(trm__trainer *trainer);
/* What open allocates, without the network's own bytes. */
size_t trm__trainer_bytes(const trm__params *params, const trm_train_config *config, trm__backend *backend,
                          int local_batch, int micro_batch);

/* After the weights were changed from outside (a checkpoint, another model). */
void trm__trainer_prepare(trm__trainer *trainer);

/* Starts from another model's weights, copied by name; ema follows. Puzzle rows are copied when their number is equal,
 * otherwise each becomes the mean of the model's. TRM_E_INPUT naming the tensor that does not fit. */
trm_status trm__trainer_init_from(trm__trainer *trainer, const char *path, trm_error *err);

typedef struct trm__update {
  double loss, lm_loss, halt_loss; /* means over the global batch */
  double q_halt;                   /* mean logit */
  double grad_norm;                /* before clipping */
  double lr;                       /* of the main optimizer */
} trm__update;

/* The mean logit under which the halting head counts as lost: the published training sometimes drifts to minus
 * infinity there, long before the loss is NaN. */
#define TRM__Q_HALT_FLOOR (-1e4)

/* One update of slots that have been refilled. TRM_E_DIVERGED, with nothing changed but the carry, when the loss, the
 * gradient norm or the mean halting logit is not finite, or the loss is over max_loss, or that logit under the floor.
 */
trm_status trm__trainer_update(trm__trainer *trainer, trm__update *out, trm_error *err);

/* The puzzle rows of b examples into trainer->rows; an identifier out of range reads zeros. */
void trm__trainer_gather(trm__trainer *trainer, const int32_t *ids, int b);

/* A device array seen from the host: the array itself on the CPU backend, so that saving needs no second copy,
 * otherwise a copy. Each borrowed array must be returned; changed = 1 copies it back. */
int trm__trainer_on_host(const trm__trainer *trainer);
trm_status trm__trainer_borrow(trm__trainer *trainer, const trm__real *device, size_t n, trm__real **host,
                               trm_error *err);
void trm__trainer_return(trm__trainer *trainer, trm__real *device, size_t n, trm__real *host, int changed);

#endif
