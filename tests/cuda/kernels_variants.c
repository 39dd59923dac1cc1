/* Do a product's variants give the same bits? Which one runs depends on how many rows there are, and what becomes of an
 * example must not. On a card this also asks whether wgmma sums as mma.sync does. */
#include "device_check.h"

#include "kernels/cuda/product.h"

enum { M = 160, N = 256, NORM_N = 97, K = 97 + 512, LD = (K + 7) / 8 * 8, BATCHES = 2 };

typedef struct method {
  const char *name;
  int wgmma, shape;
} method;

static const method methods[] = {
    {"mma large", 0, TRM__MMA_LARGE},     {"mma small", 0, TRM__MMA_SMALL}, {"mma flat", 0, TRM__MMA_FLAT},
    {"mma tiny", 0, TRM__MMA_TINY},       {"wgmma 128", 1, TRM__WGMMA_128}, {"wgmma 256", 1, TRM__WGMMA_256},
    {"wgmma flow", 1, TRM__WGMMA_STREAM},
};

/* n random numbers, -1..1. */
static buffer random_numbers(size_t n) {
  buffer b = buffer_numbers(TRM__CUDA_BF16, n);
  for (size_t i = 0; i < n; i++) set_at(&b, i, random_real());
  buffer_push(&b);
  return b;
}

typedef struct job {
  trm__cuda_product p;
  buffer a, b, residual, c, inv; /* those that it has */
} job;

/* Runs every variant that can do it, and compares what is in c and inv with the first one's. */
static void compare(job *j) {
  trm__cuda_queue queue = device_queue();
  int narrow = j->inv.at != NULL, runs = 0;
  unsigned char *first = malloc(j->c.bytes + j->inv.bytes);
  assert_non_null(first);
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    const method *v = &methods[i];
    if (v->wgmma && !queue.wgmma) continue;
    if (narrow && !(v->shape == TRM__MMA_LARGE || v->shape == TRM__MMA_FLAT) && !v->wgmma) continue;
    if (narrow && v->wgmma && v->shape != TRM__WGMMA_128) continue;
    buffer *out[] = {&j->c, &j->inv};
    for (int k = 0; k < 2; k++) {
      if (out[k]->at) memset(out[k]->at, 0xff, out[k]->bytes);
      buffer_push(out[k]);
    }
    if (v->wgmma) trm__cuda_product_wgmma(&queue, &j->p, 0, NULL, v->shape);
    else trm__cuda_product_mma(&queue, &j->p, 0, NULL, v->shape);
    device_finish(&queue);
    for (int k = 0; k < 2; k++) {
      unsigned char *kept = first + (k ? j->c.bytes : 0);
      size_t differ = 0;
      buffer_pull(out[k]);
      if (!runs && out[k]->at) memcpy(kept, out[k]->at, out[k]->bytes);
      for (size_t b = 0; b < out[k]->bytes; b += 2) differ += memcmp(kept + b, out[k]->at + b, 2) != 0;
      if (differ)
        fail_msg("%s: %zu half-words of %s differ from %s's", v->name, differ, k ? "inv" : "c", methods[0].name);
    }
    for (size_t k = 0; k < j->c.n; k++) assert_true(!isnan(get_at(&j->c, k)));
    runs++;
  }
  assert_true(runs > 1);
  free(first);
}

static job job_of(int n, trm__cuda_epilogue epilogue, size_t results) {
  job j = {.a = random_numbers((size_t)BATCHES * M * LD),
           .b = random_numbers((size_t)n * LD),
           .c = buffer_numbers(TRM__CUDA_BF16, results)};
  j.p = (trm__cuda_product){.type = TRM__CUDA_BF16,
                            .m = M,
                            .n = n,
                            .k = K,
                            .batches = BATCHES,
                            .a = {j.a.device, LD, M * LD, TRM__CUDA_INNER},
                            .b = {j.b.device, LD, 0, TRM__CUDA_INNER},
                            .epilogue = epilogue,
                            .c = j.c.device,
                            .eps = 1e-5};
  return j;
}

static void end(job *j) {
  buffer *all[] = {&j->a, &j->b, &j->residual, &j->c, &j->inv};
  for (int i = 0; i < 5; i++) buffer_free(all[i]);
}

static void sums(void **state) {
  (void)state;
  job j = job_of(N, TRM__CUDA_STORE, (size_t)BATCHES * M * N);
  j.p.c_ld = N;
  j.p.c_batch = M * N;
  compare(&j);
  end(&j);
}

static void gates(void **state) {
  (void)state;
  job j = job_of(N, TRM__CUDA_GATE, (size_t)BATCHES * M * N / 2);
  j.p.act = j.c.device;
  compare(&j);
  end(&j);
}

static void norms(void **state) {
  (void)state;
  size_t numbers = (size_t)BATCHES * NORM_N * M;
  job j = job_of(NORM_N, TRM__CUDA_RESIDUAL_NORM_T, numbers);
  j.residual = random_numbers(numbers);
  j.inv = buffer_numbers(TRM__CUDA_F32, (size_t)BATCHES * M);
  j.p.inv = (float *)(void *)j.inv.device;
  j.p.residual = j.residual.device;
  j.p.c_ld = M;
  j.p.c_batch = NORM_N * M;
  compare(&j);
  end(&j);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sums), cmocka_unit_test(gates), cmocka_unit_test(norms)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
