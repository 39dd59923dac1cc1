/* Matrix product: B packed into panels of NR columns, A read where it lies, a tile of MR x NR sums at a time, and the
 * epilogue applied to the tile before it is stored. Each sum is one chain over p ascending. */
#include "kernels/ref/ref.h"

enum { MR = TRM__REF_MR, NR = TRM__REF_NR };

typedef trm__real tile_row[NR];

static int ceil_div(int a, int b) {
  return a / b + (a % b != 0);
}

size_t trm__ref_packed_size(int k, int n, int gate) {
  int panels = gate ? ceil_div(n / 2, NR / 2) : ceil_div(n, NR);
  return (size_t)k * (size_t)panels * NR;
}

void trm__ref_pack_b(trm__real *packed, const trm__real *b, ptrdiff_t b_rs, ptrdiff_t b_cs, int k, int n, int gate,
                     int p0, int p1) {
  for (int panel = p0; panel < p1; panel++) {
    trm__real *out = packed + (size_t)panel * (size_t)k * NR;
    for (int j = 0; j < NR; j++) {
      int column, valid;
      if (gate) {
        int gate_column = panel * (NR / 2) + j % (NR / 2);
        column = j < NR / 2 ? gate_column : n / 2 + gate_column;
        valid = gate_column < n / 2;
      } else {
        column = panel * NR + j;
        valid = column < n;
      }
      for (int p = 0; p < k; p++) out[(size_t)p * NR + (size_t)j] = valid ? b[p * b_rs + column * b_cs] : 0;
    }
  }
}

/* Rows of A that a tile stands for; rows past the last are the last again, and are not stored. */
static void tile_sums(tile_row sum[MR], const trm__gemm *g, const int row[MR], const trm__real *panel) {
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

/* act = silu(gate) * up. With round: gate and up are rounded first, then silu, then the product. */
static trm__real gated(trm__real gate, trm__real up, int round) {
  return trm__rounded(trm__rounded(gate * trm__sigmoid(gate), round) * up, round);
}

static void store_plain(const trm__gemm *g, tile_row sum[MR], int i0, int rows, int j0, int cols) {
  for (int i = 0; i < rows; i++) {
    trm__real *c = g->c + (i0 + i) * g->c_rs + j0;
    for (int j = 0; j < cols; j++) {
      trm__real s = sum[i][j];
      if (g->epilogue == TRM__EPI_ADD) s = c[j] + s;
      else if (g->epilogue == TRM__EPI_RESIDUAL)
        s = g->residual[(i0 + i) * g->residual_rs + j0 + j] + trm__rounded(s, g->round);
      c[j] = trm__rounded(s, g->round);
    }
  }
}

static void gemm_plain(const trm__gemm *g) {
  for (int j = g->n0; j < g->n1; j += NR) {
    const trm__real *panel = g->b + (size_t)(j / NR) * (size_t)g->k * NR;
    int cols = g->n1 - j < NR ? g->n1 - j : NR;
    for (int i = g->m0; i < g->m1; i += MR) {
      int row[MR], rows = g->m1 - i < MR ? g->m1 - i : MR;
      tile_row sum[MR];
      for (int r = 0; r < MR; r++) row[r] = i + (r < rows ? r : rows - 1);
      tile_sums(sum, g, row, panel);
      store_plain(g, sum, i, rows, j, cols);
    }
  }
}

/* Gates in the left half of the panel, ups in the right half. */
static void gemm_gate_n(const trm__gemm *g) {
  for (int j = g->n0; j < g->n1; j += NR / 2) {
    const trm__real *panel = g->b + (size_t)(j / (NR / 2)) * (size_t)g->k * NR;
    int cols = g->n1 - j < NR / 2 ? g->n1 - j : NR / 2;
    for (int i = g->m0; i < g->m1; i += MR) {
      int row[MR], rows = g->m1 - i < MR ? g->m1 - i : MR;
      tile_row sum[MR];
      for (int r = 0; r < MR; r++) row[r] = i + (r < rows ? r : rows - 1);
      tile_sums(sum, g, row, panel);
      for (int r = 0; r < rows; r++) {
        for (int q = 0; q < cols; q++) {
          trm__real gate = trm__rounded(sum[r][q], g->round), up = trm__rounded(sum[r][q + NR / 2], g->round);
          if (g->c) {
            g->c[(i + r) * g->c_rs + j + q] = gate;
            g->c[(i + r) * g->c_rs + g->n / 2 + j + q] = up;
          }
          g->act[(i + r) * g->act_rs + j + q] = gated(gate, up, g->round);
        }
      }
    }
  }
}

/* Gate rows in the upper half of the tile, their up rows in the lower half. */
static void gemm_gate_m(const trm__gemm *g) {
  for (int j = g->n0; j < g->n1; j += NR) {
    const trm__real *panel = g->b + (size_t)(j / NR) * (size_t)g->k * NR;
    int cols = g->n1 - j < NR ? g->n1 - j : NR;
    for (int i = g->m0; i < g->m1; i += MR / 2) {
      int row[MR], rows = g->m1 - i < MR / 2 ? g->m1 - i : MR / 2;
      tile_row sum[MR];
      for (int r = 0; r < MR / 2; r++) {
        row[r] = i + (r < rows ? r : rows - 1);
        row[r + MR / 2] = row[r] + g->m / 2;
      }
      tile_sums(sum, g, row, panel);
      for (int r = 0; r < rows; r++) {
        for (int q = 0; q < cols; q++) {
          trm__real gate = trm__rounded(sum[r][q], g->round), up = trm__rounded(sum[r + MR / 2][q], g->round);
          if (g->c) {
            g->c[(i + r) * g->c_rs + j + q] = gate;
            g->c[(i + r + g->m / 2) * g->c_rs + j + q] = up;
          }
          g->act[(i + r) * g->act_rs + j + q] = gated(gate, up, g->round);
        }
      }
    }
  }
}

void trm__ref_gemm(const trm__gemm *g) {
  if (g->epilogue == TRM__EPI_GATE_N) gemm_gate_n(g);
  else if (g->epilogue == TRM__EPI_GATE_M) gemm_gate_m(g);
  else gemm_plain(g);
}
