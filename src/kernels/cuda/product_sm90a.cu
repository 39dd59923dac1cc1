/* Matrix products in bf16 with wgmma, for sm_90a: two warpgroups, each 64 rows of the tile, copy both operands with
 * cp.async into the swizzled tiles that wgmma reads, and multiply the step before meanwhile.
 *
 * Tiles of 128 x 256 (one block a multiprocessor) read shared memory least: for 16 numbers of k 20 KiB by wgmma and
 * 12 KiB by the copies in 256 cycles of the tensor cores, just what shared memory moves. Tiles of 128 x 128 (two
 * blocks) need a quarter more of it, but one block's results are stored while the other multiplies: better where k is
 * small and the results are most of the bytes, as with gates (k = 512: 3 bytes of results for 1024 operations, so
 * that global memory and tensor cores are about even). */
#include "kernels/cuda/operand.cuh"
#include "kernels/cuda/product.cuh"
#include "kernels/cuda/wgmma.cuh"

namespace {

enum { BM = 128, BK = 64, THREADS = 256 };

/* STAGES in shared memory at once: one is multiplied, one may be still read, the others are on their way. */
template <int BN_, int STAGES_, int BLOCKS_> struct shape {
  enum {
    BN = BN_,
    STAGES = STAGES_,
    BLOCKS = BLOCKS_, /* a multiprocessor */
    NT = BN / 8,
    STAGE = (BM + BN) * BK * 2, /* bytes */
    FINISH = trm__finish<trm_bf16, BM, BN, THREADS>::BYTES,
    SHARED = STAGES * STAGE > (int)FINISH ? STAGES *STAGE : (int)FINISH
  };
};
typedef shape<128, 3, 2> wide128;
typedef shape<256, 4, 1> wide256;

template <class TILE> TRM_DEVICE uint64_t descriptor(uint32_t tile, int row, int ks) {
  if (TILE::INNER) return trm_wgmma_descriptor(tile + row * TILE::LINE + ks * 32, 16, 8 * TILE::LINE);
  return trm_wgmma_descriptor(tile + row / 64 * TILE::BLOCK + ks * 16 * TILE::LINE, TILE::BLOCK, 8 * TILE::LINE);
}

template <class S, trm__cuda_layout LA, trm__cuda_layout LB>
TRM_KERNEL __launch_bounds__(THREADS, S::BLOCKS) product_wgmma(trm__cuda_product p, trm__tiling t) {
  typedef trm__operand_tile<LA, BM, BK, THREADS> tile_a;
  typedef trm__operand_tile<LB, S::BN, BK, THREADS> tile_b;
  unsigned char *shared = trm_shared();
  uint32_t shared_at = trm_shared_address(shared);
  trm__place at = trm__place_of<BM, S::BN, BK>(p, t);
  tile_a a(p.a, at.m0, p.m);
  tile_b b(p.b, at.n0, p.n);
  int warp = (int)threadIdx.x / 32, group = warp / 4;
  int left = p.k - at.k0;                      /* of k, in the step to multiply */
  int k0 = at.k0, batch = at.first, ahead = 0; /* the next step to copy */
  float acc[1][S::NT][4] = {};
  trm_wgmma_flight flight;
  auto copy_next = [&]() {
    if (ahead < at.count) {
      unsigned char *stage = shared + ahead % S::STAGES * S::STAGE;
      a.copy(stage, k0, batch, p.k);
      b.copy(stage + tile_a::BYTES, k0, batch, p.k);
      k0 += BK;
      if (k0 >= p.k) k0 = 0, batch++;
      ahead++;
    }
    trm_copy_commit();
  };
  for (int s = 0; s < S::STAGES - 2; s++) copy_next();
  for (int step = 0; step < at.count; step++) {
    trm_copy_wait<S::STAGES - 3>();
    trm_proxy_fence();
    __syncthreads(); /* this step's tiles are there, and the step before last has been multiplied by both groups */
    uint32_t stage = shared_at + step % S::STAGES * S::STAGE;
    trm_wgmma_fence();
#pragma unroll
    for (int ks = 0; ks < BK / 16; ks++) {
      if (ks && 16 * ks >= left) break;
      trm_wgmma<!tile_a::INNER, !tile_b::INNER>(flight, acc[0], descriptor<tile_a>(stage, 64 * group, ks),
                                                descriptor<tile_b>(stage + tile_a::BYTES, 0, ks));
    }
    left = left > BK ? left - BK : p.k;
    trm_wgmma_commit(flight);
    copy_next();
    trm_wgmma_wait<1>(flight);
  }
  trm_wgmma_wait<0>(flight);
  trm_wgmma_settle(acc[0]);
  trm__finish<trm_bf16, BM, S::BN, THREADS>(p, at).template run<16>(t, acc, 64 * group + warp % 4 * 16, 0);
}

template <class S> void launch(trm__cuda_queue *q, const trm__cuda_product *p, int splits, float *partial) {
  trm__tiling t = trm__tiling_of(p, BM, S::BN, BK, splits, partial);
  void (*kernel[2][2])(trm__cuda_product, trm__tiling) = {
      {product_wgmma<S, TRM__CUDA_INNER, TRM__CUDA_INNER>, product_wgmma<S, TRM__CUDA_INNER, TRM__CUDA_OUTER>},
      {product_wgmma<S, TRM__CUDA_OUTER, TRM__CUDA_INNER>, product_wgmma<S, TRM__CUDA_OUTER, TRM__CUDA_OUTER>}};
  trm_launch_as(false, q, "product_wgmma", kernel[p->a.layout == TRM__CUDA_OUTER][p->b.layout == TRM__CUDA_OUTER],
                trm__tiling_grid(p, &t), THREADS, S::SHARED, *p, t);
}

/* Wide tiles when n fills them, there is one for every multiprocessor, and sums are long beside what is stored. */
int choose(const trm__cuda_queue *q, const trm__cuda_product *p, int splits) {
  trm__tiling t = trm__tiling_of(p, BM, wide256::BN, BK, splits, NULL);
  int64_t units = splits ? splits : p->batches, steps = (int64_t)t.steps * p->batches / units;
  bool full = (p->n - 1) % wide256::BN >= wide128::BN;
  return full && t.tiles * units >= q->sms && steps >= 12 ? TRM__WGMMA_256 : TRM__WGMMA_128;
}

} // namespace

void trm__cuda_product_wgmma(trm__cuda_queue *q, const trm__cuda_product *p, int splits, float *partial, int shape) {
  if ((shape >= 0 ? shape : choose(q, p, splits)) == TRM__WGMMA_256) launch<wide256>(q, p, splits, partial);
  else launch<wide128>(q, p, splits, partial);
}
