/* Tiles of bf16 operands in shared memory, for the tensor cores: how they lie there, and how a block copies them.
 *
 * A tile is ROWS rows (of m or n) by BK numbers of the sum. It is kept as it comes: lines along memory, which is along
 * k (INNER) or along rows (OUTER), in segments of 16 bytes. Eight segments make a line of 128 bytes, wider tiles are
 * several blocks of such lines one after the other, and the segments of a line change places with its number (exclusive
 * or), so that eight lines' segments of one column are in different banks: ldmatrix and the copies have no conflicts.
 * With lines of 128 bytes this is also the 128-byte swizzle of wgmma's descriptors. */
#ifndef TRM_KERNELS_CUDA_PRODUCT_OPERAND_CUH
#define TRM_KERNELS_CUDA_PRODUCT_OPERAND_CUH

#include "kernels/cuda/device.cuh"

template <trm__cuda_layout LAYOUT, int ROWS, int BK, int THREADS> struct trm__operand_tile {
  enum {
    INNER = LAYOUT == TRM__CUDA_INNER,
    LINES = INNER ? ROWS : BK,
    SEGMENTS = (INNER ? BK : ROWS) / 8,
    WIDTH = SEGMENTS < 8 ? SEGMENTS : 8, /* segments of a line in shared memory */
    LINE = WIDTH * 16,                   /* bytes */
    BLOCK = LINES * LINE,                /* bytes of one block of lines */
    BYTES = ROWS * BK * 2,
    STEP = THREADS / SEGMENTS, /* lines that the block copies at once */
    EACH = LINES / STEP
  };
  static_assert(SEGMENTS == 4 || SEGMENTS % 8 == 0, "lines are 64 bytes or whole 128 bytes");
  static_assert(THREADS % SEGMENTS == 0 && STEP % 8 == 0 && LINES % STEP == 0, "a thread's segments are alike");

  const trm_bf16 *x; /* the tile's first row */
  ptrdiff_t ld, batch;
  int rows, line, segment; /* rows from the tile's first on; this thread's first segment */
  int offset_in_tile;

  TRM_METHOD trm__operand_tile(const trm__cuda_operand &o, int r0, int all)
      : x((const trm_bf16 *)o.x + (INNER ? r0 * o.ld : (ptrdiff_t)r0)), ld(o.ld), batch(o.batch), rows(all - r0) {
    line = (int)threadIdx.x / SEGMENTS;
    segment = (int)threadIdx.x % SEGMENTS;
    offset_in_tile = offset(line, segment);
  }

  static TRM_METHOD int offset(int at_line, int at_segment) {
    int turn = WIDTH == 8 ? at_line & 7 : (at_line >> 1) & 3;
    return at_segment / WIDTH * BLOCK + at_line * LINE + ((at_segment % WIDTH) ^ turn) * 16;
  }

  /* Starts this thread's copies of the step at k0. What is outside becomes zero, to the element. */
  TRM_METHOD void copy(unsigned char *tile, int k0, int at_batch, int k) const {
    int across = (INNER ? k - k0 : rows) - 8 * segment, along = INNER ? rows : k - k0;
    int bytes = across >= 8 ? 16 : across > 0 ? 2 * across : 0;
    const trm_bf16 *from = x + at_batch * batch + (INNER ? line * ld + k0 : (k0 + line) * ld) + 8 * segment;
    unsigned char *to = tile + offset_in_tile;
#pragma unroll
    for (int e = 0; e < EACH; e++) {
      int valid = line + e * STEP < along ? bytes : 0;
      trm_copy16_first(to + e * STEP * LINE, valid ? from + e * STEP * ld : x, valid);
    }
  }

  /* Four 8x8 matrices, rows row.. and row + 8.., k 16*ks.. and + 8; lanes whose up_row is set address the lower eight
   * rows' matrices, up_k those of the upper eight k. As a operand of mma: up_row lane bit 3, up_k lane bit 4; as two b
   * operands, columns row.. and row + 8..: the other way round. */
  static TRM_METHOD void fragment(uint32_t r[4], const unsigned char *tile, int row, int ks, int up_row, int up_k) {
    int eighth = (int)threadIdx.x & 7;
    if (INNER) trm_ldmatrix(r, tile + offset(row + 8 * up_row + eighth, 2 * ks + up_k));
    else trm_ldmatrix_t(r, tile + offset(16 * ks + 8 * up_k + eighth, row / 8 + up_row));
  }
};

#endif
