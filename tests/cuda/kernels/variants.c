/* Do a product's variants give the same bits? Which one runs depends on how many rows there are, and what becomes of an
 * example should not. All that use mma.sync must agree, and so must all that use wgmma. Whether these two instructions
 * sum alike only a card can say: there families_agree reports it, and is skipped where they do not, because nothing
 * promises it (docs/internals/kernels.md); emulated ones must. */
#include <cuda_runtime_api.h>

#include "kernels/cuda/product/product.h"
#include "support/check.h"

enum { M = 160, N = 256, NORM_N = 97, K = 97 + 512, LD = (K + 7) / 8 * 8, BATCHES = 2 };

typedef struct variant {
  const char *name;
  int wgmma, shape;
} variant;

static const variant variants[] = {
    {"mma large", 0, TRM__MMA_LARGE},       {"mma small", 0, TRM__MMA_SMALL}, {"mma flat", 0, TRM__MMA_FLAT},
    {"mma tiny", 0, TRM__MMA_TINY},         {"wgmma 128", 1, TRM__WGMMA_128}, {"wgmma 256", 1, TRM__WGMMA_256},
    {"wgmma stream", 1, TRM__WGMMA_STREAM},
};

static trm__cuda_queue queue;

static void must(cudaError_t error) {
  if (error != cudaSuccess) fail_msg("%s", cudaGetErrorString(error));
}

static uint16_t random_bf16(void) { /* -2..2 */
  static uint64_t state = 1;
  state = state * 6364136223846793005U + 1442695040888963407U;
  return (uint16_t)((state >> 60 & 1) << 15 | (0x3f00 + (state >> 50 & 0xff)));
}

static void *device_random(size_t n) {
  uint16_t *host = malloc(n * sizeof *host);
  void *device = NULL;
  assert_non_null(host);
  for (size_t i = 0; i < n; i++) host[i] = random_bf16();
  must(cudaMalloc(&device, n * sizeof *host));
  must(cudaMemcpy(device, host, n * sizeof *host, cudaMemcpyHostToDevice));
  free(host);
  return device;
}

static void run(const variant *v, trm__cuda_product *p, unsigned char *to, size_t bytes) {
  must(cudaMemset(p->c, 0xff, bytes));
  if (v->wgmma) trm__cuda_product_wgmma(&queue, p, 0, NULL, v->shape);
  else trm__cuda_product_mma(&queue, p, 0, NULL, v->shape);
  must(cudaStreamSynchronize(queue.stream));
  assert_int_equal(queue.fault, 0);
  must(cudaMemcpy(to, p->c, bytes, cudaMemcpyDeviceToHost));
}

static size_t differing(const unsigned char *x, const unsigned char *y, size_t bytes) {
  size_t differ = 0;
  for (size_t b = 0; b < bytes; b += 2) differ += memcmp(x + b, y + b, 2) != 0;
  return differ;
}

/* Where the first variants of both families differed, in all products so far. */
static size_t between_families, compared;

/* Runs every variant that can do it, and compares what is in c with what its family's first one left. */
static void compare(trm__cuda_product *p, int narrow, size_t bytes) {
  unsigned char *first[2] = {malloc(bytes), malloc(bytes)}, *other = malloc(bytes);
  const char *name[2] = {NULL, NULL};
  int runs = 0;
  for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
    const variant *v = &variants[i];
    int family = v->wgmma;
    if (family && !queue.wgmma) continue;
    if (narrow && family && v->shape != TRM__WGMMA_128) continue;
    if (narrow && !family && v->shape != TRM__MMA_LARGE && v->shape != TRM__MMA_FLAT) continue;
    run(v, p, name[family] ? other : first[family], bytes);
    size_t differ = name[family] ? differing(first[family], other, bytes) : 0;
    if (differ) fail_msg("%s: %zu of %zu numbers differ from %s's", v->name, differ, bytes / 2, name[family]);
    if (!name[family]) name[family] = v->name;
    runs++;
  }
  assert_true(runs > 1);
  if (name[1]) {
    between_families += differing(first[0], first[1], bytes);
    compared += bytes / 2;
  }
  free(first[0]);
  free(first[1]);
  free(other);
}

static trm__cuda_product product_of(int n, trm__cuda_epilogue epilogue) {
  return (trm__cuda_product){.type = TRM_BFLOAT16,
                             .m = M,
                             .n = n,
                             .k = K,
                             .batches = BATCHES,
                             .a = {device_random((size_t)BATCHES * M * LD), LD, M * LD, TRM__CUDA_INNER},
                             .b = {device_random((size_t)n * LD), LD, 0, TRM__CUDA_INNER},
                             .epilogue = epilogue,
                             .eps = 1e-5};
}

static void end(trm__cuda_product *p, void *residual) {
  must(cudaFree((void *)(uintptr_t)p->a.x));
  must(cudaFree((void *)(uintptr_t)p->b.x));
  must(cudaFree(p->c));
  must(cudaFree(residual));
}

static void sums(void **state) {
  (void)state;
  trm__cuda_product p = product_of(N, TRM__CUDA_STORE);
  p.c = device_random((size_t)BATCHES * M * N);
  p.c_ld = N;
  p.c_batch = M * N;
  compare(&p, 0, (size_t)BATCHES * M * N * 2);
  end(&p, NULL);
}

static void gates(void **state) {
  (void)state;
  trm__cuda_product p = product_of(N, TRM__CUDA_GATE);
  p.c = p.act = device_random((size_t)BATCHES * M * N / 2);
  compare(&p, 0, (size_t)BATCHES * M * N);
  end(&p, NULL);
}

static void norms(void **state) {
  (void)state;
  size_t numbers = (size_t)BATCHES * NORM_N * M;
  trm__cuda_product p = product_of(NORM_N, TRM__CUDA_RESIDUAL_NORM_T);
  void *residual = device_random(numbers);
  p.c = device_random(numbers + (size_t)BATCHES * M * 2);
  p.inv = (float *)p.c + numbers / 2; /* behind it, so that they are compared as well */
  p.residual = residual;
  p.c_ld = M;
  p.c_batch = NORM_N * M;
  compare(&p, 1, numbers * 2 + (size_t)BATCHES * M * sizeof *p.inv);
  end(&p, residual);
}

/* After the others. */
static void families_agree(void **state) {
  (void)state;
  if (!compared) skip(); /* there is only one family */
#ifdef TRM_EMULATE
  assert_int_equal(between_families, 0);
#else
  print_message("wgmma and mma.sync: %zu of %zu numbers differ, so that results %s on this card\n", between_families,
                compared, between_families ? "CAN change with the batch size" : "do not change with the batch size");
  if (between_families) skip();
#endif
}

static int open_queue(void **state) {
  (void)state;
  struct cudaDeviceProp card;
  cudaStream_t stream;
  must(cudaGetDeviceProperties(&card, 0));
  must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  int capability = 10 * card.major + card.minor;
  queue = (trm__cuda_queue){.stream = stream,
                            .sms = card.multiProcessorCount,
                            .capability = capability,
                            .shared_per_block = (int)card.sharedMemPerBlockOptin,
                            .wgmma = capability == 90};
  return 0;
}

static int close_queue(void **state) {
  (void)state;
  return cudaStreamDestroy(queue.stream) != cudaSuccess;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sums), cmocka_unit_test(gates), cmocka_unit_test(norms),
                                     cmocka_unit_test(families_agree)};
  return cmocka_run_group_tests(tests, open_queue, close_queue);
}
