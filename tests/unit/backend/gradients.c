/* The backward pass of each block against central differences of the same block in plain loops in double: every single
 * derivative on small shapes, derivatives along random directions on large ones. Compiled twice, see
 * backend_gradients_double.c; the float build runs every instruction set. */
#include "unit/backend/support.h"

typedef struct shape {
  int mixer, S, P, D, heads, b;
  trm_pos_encodings positions;
  trm_activation activation;
  int prenorm;
} shape;

typedef void (*plain_fn)(const trm__dims *s, const plain_layer *l, int b, double *h);

/* One block with all its buffers. */
typedef struct block {
  bench t;
  int b, is_mix, layer;
  size_t n;
  trm__real *in, *out, *d, *direction;
  plain_fn plain;
} block;

static double tolerance(void) {
  return sizeof(trm__real) == sizeof(double) ? 2e-7 : 2e-4;
}

static void open_block(block *k, const char *isa, const shape *c, int is_mix) {
  trm__dims dims = make_dims(c->mixer, c->S, c->P, c->D, c->heads, 5, c->positions);
  dims.activation = c->activation;
  dims.prenorm = c->prenorm;
  open_backend(&k->t, isa, 2);
  open_weights(&k->t, &dims, 1, c->b);
  k->b = c->b;
  k->is_mix = is_mix;
  k->layer = 1;
  k->n = state_size(&dims, c->b);
  k->in = numbers(k->n, 31, 1);
  k->out = numbers(k->n, 32, 1);
  k->d = numbers(k->n, 33, 1);
  k->direction = numbers(k->n, 34, 1);
  k->plain = is_mix ? plain_mix : plain_mlp;
}

static void close_block(block *k) {
  trm__free(k->in);
  trm__free(k->out);
  trm__free(k->d);
  trm__free(k->direction);
  close_bench(&k->t);
}

/* Gradients of direction . block(in): with respect to in in d, of the weights added to t.grad. */
static void run_block(block *k, int recompute) {
  trm__backend *be = k->t.be;
  trm__act *in = (trm__act *)k->in, *out = (trm__act *)k->out, *d = (trm__act *)k->d;
  size_t bytes = k->is_mix ? be->mix_saved_bytes(be, &k->t.dims, k->b, recompute)
                           : be->mlp_saved_bytes(be, &k->t.dims, k->b, recompute);
  void *saved = trm__calloc(bytes, 1);
  memcpy(k->d, k->direction, k->n * sizeof *k->d);
  if (k->is_mix) {
    be->mix_forward(be, k->t.w, k->layer, k->b, in, out, saved, recompute);
    be->mix_backward(be, k->t.w, k->layer, k->b, in, out, saved, recompute, d, &k->t.grads);
  } else {
    be->mlp_forward(be, k->t.w, k->layer, k->b, in, out, saved, recompute);
    be->mlp_backward(be, k->t.w, k->layer, k->b, in, out, saved, recompute, d, &k->t.grads);
  }
  trm__free(saved);
}

/* direction . plain(in) */
static double plain_value(const block *k, const double *flat, const double *in, double *work) {
  plain_layer weights = plain_layer_at(&k->t, flat, k->layer);
  double sum = 0;
  memcpy(work, in, k->n * sizeof *work);
  k->plain(&k->t.dims, &weights, k->b, work);
  for (size_t i = 0; i < k->n; i++) sum += (double)k->direction[i] * work[i];
  return sum;
}

#define STEP 1e-5

/* Derivatives of plain_value with respect to x[0..n), which is flat or in. */
static void differences(const block *k, const double *flat, const double *in, double *x, size_t n, double *slope) {
  double *work = doubles(k->n);
  for (size_t i = 0; i < n; i++) {
    double middle = x[i];
    x[i] = middle + STEP;
    double above = plain_value(k, flat, in, work);
    x[i] = middle - STEP;
    slope[i] = (above - plain_value(k, flat, in, work)) / (2 * STEP);
    x[i] = middle;
  }
  trm__free(work);
}

static void check_every_derivative(block *k) {
  double *flat = to_double(k->t.flat, k->t.count), *in = to_double(k->in, k->n);
  double *slope = doubles(k->t.count > k->n ? k->t.count : k->n);
  run_block(k, 0);
  differences(k, flat, in, in, k->n, slope);
  check_close("gradient of the input", k->d, slope, k->n, tolerance());
  differences(k, flat, in, flat, k->t.count, slope);
  check_close("gradient of the weights", k->t.grad, slope, k->t.count, tolerance());
  trm__free(flat);
  trm__free(in);
  trm__free(slope);
}

static void small_shapes(void **state) {
  (void)state;
  static const shape shapes[] = {
      {1, 4, 1, 6, 0, 2, TRM_POS_NONE, TRM_ACT_SILU, 0},     {0, 4, 1, 8, 2, 2, TRM_POS_ROPE, TRM_ACT_SILU, 0},
      {0, 3, 0, 6, 1, 1, TRM_POS_NONE, TRM_ACT_SILU, 0},     {1, 2, 1, 5, 0, 3, TRM_POS_NONE, TRM_ACT_SILU, 0},
      {1, 4, 1, 6, 0, 2, TRM_POS_NONE, TRM_ACT_RMS_GATE, 0}, {0, 3, 0, 6, 1, 3, TRM_POS_NONE, TRM_ACT_RMS_GATE, 0},
      {0, 4, 1, 8, 2, 2, TRM_POS_NONE, TRM_ACT_SILU, 1},     {0, 3, 0, 6, 1, 3, TRM_POS_ROPE, TRM_ACT_RMS_GATE, 1}};
  for (int i = 0; isa_at(i); i++) {
    for (size_t j = 0; j < 2 * sizeof shapes / sizeof *shapes; j++) {
      block k;
      open_block(&k, isa_at(i), &shapes[j / 2], (int)(j % 2));
      check_every_derivative(&k);
      close_block(&k);
    }
  }
}

/* Over several chunks, panels and column blocks: gradient . random direction of weights and input together. */
static void check_along_directions(block *k) {
  double *flat = to_double(k->t.flat, k->t.count), *in = to_double(k->in, k->n), *work = doubles(k->n);
  run_block(k, 0);
  for (uint64_t trial = 0; trial < 3; trial++) {
    trm__rng rng = trm__rng_make(trial, TRM__RNG_TEST, 5);
    double expected = 0, value[2], size = 0;
    for (int side = 0; side < 2; side++) {
      double step = side ? -STEP : STEP;
      rng = trm__rng_make(trial, TRM__RNG_TEST, 5);
      for (size_t i = 0; i < k->t.count; i++) flat[i] = (double)k->t.flat[i] + step * (trial == 1 ? 0 : uniform(&rng));
      for (size_t i = 0; i < k->n; i++) in[i] = (double)k->in[i] + step * (trial == 0 ? 0 : uniform(&rng));
      value[side] = plain_value(k, flat, in, work);
    }
    double found = (value[0] - value[1]) / (2 * STEP);
    rng = trm__rng_make(trial, TRM__RNG_TEST, 5);
    for (size_t i = 0; i < k->t.count; i++) {
      double part = trial == 1 ? 0 : (double)k->t.grad[i] * uniform(&rng);
      expected += part;
      size += part * part;
    }
    for (size_t i = 0; i < k->n; i++) {
      double part = trial == 0 ? 0 : (double)k->d[i] * uniform(&rng);
      expected += part;
      size += part * part;
    }
    assert_true(size > 0);
    if (!(fabs(found - expected) <= 5 * tolerance() * sqrt(size)))
      fail_msg("direction %d: differences give %.9g, the gradient %.9g (size %.3g)", (int)trial, found, expected,
               sqrt(size));
  }
  trm__free(flat);
  trm__free(in);
  trm__free(work);
}

static const shape large_shapes[] = {
    {1, 13, 2, 70, 0, 57, TRM_POS_NONE, TRM_ACT_SILU, 0},     {0, 21, 1, 66, 3, 37, TRM_POS_ROPE, TRM_ACT_SILU, 0},
    {1, 81, 16, 130, 0, 9, TRM_POS_NONE, TRM_ACT_SILU, 0},    {0, 97, 3, 40, 5, 2, TRM_POS_ROPE, TRM_ACT_SILU, 0},
    {1, 13, 2, 70, 0, 57, TRM_POS_NONE, TRM_ACT_RMS_GATE, 0}, {0, 21, 1, 66, 3, 37, TRM_POS_ROPE, TRM_ACT_RMS_GATE, 0},
    {0, 21, 1, 66, 3, 37, TRM_POS_NONE, TRM_ACT_SILU, 1},     {0, 97, 1, 40, 5, 2, TRM_POS_NONE, TRM_ACT_RMS_GATE, 1}};

static void large_shapes_match(void **state) {
  (void)state;
  for (int i = 0; isa_at(i); i++) {
    for (size_t j = 0; j < 2 * sizeof large_shapes / sizeof *large_shapes; j++) {
      block k;
      open_block(&k, isa_at(i), &large_shapes[j / 2], (int)(j % 2));
      check_along_directions(&k);
      close_block(&k);
    }
  }
}

/* Recomputing gives the same bits as keeping, in fp32 and in bf16; and gradients are added, not stored. */
static void recomputing_is_equal(void **state) {
  (void)state;
  for (int i = 0; isa_at(i); i++) {
    for (size_t j = 0; j < 4 * sizeof large_shapes / sizeof *large_shapes; j++) {
      block keep, again;
      open_block(&keep, isa_at(i), &large_shapes[j / 4], (int)(j % 2));
      open_block(&again, isa_at(i), &large_shapes[j / 4], (int)(j % 2));
      if (j / 2 % 2) {
        keep.t.be->weights_close(keep.t.be, &keep.t.w);
        again.t.be->weights_close(again.t.be, &again.t.w);
        keep.t.dims.bf16 = again.t.dims.bf16 = 1;
        keep.t.be->weights_open(keep.t.be, &keep.t.w, &keep.t.dims, 1, keep.b, NULL);
        again.t.be->weights_open(again.t.be, &again.t.w, &again.t.dims, 1, again.b, NULL);
        keep.t.be->weights_prepare(keep.t.be, keep.t.w, &keep.t.view);
        again.t.be->weights_prepare(again.t.be, again.t.w, &again.t.view);
      }
      run_block(&keep, 0);
      run_block(&again, 1);
      assert_memory_equal(keep.out, again.out, keep.n * sizeof *keep.out);
      assert_memory_equal(keep.d, again.d, keep.n * sizeof *keep.d);
      assert_memory_equal(keep.t.grad, again.t.grad, keep.t.count * sizeof *keep.t.grad);
      double *twice = to_double(keep.t.grad, keep.t.count);
      for (size_t g = 0; g < keep.t.count; g++) twice[g] *= 2;
      run_block(&keep, 0);
      check_close("gradients added twice", keep.t.grad, twice, keep.t.count, 1e-5);
      trm__free(twice);
      close_block(&keep);
      close_block(&again);
    }
  }
}

/* -- embedding and heads: linear, so exact loops serve ------------------------------------------------------------ */

static void embedding_gradients(void **state) {
  (void)state;
  for (int learned = 0; learned < 2; learned++) {
    trm__dims s = make_dims(1, 5, 2, 67, 0, 4, learned ? TRM_POS_LEARNED : TRM_POS_NONE);
    const int b = 3;
    bench t;
    open_backend(&t, "auto", 2);
    open_weights(&t, &s, 1, b);
    size_t n = state_size(&s, b), ndim = (size_t)s.emb_ndim;
    trm__real *de = numbers(n, 41, 1), *drows = numbers((size_t)b * ndim, 42, 1);
    int32_t tokens[15] = {0, 1, 2, 3, 1, 1, 1, -5, 9, 2, 3, 3, 3, 3, 0};
    double *expected = doubles(t.count), *rows = doubles((size_t)b * ndim);
    double scale = sqrt(s.D) * (learned ? 0.707106781 : 1);
    for (int i = 0; i < b; i++) {
      for (int p = 0; p < s.L; p++) {
        int32_t token = p < s.P ? 0 : tokens[i * s.S + p - s.P];
        if (token < 0 || token >= s.V) token = 0;
        for (int j = 0; j < s.D; j++) {
          double g = scale * (double)de[((size_t)i * (size_t)s.L + (size_t)p) * (size_t)s.D + (size_t)j];
          if (p >= s.P) expected[(t.view.embed - t.flat) + token * s.D + j] += g;
          else if ((size_t)(p * s.D + j) < ndim) rows[(size_t)i * ndim + (size_t)(p * s.D + j)] = g;
          if (learned) expected[(t.view.embed_pos - t.flat) + p * s.D + j] += g;
        }
      }
    }
    t.be->embed_backward(t.be, t.w, b, tokens, (trm__act *)de, &t.grads, drows);
    check_close("embedding gradient", t.grad, expected, t.count, 1e-6);
    check_close("row gradient", drows, rows, (size_t)b * ndim, 1e-6);
    t.be->embed_backward(t.be, t.w, b, tokens, (trm__act *)de, &t.grads, NULL);
    for (size_t i = 0; i < t.count; i++) expected[i] *= 2;
    check_close("embedding gradient twice", t.grad, expected, t.count, 1e-6);
    trm__free(de);
    trm__free(drows);
    trm__free(expected);
    trm__free(rows);
    close_bench(&t);
  }
}

static void head_gradients(void **state) {
  (void)state;
  trm__dims s = make_dims(0, 21, 2, 68, 2, 11, TRM_POS_NONE);
  const int b = 3;
  bench t;
  open_backend(&t, "auto", 2);
  open_weights(&t, &s, 1, b);
  size_t n = state_size(&s, b), V = (size_t)s.V, D = (size_t)s.D, tokens = (size_t)(b * s.S);
  trm__real *y = numbers(n, 51, 1), *dlogits = numbers(tokens * V, 52, 1), *dq = numbers(6, 53, 1),
            *d = numbers(n, 54, 1), *logits = numbers(tokens * V, 55, 1), *q = numbers(6, 56, 1);
  trm__example_stats stats[3];
  int32_t *labels = trm__calloc(tokens, sizeof *labels);
  for (size_t i = 0; i < tokens; i++) labels[i] = (int32_t)(i * 7 % 13) - 1; /* some are ignored */
  const trm__heads heads = {.y = (trm__act *)y,
                            .logits = logits,
                            .q = q,
                            .labels = labels,
                            .loss = {TRM_LOSS_STABLEMAX, 0.1, 0.5, 1, 0},
                            .stats = stats,
                            .d = (trm__act *)d,
                            .dlogits = dlogits,
                            .dq = dq,
                            .grads = &t.grads};
  t.be->heads(t.be, t.w, b, &heads);
  double *weights = doubles(t.count), *state_gradient = doubles(n);
  for (size_t i = 0; i < 3; i++) {
    for (size_t p = 0; p < (size_t)s.S; p++) {
      size_t row = (i * (size_t)s.L + (size_t)s.P + p) * D;
      for (size_t v = 0; v < V; v++) {
        double g = (double)dlogits[(i * (size_t)s.S + p) * V + v];
        for (size_t j = 0; j < D; j++) {
          weights[(size_t)(t.view.lm_head - t.flat) + v * D + j] += g * (double)y[row + j];
          state_gradient[row + j] += g * (double)t.view.lm_head[v * D + j];
        }
      }
    }
    for (size_t k = 0; k < 2; k++) {
      double g = (double)dq[2 * i + k];
      weights[(size_t)(t.view.q_bias - t.flat) + k] += g;
      for (size_t j = 0; j < D; j++) {
        weights[(size_t)(t.view.q_weight - t.flat) + k * D + j] += g * (double)y[i * (size_t)s.L * D + j];
        state_gradient[i * (size_t)s.L * D + j] += g * (double)t.view.q_weight[k * D + j];
      }
    }
  }
  check_close("head weights", t.grad, weights, t.count, 1e-5);
  check_close("head state", d, state_gradient, n, 1e-5);
  trm__free(y);
  trm__free(dlogits);
  trm__free(dq);
  trm__free(d);
  trm__free(logits);
  trm__free(q);
  trm__free(labels);
  trm__free(weights);
  trm__free(state_gradient);
  close_bench(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(small_shapes),         cmocka_unit_test(large_shapes_match),
      cmocka_unit_test(recomputing_is_equal), cmocka_unit_test(embedding_gradients),
      cmocka_unit_test(head_gradients),
  };
  return cmocka_run_group_tests_name("backend gradients", tests, NULL, NULL);
}
