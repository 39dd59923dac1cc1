/* Weight gradients in parts, the packing of weights, and Muon's step. */
#include "cuda/kernels/products.h"

#include "kernels/update.h"

/* -- weight gradients ---------------------------------------------------------------------------------------------- */

/* Where row i of an interleaved gradient belongs. */
static size_t apart(size_t i, size_t m) {
  return i / 16 * 8 + i % 8 + (i % 16 >= 8 ? m / 2 : 0);
}

/* to = 1 + gradient, behind `skip` numbers; made by a method in `splits` parts of partial, or by
 * trm__cuda_weight_gradient (splits 0). */
static buffer gradient_of(const method *v, const problem *p, int la, int lb, int splits, int interleaved, size_t skip) {
  static const trm__cuda_layout layouts[2] = {TRM__CUDA_INNER, TRM__CUDA_OUTER};
  size_t mn = (size_t)p->m * (size_t)p->n;
  trm__cuda_product x = {.type = p->type, .m = p->m, .n = p->n, .k = p->k, .batches = p->batches};
  trm__cuda_queue q = device_queue();
  buffer a, b, to = buffer_numbers(TRM_FLOAT32, mn + skip);
  x.a = lay_out(&a, p->type, p->a, p->batches, p->m, p->k, layouts[la], 0, 0);
  x.b = lay_out(&b, p->type, p->b, p->batches, p->n, p->k, layouts[lb], 8, 0);
  x.epilogue = TRM__CUDA_PARTIAL;
  for (size_t i = 0; i < mn; i++) set_at(&to, skip + i, 1);
  int parts = splits ? splits : trm__cuda_splits(p->type, p->m, p->n, p->k, p->batches);
  buffer partial = buffer_numbers(TRM_FLOAT32, mn * (size_t)parts);
  buffer_push(&a);
  buffer_push(&b);
  buffer_push(&to);
  buffer_push(&partial);
  if (splits) {
    multiply_with(v, &x, splits, (float *)(void *)partial.device);
    buffer_pull(&partial);
    for (size_t i = 0; i < mn; i++)
      for (size_t s = 0; s < (size_t)splits; s++)
        set_at(&to, skip + i, get_at(&to, skip + i) + get_at(&partial, s * mn + i));
  } else {
    trm__cuda_weight_gradient(&q, &x, (float *)(void *)partial.device, (float *)(void *)to.device + skip, interleaved);
    device_finish(&q);
    buffer_pull(&to);
    buffer_pull(&partial);
  }
  buffer_free(&a);
  buffer_free(&b);
  buffer_free(&partial);
  return to;
}

static void try_gradient(const method *v, const problem *p, int la, int lb, int splits, int interleaved, size_t skip) {
  emulate_seed(7);
  buffer to = gradient_of(v, p, la, lb, splits, interleaved, skip);
  emulate_seed(8);
  buffer again = gradient_of(v, p, la, lb, splits, interleaved, skip);
  for (size_t i = 0; i < skip; i++) assert_true(untouched_at(&to, i));
  for (size_t i = 0; i < (size_t)p->m; i++)
    for (size_t j = 0; j < (size_t)p->n; j++) {
      size_t n = (size_t)p->n, from = i * n + j;
      size_t at = skip + (interleaved ? apart(i, (size_t)p->m) : i) * n + j;
      double got = (double)get_at(&to, at) - 1, tolerance = 2e-6 * p->absolute[from] + 1e-6;
      if (!(fabs(got - p->acc[from]) <= tolerance))
        fail_msg("%s, m %d n %d k %d x %d, a %d b %d, %d parts: [%zu] is %g, expected %g", v->name, p->m, p->n, p->k,
                 p->batches, la, lb, splits, at, got, p->acc[from]);
    }
  assert_memory_equal(to.at, again.at, to.bytes);
  buffer_free(&to);
  buffer_free(&again);
}

/* The products of all batches become one sum. */
static void sum_batches(problem *p) {
  size_t mn = (size_t)p->m * (size_t)p->n;
  for (size_t i = mn; i < mn * (size_t)p->batches; i++) {
    p->acc[i % mn] += p->acc[i];
    p->absolute[i % mn] += p->absolute[i];
  }
}

static void weight_gradients(void **state) {
  (void)state;
  static const int shapes[][5] = {/* m, n, k, batches, parts */
                                  {1, 1, 1, 1, 1},    {7, 5, 3, 5, 4},     {97, 72, 40, 6, 4},
                                  {48, 33, 97, 3, 5}, {32, 97, 300, 1, 3}, {160, 260, 33, 2, 2}};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    const int *x = shapes[s];
    for (int type = 0; type < 2; type++) {
      problem p = problem_new((trm_dtype)type, x[0], x[1], x[2], x[3], 0);
      sum_batches(&p);
      for (int v = 0; v < METHODS; v++) {
        const method *y = &methods[v];
        if ((int)y->type != type || !method_there(y) || (y->kind == 1 && y->shape != TRM__MMA_LARGE) ||
            (y->kind == 2 && y->shape == TRM__WGMMA_STREAM))
          continue;
        for (int l = 0; l < 4; l++) try_gradient(y, &p, l & 1, l >> 1, x[4], 0, 0);
      }
      for (int l = 0; l < 4; l++) try_gradient(&methods[METHODS - 1], &p, l & 1, l >> 1, 0, p.m % 16 == 0, (size_t)l);
      problem_free(&p);
    }
  }
}

/* Parts are at least one step long, fill the card, and depend on the shape alone. */
static void split_counts(void **state) {
  (void)state;
  static const int shapes[][4] = {{1, 1, 1, 1},        {512, 3072, 74496, 1},  {512, 1536, 74496, 1},
                                  {97, 512, 512, 768}, {1024, 97, 512, 768},   {512, 512, 512, 1},
                                  {128, 128, 64, 3},   {4096, 4096, 100000, 1}};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    const int *x = shapes[s];
    int splits = trm__cuda_splits(TRM_BFLOAT16, x[0], x[1], x[2], x[3]);
    double tiles = ceil(x[0] / 128.0) * ceil(x[1] / 128.0), steps = ceil(x[2] / 64.0) * x[3];
    assert_in_range(splits, 1, 64);
    assert_true(splits <= steps);
    if (steps >= 32 * 64) assert_true(tiles * splits >= 128);
  }
}

/* -- packing ------------------------------------------------------------------------------------------------------- */

/* One matrix of a call, and where it goes. */
typedef struct packed {
  trm__cuda_packing p;
  buffer src, dst;
} packed;

static packed packed_new(trm_dtype type, int rows, int cols, int transpose, int interleave, size_t extra) {
  size_t r = (size_t)rows, c = (size_t)cols, ld = up8(transpose ? r : c) + extra, lines = transpose ? c : r;
  packed k = {.src = buffer_numbers(TRM_FLOAT32, r * c), .dst = buffer_numbers(type, lines * ld)};
  for (size_t i = 0; i < r * c; i++) set_at(&k.src, i, random_number(TRM_FLOAT32));
  buffer_push(&k.src);
  buffer_push(&k.dst);
  k.p = (trm__cuda_packing){
      k.dst.device, (const float *)(const void *)k.src.device, (ptrdiff_t)ld, rows, cols, type, transpose, interleave};
  return k;
}

static void packed_check(packed *k) {
  const trm__cuda_packing *p = &k->p;
  size_t r = (size_t)p->rows, c = (size_t)p->cols, ld = (size_t)p->ld, lines = p->transpose ? c : r;
  buffer_pull(&k->dst);
  for (size_t line = 0; line < lines; line++)
    for (size_t at = 0; at < ld; at++) {
      size_t place = p->transpose ? at : line, col = p->transpose ? line : at;
      size_t row = p->interleave && place < r ? apart(place, r) : place;
      float x = place < r && col < c ? get_at(&k->src, row * c + col) : 0;
      assert_true(get_at(&k->dst, line * ld + at) == (p->type == TRM_BFLOAT16 ? to_bf16(x) : x));
    }
  buffer_free(&k->src);
  buffer_free(&k->dst);
}

/* All shapes and options, `at_once` matrices a call. */
static void try_packing(int at_once) {
  static const int shapes[][2] = {{1, 1}, {16, 97}, {97, 16}, {128, 32}, {48, 133}};
  enum { CASES = 2 * 5 * 8 };
  packed k[CASES];
  trm__cuda_packing list[CASES];
  trm__cuda_queue q = device_queue();
  int count = 0;
  for (int i = 0; i < CASES; i++) {
    const int *shape = shapes[i / 2 % 5];
    int option = i / 10, type = i % 2;
    if (shape[0] % 16 != 0 && (option & 2)) continue;
    k[count] = packed_new((trm_dtype)type, shape[0], shape[1], option & 1, option & 2, option & 4 ? 40 : 0);
    list[count] = k[count].p;
    count++;
  }
  for (int i = 0; i < count; i += at_once) trm__cuda_pack(&q, list + i, at_once < count - i ? at_once : count - i);
  device_finish(&q);
  for (int i = 0; i < count; i++) packed_check(&k[i]);
  trm__cuda_pack(&q, NULL, 0); /* nothing */
  device_finish(&q);
}

static void packing(void **state) {
  (void)state;
  try_packing(1);
  try_packing(32);
  try_packing(1000);
}

/* -- Muon ---------------------------------------------------------------------------------------------------------- */

/* to [m][n] = alpha base + beta x y, all by plain loops; x(i, p) = x[i * x_rs + p * x_cs], and so on. */
static void multiply_double(double *to, double alpha, const double *base, double beta, const double *x, size_t x_rs,
                            size_t x_cs, const double *y, size_t y_rs, size_t y_cs, size_t m, size_t n, size_t k) {
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      double sum = 0;
      for (size_t p = 0; p < k; p++) sum += x[i * x_rs + p * x_cs] * y[p * y_rs + j * y_cs];
      to[i * n + j] = (base ? alpha * base[i * n + j] : 0) + beta * sum;
    }
}

/* What a bf16 operand holds of x. */
static void round_into(double *to, const double *x, size_t n, int rounded) {
  for (size_t i = 0; i < n; i++) to[i] = rounded ? (double)to_bf16((float)x[i]) : x[i];
}

/* Five steps on x [rows][cols], in double; rounded: the products' operands are bf16. */
static void orthogonalize(double *x, size_t rows, size_t cols, int rounded) {
  size_t n = rows * cols, square = rows * rows;
  double norm = 0, *next = problem_memory(n, sizeof *next), *xr = problem_memory(n, sizeof *xr);
  double *a = problem_memory(square, sizeof *a), *poly = problem_memory(square, sizeof *poly);
  double *ar = problem_memory(square, sizeof *ar);
  for (size_t i = 0; i < n; i++) norm += x[i] * x[i];
  for (size_t i = 0; i < n; i++) x[i] /= sqrt(norm) + 1e-7;
  for (int step = 0; step < 5; step++) {
    round_into(xr, x, n, rounded);
    multiply_double(a, 0, NULL, 1, xr, cols, 1, xr, 1, cols, rows, rows, cols);
    round_into(ar, a, square, rounded);
    multiply_double(poly, -4.7750, a, 2.0315, ar, rows, 1, ar, rows, 1, rows, rows, rows);
    round_into(ar, poly, square, rounded);
    multiply_double(next, 3.4445, x, 1, ar, rows, 1, xr, cols, 1, rows, cols, rows);
    memcpy(x, next, n * sizeof *x);
  }
  free(next);
  free(xr);
  free(a);
  free(ar);
  free(poly);
}

enum { MUON_LR = 0, MUON_MOMENTUM, MUON_DECAY };
static const double muon_rates[] = {0.02, 0.95, 0.1};

typedef struct muon_state {
  buffer p, m, ema, g, scratch;
  trm__update_state update;
} muon_state;

static muon_state muon_new(int rows, int cols) {
  size_t n = (size_t)rows * (size_t)cols;
  muon_state s = {.update = {.t = 3, .factor = 0.5, .ema_decay = 0.9, .grad_scale = 0.25}};
  buffer *all[] = {&s.p, &s.m, &s.ema, &s.g};
  for (size_t i = 0; i < 4; i++) {
    *all[i] = buffer_numbers(TRM_FLOAT32, n);
    for (size_t e = 0; e < n; e++) set_at(all[i], e, random_number(TRM_FLOAT32));
  }
  s.scratch = buffer_numbers(TRM_FLOAT32, trm__cuda_muon_scratch(rows, cols));
  return s;
}

static void muon_free(muon_state *s) {
  buffer_free(&s->p);
  buffer_free(&s->m);
  buffer_free(&s->ema);
  buffer_free(&s->g);
  buffer_free(&s->scratch);
}

static void muon_run(muon_state *s, int rows, int cols, int with_ema) {
  trm__cuda_queue q = device_queue();
  buffer update = buffer_numbers(TRM_FLOAT32, sizeof s->update / sizeof(float));
  buffer *all[] = {&s->p, &s->m, &s->ema, &s->g, &s->scratch, &update};
  memcpy(update.at, &s->update, sizeof s->update);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) buffer_push(all[i]);
  trm__cuda_muon(&q, (const trm__update_state *)(const void *)update.device, (float *)(void *)s->p.device,
                 (float *)(void *)s->m.device, with_ema ? (float *)(void *)s->ema.device : NULL,
                 (const float *)(const void *)s->g.device, rows, cols, muon_rates[MUON_LR], muon_rates[MUON_MOMENTUM],
                 muon_rates[MUON_DECAY], (float *)(void *)s->scratch.device);
  device_finish(&q);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) buffer_pull(all[i]);
  buffer_free(&update);
}

/* Distance of the step that p shows from x, relative; x has rows <= cols. */
static double step_error(const muon_state *s, const double *before, const double *x, size_t r, size_t c) {
  double lr = muon_rates[MUON_LR] * s->update.factor, error = 0, all = 0;
  double step = lr * sqrt(fmax(1, (double)r / (double)c));
  for (size_t i = 0; i < r * c; i++) {
    double expected = x[r <= c ? i : i % c * r + i / c];
    double got = ((1 - lr * muon_rates[MUON_DECAY]) * before[i] - (double)get_at(&s->p, i)) / step;
    error += (got - expected) * (got - expected);
    all += expected * expected;
  }
  return sqrt(error / all);
}

static void try_muon(int rows, int cols) {
  size_t n = (size_t)rows * (size_t)cols, r = (size_t)rows, c = (size_t)cols;
  muon_state s = muon_new(rows, cols);
  double *exact = problem_memory(n, sizeof *exact), *rounded = problem_memory(n, sizeof *rounded);
  double *p = problem_memory(n, sizeof *p), *m = problem_memory(n, sizeof *m), *ema = problem_memory(n, sizeof *ema);
  double mu = muon_rates[MUON_MOMENTUM];
  for (size_t i = 0; i < n; i++) {
    double g = (double)get_at(&s.g, i) * s.update.grad_scale;
    m[i] = mu * (double)get_at(&s.m, i) + (1 - mu) * g;
    exact[rows <= cols ? i : i % c * r + i / c] = mu * m[i] + (1 - mu) * g;
    p[i] = (double)get_at(&s.p, i);
    ema[i] = (double)get_at(&s.ema, i);
  }
  memcpy(rounded, exact, n * sizeof *rounded);
  orthogonalize(exact, rows <= cols ? r : c, rows <= cols ? c : r, 0);
  orthogonalize(rounded, rows <= cols ? r : c, rows <= cols ? c : r, 1);
  muon_run(&s, rows, cols, 1);
  double near = step_error(&s, p, rounded, r, c), far = step_error(&s, p, exact, r, c);
  if (!(near <= 0.02 && far <= 0.06)) fail_msg("%d x %d: off by %g, from fp32 %g of the step", rows, cols, near, far);
  for (size_t i = 0; i < n; i++) {
    assert_true(fabs((double)get_at(&s.m, i) - m[i]) <= 1e-6);
    assert_true(fabs((double)get_at(&s.ema, i) - (0.9 * ema[i] + 0.1 * (double)get_at(&s.p, i))) <= 1e-6);
  }
  free(exact);
  free(rounded);
  free(m);
  free(p);
  free(ema);
  muon_free(&s);
}

static void muon(void **state) {
  (void)state;
  try_muon(1, 1);
  try_muon(7, 30);
  try_muon(30, 7);
  try_muon(40, 40);
  try_muon(97, 176);
  try_muon(200, 33);
}

/* Nothing changes in an update that diverged; the same bits in another order of threads; no average when there is none.
 */
static void muon_states(void **state) {
  (void)state;
  uint64_t random = check_state;
  muon_state s[4];
  for (int i = 0; i < 4; i++) {
    check_state = random;
    s[i] = muon_new(24, 72);
    emulate_seed((uint64_t)(i + 1));
    if (i == 2) s[i].update.diverged = TRM__LOSS_BAD;
    if (i < 3) muon_run(&s[i], 24, 72, i != 1);
  }
  assert_memory_equal(s[0].p.at, s[1].p.at, s[0].p.bytes);
  assert_memory_equal(s[0].m.at, s[1].m.at, s[0].m.bytes);
  assert_memory_equal(s[1].ema.at, s[3].ema.at, s[0].ema.bytes);
  assert_memory_not_equal(s[0].p.at, s[3].p.at, s[0].p.bytes);
  assert_memory_equal(s[2].p.at, s[3].p.at, s[0].p.bytes);
  assert_memory_equal(s[2].m.at, s[3].m.at, s[0].m.bytes);
  assert_memory_equal(s[2].ema.at, s[3].ema.at, s[0].ema.bytes);
  for (int i = 0; i < 4; i++) muon_free(&s[i]);
}

/* A gradient of zeros, and no momentum: no step but the decay. */
static void muon_zero(void **state) {
  (void)state;
  muon_state s = muon_new(16, 16);
  for (size_t i = 0; i < s.g.n; i++) {
    set_at(&s.g, i, 0);
    set_at(&s.m, i, 0);
    set_at(&s.p, i, 1);
  }
  muon_run(&s, 16, 16, 1);
  for (size_t i = 0; i < s.p.n; i++) assert_true(fabs((double)get_at(&s.p, i) - 0.999) <= 1e-6);
  muon_free(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(weight_gradients), cmocka_unit_test(split_counts),
                                     cmocka_unit_test(packing),          cmocka_unit_test(muon),
                                     cmocka_unit_test(muon_states),      cmocka_unit_test(muon_zero)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
