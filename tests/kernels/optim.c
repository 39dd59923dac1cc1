/* Optimizers of every variant against the formulas in double, and their special values. */
#include "kernels/check.h"

typedef void (*adam_fn)(float *p, float *m, float *v, const float *g, size_t n, const trm__adam *c);

enum { N = 1003 };

static double moment(double old, double add, double beta) {
  return beta * old + (1 - beta) * add;
}

static void run_adam(const char *isa, adam_fn fn, int with_atan2, fill_kind kind, int64_t t) {
  trm__adam c = {.lr = 1e-2, .beta1 = 0.9, .beta2 = 0.95, .weight_decay = 0.1, .eps = 1e-8, .t = t};
  guarded p = guarded_filled(N, FILL_UNIT), m = guarded_filled(N, kind), v = guarded_filled(N, kind);
  guarded g = guarded_filled(N, kind), p0 = guarded_copy(p.x, N), g0 = guarded_copy(g.x, N);
  for (int i = 0; i < N; i++) v.x[i] *= v.x[i];
  if (t == 1) memset(m.x, 0, N * sizeof(float)), memset(v.x, 0, N * sizeof(float));
  guarded m0 = guarded_copy(m.x, N), v0 = guarded_copy(v.x, N);
  fn(p.x, m.x, v.x, g.x, N, &c);
  assert_memory_equal(g.x, g0.x, N * sizeof(float));
  for (int i = 0; i < N; i++) {
    double first = moment(m0.x[i], g.x[i], c.beta1), second = moment(v0.x[i], (double)g.x[i] * g.x[i], c.beta2);
    double size = fabs((double)m0.x[i]) + fabs((double)g.x[i]);
    CHECK_CLOSE(m.x[i], first, size * 2e-7 + 1e-44, "%s m", isa);
    CHECK_CLOSE(v.x[i], second, second * 4e-7 + 3e-45, "%s v", isa);
    /* from the stored moments, so that only the step itself is judged */
    double scale = sqrt((double)v.x[i]) / sqrt(1 - pow(c.beta2, (double)t));
    double change = with_atan2 ? atan2(m.x[i], scale) : m.x[i] / (scale + c.eps);
    double step = c.lr / (1 - pow(c.beta1, (double)t)) * change, want = p0.x[i] * (1 - c.lr * c.weight_decay) - step;
    CHECK_CLOSE(p.x[i], want, fabs((double)p0.x[i]) * 1.3e-7 + fabs(step) * 6e-7, "%s p, m %g v %g", isa,
                (double)m.x[i], (double)v.x[i]);
  }
  /* Any split gives the same bits. */
  guarded p2 = guarded_copy(p0.x, N), m2 = guarded_copy(m0.x, N), v2 = guarded_copy(v0.x, N);
  for (size_t a = 0; a < N;) {
    size_t b = a + 1 + (size_t)random_below((int)(N - a));
    fn(p2.x + a, m2.x + a, v2.x + a, g.x + a, b - a, &c);
    a = b;
  }
  assert_memory_equal(p.x, p2.x, N * sizeof(float));
  assert_memory_equal(m.x, m2.x, N * sizeof(float));
  assert_memory_equal(v.x, v2.x, N * sizeof(float));
  guarded *all[] = {&p, &m, &v, &g, &p0, &g0, &m0, &v0, &p2, &m2, &v2};
  for (int i = 0; i < 11; i++) guarded_free(all[i]);
}

static void test_adam(void **state) {
  (void)state;
  static const int64_t updates[] = {1, 2, 1000, 519000};
  for (int i = 0; variant(i); i++) {
    for (int t = 0; t < 4; t++) {
      run_adam(variant(i)->isa, variant(i)->adam_atan2, 1, FILL_UNIT, updates[t]);
      run_adam(variant(i)->isa, variant(i)->adamw, 0, FILL_UNIT, updates[t]);
    }
  }
}

/* atan2 alone: beta1 = beta2 = 0 would hide its second argument, so v is set and kept (beta2 = 1 is t -> infinity). */
static void test_atan2(void **state) {
  (void)state;
  static const float values[] = {0, -0.0F, 1, -1, 0.41421356F, 2.4142135F, 1e-30F, 1e-15F, 1e15F, 3e-39F};
  enum { V = sizeof values / sizeof values[0], PAIRS = V * V + 4000 };
  for (int i = 0; variant(i); i++) {
    trm__adam c = {.lr = 1, .beta1 = 0, .beta2 = 0.5, .t = 2000};
    static float p[PAIRS], m[PAIRS], v[PAIRS], g[PAIRS], y[PAIRS];
    memset(p, 0, sizeof p);
    for (int e = 0; e < PAIRS; e++) {
      float x = e < V * V ? fabsf(values[e % V]) : expf(12 * random_real());
      y[e] = e < V * V ? values[e / V] : x * expf(8 * random_real()) * (e % 2 ? 1.0F : -1.0F);
      g[e] = y[e]; /* v becomes 0.5 x^2 + 0.5 y^2 */
      v[e] = x * x;
      m[e] = 0;
    }
    variant(i)->adam_atan2(p, m, v, g, PAIRS, &c);
    for (int e = 0; e < PAIRS; e++) {
      double want = -atan2(m[e], sqrt((double)v[e]));
      CHECK_CLOSE(p[e], want, fabs(want) * 4e-7 + 1e-44, "%s atan2(%g, %g)", variant(i)->isa, (double)m[e],
                  sqrt((double)v[e]));
    }
  }
}

/* No gradient, no moment: only decay. Not-a-number is kept, infinite moments give pi/4. */
static void test_special_values(void **state) {
  (void)state;
  for (int i = 0; variant(i); i++) {
    trm__adam c = {.lr = 0.5, .beta1 = 0.9, .beta2 = 0.95, .weight_decay = 0.5, .t = 1000000};
    float p[4] = {1, 1, 1, 1}, m[4] = {0, 0, 0, INFINITY}, v[4] = {0, 0, 0, INFINITY}, g[4] = {0, NAN, -0.0F, 1};
    variant(i)->adam_atan2(p, m, v, g, 4, &c);
    assert_true(p[0] == 0.75F && m[0] == 0 && v[0] == 0);
    assert_true(isnan(p[1]) && isnan(m[1]) && isnan(v[1]));
    assert_true(p[2] == 0.75F);
    CHECK_CLOSE(p[3], 0.75 - 0.5 * 0.78539816339, 1e-6, "%s infinite", variant(i)->isa);
    float q[5] = {2, 2, 2, 2, 2}, d[5] = {3, -1e-40F, 0, -0.0F, NAN};
    variant(i)->sign_sgd(q, d, 5, 0.25, 0.5);
    assert_true(q[0] == 1.5F && q[1] == 2.0F && q[2] == 1.75F && q[3] == 1.75F && isnan(q[4]));
  }
}

/* Bit for bit plain C: adamw, sign_sgd, ema. */
static void test_same_bits(void **state) {
  (void)state;
  for (int i = 1; variant(i); i++) {
    for (size_t n = 0; n < 40; n++) {
      trm__adam c = {.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .weight_decay = 1, .eps = 1e-8, .t = 7};
      guarded a[4], b[4];
      for (int e = 0; e < 4; e++) {
        a[e] = guarded_filled(n, FILL_UNIT);
        for (size_t j = 0; j < n && e == 2; j++) a[e].x[j] = fabsf(a[e].x[j]);
        b[e] = guarded_copy(a[e].x, n);
      }
      trm__offer_ref.kernels.adamw(a[0].x, a[1].x, a[2].x, a[3].x, n, &c);
      variant(i)->adamw(b[0].x, b[1].x, b[2].x, b[3].x, n, &c);
      trm__offer_ref.kernels.sign_sgd(a[0].x, a[3].x, n, 0.01, 0.1);
      variant(i)->sign_sgd(b[0].x, b[3].x, n, 0.01, 0.1);
      trm__offer_ref.kernels.ema(a[1].x, a[0].x, n, 0.999);
      variant(i)->ema(b[1].x, b[0].x, n, 0.999);
      for (int e = 0; e < 4; e++) {
        assert_memory_equal(a[e].x, b[e].x, n * sizeof(float));
        guarded_free(&a[e]);
        guarded_free(&b[e]);
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_adam),
      cmocka_unit_test(test_atan2),
      cmocka_unit_test(test_special_values),
      cmocka_unit_test(test_same_bits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
