/* The decisions of tries: see tries.h. */
#include "infer/tries.h"

#include "infer/values.h"

static int tries_is_over(const trm__try *t) {
  return t->steps >= t->max_steps || (t->tries == 1 && t->halted);
}

int trm__tries_ask(const trm__try *t) {
  return t->most > 1 && (t->tries > 1 || tries_is_over(t));
}

trm__turn trm__tries_turn(const trm__try *t, int wrong) {
  int over = tries_is_over(t), more = t->tries < t->most && t->steps + t->limit <= TRM__VALUES_STEPS;
  if (!trm__tries_ask(t)) return over ? TRM__TURN_LAST : TRM__TURN_ON;
  if (!wrong) return TRM__TURN_LAST;
  if (!over) return TRM__TURN_ON;
  return more ? TRM__TURN_AGAIN : TRM__TURN_LAST;
}

int64_t trm__tries_allowed(int64_t max_steps, double work) {
  double allowed = TRM_TRIES_WORK / ((double)max_steps * work);
  if (!(allowed >= 2)) return 1;
  return allowed > TRM_TRIES_MOST ? TRM_TRIES_MOST : (int64_t)allowed;
}
