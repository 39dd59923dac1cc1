/* Logits to tokens and probabilities: see answer.h. */
#include "infer/answer.h"

#include <math.h>

#include "infer/engine.h"

/* What a logit weighs among the row's, of which max is the largest (docs/spec.md, Losses). */
static double answer_score_logit(trm_loss_type loss, double a, double max) {
  if (loss == TRM_LOSS_SOFTMAX) return exp(a - max);
  return a >= 0 ? a + 1 : 1 / (1 - a + 1e-30);
}

void trm__answer_tokens(const trm_solver *s, const trm__real *logits, int32_t *answer) {
  size_t S = (size_t)s->params.dims.S, V = (size_t)s->params.dims.V;
  for (size_t p = 0; p < S; p++) {
    const trm__real *row = logits + p * V;
    size_t best = 0;
    for (size_t v = 1; v < V; v++)
      if (row[v] > row[best]) best = v;
    answer[p] = (int32_t)best;
  }
}

void trm__answer_read(const trm_solver *s, const trm__real *logits, int32_t *answer, float *confidence) {
  size_t S = (size_t)s->params.dims.S, V = (size_t)s->params.dims.V;
  trm__answer_tokens(s, logits, answer);
  for (size_t p = 0; p < S; p++) {
    const trm__real *row = logits + p * V;
    size_t best = (size_t)answer[p];
    double sum = 0;
    for (size_t v = 0; v < V; v++) sum += answer_score_logit(s->loss, (double)row[v], (double)row[best]);
    confidence[p] = (float)(answer_score_logit(s->loss, (double)row[best], (double)row[best]) / sum);
  }
}

float trm__answer_least_confidence(const trm_solver *s, const float *confidence) {
  size_t S = (size_t)s->params.dims.S;
  float least = confidence[0];
  for (size_t p = 1; p < S; p++)
    if (!(confidence[p] >= least)) least = confidence[p];
  return least;
}
