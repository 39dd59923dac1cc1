/* Matrix products of every variant against a loop in double: layouts, epilogues, ranges, rounding, special values. */
#include "kernels/check.h"

typedef struct shape {
  int m, n, k;
} shape;

static const shape shapes[] = {
    {1, 1, 1},   {1, 7, 3},     {3, 9, 5},    {6, 16, 8},   {7, 17, 33},   {14, 32, 97},  {13, 31, 256},
    {97, 5, 64}, {97, 97, 257}, {23, 40, 97}, {5, 512, 12}, {60, 64, 520}, {29, 570, 31}, {2, 2, 1536},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

enum { A_ROWS, A_COLUMNS, A_STRIDED, A_LAYOUTS };

typedef struct problem {
  shape s;
  int a_layout, b_transposed, with_c, round;
  trm__epilogue epilogue;
  fill_kind kind;
} problem;

/* Buffers of one product. Rows of c, residual and act have 3 numbers more than they need. */
typedef struct setup {
  guarded a, b, packed, c, residual, act;
  trm__gemm g;
} setup;

static int gated(const problem *p) {
  return p->epilogue == TRM__EPI_GATE_N || p->epilogue == TRM__EPI_GATE_M;
}

static int panels(const trm__kernels *kernels, const problem *p) {
  int half = kernels->nr / 2;
  return p->epilogue == TRM__EPI_GATE_N ? (p->s.n / 2 + half - 1) / half : (p->s.n + kernels->nr - 1) / kernels->nr;
}

static void layout_a(setup *s, const problem *p) {
  size_t m = (size_t)p->s.m, k = (size_t)p->s.k;
  s->g.a_rs = p->a_layout == A_ROWS ? p->s.k : p->a_layout == A_COLUMNS ? 1 : 2;
  s->g.a_cs = p->a_layout == A_ROWS ? 1 : p->a_layout == A_COLUMNS ? p->s.m : 2 * p->s.m + 1;
  size_t n = p->a_layout == A_STRIDED ? (k - 1) * (2 * m + 1) + 2 * (m - 1) + 1 : m * k;
  s->a = guarded_filled(n, p->kind);
}

static setup setup_new(const trm__kernels *kernels, const problem *p) {
  setup s = {0};
  int gate_n = p->epilogue == TRM__EPI_GATE_N, m = p->s.m, n = p->s.n, k = p->s.k;
  layout_a(&s, p);
  s.b = guarded_filled((size_t)k * (size_t)n, p->kind);
  s.packed = guarded_new(kernels->product[TRM__F32]->packed_size(k, n, gate_n));
  assert_int_equal(s.packed.n, (size_t)panels(kernels, p) * (size_t)kernels->nr * (size_t)k);
  kernels->product[TRM__F32]->pack_b(s.packed.x, s.b.x, p->b_transposed ? 1 : n, p->b_transposed ? k : 1, k, n, gate_n,
                                     0, panels(kernels, p));
  ptrdiff_t stride = n + 3;
  size_t size = (size_t)(m - 1) * (size_t)stride + (size_t)n;
  s.c = guarded_filled(size, FILL_WHOLE);
  s.residual = guarded_filled(size, FILL_WHOLE);
  s.act = guarded_filled(size, FILL_WHOLE);
  s.g.m = m;
  s.g.n = n;
  s.g.k = k;
  s.g.a = s.a.x;
  s.g.b = s.packed.x;
  s.g.c = p->with_c ? s.c.x : NULL;
  s.g.c_rs = s.g.residual_rs = s.g.act_rs = stride;
  s.g.epilogue = p->epilogue;
  s.g.round = p->round;
  s.g.residual = s.residual.x;
  s.g.act = s.act.x;
  s.g.m1 = p->epilogue == TRM__EPI_GATE_M ? m / 2 : m;
  s.g.n1 = gate_n ? n / 2 : n;
  return s;
}

static void setup_free(setup *s) {
  guarded_free(&s->a);
  guarded_free(&s->b);
  guarded_free(&s->packed);
  guarded_free(&s->c);
  guarded_free(&s->residual);
  guarded_free(&s->act);
}

static double product_at(const setup *s, const problem *p, int i, int j, double *magnitude) {
  double sum = 0;
  *magnitude = 0;
  for (int q = 0; q < p->s.k; q++) {
    double a = s->a.x[i * s->g.a_rs + q * s->g.a_cs];
    double b = s->b.x[p->b_transposed ? (ptrdiff_t)j * p->s.k + q : (ptrdiff_t)q * p->s.n + j];
    sum += a * b;
    *magnitude += fabs(a * b);
  }
  return sum;
}

/* Bound of a sum of k products in float, and one bf16 step where the value is rounded. */
static double bound(const problem *p, double magnitude, double value) {
  double exact = p->kind == FILL_WHOLE ? 0 : magnitude * (p->s.k + 2) * 0x1p-24 + 1e-44 * p->s.k;
  return exact + (p->round && p->kind != FILL_WHOLE ? fabs(value) * 0x1p-7 : fabs(value) * 0x1p-23);
}

static void check_plain(const trm__kernels *kernels, const problem *p, const setup *s, const float *before) {
  for (int i = 0; i < p->s.m; i++) {
    for (int j = 0; j < p->s.n; j++) {
      ptrdiff_t at = i * s->g.c_rs + j;
      double magnitude, want = product_at(s, p, i, j, &magnitude);
      if (p->epilogue == TRM__EPI_ADD) want += before[at];
      if (p->epilogue == TRM__EPI_RESIDUAL) want = s->residual.x[at] + (p->round ? (double)to_bf16((float)want) : want);
      if (p->round) want = to_bf16((float)want);
      CHECK_CLOSE(s->c.x[at], want, bound(p, magnitude + fabs(want), want), "%s %dx%dx%d epilogue %d layout %d (%d,%d)",
                  kernels->isa, p->s.m, p->s.n, p->s.k, (int)p->epilogue, p->a_layout, i, j);
    }
  }
}

static void check_gated(const trm__kernels *kernels, const problem *p, const setup *s) {
  int gate_n = p->epilogue == TRM__EPI_GATE_N, rows = gate_n ? p->s.m : p->s.m / 2, cols = gate_n ? p->s.n / 2 : p->s.n;
  for (int i = 0; i < rows; i++) {
    for (int j = 0; j < cols; j++) {
      int ui = gate_n ? i : i + p->s.m / 2, uj = gate_n ? j + p->s.n / 2 : j;
      double mg, mu, gate = product_at(s, p, i, j, &mg), up = product_at(s, p, ui, uj, &mu);
      if (p->round) gate = to_bf16((float)gate), up = to_bf16((float)up);
      if (p->with_c) {
        CHECK_CLOSE(s->c.x[i * s->g.c_rs + j], gate, bound(p, mg, gate), "%s gate (%d,%d)", kernels->isa, i, j);
        CHECK_CLOSE(s->c.x[ui * s->g.c_rs + uj], up, bound(p, mu, up), "%s up (%d,%d)", kernels->isa, i, j);
      }
      double silu = gate / (1 + exp(-gate)), want = silu * up;
      double tolerance =
          (bound(p, mg, gate) * fabs(up) + bound(p, mu, up) * fabs(silu)) * 1.5 + fabs(want) * 4e-7 + 1e-36;
      if (p->round) tolerance += fabs(want) * 0x1p-7;
      CHECK_CLOSE(s->act.x[i * s->g.act_rs + j], want, tolerance, "%s %dx%dx%d epilogue %d act (%d,%d)", kernels->isa,
                  p->s.m, p->s.n, p->s.k, (int)p->epilogue, i, j);
    }
  }
}

/* What the product must not touch: the ends of rows, and c when it is not asked for. */
static void check_untouched(const problem *p, const setup *s, const float *c, const float *act) {
  int c_rows = s->g.c ? p->s.m : 0, act_rows = p->epilogue == TRM__EPI_GATE_M ? p->s.m / 2 : gated(p) ? p->s.m : 0;
  int act_cols = p->epilogue == TRM__EPI_GATE_N ? p->s.n / 2 : p->s.n;
  for (size_t e = 0; e < s->c.n; e++) {
    int i = (int)(e / (size_t)s->g.c_rs), j = (int)(e % (size_t)s->g.c_rs);
    if (!(i < c_rows && j < p->s.n)) assert_memory_equal(s->c.x + e, c + e, sizeof *c);
    if (!(i < act_rows && j < act_cols)) assert_memory_equal(s->act.x + e, act + e, sizeof *act);
  }
}

/* The same product in pieces gives the same bits. */
static void check_ranges(const trm__kernels *kernels, const problem *p, const setup *s, const float *c,
                         const float *act) {
  guarded c2 = guarded_copy(c, s->c.n), act2 = guarded_copy(act, s->act.n);
  int step_n = p->epilogue == TRM__EPI_GATE_N ? kernels->nr / 2 : kernels->nr;
  trm__gemm g = s->g;
  if (g.c) g.c = c2.x;
  g.act = act2.x;
  for (int m0 = 0; m0 < s->g.m1;) {
    int m1 = m0 + 1 + random_below(s->g.m1 - m0);
    for (int n0 = 0; n0 < s->g.n1;) {
      int n1 = n0 + step_n * (1 + random_below(3));
      if (n1 > s->g.n1) n1 = s->g.n1;
      g.m0 = m0, g.m1 = m1, g.n0 = n0, g.n1 = n1;
      kernels->product[TRM__F32]->gemm(&g);
      n0 = n1;
    }
    m0 = m1;
  }
  assert_memory_equal(c2.x, s->c.x, s->c.n * sizeof *c);
  assert_memory_equal(act2.x, s->act.x, s->act.n * sizeof *act);
  guarded_free(&c2);
  guarded_free(&act2);
}

static void run_problem(const trm__kernels *kernels, const problem *p) {
  setup s = setup_new(kernels, p);
  guarded c = guarded_copy(s.c.x, s.c.n), act = guarded_copy(s.act.x, s.act.n);
  kernels->product[TRM__F32]->gemm(&s.g);
  if (gated(p)) check_gated(kernels, p, &s);
  else check_plain(kernels, p, &s, c.x);
  check_untouched(p, &s, c.x, act.x);
  check_ranges(kernels, p, &s, c.x, act.x);
  guarded_free(&c);
  guarded_free(&act);
  setup_free(&s);
}

static void test_layouts_and_epilogues(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    for (int i = 0; i < SHAPES; i++) {
      for (int epilogue = 0; epilogue <= TRM__EPI_GATE_M; epilogue++) {
        for (int a = 0; a < A_LAYOUTS; a++) {
          problem p = {shapes[i], a, random_below(2), 1, 0, (trm__epilogue)epilogue, FILL_UNIT};
          if (p.epilogue == TRM__EPI_GATE_N) p.s.n += p.s.n % 2;
          if (p.epilogue == TRM__EPI_GATE_M) p.s.m += p.s.m % 2;
          if (gated(&p)) p.with_c = random_below(2);
          run_problem(variant(v), &p);
        }
      }
    }
  }
}

/* Whole numbers make every sum exact, so that what is left to differ is the rounding: none. */
static void test_rounding(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    for (int i = 0; i < SHAPES; i++) {
      for (int epilogue = 0; epilogue <= TRM__EPI_GATE_M; epilogue++) {
        problem p = {shapes[i], A_ROWS, 1, 1, 1, (trm__epilogue)epilogue, FILL_WHOLE};
        if (p.epilogue == TRM__EPI_GATE_N) p.s.n += p.s.n % 2;
        if (p.epilogue == TRM__EPI_GATE_M) p.s.m += p.s.m % 2;
        run_problem(variant(v), &p);
      }
    }
  }
}

static void test_magnitudes(void **state) {
  (void)state;
  static const fill_kind kinds[] = {FILL_ZERO, FILL_HUGE, FILL_SUBNORMAL};
  for (int v = 0; variant(v); v++) {
    for (int i = 0; i < 3; i++) {
      for (int epilogue = 0; epilogue <= TRM__EPI_RESIDUAL; epilogue++) {
        problem p = {{17, 35, 300}, A_ROWS, 0, 1, 0, (trm__epilogue)epilogue, kinds[i]};
        run_problem(variant(v), &p);
      }
    }
  }
}

/* c may be the residual itself. */
static void test_residual_in_place(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    problem p = {{31, 45, 70}, A_ROWS, 1, 1, 1, TRM__EPI_RESIDUAL, FILL_UNIT};
    setup s = setup_new(variant(v), &p);
    variant(v)->product[TRM__F32]->gemm(&s.g);
    trm__gemm g = s.g;
    guarded c = guarded_copy(s.residual.x, s.residual.n);
    g.c = c.x;
    g.residual = c.x;
    variant(v)->product[TRM__F32]->gemm(&g);
    for (int i = 0; i < p.s.m; i++)
      assert_memory_equal(c.x + i * g.c_rs, s.c.x + i * g.c_rs, (size_t)p.s.n * sizeof(float));
    guarded_free(&c);
    setup_free(&s);
  }
}

/* A NaN or an infinity of A reaches its row and no other; one of B its column. */
static void test_special_values(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    for (int epilogue = 0; epilogue <= TRM__EPI_RESIDUAL; epilogue++) {
      problem p = {{20, 50, 40}, A_COLUMNS, 0, 1, random_below(2), (trm__epilogue)epilogue, FILL_UNIT};
      setup s = setup_new(variant(v), &p);
      s.a.x[7 * s.g.a_rs + 39 * s.g.a_cs] = NAN;
      s.a.x[9 * s.g.a_rs] = INFINITY;
      s.b.x[5 * p.s.n + 49] = NAN;
      variant(v)->product[TRM__F32]->pack_b(s.packed.x, s.b.x, p.s.n, 1, p.s.k, p.s.n, 0, 0, panels(variant(v), &p));
      variant(v)->product[TRM__F32]->gemm(&s.g);
      for (int i = 0; i < p.s.m; i++) {
        for (int j = 0; j < p.s.n; j++) {
          float x = s.c.x[i * s.g.c_rs + j];
          if (i == 7 || j == 49) assert_true(isnan(x));
          else if (i == 9) assert_true(isinf(x));
          else assert_true(isfinite(x));
        }
      }
      setup_free(&s);
    }
  }
}

/* Panels can be packed one by one, and each only touches its own place. */
static void test_pack_ranges(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    for (int gate = 0; gate < 2; gate++) {
      for (int transposed = 0; transposed < 3; transposed++) {
        const trm__kernels *kernels = variant(v);
        int k = 11, n = 3 * kernels->nr + 6,
            count = (int)(kernels->product[TRM__F32]->packed_size(k, n, gate) / (size_t)(k * kernels->nr));
        ptrdiff_t rs = transposed == 1 ? 1 : transposed ? 3 : n, cs = transposed == 1 ? k : transposed ? 3 * k : 1;
        guarded b = guarded_filled((size_t)((k - 1) * rs + (n - 1) * cs + 1), FILL_UNIT);
        guarded whole = guarded_new(kernels->product[TRM__F32]->packed_size(k, n, gate)), part = guarded_new(whole.n);
        kernels->product[TRM__F32]->pack_b(whole.x, b.x, rs, cs, k, n, gate, 0, count);
        for (int q = count - 1; q >= 0; q--)
          kernels->product[TRM__F32]->pack_b(part.x, b.x, rs, cs, k, n, gate, q, q + 1);
        assert_memory_equal(whole.x, part.x, whole.n * sizeof(float));
        for (int q = 0; q < count; q++) {
          for (int j = 0; j < kernels->nr; j++) {
            int half = kernels->nr / 2, column = gate ? q * half + j % half : q * kernels->nr + j;
            int valid = column < (gate ? n / 2 : n), source = gate && j >= half ? n / 2 + column : column;
            for (int p = 0; p < k; p++) {
              float got = whole.x[((size_t)q * (size_t)k + (size_t)p) * (size_t)kernels->nr + (size_t)j];
              assert_true(got == (valid ? b.x[p * rs + source * cs] : 0.0F));
            }
          }
        }
        guarded_free(&b);
        guarded_free(&whole);
        guarded_free(&part);
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_layouts_and_epilogues),
      cmocka_unit_test(test_rounding),
      cmocka_unit_test(test_magnitudes),
      cmocka_unit_test(test_residual_in_place),
      cmocka_unit_test(test_special_values),
      cmocka_unit_test(test_pack_ranges),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
