/* The matrix product of int8: a word is UNIT neighbours of the sum, as bytes (4) or 16-bit numbers (2), in A plus
 * OFFSET where the instruction wants A unsigned. A panel is followed by its columns' scales and by what the offset adds
 * to their sums. Sums are exact, so every variant gives the same bits.
 *
 * Of the vector layer it needs: v_dot_whole(x, b, sum); v_join(q), the words of UNIT rows' whole numbers lane by lane;
 * v_narrow(words, q), the VW / UNIT words of VW whole numbers that follow one another. */

#include <math.h>

#define DOT v_dot_whole
#define SCALED 1
#define TAIL 2 /* rows of a panel after its words */

#include "kernels/simd/panels.inc.h"

#include "kernels/simd/gemm.inc.h"

extern const trm__product NAME(int8);

enum { RUN = 256 };

static size_t packed_size(int k, int n, int gate) {
  return (size_t)(ceil_div(k, UNIT) + TAIL) * panel_count(n, gate) * NR;
}

/* The largest |x|; infinity and NaN are larger than all numbers. The order of bits is that of non-negative numbers. */
static float largest(const float *x, ptrdiff_t step, int k) {
  float lane[VW], space[RUN];
  vf max = v_zero();
  for (int p = 0; p < k; p += RUN) {
    int n = k - p < RUN ? k - p : RUN, i = 0;
    const float *run = column_run(x + p * step, step, n, space);
    for (; i + VW <= n; i += VW) max = v_max_bits(max, v_abs(v_load(run + i)));
    if (i < n) max = v_max_bits(max, v_abs(v_load_n(run + i, n - i)));
  }
  v_store(lane, max);
  uint32_t most = 0, bits;
  for (int i = 0; i < VW; i++) {
    memcpy(&bits, &lane[i], sizeof bits);
    if (bits > most) most = bits;
  }
  memcpy(&lane[0], &most, sizeof most);
  return lane[0];
}

/* Factor and scale for a largest |x|: x * factor is within -127..127, q * scale is x again. */
static float factor_of(float max) {
  return max > TRM__INT8_LEAST ? 127 / max : 0;
}
static float scale_of(float max) {
  return isfinite(max) ? max > TRM__INT8_LEAST ? max / 127 : 0 : NAN;
}

/* k elements that follow one another -> ceil(k / UNIT) words. */
static void quantize_run(float *words, const float *x, int k, float factor, vf offset) {
  vf f = v_set(factor);
  int p = 0;
  for (; p + VW <= k; p += VW) v_narrow(words + p / UNIT, v_add_whole(v_whole(v_mul(v_load(x + p), f)), offset));
  if (p >= k) return;
  float last[VW / UNIT];
  v_narrow(last, v_add_whole(v_whole(v_mul(v_load_n(x + p, k - p), f)), offset));
  memcpy(words + p / UNIT, last, (size_t)ceil_div(k - p, UNIT) * sizeof *last);
}

/* VW columns of a panel whose rows follow one another, and their scales. */
static void pack_rows(float *out, float *scale, const float *b, ptrdiff_t rs, int k, int valid) {
  vf max = v_zero(), most = v_set(127), least = v_set(TRM__INT8_LEAST);
  for (int p = 0; p < k; p++) max = v_max_bits(max, v_abs(v_get(b + p * rs, valid)));
  vm large = v_gt(max, least);
  vf factor = v_select(large, v_div(most, max), v_zero()), nan = v_sub(max, max); /* 0 where max is finite */
  v_store(scale, v_add(v_select(large, v_div(max, most), v_zero()), nan));
  for (int p = 0; p < k; p += UNIT, out += NR) {
    vf q[UNIT];
    for (int e = 0; e < UNIT; e++) q[e] = p + e < k ? v_whole(v_mul(v_get(b + (p + e) * rs, valid), factor)) : v_zero();
    v_store(out, v_join(q));
  }
}

/* The same for columns in any layout, four at a time. */
static void pack_columns(float *out, float *scale, const float *b, ptrdiff_t rs, ptrdiff_t cs, int k, int valid) {
  float numbers[RUN], columns[4][RUN / UNIT], factor[4];
  for (int j = 0; j < VW; j += 4) {
    for (int e = 0; e < 4; e++) {
      float max = j + e < valid ? largest(b + (j + e) * cs, rs, k) : 0;
      factor[e] = factor_of(max);
      scale[j + e] = scale_of(max);
    }
    for (int p = 0; p < k; p += RUN) {
      int n = k - p < RUN ? k - p : RUN, words = ceil_div(n, UNIT);
      for (int e = 0; e < 4; e++) {
        const float *run = j + e < valid ? column_run(b + p * rs + (j + e) * cs, rs, n, numbers) : NULL;
        if (run) quantize_run(columns[e], run, n, factor[e], v_zero());
        else memset(columns[e], 0, (size_t)words * sizeof *columns[e]);
      }
      put_columns(out + p / UNIT * NR + j, columns[0], RUN / UNIT, words);
    }
  }
}

/* What A's offset adds to the sums: the products of a row of zeros. */
static void panel_shift(float *panel, int words) {
  vf zero = v_set_bits(UNIT == 4 ? OFFSET * 0x01010101U : OFFSET * 0x00010001U), left = v_zero(), right = v_zero();
  for (int p = 0; OFFSET && p < words; p++) {
    left = v_dot_whole(zero, v_load(panel + p * NR), left);
    right = v_dot_whole(zero, v_load(panel + p * NR + VW), right);
  }
  v_store(panel + (words + 1) * NR, left);
  v_store(panel + (words + 1) * NR + VW, right);
}

static void pack_b(float *packed, const float *b, ptrdiff_t b_rs, ptrdiff_t b_cs, int k, int n, int gate, int p0,
                   int p1) {
  int words = ceil_div(k, UNIT);
  for (int q = p0; q < p1; q++) {
    float *panel = packed + (size_t)q * (size_t)(words + TAIL) * NR;
    for (int right = 0; right < 2; right++) {
      lanes at = panel_lanes(q, right, n, gate);
      float *out = panel + right * VW, *scale = out + words * NR;
      if (b_cs == 1) pack_rows(out, scale, b + at.first, b_rs, k, at.valid);
      else pack_columns(out, scale, b + at.first * b_cs, b_rs, b_cs, k, at.valid);
    }
    panel_shift(panel, words);
  }
}

static void pack_a(float *words, ptrdiff_t pitch, float *scale, const float *a, ptrdiff_t ld, int rows, int k) {
  for (int r = 0; r < rows; r++, words += pitch, a += ld) {
    float max = largest(a, 1, k);
    scale[r] = scale_of(max);
    quantize_run(words, a, k, factor_of(max), v_set_bits(OFFSET));
  }
}

const trm__product NAME(int8) = {.type = TRM_INT8,
                                 .unit = UNIT,
                                 .mr = MR,
                                 .nr = NR,
                                 .packed_size = packed_size,
                                 .pack_b = pack_b,
                                 .pack_a = pack_a,
                                 .scratch = SCRATCH,
                                 .gemm = multiply};
