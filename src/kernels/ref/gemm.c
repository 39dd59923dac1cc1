/* Matrix products: B packed into panels of NR columns, A read where it lies, a tile of MR x NR sums at a time, and the
 * epilogue applied to the tile before it is stored. Each sum is one chain over p ascending. The data types differ in
 * how a tile's sums are made (`tile_fn`) and in how numbers become words (product.c); everything else is the same. */
#include "kernels/ref/ref.h"

enum { MR = TRM__REF_MR, NR = TRM__REF_NR };

typedef trm__real tile_row[NR];

/* The sums of rows row[] of A and the columns of one panel. Rows past the last are the last again, and are not stored.
 */
typedef void (*tile_fn)(tile_row sum[MR], const trm__gemm *g, const int row[MR], const trm__real *panel);

static void ref_tile_f32(tile_row sum[MR], const trm__gemm *g, const int row[MR], const trm__real *panel) {
  const trm__real *a0 = g->a + row[0] * g->a_rs, *a1 = g->a + row[1] * g->a_rs;
  const trm__real *a2 = g->a + row[2] * g->a_rs, *a3 = g->a + row[3] * g->a_rs;
  tile_row s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
  for (int p = 0; p < g->k; p++, panel += NR) {
    ptrdiff_t at = p * g->a_cs;
    trm__real v0 = a0[at], v1 = a1[at], v2 = a2[at], v3 = a3[at];
    for (int j = 0; j < NR; j++) s0[j] += v0 * panel[j];
    for (int j = 0; j < NR; j++) s1[j] += v1 * panel[j];
    for (int j = 0; j < NR; j++) s2[j] += v2 * panel[j];
    for (int j = 0; j < NR; j++) s3[j] += v3 * panel[j];
  }
  memcpy(sum[0], s0, sizeof s0);
  memcpy(sum[1], s1, sizeof s1);
  memcpy(sum[2], s2, sizeof s2);
  memcpy(sum[3], s3, sizeof s3);
}

#ifndef TRM_DOUBLE
static void ref_tile_bf16(tile_row sum[MR], const trm__gemm *g, const int row[MR], const trm__real *panel) {
  memset(sum, 0, MR * sizeof *sum);
  for (int p = 0; p < g->k; p++, panel += NR) {
    for (int r = 0; r < MR; r++) {
      trm__ref_pair a = trm__ref_pair_of(g->a + row[r] * g->a_rs + p * g->a_cs);
      for (int j = 0; j < NR; j++) {
        trm__ref_pair b = trm__ref_pair_of(panel + j);
        sum[r][j] += a.low * b.low;
        sum[r][j] += a.high * b.high;
      }
    }
  }
}

static void ref_tile_int8(tile_row sum[MR], const trm__gemm *g, const int row[MR], const trm__real *panel) {
  int32_t whole[MR][NR] = {{0}};
  for (int p = 0; p < g->k; p++, panel += NR) {
    for (int r = 0; r < MR; r++) {
      int8_t a[4], b[4];
      memcpy(a, g->a + row[r] * g->a_rs + p * g->a_cs, sizeof a);
      for (int j = 0; j < NR; j++) {
        memcpy(b, panel + j, sizeof b);
        for (int e = 0; e < 4; e++) whole[r][j] += a[e] * b[e];
      }
    }
  }
  const trm__real *scale = panel;
  for (int r = 0; r < MR; r++)
    for (int j = 0; j < NR; j++) sum[r][j] = (trm__real)whole[r][j] * (g->a_scale[row[r]] * scale[j]);
}
#endif

/* act = silu(gate) * up. With round: gate and up are rounded first, then silu, then the product. */
static trm__real ref_gated(trm__real gate, trm__real up, int round) {
  return trm__rounded(trm__rounded(gate * trm__sigmoid(gate), round) * up, round);
}

static void ref_store_plain(const trm__gemm *g, tile_row sum[MR], int i0, int rows, int j0, int cols) {
  for (int i = 0; i < rows; i++) {
    trm__real *c = g->c + (i0 + i) * g->c_rs + j0;
    for (int j = 0; j < cols; j++) {
      trm__real s = sum[i][j];
      if (g->epilogue == TRM__EPI_ADD) s = c[j] + s;
      else if (g->epilogue == TRM__EPI_RESIDUAL) {
        if (g->row_scale) s *= g->row_scale[i0 + i];
        if (g->col_scale) s *= g->col_scale[j0 + j];
        s = g->residual[(i0 + i) * g->residual_rs + j0 + j] + trm__rounded(s, g->round);
      }
      c[j] = trm__rounded(s, g->round);
    }
  }
}

/* One gate and its up: to c [.. + up_at further on], when it is wanted, and their product to act. */
static void ref_store_gated(const trm__gemm *g, trm__real gate, trm__real up, ptrdiff_t i, ptrdiff_t j,
                            ptrdiff_t up_at) {
  gate = trm__rounded(gate, g->round);
  up = trm__rounded(up, g->round);
  if (g->c) {
    g->c[i * g->c_rs + j] = gate;
    g->c[i * g->c_rs + j + up_at] = up;
  }
  g->act[i * g->act_rs + j] = ref_gated(gate, up, g->round);
}

/* Gates in the left half of the panel, ups in the right half. */
static void ref_store_gate_n(const trm__gemm *g, tile_row sum[MR], int i0, int rows, int j0, int cols) {
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++) ref_store_gated(g, sum[i][j], sum[i][j + NR / 2], i0 + i, j0 + j, g->n / 2);
}

/* Gate rows in the upper half of the tile, their up rows in the lower half. */
static void ref_store_gate_m(const trm__gemm *g, tile_row sum[MR], int i0, int rows, int j0, int cols) {
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++)
      ref_store_gated(g, sum[i][j], sum[i + MR / 2][j], i0 + i, j0 + j, g->m / 2 * g->c_rs);
}

static void ref_multiply(const trm__gemm *g, tile_fn sums, int tail) {
  int gate_n = g->epilogue == TRM__EPI_GATE_N, gate_m = g->epilogue == TRM__EPI_GATE_M;
  int width = gate_n ? NR / 2 : NR, height = gate_m ? MR / 2 : MR;
  for (int j = g->n0; j < g->n1; j += width) {
    const trm__real *panel = g->b + (size_t)(j / width) * (size_t)(g->k + tail) * NR;
    int cols = g->n1 - j < width ? g->n1 - j : width;
    for (int i = g->m0; i < g->m1; i += height) {
      int row[MR], rows = g->m1 - i < height ? g->m1 - i : height;
      tile_row sum[MR];
      for (int r = 0; r < MR; r++) {
        int at = r % height;
        row[r] = i + (at < rows ? at : rows - 1) + (gate_m && r >= height ? g->m / 2 : 0);
      }
      sums(sum, g, row, panel);
      if (gate_n) ref_store_gate_n(g, sum, i, rows, j, cols);
      else if (gate_m) ref_store_gate_m(g, sum, i, rows, j, cols);
      else ref_store_plain(g, sum, i, rows, j, cols);
    }
  }
}

void trm__ref_gemm(const trm__gemm *g) {
  ref_multiply(g, ref_tile_f32, 0);
}

#ifndef TRM_DOUBLE
void trm__ref_gemm_bf16(const trm__gemm *g) {
  ref_multiply(g, ref_tile_bf16, 0);
}

void trm__ref_gemm_int8(const trm__gemm *g) {
  ref_multiply(g, ref_tile_int8, TRM__REF_INT8_TAIL);
}
#endif
