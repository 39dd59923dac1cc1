/* Products by cuBLASLt (device option "cublaslt") against plain C: every epilogue with its unfused kernels, layouts,
 * strides, batches, scales, and weight gradients; and what is left to the kernels. Emulated the library is a stand-in,
 * on a card it is itself, and the test is skipped where it is missing. */
#include "backend/cuda/gpu.h"
#include "cuda/kernels/product_calls.h"

#ifdef TRM_EMULATE
#include "cublaslt.h"
#endif

static const method lt = {"cublaslt", TRM_BFLOAT16, 3, 0, 1};

static trm__gpu *open_gpu(void) {
  trm__backend *be = NULL;
  trm_error err = {0};
#ifdef TRM_EMULATE
  trm__gpu_lt_stand_in(emulate_cublaslt());
#endif
  trm_status status = trm__backend_open(&be, "cuda:0,cublaslt", NULL, NULL, &err);
#ifndef TRM_EMULATE
  if (status == TRM_E_UNSUPPORTED) {
    print_message("%s\n", err.message);
    skip();
  }
#endif
  CHECK_OK(status, err);
  return (trm__gpu *)be;
}

static void close_gpu(trm__gpu *gpu) {
  trm_error err = {0};
  trm__backend *be = &gpu->backend;
  CHECK_OK(be->synchronize(be, &err), err);
  trm__backend_close(&be);
#ifdef TRM_EMULATE
  assert_int_equal(emulate_cublaslt_objects(), 0);
  emulate_check_guards();
#endif
}

/* What the library is given: whether this product is, given room. */
static int is_taken(const call *c, int with_room) {
  const trm__cuda_product *x = &c->product;
  int dense = x->c_ld == x->m && (x->batches == 1 || x->c_batch == (ptrdiff_t)x->m * x->n);
  if (x->epilogue == TRM__CUDA_GATE) return x->gu || with_room;
  if (x->epilogue == TRM__CUDA_GATE_BACKWARD) return x->act || with_room;
  if (x->epilogue == TRM__CUDA_RESIDUAL_NORM_T) return dense && (x->batches == 1 || x->m * x->n % 8 == 0);
  if (x->scale) return with_room && (x->batches == 1 || x->m * x->n % 4 == 0);
  return 1;
}

static void try_product(trm__gpu *gpu, const problem *p, int la, int lb, trm__cuda_epilogue epilogue, int option,
                        int with_room) {
  call c = call_new(&lt, p, layouts[la], layouts[lb], epilogue, p->batches > 1 && (option & 1), option);
  buffer room = {0};
  long before = trm__gpu_lt_taken(gpu);
  if (with_room) {
    room = buffer_numbers(TRM_FLOAT32, (size_t)p->batches * (size_t)p->m * (size_t)p->n);
    c.product.room = room.device;
    c.product.room_bytes = room.bytes;
    buffer_push(&room);
  }
  call_each(&c, push);
  trm__cuda_multiply(&gpu->queue, &c.product);
  device_finish(&gpu->queue);
  cuda_ok(cudaStreamSynchronize(gpu->stream), "waiting");
  call_each(&c, pull);
  buffer_pull(&room);
  check_call(&c);
#ifdef TRM_EMULATE
  if (trm__gpu_lt_taken(gpu) - before != is_taken(&c, with_room))
    fail_msg("m %d n %d k %d, epilogue %d, option %d: %ld taken", p->m, p->n, p->k, (int)epilogue, option,
             trm__gpu_lt_taken(gpu) - before);
#else
  assert_true(trm__gpu_lt_taken(gpu) - before <= is_taken(&c, with_room));
#endif
  call_each(&c, buffer_free);
  buffer_free(&room);
}

typedef struct shape_case {
  int m, n, k, batches;
} shape_case;
static const shape_case any_shapes[] = {{1, 1, 1, 1},    {7, 7, 7, 2},     {12, 9, 31, 3},
                                        {49, 40, 97, 1}, {40, 136, 20, 2}, {64, 24, 40, 1}};
static const shape_case gate_shapes[] = {{1, 16, 1, 1}, {7, 48, 7, 2}, {33, 128, 20, 2}, {20, 256, 17, 1}};
static const shape_case norm_shapes[] = {{8, 1, 1, 1}, {40, 7, 97, 2}, {136, 97, 24, 1}, {64, 128, 33, 2}};
#define COUNT(x) (int)(sizeof(x) / sizeof *(x))

/* All layouts with some of the options each, some with and without room. */
static void try_all(trm__cuda_epilogue epilogue, const shape_case *shapes, int count, int always) {
  trm__gpu *gpu = open_gpu();
  int option = 0;
  for (int s = 0; s < count; s++) {
    for (int same = 0; same < 2; same++) {
      const shape_case *x = &shapes[s];
      problem p = problem_new(TRM_BFLOAT16, x->m, x->n, x->k, x->batches, same);
      for (int l = 0; l < 4; l++, option += 2)
        for (int room = epilogue == TRM__CUDA_STORE || same; room < 2; room++)
          try_product(gpu, &p, l & 1, l >> 1, epilogue, (option & 6) | same | always, room);
      problem_free(&p);
    }
  }
  close_gpu(gpu);
}

static void store(void **state) {
  (void)state;
  try_all(TRM__CUDA_STORE, any_shapes, COUNT(any_shapes), 0);
}
static void residual(void **state) {
  (void)state;
  try_all(TRM__CUDA_RESIDUAL, any_shapes, COUNT(any_shapes), 0);
}
static void residual_transposed(void **state) {
  (void)state;
  try_all(TRM__CUDA_RESIDUAL_T, any_shapes, COUNT(any_shapes), 0);
}
static void residual_norm(void **state) {
  (void)state;
  try_all(TRM__CUDA_RESIDUAL_NORM_T, norm_shapes, COUNT(norm_shapes), 16);
  try_all(TRM__CUDA_RESIDUAL_NORM_T, norm_shapes, 2, 0);
}
static void gate(void **state) {
  (void)state;
  try_all(TRM__CUDA_GATE, gate_shapes, COUNT(gate_shapes), 0);
}
static void gate_backward(void **state) {
  (void)state;
  try_all(TRM__CUDA_GATE_BACKWARD, gate_shapes, COUNT(gate_shapes), 0);
}

/* -- weight gradients ---------------------------------------------------------------------------------------------- */

/* Where row i of an interleaved gradient belongs. */
static size_t place_of(int i, int m, int interleaved) {
  return (size_t)(interleaved ? i / 16 * 8 + i % 8 + (i & 8 ? m / 2 : 0) : i);
}

/* shift: numbers by which the result is off a multiple of 16 bytes. */
static void try_gradient(trm__gpu *gpu, const shape_case *x, int la, int lb, int interleaved, size_t shift) {
  problem p = problem_new(TRM_BFLOAT16, x->m, x->n, x->k, x->batches, 0);
  size_t all = (size_t)x->m * (size_t)x->n;
  call c = {.v = &lt, .p = &p};
  c.product = (trm__cuda_product){.type = TRM_BFLOAT16, .m = x->m, .n = x->n, .k = x->k, .batches = x->batches};
  c.product.a = lay_out(&c.a, TRM_BFLOAT16, p.a, x->batches, x->m, x->k, layouts[la], 8, 0);
  c.product.b = lay_out(&c.b, TRM_BFLOAT16, p.b, x->batches, x->n, x->k, layouts[lb], 0, 0);
  buffer to = buffer_numbers(TRM_FLOAT32, all + shift);
  int splits = trm__cuda_splits(TRM_BFLOAT16, x->m, x->n, x->k, x->batches);
  buffer partial = buffer_numbers(TRM_FLOAT32, (size_t)splits * all);
  double *expected = problem_memory(all, sizeof *expected);
  for (size_t i = 0; i < all; i++) {
    float old = random_number(TRM_FLOAT32);
    set_at(&to, shift + i, old);
    expected[i] = (double)old;
  }
  for (size_t i = 0; i < (size_t)x->batches * all; i++) {
    size_t row = i % all / (size_t)x->n, at = place_of((int)row, x->m, interleaved) * (size_t)x->n + i % (size_t)x->n;
    expected[at] += p.acc[i];
  }
  long before = trm__gpu_lt_taken(gpu);
  buffer_push(&to);
  buffer_push(&partial);
  call_each(&c, push);
  trm__cuda_weight_gradient(&gpu->queue, &c.product, (float *)(void *)partial.device,
                            (float *)(void *)to.device + shift, interleaved);
  device_finish(&gpu->queue);
  cuda_ok(cudaStreamSynchronize(gpu->stream), "waiting");
  buffer_pull(&to);
  buffer_pull(&partial);
  for (size_t i = 0; i < all; i++)
    near_to(&c, "to", i, (double)get_at(&to, shift + i), expected[i], 1e-5 * (1 + x->k * x->batches));
#ifdef TRM_EMULATE
  assert_int_equal(trm__gpu_lt_taken(gpu) - before, x->batches == 1);
#else
  assert_true(trm__gpu_lt_taken(gpu) - before <= (x->batches == 1));
#endif
  call_each(&c, buffer_free);
  buffer_free(&to);
  buffer_free(&partial);
  free(expected);
  problem_free(&p);
}

static void weight_gradients(void **state) {
  (void)state;
  static const shape_case shapes[] = {{32, 24, 70, 1}, {16, 13, 9, 1}, {48, 20, 33, 2}};
  trm__gpu *gpu = open_gpu();
  for (int s = 0; s < COUNT(shapes); s++)
    for (int l = 0; l < 4; l++)
      for (int how = 0; how < 4; how++) try_gradient(gpu, &shapes[s], l & 1, l >> 1, how & 1, how & 2 ? 1 : 0);
  close_gpu(gpu);
}

/* -- what is left to the kernels
 * ---------------------------------------------------------------------------------------
 */

static void unaligned_operands_are_declined(void **state) {
  (void)state;
  trm__gpu *gpu = open_gpu();
  problem p = problem_new(TRM_BFLOAT16, 20, 30, 40, 2, 0);
  call c = call_new(&lt, &p, TRM__CUDA_INNER, TRM__CUDA_INNER, TRM__CUDA_STORE, 0, 8);
  call_each(&c, push);
  trm__cuda_multiply(&gpu->queue, &c.product);
  device_finish(&gpu->queue);
  cuda_ok(cudaStreamSynchronize(gpu->stream), "waiting");
  call_each(&c, pull);
  check_call(&c);
  assert_int_equal(trm__gpu_lt_taken(gpu), 0);
  call_each(&c, buffer_free);
  problem_free(&p);
  close_gpu(gpu);
}

#ifdef TRM_EMULATE
/* A shape that the library has no algorithm for is asked about once. */
static void refused_shapes_are_left_to_the_kernels(void **state) {
  (void)state;
  trm__gpu *gpu = open_gpu();
  emulate_cublaslt_refuse(TRM__LT_NOT_SUPPORTED);
  problem p = problem_new(TRM_BFLOAT16, 20, 32, 40, 1, 0);
  long plans = emulate_cublaslt_plans();
  for (int i = 0; i < 3; i++) {
    call c = call_new(&lt, &p, TRM__CUDA_INNER, TRM__CUDA_INNER, TRM__CUDA_GATE, 0, 0);
    call_each(&c, push);
    trm__cuda_multiply(&gpu->queue, &c.product);
    device_finish(&gpu->queue);
    cuda_ok(cudaStreamSynchronize(gpu->stream), "waiting");
    call_each(&c, pull);
    check_call(&c);
    call_each(&c, buffer_free);
  }
  emulate_cublaslt_refuse(0);
  assert_int_equal(trm__gpu_lt_taken(gpu), 0);
  assert_int_equal(emulate_cublaslt_plans(), plans + 1);
  problem_free(&p);
  close_gpu(gpu);
}
#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(store),
      cmocka_unit_test(residual),
      cmocka_unit_test(residual_transposed),
      cmocka_unit_test(residual_norm),
      cmocka_unit_test(gate),
      cmocka_unit_test(gate_backward),
      cmocka_unit_test(weight_gradients),
      cmocka_unit_test(unaligned_operands_are_declined),
#ifdef TRM_EMULATE
      cmocka_unit_test(refused_shapes_are_left_to_the_kernels),
#endif
  };
#ifdef TRM_EMULATE
  emulate_protect(0); /* backend_lt does, and with the library's workspace it takes long */
#endif
  return cmocka_run_group_tests_name("cublaslt products", tests, NULL, NULL);
}
