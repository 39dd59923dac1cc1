/* Setting up the kernels' matrix products: which data type, left operands as words, and the fields that every product
 * of a block has alike. */
#include "backend/cpu/cpu.h"

const trm__product *trm__cpu_layer_product(const trm__kernels *kernels, const trm__dims *dims, int training) {
  const trm__product *const *product = kernels->product;
  if (dims->int8) return training ? NULL : product[TRM_INT8];
  return dims->bf16 && product[TRM_BFLOAT16] ? product[TRM_BFLOAT16] : product[TRM_FLOAT32];
}

int trm__cpu_panels(const trm__product *product, int n, int gate) {
  int nr = product->nr;
  return gate ? trm__ceil_div(n / 2, nr / 2) : trm__ceil_div(n, nr);
}

size_t trm__cpu_left_size(const trm__product *product, int rows, int k) {
  if (product->type == TRM_FLOAT32) return 0;
  return (size_t)rows * ((size_t)trm__words(product, k) + (product->type == TRM_INT8));
}

trm__left trm__cpu_left(const trm__product *product, trm__real *to, const trm__real *a, ptrdiff_t ld, int rows, int k) {
  if (product->type == TRM_FLOAT32) return (trm__left){a, ld, 1, NULL};
  ptrdiff_t words = trm__words(product, k);
  trm__real *scale = to + rows * words;
  product->pack_a(to, words, scale, a, ld, rows, k);
  return (trm__left){to, words, 1, scale};
}

trm__gemm trm__cpu_product_f32(const trm__kernels *kernels, int m, int n, int k, const trm__real *a, ptrdiff_t a_rs,
                               const trm__real *b, trm__real *c, ptrdiff_t c_rs) {
  return trm__cpu_product(kernels->product[TRM_FLOAT32], m, n, k, (trm__left){a, a_rs, 1, NULL}, b, c, c_rs);
}

trm__gemm trm__cpu_product(const trm__product *product, int m, int n, int k, trm__left a, const trm__real *b,
                           trm__real *c, ptrdiff_t c_rs) {
  return (trm__gemm){.m = m,
                     .n = n,
                     .k = trm__words(product, k),
                     .a = a.words,
                     .a_rs = a.rs,
                     .a_cs = a.cs,
                     .a_scale = a.scale,
                     .b = b,
                     .c = c,
                     .c_rs = c_rs,
                     .epilogue = TRM__EPI_STORE,
                     .m1 = m,
                     .n1 = n};
}

void trm__cpu_multiply(const trm__backend *be, const trm__product *product, trm__gemm *g, int worker) {
  const trm__cpu *cpu = (const trm__cpu *)be;
  g->scratch = cpu->products + (size_t)worker * cpu->product_size;
  product->gemm(g);
}
