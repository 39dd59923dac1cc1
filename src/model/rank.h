/* The order of models where nobody names one: trm_model_is_before in trm/model.h. */
#ifndef TRM_MODEL_RANK_H
#define TRM_MODEL_RANK_H

#include <trm/model.h>

#define TRM__MODEL_FIRST "sudoku-extreme" /* the name before which no other goes */

#endif
