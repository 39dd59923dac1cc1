/* Each block of the CUDA backend, forward and backward, against the CPU's: fp32 and bf16, kept and recomputed, whole
 * batches and chunks of an example, on shapes that no tile divides. */
#include "backend/cuda/gpu.h"
#include "cuda/backend/support.h"
#ifdef TRM_EMULATE
#include "cublaslt.h"
#endif

static const shape shapes[] = {
    {"mixer", 1, 11, 2, 24, 0, 5, 64, 64, 3, TRM_POS_NONE, TRM_ACT_SILU},
    {"mixer, rms gate", 1, 13, 0, 40, 0, 5, 64, 128, 2, TRM_POS_NONE, TRM_ACT_RMS_GATE},
    {"mixer, wide", 1, 130, 1, 8, 0, 5, 64, 64, 2, TRM_POS_NONE, TRM_ACT_SILU},
    {"mixer, wide, rms gate", 1, 131, 1, 8, 0, 5, 64, 64, 1, TRM_POS_NONE, TRM_ACT_RMS_GATE},
    {"attention, rope", 0, 19, 1, 48, 2, 5, 128, 0, 3, TRM_POS_ROPE, TRM_ACT_SILU},
    {"attention", 0, 7, 2, 64, 1, 5, 64, 0, 2, TRM_POS_LEARNED, TRM_ACT_SILU},
    {"attention, rms gate", 0, 9, 1, 32, 4, 5, 64, 0, 2, TRM_POS_ROPE, TRM_ACT_RMS_GATE},
    {"mixer, fused", 1, 11, 2, 128, 0, 5, 64, 64, 4, TRM_POS_NONE, TRM_ACT_SILU},
    {"mixer, fused, rms gate", 1, 70, 1, 64, 0, 5, 64, 128, 3, TRM_POS_NONE, TRM_ACT_RMS_GATE},
};
enum { NARROW, WIDE = 2, ATTENTION = 4, FUSED = 7, FUSED_RMS_GATE };

static int has_cublaslt; /* or, emulated, a stand-in */

typedef struct results {
  trm__real *out, *d, *grad;
} results;

static void free_results(results *r) {
  trm__free(r->out);
  trm__free(r->d);
  trm__free(r->grad);
}

static size_t saved_bytes(side *s, int is_mix, int b, int recompute) {
  return is_mix ? s->be->mix_saved_bytes(s->be, &s->dims, b, recompute)
                : s->be->mlp_saved_bytes(s->be, &s->dims, b, recompute);
}

static void forward(side *s, int is_mix, int b, const trm__act *in, trm__act *out, void *saved, int recompute) {
  if (is_mix) s->be->mix_forward(s->be, s->w, 1, b, in, out, saved, recompute);
  else s->be->mlp_forward(s->be, s->w, 1, b, in, out, saved, recompute);
}

/* Forward with and without memory for gradients (the same bits), then backward. */
static results run(side *s, const shape *c, int is_mix, int recompute) {
  size_t n = state_size(&s->dims, c->b);
  trm__real *host_in = numbers(n, 3, 1), *host_d = numbers(n, 4, 1);
  trm__act *in = put_act(s, host_in, n), *out = poisoned_act(s, n), *plain = poisoned_act(s, n);
  trm__act *d = put_act(s, host_d, n);
  void *saved = poisoned(s, saved_bytes(s, is_mix, c->b, recompute));
  forward(s, is_mix, c->b, in, plain, NULL, 0);
  forward(s, is_mix, c->b, in, out, saved, recompute);
  if (is_mix) s->be->mix_backward(s->be, s->w, 1, c->b, in, out, saved, recompute, d, &s->grads);
  else s->be->mlp_backward(s->be, s->w, 1, c->b, in, out, saved, recompute, d, &s->grads);
  synchronize(s);
  results r = {get_act(s, out, n), get_act(s, d, n), get(s, s->grad, s->count * sizeof(trm__real))};
  trm__real *without = get_act(s, plain, n), *same_in = get_act(s, in, n);
  assert_memory_equal(without, r.out, n * sizeof *without);
  for (size_t i = 0; i < n && !s->dims.bf16; i++) assert_true(same_in[i] == host_in[i]);
  trm__free(without);
  trm__free(same_in);
  trm__free(host_in);
  trm__free(host_d);
  return r;
}

/* limit: bytes of a chunk, 0: as they are. */
static results run_on(const char *device, const shape *c, int bf16, int is_mix, int recompute, size_t limit) {
  trm__dims dims = dims_of(c, bf16);
  side s;
  open_side(&s, device);
  if (limit) ((trm__gpu *)s.be)->forward_bytes = ((trm__gpu *)s.be)->backward_bytes = limit;
  open_weights(&s, &dims, 1, c->b);
  results r = run(&s, c, is_mix, recompute);
  close_side(&s);
  return r;
}

static void compare_results(const shape *c, int bf16, int is_mix, const char *how, const results *found,
                            const results *expected, double out_tolerance, double tolerance) {
  trm__dims dims = dims_of(c, bf16);
  trm__weights_view unused;
  size_t n = state_size(&dims, c->b), count = make_view(&dims, NULL, &unused);
  char what[128];
  const char *block = is_mix ? c->name : "mlp", *type = bf16 ? "bf16" : "fp32";
  snprintf(what, sizeof what, "%s (%s), %s, %s: out", block, c->name, type, how);
  compare(what, found->out, expected->out, n, out_tolerance);
  snprintf(what, sizeof what, "%s (%s), %s, %s: d", block, c->name, type, how);
  compare(what, found->d, expected->d, n, tolerance);
  snprintf(what, sizeof what, "%s (%s), %s, %s: gradients", block, c->name, type, how);
  compare(what, found->grad, expected->grad, count, tolerance);
}

#ifdef TRM_EMULATE
enum { EMULATED = 1 };
#else
enum { EMULATED = 0 };
#endif

/* Recomputed gates have the bits of kept ones, except that a card's instructions for large and small tiles may differ:
 * the fused mixer and the product that makes its gates again need not choose alike. */
static void compare_recomputed(const shape *c, int bf16, int is_mix, const results *found, const results *kept) {
  trm__dims dims = dims_of(c, bf16);
  trm__weights_view unused;
  size_t n = state_size(&dims, c->b), count = make_view(&dims, NULL, &unused);
  assert_memory_equal(kept->out, found->out, n * sizeof *kept->out);
  compare_results(c, bf16, is_mix, "recomputed", found, kept, 0, tolerance_of(&dims));
  if (is_mix && bf16 && !EMULATED) return;
  assert_memory_equal(kept->d, found->d, n * sizeof *kept->d);
  assert_memory_equal(kept->grad, found->grad, count * sizeof *kept->grad);
}

/* Mixers as two products instead of one kernel, whole and in chunks. */
static void check_unfused(const shape *c, const results *fused, const results *expected) {
  trm__dims dims = dims_of(c, 1);
  size_t n = state_size(&dims, c->b);
  double tolerance = tolerance_of(&dims);
  results kept = run_on("cuda:0,unfused", c, 1, 1, 0, 0), chunked = run_on("cuda:0,unfused", c, 1, 1, 1, 1);
  compare_results(c, 1, 1, "unfused", &kept, expected, tolerance, tolerance);
  compare_results(c, 1, 1, "unfused, chunked", &chunked, expected, tolerance, tolerance);
  assert_memory_equal(kept.out, chunked.out, n * sizeof *kept.out);
  if (EMULATED && c->activation == TRM_ACT_SILU) assert_memory_equal(kept.out, fused->out, n * sizeof *kept.out);
  free_results(&kept);
  free_results(&chunked);
}

static void check_block(const shape *c, int bf16, int is_mix) {
  trm__dims dims = dims_of(c, bf16);
  double tolerance = tolerance_of(&dims);
  size_t n = state_size(&dims, c->b);
  results expected = run_on("cpu", c, bf16, is_mix, 0, 0), kept = run_on("cuda", c, bf16, is_mix, 0, 0);
  compare_results(c, bf16, is_mix, "kept", &kept, &expected, tolerance, tolerance);
  results recomputed = run_on("cuda", c, bf16, is_mix, 1, 0);
  compare_recomputed(c, bf16, is_mix, &recomputed, &kept);
  if (bf16 && is_mix && c->mixer) check_unfused(c, &kept, &expected);
  if (bf16) {
    results older = run_on("cuda:0,sm80", c, bf16, is_mix, 0, 0);
    compare_results(c, bf16, is_mix, "sm80", &older, &expected, tolerance, tolerance);
    free_results(&older);
    if (has_cublaslt) {
      results library = run_on("cuda:0,cublaslt", c, bf16, is_mix, 0, 0);
      compare_results(c, bf16, is_mix, "cublaslt", &library, &expected, tolerance, tolerance);
      free_results(&library);
    }
  }
  results chunked = run_on("cuda", c, bf16, is_mix, bf16, 1);
  assert_memory_equal(kept.out, chunked.out, n * sizeof *kept.out);
  compare_results(c, bf16, is_mix, "chunked", &chunked, &expected, tolerance, tolerance);
  free_results(&expected);
  free_results(&kept);
  free_results(&recomputed);
  free_results(&chunked);
}

static void check_shapes(int bf16, int is_mix) {
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    if (is_mix || (i != 1 && i < FUSED)) check_block(&shapes[i], bf16, is_mix);
}

static void mix_in_fp32(void **state) {
  (void)state;
  check_shapes(0, 1);
}
static void mix_in_bf16(void **state) {
  (void)state;
  check_shapes(1, 1);
}
static void mlp_in_fp32(void **state) {
  (void)state;
  check_shapes(0, 0);
}
static void mlp_in_bf16(void **state) {
  (void)state;
  check_shapes(1, 0);
}

/* Fewer examples than planned for, and chunks that are not alike. */
static void parts_of_a_batch(void **state) {
  (void)state;
  shape c = shapes[0];
  trm__dims dims = dims_of(&c, 0);
  c.b = 2;
  results found[2];
  for (int k = 0; k < 2; k++) {
    side s;
    open_side(&s, "cuda");
    if (k) ((trm__gpu *)s.be)->forward_bytes = 2 * (size_t)dims.L * 64 * sizeof(float) + 1;
    open_weights(&s, &dims, 1, 5);
    found[k] = run(&s, &c, 0, 0);
    close_side(&s);
  }
  assert_memory_equal(found[0].out, found[1].out, state_size(&dims, 2) * sizeof(trm__real));
  assert_memory_equal(found[0].d, found[1].d, state_size(&dims, 2) * sizeof(trm__real));
  free_results(&found[0]);
  free_results(&found[1]);
}

/* One kernel for a mixer, or two, is the choice of whoever opens the weights: a batch's size changes no bits. */
static void mixers_are_chosen_once(void **state) {
  (void)state;
  static const struct {
    const char *device;
    int shape, bf16, most, mixes;
  } cases[] = {{"cuda", FUSED, 1, 5, 1},
               {"cuda:0,sm80", FUSED_RMS_GATE, 1, 3, 1},
               {"cuda", FUSED, 1, 2, 0},
               {"cuda", FUSED, 0, 5, 0},
               {"cuda:0,unfused", FUSED, 1, 5, 0},
               {"cuda", NARROW, 1, 5, 0},
               {"cuda", WIDE, 1, 5, 0},
               {"cuda", ATTENTION, 1, 5, 0}};
  trm_error err = {0};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    side s;
    trm__dims dims = dims_of(&shapes[cases[i].shape], cases[i].bf16);
    open_side(&s, cases[i].device);
    CHECK_OK(s.be->weights_open(s.be, &s.w, &dims, 0, cases[i].most, &err), err);
    assert_int_equal(s.w->mixes, cases[i].mixes);
    close_side(&s);
  }
  shape c = shapes[FUSED];
  trm__dims dims = dims_of(&c, 1);
  trm__real *found[2];
  for (int k = 0; k < 2; k++) {
    side s;
    int b = k ? 1 : c.b;
    size_t n = state_size(&dims, b);
    trm__real *host = numbers(n, 3, 1);
    open_side(&s, "cuda");
    open_weights(&s, &dims, 0, c.b);
    trm__act *in = put_act(&s, host, n), *out = poisoned_act(&s, n);
    forward(&s, 1, b, in, out, NULL, 0);
    synchronize(&s);
    found[k] = get_act(&s, out, n);
    trm__free(host);
    close_side(&s);
  }
  assert_memory_equal(found[0], found[1], state_size(&dims, 1) * sizeof(trm__real));
  trm__free(found[0]);
  trm__free(found[1]);
}

static void chunks_are_even(void **state) {
  (void)state;
  assert_int_equal(trm__gpu_chunk(7, 10, 1000), 7);
  assert_int_equal(trm__gpu_chunk(7, 10, 40), 4);
  assert_int_equal(trm__gpu_chunk(9, 10, 40), 3);
  assert_int_equal(trm__gpu_chunk(3, 10, 1), 1);
  assert_int_equal(trm__gpu_chunk(1, 0, 1), 1);
  for (int b = 1; b < 100; b++)
    for (int planned = b; planned < 100; planned++)
      assert_true(trm__gpu_chunk(b, 10, 170) <= trm__gpu_most(planned, 10, 170));
}

static int find_cublaslt(void) {
  trm__backend *be = NULL;
#ifdef TRM_EMULATE
  trm__gpu_lt_stand_in(emulate_cublaslt());
#endif
  if (trm__backend_open(&be, "cuda:0,cublaslt", NULL, NULL, NULL)) return 0;
  trm__backend_close(&be);
  return 1;
}

int main(void) {
  has_cublaslt = find_cublaslt();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(mix_in_fp32),     cmocka_unit_test(mix_in_bf16),      cmocka_unit_test(mlp_in_fp32),
      cmocka_unit_test(mlp_in_bf16),     cmocka_unit_test(parts_of_a_batch), cmocka_unit_test(mixers_are_chosen_once),
      cmocka_unit_test(chunks_are_even),
  };
  return cmocka_run_group_tests_name("cuda blocks", tests, NULL, NULL);
}
