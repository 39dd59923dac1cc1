/* How numbers become the words of a matrix product's operands, one family of functions a data type. A packer walks
 * over the columns of a panel (ref_panel_column) and writes k elements of each, as many to a word as the type has. */
#include "kernels/ref/ref.h"

enum { NR = TRM__REF_NR };

static int ref_ceil_div(int a, int b) {
  return a / b + (a % b != 0);
}

static size_t ref_panels(int n, int gate) {
  return (size_t)(gate ? ref_ceil_div(n / 2, NR / 2) : ref_ceil_div(n, NR));
}

/* The column of B that lane j of a panel holds, or -1. */
static int ref_panel_column(int panel, int j, int n, int gate) {
  int column = panel * NR + j;
  if (gate) {
    int gate_column = panel * (NR / 2) + j % (NR / 2);
    if (gate_column >= n / 2) return -1;
    column = j < NR / 2 ? gate_column : n / 2 + gate_column;
  }
  return column < n ? column : -1;
}

/* -- TRM_FLOAT32 ------------------------------------------------------------------------------------------------------
 */

static size_t ref_size_f32(int k, int n, int gate) {
  return (size_t)k * ref_panels(n, gate) * NR;
}

static void ref_pack_b_f32(trm__real *packed, const trm__real *b, ptrdiff_t b_rs, ptrdiff_t b_cs, int k, int n,
                           int gate, int p0, int p1) {
  for (int panel = p0; panel < p1; panel++) {
    trm__real *out = packed + (size_t)panel * (size_t)k * NR;
    for (int j = 0; j < NR; j++) {
      int column = ref_panel_column(panel, j, n, gate);
      for (int p = 0; p < k; p++) out[p * NR + j] = column >= 0 ? b[p * b_rs + column * b_cs] : 0;
    }
  }
}

static void ref_spread_f32(trm__real *words, int width, const trm__real *x, ptrdiff_t ld, int rows, int cols) {
  for (int p = 0; p < rows; p++)
    for (int j = 0; j < width; j++) words[(size_t)p * (size_t)width + (size_t)j] = j < cols ? x[p * ld + j] : 0;
}

const trm__product trm__ref_f32 = {.type = TRM_FLOAT32,
                                   .unit = 1,
                                   .mr = TRM__REF_MR,
                                   .nr = TRM__REF_NR,
                                   .packed_size = ref_size_f32,
                                   .pack_b = ref_pack_b_f32,
                                   .spread = ref_spread_f32,
                                   .gemm = trm__ref_gemm};

#ifndef TRM_DOUBLE
/* -- TRM_BFLOAT16 -----------------------------------------------------------------------------------------------------
 */

static uint32_t ref_bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static void ref_put_pair(trm__real *word, float low, float high) {
  uint32_t bits = ref_bits_of(trm__bf16(low)) >> 16 | ref_bits_of(trm__bf16(high));
  memcpy(word, &bits, sizeof bits);
}

static size_t ref_size_bf16(int k, int n, int gate) {
  return ref_size_f32(ref_ceil_div(k, 2), n, gate);
}

static void ref_pack_b_bf16(trm__real *packed, const trm__real *b, ptrdiff_t b_rs, ptrdiff_t b_cs, int k, int n,
                            int gate, int p0, int p1) {
  int words = ref_ceil_div(k, 2);
  for (int panel = p0; panel < p1; panel++) {
    trm__real *out = packed + (size_t)panel * (size_t)words * NR;
    for (int j = 0; j < NR; j++) {
      int column = ref_panel_column(panel, j, n, gate);
      const trm__real *x = b + (column >= 0 ? column * b_cs : 0);
      for (int p = 0; p < words; p++) {
        int low = column >= 0, high = low && 2 * p + 1 < k;
        ref_put_pair(out + p * NR + j, low ? x[2 * p * b_rs] : 0, high ? x[(2 * p + 1) * b_rs] : 0);
      }
    }
  }
}

static void ref_pack_a_bf16(trm__real *words, ptrdiff_t pitch, trm__real *scale, const trm__real *a, ptrdiff_t ld,
                            int rows, int k) {
  (void)scale;
  for (int r = 0; r < rows; r++, words += pitch, a += ld)
    for (int p = 0; 2 * p < k; p++) ref_put_pair(words + p, a[2 * p], 2 * p + 1 < k ? a[2 * p + 1] : 0);
}

static void ref_spread_bf16(trm__real *words, int width, const trm__real *x, ptrdiff_t ld, int rows, int cols) {
  for (int p = 0; 2 * p < rows; p++, words += width, x += 2 * ld)
    for (int j = 0; j < width; j++)
      ref_put_pair(words + j, j < cols ? x[j] : 0, j < cols && 2 * p + 1 < rows ? x[ld + j] : 0);
}

const trm__product trm__ref_bf16 = {.type = TRM_BFLOAT16,
                                    .unit = 2,
                                    .mr = TRM__REF_MR,
                                    .nr = TRM__REF_NR,
                                    .packed_size = ref_size_bf16,
                                    .pack_b = ref_pack_b_bf16,
                                    .pack_a = ref_pack_a_bf16,
                                    .spread = ref_spread_bf16,
                                    .gemm = trm__ref_gemm_bf16};

/* -- TRM_INT8 ----------------------------------------------------------------------------------------------------- */

/* One row of A or column of B: its scale, and k elements of four to a word, words stride apart. */
static trm__real ref_quantize(trm__real *words, ptrdiff_t stride, const trm__real *x, ptrdiff_t step, int k) {
  uint32_t largest = 0; /* of the bits of |x|: their order is that of the numbers, and NaN comes last */
  for (int p = 0; p < k; p++) {
    uint32_t bits = ref_bits_of(x[p * step]) & 0x7fffffffU;
    if (bits > largest) largest = bits;
  }
  float max, factor;
  memcpy(&max, &largest, sizeof max);
  int whole = largest < 0x7f800000U;
  factor = whole && max > TRM__INT8_LEAST ? 127 / max : 0;
  for (int p = 0; p < k; p += 4, words += stride) {
    int8_t q[4] = {0};
    for (int e = 0; e < 4 && p + e < k; e++) q[e] = whole ? (int8_t)rintf(x[(p + e) * step] * factor) : 0;
    memcpy(words, q, sizeof q);
  }
  if (!whole) return NAN;
  return max > TRM__INT8_LEAST ? max / 127 : 0;
}

static size_t ref_size_int8(int k, int n, int gate) {
  return ref_size_f32(ref_ceil_div(k, 4) + TRM__REF_INT8_TAIL, n, gate);
}

static void ref_pack_b_int8(trm__real *packed, const trm__real *b, ptrdiff_t b_rs, ptrdiff_t b_cs, int k, int n,
                            int gate, int p0, int p1) {
  int words = ref_ceil_div(k, 4);
  for (int panel = p0; panel < p1; panel++) {
    trm__real *out = packed + (size_t)panel * (size_t)(words + TRM__REF_INT8_TAIL) * NR, *scale = out + words * NR;
    memset(scale, 0, TRM__REF_INT8_TAIL * NR * sizeof *scale);
    for (int j = 0; j < NR; j++) {
      int column = ref_panel_column(panel, j, n, gate);
      if (column >= 0) scale[j] = ref_quantize(out + j, NR, b + column * b_cs, b_rs, k);
      else
        for (int p = 0; p < words; p++) out[p * NR + j] = 0;
    }
  }
}

static void ref_pack_a_int8(trm__real *words, ptrdiff_t pitch, trm__real *scale, const trm__real *a, ptrdiff_t ld,
                            int rows, int k) {
  for (int r = 0; r < rows; r++) scale[r] = ref_quantize(words + r * pitch, 1, a + r * ld, 1, k);
}

const trm__product trm__ref_int8 = {.type = TRM_INT8,
                                    .unit = 4,
                                    .mr = TRM__REF_MR,
                                    .nr = TRM__REF_NR,
                                    .packed_size = ref_size_int8,
                                    .pack_b = ref_pack_b_int8,
                                    .pack_a = ref_pack_a_int8,
                                    .gemm = trm__ref_gemm_int8};
#endif
