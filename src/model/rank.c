/* Which of several models is taken: see trm/model.h. */
#include "model/rank.h"

#include <string.h>

int trm_model_is_before(const trm_model_rank *a, const trm_model_rank *b) {
  int first_a = strcmp(a->name, TRM__MODEL_FIRST) == 0, first_b = strcmp(b->name, TRM__MODEL_FIRST) == 0;
  if (first_a != first_b) return first_a;
  if (a->cells != b->cells) return a->cells < b->cells;
  if (a->parameters != b->parameters) return a->parameters < b->parameters;
  return strcmp(a->name, b->name) < 0;
}
