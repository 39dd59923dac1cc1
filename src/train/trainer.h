/* The trainer: everything that one update needs and that a checkpoint must hold, apart from data and files. An update
 * is: halted slots refilled and given new examples, one supervision step of the whole batch in slices, gradients
 * clipped, puzzle rows and weights stepped, EMA, halting. src/train/loop.c drives it; tests drive it with their own
 * batches.
 *
 * It is one sequence of backend operations without a decision on the host, so a device may be behind: enqueue puts an
 * update into its queue, collect waits for all of them and hands out what they logged. A backend that can record
 * operations records the sequence once. On a host each update is done when enqueue returns, and is collected at once.
 *
 * Gradients of all slices are added into one array in slot order, then over the ranks in rank order; every divisor is
 * the global batch. So the result depends on the slice size only through rounding, and not on threads. */
#ifndef TRM_TRAIN_TRAINER_H
#define TRM_TRAIN_TRAINER_H

#include <trm/train.h>

#include "backend/runtime.h"
#include "dist/comm.h"
#include "model/network.h"
#include "train/cycles.h"
#include "train/optimizer.h"
#include "train/slots.h"

/* Examples for slots: inputs, labels [count][S] (a label of -100 is not scored), ids [count]. */
typedef struct trm__examples {
  int32_t *inputs, *labels, *ids;
} trm__examples;

/* What an update was recorded for; another needs another recording. */
typedef struct trm__recorded {
  int micro_batch, latent_cycles, recursion_cycles, reserved;
  trm__update_rule rule;
} trm__recorded;

typedef struct trm__trainer {
  trm_runtime *runtime;  /* borrowed */
  trm__backend *backend; /* borrowed */
  trm__comm *comm;       /* borrowed */
  trm_model_config model;
  trm_train_config config;
  int64_t updates; /* in the whole run: the schedule's N */
  int micro_batch;
  int first; /* this rank's first slot of the global batch */
  trm__cycles cycles;
  trm__params params;
  trm__network *net;
  trm__real *weights, *grads, *ema; /* device [params.trained] */
  trm__real *start;                 /* device [1 + K][D]: y0, z0, the other latents' starts */
  trm__real *puzzle;                /* device [identifiers][ndim]; NULL without */
  trm__optimizer optimizer;
  trm__carry carry;          /* this rank's slots */
  trm__examples offer;       /* host: candidates of the next update, which the caller writes; slot i may take row i */
  trm__examples candidates;  /* device: their copy; on a host the same arrays */
  trm__real *rows;           /* device [micro_batch][ndim]: puzzle rows of a slice */
  trm__real *drows;          /* device [batch][ndim]: their gradients */
  trm__example_stats *stats; /* device [batch]: of the newest update */
  int32_t *ids;              /* device [batch]: identifiers of all ranks' slots; the carry's own with one rank */
  trm__update_state *state;  /* device */
  uint64_t *noise_index;     /* device [slots]: names of the update's noise; NULL without noise */
  trm__update_log log;       /* device */
  trm__update_log seen;      /* host: copy of the log as of the last collect; on a host the log itself */
  trm__recording *recording; /* NULL: none yet, or the backend does not record */
  trm__recorded recorded;
  trm__real *valid_logits;         /* device [micro_batch][S][V], for validation */
  trm__real *valid_q;              /* device [micro_batch][2] */
  trm__example_stats *valid_stats; /* device [micro_batch] */
  trm__carry valid;                /* slots of validation, micro_batch of them, always halted */
  int64_t step;                    /* updates done and collected */
  int queued;                      /* updates in the queue after them */
  int64_t before;                  /* step before the last collect */
} trm__trainer;

typedef struct trm__trainer_config {
  trm_runtime *runtime;
  trm__comm *comm;
  const trm_model_config *model; /* with the data's shapes */
  const trm_train_config *train;
  int64_t updates;
  int micro_batch;
} trm__trainer_config;

/* Weights are initialized from the seed; y0 and z0 too. The comm's size must divide the batch; more than one rank needs
 * a backend on the host. */
trm_status trm__trainer_open(trm__trainer *trainer, const trm__trainer_config *config, trm_error *err);
void trm__trainer_close(trm__trainer *trainer);

/* Bytes of the backend's memory and of the host's (which are the same memory on a host). */
typedef struct trm__bytes {
  size_t device, host;
} trm__bytes;

/* What open allocates, without the network's own bytes. */
trm__bytes trm__trainer_bytes(const trm__params *params, const trm_train_config *config, trm__backend *backend,
                              int local_batch, int micro_batch);

trm__network_plan trm__trainer_network(const trm_train_config *config, int micro_batch);

/* After the weights were changed from outside (a checkpoint, another model). */
void trm__trainer_prepare(trm__trainer *trainer);
/* Goes on after update `step`, and forgets that the run diverged. */
void trm__trainer_set_step(trm__trainer *trainer, int64_t step);

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

/* Updates that a device may be behind. */
#define TRM__QUEUE 32

/* One update into the queue, with trainer->offer as candidates (which may be written again when it returns). A full
 * queue must be collected first. */
int trm__trainer_is_full(const trm__trainer *trainer);
trm_status trm__trainer_enqueue(trm__trainer *trainer, trm_error *err);

/* Waits for the queue; *count: the updates that were done, which trm__trainer_done then describes. TRM_E_DIVERGED when
 * the one after them had a loss, a gradient norm or a mean halting logit that is not finite, or the loss was over
 * max_loss, or that logit under the floor: it and all later ones have changed nothing but the carry's y and z and
 * examples. */
trm_status trm__trainer_collect(trm__trainer *trainer, int *count, trm_error *err);

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
trm__done trm__trainer_done(const trm__trainer *trainer, int i);

/* Enqueue and collect of a single update. */
trm_status trm__trainer_update(trm__trainer *trainer, trm__update *out, trm_error *err);

/* The puzzle rows of b examples (ids: device) into trainer->rows; an identifier out of range reads zeros. */
void trm__trainer_gather(trm__trainer *trainer, const int32_t *ids, int b);
trm_loss_type trm__trainer_loss(const trm__trainer *trainer);

/* A device array seen from the host: the array itself where that is the same memory, so that saving needs no second
 * copy, otherwise a copy. NULL without memory. Each borrowed array must be returned (NULL is accepted); changed = 1
 * copies it back. */
void *trm__trainer_borrow(trm__trainer *trainer, const void *device, size_t bytes, trm_error *err);
void trm__trainer_return(trm__trainer *trainer, void *device, size_t bytes, void *host, int changed);

#endif
