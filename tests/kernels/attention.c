/* Rotary positions and attention of every variant against loops in double. */
#include "kernels/check.h"

typedef struct heads {
  int rows, head_dim, ld, out_ld;
} heads;

static const heads cases[] = {{1, 16, 16, 16},   {2, 1, 3, 1},        {7, 5, 15, 6},    {17, 33, 99, 33},
                              {97, 64, 192, 64}, {25, 128, 400, 128}, {60, 24, 72, 24}, {113, 17, 51, 20}};
enum { CASES = sizeof cases / sizeof cases[0] };

static size_t span(int rows, int ld, int width) {
  return (size_t)(rows - 1) * (size_t)ld + (size_t)width;
}

/* Softmax weights of row i in double. */
static void weights_of(double *w, const trm__attention *a, int i) {
  double max = -INFINITY, sum = 0;
  for (int j = 0; j < a->rows; j++) {
    double s = 0;
    for (int e = 0; e < a->head_dim; e++) s += (double)a->q[i * a->ld + e] * (double)a->k[j * a->ld + e];
    w[j] = s * a->scale;
    if (w[j] > max) max = w[j];
  }
  for (int j = 0; j < a->rows; j++) sum += w[j] = exp(w[j] - max);
  for (int j = 0; j < a->rows; j++) w[j] /= sum;
}

/* What bf16 operands may do to a result of order 1: queries, keys, weights and values are rounded to 8 bits each. */
static double error_of(const trm__attention *a, double fp32) {
  return a->type == TRM_BFLOAT16 ? 0.03 : fp32;
}

static void check_forward(const trm__kernels *kernels, const trm__attention *a) {
  double *w = malloc((size_t)a->rows * sizeof *w);
  for (int i = 0; i < a->rows; i++) {
    weights_of(w, a, i);
    for (int e = 0; e < a->head_dim; e++) {
      double want = 0;
      for (int j = 0; j < a->rows; j++) want += w[j] * a->v[j * a->ld + e];
      CHECK_CLOSE(a->out[i * a->out_ld + e], want, error_of(a, 3e-6) + (a->round ? fabs(want) * 0x1p-8 : 0),
                  "%s %d rows of %d (%d,%d)", kernels->isa, a->rows, a->head_dim, i, e);
    }
  }
  free(w);
}

static void check_backward(const trm__kernels *kernels, const trm__attention *a) {
  size_t size = (size_t)a->rows * (size_t)a->head_dim;
  double *w = malloc((size_t)a->rows * sizeof *w), *grads = calloc(3 * size, sizeof *grads);
  double *dq = grads, *dk = grads + size, *dv = grads + 2 * size;
  for (int i = 0; i < a->rows; i++) {
    const float *dout = a->dout + i * a->out_ld;
    double mean = 0;
    weights_of(w, a, i);
    for (int pass = 0; pass < 2; pass++) {
      for (int j = 0; j < a->rows; j++) {
        double dw = 0;
        for (int e = 0; e < a->head_dim; e++) dw += (double)dout[e] * (double)a->v[j * a->ld + e];
        if (!pass) mean += w[j] * dw;
        double ds = w[j] * (dw - mean) * a->scale;
        for (int e = 0; pass && e < a->head_dim; e++) {
          dq[i * a->head_dim + e] += ds * a->k[j * a->ld + e];
          dk[j * a->head_dim + e] += ds * a->q[i * a->ld + e];
          dv[j * a->head_dim + e] += w[j] * dout[e];
        }
      }
    }
  }
  for (int i = 0; i < a->rows; i++) {
    for (int e = 0; e < a->head_dim; e++) {
      int at = i * a->head_dim + e;
      CHECK_CLOSE(a->dq[i * a->ld + e], dq[at], error_of(a, 2e-5) * (1 + fabs(dq[at])), "%s dq (%d,%d)", kernels->isa,
                  i, e);
      CHECK_CLOSE(a->dk[i * a->ld + e], dk[at], error_of(a, 2e-5) * (1 + fabs(dk[at])), "%s dk (%d,%d)", kernels->isa,
                  i, e);
      CHECK_CLOSE(a->dv[i * a->ld + e], dv[at], error_of(a, 2e-5) * (1 + fabs(dv[at])), "%s dv (%d,%d)", kernels->isa,
                  i, e);
    }
  }
  free(grads);
  free(w);
}

static void run_case(const trm__kernels *kernels, const heads *h, trm_dtype type) {
  size_t in = span(h->rows, h->ld, h->head_dim), out = span(h->rows, h->out_ld, h->head_dim);
  guarded buffers[8];
  for (int i = 0; i < 8; i++) buffers[i] = guarded_filled(i == 3 || i == 4 ? out : in, FILL_UNIT);
  guarded scratch = guarded_new(kernels->attention_scratch(h->rows, h->head_dim));
  trm__attention a = {.type = type, .rows = h->rows, .head_dim = h->head_dim, .ld = h->ld, .out_ld = h->out_ld};
  a.scale = 1 / sqrtf((float)h->head_dim);
  a.q = buffers[0].x, a.k = buffers[1].x, a.v = buffers[2].x, a.out = buffers[3].x, a.dout = buffers[4].x;
  a.dq = buffers[5].x, a.dk = buffers[6].x, a.dv = buffers[7].x, a.scratch = scratch.x;
  guarded before[4];
  for (int i = 0; i < 4; i++) before[i] = guarded_copy(buffers[i ? i + 4 : 3].x, i ? in : out);
  for (a.round = 0; a.round < 2; a.round++) {
    kernels->attention(&a);
    check_forward(kernels, &a);
  }
  kernels->attention_backward(&a);
  check_backward(kernels, &a);
  for (int b = 0; b < 4; b++) { /* between the rows nothing is written */
    const guarded *now = &buffers[b ? b + 4 : 3];
    size_t ld = (size_t)(b ? h->ld : h->out_ld);
    for (size_t i = 0; i < now->n; i++) assert_true(i % ld < (size_t)h->head_dim || now->x[i] == before[b].x[i]);
    guarded_free(&before[b]);
  }
  for (int i = 0; i < 8; i++) guarded_free(&buffers[i]);
  guarded_free(&scratch);
}

static void test_attention(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    for (int i = 0; i < CASES; i++) {
      run_case(variant(v), &cases[i], TRM_FLOAT32);
      if (variant(v)->product[TRM_BFLOAT16]) run_case(variant(v), &cases[i], TRM_BFLOAT16);
    }
  }
}

/* Scores in the hundreds: weights are nearly one-hot and exp must not overflow. */
static void test_large_scores(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    enum { R = 40, D = 16 };
    guarded qkv = guarded_filled(R * 3 * D, FILL_UNIT), out = guarded_new(R * D);
    guarded scratch = guarded_new(variant(v)->attention_scratch(R, D));
    for (int i = 0; i < R; i++) {
      for (int e = 0; e < D; e++) qkv.x[i * 3 * D + e] *= 300.0F * (i % 2 ? 1.0F : -1.0F);
    }
    trm__attention a = {.rows = R, .head_dim = D, .scale = 0.25F, .q = qkv.x, .k = qkv.x + D, .v = qkv.x + 2 * D};
    a.ld = 3 * D, a.out = out.x, a.out_ld = D, a.scratch = scratch.x;
    variant(v)->attention(&a);
    double w[R];
    for (int i = 0; i < R; i++) {
      weights_of(w, &a, i);
      for (int e = 0; e < D; e++) {
        double want = 0;
        for (int j = 0; j < R; j++) want += w[j] * a.v[j * a.ld + e];
        CHECK_CLOSE(out.x[i * D + e], want, 5e-4, "%s large (%d,%d)", variant(v)->isa, i, e);
      }
    }
    /* A NaN in a query spoils its own row only; one in a key spoils all. */
    qkv.x[3 * 3 * D] = NAN;
    variant(v)->attention(&a);
    for (int i = 0; i < R * D; i++) assert_int_equal(!!isnan(out.x[i]), i / D == 3);
    qkv.x[5 * 3 * D + D] = NAN;
    variant(v)->attention(&a);
    for (int i = 0; i < R * D; i++) assert_true(isnan(out.x[i]));
    guarded_free(&qkv);
    guarded_free(&out);
    guarded_free(&scratch);
  }
}

static void test_long_rows(void **state) {
  (void)state;
  for (int v = 1; variant(v); v++) {
    heads h = {916, 16, 16, 16};
    run_case(variant(v), &h, TRM_FLOAT32);
    if (variant(v)->product[TRM_BFLOAT16]) run_case(variant(v), &h, TRM_BFLOAT16);
  }
}

/* Bit for bit the formula in float; the inverse turns back; other numbers of a row stay. */
static void test_rope(void **state) {
  (void)state;
  static const int dims[] = {2, 6, 16, 64, 128, 7};
  for (int v = 0; variant(v); v++) {
    for (int c = 0; c < 6; c++) {
      int d = dims[c], half = d / 2, rows = 5, count = 3, ld = count * d + 4, round = c % 2;
      size_t n = span(rows, ld, count * d), angles = (size_t)(rows * half);
      guarded x = guarded_filled(n, FILL_UNIT), cosines = guarded_new(angles), sines = guarded_new(angles);
      for (size_t i = 0; i < angles; i++) cosines.x[i] = cosf((float)i), sines.x[i] = sinf((float)i);
      guarded y = guarded_copy(x.x, n);
      variant(v)->rope(y.x, ld, cosines.x, sines.x, rows, count, d, 0, round);
      for (size_t at = 0; at < n; at++) {
        int i = (int)at / ld, j = (int)at % ld, e = j % d;
        float want = x.x[at];
        if (j < count * d && e < 2 * half) {
          float cosine = cosines.x[i * half + e % half], sine = sines.x[i * half + e % half];
          want =
              e < half ? x.x[at] * cosine - x.x[(int)at + half] * sine : x.x[at] * cosine + x.x[(int)at - half] * sine;
          if (round) want = to_bf16(want);
        }
        assert_true(y.x[at] == want);
      }
      variant(v)->rope(y.x, ld, cosines.x, sines.x, rows, count, d, 1, 0);
      for (size_t at = 0; at < n; at++)
        CHECK_CLOSE(y.x[at], x.x[at], round ? 0.02 : 3e-7, "%s inverse", variant(v)->isa);
      guarded *all[] = {&x, &cosines, &sines, &y};
      for (int i = 0; i < 4; i++) guarded_free(all[i]);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_attention),
      cmocka_unit_test(test_large_scores),
      cmocka_unit_test(test_long_rows),
      cmocka_unit_test(test_rope),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
