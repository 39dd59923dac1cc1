/* The network and its recursion over a backend: one supervision step without gradients, and one with gradients through
 * the last recursion cycle (docs/spec.md, Recursion). All buffers are planned when it is opened. */
#ifndef TRM_MODEL_NETWORK_H
#define TRM_MODEL_NETWORK_H

#include "backend/backend.h"
#include "model/params.h"

typedef struct trm__network_plan {
  int max_batch; /* examples in one call (the micro-batch in training) */
  int training;  /* 1: buffers for gradients */
  int recompute; /* 1: blocks keep only their inputs and recompute the rest in the backward pass */
  int latents;   /* K of trm__network_train_step_best; 0: it is not called */
} trm__network_plan;

/* What is added to z after every latent cycle: sigma times normal numbers from the stream (seed, index[i]) of each
 * example, cycle j of a step from the number offset + j * trm__network_noise_numbers on. */
typedef struct trm__network_noise {
  double sigma; /* 0: nothing */
  uint64_t seed;
  const uint64_t *index; /* device [b] */
  uint64_t offset;       /* even */
} trm__network_noise;

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

/* Noise of the steps that follow; until it is called, and with NULL, there is none. */
void trm__network_set_noise(trm__network *net, const trm__network_noise *noise);
uint64_t trm__network_noise_numbers(const trm__network *net); /* of one z: L * D, made even */

/* The damping of the steps that follow, in place of the configuration's: less than 1. Of a network for solving. */
void trm__network_set_damping(trm__network *net, double damping);

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

/* Winner takes all ("Speed is Confidence", arXiv 2601.19085) among plan.latents latents of each example: all of them
 * take the step from the same y, the one of least lm loss (first of equals) takes its last recursion cycle again with
 * gradients and gives stats [b] and the new y; every latent keeps its own new z. z: the latents' [b][L][D], z_stride
 * bytes from one latent to the next. Noise is the same for all latents of an example. */
void trm__network_train_step_best(trm__network *net, int b, const int32_t *tokens, const trm__real *rows,
                                  const int32_t *labels, const int32_t *steps, const trm__loss *loss, trm__act *y,
                                  trm__act *z, size_t z_stride, trm__real *grads, trm__real *drows,
                                  trm__example_stats *stats);

/* Loss and metrics of given logits without gradients; all on the device. */
void trm__network_loss(trm__network *net, int b, const trm__real *logits, const trm__real *q, const int32_t *labels,
                       const trm__loss *loss, trm__example_stats *stats);

/* Resets slots to the carry's start (start [2][D], halted [b]: device); see backend refill. */
void trm__network_refill(trm__network *net, int b, const uint8_t *halted, const trm__real *start, trm__act *y,
                         trm__act *z);

/* The same for latent k, whose start is row 1 + k of start [1 + K][D]; noise (offset: of latent 0's start; the latents'
 * starts follow each other) is added to it, NULL: none. */
void trm__network_refill_latent(trm__network *net, int b, const uint8_t *halted, const trm__real *start, int k,
                                const trm__network_noise *noise, trm__act *y, trm__act *z);

/* Noise is added to z [b][L][D], with its stream's numbers from noise->offset on. */
void trm__network_shake(trm__network *net, int b, const trm__network_noise *noise, trm__act *z);

/* K candidates of a state become one: from [K][b][L][D], q [K][b] -> to [b][L][D]; see backend merge. */
void trm__network_merge(trm__network *net, trm__merge_kind kind, int K, int b, const trm__act *from, const trm__real *q,
                        trm__act *to);

/* What the heads make of y: logits and q, and with labels (NULL: none) loss and metrics. */
void trm__network_heads(trm__network *net, int b, const trm__act *y, const int32_t *labels, const trm__loss *loss,
                        trm__real *logits, trm__real *q, trm__example_stats *stats);

/* out [b][2] (device): of each example's x [b][L][D] the sums of squares of x - was and of x. */
void trm__network_distance(trm__network *net, int b, const trm__act *x, const trm__act *was, double *out);

/* Tests: called after each call of the network f with its number in the step (0-based) and its output [b][L][D]. */
typedef void (*trm__network_observer)(void *context, int call, const trm__act *h, int b);
void trm__network_observe(trm__network *net, trm__network_observer fn, void *context);

#endif
