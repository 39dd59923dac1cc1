/* A whole supervision step for one or a few examples in one launch: latency instead of throughput. All multiprocessors
 * hold one block each; the network is cut into phases that barriers of the whole grid separate, and a block takes its
 * share of a phase's items, in turn. State and activations go from phase to phase through global memory, which stays in
 * the L2 cache.
 *
 * A layer is three phases: mixer (mixer.cuh), and gate and down of the channel MLP (mlp.cuh).
 *
 * The channel MLP's norm runs over columns of many items: `down` stores the state before it, rounded, and the sum
 * of squares of each 32 columns; whoever reads the state applies the norm. Weights do not depend on the phase before,
 * so a block asks for those of its first item between arriving at the barrier and waiting there.
 *
 * What bounds it: latency, of barriers, of reading the state and of weights from the L2 cache, rather than arithmetic.
 */
#include "kernels/cuda/solve/mixer.cuh"
#include "kernels/cuda/solve/mlp.cuh"

/* -- the step -------------------- */

/* The phases of one layer; weights of the mixer were asked for, those of the next layer's will be if there are
 * more. */
TRM_DEVICE void solve_one_layer(const solve_args &a, const solve_layer &w, const solve_input &from,
                                const solve_state &to, const solve_layer &next, bool more) {
  int block = (int)blockIdx.x, blocks = (int)gridDim.x;
  for (int item = block; item < mixer_items(a); item += blocks) {
    mixer_item(a, w, from, item);
    if (item + blocks < mixer_items(a)) mixer_prefetch(a, w);
  }
  unsigned all = trm_grid_arrive(a.barrier);
  if (block < gate_items(a)) gate_prefetch(a, w, block);
  trm_grid_wait(a.barrier, all);
  for (int item = block; item < gate_items(a); item += blocks) {
    gate_item(a, item);
    if (item + blocks < gate_items(a)) gate_prefetch(a, w, item + blocks);
  }
  all = trm_grid_arrive(a.barrier);
  if (block < down_items(a)) down_prefetch(a, w, block);
  trm_grid_wait(a.barrier, all);
  for (int item = block; item < down_items(a); item += blocks) {
    down_item(a, to, item);
    if (item + blocks < down_items(a)) down_prefetch(a, w, item + blocks);
  }
  all = trm_grid_arrive(a.barrier);
  if (more && block < mixer_items(a)) mixer_prefetch(a, next);
  trm_grid_wait(a.barrier, all);
}

/* Without an index that the compiler cannot know, for which it would copy all arguments to local memory. */
TRM_DEVICE solve_layer solve_find_layer(const solve_args &a, int layer) {
  solve_layer w = a.layer[0];
#pragma unroll
  for (int i = 1; i < TRM__CUDA_SOLVE_LAYERS; i++)
    if (i == layer) w = a.layer[i];
  return w;
}

/* A state after its norm, in place, a warp a row. */
TRM_DEVICE void solve_normalize(const solve_args &a, const solve_state &s) {
  if (!s.sums) return;
  int warp = (int)(blockIdx.x * WARPS + (threadIdx.x >> 5)), lane = (int)threadIdx.x & 31;
  for (int row = warp; row < a.rows; row += (int)gridDim.x * WARPS) {
    float scale[2];
    solve_row_scales(scale, a, s.sums, nullptr, row);
    for (int column = 8 * lane; column < a.D; column += 8 * 32) {
      trm_segment *x = (trm_segment *)(s.x + (ptrdiff_t)row * a.D + column), c = *x;
      solve_scale_segment(c, scale[0]);
      *x = c;
    }
  }
}

TRM_KERNEL __launch_bounds__(32 * WARPS, 1) solve_step(solve_args a) {
  solve_state y = {a.y.x, nullptr}, z = {a.z.x, nullptr}; /* at first as they came */
  int calls = a.T * (a.n + 1);
  if ((int)blockIdx.x < mixer_items(a)) mixer_prefetch(a, solve_find_layer(a, 0));
  for (int call = 0; call < calls; call++) {
    bool answer = call % (a.n + 1) == a.n;
    solve_input from = {answer ? y : z, answer ? z : y, answer ? nullptr : a.e};
    for (int i = 0; i < a.layers; i++) {
      bool last = i + 1 == a.layers;
      solve_layer w = solve_find_layer(a, i), next = solve_find_layer(a, last ? 0 : i + 1);
      solve_state to = last ? (answer ? a.y : a.z) : a.x;
      solve_one_layer(a, w, from, to, next, !(last && call + 1 == calls));
      from.in = a.x;
      from.p.x = nullptr;
    }
    if (answer) y.sums = a.y.sums;
    else z.sums = a.z.sums;
  }
  solve_normalize(a, y);
  solve_normalize(a, z);
  /* Nobody waits any more once all are here: the last leaves the words as they were. */
  if (threadIdx.x == 0 && atomicAdd(a.barrier + 1, 1u) == gridDim.x - 1) a.barrier[0] = a.barrier[1] = 0;
}

/* -- launcher -------------------- */

static size_t solve_shared_bytes(const trm__cuda_solve *s) {
  size_t mixer = (size_t)(MOST_L * 32 + WARPS * mixer_layout_of(s->L).warp + 256);
  size_t gate = (size_t)((GATE_COLUMNS + GATE_ROWS) * solve_pitch(s->D) + GATE_ROWS * GATE_PITCH * 4);
  size_t down = (size_t)((DOWN_COLUMNS + DOWN_ROWS) * solve_pitch(s->inner_d));
  size_t most = mixer > gate ? mixer : gate;
  return most > down ? most : down;
}

extern "C" int trm__cuda_solve_supported(const trm__cuda_queue *q, const trm__cuda_solve *s) {
  if (s->b < 1 || s->n < 0 || s->T < 1 || s->layers < 1 || s->layers > TRM__CUDA_SOLVE_LAYERS) return 0;
  if (s->L < 1 || s->L > MOST_L || s->D < 128 || s->D % 128 || s->D > 8192) return 0;
  if (s->inner_l < 256 || s->inner_l % 256 || s->inner_d < 256 || s->inner_d % 256 || s->inner_d > 8192) return 0;
  return q->capability >= 80 && solve_shared_bytes(s) <= (size_t)q->shared_per_block;
}

extern "C" int trm__cuda_solve_fits(const trm__cuda_queue *q, const trm__cuda_solve *s) {
  return trm_cooperative_fits(solve_step, dim3((unsigned)q->sms), 32 * WARPS, solve_shared_bytes(s));
}

/* Two words in a line of their own; x, mixed, act; three times sums; gate_squares. */
extern "C" size_t trm__cuda_solve_scratch(const trm__cuda_solve *s) {
  size_t rows = (size_t)s->b * (size_t)s->L, D = (size_t)s->D;
  size_t columns = (2 * (size_t)s->inner_d + GATE_COLUMNS - 1) / GATE_COLUMNS;
  return 256 + rows * (2 * (2 * D + (size_t)s->inner_d) + 4 * (3 * (D / DOWN_COLUMNS) + columns));
}

extern "C" void trm__cuda_solve_step(trm__cuda_queue *q, const trm__cuda_solve *s) {
  solve_args a = {};
  size_t rows = (size_t)s->b * (size_t)s->L, D = (size_t)s->D, sums = rows * (D / DOWN_COLUMNS);
  a.b = s->b, a.L = s->L, a.rows = (int)rows, a.D = s->D, a.inner_l = s->inner_l, a.inner_d = s->inner_d;
  a.layers = s->layers, a.n = s->n, a.T = s->T, a.rms_gate = s->rms_gate, a.eps = (float)s->eps;
  a.barrier = (unsigned *)s->scratch;
  a.x.x = (trm_bf16 *)((unsigned char *)s->scratch + 256);
  a.mixed = a.x.x + rows * D;
  a.act = a.mixed + rows * D;
  a.x.sums = (float *)(a.act + rows * (size_t)s->inner_d);
  a.y = {(trm_bf16 *)s->y, a.x.sums + sums};
  a.z = {(trm_bf16 *)s->z, a.x.sums + 2 * sums};
  a.gate_squares = a.x.sums + 3 * sums;
  a.e = (const trm_bf16 *)s->e;
  for (int i = 0; i < s->layers; i++)
    a.layer[i] = {(const trm_bf16 *)s->layer[i].mix_in, (const trm_bf16 *)s->layer[i].mix_out,
                  (const trm_bf16 *)s->layer[i].mlp_in, (const trm_bf16 *)s->layer[i].mlp_out};
  trm_launch_cooperative(q, solve_step, dim3((unsigned)q->sms), 32 * WARPS, solve_shared_bytes(s), a);
}
