/* Matrix products in bf16 with wgmma, for sm_90a: two warpgroups, each 64 rows of the tile, copy both operands with
 * cp.async into the swizzled tiles that wgmma reads, and multiply the step before meanwhile.
 *
 * Tiles of 128 x 256 (one block a multiprocessor) read memory least: for 64 elements of k they copy 48 KiB in 1024
 * cycles of the tensor cores, which is more than the L2 cache gives all multiprocessors at once for long: that and the
 * tensor cores are the bound. So there have to be copies under way at all times, and more bytes than a transfer of 48
 * per cycle leaves behind in the latency of some 700 to 1000 cycles: 34 to 48 KB. STREAM's steps are of 32 elements,
 * with 72 KiB under way at a step's beginning and 96 KiB after it; steps of 64 would leave room for one copy that is
 * waited for.
 *
 * STREAM gives a block one such tile after the other: while the first steps of a tile are multiplied, the results of
 * the tile before leave the stage, a few at each step, so that with k = 512, where gates make as much work for global
 * memory as for the tensor cores (3 bytes of results for 1024 operations), both have work at all times; and copies are
 * never without work either. Tiles of 128 x 128 (two blocks) are for what the others do not take: few columns, short
 * sums (bound by bytes alone; up to k = 128 is copied at once before the first product) and norms. */
#include "kernels/cuda/product/operand.cuh"
#include "kernels/cuda/product/product.cuh"
#include "kernels/cuda/product/wgmma.cuh"

namespace {

enum { BM = 128, THREADS = 256 };

/* STAGES in shared memory at once: one is multiplied, one may be still read, the others are on their way. */
template <int BN_, int BK_, int STAGES_, int BLOCKS_, bool STREAM_> struct shape {
  enum {
    BN = BN_,
    BK = BK_,
    STAGES = STAGES_,
    BLOCKS = BLOCKS_, /* a multiprocessor */
    STREAM = STREAM_, /* results have shared memory of their own */
    NT = BN / 8,
    STAGE = (BM + BN) * BK * 2, /* bytes */
    OPERANDS = STAGES * STAGE,
    FINISH = trm__finish<trm_bf16, BM, BN, THREADS>::BYTES,
    SHARED = STREAM                   ? OPERANDS + (int)FINISH
             : OPERANDS > (int)FINISH ? OPERANDS
                                      : (int)FINISH
  };
};
typedef shape<128, 32, 6, 2, false> wide128;
typedef shape<256, 64, 4, 1, false> wide256;
typedef shape<256, 32, 6, 1, true> stream256;

template <class TILE> TRM_DEVICE uint64_t descriptor(uint32_t tile, int row, int ks) {
  if (TILE::INNER) return trm_wgmma_descriptor(tile + row * TILE::LINE + ks * 32, 16, 8 * TILE::LINE, TILE::LINE);
  return trm_wgmma_descriptor(tile + row / 64 * TILE::BLOCK + ks * 16 * TILE::LINE, TILE::BLOCK, 8 * TILE::LINE);
}

/* The steps of a block's tiles: copied ahead, multiplied one after the other. */
template <class S, trm__cuda_layout LA, trm__cuda_layout LB> struct steps {
  typedef trm__operand_tile<LA, BM, S::BK, THREADS> tile_a;
  typedef trm__operand_tile<LB, S::BN, S::BK, THREADS> tile_b;

  const trm__cuda_product &p;
  const trm__tiling &t;
  int all; /* blocks that the product is cut into, of which this one takes every gridDim.x'th */
  /* the next step to copy: its block, how many follow in it, its place along k, and where it goes */
  int block, count, k0, batch, slot;
  tile_a a;
  tile_b b;
  int multiplied = 0; /* steps */
  trm_wgmma_flight flight;

  TRM_METHOD steps(const trm__cuda_product &product, const trm__tiling &tiling, int blocks, const trm__place &at)
      : p(product), t(tiling), all(blocks), block((int)blockIdx.x), count(at.count), k0(at.k0), batch(at.first),
        slot(0), a(product.a, at.m0, product.m), b(product.b, at.n0, product.n) {
    for (int s = 0; s < S::STAGES - 2; s++) copy_next();
  }

  TRM_METHOD void next_block() {
    block += (int)gridDim.x;
    if (block >= all) return;
    trm__place at = trm__place_of<BM, S::BN, S::BK>(p, t, block);
    count = at.count;
    k0 = at.k0;
    batch = at.first;
    a = tile_a(p.a, at.m0, p.m);
    b = tile_b(p.b, at.n0, p.n);
  }

  TRM_METHOD void copy_next() {
    if (S::STREAM ? block < all : count > 0) {
      unsigned char *stage = trm_shared() + slot * S::STAGE;
      a.copy(stage, k0, batch, p.k);
      b.copy(stage + tile_a::BYTES, k0, batch, p.k);
      slot = slot + 1 == S::STAGES ? 0 : slot + 1;
      k0 += S::BK;
      if (k0 >= p.k) k0 = 0, batch++;
      if (--count == 0 && S::STREAM) next_block();
    }
    trm_copy_commit();
  }

  /* Starts the next step; finish() waits for the one before. All of it, zeros beyond k too: a branch between products
   * makes the assembler order them more than they need. */
  TRM_METHOD void start(float (&acc)[S::NT][4]) {
    trm_copy_wait<S::STAGES - 3>();
    trm_proxy_fence();
    __syncthreads(); /* this step's tiles are there, and the step before last has been multiplied by both groups */
    uint32_t stage = trm_shared_address(trm_shared()) + multiplied++ % S::STAGES * S::STAGE;
    int row = (int)threadIdx.x / 128 * 64;
    trm_wgmma_fence();
#pragma unroll
    for (int ks = 0; ks < S::BK / 16; ks++)
      trm_wgmma<!tile_a::INNER, !tile_b::INNER>(flight, acc, descriptor<tile_a>(stage, row, ks),
                                                descriptor<tile_b>(stage + tile_a::BYTES, 0, ks));
    trm_wgmma_commit(flight);
    copy_next();
  }
  TRM_METHOD void finish() {
    trm_wgmma_wait<1>(flight);
  }
  TRM_METHOD void finish_all(float (&acc)[S::NT][4]) {
    trm_wgmma_wait<0>(flight);
    trm_wgmma_settle(acc);
  }
};

TRM_DEVICE int first_row(void) { /* of a warp's sums */
  return (int)threadIdx.x / 32 * 16;
}

template <class S, trm__cuda_layout LA, trm__cuda_layout LB>
TRM_KERNEL __launch_bounds__(THREADS, S::BLOCKS) product_wgmma(trm__cuda_product p, trm__tiling t) {
  trm__place at = trm__place_of<BM, S::BN, S::BK>(p, t, (int)blockIdx.x);
  steps<S, LA, LB> s(p, t, (int)gridDim.x, at);
  float acc[1][S::NT][4] = {};
  for (int step = 0; step < at.count; step++) {
    s.start(acc[0]);
    s.finish();
  }
  s.finish_all(acc[0]);
  trm__finish<trm_bf16, BM, S::BN, THREADS>(p, at, trm_shared()).template run<16>(t, acc, first_row(), 0);
}

/* all: tiles of all batches. */
template <class S, trm__cuda_layout LA, trm__cuda_layout LB>
TRM_KERNEL __launch_bounds__(THREADS, S::BLOCKS) product_wgmma_stream(trm__cuda_product p, trm__tiling t, int all) {
  typedef trm__finish<trm_bf16, BM, S::BN, THREADS> finish;
  trm__place at = trm__place_of<BM, S::BN, S::BK>(p, t, (int)blockIdx.x);
  steps<S, LA, LB> s(p, t, all, at);
  finish staged(p, at, trm_shared() + S::OPERANDS); /* of the tile before; at is its place, once there is one */
  int turns = (finish::TURNS + t.steps - 1) / t.steps, done = finish::TURNS;
  for (int block = (int)blockIdx.x; block < all; block += (int)gridDim.x) {
    float acc[1][S::NT][4] = {};
    for (int step = 0; step < t.steps; step++) {
      s.start(acc[0]);
      if (done < finish::TURNS) {
        int end = done + turns < finish::TURNS ? done + turns : (int)finish::TURNS;
        staged.turns(done, end);
        done = end;
      }
      s.finish();
    }
    s.finish_all(acc[0]);
    at = trm__place_of<BM, S::BN, S::BK>(p, t, block);
    __syncthreads(); /* nobody reads the stage any more; what is put there is seen after the next step's barrier */
    staged.template put<1, S::NT, 16>(acc, first_row(), 0, staged.transposed());
    done = 0;
  }
  __syncthreads();
  staged.turns(0, finish::TURNS);
}

typedef void (*kernel)(trm__cuda_product, trm__tiling);
typedef void (*stream_kernel)(trm__cuda_product, trm__tiling, int);

int outer(const trm__cuda_operand *o) {
  return o->layout == TRM__CUDA_OUTER;
}

template <class S>
void product_wgmma_launch(trm__cuda_queue *q, const trm__cuda_product *p, int splits, float *partial) {
  trm__tiling t = trm__tiling_of(p, BM, S::BN, S::BK, splits, partial);
  const trm__cuda_layout in = TRM__CUDA_INNER, out = TRM__CUDA_OUTER;
  const kernel kernels[2][2] = {{product_wgmma<S, in, in>, product_wgmma<S, in, out>},
                                {product_wgmma<S, out, in>, product_wgmma<S, out, out>}};
  trm_launch_as(false, q, "product_wgmma", kernels[outer(&p->a)][outer(&p->b)], trm__tiling_grid(p, &t), THREADS,
                S::SHARED, *p, t);
}

void launch_stream(trm__cuda_queue *q, const trm__cuda_product *p) {
  typedef stream256 S;
  trm__tiling t = trm__tiling_of(p, BM, S::BN, S::BK, 0, NULL);
  const trm__cuda_layout in = TRM__CUDA_INNER, out = TRM__CUDA_OUTER;
  const stream_kernel kernels[2][2] = {{product_wgmma_stream<S, in, in>, product_wgmma_stream<S, in, out>},
                                       {product_wgmma_stream<S, out, in>, product_wgmma_stream<S, out, out>}};
  int all = t.tiles * p->batches;
  trm_launch_as(false, q, "product_wgmma_stream", kernels[outer(&p->a)][outer(&p->b)],
                dim3((unsigned)(all < q->sms ? all : q->sms)), THREADS, S::SHARED, *p, t, all);
}

/* Wide tiles when n fills them and more than half of the multiprocessors get one: narrow ones would then put two on
 * some multiprocessors, which take as long and read more. Sums of few steps are bound by bytes. */
int choose(const trm__cuda_queue *q, const trm__cuda_product *p, int splits) {
  trm__tiling t = trm__tiling_of(p, BM, wide256::BN, wide256::BK, splits, NULL);
  int64_t units = splits ? splits : p->batches, steps = (int64_t)t.steps * p->batches / units;
  bool full = (p->n - 1) % wide256::BN >= wide128::BN && p->epilogue != TRM__CUDA_RESIDUAL_NORM_T;
  if (!full || 2 * t.tiles * units <= q->sms || steps < 6) return TRM__WGMMA_128;
  return splits ? TRM__WGMMA_256 : TRM__WGMMA_STREAM;
}

} // namespace

void trm__cuda_product_wgmma(trm__cuda_queue *q, const trm__cuda_product *p, int splits, float *partial, int shape) {
  switch (shape >= 0 ? shape : choose(q, p, splits)) {
  case TRM__WGMMA_STREAM:
    launch_stream(q, p);
    break;
  case TRM__WGMMA_256:
    product_wgmma_launch<wide256>(q, p, splits, partial);
    break;
  default:
    product_wgmma_launch<wide128>(q, p, splits, partial);
    break;
  }
}
