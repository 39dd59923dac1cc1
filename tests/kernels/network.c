/* The products of the full-size networks: every variant against plain C, and the SIMD variants against one another,
 * which chain the same fused multiply-adds and so agree in every bit where no activation follows. */
#include "kernels/cases.h"
#include "kernels/check.h"

static void run(const trm__kernels *kernels, const gemm_case *c, const guarded *a, const guarded *b, float *out) {
  int gate = c->epilogue == TRM__EPI_GATE_N, k = case_size(c->k, 1);
  guarded packed = guarded_new(kernels->product[TRM_FLOAT32]->packed_size(k, c->n, gate));
  kernels->product[TRM_FLOAT32]->pack_b(packed.x, b->x, c->n, 1, k, c->n, gate, 0, case_panels(kernels, c));
  trm__gemm g = case_gemm(c, 1, a->x, packed.x, out, out);
  guarded scratch = guarded_new(kernels->product[TRM_FLOAT32]->scratch);
  g.scratch = scratch.x;
  kernels->product[TRM_FLOAT32]->gemm(&g);
  guarded_free(&scratch);
  guarded_free(&packed);
}

static void test_network_shapes(void **state) {
  (void)state;
  for (int i = 0; i < GEMM_CASES; i++) {
    const gemm_case *c = &gemm_cases[i];
    size_t m = (size_t)case_size(c->m, 1), n = (size_t)c->n, k = (size_t)case_size(c->k, 1);
    int gated = c->epilogue == TRM__EPI_GATE_N || c->epilogue == TRM__EPI_GATE_M;
    guarded a = guarded_filled(m * k, FILL_UNIT), b = guarded_filled(k * n, FILL_UNIT);
    guarded start = guarded_filled(m * n, FILL_UNIT), want = guarded_copy(start.x, m * n);
    float *first = NULL;
    run(&trm__offer_ref.kernels, c, &a, &b, want.x);
    for (int v = 1; variant(v); v++) {
      float *out = malloc(m * n * sizeof *out);
      memcpy(out, start.x, m * n * sizeof *out);
      run(variant(v), c, &a, &b, out);
      double size = sqrt((double)k);
      for (size_t e = 0; e < m * n; e++)
        CHECK_CLOSE(out[e], want.x[e], 4e-6 * size * (gated ? size : 1), "%s %s at %zu", variant(v)->isa, c->name, e);
      if (first && !gated) assert_memory_equal(first, out, m * n * sizeof *out);
      if (first) free(out);
      else first = out;
    }
    free(first);
    guarded *all[] = {&a, &b, &start, &want};
    for (int g = 0; g < 4; g++) guarded_free(all[g]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_network_shapes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
