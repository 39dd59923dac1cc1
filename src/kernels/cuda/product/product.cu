/* Which variant of a matrix product runs, and weight gradients: the sum over all rows of a batch cut into parts that
 * fill the card, and their sum in order. */
#include "kernels/cuda/product/product.cuh"

namespace {

enum { SUM_THREADS = 256 };

/* Weight gradients are planned for cards of this size whatever the card is: so many tiles of 128 x 128 at a time. */
enum { TILE = 128, STEP = 64, AT_ONCE = 264, MOST_SPLITS = 64 };
/* In steps of a tile: what a block costs besides its steps, and what writing and reading
 * one partial sum costs. */
const double BLOCK_STEPS = 8, STEPS_PER_NUMBER = 3e-6;

bool operand_fits(const trm__cuda_product *p, const trm__cuda_operand *o) {
  return (((size_t)o->x) & 15) == 0 && o->ld % 8 == 0 && (p->batches == 1 || o->batch % 8 == 0);
}

/* wgmma's tiles are large: it is taken where a product has at least half a card of them. */
bool wgmma_fits(const trm__cuda_queue *q, const trm__cuda_product *p, int splits) {
  long tiles = (long)((p->m + TILE - 1) / TILE) * ((p->n + TILE - 1) / TILE);
  return q->wgmma && tiles * (splits ? splits : p->batches) >= q->sms / 2;
}

/* Where row i of an interleaved gradient belongs. */
TRM_DEVICE int apart(int i, int m) {
  return i / 16 * 8 + i % 8 + (i & 8 ? m / 2 : 0);
}

/* A thread adds RUN neighbours of the parts, which may be of two rows, one after the other: runs of four need parts
 * that are multiples of 16 bytes, but not `to`, whose place among all gradients is only sometimes one. Bound by the
 * bytes of partial. */
template <int RUN>
TRM_KERNEL __launch_bounds__(SUM_THREADS)
    sum_partials(const float *partial, float *to, int m, int n, int splits, int interleaved) {
  unsigned all = (unsigned)m * (unsigned)n, from = (blockIdx.x * SUM_THREADS + threadIdx.x) * RUN;
  if (from >= all) return;
  const float *x = partial + from;
  float sum[RUN] = {};
#pragma unroll 4
  for (int s = 0; s < splits; s++, x += all) {
    if constexpr (RUN == 4) {
      float4 four = *(const float4 *)x;
      sum[0] += four.x, sum[1] += four.y, sum[2] += four.z, sum[3] += four.w;
    } else {
      sum[0] += x[0];
    }
  }
  size_t place[RUN];
#pragma unroll
  for (int e = 0; e < RUN; e++) {
    unsigned i = (from + e) / (unsigned)n, j = (from + e) % (unsigned)n;
    place[e] = (size_t)(interleaved ? apart((int)i, m) : (int)i) * n + j;
  }
  if constexpr (RUN == 4) {
    if (n % 2 == 0 && ((size_t)to & 7) == 0) { /* pairs do not cross rows */
      float2 *left = (float2 *)(to + place[0]), *right = (float2 *)(to + place[2]);
      *left = make_float2(left->x + sum[0], left->y + sum[1]);
      *right = make_float2(right->x + sum[2], right->y + sum[3]);
      return;
    }
  }
  for (int e = 0; e < RUN; e++) to[place[e]] += sum[e];
}

} // namespace

void trm__cuda_add_partials(trm__cuda_queue *q, const float *partial, float *to, int m, int n, int splits,
                            int interleaved) {
  size_t all = (size_t)m * (size_t)n;
  bool four = all % 4 == 0 && ((size_t)partial & 15) == 0;
  size_t runs = four ? all / 4 : all;
  trm_launch_as(false, q, "sum_partials", four ? sum_partials<4> : sum_partials<1>,
                dim3((unsigned)((runs + SUM_THREADS - 1) / SUM_THREADS)), SUM_THREADS, 0, partial, to, m, n, splits,
                interleaved);
}

void trm__cuda_product_any(trm__cuda_queue *q, const trm__cuda_product *p, int splits, float *partial) {
  bool tensor = p->type == TRM_BFLOAT16 && operand_fits(p, &p->a) && operand_fits(p, &p->b);
  if (!tensor) trm__cuda_product_plain(q, p, splits, partial);
  else if (wgmma_fits(q, p, splits)) trm__cuda_product_wgmma(q, p, splits, partial, -1);
  else trm__cuda_product_mma(q, p, splits, partial, -1);
}

void trm__cuda_multiply(trm__cuda_queue *q, const trm__cuda_product *p) {
  if (q->provider && q->provider->multiply(q->provider, q, p)) return;
  trm__cuda_product_any(q, p, 0, NULL);
}

/* Blocks run AT_ONCE at a time, each for its share of the steps; parts beyond the first round cost their partial sums.
 */
int trm__cuda_splits(trm_dtype type, int m, int n, int k, int batches) {
  (void)type;
  double tiles = (double)((m + TILE - 1) / TILE) * ((n + TILE - 1) / TILE), best_cost = 0;
  int64_t steps = (int64_t)((k + STEP - 1) / STEP) * batches;
  int best = 1;
  for (int splits = 1; splits <= MOST_SPLITS && splits <= steps; splits++) {
    double rounds = ceil(tiles * splits / AT_ONCE), each = ceil((double)steps / splits);
    double cost = rounds * (each + BLOCK_STEPS) + splits * ((double)m * n * STEPS_PER_NUMBER);
    if (splits > 1 && !(cost < best_cost)) continue;
    best = splits;
    best_cost = cost;
  }
  return best;
}

void trm__cuda_weight_gradient(trm__cuda_queue *q, const trm__cuda_product *p, float *partial, float *to,
                               int interleaved) {
  trm__cuda_product sums = *p;
  sums.epilogue = TRM__CUDA_PARTIAL;
  if (q->provider && q->provider->weight_gradient(q->provider, q, &sums, partial, to, interleaved)) return;
  int splits = trm__cuda_splits(p->type, p->m, p->n, p->k, p->batches);
  trm__cuda_product_any(q, &sums, splits, partial);
  trm__cuda_add_partials(q, partial, to, p->m, p->n, splits, interleaved);
}
