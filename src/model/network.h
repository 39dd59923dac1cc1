/* The network and its recursion over a backend: one supervision step without gradients, and one with gradients through
 * the last recursion cycle (SPEC.md, Recursion). All buffers are planned when it is opened. */
#ifndef TRM_MODEL_NETWORK_H
#define TRM_MODEL_NETWORK_H

#include "backend/backend.h"
#include "model/params.h"

typedef struct trm__network_plan {
  int max_batch; /* examples in one call (the micro-batch in training) */
  int training;  /* 1: buffers for gradients */
  int recompute; /* 1: blocks keep only their inputs and recompute the rest in the backward pass */
} trm__network_plan;

typedef struct trm__network trm__network;

/* backend and params are borrowed. */
trm_status trm__network_open(trm__network **out, const trm_model_config *config, const trm__params *params,
                             trm__backend *backend, const trm__network_plan *plan, trm_error *err);
void trm__network_close(trm__network **net);
size_t trm__network_bytes(const trm_model_config *config, trm__backend *backend,
                          const trm__network_plan *plan); /* what open will allocate */

/* After each change of the weights. flat: device array shaped by params. */
void trm__network_prepare(trm__network *net, trm__real *flat);

/* Training schedules may change n and T between steps (n <= L_cycles and any T of the plan's configuration). */
void trm__network_set_cycles(trm__network *net, int latent_cycles, int recursion_cycles);

void trm__network_cycles(const trm__network *net, int *latent_cycles, int *recursion_cycles); /* as they are now */

/* One supervision step for b examples: y, z [b][L][D] are updated in place; logits [b][S][V] and q [b][2] (device)
 * are written. tokens [b][S] and rows [b][emb_ndim] (NULL: zeros) on the device. */
void trm__network_step(trm__network *net, int b, const int32_t *tokens, const trm__real *rows, trm__act *y, trm__act *z,
                       trm__real *logits, trm__real *q);

/* The same, and loss and metrics into stats [b]; labels [b][S] (device both). */
void trm__network_scored_step(trm__network *net, int b, const int32_t *tokens, const trm__real *rows,
                              const int32_t *labels, const trm__loss *loss, trm__act *y, trm__act *z, trm__real *logits,
                              trm__real *q, trm__example_stats *stats);

/* The same with gradients, which are added to grads (flat, device) and written to drows [b][emb_ndim] (NULL: skip).
 * steps [b]: supervision steps that each example has had (for loss->step_decay; NULL: none). stats, logits_out
 * [b][S][V] and q_out [b][2] (NULL: skip) on the device. */
void trm__network_train_step(trm__network *net, int b, const int32_t *tokens, const trm__real *rows,
                             const int32_t *labels, const int32_t *steps, const trm__loss *loss, trm__act *y,
                             trm__act *z, trm__real *grads, trm__real *drows, trm__example_stats *stats,
                             trm__real *logits_out, trm__real *q_out);

/* Loss and metrics of given logits without gradients; all on the device. */
void trm__network_loss(trm__network *net, int b, const trm__real *logits, const trm__real *q, const int32_t *labels,
                       const trm__loss *loss, trm__example_stats *stats);

/* Resets slots to the carry's start (start [2][D], halted [b]: device); see backend refill. */
void trm__network_refill(trm__network *net, int b, const uint8_t *halted, const trm__real *start, trm__act *y,
                         trm__act *z);

/* Tests: called after each call of the network f with its number in the step (0-based) and its output [b][L][D]. */
typedef void (*trm__network_observer)(void *context, int call, const trm__act *h, int b);
void trm__network_observe(trm__network *net, trm__network_observer fn, void *context);

#endif
