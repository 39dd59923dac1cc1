/* Matrix products of any type and alignment with ordinary multiplications in fp32: the fp32 forward type, and bf16
 * operands that the tensor cores' loads cannot take. A block has 64 x 128 sums in eight warps of 32 x 32; operands go
 * through shared memory with k outside, converted to fp32, the next step's numbers waiting in registers meanwhile.
 * Bound by the multiplications (64 for 12 words of shared memory a thread and step), and by scalar loads for small k.
 */
#include "kernels/cuda/product/product.cuh"

namespace {

enum { BM = 64, BN = 128, BK = 8, THREADS = 256 };

/* ROWS x BK elements of an operand: THREADS threads take them one by one along memory. */
template <class T, int ROWS> struct operand {
  enum { EACH = ROWS * BK / THREADS, PITCH = ROWS + 4, FLOATS = BK * PITCH };
  const T *x;
  ptrdiff_t ld, batch;
  int rows; /* from the tile's first on */
  bool inner;
  float held[EACH];

  TRM_METHOD operand(const trm__cuda_operand &o, int r0, int all)
      : x((const T *)o.x + (o.layout == TRM__CUDA_INNER ? r0 * o.ld : (ptrdiff_t)r0)), ld(o.ld), batch(o.batch),
        rows(all - r0), inner(o.layout == TRM__CUDA_INNER) {}
  TRM_METHOD void where(int e, int *row, int *p) const {
    int q = (int)threadIdx.x + e * THREADS;
    *row = inner ? q / BK : q % ROWS;
    *p = inner ? q % BK : q / ROWS;
  }
  TRM_METHOD void fetch(int k0, int at_batch, int k) {
    const T *from = x + at_batch * batch;
#pragma unroll
    for (int e = 0; e < EACH; e++) {
      int row, p;
      where(e, &row, &p);
      bool inside = row < rows && k0 + p < k;
      held[e] = inside ? trm_to_float(from[inner ? row * ld + k0 + p : (k0 + p) * ld + row]) : 0.0f;
    }
  }
  TRM_METHOD void place(float *shared) const {
#pragma unroll
    for (int e = 0; e < EACH; e++) {
      int row, p;
      where(e, &row, &p);
      shared[p * PITCH + row] = held[e];
    }
  }
};

template <int MT, int NT>
TRM_DEVICE void multiply_step(float (&acc)[MT][NT][4], const float *a, const float *b, int a_pitch, int b_pitch) {
#pragma unroll
  for (int p = 0; p < BK; p++, a += a_pitch, b += b_pitch) {
    float x[MT][2], y[NT][2];
#pragma unroll
    for (int i = 0; i < MT; i++) x[i][0] = a[16 * i], x[i][1] = a[16 * i + 8];
#pragma unroll
    for (int j = 0; j < NT; j++) {
      float2 two = *(const float2 *)(b + 8 * j);
      y[j][0] = two.x, y[j][1] = two.y;
    }
#pragma unroll
    for (int i = 0; i < MT; i++)
#pragma unroll
      for (int j = 0; j < NT; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) acc[i][j][e] += x[i][e >> 1] * y[j][e & 1];
  }
}

template <class T> TRM_KERNEL __launch_bounds__(THREADS, 2) product_plain(trm__cuda_product p, trm__tiling t) {
  typedef operand<T, BM> operand_a;
  typedef operand<T, BN> operand_b;
  float *tile_a = (float *)trm_shared(), *tile_b = tile_a + operand_a::FLOATS;
  trm__place at = trm__place_of<BM, BN, BK>(p, t, (int)blockIdx.x);
  operand_a a(p.a, at.m0, p.m);
  operand_b b(p.b, at.n0, p.n);
  int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;
  int row0 = warp / 4 * 32, col0 = warp % 4 * 32, k0 = at.k0, batch = at.first;
  float acc[2][4][4] = {};
  a.fetch(k0, batch, p.k);
  b.fetch(k0, batch, p.k);
  for (int step = 0; step < at.count; step++) {
    __syncthreads();
    a.place(tile_a);
    b.place(tile_b);
    __syncthreads();
    k0 += BK;
    if (k0 >= p.k) k0 = 0, batch++;
    if (step + 1 < at.count) {
      a.fetch(k0, batch, p.k);
      b.fetch(k0, batch, p.k);
    }
    multiply_step(acc, tile_a + row0 + lane / 4, tile_b + col0 + lane % 4 * 2, operand_a::PITCH, operand_b::PITCH);
  }
  trm__finish<T, BM, BN, THREADS>(p, at, trm_shared()).template run<16>(t, acc, row0, col0);
}

template <class T>
void product_plain_launch(trm__cuda_queue *q, const trm__cuda_product *p, int splits, float *partial) {
  trm__tiling t = trm__tiling_of(p, BM, BN, BK, splits, partial);
  size_t operands = (operand<T, BM>::FLOATS + operand<T, BN>::FLOATS) * sizeof(float);
  size_t stage = trm__finish<T, BM, BN, THREADS>::BYTES;
  trm_launch_as(false, q, "product_plain", product_plain<T>, trm__tiling_grid(p, &t), THREADS,
                operands > stage ? operands : stage, *p, t);
}

} // namespace

void trm__cuda_product_plain(trm__cuda_queue *q, const trm__cuda_product *p, int splits, float *partial) {
  if (p->type == TRM_BFLOAT16) product_plain_launch<trm_bf16>(q, p, splits, partial);
  else product_plain_launch<float>(q, p, splits, partial);
}
