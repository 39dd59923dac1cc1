/* The decisions: see halt.h. */
#include "infer/halt.h"

trm_halt trm__halt_why(const trm__stand *s) {
  if (s->rules && s->correct) return TRM_HALT_RULES;
  if (!s->rules && s->says_right) return TRM_HALT_HEAD;
  if (s->at_rest) return TRM_HALT_FIXED_POINT;
  return s->hopeless ? TRM_HALT_HOPELESS : TRM_HALT_NONE;
}
