/* The runtime behind trm_runtime: the pool, the kernels and the backend that models, trainers and solvers share.
 * Defined here, below model, train and infer, so that each of these folders can implement its public functions
 * itself and no pass-through layer is needed. */
#ifndef TRM_BACKEND_RUNTIME_H
#define TRM_BACKEND_RUNTIME_H

#include <trm/trm.h>

#include "backend/backend.h"
#include "base/log.h"

struct trm_runtime {
  trm__pool *pool;
  trm__isa_choice choice;
  trm__backend *backend;
  trm__log log;
};

#endif
