/* The list of whole-network cases, and what they have in common. (The list of matrix products is tests/kernels/cases.h,
 * which the tests go through first.) */
#ifndef TRM_BENCH_CASES_H
#define TRM_BENCH_CASES_H

#include <trm/model.h>

#include "bench.h"

/* Number types of a forward pass that the model and the backend know. */
typedef struct forward_type {
  number_type type;
  trm_dtype dtype;
  const char *torch; /* PyTorch's name; NULL: it has no such network */
  int trains;
} forward_type;
extern const forward_type forward_types[];
extern const int forward_type_count;
/* bf16 without its own products is computed in fp32 and still the type that models are published in; int8 without them
 * is of no use. */
int case_has_type(const bench *b, const forward_type *type);

typedef struct network_case {
  int batch, training;
  int one_thread; /* also on one thread, for the ratio */
} network_case;
const network_case *network_cases_of(const bench *b, int *count);

/* The published configurations, largest last; the quick modes leave out those that differ little from another. */
typedef struct network_preset {
  const char *name;
  int quick;  /* in the quick modes */
  int solves; /* 2: through the engine; 1: not in quick mode, a step of it takes seconds; 0: as the one before it */
} network_preset;
extern const network_preset network_presets[];
extern const int network_preset_count;

/* A preset's configuration in a number type; in tiny mode of the same kind but a few thousand weights. */
trm_status case_config(const bench *b, const char *preset, const forward_type *type, trm_model_config *config,
                       trm_error *err);

/* Less work until a run takes about b->run_seconds by estimate (training: eight times as long). Forward: T = 1, then
 * n = 1; every call of the network is the same. Training: n = 1, which leaves the share of the calls with gradients as
 * it is, then a smaller batch, then T = 1. *calls: of the network in a step as measured; *of: in a whole one. */
void case_fit(const bench *b, const network_case *c, trm_model_config *config, int *batch, int *calls, int *of);

double case_operations(const trm_model_config *config, int batch, int training); /* of one step of the batch */

#endif
