/* What a warp does together: shuffles, votes, and the tensor cores' loads and products, laid out as in the PTX manual.
 * Lane l of a warp has row l / 4 and columns 2 (l % 4) and the next of an 8x8 matrix. */
#include "kernels/cuda/cuda.h"

#include "emulate.h"

namespace trm {

namespace {

struct shuffle_payload {
  uint64_t value, result;
  int source;
};

struct vote_payload {
  int predicate;
  uint32_t result;
};

struct ldmatrix_payload {
  uint32_t *r;
  const void *row;
};

struct mma_payload {
  float *c;
  const uint32_t *a, *b;
};

void shuffle_all(shuffle_payload **p, int count) {
  for (int i = 0; i < count; i++) {
    int source = p[i]->source;
    p[i]->result = source >= 0 && source < count ? p[source]->value : p[i]->value;
  }
}

void vote_all(vote_payload **p, int count) {
  uint32_t bits = 0;
  for (int i = 0; i < count; i++) bits |= (uint32_t)(p[i]->predicate != 0) << i;
  for (int i = 0; i < count; i++) p[i]->result = bits;
}

template <bool transposed> void ldmatrix_all(ldmatrix_payload **p, int count) {
  if (count != 32) fail("ldmatrix by a warp of %d threads", count);
  for (int matrix = 0; matrix < 4; matrix++) {
    uint16_t x[8][8];
    for (int row = 0; row < 8; row++) memcpy(x[row], p[8 * matrix + row]->row, 16);
    for (int lane = 0; lane < 32; lane++) {
      int row = lane / 4, col = lane % 4 * 2;
      uint32_t low = transposed ? x[col][row] : x[row][col], high = transposed ? x[col + 1][row] : x[row][col + 1];
      p[lane]->r[matrix] = low | high << 16;
    }
  }
}

typedef float four __attribute__((vector_size(16), may_alias));

/* Register r of A: rows lane / 4 and, for odd r, 8 more; columns 2 (lane % 4) and, for r >= 2, 8 more. */
void mma_all(mma_payload **p, int count) {
  float a[16][16];
  alignas(16) float b[16][8], c[16][8];
  if (count != 32) fail("mma by a warp of %d threads", count);
  for (int lane = 0; lane < 32; lane++) {
    int row = lane / 4, col = lane % 4 * 2;
    mma_payload l = *p[lane];
    for (int r = 0; r < 4; r++) {
      float *at = &a[row + r % 2 * 8][col + r / 2 * 8];
      at[0] = trm_low_float(l.a[r]);
      at[1] = trm_high_float(l.a[r]);
    }
    for (int r = 0; r < 2; r++) {
      b[col + r * 8][row] = trm_low_float(l.b[r]);
      b[col + r * 8 + 1][row] = trm_high_float(l.b[r]);
    }
    for (int r = 0; r < 2; r++) memcpy(&c[row + r * 8][col], l.c + 2 * r, 8);
  }
  for (int i = 0; i < 16; i++) {
    four *sum = (four *)c[i], low = sum[0], high = sum[1];
    for (int k = 0; k < 16; k++) {
      const four *with = (const four *)b[k];
      four x = {a[i][k], a[i][k], a[i][k], a[i][k]};
      low += x * with[0];
      high += x * with[1];
    }
    sum[0] = low;
    sum[1] = high;
  }
  for (int lane = 0; lane < 32; lane++)
    for (int r = 0; r < 2; r++) memcpy(p[lane]->c + 2 * r, &c[lane / 4 + r * 8][lane % 4 * 2], 8);
}

void whole(unsigned mask) {
  if (mask != 0xffffffffu) fail("a shuffle or vote with mask %#x: only whole warps may", mask);
}

} /* namespace */

uint64_t shuffle(uint64_t value, int source, unsigned mask) {
  shuffle_payload p = {value, 0, source};
  whole(mask);
  collect(32, &p, shuffle_all, "a shuffle");
  return p.result;
}

uint32_t ballot(unsigned mask, int predicate) {
  vote_payload p = {predicate, 0};
  whole(mask);
  collect(32, &p, vote_all, "a vote or __syncwarp");
  return p.result;
}

void ldmatrix(uint32_t r[4], const void *row, bool transposed) {
  ldmatrix_payload p = {r, row};
  check_shared(row, 16, 16, "ldmatrix");
  collect(32, &p, transposed ? ldmatrix_all<true> : ldmatrix_all<false>, "ldmatrix");
}

void mma(float c[4], const uint32_t a[4], const uint32_t b[2]) {
  mma_payload p = {c, a, b};
  collect(32, &p, mma_all, "mma");
}

} /* namespace trm */
