/* The decisions: see halt.h. */
#include "infer/halt.h"

trm_halt trm__halt_why(const trm__stand *s) {
  if (s->rules) return s->correct ? TRM_HALT_RULES : TRM_HALT_NONE;
  return s->says_right ? TRM_HALT_HEAD : TRM_HALT_NONE;
}
