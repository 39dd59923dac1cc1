/* Root mean square norms: along rows, down columns, and of the gated activation. Where shapes and addresses allow it
 * each element is read once, sixteen bytes at a time, and held in registers between the sum and the product that needs
 * it; everything else is read twice, element by element. All are bound by memory bandwidth.
 *
 * Forward and backward are one kernel: forward, the sum is of x x and the result x r; backward, with dy for x, the sum
 * is of dy y and the result r (dy - y mean). */
#include "kernels/cuda/block/sums.cuh"

enum { THREADS = 256, WARPS = THREADS / 32 };

/* -- rows: one warp a row ------------------------------------------------------------------------------------------ */

enum { ROW_HELD = 4 }; /* vectors that a lane holds */

template <bool BACKWARD> TRM_DEVICE float factor_of(float mean, const float *inv, size_t at, float eps) {
  return BACKWARD ? inv[at] : 1 / sqrtf(mean + eps);
}

template <bool BACKWARD> TRM_DEVICE float result_of(float x, float y, float mean, float r) {
  return BACKWARD ? r * (x - y * mean) : x * r;
}

/* cols is a multiple of W and at most 32 * ROW_HELD * W. */
template <class T, bool BACKWARD>
TRM_KERNEL __launch_bounds__(THREADS)
    norm_rows(T *to, float *inv, const T *dy, const T *y, int rows, int cols, float eps) {
  constexpr int W = trm_width<T>;
  int row = (int)(blockIdx.x * WARPS + threadIdx.x / 32), lane = (int)threadIdx.x % 32;
  if (row >= rows) return;
  size_t at = (size_t)row * (size_t)cols;
  trm_raw<T> a[ROW_HELD], b[ROW_HELD];
  float sum = 0;
#pragma unroll
  for (int k = 0; k < ROW_HELD; k++) {
    int c = (lane + 32 * k) * W;
    if (c >= cols) continue;
    b[k] = trm_read_raw(y + at + c);
    if constexpr (BACKWARD) a[k] = trm_read_raw(dy + at + c);
  }
#pragma unroll
  for (int k = 0; k < ROW_HELD; k++) {
    if ((lane + 32 * k) * W >= cols) continue;
    float from[W], other[W];
    trm_spread(from, BACKWARD ? a[k] : b[k]);
    trm_spread(other, b[k]);
#pragma unroll
    for (int j = 0; j < W; j++) sum += from[j] * other[j];
  }
  float mean = trm_warp_sum(sum) / (float)cols, r = factor_of<BACKWARD>(mean, inv, (size_t)row, eps);
#pragma unroll
  for (int k = 0; k < ROW_HELD; k++) {
    int c = (lane + 32 * k) * W;
    if (c >= cols) continue;
    float from[W], other[W];
    trm_spread(from, BACKWARD ? a[k] : b[k]);
    trm_spread(other, b[k]);
#pragma unroll
    for (int j = 0; j < W; j++) from[j] = result_of<BACKWARD>(from[j], other[j], mean, r);
    trm_write(to + at + c, from);
  }
  if (!BACKWARD && inv && lane == 0) inv[row] = r;
}

template <class T, bool BACKWARD>
TRM_KERNEL __launch_bounds__(THREADS)
    norm_any_rows(T *to, float *inv, const T *dy, const T *y, int rows, int cols, float eps) {
  int row = (int)(blockIdx.x * WARPS + threadIdx.x / 32), lane = (int)threadIdx.x % 32;
  if (row >= rows) return;
  size_t at = (size_t)row * (size_t)cols;
  float sum = 0;
#pragma unroll 4
  for (int c = lane; c < cols; c += 32) sum += trm_to_float(dy[at + c]) * trm_to_float(y[at + c]);
  float mean = trm_warp_sum(sum) / (float)cols, r = factor_of<BACKWARD>(mean, inv, (size_t)row, eps);
#pragma unroll 4
  for (int c = lane; c < cols; c += 32)
    to[at + c] = trm_from_float<T>(result_of<BACKWARD>(trm_to_float(dy[at + c]), trm_to_float(y[at + c]), mean, r));
  if (!BACKWARD && inv && lane == 0) inv[row] = r;
}

template <class T, bool BACKWARD>
static void norm_rows_launch(trm__cuda_queue *q, void *to, float *inv, const void *dy, const void *y, int rows,
                             int cols, double eps) {
  if (rows <= 0) return;
  bool held = cols % trm_width<T> == 0 && cols <= 32 * ROW_HELD * trm_width<T> && trm_aligned(to, dy, y);
  dim3 grid(trm_blocks((size_t)rows, WARPS));
  if (held)
    trm_launch(q, (norm_rows<T, BACKWARD>), grid, THREADS, 0, (T *)to, inv, (const T *)dy, (const T *)y, rows, cols,
               (float)eps);
  else
    trm_launch(q, (norm_any_rows<T, BACKWARD>), grid, THREADS, 0, (T *)to, inv, (const T *)dy, (const T *)y, rows, cols,
               (float)eps);
}

extern "C" void trm__cuda_rms_rows(trm__cuda_queue *q, trm_dtype type, void *y, float *inv, const void *x, int rows,
                                   int cols, double eps) {
  if (type == TRM_BFLOAT16) norm_rows_launch<trm_bf16, false>(q, y, inv, x, x, rows, cols, eps);
  else norm_rows_launch<float, false>(q, y, inv, x, x, rows, cols, eps);
}

extern "C" void trm__cuda_rms_rows_backward(trm__cuda_queue *q, trm_dtype type, void *dx, const void *dy, const void *y,
                                            const float *inv, int rows, int cols) {
  float *r = (float *)inv; /* only read */
  if (type == TRM_BFLOAT16) norm_rows_launch<trm_bf16, true>(q, dx, r, dy, y, rows, cols, 0);
  else norm_rows_launch<float, true>(q, dx, r, dy, y, rows, cols, 0);
}

/* -- columns: a block takes ACROSS vectors of one example's rows, all the way down --------------------------------- */

enum { ACROSS = 8, DOWN = THREADS / ACROSS, COL_HELD = 4 }; /* a thread holds every 32nd row */

/* The sum over the DOWN threads of each column; every thread gets those of its own columns. */
template <int W> TRM_DEVICE void down_columns(float (&sum)[W]) {
  float *part = (float *)trm_shared(); /* [WARPS][ACROSS][W] */
  int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32, across = lane % ACROSS;
#pragma unroll
  for (int j = 0; j < W; j++) {
    sum[j] += __shfl_xor_sync(0xffffffffu, sum[j], 8);
    sum[j] += __shfl_xor_sync(0xffffffffu, sum[j], 16);
  }
  if (lane < ACROSS) trm_write(part + (warp * ACROSS + across) * W, sum);
  __syncthreads();
#pragma unroll
  for (int j = 0; j < W; j++) sum[j] = 0;
#pragma unroll 2
  for (int w = 0; w < WARPS; w++) {
    float other[W];
    trm_read(other, part + (w * ACROSS + across) * W);
#pragma unroll
    for (int j = 0; j < W; j++) sum[j] += other[j];
  }
}

/* Where this thread works: its columns, or none, and the pointers' offset. */
struct place {
  int column, row;
  bool valid;
  size_t at; /* of row 0 */
  size_t inv;
};

template <int W> TRM_DEVICE place place_of(int rows, int cols) {
  unsigned tiles = (unsigned)((cols + ACROSS * W - 1) / (ACROSS * W)), example = blockIdx.x / tiles;
  place p;
  p.column = (int)(blockIdx.x % tiles) * ACROSS * W + (int)threadIdx.x % ACROSS * W;
  p.row = (int)threadIdx.x / ACROSS;
  p.valid = p.column < cols;
  p.at = (size_t)example * (size_t)rows * (size_t)cols + (size_t)p.column;
  p.inv = (size_t)example * (size_t)cols + (size_t)p.column;
  return p;
}

/* cols is a multiple of W, rows at most DOWN * COL_HELD. */
template <class T, bool BACKWARD>
TRM_KERNEL __launch_bounds__(THREADS)
    norm_cols(T *to, float *inv, const T *dy, const T *y, int rows, int cols, float eps) {
  constexpr int W = trm_width<T>;
  place p = place_of<W>(rows, cols);
  trm_raw<T> a[COL_HELD], b[COL_HELD];
  float sum[W] = {};
#pragma unroll
  for (int k = 0; k < COL_HELD; k++) {
    int row = p.row + k * DOWN;
    if (!p.valid || row >= rows) continue;
    b[k] = trm_read_raw(y + p.at + (size_t)row * (size_t)cols);
    if constexpr (BACKWARD) a[k] = trm_read_raw(dy + p.at + (size_t)row * (size_t)cols);
  }
#pragma unroll
  for (int k = 0; k < COL_HELD; k++) {
    if (!p.valid || p.row + k * DOWN >= rows) continue;
    float from[W], other[W];
    trm_spread(from, BACKWARD ? a[k] : b[k]);
    trm_spread(other, b[k]);
#pragma unroll
    for (int j = 0; j < W; j++) sum[j] += from[j] * other[j];
  }
  down_columns(sum);
  if (!p.valid) return;
  float r[W];
#pragma unroll
  for (int j = 0; j < W; j++) {
    sum[j] /= (float)rows;
    r[j] = factor_of<BACKWARD>(sum[j], inv, p.inv + (size_t)j, eps);
  }
#pragma unroll
  for (int k = 0; k < COL_HELD; k++) {
    int row = p.row + k * DOWN;
    if (row >= rows) continue;
    float from[W], other[W];
    trm_spread(from, BACKWARD ? a[k] : b[k]);
    trm_spread(other, b[k]);
#pragma unroll
    for (int j = 0; j < W; j++) from[j] = result_of<BACKWARD>(from[j], other[j], sum[j], r[j]);
    trm_write(to + p.at + (size_t)row * (size_t)cols, from);
  }
  if (!BACKWARD && inv && p.row == 0)
#pragma unroll
    for (int j = 0; j < W; j++) inv[p.inv + (size_t)j] = r[j];
}

template <class T, bool BACKWARD>
TRM_KERNEL __launch_bounds__(THREADS)
    norm_any_cols(T *to, float *inv, const T *dy, const T *y, int rows, int cols, float eps) {
  place p = place_of<1>(rows, cols);
  float sum[1] = {0};
#pragma unroll 4
  for (int row = p.row; row < (p.valid ? rows : 0); row += DOWN) {
    size_t at = p.at + (size_t)row * (size_t)cols;
    sum[0] += trm_to_float(dy[at]) * trm_to_float(y[at]);
  }
  down_columns(sum);
  if (!p.valid) return;
  float mean = sum[0] / (float)rows, r = factor_of<BACKWARD>(mean, inv, p.inv, eps);
#pragma unroll 4
  for (int row = p.row; row < rows; row += DOWN) {
    size_t at = p.at + (size_t)row * (size_t)cols;
    to[at] = trm_from_float<T>(result_of<BACKWARD>(trm_to_float(dy[at]), trm_to_float(y[at]), mean, r));
  }
  if (!BACKWARD && inv && p.row == 0) inv[p.inv] = r;
}

template <class T, bool BACKWARD>
static void norm_cols_launch(trm__cuda_queue *q, void *to, float *inv, const void *dy, const void *y, int b, int rows,
                             int cols, double eps) {
  if (b <= 0) return;
  bool held = cols % trm_width<T> == 0 && rows <= DOWN * COL_HELD && trm_aligned(to, dy, y);
  int width = held ? trm_width<T> : 1;
  dim3 grid((unsigned)b * trm_blocks((size_t)cols, (size_t)(ACROSS * width)));
  size_t shared = (size_t)(WARPS * ACROSS * width) * sizeof(float);
  if (held)
    trm_launch(q, (norm_cols<T, BACKWARD>), grid, THREADS, shared, (T *)to, inv, (const T *)dy, (const T *)y, rows,
               cols, (float)eps);
  else
    trm_launch(q, (norm_any_cols<T, BACKWARD>), grid, THREADS, shared, (T *)to, inv, (const T *)dy, (const T *)y, rows,
               cols, (float)eps);
}

extern "C" void trm__cuda_rms_cols(trm__cuda_queue *q, trm_dtype type, void *y, float *inv, const void *x, int b,
                                   int rows, int cols, double eps) {
  if (type == TRM_BFLOAT16) norm_cols_launch<trm_bf16, false>(q, y, inv, x, x, b, rows, cols, eps);
  else norm_cols_launch<float, false>(q, y, inv, x, x, b, rows, cols, eps);
}

extern "C" void trm__cuda_rms_cols_backward(trm__cuda_queue *q, trm_dtype type, void *dx, const void *dy, const void *y,
                                            const float *inv, int b, int rows, int cols) {
  float *r = (float *)inv; /* only read */
  if (type == TRM_BFLOAT16) norm_cols_launch<trm_bf16, true>(q, dx, r, dy, y, b, rows, cols, 0);
  else norm_cols_launch<float, true>(q, dx, r, dy, y, b, rows, cols, 0);
}

/* -- RMS_GATE ------------------------------------------------------------------------------------------------------ */

enum { OCTET = 8 }; /* lanes a row; also the numbers of which gates and ups are interleaved */

/* Bound by memory bandwidth, and small. */
TRM_KERNEL __launch_bounds__(THREADS)
    gate_scale(float *scale, const float *squares, int rows, int parts, int inner, float eps) {
  int row = (int)(blockIdx.x * (THREADS / OCTET) + threadIdx.x / OCTET);
  float sum = 0;
  for (int i = (int)threadIdx.x % OCTET; row < rows && i < parts; i += OCTET)
    sum += squares[(size_t)row * (size_t)parts + (size_t)i];
  sum = trm_warp_sum<OCTET>(sum);
  if (row < rows && threadIdx.x % OCTET == 0) scale[row] = 1 / sqrtf(sum / (float)inner + eps);
}

extern "C" void trm__cuda_gate_scale(trm__cuda_queue *q, float *scale, const float *squares, int rows, int inner,
                                     double eps) {
  if (rows <= 0) return;
  trm_launch(q, gate_scale, dim3(trm_blocks((size_t)rows, THREADS / OCTET)), THREADS, 0, scale, squares, rows,
             inner / 64, inner, (float)eps);
}

/* Eight gates, ups and gradients of one thread. */
struct gates {
  float g[OCTET], u[OCTET], d[OCTET];
};

template <class T> TRM_DEVICE void read_gates(gates &x, const T *gu, const T *da, int octet) {
  trm_read(x.g, gu + octet * 2 * OCTET);
  trm_read(x.u, gu + octet * 2 * OCTET + OCTET);
  trm_read(x.d, da + octet * OCTET);
}

/* With s = sigmoid(g), p = g u, a = s p r and r = 1 / sqrt(mean(p^2) + eps):
 * d/dp = r (da s - p r^2 mean(da s p)), d/du = d/dp g, d/dg = d/dp u + da p r s (1 - s). */
TRM_DEVICE float gates_sum(const gates &x) {
  float sum = 0;
#pragma unroll
  for (int j = 0; j < OCTET; j++) sum += x.d[j] * (x.g[j] * x.u[j] / (1 + expf(-x.g[j])));
  return sum;
}

template <class T> TRM_DEVICE void write_gates(const gates &x, T *dgu, T *act, int octet, float r, float mean) {
  float dg[OCTET], du[OCTET], a[OCTET];
#pragma unroll
  for (int j = 0; j < OCTET; j++) {
    float s = 1 / (1 + expf(-x.g[j])), p = x.g[j] * x.u[j], dp = r * (x.d[j] * s - p * (r * r * mean));
    a[j] = s * p * r;
    du[j] = dp * x.g[j];
    dg[j] = dp * x.u[j] + x.d[j] * a[j] * (1 - s);
  }
  trm_write(dgu + octet * 2 * OCTET, dg);
  trm_write(dgu + octet * 2 * OCTET + OCTET, du);
  trm_write(act + octet * OCTET, a);
}

/* One block a row; a thread holds one octet, and reads any further ones twice. Bound by memory bandwidth. */
template <class T>
TRM_KERNEL __launch_bounds__(THREADS)
    rms_gate_backward(T *dgu, T *act, const T *gu, const T *da, const float *scale, int inner) {
  size_t row = blockIdx.x, at = row * (size_t)inner;
  int octets = inner / OCTET, first = (int)threadIdx.x;
  dgu += 2 * at, gu += 2 * at, act += at, da += at;
  gates x;
  float sum = 0;
  if (first < octets) {
    read_gates(x, gu, da, first);
    sum = gates_sum(x);
  }
  for (int i = first + (int)blockDim.x; i < octets; i += (int)blockDim.x) {
    gates more;
    read_gates(more, gu, da, i);
    sum += gates_sum(more);
  }
  float mean = trm_block_sum(sum, (float *)trm_shared()) / (float)inner, r = scale[row];
  if (first < octets) write_gates(x, dgu, act, first, r, mean);
  for (int i = first + (int)blockDim.x; i < octets; i += (int)blockDim.x) {
    gates more;
    read_gates(more, gu, da, i);
    write_gates(more, dgu, act, i, r, mean);
  }
}

template <class T>
static void norm_gate_launch(trm__cuda_queue *q, void *dgu, void *act, const void *gu, const void *da,
                             const float *scale, int rows, int inner) {
  int octets = inner / OCTET, threads = octets >= THREADS ? THREADS : (octets + 31) / 32 * 32;
  if (rows > 0)
    trm_launch(q, rms_gate_backward<T>, dim3((unsigned)rows), threads, WARPS * sizeof(float), (T *)dgu, (T *)act,
               (const T *)gu, (const T *)da, scale, inner);
}

extern "C" void trm__cuda_rms_gate_backward(trm__cuda_queue *q, trm_dtype type, void *dgu, void *act, const void *gu,
                                            const void *da, const float *scale, int rows, int inner) {
  if (type == TRM_BFLOAT16) norm_gate_launch<trm_bf16>(q, dgu, act, gu, da, scale, rows, inner);
  else norm_gate_launch<float>(q, dgu, act, gu, da, scale, rows, inner);
}
