/* The blocks in the narrow number types, with every instruction set that has them: near the exact result, the same bits
 * whatever the threads and the neighbours in a batch, and int8 refused for training. */
#include "unit/backend/support.h"

typedef struct shape {
  int mixer, S, P, D, heads, b;
  trm_pos_encodings positions;
  trm_activation activation;
} shape;

/* Odd numbers of rows and columns: the last word of a sum is partial. */
static const shape shapes[] = {
    {1, 9, 2, 70, 0, 3, TRM_POS_NONE, TRM_ACT_SILU},      {1, 81, 16, 131, 0, 2, TRM_POS_NONE, TRM_ACT_SILU},
    {0, 13, 3, 66, 3, 4, TRM_POS_LEARNED, TRM_ACT_SILU},  {0, 51, 0, 40, 5, 17, TRM_POS_ROPE, TRM_ACT_SILU},
    {1, 13, 2, 70, 0, 3, TRM_POS_NONE, TRM_ACT_RMS_GATE}, {0, 51, 0, 40, 5, 17, TRM_POS_ROPE, TRM_ACT_RMS_GATE},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* 0: the kernels lack the type. */
static int open_type(bench *t, const char *isa, int threads, const shape *c, int int8, int training) {
  trm__dims dims = make_dims(c->mixer, c->S, c->P, c->D, c->heads, 5, c->positions);
  dims.activation = c->activation;
  dims.int8 = int8;
  dims.bf16 = !int8;
  open_backend(t, isa, threads);
  if (!isa_kernels(isa)->product[int8 ? TRM_INT8 : TRM_BFLOAT16]) {
    close_bench(t);
    return 0;
  }
  open_weights(t, &dims, training, c->b);
  return 1;
}

/* |found - expected| / |expected| */
static double distance(const trm__real *found, const double *expected, size_t n) {
  double off = 0, size = 0;
  for (size_t i = 0; i < n; i++) {
    double d = (double)found[i] - expected[i];
    off += d * d;
    size += expected[i] * expected[i];
  }
  return sqrt(off / size);
}

static void check_distance(const char *what, const bench *t, const trm__real *found, const double *expected, size_t n,
                           double tol) {
  double d = distance(found, expected, n);
  if (!(d <= tol))
    fail_msg("%s, %s, %s, D = %d: %.3g from the exact result", t->be->kernels->isa, t->dims.int8 ? "int8" : "bf16",
             what, t->dims.D, d);
}

static void forward_is_near(void **state) {
  (void)state;
  int tried = 0;
  for (int i = 0; isa_at(i); i++) {
    for (int k = 0; k < 2 * SHAPES; k++) {
      const shape *c = &shapes[k / 2];
      bench t;
      if (!open_type(&t, isa_at(i), 2, c, k % 2, 0)) continue;
      tried++;
      size_t n = state_size(&t.dims, c->b);
      trm__real *in = numbers(n, 3, 1), *out = numbers(n, 4, 1);
      double *flat = to_double(t.flat, t.count), tol = t.dims.int8 ? 0.03 : 0.01;
      if (t.dims.bf16) t.be->kernels->round_bf16(in, in, n);
      for (int layer = 0; layer < 2; layer++) {
        plain_layer weights = plain_layer_at(&t, flat, layer);
        double *expected = to_double(in, n);
        t.be->mlp_forward(t.be, t.w, layer, c->b, (trm__act *)in, (trm__act *)out, NULL, 0);
        plain_mlp(&t.dims, &weights, c->b, expected);
        check_distance("channel MLP", &t, out, expected, n, tol);
        for (size_t e = 0; e < n; e++) expected[e] = (double)in[e];
        t.be->mix_forward(t.be, t.w, layer, c->b, (trm__act *)in, (trm__act *)out, NULL, 0);
        plain_mix(&t.dims, &weights, c->b, expected);
        check_distance("mixing block", &t, out, expected, n, tol);
        trm__free(expected);
      }
      trm__free(in), trm__free(out), trm__free(flat);
      close_bench(&t);
    }
  }
  assert_true(tried >= 2 * SHAPES); /* plain C has both types */
}

/* Both blocks of layer 0 of a batch whose first example is number `first` of a fixed sequence. */
static trm__real *run(const char *isa, int threads, const shape *c, int int8, int first, int count) {
  bench t;
  shape part = *c;
  part.b = count;
  if (!open_type(&t, isa, threads, &part, int8, 0)) return NULL;
  size_t one = state_size(&t.dims, 1), n = one * (size_t)count;
  trm__real *all = numbers(one * (size_t)c->b, 3, 1), *mid = numbers(n, 4, 1), *out = numbers(n, 5, 1);
  t.be->mix_forward(t.be, t.w, 0, count, (trm__act *)(all + one * (size_t)first), (trm__act *)mid, NULL, 0);
  t.be->mlp_forward(t.be, t.w, 0, count, (trm__act *)mid, (trm__act *)out, NULL, 0);
  trm__free(all), trm__free(mid);
  close_bench(&t);
  return out;
}

static void neighbours_change_nothing(void **state) {
  (void)state;
  for (int i = 0; isa_at(i); i++) {
    for (int k = 0; k < 2 * SHAPES; k++) {
      const shape *c = &shapes[k / 2];
      trm__dims dims = make_dims(c->mixer, c->S, c->P, c->D, c->heads, 5, c->positions);
      dims.activation = c->activation;
      size_t one = state_size(&dims, 1);
      trm__real *whole = run(isa_at(i), 1, c, k % 2, 0, c->b);
      if (!whole) continue;
      trm__real *threads = run(isa_at(i), 3, c, k % 2, 0, c->b);
      assert_memory_equal(whole, threads, one * (size_t)c->b * sizeof *whole);
      for (int e = 0; e < c->b; e++) {
        trm__real *alone = run(isa_at(i), 2, c, k % 2, e, 1);
        assert_memory_equal(whole + one * (size_t)e, alone, one * sizeof *whole);
        trm__free(alone);
      }
      trm__free(whole), trm__free(threads);
    }
  }
}

/* Gradients of the layer's weights and of its input, through both blocks, in one type. */
typedef struct gradients {
  trm__real *weights, *d;
  size_t count, n;
} gradients;

static gradients backward(const char *isa, const shape *c, int bf16) {
  bench t;
  trm__dims dims = make_dims(c->mixer, c->S, c->P, c->D, c->heads, 5, c->positions);
  dims.activation = c->activation;
  dims.bf16 = bf16;
  open_backend(&t, isa, 2);
  open_weights(&t, &dims, 1, c->b);
  size_t n = state_size(&dims, c->b);
  trm__real *in = numbers(n, 3, 1), *mid = numbers(n, 4, 1), *out = numbers(n, 5, 1), *d = numbers(n, 6, 1);
  t.be->kernels->round_bf16(in, in, n);
  void *mix = trm__calloc(t.be->mix_saved_bytes(t.be, &dims, c->b, 0), 1);
  void *mlp = trm__calloc(t.be->mlp_saved_bytes(t.be, &dims, c->b, 0), 1);
  t.be->mix_forward(t.be, t.w, 1, c->b, (trm__act *)in, (trm__act *)mid, mix, 0);
  t.be->mlp_forward(t.be, t.w, 1, c->b, (trm__act *)mid, (trm__act *)out, mlp, 0);
  t.be->mlp_backward(t.be, t.w, 1, c->b, (trm__act *)mid, (trm__act *)out, mlp, 0, (trm__act *)d, &t.grads);
  t.be->mix_backward(t.be, t.w, 1, c->b, (trm__act *)in, (trm__act *)mid, mix, 0, (trm__act *)d, &t.grads);
  gradients g = {t.grad, d, t.count, n};
  t.grad = NULL;
  trm__free(in), trm__free(mid), trm__free(out), trm__free(mix), trm__free(mlp);
  close_bench(&t);
  return g;
}

static void bf16_gradients_are_near(void **state) {
  (void)state;
  for (int i = 0; isa_at(i); i++) {
    if (!isa_kernels(isa_at(i))->product[TRM_BFLOAT16]) continue;
    for (int k = 0; k < SHAPES; k++) {
      gradients exact = backward("ref", &shapes[k], 0), near = backward(isa_at(i), &shapes[k], 1);
      double *weights = to_double(exact.weights, exact.count), *d = to_double(exact.d, exact.n);
      double of_weights = distance(near.weights, weights, exact.count), of_d = distance(near.d, d, exact.n);
      if (!(of_weights <= 0.03 && of_d <= 0.03))
        fail_msg("%s, shape %d: gradients %.3g (weights) and %.3g (input) from those in fp32", isa_at(i), k, of_weights,
                 of_d);
      trm__free(weights), trm__free(d);
      trm__free(exact.weights), trm__free(exact.d), trm__free(near.weights), trm__free(near.d);
    }
  }
}

static void int8_does_not_train(void **state) {
  (void)state;
  bench t;
  trm__dims dims = make_dims(1, 9, 1, 12, 0, 5, TRM_POS_NONE);
  trm_error err = {0};
  dims.int8 = 1;
  open_backend(&t, "ref", 1);
  assert_int_equal(t.be->weights_open(t.be, &t.w, &dims, 1, 2, &err), TRM_E_USAGE);
  assert_null(t.w);
  assert_non_null(strstr(err.message, "bfloat16"));
  assert_true(t.be->weights_bytes(t.be, &dims, 1, 2) > 0);
  close_bench(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forward_is_near),
      cmocka_unit_test(neighbours_change_nothing),
      cmocka_unit_test(bf16_gradients_are_near),
      cmocka_unit_test(int8_does_not_train),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
