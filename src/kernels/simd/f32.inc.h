/* The matrix product of fp32: a word is a number. */

#define DOT v_fma
#define SCALED 0
#define TAIL 0

#include "kernels/simd/panels.inc.h"

#include "kernels/simd/gemm.inc.h"

static size_t packed_size(int k, int n, int gate) {
  return (size_t)k * panel_count(n, gate) * NR;
}

/* out[p * NR + j] = b[p * rs + j * cs], the columns from valid on zero. */
static void pack_lanes(float *out, const float *b, ptrdiff_t rs, ptrdiff_t cs, int k, int valid) {
  if (cs == 1) {
    for (int p = 0; p < k; p++) v_store(out + p * NR, valid >= VW ? v_load(b + p * rs) : v_load_n(b + p * rs, valid));
    return;
  }
  for (int j = 0; j < VW; j += 4) {
    int p = 0;
    if (rs == 1 && valid - j >= 4) {
      for (; p + 4 <= k; p += 4) v_transpose4(out + p * NR + j, NR, b + p + j * cs, cs);
    }
    for (; p < k; p++) {
      for (int e = j; e < j + 4; e++) out[p * NR + e] = e < valid ? b[p * rs + e * cs] : 0;
    }
  }
}

static void pack_b(float *packed, const float *b, ptrdiff_t b_rs, ptrdiff_t b_cs, int k, int n, int gate, int p0,
                   int p1) {
  for (int q = p0; q < p1; q++) {
    for (int right = 0; right < 2; right++) {
      lanes at = panel_lanes(q, right, n, gate);
      pack_lanes(packed + (size_t)q * (size_t)k * NR + right * VW, b + at.first * b_cs, b_rs, b_cs, k, at.valid);
    }
  }
}

static void spread(float *words, int width, const float *x, ptrdiff_t ld, int rows, int cols) {
  size_t count = (size_t)(cols < width ? cols : width), rest = (size_t)width - count;
  for (int p = 0; p < rows; p++, words += width, x += ld) {
    memcpy(words, x, count * sizeof *x);
    memset(words + count, 0, rest * sizeof *x);
  }
}

const trm__product NAME(f32) = {.type = TRM_FLOAT32,
                                .unit = 1,
                                .mr = MR,
                                .nr = NR,
                                .packed_size = packed_size,
                                .pack_b = pack_b,
                                .spread = spread,
                                .scratch = SCRATCH,
                                .gemm = multiply};
