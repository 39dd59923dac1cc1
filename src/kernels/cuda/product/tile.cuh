/* Tiles of bf16 matrices in shared memory, 64 elements (128 bytes) a row, as tensor cores want them. Row r keeps its
 * eight 16-byte segments in the order c ^ (r % 8), so that the eight rows which one ldmatrix phase reads, and the eight
 * segments which one row's copy writes, lie in different banks. Tiles begin at multiples of 8 rows.
 *
 * Names follow c [16][8] += a [16][16] b [16][8]: "a" and "b" fragments of x [row][column], where b's sum runs along
 * the columns of x, and "bt", where it runs down the rows. */
#ifndef TRM_KERNELS_CUDA_PRODUCT_TILE_CUH
#define TRM_KERNELS_CUDA_PRODUCT_TILE_CUH

#include "kernels/cuda/device.cuh"

#define TRM_TILE_BYTES 128 /* of a row */

/* 16 bytes that travel together. */
struct alignas(16) trm_segment {
  uint32_t word[4];
};

TRM_DEVICE unsigned char *trm_tile_segment(unsigned char *tile, int row, int segment) {
  return tile + row * TRM_TILE_BYTES + ((segment ^ (row & 7)) << 4);
}
TRM_DEVICE const unsigned char *trm_tile_segment(const unsigned char *tile, int row, int segment) {
  return tile + row * TRM_TILE_BYTES + ((segment ^ (row & 7)) << 4);
}

/* Rows first .. first + rows - 1 of x [count][ld], 64 elements each, into a tile by all threads of the block; rows from
 * count on are zero. */
TRM_DEVICE void trm_tile_copy(unsigned char *tile, const trm_bf16 *x, ptrdiff_t ld, int first, int rows, int count) {
  for (int i = (int)threadIdx.x; i < 8 * rows; i += (int)blockDim.x) {
    int row = i >> 3, segment = i & 7;
    bool valid = first + row < count;
    const trm_bf16 *from = valid ? x + (first + row) * ld + 8 * segment : x;
    trm_copy16(trm_tile_segment(tile, row, segment), from, valid);
  }
}

/* A lane's place in the fragments below, to be combined with a step of 16 columns by an exclusive or: row and segment
 * of its address. Rows come in eights, so the swizzle is the lane's own. */
TRM_DEVICE int trm_tile_lane(int row, int segment) {
  return row * TRM_TILE_BYTES + ((segment ^ (row & 7)) << 4);
}

/* a: rows row..row+15, columns 16 step..16 step + 15. */
TRM_DEVICE void trm_tile_a(uint32_t a[4], const unsigned char *tile, int row, int step) {
  int lane = (int)threadIdx.x & 31, at = trm_tile_lane(lane & 15, lane >> 4);
  trm_ldmatrix(a, tile + row * TRM_TILE_BYTES + (at ^ (step << 5)));
}
/* b of rows row..row+7 in b[0..1], of row+8..row+15 in b[2..3]; the sum over columns 16 step..16 step + 15. */
TRM_DEVICE void trm_tile_b(uint32_t b[4], const unsigned char *tile, int row, int step) {
  int lane = (int)threadIdx.x & 31, at = trm_tile_lane((lane & 7) + ((lane >> 4) << 3), (lane >> 3) & 1);
  trm_ldmatrix(b, tile + row * TRM_TILE_BYTES + (at ^ (step << 5)));
}
/* b of columns 16 pair..+7 in b[0..1], of the next eight in b[2..3]; the sum over rows row..row+15. */
TRM_DEVICE void trm_tile_bt(uint32_t b[4], const unsigned char *tile, int row, int pair) {
  int lane = (int)threadIdx.x & 31, at = trm_tile_lane(lane & 15, lane >> 4);
  trm_ldmatrix_t(b, tile + row * TRM_TILE_BYTES + (at ^ (pair << 5)));
}

/* Two neighbouring sums c [16][8], c [16][8], rounded, are an a of [16][16]. */
TRM_DEVICE void trm_tile_a_of_sums(uint32_t a[4], const float left[4], const float right[4]) {
  a[0] = trm_pack_bf16(left[0], left[1]);
  a[1] = trm_pack_bf16(left[2], left[3]);
  a[2] = trm_pack_bf16(right[0], right[1]);
  a[3] = trm_pack_bf16(right[2], right[3]);
}

/* The four lanes of a quad hold w[0..3] each; afterwards lane t's w[i] is what lane i had in w[t]. */
TRM_DEVICE void trm_quad_transpose(uint32_t w[4]) {
  unsigned lane = threadIdx.x & 31;
#pragma unroll
  for (unsigned step = 1; step <= 2; step *= 2) {
    bool upper = lane & step;
#pragma unroll
    for (unsigned i = 0; i < 4; i++) {
      if (i & step) continue;
      uint32_t got = __shfl_xor_sync(0xffffffffu, upper ? w[i] : w[i + step], (int)step);
      if (upper) w[i] = got;
      else w[i + step] = got;
    }
  }
}

/* Sums c [16][64] times scale, rounded, to rows row..row+15 of to [count][ld] as 16-byte stores; rows from count on are
 * left out. */
TRM_DEVICE void trm_tile_store(trm_bf16 *to, ptrdiff_t ld, int row, int count, const float (&c)[8][4], float upper,
                               float lower) {
  int lane = (int)threadIdx.x & 31;
#pragma unroll
  for (int part = 0; part < 2; part++) {
    int at = row + (lane >> 2) + 8 * part;
    float scale = part ? lower : upper;
#pragma unroll
    for (int side = 0; side < 2; side++) {
      trm_segment segment;
#pragma unroll
      for (int i = 0; i < 4; i++)
        segment.word[i] = trm_pack_bf16(c[4 * side + i][2 * part] * scale, c[4 * side + i][2 * part + 1] * scale);
      trm_quad_transpose(segment.word);
      if (at < count) *(trm_segment *)(to + at * ld + 32 * side + 8 * (lane & 3)) = segment;
    }
  }
}

#endif
