/* See rope.h. */
#include "backend/rope.h"

#include <math.h>

void trm__rope_angles(const trm__dims *dims, trm__real *cosines, trm__real *sines) {
  int half = dims->head_dim / 2;
  for (int i = 0; i < half; i++) {
    float exponent = (float)(2 * i) / (float)dims->head_dim;
    float rate = 1 / (float)pow(dims->rope_theta, (double)exponent);
    for (int p = 0; p < dims->L; p++) {
      float angle = (float)p * rate;
      size_t at = (size_t)p * (size_t)half + (size_t)i;
      cosines[at] = (trm__real)(float)cos((double)angle);
      sines[at] = (trm__real)(float)sin((double)angle);
    }
  }
}
