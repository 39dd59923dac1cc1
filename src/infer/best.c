/* Keeping the best answer: see best.h. */
#include "infer/best.h"

#include <math.h>
#include <string.h>

#include "infer/engine.h"

int trm__best_is_beaten(const trm__best *best, int faults, float q) {
  if (!best->step || faults != best->faults) return !best->step || faults < best->faults;
  return q > best->q || (isnan(best->q) && !isnan(q));
}

void trm__best_offer(trm_solver *s, int i, int faults) {
  trm__slot *slot = &s->slot[i];
  size_t bytes = (size_t)s->params.dims.S * (size_t)s->params.dims.V, at = (size_t)i * bytes;
  float q = (float)s->q_host[2 * i];
  if (!s->best_logits || !trm__best_is_beaten(&slot->best, faults < 0 ? 0 : faults, q)) return;
  slot->best = (trm__best){slot->steps, faults < 0 ? 0 : faults, q};
  memcpy(s->best_logits + at, s->logits_host + at, bytes * sizeof *s->best_logits);
  s->best_scores[i] = s->scores_host[i];
}

void trm__best_move(trm_solver *s, int to, int from) {
  size_t n = (size_t)s->params.dims.S * (size_t)s->params.dims.V;
  if (!s->best_logits) return;
  memcpy(s->best_logits + (size_t)to * n, s->best_logits + (size_t)from * n, n * sizeof *s->best_logits);
  s->best_scores[to] = s->best_scores[from];
}
