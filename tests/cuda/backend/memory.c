/* Memory and copies of the CUDA backend: the ring of pinned memory, conversion of activations, predicted bytes, and the
 * allocations that a card refuses. */
#include "backend/cuda/gpu.h"
#include "cuda/backend/support.h"

static void memory_is_zeroed_and_aligned(void **state) {
  (void)state;
  side s;
  open_side(&s, "cuda");
  for (size_t bytes = 0; bytes < 2000; bytes += 333) {
    unsigned char *p = keep(&s, bytes), *host = get(&s, p, bytes);
    assert_int_equal((uintptr_t)p % 256, 0);
    for (size_t i = 0; i < bytes; i++) assert_int_equal(host[i], 0);
    trm__free(host);
  }
  s.be->free(s.be, NULL);
  close_side(&s);
}

/* Many copies, small and larger than the ring, whose source changes at once. */
static void copies_go_round_the_ring(void **state) {
  (void)state;
  enum { SMALL = 3 * TRM__GPU_RING_PIECES };
  size_t large = 2 * TRM__GPU_RING_BYTES + 12345;
  side s;
  open_side(&s, "cuda");
  unsigned char *to = keep(&s, large), *from = trm__calloc(large, 1);
  int32_t *numbers_to = keep(&s, SMALL * sizeof(int32_t)), number;
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < large; i++) from[i] = (unsigned char)(i * 7 + i / 1000 + (size_t)round);
    s.be->copy(s.be, to, from, large, TRM__COPY_TO_DEVICE);
    memset(from, 0xee, large);
    for (int i = 0; i < SMALL; i++) {
      number = i * i + round;
      s.be->copy(s.be, numbers_to + i, &number, sizeof number, TRM__COPY_TO_DEVICE);
    }
    unsigned char *back = get(&s, to, large);
    int32_t *numbers_back = get(&s, numbers_to, SMALL * sizeof(int32_t));
    for (size_t i = 0; i < large; i++)
      if (back[i] != (unsigned char)(i * 7 + i / 1000 + (size_t)round)) fail_msg("byte %zu differs", i);
    for (int i = 0; i < SMALL; i++) assert_int_equal(numbers_back[i], i * i + round);
    trm__free(back);
    trm__free(numbers_back);
  }
  s.be->copy(s.be, to + 1000, numbers_to, 8, TRM__COPY_ON_DEVICE);
  s.be->zero(s.be, to + 2000, 100);
  unsigned char *back = get(&s, to, 4000);
  assert_memory_equal(back + 1000, (&(int32_t[2]){1, 2}), 8);
  for (int i = 0; i < 100; i++) assert_int_equal(back[2000 + i], 0);
  assert_int_not_equal(back[2100], 0);
  trm__free(back);
  trm__free(from);
  close_side(&s);
}

static void activations_are_converted(void **state) {
  (void)state;
  trm__dims dims = {.bf16 = 0};
  size_t n = TRM__GPU_RING_BYTES / 2 + 77; /* more than a piece */
  for (dims.bf16 = 0; dims.bf16 < 2; dims.bf16++) {
    side s;
    open_side(&s, "cuda");
    s.dims = dims;
    trm__real *x = numbers(n, 1, 1);
    x[3] = (trm__real)NAN;
    x[4] = (trm__real)INFINITY;
    x[5] = 1.00390625F; /* a tie: to even, down */
    x[6] = 1.01171875F; /* a tie: to even, up */
    x[7] = 3.3999999e38F;
    trm__act *device = keep(&s, n * s.be->act_bytes(s.be, &dims));
    s.be->act_write(s.be, &dims, device, x, n);
    trm__real *back = get_act(&s, device, n);
    trm__kernels const *kernels = isa_kernels("ref");
    if (dims.bf16) kernels->round_bf16(x, x, n);
    for (size_t i = 0; i < n; i++)
      if (!(back[i] == x[i] || (isnan(back[i]) && isnan(x[i]))))
        fail_msg("number %zu is %g, expected %g", i, (double)back[i], (double)x[i]);
    trm__free(x);
    trm__free(back);
    close_side(&s);
  }
}

/* -- prediction ---------------------------------------------------------------------------------------------------- */

static const shape shapes[] = {
    {"mixer", 1, 11, 2, 24, 0, 5, 64, 64, 3, TRM_POS_NONE, TRM_ACT_SILU},
    {"mixer, rms gate", 1, 131, 0, 40, 0, 5, 64, 128, 2, TRM_POS_LEARNED, TRM_ACT_RMS_GATE},
    {"attention", 0, 19, 1, 48, 2, 5, 128, 0, 5, TRM_POS_ROPE, TRM_ACT_SILU},
    {"mixer, fused", 1, 11, 2, 64, 0, 5, 64, 128, 5, TRM_POS_NONE, TRM_ACT_RMS_GATE},
};

static void predictions_are_exact(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    for (int k = 0; k < 4; k++) {
      trm__dims dims = dims_of(&shapes[i], k % 2);
      side s;
      trm_error err = {0};
      open_side(&s, "cuda");
      size_t before = ((trm__gpu *)s.be)->used, predicted = s.be->weights_bytes(s.be, &dims, k / 2, shapes[i].b);
      CHECK_OK(s.be->weights_open(s.be, &s.w, &dims, k / 2, shapes[i].b, &err), err);
      size_t taken = ((trm__gpu *)s.be)->used - before;
      assert_int_equal(taken, predicted);
#ifdef TRM_EMULATE
      assert_int_equal(emulate_device_bytes(), ((trm__gpu *)s.be)->used);
#endif
      close_side(&s);
    }
  }
}

static void dimensions_are_checked(void **state) {
  (void)state;
  static const struct {
    int offset_D, heads, inner, int8, layers;
    const char *what;
  } cases[] = {{1, 2, 64, 0, 2, "hidden_size"},   {0, 16, 64, 0, 2, "num_heads"},
               {200, 1, 64, 0, 2, "num_heads"},   {0, 2, 96, 0, 2, "expansion"},
               {0, 2, 64, 1, 2, "forward_dtype"}, {0, 2, 64, 0, TRM__MAX_LAYERS + 1, "L_layers"}};
  side s;
  open_side(&s, "cuda");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    shape c = {"bad",        0,           5, 0, 32 + cases[i].offset_D, cases[i].heads, 4, cases[i].inner, 0, 1,
               TRM_POS_NONE, TRM_ACT_SILU};
    trm__dims dims = dims_of(&c, 0);
    trm_error err;
    trm__weights *w = NULL;
    dims.int8 = cases[i].int8;
    dims.layers = cases[i].layers;
    CHECK_FAILS(s.be->weights_open(s.be, &w, &dims, 0, 1, &err), cases[i].layers > 2 ? TRM_E_USAGE : TRM_E_UNSUPPORTED,
                err, cases[i].what);
    assert_int_equal(s.be->weights_bytes(s.be, &dims, 0, 1), 0);
  }
  close_side(&s);
}

/* -- no memory ----------------------------------------------------------------------------------------------------- */

static trm_status open_and_close(void *context, trm_error *err) {
  trm__backend *be = NULL;
  trm__weights *w = NULL;
  trm__dims dims = dims_of(context, 0);
  trm_status status = trm__backend_open(&be, "cuda", NULL, NULL, err);
  if (status) return status;
  status = be->weights_open(be, &w, &dims, 1, 2, err);
  if (w) be->weights_close(be, &w);
  trm__backend_close(&be);
  return status;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  shape c = shapes[2];
  assert_true(check_each_allocation(open_and_close, &c) >= 3);
#ifdef TRM_EMULATE
  for (long n = 1;; n++) {
    trm_error err = {0};
    size_t host = trm__mem_used();
    emulate_fail_allocation(n);
    trm_status status = open_and_close(&c, &err);
    emulate_fail_allocation(0);
    assert_int_equal(trm__mem_used(), host);
    assert_int_equal(emulate_device_bytes() + emulate_host_bytes(), 0);
    if (!status) {
      assert_true(n > 3);
      break;
    }
    assert_int_equal(status, TRM_E_MEMORY);
    assert_string_equal(err.where, "cuda:0");
  }
#endif
}

#ifdef TRM_EMULATE
static void too_little_memory_says_what_helps(void **state) {
  (void)state;
  shape c = {"large", 0, 99, 1, 256, 4, 8, 512, 0, 64, TRM_POS_ROPE, TRM_ACT_SILU};
  trm__dims dims = dims_of(&c, 0);
  trm__weights *w = NULL;
  trm_error err = {0};
  side s;
  emulate_memory((size_t)64 << 20);
  open_side(&s, "cuda");
  CHECK_FAILS(s.be->weights_open(s.be, &w, &dims, 1, c.b, &err), TRM_E_MEMORY, err, "--micro-batch");
  assert_non_null(strstr(err.message, "MiB"));
  assert_non_null(strstr(err.message, "64 MiB"));
  assert_null(w);
  close_side(&s);
  emulate_reset();
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_is_zeroed_and_aligned),
      cmocka_unit_test(copies_go_round_the_ring),
      cmocka_unit_test(activations_are_converted),
      cmocka_unit_test(predictions_are_exact),
      cmocka_unit_test(dimensions_are_checked),
      cmocka_unit_test(every_allocation_may_fail),
#ifdef TRM_EMULATE
      cmocka_unit_test(too_little_memory_says_what_helps),
#endif
  };
  return cmocka_run_group_tests_name("cuda memory", tests, NULL, NULL);
}
