/* The decisions, and their words: see halt.h. */
#include "infer/halt.h"

trm_halt trm__halt_why(const trm__stand *s) {
  if (s->rules && s->correct) return TRM_HALT_RULES;
  if (!s->rules && s->says_right) return TRM_HALT_HEAD;
  if (s->at_rest) return TRM_HALT_FIXED_POINT;
  return s->hopeless ? TRM_HALT_HOPELESS : TRM_HALT_NONE;
}

const char *trm_halt_name(trm_halt halt) {
  switch (halt) {
  case TRM_HALT_HEAD:
    return "head";
  case TRM_HALT_RULES:
    return "rules";
  case TRM_HALT_FIXED_POINT:
    return "fixed_point";
  case TRM_HALT_HOPELESS:
    return "hopeless";
  default:
    return "none";
  }
}
