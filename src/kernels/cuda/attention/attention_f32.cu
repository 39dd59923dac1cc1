/* Attention without tensor cores: fp32, and bf16 with heads of other than 64 elements. A warp owns one row - a query in
 * the forward pass and for dq, a key for dk and dv - and walks over the rows of the other side, 32 at a time: each lane
 * takes the products with one of them, then each lane sums up every 32nd element of the result. Both rows of a pair lie
 * in shared memory as fp32, one element longer than they are, so that lanes of one column meet different banks.
 *
 * Everything is computed in fp32 and rounded when it is stored. What bounds it: two loads from shared memory a
 * multiply-add, some 15 times slower than tensor cores. */
#include "kernels/cuda/attention/attention.cuh"

#define WARPS 8  /* rows of a block */
#define MOST 128 /* head_dim */
#define EACH (MOST / 32)

/* -- rows and tiles in shared memory: the own rows of the warps, then two tiles of 32 rows -------------------- */

struct plain_memory {
  float *own, *own2;   /* [d] of this warp */
  float *weight;       /* [32] of this warp */
  float *tile, *tile2; /* [32][d + 1] */
};

TRM_DEVICE plain_memory plain_layout(int d) {
  plain_memory m;
  float *start = (float *)trm_shared();
  m.own = start + (threadIdx.x >> 5) * (unsigned)d;
  m.own2 = m.own + WARPS * d;
  m.weight = start + 2 * WARPS * d + 32 * (threadIdx.x >> 5);
  m.tile = start + 2 * WARPS * d + 32 * WARPS;
  m.tile2 = m.tile + 32 * (d + 1);
  return m;
}

static size_t plain_bytes(int d) {
  return sizeof(float) * (size_t)(2 * WARPS * d + 32 * WARPS + 2 * 32 * (d + 1));
}

/* This warp's row; zeros beyond the last. */
template <class T> TRM_DEVICE void load_own(float *to, const T *x, ptrdiff_t ld, int row, int L, int d) {
  for (int i = (int)threadIdx.x & 31; i < d; i += 32) to[i] = row < L ? trm_to_float(x[row * ld + i]) : 0;
}

template <class T> TRM_DEVICE void load_tile(float *to, const T *x, ptrdiff_t ld, int first, int L, int d) {
  for (int i = (int)threadIdx.x; i < 32 * d; i += (int)blockDim.x) {
    int row = i / d, column = i % d;
    to[row * (d + 1) + column] = first + row < L ? trm_to_float(x[(first + row) * ld + column]) : 0;
  }
}

/* Both tiles from row `first` on, for all warps. */
template <class T>
TRM_DEVICE void load_tiles(const plain_memory &m, const T *x, ptrdiff_t ld, const T *y, ptrdiff_t y_ld, int first,
                           int L, int d) {
  __syncthreads();
  load_tile(m.tile, x, ld, first, L, d);
  load_tile(m.tile2, y, y_ld, first, L, d);
  __syncthreads();
}

/* The own row times the lane's row of a tile. */
TRM_DEVICE float dot(const float *own, const float *tile, int d) {
  const float *row = tile + ((int)threadIdx.x & 31) * (d + 1);
  float sum = 0;
  for (int i = 0; i < d; i++) sum = fmaf(own[i], row[i], sum);
  return sum;
}

/* sum [EACH] += the lanes' weights times the rows of a tile; number lane + 32 i in sum[i]. */
TRM_DEVICE void add_rows(float (&sum)[EACH], const plain_memory &m, float weight, const float *tile, int d) {
  int lane = (int)threadIdx.x & 31;
  __syncwarp();
  m.weight[lane] = weight;
  __syncwarp();
  for (int j = 0; j < 32; j++) {
#pragma unroll
    for (int i = 0; i < EACH; i++)
      if (lane + 32 * i < d) sum[i] = fmaf(m.weight[j], tile[j * (d + 1) + lane + 32 * i], sum[i]);
  }
}

template <class T> TRM_DEVICE void store_own(T *to, const float (&x)[EACH], float scale, int d) {
  int lane = (int)threadIdx.x & 31;
#pragma unroll
  for (int i = 0; i < EACH; i++)
    if (lane + 32 * i < d) to[lane + 32 * i] = trm_from_float<T>(x[i] * scale);
}

TRM_DEVICE float warp_max(float x) {
#pragma unroll
  for (int step = 16; step; step /= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, step));
  return x;
}
TRM_DEVICE float warp_sum(float x) {
#pragma unroll
  for (int step = 16; step; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
  return x;
}

/* -- kernels -------------------- */

template <class T> TRM_KERNEL __launch_bounds__(32 * WARPS) attention_plain(attention_args<T> args) {
  attention_head<T> h = attention_find(args);
  int L = args.L, d = args.d, lane = (int)threadIdx.x & 31, row = h.tile * WARPS + (int)(threadIdx.x >> 5);
  plain_memory m = plain_layout(d);
  load_own(m.own, h.q, h.ld, row, L, d);
  float max = -INFINITY, sum = 0, o[EACH] = {};
  for (int first = 0; first < L; first += 32) {
    load_tiles(m, h.k, h.ld, h.v, h.ld, first, L, d);
    float s = first + lane < L ? dot(m.own, m.tile, d) * args.scale : -INFINITY;
    float most = fmaxf(max, warp_max(s)), shrink = expf(max - most), p = expf(s - most);
    max = most;
    sum = sum * shrink + p;
#pragma unroll
    for (int i = 0; i < EACH; i++) o[i] *= shrink;
    add_rows(o, m, p, m.tile2, d);
  }
  sum = warp_sum(sum);
  if (row >= L) return;
  store_own(h.out + row * h.out_ld, o, 1.0f / sum, d);
  if (h.lse && lane == 0) h.lse[row] = max + logf(sum);
}

/* dq, and D of the rows for the other kernel. */
template <class T> TRM_KERNEL __launch_bounds__(32 * WARPS) attention_plain_queries(attention_args<T> args) {
  attention_head<T> h = attention_find(args);
  int L = args.L, d = args.d, lane = (int)threadIdx.x & 31, row = h.tile * WARPS + (int)(threadIdx.x >> 5);
  plain_memory m = plain_layout(d);
  load_own(m.own, h.q, h.ld, row, L, d);
  load_own(m.own2, h.dout, h.out_ld, row, L, d);
  __syncwarp();
  float lse = row < L ? h.lse[row] : 0, sum = 0, dq[EACH] = {};
  for (int i = lane; i < d && row < L; i += 32) sum = fmaf(m.own2[i], trm_to_float(h.out[row * h.out_ld + i]), sum);
  sum = warp_sum(sum);
  for (int first = 0; first < L; first += 32) {
    load_tiles(m, h.k, h.ld, h.v, h.ld, first, L, d);
    float p = first + lane < L && row < L ? expf(dot(m.own, m.tile, d) * args.scale - lse) : 0;
    add_rows(dq, m, p * (dot(m.own2, m.tile2, d) - sum), m.tile, d);
  }
  if (row >= L) return;
  store_own(h.dq + row * h.ld, dq, args.scale, d);
  if (lane == 0) h.sums[row] = sum;
}

template <class T> TRM_KERNEL __launch_bounds__(32 * WARPS) attention_plain_keys(attention_args<T> args) {
  attention_head<T> h = attention_find(args);
  int L = args.L, d = args.d, lane = (int)threadIdx.x & 31, row = h.tile * WARPS + (int)(threadIdx.x >> 5);
  plain_memory m = plain_layout(d);
  load_own(m.own, h.k, h.ld, row, L, d);
  load_own(m.own2, h.v, h.ld, row, L, d);
  float dk[EACH] = {}, dv[EACH] = {};
  for (int first = 0; first < L; first += 32) {
    load_tiles(m, h.q, h.ld, h.dout, h.out_ld, first, L, d);
    bool valid = first + lane < L && row < L;
    float p = valid ? expf(dot(m.own, m.tile, d) * args.scale - h.lse[first + lane]) : 0;
    float ds = valid ? p * (dot(m.own2, m.tile2, d) - h.sums[first + lane]) : 0;
    add_rows(dv, m, p, m.tile2, d);
    add_rows(dk, m, ds, m.tile, d);
  }
  if (row >= L) return;
  store_own(h.dk + row * h.ld, dk, args.scale, d);
  store_own(h.dv + row * h.ld, dv, 1, d);
}

/* -- launchers -------------------- */

static bool on_tensor_cores(trm_dtype type, int head_dim) {
  return type == TRM_BFLOAT16 && head_dim == 64;
}

template <class T> static void plain_launch(trm__cuda_queue *q, const trm__cuda_attention *a, bool backward) {
  attention_args<T> args = attention_arguments<T>(a, WARPS);
  dim3 grid((unsigned)args.tiles * (unsigned)a->heads * (unsigned)a->b);
  size_t shared = plain_bytes(a->head_dim);
  if (!backward) {
    trm_launch(q, attention_plain<T>, grid, 32 * WARPS, shared, args);
    return;
  }
  trm_launch(q, attention_plain_queries<T>, grid, 32 * WARPS, shared, args);
  trm_launch(q, attention_plain_keys<T>, grid, 32 * WARPS, shared, args);
}

extern "C" void trm__cuda_attention_forward(trm__cuda_queue *q, const trm__cuda_attention *a) {
  if (on_tensor_cores(a->type, a->head_dim)) trm__cuda_attention_bf16(q, a);
  else if (a->type == TRM_BFLOAT16) plain_launch<trm_bf16>(q, a, false);
  else plain_launch<float>(q, a, false);
}

/* The sums of the rows. */
extern "C" size_t trm__cuda_attention_scratch(trm_dtype type, int b, int L, int heads, int head_dim) {
  (void)type;
  (void)head_dim;
  return (size_t)b * (size_t)heads * (size_t)L;
}

extern "C" void trm__cuda_attention_backward(trm__cuda_queue *q, const trm__cuda_attention *a) {
  if (on_tensor_cores(a->type, a->head_dim)) trm__cuda_attention_bf16_backward(q, a);
  else if (a->type == TRM_BFLOAT16) plain_launch<trm_bf16>(q, a, true);
  else plain_launch<float>(q, a, true);
}
