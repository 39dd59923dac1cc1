/* Matrix products of every variant and number type against a loop in double over the numbers that the words hold:
 * layouts, epilogues, ranges, rounding, extreme and special values. Sums of INT8 are exact, so there plain C's bits are
 * asked for. */
#include "kernels/caches.h"
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
enum { B_ROWS, B_COLUMNS, B_STRIDED, B_LAYOUTS };

typedef struct problem {
  shape s; /* in numbers */
  trm_dtype type;
  int a_layout, b_layout, with_c, round;
  int scaled; /* RESIDUAL: 1 rows, 2 columns, 3 both */
  trm__epilogue epilogue;
  fill_kind a_kind, b_kind;
} problem;

/* Numbers of one product, a [m][k] and b [k][n]; the numbers that their words hold (INT8: whole numbers and scales);
 * operands. Rows of c, residual and act have 3 numbers more than they need. */
typedef struct setup {
  guarded a, b, words, packed, c, residual, act, a_scale, row_scale, col_scale, scratch;
  double *held_a, *held_b;
  float *b_scale;
  const trm__product *product;
  trm__gemm g;
} setup;

static int gated(const problem *p) {
  return p->epilogue == TRM__EPI_GATE_N || p->epilogue == TRM__EPI_GATE_M;
}

static int panels(const trm__product *product, const problem *p) {
  int nr = product->nr, half = nr / 2;
  return p->epilogue == TRM__EPI_GATE_N ? (p->s.n / 2 + half - 1) / half : (p->s.n + nr - 1) / nr;
}

/* What k numbers, step apart, become as a row of A or a column of B; the scale. */
static float hold(double *held, ptrdiff_t held_step, const float *x, ptrdiff_t step, int k, trm_dtype type) {
  float max = 0;
  int nan = 0;
  for (int i = 0; i < k; i++) {
    float y = x[i * step];
    held[i * held_step] = type == TRM_BFLOAT16 ? to_bf16(y) : y;
    if (!isfinite(y)) nan = 1;
    else if (fabsf(y) > max) max = fabsf(y);
  }
  if (type != TRM_INT8) return 1;
  float factor = max > 1e-30F ? 127 / max : 0;
  for (int i = 0; i < k; i++) held[i * held_step] = nan ? 0 : nearbyintf(x[i * step] * factor);
  return nan ? NAN : max > 1e-30F ? max / 127 : 0;
}

/* A's words, row by row, then in the layout that is asked for. */
static void make_words(setup *s, const problem *p) {
  int m = p->s.m, k = p->s.k, words = trm__words(s->product, k), pitch = words + 2;
  guarded rows = guarded_new((size_t)(m - 1) * (size_t)pitch + (size_t)words);
  s->a_scale = guarded_new(p->type == TRM_INT8 ? (size_t)m : 0);
  if (s->product->pack_a) s->product->pack_a(rows.x, pitch, s->a_scale.x, s->a.x, k, m, k);
  for (int i = 0; i < m && !s->product->pack_a; i++)
    memcpy(rows.x + i * pitch, s->a.x + i * k, (size_t)k * sizeof(float));
  s->g.a_rs = p->a_layout == A_ROWS ? words : p->a_layout == A_COLUMNS ? 1 : 2;
  s->g.a_cs = p->a_layout == A_ROWS ? 1 : p->a_layout == A_COLUMNS ? m : 2 * m + 1;
  s->words = guarded_new((size_t)((m - 1) * s->g.a_rs + (words - 1) * s->g.a_cs + 1));
  for (int i = 0; i < m; i++) {
    for (int q = 0; q < words; q++)
      memcpy(s->words.x + i * s->g.a_rs + q * s->g.a_cs, rows.x + i * pitch + q, sizeof(float));
  }
  guarded_free(&rows);
}

static void make_panels(setup *s, const problem *p) {
  int n = p->s.n, k = p->s.k, gate = p->epilogue == TRM__EPI_GATE_N;
  ptrdiff_t rs = p->b_layout == B_ROWS ? n : p->b_layout == B_COLUMNS ? 1 : 3;
  ptrdiff_t cs = p->b_layout == B_ROWS ? 1 : p->b_layout == B_COLUMNS ? k : 3 * k;
  guarded b = guarded_new((size_t)((k - 1) * rs + (n - 1) * cs + 1));
  for (int q = 0; q < k; q++) {
    for (int j = 0; j < n; j++) b.x[q * rs + j * cs] = s->b.x[q * n + j];
  }
  s->packed = guarded_new(s->product->packed_size(k, n, gate));
  size_t tail = p->type == TRM_INT8 ? 2 : 0;
  assert_int_equal(s->packed.n,
                   (size_t)(panels(s->product, p) * s->product->nr) * ((size_t)trm__words(s->product, k) + tail));
  s->product->pack_b(s->packed.x, b.x, rs, cs, k, n, gate, 0, panels(s->product, p));
  guarded_free(&b);
}

/* The numbers that the words of a and b hold, and the operands; again after a or b have been changed. */
static void make_operands(setup *s, const problem *p) {
  int m = p->s.m, n = p->s.n, k = p->s.k;
  for (int i = 0; i < m; i++) hold(s->held_a + i * k, 1, s->a.x + i * k, 1, k, p->type);
  for (int j = 0; j < n; j++) s->b_scale[j] = hold(s->held_b + j, n, s->b.x + j, n, k, p->type);
  if (s->words.map) guarded_free(&s->words), guarded_free(&s->packed), guarded_free(&s->a_scale);
  make_words(s, p);
  make_panels(s, p);
  s->g.k = trm__words(s->product, k);
  s->g.a = s->words.x;
  s->g.b = s->packed.x;
  s->g.a_scale = s->a_scale.x;
}

static setup setup_new(const trm__kernels *kernels, const problem *p) {
  setup s = {.product = kernels->product[p->type]};
  int gate_n = p->epilogue == TRM__EPI_GATE_N, m = p->s.m, n = p->s.n, k = p->s.k;
  s.a = guarded_filled((size_t)m * (size_t)k, p->a_kind);
  s.b = guarded_filled((size_t)k * (size_t)n, p->b_kind);
  s.held_a = malloc(s.a.n * sizeof *s.held_a);
  s.held_b = malloc(s.b.n * sizeof *s.held_b);
  s.b_scale = malloc((size_t)n * sizeof *s.b_scale);
  make_operands(&s, p);
  ptrdiff_t stride = n + 3;
  size_t size = (size_t)(m - 1) * (size_t)stride + (size_t)n;
  s.c = guarded_filled(size, FILL_WHOLE);
  s.residual = guarded_filled(size, FILL_WHOLE);
  s.act = guarded_filled(size, FILL_WHOLE);
  s.row_scale = guarded_filled((size_t)m, FILL_UNIT);
  s.col_scale = guarded_filled((size_t)n, FILL_UNIT);
  s.scratch = guarded_new(s.product->scratch);
  s.g.scratch = s.scratch.x;
  s.g.m = m;
  s.g.n = n;
  s.g.c = p->with_c ? s.c.x : NULL;
  s.g.c_rs = s.g.residual_rs = s.g.act_rs = stride;
  s.g.epilogue = p->epilogue;
  s.g.round = p->round;
  s.g.residual = s.residual.x;
  s.g.act = s.act.x;
  s.g.row_scale = p->scaled & 1 ? s.row_scale.x : NULL;
  s.g.col_scale = p->scaled & 2 ? s.col_scale.x : NULL;
  s.g.m1 = p->epilogue == TRM__EPI_GATE_M ? m / 2 : m;
  s.g.n1 = gate_n ? n / 2 : n;
  return s;
}

static void setup_free(setup *s) {
  guarded *all[] = {&s->a,   &s->b,       &s->words,     &s->packed,    &s->c,      &s->residual,
                    &s->act, &s->a_scale, &s->row_scale, &s->col_scale, &s->scratch};
  for (int i = 0; i < 11; i++) guarded_free(all[i]);
  free(s->held_a);
  free(s->held_b);
  free(s->b_scale);
}

/* The product of the numbers held, and a bound of its error: a sum of k products in float. BF16 may take what is below
 * the normal numbers for zero, and may add a word's products in any order. */
static double product_at(const setup *s, const problem *p, int i, int j, double *error) {
  double sum = 0, size = 0, flushed = 0;
  for (int q = 0; q < p->s.k; q++) {
    double a = s->held_a[i * p->s.k + q], b = s->held_b[q * p->s.n + j];
    sum += a * b;
    size += fabs(a * b);
    if (fabs(a) < 0x1p-126 || fabs(b) < 0x1p-126) flushed += fabs(a * b);
  }
  *error = 0;
  if (p->type == TRM_INT8) return (float)sum * (s->a_scale.x[i] * s->b_scale[j]);
  if (p->a_kind != FILL_WHOLE) *error = size * (p->s.k + 2) * (p->type == TRM_BFLOAT16 ? 0x1p-23 : 0x1p-24);
  if (p->a_kind != FILL_WHOLE) *error += p->type == TRM_BFLOAT16 ? flushed + p->s.k * 0x1p-126 : 1e-44 * p->s.k;
  return sum;
}

/* The error with that of the epilogue, which may also turn over one bf16 step where the value is rounded. */
static double bound(const problem *p, double error, double value) {
  int exact = p->a_kind == FILL_WHOLE || p->type == TRM_INT8;
  return error + fabs(value) * (p->round && !exact ? 0x1p-7 : 0x1p-23);
}

static void check_plain(const trm__kernels *kernels, const problem *p, const setup *s, const float *before) {
  for (int i = 0; i < p->s.m; i++) {
    for (int j = 0; j < p->s.n; j++) {
      ptrdiff_t at = i * s->g.c_rs + j;
      double error, want = product_at(s, p, i, j, &error);
      float factor = (p->scaled & 1 ? s->row_scale.x[i] : 1) * (p->scaled & 2 ? s->col_scale.x[j] : 1);
      want *= factor;
      error = error * fabsf(factor) + (p->scaled ? fabs(want) * (p->round ? 0x1p-7 : 0x1p-22) : 0);
      if (p->epilogue == TRM__EPI_ADD) want += before[at];
      if (p->epilogue == TRM__EPI_RESIDUAL) want = s->residual.x[at] + (p->round ? (double)to_bf16((float)want) : want);
      if (p->round) want = to_bf16((float)want);
      CHECK_CLOSE(s->c.x[at], want, bound(p, error + fabs(want) * 0x1p-22, want),
                  "%s type %d %dx%dx%d epilogue %d layout %d (%d,%d)", kernels->isa, (int)p->type, p->s.m, p->s.n,
                  p->s.k, (int)p->epilogue, p->a_layout, i, j);
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
      CHECK_CLOSE(s->act.x[i * s->g.act_rs + j], want, tolerance, "%s type %d %dx%dx%d epilogue %d act (%d,%d)",
                  kernels->isa, (int)p->type, p->s.m, p->s.n, p->s.k, (int)p->epilogue, i, j);
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
static void check_ranges(const problem *p, const setup *s, const float *c, const float *act) {
  guarded c2 = guarded_copy(c, s->c.n), act2 = guarded_copy(act, s->act.n);
  int step_n = p->epilogue == TRM__EPI_GATE_N ? s->product->nr / 2 : s->product->nr;
  trm__gemm g = s->g;
  if (g.c) g.c = c2.x;
  g.act = act2.x;
  for (int m0 = 0; m0 < s->g.m1;) {
    int m1 = m0 + 1 + random_below(s->g.m1 - m0);
    for (int n0 = 0; n0 < s->g.n1;) {
      int n1 = n0 + step_n * (1 + random_below(3));
      if (n1 > s->g.n1) n1 = s->g.n1;
      g.m0 = m0, g.m1 = m1, g.n0 = n0, g.n1 = n1;
      s->product->gemm(&g);
      n0 = n1;
    }
    m0 = m1;
  }
  assert_memory_equal(c2.x, s->c.x, s->c.n * sizeof *c);
  assert_memory_equal(act2.x, s->act.x, s->act.n * sizeof *act);
  guarded_free(&c2);
  guarded_free(&act2);
}

/* Every variant that has the type, on the same numbers. Without an activation INT8 gives the bits of plain C. */
static void run_problem(const problem *p) {
  uint64_t seed = random_bits();
  guarded plain = {0};
  for (int v = 0; variant(v); v++) {
    const trm__kernels *kernels = variant(v);
    if (!kernels->product[p->type]) continue;
    check_state = seed;
    setup s = setup_new(kernels, p);
    guarded c = guarded_copy(s.c.x, s.c.n), act = guarded_copy(s.act.x, s.act.n);
    s.product->gemm(&s.g);
    if (gated(p)) check_gated(kernels, p, &s);
    else check_plain(kernels, p, &s, c.x);
    check_untouched(p, &s, c.x, act.x);
    check_ranges(p, &s, c.x, act.x);
    if (v == 0) plain = guarded_copy(s.c.x, s.c.n);
    for (size_t e = 0; e < s.c.n && p->type == TRM_INT8; e++) {
      if (memcmp(plain.x + e, s.c.x + e, sizeof(float)) != 0 && !(isnan(plain.x[e]) && isnan(s.c.x[e])))
        fail_msg("%s: not the bits of plain C at %zu", kernels->isa, e);
    }
    guarded_free(&c);
    guarded_free(&act);
    setup_free(&s);
  }
  guarded_free(&plain);
}

static void run_even(problem p) {
  if (p.epilogue == TRM__EPI_GATE_N) p.s.n += p.s.n % 2;
  if (p.epilogue == TRM__EPI_GATE_M) p.s.m += p.s.m % 2;
  run_problem(&p);
}

static void test_layouts_and_epilogues(void **state) {
  (void)state;
  for (int type = 0; type < TRM__DTYPES; type++) {
    for (int i = 0; i < SHAPES; i++) {
      for (int epilogue = 0; epilogue <= TRM__EPI_GATE_M; epilogue++) {
        for (int a = 0; a < (type ? 1 : A_LAYOUTS); a++) {
          problem p = {.s = shapes[i], .type = (trm_dtype)type, .a_layout = a, .with_c = 1};
          if (type) p.a_layout = random_below(A_LAYOUTS);
          p.b_layout = random_below(B_LAYOUTS);
          p.epilogue = (trm__epilogue)epilogue;
          if (gated(&p)) p.with_c = random_below(2);
          run_even(p);
        }
      }
    }
  }
}

/* Shapes, layouts and ranges that nobody chose. */
static void test_random_shapes(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++) {
    problem p = {.with_c = 1, .b_layout = random_below(B_LAYOUTS), .a_layout = random_below(A_LAYOUTS)};
    p.type = (trm_dtype)random_below(TRM__DTYPES);
    p.epilogue = (trm__epilogue)random_below(TRM__EPI_GATE_M + 1);
    p.round = random_below(2);
    if (p.epilogue == TRM__EPI_RESIDUAL) p.scaled = random_below(4);
    p.s = (shape){1 + random_below(70), 1 + random_below(100), 1 + random_below(random_below(4) ? 40 : 600)};
    run_even(p);
  }
}

/* Factors of rows and columns, in every type. */
static void test_scaled_residuals(void **state) {
  (void)state;
  for (int type = 0; type < TRM__DTYPES; type++) {
    for (int i = 0; i < SHAPES; i++) {
      problem p = {.s = shapes[i], .type = (trm_dtype)type, .with_c = 1, .epilogue = TRM__EPI_RESIDUAL};
      p.scaled = 1 + i % 3;
      p.round = i % 2;
      run_problem(&p);
    }
  }
}

/* Whole numbers make every sum exact, so that what is left to differ is the rounding: none. */
static void test_rounding(void **state) {
  (void)state;
  for (int type = 0; type < TRM__DTYPES; type++) {
    for (int i = 0; i < SHAPES; i++) {
      for (int epilogue = 0; epilogue <= TRM__EPI_GATE_M; epilogue++) {
        problem p = {.s = shapes[i], .type = (trm_dtype)type, .b_layout = B_COLUMNS, .with_c = 1, .round = 1};
        p.epilogue = (trm__epilogue)epilogue;
        p.a_kind = p.b_kind = FILL_WHOLE;
        run_even(p);
      }
    }
  }
}

static void test_magnitudes(void **state) {
  (void)state;
  static const fill_kind kinds[][2] = {
      {FILL_ZERO, FILL_ZERO},        {FILL_HUGE, FILL_HUGE},     {FILL_SUBNORMAL, FILL_SUBNORMAL},
      {FILL_ZERO, FILL_UNIT},        {FILL_UNIT, FILL_ZERO},     {FILL_TINY, FILL_UNIT},
      {FILL_UNIT, FILL_TINY},        {FILL_LARGEST, FILL_SMALL}, {FILL_SMALL, FILL_LARGEST},
      {FILL_WIDE, FILL_UNIT},        {FILL_UNIT, FILL_WIDE},     {FILL_SUBNORMAL, FILL_UNIT},
      {FILL_LARGEST, FILL_SUBNORMAL}};
  for (int type = 0; type < TRM__DTYPES; type++) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
      for (int epilogue = 0; epilogue <= TRM__EPI_RESIDUAL; epilogue++) {
        problem p = {.s = {17, 35, 299}, .type = (trm_dtype)type, .b_layout = (int)i % B_LAYOUTS, .with_c = 1};
        p.epilogue = (trm__epilogue)epilogue;
        p.a_kind = kinds[i][0], p.b_kind = kinds[i][1];
        run_problem(&p);
      }
    }
  }
}

/* Scales that overflow together: the same infinities and NaN as plain C. */
static void test_int8_overflow(void **state) {
  (void)state;
  problem p = {.s = {9, 33, 45}, .type = TRM_INT8, .with_c = 1, .a_kind = FILL_LARGEST, .b_kind = FILL_LARGEST};
  run_problem(&p);
}

/* Blocks follow the sizes of the caches, and results do not. */
static void test_caches(void **state) {
  (void)state;
  static const trm__caches sizes[] = {{8192, 8192}, {1, 1}, {49152, 2097152}, {131072, 65536}, {1U << 30, 1U << 30}};
  variant(0);
  trm__caches machine = trm__caches_used;
  assert_true(machine.l1 >= 8192 && machine.l2 >= machine.l1);
  for (int i = 0; variant(i / 6); i++) {
    problem p = {.s = {61, 600, 700}, .type = (trm_dtype)(i / 2 % 3), .with_c = 1};
    p.a_layout = i % 2 ? A_COLUMNS : A_ROWS;
    p.epilogue = i % 2 ? TRM__EPI_ADD : TRM__EPI_STORE;
    if (!variant(i / 6)->product[p.type]) continue;
    setup s = setup_new(variant(i / 6), &p);
    guarded start = guarded_copy(s.c.x, s.c.n), again = guarded_new(s.c.n);
    s.product->gemm(&s.g);
    s.g.c = again.x;
    for (size_t e = 0; e < sizeof sizes / sizeof sizes[0]; e++) {
      memcpy(again.x, start.x, again.n * sizeof(float));
      trm__caches_used = sizes[e];
      s.product->gemm(&s.g);
      trm__caches_used = machine;
      assert_memory_equal(again.x, s.c.x, again.n * sizeof(float));
    }
    guarded_free(&start);
    guarded_free(&again);
    setup_free(&s);
  }
}

/* c may be the residual itself. */
static void test_residual_in_place(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    for (int type = 0; type < TRM__DTYPES; type++) {
      problem p = {.s = {31, 45, 70}, .type = (trm_dtype)type, .with_c = 1, .round = 1, .epilogue = TRM__EPI_RESIDUAL};
      if (!variant(v)->product[type]) continue;
      setup s = setup_new(variant(v), &p);
      s.product->gemm(&s.g);
      trm__gemm g = s.g;
      guarded c = guarded_copy(s.residual.x, s.residual.n);
      g.c = c.x;
      g.residual = c.x;
      s.product->gemm(&g);
      for (int i = 0; i < p.s.m; i++)
        assert_memory_equal(c.x + i * g.c_rs, s.c.x + i * g.c_rs, (size_t)p.s.n * sizeof(float));
      guarded_free(&c);
      setup_free(&s);
    }
  }
}

/* A NaN or an infinity of A reaches its row and no other; one of B its column. With INT8 both give NaN. */
static void check_special(const trm__kernels *kernels, const problem *p) {
  setup s = setup_new(kernels, p);
  int k = p->s.k, n = p->s.n;
  s.a.x[7 * k + k - 1] = NAN;
  s.a.x[9 * k] = INFINITY;
  s.b.x[5 * n + n - 1] = -NAN;
  s.b.x[6 * n + 3] = -INFINITY;
  make_operands(&s, p);
  s.product->gemm(&s.g);
  for (int i = 0; i < p->s.m; i++) {
    for (int j = 0; j < n; j++) {
      float x = s.c.x[i * s.g.c_rs + j];
      if (i == 7 || j == n - 1) assert_true(isnan(x));
      else if (i == 9 || j == 3) assert_true(p->type == TRM_INT8 ? isnan(x) : !isfinite(x));
      else assert_true(isfinite(x));
    }
  }
  setup_free(&s);
}

static void test_special_values(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    for (int i = 0; i < TRM__DTYPES * B_LAYOUTS * 3; i++) {
      problem p = {.s = {20, 50, 41}, .type = (trm_dtype)(i / 9), .b_layout = i / 3 % 3, .with_c = 1};
      p.epilogue = (trm__epilogue)(i % 3);
      p.a_layout = random_below(A_LAYOUTS);
      p.round = random_below(2);
      if (variant(v)->product[p.type]) check_special(variant(v), &p);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_layouts_and_epilogues),
      cmocka_unit_test(test_random_shapes),
      cmocka_unit_test(test_rounding),
      cmocka_unit_test(test_scaled_residuals),
      cmocka_unit_test(test_magnitudes),
      cmocka_unit_test(test_int8_overflow),
      cmocka_unit_test(test_caches),
      cmocka_unit_test(test_residual_in_place),
      cmocka_unit_test(test_special_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
