/* Elementwise operations of every variant: against formulas in double, and where products and sums are rounded one by
 * one, against plain C bit by bit. */
#include "kernels/check.h"

static const size_t lengths[] = {0, 1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 97, 1000};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

static double sigmoid(double x) {
  return 1 / (1 + exp(-x));
}

/* gates over the whole range where float exp neither under- nor overflows, and far beyond it. */
static void fill_gates(float *x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = random_real() * (i % 3 == 0 ? 200.0F : i % 3 == 1 ? 20.0F : 1.0F);
}

static void run_swiglu(const trm__kernels *kernels, int rows, int cols) {
  size_t n = (size_t)rows * (size_t)cols;
  guarded gu = guarded_new(2 * n), da = guarded_filled(n, FILL_UNIT), dgu = guarded_new(2 * n), act = guarded_new(n);
  fill_gates(gu.x, 2 * n);
  kernels->swiglu_backward(dgu.x, act.x, gu.x, da.x, rows, cols);
  for (size_t i = 0; i < n; i++) {
    size_t gate = i / (size_t)cols * 2 * (size_t)cols + i % (size_t)cols, up = gate + (size_t)cols;
    double g = gu.x[gate], u = gu.x[up], d = da.x[i], s = sigmoid(g);
    double slope = s + g * s * (1 - s), size = fabs(d * u) * (s + fabs(g) * s * (1 - s));
    CHECK_CLOSE(act.x[i], g * s * u, fabs(g * s * u) * 6e-7 + 2e-34, "%s act g %g", kernels->isa, g);
    CHECK_CLOSE(dgu.x[up], d * g * s, fabs(d * g * s) * 6e-7 + 2e-34, "%s dup g %g", kernels->isa, g);
    CHECK_CLOSE(dgu.x[gate], d * u * slope, size * 2e-6 + fabs(d * u * g) * s * 2e-7 + 2e-34, "%s dgate g %g",
                kernels->isa, g);
  }
  guarded in_place = guarded_copy(gu.x, 2 * n), da2 = guarded_copy(da.x, n);
  kernels->swiglu_backward(in_place.x, da2.x, in_place.x, da2.x, rows, cols);
  assert_memory_equal(in_place.x, dgu.x, 2 * n * sizeof(float));
  assert_memory_equal(da2.x, act.x, n * sizeof(float));
  kernels->swiglu_backward(gu.x, NULL, gu.x, da.x, rows, cols);
  assert_memory_equal(gu.x, dgu.x, 2 * n * sizeof(float));
  guarded *all[] = {&gu, &da, &dgu, &act, &in_place, &da2};
  for (int i = 0; i < 6; i++) guarded_free(all[i]);
}

static void test_swiglu(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    run_swiglu(variant(v), 1, 1);
    run_swiglu(variant(v), 3, 7);
    run_swiglu(variant(v), 5, 1536);
    run_swiglu(variant(v), 1, 4099);
  }
}

/* silu through the product's epilogue: one row, weights 1, so that gate and up are the inputs themselves. */
static void test_silu_limits(void **state) {
  (void)state;
  static const float gates[] = {0, -0.0F, 1, -1, 88.5F, 89, 100, 1e30F, -87, -88.5F, -103, -104, -200, -1e30F, 1e-40F};
  enum { N = sizeof gates / sizeof gates[0] };
  for (int v = 0; variant(v); v++) {
    const trm__kernels *kernels = variant(v);
    float b[2 * N + 4], act[N + 2], one = 1;
    for (int i = 0; i < N; i++) b[i] = gates[i], b[N + 2 + i] = 1;
    b[N] = NAN, b[N + 1] = INFINITY, b[2 * N + 2] = 1, b[2 * N + 3] = 1;
    guarded packed = guarded_new(kernels->product[TRM_FLOAT32]->packed_size(1, 2 * N + 4, 1));
    kernels->product[TRM_FLOAT32]->pack_b(packed.x, b, 2 * N + 4, 1, 1, 2 * N + 4, 1, 0,
                                          (int)(packed.n / (size_t)kernels->product[TRM_FLOAT32]->nr));
    trm__gemm g = {.m = 1, .n = 2 * N + 4, .k = 1, .a = &one, .a_rs = 1, .a_cs = 1, .b = packed.x};
    g.epilogue = TRM__EPI_GATE_N;
    g.act = act;
    g.act_rs = N + 2;
    g.m1 = 1;
    g.n1 = N + 2;
    guarded scratch = guarded_new(kernels->product[TRM_FLOAT32]->scratch);
    g.scratch = scratch.x;
    kernels->product[TRM_FLOAT32]->gemm(&g);
    guarded_free(&scratch);
    for (int i = 0; i < N; i++) {
      double want = gates[i] / (1 + exp(-(double)gates[i]));
      CHECK_CLOSE(act[i], want, fabs(want) * 4e-7 + 1e-36, "%s silu(%g)", kernels->isa, (double)gates[i]);
    }
    assert_true(isnan(act[N]));
    assert_true(act[N + 1] == INFINITY);
    guarded_free(&packed);
  }
}

static void test_sums(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    for (int i = 0; i < LENGTHS; i++) {
      size_t n = lengths[i];
      guarded h = guarded_filled(n, FILL_UNIT), a = guarded_filled(n, FILL_UNIT), b = guarded_filled(n, FILL_UNIT);
      guarded got = guarded_copy(h.x, n);
      for (int round = 0; round < 2; round++) {
        memcpy(got.x, h.x, n * sizeof(float));
        variant(v)->inject(got.x, a.x, b.x, n, round);
        for (size_t e = 0; e < n; e++) {
          float sum = a.x[e] + b.x[e];
          sum = h.x[e] + (round ? to_bf16(sum) : sum);
          assert_true(got.x[e] == (round ? to_bf16(sum) : sum));
        }
        memcpy(got.x, h.x, n * sizeof(float));
        variant(v)->inject(got.x, a.x, NULL, n, round);
        for (size_t e = 0; e < n; e++) {
          float sum = h.x[e] + a.x[e];
          assert_true(got.x[e] == (round ? to_bf16(sum) : sum));
        }
      }
      memcpy(got.x, h.x, n * sizeof(float));
      variant(v)->add(got.x, a.x, n);
      variant(v)->scale(got.x, 0.3, n);
      double squares = 0;
      for (size_t e = 0; e < n; e++) {
        assert_true(got.x[e] == (h.x[e] + a.x[e]) * 0.3F);
        squares += (double)a.x[e] * (double)a.x[e];
      }
      CHECK_CLOSE(variant(v)->sum_squares(a.x, n), squares, squares * 1e-13, "%s squares", variant(v)->isa);
      guarded *all[] = {&h, &a, &b, &got};
      for (int g = 0; g < 4; g++) guarded_free(all[g]);
    }
  }
}

/* Every pattern of the upper half with the lower halves where rounding turns. */
static void test_bf16(void **state) {
  (void)state;
  static const uint32_t low[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
  enum { N = 6 };
  for (int v = 0; variant(v); v++) {
    for (uint32_t high = 0; high < 0x10000U; high++) {
      float x[N], y[N];
      for (int i = 0; i < N; i++) {
        uint32_t bits = high << 16 | low[i];
        memcpy(&x[i], &bits, sizeof bits);
      }
      variant(v)->round_bf16(y, x, N);
      for (int i = 0; i < N; i++) {
        uint32_t bits;
        memcpy(&bits, &y[i], sizeof bits);
        float want = to_bf16(x[i]);
        if (bits & 0xffffU || (isnan(x[i]) ? !isnan(y[i]) : memcmp(&want, &y[i], sizeof want) != 0)) fail();
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_swiglu),
      cmocka_unit_test(test_silu_limits),
      cmocka_unit_test(test_sums),
      cmocka_unit_test(test_bf16),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
