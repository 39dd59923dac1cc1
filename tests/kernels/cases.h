/* The matrix products of the full-size networks (hidden size 512, 97 positions), one example or several: first tested
 * against plain C (tests/kernels/network.c), then timed (bench/products.c). */
#ifndef TRM_TESTS_KERNELS_CASES_H
#define TRM_TESTS_KERNELS_CASES_H

#include "kernels/kernels.h"

#define CASE_ROWS (-1) /* stands for positions * batch */

typedef struct gemm_case {
  const char *name;
  int m, n, k;
  int a_transposed; /* A(i, p) = a[p * m + i] */
  trm__epilogue epilogue;
} gemm_case;

static const gemm_case gemm_cases[] = {
    {"channel MLP in, gated", CASE_ROWS, 3072, 512, 0, TRM__EPI_GATE_N},
    {"channel MLP out", CASE_ROWS, 512, 1536, 0, TRM__EPI_RESIDUAL},
    {"mixer in, gated", 1024, 512, 97, 0, TRM__EPI_GATE_M},
    {"mixer out", 97, 512, 512, 0, TRM__EPI_RESIDUAL},
    {"attention qkv", CASE_ROWS, 1536, 512, 0, TRM__EPI_STORE},
    {"channel MLP in, gradient of weights", 3072, 512, CASE_ROWS, 1, TRM__EPI_ADD},
    {"channel MLP in, gradient of input", CASE_ROWS, 512, 3072, 0, TRM__EPI_STORE},
    {"channel MLP out, gradient of weights", 512, 1536, CASE_ROWS, 1, TRM__EPI_ADD},
    {"mixer in, gradient of weights", 1024, 97, 512, 0, TRM__EPI_ADD},
    {"mixer in, gradient of input", 97, 512, 1024, 1, TRM__EPI_STORE},
};
enum { GEMM_CASES = sizeof gemm_cases / sizeof gemm_cases[0] };

static inline int case_size(int size, int batch) {
  return size == CASE_ROWS ? 97 * batch : size;
}

/* Numbers of A, B, and C or act: m * k, k * n, m * n. Sets g up for buffers of these sizes; with a gate only act is
 * written. packed: pack_b of B [k][n]. */
static inline trm__gemm case_gemm(const gemm_case *c, int batch, const trm__real *a, const trm__real *packed,
                                  trm__real *out, const trm__real *residual) {
  int m = case_size(c->m, batch), n = c->n, k = case_size(c->k, batch);
  int gate_n = c->epilogue == TRM__EPI_GATE_N, gate_m = c->epilogue == TRM__EPI_GATE_M;
  trm__gemm g = {.m = m, .n = n, .k = k, .a = a, .b = packed, .epilogue = c->epilogue, .residual = residual};
  g.a_rs = c->a_transposed ? 1 : k;
  g.a_cs = c->a_transposed ? m : 1;
  if (gate_n || gate_m) g.act = out;
  else g.c = out;
  g.c_rs = g.residual_rs = n;
  g.act_rs = gate_n ? n / 2 : n;
  g.m1 = gate_m ? m / 2 : m;
  g.n1 = gate_n ? n / 2 : n;
  return g;
}

static inline int case_panels(const trm__kernels *kernels, const gemm_case *c) {
  int gate = c->epilogue == TRM__EPI_GATE_N;
  return (int)(kernels->product[TRM_FLOAT32]->packed_size(1, c->n, gate) / (size_t)kernels->product[TRM_FLOAT32]->nr);
}

#endif
