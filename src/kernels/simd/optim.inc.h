/* Optimizers on flat arrays, over a vector layer; the order of operations is that of plain C. */

#include <math.h>

typedef struct adam_step {
  vf b1, c1, b2, c2, keep, step, correct, eps;
} adam_step;

static adam_step adam_constants(const trm__adam *c) {
  return (adam_step){
      .b1 = v_set((float)c->beta1),
      .c1 = v_set((float)(1 - c->beta1)),
      .b2 = v_set((float)c->beta2),
      .c2 = v_set((float)(1 - c->beta2)),
      .keep = v_set((float)(1 - c->lr * c->weight_decay)),
      .step = v_set((float)(c->lr / (1 - pow(c->beta1, (double)c->t)))),
      .correct = v_set((float)(1 / sqrt(1 - pow(c->beta2, (double)c->t)))),
      .eps = v_set((float)c->eps),
  };
}

ALWAYS_INLINE void adam(float *p, float *m, float *v, const float *g, int count, const adam_step *c,
                        const int with_atan2) {
  vf grad = v_get(g, count);
  vf first = v_add(v_mul(c->b1, v_get(m, count)), v_mul(c->c1, grad));
  vf second = v_add(v_mul(c->b2, v_get(v, count)), v_mul(c->c2, v_mul(grad, grad)));
  vf scale = v_mul(v_sqrt(second), c->correct);
  vf change = with_atan2 ? v_atan2(first, scale) : v_div(first, v_add(scale, c->eps));
  v_put(m, first, count);
  v_put(v, second, count);
  v_put(p, v_sub(v_mul(v_get(p, count), c->keep), v_mul(c->step, change)), count);
}

void NAME(adam_atan2)(float *p, float *m, float *v, const float *g, size_t n, const trm__adam *c) {
  adam_step step = adam_constants(c);
  for (size_t i = 0; i < n; i += VW) adam(p + i, m + i, v + i, g + i, n - i < VW ? (int)(n - i) : VW, &step, 1);
}

void NAME(adamw)(float *p, float *m, float *v, const float *g, size_t n, const trm__adam *c) {
  adam_step step = adam_constants(c);
  for (size_t i = 0; i < n; i += VW) adam(p + i, m + i, v + i, g + i, n - i < VW ? (int)(n - i) : VW, &step, 0);
}

/* sign(0) = 0, sign(NaN) = NaN. */
void NAME(sign_sgd)(float *p, const float *g, size_t n, double lr, double weight_decay) {
  vf keep = v_set((float)(1 - lr * weight_decay)), step = v_set((float)lr);
  for (size_t i = 0; i < n; i += VW) {
    int count = n - i < VW ? (int)(n - i) : VW;
    vf grad = v_get(g + i, count);
    vf sign = v_select(v_gt(grad, v_zero()), v_set(1), v_select(v_gt(v_zero(), grad), v_set(-1), grad));
    v_put(p + i, v_sub(v_mul(v_get(p + i, count), keep), v_mul(step, sign)), count);
  }
}

void NAME(ema)(float *shadow, const float *p, size_t n, double decay) {
  vf keep = v_set((float)decay), take = v_set((float)(1 - decay));
  for (size_t i = 0; i < n; i += VW) {
    int count = n - i < VW ? (int)(n - i) : VW;
    v_put(shadow + i, v_add(v_mul(keep, v_get(shadow + i, count)), v_mul(take, v_get(p + i, count))), count);
  }
}
