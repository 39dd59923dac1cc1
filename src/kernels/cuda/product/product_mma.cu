/* Matrix products in bf16 with mma.sync, from sm_80 on: a block copies tiles of both operands through shared memory,
 * several steps ahead (cp.async), and each warp multiplies its part of the tile.
 *
 * Four shapes for the number of tiles a product has. LARGE makes 128 x 128 sums in four warps of 64 x 64, two blocks a
 * multiprocessor: for 16 elements of k a warp reads 4 KiB of shared memory in 8 ldmatrix for 32 mma, so that shared
 * memory is busy for three quarters of the time that the tensor cores take, and those are the bound while k is large
 * (with k = 512 and gates stored, global memory is about as much of one). SMALL, FLAT and TINY are for few rows, where
 * the time of one block's chain of steps is all there is: more blocks, and steps of 64 to wait less often. FLAT has
 * 128 columns, for what needs them in one block. All sum in the same order, so that the choice does not show. */
#include "kernels/cuda/product/operand.cuh"
#include "kernels/cuda/product/product.cuh"

namespace {

/* BM x BN sums of a block, in steps of BK, STAGES in shared memory at once; WM x WN sums of a warp. */
template <int BM_, int BN_, int BK_, int STAGES_, int WM_, int WN_> struct shape {
  enum {
    BM = BM_,
    BN = BN_,
    BK = BK_,
    STAGES = STAGES_,
    WM = WM_,
    WN = WN_,
    MT = WM / 16,
    NT = WN / 8,
    THREADS = BM / WM * (BN / WN) * 32,
    STAGE = (BM + BN) * BK * 2, /* bytes */
    SHARED = STAGES * STAGE > trm__finish<trm_bf16, BM, BN, THREADS>::BYTES
                 ? STAGES *STAGE
                 : trm__finish<trm_bf16, BM, BN, THREADS>::BYTES
  };
};
typedef shape<128, 128, 32, 3, 64, 64> large;
typedef shape<64, 64, 64, 4, 32, 32> small;
typedef shape<32, 128, 64, 3, 16, 64> flat;
typedef shape<32, 32, 64, 4, 16, 16> tiny;

/* The operands of one k16 of a warp. */
template <class S> struct fragments { uint32_t a[S::MT][4], b[S::NT / 2][4]; };

template <class S, class A, class B>
TRM_DEVICE void load(fragments<S> &f, const unsigned char *stage, int row0, int col0, int ks) {
  int bit3 = (int)threadIdx.x >> 3 & 1, bit4 = (int)threadIdx.x >> 4 & 1;
#pragma unroll
  for (int i = 0; i < S::MT; i++) A::fragment(f.a[i], stage, row0 + 16 * i, ks, bit3, bit4);
#pragma unroll
  for (int j = 0; j < S::NT / 2; j++) B::fragment(f.b[j], stage + A::BYTES, col0 + 16 * j, ks, bit4, bit3);
}

template <class S> TRM_DEVICE void multiply(float (&acc)[S::MT][S::NT][4], const fragments<S> &f) {
#pragma unroll
  for (int i = 0; i < S::MT; i++)
#pragma unroll
    for (int j = 0; j < S::NT; j++) trm_mma(acc[i][j], f.a[i], f.b[j / 2] + j % 2 * 2);
}

/* One step, of which `left` numbers of k are not zeros: the fragments of the next k16 are under way while this one's
 * are multiplied. */
template <class S, class A, class B>
TRM_DEVICE void multiply_step(float (&acc)[S::MT][S::NT][4], const unsigned char *stage, int row0, int col0, int left) {
  fragments<S> f[2];
  load<S, A, B>(f[0], stage, row0, col0, 0);
#pragma unroll
  for (int ks = 0; ks < S::BK / 16; ks++) {
    if (ks && 16 * ks >= left) break;
    if (ks + 1 < S::BK / 16) load<S, A, B>(f[(ks + 1) & 1], stage, row0, col0, ks + 1);
    multiply<S>(acc, f[ks & 1]);
  }
}

template <class S, trm__cuda_layout LA, trm__cuda_layout LB>
TRM_KERNEL __launch_bounds__(S::THREADS, 2) product_mma(trm__cuda_product p, trm__tiling t) {
  typedef trm__operand_tile<LA, S::BM, S::BK, S::THREADS> tile_a;
  typedef trm__operand_tile<LB, S::BN, S::BK, S::THREADS> tile_b;
  unsigned char *shared = trm_shared();
  trm__place at = trm__place_of<S::BM, S::BN, S::BK>(p, t, (int)blockIdx.x);
  tile_a a(p.a, at.m0, p.m);
  tile_b b(p.b, at.n0, p.n);
  int warp = (int)threadIdx.x / 32;
  int row0 = warp / (S::BN / S::WN) * S::WM, col0 = warp % (S::BN / S::WN) * S::WN;
  int left = p.k - at.k0;                      /* of k, in the step to multiply */
  int k0 = at.k0, batch = at.first, ahead = 0; /* the next step to copy */
  float acc[S::MT][S::NT][4] = {};
  auto copy_next = [&]() {
    if (ahead < at.count) {
      unsigned char *stage = shared + ahead % S::STAGES * S::STAGE;
      a.copy(stage, k0, batch, p.k);
      b.copy(stage + tile_a::BYTES, k0, batch, p.k);
      k0 += S::BK;
      if (k0 >= p.k) k0 = 0, batch++;
      ahead++;
    }
    trm_copy_commit();
  };
  for (int s = 0; s < S::STAGES - 1; s++) copy_next();
  for (int step = 0; step < at.count; step++) {
    trm_copy_wait<S::STAGES - 2>();
    __syncthreads(); /* all see this step's tiles, and all have done with the stage that is filled next */
    copy_next();
    multiply_step<S, tile_a, tile_b>(acc, shared + step % S::STAGES * S::STAGE, row0, col0, left);
    left = left > S::BK ? left - S::BK : p.k;
  }
  trm__finish<trm_bf16, S::BM, S::BN, S::THREADS>(p, at, trm_shared()).template run<16>(t, acc, row0, col0);
}

template <class S> void product_mma_launch(trm__cuda_queue *q, const trm__cuda_product *p, int splits, float *partial) {
  trm__tiling t = trm__tiling_of(p, S::BM, S::BN, S::BK, splits, partial);
  void (*kernel[2][2])(trm__cuda_product, trm__tiling) = {
      {product_mma<S, TRM__CUDA_INNER, TRM__CUDA_INNER>, product_mma<S, TRM__CUDA_INNER, TRM__CUDA_OUTER>},
      {product_mma<S, TRM__CUDA_OUTER, TRM__CUDA_INNER>, product_mma<S, TRM__CUDA_OUTER, TRM__CUDA_OUTER>}};
  trm_launch_as(false, q, "product_mma", kernel[p->a.layout == TRM__CUDA_OUTER][p->b.layout == TRM__CUDA_OUTER],
                trm__tiling_grid(p, &t), S::THREADS, S::SHARED, *p, t);
}

template <class S> long blocks(const trm__cuda_product *p) {
  trm__tiling t = trm__tiling_of(p, S::BM, S::BN, S::BK, 0, NULL);
  return (long)t.tiles * p->batches;
}

/* Weight gradients always have LARGE tiles: splits make up for few of them, and are cut by its steps. */
int choose(const trm__cuda_queue *q, const trm__cuda_product *p, int splits) {
  int wide = p->epilogue == TRM__CUDA_RESIDUAL_NORM_T || (p->epilogue == TRM__CUDA_GATE && p->squares);
  if (splits || blocks<large>(p) >= q->sms) return TRM__MMA_LARGE;
  if (wide) return TRM__MMA_FLAT;
  return blocks<small>(p) >= q->sms / 2 ? TRM__MMA_SMALL : TRM__MMA_TINY;
}

} // namespace

void trm__cuda_product_mma(trm__cuda_queue *q, const trm__cuda_product *p, int splits, float *partial, int shape) {
  switch (shape >= 0 ? shape : choose(q, p, splits)) {
  case TRM__MMA_LARGE:
    product_mma_launch<large>(q, p, splits, partial);
    break;
  case TRM__MMA_SMALL:
    product_mma_launch<small>(q, p, splits, partial);
    break;
  case TRM__MMA_FLAT:
    product_mma_launch<flat>(q, p, splits, partial);
    break;
  default:
    product_mma_launch<tiny>(q, p, splits, partial);
    break;
  }
}
