/* Sizes of what a backend is given, for the tests of backends: a network's weights one behind the other, its states. */
#ifndef TRM_TESTS_SUPPORT_BACKEND_SIZES_H
#define TRM_TESTS_SUPPORT_BACKEND_SIZES_H

#include <string.h>

#include "backend/backend.h"

/* Points view into flat (NULL: only counts); returns the numbers in all. */
static inline size_t make_view(const trm__dims *s, trm__real *flat, trm__weights_view *view) {
  size_t used = 0;
  memset(view, 0, sizeof *view);
#define PLACE(field, n)                                                                                                \
  do {                                                                                                                 \
    if (flat) view->field = flat + used;                                                                               \
    used += (size_t)(n);                                                                                               \
  } while (0)
  PLACE(embed, s->V * s->D);
  if (s->positions == TRM_POS_LEARNED) PLACE(embed_pos, s->L * s->D);
  PLACE(lm_head, s->V * s->D);
  PLACE(q_weight, 2 * s->D);
  PLACE(q_bias, 2);
  for (int i = 0; i < s->layers; i++) {
    PLACE(layer[i].mix_in, s->mixer ? 2 * s->inner_l * s->L : 3 * s->D * s->D);
    PLACE(layer[i].mix_out, s->mixer ? s->inner_l * s->L : s->D * s->D);
    PLACE(layer[i].mlp_in, 2 * s->inner_d * s->D);
    PLACE(layer[i].mlp_out, s->inner_d * s->D);
  }
#undef PLACE
  return used;
}

static inline size_t state_size(const trm__dims *s, int b) {
  return (size_t)b * (size_t)s->L * (size_t)s->D;
}

#endif
