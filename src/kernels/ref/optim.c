/* Optimizers on flat arrays. The step's constants are computed in double, the arithmetic on the arrays is trm__real. */
#include "kernels/ref/ref.h"

/* Adam with atan2 in place of the division and its epsilon (Everett et al., "Scaling Exponents Across
 * Parameterizations and Optimizers", 2024). */
void trm__ref_adam_atan2(trm__real *p, trm__real *m, trm__real *v, const trm__real *g, size_t n, const trm__adam *c) {
  trm__real b1 = (trm__real)c->beta1, c1 = (trm__real)(1 - c->beta1);
  trm__real b2 = (trm__real)c->beta2, c2 = (trm__real)(1 - c->beta2);
  trm__real keep = (trm__real)(1 - c->lr * c->weight_decay);
  trm__real step = (trm__real)(c->lr / (1 - pow(c->beta1, (double)c->t)));
  trm__real correct = (trm__real)(1 / sqrt(1 - pow(c->beta2, (double)c->t)));
  for (size_t i = 0; i < n; i++) {
    m[i] = b1 * m[i] + c1 * g[i];
    v[i] = b2 * v[i] + c2 * (g[i] * g[i]);
    p[i] = p[i] * keep - step * trm__atan2(m[i], trm__sqrt(v[i]) * correct);
  }
}

void trm__ref_adamw(trm__real *p, trm__real *m, trm__real *v, const trm__real *g, size_t n, const trm__adam *c) {
  trm__real b1 = (trm__real)c->beta1, c1 = (trm__real)(1 - c->beta1);
  trm__real b2 = (trm__real)c->beta2, c2 = (trm__real)(1 - c->beta2);
  trm__real keep = (trm__real)(1 - c->lr * c->weight_decay), eps = (trm__real)c->eps;
  trm__real step = (trm__real)(c->lr / (1 - pow(c->beta1, (double)c->t)));
  trm__real correct = (trm__real)(1 / sqrt(1 - pow(c->beta2, (double)c->t)));
  for (size_t i = 0; i < n; i++) {
    m[i] = b1 * m[i] + c1 * g[i];
    v[i] = b2 * v[i] + c2 * (g[i] * g[i]);
    p[i] = p[i] * keep - step * (m[i] / (trm__sqrt(v[i]) * correct + eps));
  }
}

/* sign(0) = 0, sign(NaN) = NaN. */
void trm__ref_sign_sgd(trm__real *p, const trm__real *g, size_t n, double lr, double weight_decay) {
  trm__real keep = (trm__real)(1 - lr * weight_decay), step = (trm__real)lr;
  for (size_t i = 0; i < n; i++) {
    trm__real sign = g[i] > 0 ? 1 : g[i] < 0 ? -1 : g[i];
    p[i] = p[i] * keep - step * sign;
  }
}

void trm__ref_ema(trm__real *shadow, const trm__real *p, size_t n, double decay) {
  trm__real keep = (trm__real)decay, take = (trm__real)(1 - decay);
  for (size_t i = 0; i < n; i++) shadow[i] = keep * shadow[i] + take * p[i];
}
