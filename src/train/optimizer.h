/* One update of the weights from their gradients (SPEC.md, Optimizers): which formula each tensor gets, clipping,
 * frozen tensors and the EMA. The formulas themselves are the backend's. */
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
  size_t trained;        /* numbers of the flat array */
  trm__real *m, *v;      /* device [trained]: first and second moment; m is the momentum of Muon's matrices */
  trm__real *scratch;    /* device: Muon's, or one puzzle row */
  trm__segment *segment; /* what is trained */
  size_t segments;
  trm__segment *frozen; /* what is not */
  size_t frozens;
  int puzzle_frozen;
} trm__optimizer;

/* TRM_E_USAGE when a frozen prefix names no tensor. */
trm_status trm__optimizer_open(trm__optimizer *optimizer, trm__backend *backend, const trm__params *params,
                               const trm_train_config *config, trm_error *err);
void trm__optimizer_close(trm__optimizer *optimizer);
size_t trm__optimizer_bytes(trm__backend *backend, const trm__params *params, const trm_train_config *config);

/* Clears the gradients of frozen tensors and returns the norm of the rest. */
double trm__optimizer_norm(trm__optimizer *optimizer, trm__real *grads);
/* Scales the gradients to the norm config.clip when theirs is larger. */
void trm__optimizer_clip(trm__optimizer *optimizer, trm__real *grads, double norm);
/* Update t (from 1) with every learning rate multiplied by factor. */
void trm__optimizer_step(trm__optimizer *optimizer, trm__real *weights, const trm__real *grads, double factor,
                         int64_t t);
/* The puzzle rows of a batch: table [rows][ndim], drows [b][ndim] (device), ids [b] (host). */
void trm__optimizer_puzzle(trm__optimizer *optimizer, trm__real *table, int rows, int ndim, const trm__real *drows,
                           const int32_t *ids, int b, double factor);
/* After update t. Until update ema_from the average is a copy of the weights. Frozen tensors are left alone. */
void trm__optimizer_ema(trm__optimizer *optimizer, trm__real *ema, const trm__real *weights, int64_t t);

#endif
