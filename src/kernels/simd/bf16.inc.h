/* The matrix product of bf16: a word is two neighbours of the sum, the first in its low half. Of the vector layer it
 * needs: v_pair(low, high), the words of two rows' elements lane by lane; v_pairs(a, b), the words of 2 VW elements
 * that follow one another; v_dot_pairs(x, b, sum). */

#define DOT v_dot_pairs
#define SCALED 0
#define TAIL 0

#include "kernels/simd/panels.inc.h"

#include "kernels/simd/gemm.inc.h"

extern const trm__product NAME(bf16);

enum { RUN = 256 };

static size_t packed_size(int k, int n, int gate) {
  return (size_t)ceil_div(k, 2) * panel_count(n, gate) * NR;
}

/* k elements that follow one another -> ceil(k / 2) words. */
static void pair_run(float *words, const float *x, int k) {
  int p = 0;
  for (; p + 2 * VW <= k; p += 2 * VW) v_store(words + p / 2, v_pairs(v_load(x + p), v_load(x + p + VW)));
  if (p >= k) return;
  int left = k - p;
  vf high = left > VW ? v_load_n(x + p + VW, left - VW) : v_zero();
  v_store_n(words + p / 2, v_pairs(v_get(x + p, left), high), ceil_div(left, 2));
}

/* VW columns of a panel whose rows follow one another. */
static void pack_rows(float *out, const float *b, ptrdiff_t rs, int k, int valid) {
  for (int p = 0; p < k; p += 2, b += 2 * rs, out += NR)
    v_store(out, v_pair(v_get(b, valid), p + 1 < k ? v_get(b + rs, valid) : v_zero()));
}

/* VW columns of a panel, four at a time. */
static void pack_columns(float *out, const float *b, ptrdiff_t rs, ptrdiff_t cs, int k, int valid) {
  float numbers[RUN], columns[4][RUN / 2];
  for (int j = 0; j < VW; j += 4) {
    for (int p = 0; p < k; p += RUN) {
      int n = k - p < RUN ? k - p : RUN, words = ceil_div(n, 2);
      for (int e = 0; e < 4; e++) {
        if (j + e < valid) pair_run(columns[e], column_run(b + p * rs + (j + e) * cs, rs, n, numbers), n);
        else memset(columns[e], 0, (size_t)words * sizeof *columns[e]);
      }
      put_columns(out + p / 2 * NR + j, columns[0], RUN / 2, words);
    }
  }
}

static void pack_b(float *packed, const float *b, ptrdiff_t b_rs, ptrdiff_t b_cs, int k, int n, int gate, int p0,
                   int p1) {
  for (int q = p0; q < p1; q++) {
    for (int right = 0; right < 2; right++) {
      lanes at = panel_lanes(q, right, n, gate);
      float *out = packed + (size_t)q * (size_t)ceil_div(k, 2) * NR + right * VW;
      if (b_cs == 1) pack_rows(out, b + at.first, b_rs, k, at.valid);
      else pack_columns(out, b + at.first * b_cs, b_rs, b_cs, k, at.valid);
    }
  }
}

static void pack_a(float *words, ptrdiff_t pitch, float *scale, const float *a, ptrdiff_t ld, int rows, int k) {
  (void)scale;
  for (int r = 0; r < rows; r++) pair_run(words + r * pitch, a + r * ld, k);
}

static void spread(float *words, int width, const float *x, ptrdiff_t ld, int rows, int cols) {
  for (int p = 0; p < rows; p += 2, words += width, x += 2 * ld) {
    for (int j = 0; j < width; j += VW) {
      int left = cols - j < 0 ? 0 : cols - j;
      vf low = left ? v_get(x + j, left) : v_zero(), high = left && p + 1 < rows ? v_get(x + ld + j, left) : v_zero();
      v_put(words + j, v_pair(low, high), width - j);
    }
  }
}

const trm__product NAME(bf16) = {.type = TRM_BFLOAT16,
                                 .unit = 2,
                                 .mr = MR,
                                 .nr = NR,
                                 .packed_size = packed_size,
                                 .pack_b = pack_b,
                                 .pack_a = pack_a,
                                 .spread = spread,
                                 .scratch = SCRATCH,
                                 .gemm = multiply};
