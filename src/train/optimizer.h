/* One update of the weights from their gradients (docs/spec.md, Optimizers): which formula each tensor gets, frozen
 * tensors and the EMA. The formulas themselves are the backend's, and so are the numbers that change from one update to
 * the next (trm__update_state): the update, the schedule's factor, clipping. */
#ifndef TRM_TRAIN_OPTIMIZER_H
#define TRM_TRAIN_OPTIMIZER_H

#include <trm/train.h>

#include "model/params.h"

/* Neighbouring tensors of the flat array that are treated alike; with Muon one matrix. */
typedef struct trm__segment {
  size_t offset, n;
  int rows, cols; /* muon only */
  int muon;
} trm__segment;

typedef struct trm__optimizer {
  trm__backend *backend; /* borrowed */
  trm_train_config config;
  trm__real *m, *v;      /* device [params.trained]: first and second moment; m is the momentum of Muon's matrices */
  trm__real *scratch;    /* device: Muon's, or one puzzle row */
  trm__segment *segment; /* what is trained */
  size_t segments;
  trm__dense *dense;    /* host [segments]: the backend's arguments for segments that are not Muon's */
  trm__segment *frozen; /* what is not */
  size_t frozens;
  int puzzle_frozen;
} trm__optimizer;

/* TRM_E_USAGE when a frozen prefix names no tensor. */
trm_status trm__optimizer_open(trm__optimizer *optimizer, trm__backend *backend, const trm__params *params,
                               const trm_train_config *config, trm_error *err);
void trm__optimizer_close(trm__optimizer *optimizer);
/* What open allocates on the device and on the host. */
size_t trm__optimizer_bytes(trm__backend *backend, const trm__params *params, const trm_train_config *config);
size_t trm__optimizer_host_bytes(const trm__params *params);

/* Clears the gradients of frozen tensors, before the norm is taken. */
void trm__optimizer_freeze(trm__optimizer *optimizer, trm__real *grads);
/* Weights and their average; frozen tensors are left alone. All pointers are the device's. */
void trm__optimizer_step(trm__optimizer *optimizer, const trm__update_state *state, trm__real *weights, trm__real *ema,
                         const trm__real *grads);
/* The puzzle rows of a batch: table [rows][ndim], drows [b][ndim], ids [b] (device). */
void trm__optimizer_puzzle(trm__optimizer *optimizer, const trm__update_state *state, trm__real *table, int rows,
                           int ndim, const trm__real *drows, const int32_t *ids, int b);

#endif
