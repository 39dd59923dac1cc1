/* What the backend tests share: a backend with given kernels and threads, random weights of any shape, and each block
 * once more as plain loops in double. */
#ifndef TRM_TESTS_UNIT_BACKEND_SUPPORT_H
#define TRM_TESTS_UNIT_BACKEND_SUPPORT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/backend.h"
#include "base/mem.h"
#include "base/rng.h"

#include "support/backend_sizes.h"
#include "support/isa.h"

#define UNUSED __attribute__((unused))

/* -- opening ---------------------------------------------------------------------------------------------------- */

typedef struct bench {
  trm__pool *pool;
  trm__backend *be;
  trm__dims dims;
  trm__weights *w;
  trm__real *flat, *grad; /* all weights, and their gradients */
  size_t count;
  trm__weights_view view, grads;
} bench;

UNUSED static void open_backend(bench *t, const char *isa, int threads) {
  memset(t, 0, sizeof *t);
  trm__isa_choice choice;
  assert_true(isa_choose(&choice, isa));
  assert_int_equal(trm__pool_open(&t->pool, threads, NULL), TRM_OK);
  assert_int_equal(trm__backend_open(&t->be, "cpu", &choice, t->pool, NULL), TRM_OK);
}

UNUSED static trm__dims make_dims(int mixer, int S, int P, int D, int heads, int V, trm_pos_encodings positions) {
  return (trm__dims){.S = S,
                     .P = P,
                     .L = S + P,
                     .D = D,
                     .V = V,
                     .heads = mixer ? 0 : heads,
                     .head_dim = mixer ? 0 : D / heads,
                     .layers = 2,
                     .mixer = mixer,
                     .inner_d = D / 2 + 3,
                     .inner_l = mixer ? S + 4 : 0,
                     .emb_ndim = P ? (P > 1 ? D + D / 2 : D) : 0,
                     .positions = positions,
                     .eps = 1e-5,
                     .rope_theta = 10000};
}

UNUSED static double uniform(trm__rng *rng) {
  return 2 * trm__rng_unit(rng) - 1;
}

UNUSED static void fill(trm__real *x, size_t n, uint64_t seed, double scale) {
  trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, 0);
  for (size_t i = 0; i < n; i++) x[i] = (trm__real)(scale * uniform(&rng));
}

UNUSED static trm__real *numbers(size_t n, uint64_t seed, double scale) {
  trm__real *x = trm__calloc(n, sizeof *x);
  assert_non_null(x);
  fill(x, n, seed, scale);
  return x;
}

UNUSED static void open_weights(bench *t, const trm__dims *dims, int training, int max_batch) {
  t->dims = *dims;
  t->count = make_view(dims, NULL, &t->view);
  t->flat = numbers(t->count, 7, 0.5);
  t->grad = numbers(t->count, 0, 0);
  make_view(dims, t->flat, &t->view);
  make_view(dims, t->grad, &t->grads);
  assert_int_equal(t->be->weights_open(t->be, &t->w, dims, training, max_batch, NULL), TRM_OK);
  t->be->weights_prepare(t->be, t->w, &t->view);
}

UNUSED static void close_bench(bench *t) {
  if (t->w) t->be->weights_close(t->be, &t->w);
  trm__backend_close(&t->be);
  trm__pool_close(&t->pool);
  trm__free(t->flat);
  trm__free(t->grad);
}

/* -- comparing -------------------------------------------------------------------------------------------------- */

/* Tolerance relative to the largest expected number. */
UNUSED static void check_close(const char *what, const trm__real *found, const double *expected, size_t n, double tol) {
  double largest = 1e-30, worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(expected[i]));
  for (size_t i = 0; i < n; i++) {
    double diff = fabs((double)found[i] - expected[i]);
    if (!(diff <= worst)) worst = diff, at = i;
  }
  if (!(worst <= tol * largest))
    fail_msg("%s: number %zu of %zu is %.9g, expected %.9g (largest %.3g)", what, at, n, (double)found[at],
             expected[at], largest);
}

UNUSED static double exactness(void) {
  return sizeof(trm__real) == sizeof(double) ? 1e-12 : 2e-5;
}

UNUSED static double *doubles(size_t n) {
  double *x = trm__calloc(n, sizeof *x);
  assert_non_null(x);
  return x;
}

UNUSED static double *to_double(const trm__real *x, size_t n) {
  double *copy = doubles(n);
  for (size_t i = 0; i < n; i++) copy[i] = (double)x[i];
  return copy;
}

/* -- the blocks in double --------------------------------------------------------------------------------------- */

UNUSED static double silu(double x) {
  return x / (1 + exp(-x));
}

/* One layer's weights in double. */
typedef struct plain_layer {
  const double *mix_in, *mix_out, *mlp_in, *mlp_out;
} plain_layer;

/* From a copy of all weights in double. */
UNUSED static plain_layer plain_layer_at(const bench *t, const double *flat, int i) {
  const trm__layer_view *l = &t->view.layer[i];
  return (plain_layer){flat + (l->mix_in - t->flat), flat + (l->mix_out - t->flat), flat + (l->mlp_in - t->flat),
                       flat + (l->mlp_out - t->flat)};
}

/* out [rows] = W [rows][cols] v, with strides of v and out. */
UNUSED static void times(const double *W, int rows, int cols, const double *v, int v_step, double *out, int out_step) {
  for (int i = 0; i < rows; i++) {
    double sum = 0;
    for (int j = 0; j < cols; j++) sum += W[i * cols + j] * v[j * v_step];
    out[i * out_step] = sum;
  }
}

/* out = rms(v), a vector of n numbers. */
UNUSED static void plain_rms(const double *v, int n, double eps, double *out) {
  double squares = 0;
  for (int i = 0; i < n; i++) squares += v[i] * v[i];
  for (int i = 0; i < n; i++) out[i] = v[i] / sqrt(squares / n + eps);
}

/* v = rms(v + swiglu(v)) for a vector of width numbers with a stride; RMS_GATE: sigmoid(g) rms(g u) for silu(g) u.
 * prenorm: v + swiglu(rms(v)), without a stride. */
UNUSED static void plain_swiglu(const double *gate_up, const double *down, int inner, double *v, int width, int step,
                                const trm__dims *s) {
  double gu[2048], act[1024], add[1024], normed[1024], squares = 0, inner_squares = 0, eps = s->eps;
  if (s->prenorm) plain_rms(v, width, eps, normed);
  times(gate_up, 2 * inner, width, s->prenorm ? normed : v, step, gu, 1);
  for (int i = 0; i < inner; i++) {
    double p = gu[i] * gu[inner + i];
    act[i] = p / (1 + exp(-gu[i]));
    inner_squares += p * p;
  }
  for (int i = 0; i < inner && s->activation == TRM_ACT_RMS_GATE; i++) act[i] /= sqrt(inner_squares / inner + eps);
  times(down, width, inner, act, 1, add, 1);
  for (int i = 0; i < width; i++) {
    v[i * step] += add[i];
    squares += v[i * step] * v[i * step];
  }
  for (int i = 0; i < width && !s->prenorm; i++) v[i * step] /= sqrt(squares / width + eps);
}

UNUSED static void plain_mlp(const trm__dims *s, const plain_layer *l, int b, double *h) {
  for (int r = 0; r < b * s->L; r++)
    plain_swiglu(l->mlp_in, l->mlp_out, s->inner_d, h + (size_t)r * (size_t)s->D, s->D, 1, s);
}

UNUSED static void plain_rope(const trm__dims *s, double *head, int position) {
  int half = s->head_dim / 2;
  for (int i = 0; i < half; i++) {
    float rate = 1 / (float)pow(s->rope_theta, (double)((float)(2 * i) / (float)s->head_dim));
    double angle = (double)((float)position * rate), c = (float)cos(angle), r = (float)sin(angle);
    double left = head[i] * c - head[i + half] * r;
    head[i + half] = head[i + half] * c + head[i] * r;
    head[i] = left;
  }
}

/* out [L][head_dim] of one head of one example; qkv [L][3D]. */
UNUSED static void plain_head(const trm__dims *s, const double *qkv, int head, double *att) {
  int D = s->D, n = s->head_dim;
  double *weight = doubles((size_t)s->L);
  for (int i = 0; i < s->L; i++) {
    double sum = 0;
    for (int j = 0; j < s->L; j++) {
      double dot = 0;
      for (int e = 0; e < n; e++) dot += qkv[i * 3 * D + head * n + e] * qkv[j * 3 * D + D + head * n + e];
      sum += weight[j] = exp(dot / sqrt(n));
    }
    for (int e = 0; e < n; e++) {
      att[i * D + head * n + e] = 0;
      for (int j = 0; j < s->L; j++)
        att[i * D + head * n + e] += weight[j] / sum * qkv[j * 3 * D + 2 * D + head * n + e];
    }
  }
  trm__free(weight);
}

UNUSED static void plain_attention(const trm__dims *s, const plain_layer *l, double *h) {
  int D = s->D;
  double *qkv = doubles((size_t)s->L * 3 * (size_t)D), *att = doubles((size_t)s->L * (size_t)D), add[1024];
  double normed[1024];
  for (int i = 0; i < s->L; i++) {
    if (s->prenorm) plain_rms(h + i * D, D, s->eps, normed);
    times(l->mix_in, 3 * D, D, s->prenorm ? normed : h + i * D, 1, qkv + i * 3 * D, 1);
    for (int k = 0; s->positions == TRM_POS_ROPE && k < 2 * s->heads; k++)
      plain_rope(s, qkv + i * 3 * D + k * s->head_dim, i);
  }
  for (int k = 0; k < s->heads; k++) plain_head(s, qkv, k, att);
  for (int i = 0; i < s->L; i++) {
    double squares = 0;
    times(l->mix_out, D, D, att + i * D, 1, add, 1);
    for (int j = 0; j < D; j++) {
      h[i * D + j] += add[j];
      squares += h[i * D + j] * h[i * D + j];
    }
    for (int j = 0; j < D && !s->prenorm; j++) h[i * D + j] /= sqrt(squares / D + s->eps);
  }
  trm__free(qkv);
  trm__free(att);
}

UNUSED static void plain_mix(const trm__dims *s, const plain_layer *l, int b, double *h) {
  for (int i = 0; i < b; i++) {
    double *example = h + state_size(s, i);
    if (!s->mixer) plain_attention(s, l, example);
    for (int d = 0; s->mixer && d < s->D; d++)
      plain_swiglu(l->mix_in, l->mix_out, s->inner_l, example + d, s->L, s->D, s);
  }
}

#endif
