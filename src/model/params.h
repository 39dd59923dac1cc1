/* The parameter table: name, shape and place of every tensor of a configuration. Trained tensors lie one after the
 * other in a flat array of trm__real (weights, gradients, optimizer moments and EMA all have its shape); y0, z0 and the
 * puzzle rows have their own. Names are the original state dict's, from "inner." on. */
#ifndef TRM_MODEL_PARAMS_H
#define TRM_MODEL_PARAMS_H

#include <trm/model.h>

#include "backend/backend.h"

typedef enum trm__param_kind {
  TRM__PARAM_MATRIX, /* 2-D weight of a layer: what Muon takes */
  TRM__PARAM_OTHER,  /* embeddings, heads, biases */
  TRM__PARAM_START,  /* y0 (H_init), z0 (L_init): fixed, [D] each */
  TRM__PARAM_PUZZLE  /* puzzle_emb.weights [identifiers][ndim] */
} trm__param_kind;

typedef struct trm__param {
  char name[80];
  trm__param_kind kind;
  int rows, cols; /* rank 1: rows = n, cols = 1 and rank = 1 */
  int rank;
  size_t offset;     /* elements; MATRIX and OTHER: into the flat array; START: y0 at 0, z0 at D; PUZZLE: 0 */
  double init_std;   /* deviation of the truncated normal; 0: not drawn from one */
  double init_bound; /* uniform in -init_bound..init_bound; 0: not so either */
  double init_value; /* constant when neither is given */
} trm__param;

typedef struct trm__params {
  trm__dims dims;
  trm__param *item; /* in the original's order: H_init, L_init, embed_tokens, lm_head, q_head, ... */
  int count;
  size_t trained; /* elements of the flat array */
  size_t puzzle;  /* elements of the puzzle table, 0: none */
} trm__params;

trm_status trm__params_open(trm__params *params, const trm_model_config *config, trm_error *err); /* checks config */
void trm__params_close(trm__params *params);
const trm__param *trm__params_find(const trm__params *params, const char *name); /* NULL when absent */
trm__weights_view trm__params_view(const trm__params *params, trm__real *flat);

/* A whole set of weights in host memory. */
typedef struct trm__weight_set {
  trm__real *flat;   /* [params.trained] */
  trm__real *start;  /* [2][D]: y0, z0 */
  trm__real *puzzle; /* [params.puzzle], NULL when 0 */
} trm__weight_set;
trm_status trm__weight_set_open(trm__weight_set *set, const trm__params *params, trm_error *err); /* zeroed */
void trm__weight_set_close(trm__weight_set *set);
/* docs/spec.md, Initial values. */
void trm__weight_set_init(trm__weight_set *set, const trm__params *params, uint64_t seed);
/* Where parameter i of the table lies in the set. */
trm__real *trm__weight_set_tensor(const trm__weight_set *set, const trm__params *params, int i);

trm__dims trm__dims_from_config(const trm_model_config *config);

/* The caller's configuration with all fields of this version; TRM_E_USAGE when its size is wrong. */
trm_status trm__model_config_read(trm_model_config *whole, const trm_model_config *config, trm_error *err);

#endif
