/* What epilogues of products do, as kernels of their own over stored products in bf16: for products that another
 * library makes. The same arithmetic as in product.cuh; all are bound by memory bandwidth, eight elements a thread in
 * 16-byte accesses. */
#include "kernels/cuda/product/product.cuh"

namespace {

enum { THREADS = 256 };

dim3 blocks_for(size_t threads) {
  return dim3((unsigned)((threads + THREADS - 1) / THREADS));
}

TRM_DEVICE size_t flat_index(void) {
  return (size_t)blockIdx.x * THREADS + threadIdx.x;
}

/* Eight activations a thread; eight neighbours have the 64 of one sum of squares, as inner is a multiple of 64 then. */
TRM_KERNEL __launch_bounds__(THREADS) gate_rows(const trm_bf16 *gu, trm_bf16 *act, float *squares, size_t units) {
  size_t unit = flat_index();
  bool inside = unit < units;
  float g[8], u[8], sum = 0;
  trm__read8(g, gu + (inside ? unit : 0) * 16);
  trm__read8(u, gu + (inside ? unit : 0) * 16 + 8);
#pragma unroll
  for (int e = 0; e < 8; e++) {
    float product = g[e] * u[e];
    sum += product * product;
    g[e] = trm__round_to<trm_bf16>(g[e] * trm__sigmoid_for<trm_bf16>(g[e])) * u[e];
  }
  if (inside) trm__write8(act + unit * 8, g);
  if (!squares) return;
  for (int bit = 1; bit < 8; bit *= 2) sum += __shfl_xor_sync(0xffffffffu, sum, bit);
  if (inside && unit % 8 == 0) squares[unit / 8] = sum;
}

/* act may be da, dgu may be gu: a thread reads its eight before it writes them. */
TRM_KERNEL __launch_bounds__(THREADS)
    gate_rows_backward(const trm_bf16 *gu, const trm_bf16 *da, trm_bf16 *dgu, trm_bf16 *act, size_t units) {
  size_t unit = flat_index();
  if (unit >= units) return;
  float d[8], g[8], u[8], a[8];
  trm__read8(d, da + unit * 8);
  trm__read8(g, gu + unit * 16);
  trm__read8(u, gu + unit * 16 + 8);
#pragma unroll
  for (int e = 0; e < 8; e++) {
    float s = trm__sigmoid_for<trm_bf16>(g[e]), silu = g[e] * s;
    a[e] = trm__round_to<trm_bf16>(silu) * u[e];
    g[e] = d[e] * u[e] * (s * (1.0f + g[e] * (1.0f - s)));
    u[e] = d[e] * silu;
  }
  trm__write8(dgu + unit * 16, g);
  trm__write8(dgu + unit * 16 + 8, u);
  if (act) trm__write8(act + unit * 8, a);
}

/* whole, whole_x: addresses of every eight elements are multiples of 16 bytes. */
TRM_KERNEL __launch_bounds__(THREADS)
    add_scaled(trm__cuda_scaled s, size_t units, int across, bool whole, bool whole_x) {
  size_t unit = flat_index();
  if (unit >= units) return;
  int col = (int)(unit % (size_t)across) * 8, count = s.cols - col;
  size_t row = unit / (size_t)across, batch = row / (size_t)s.rows, i = row % (size_t)s.rows;
  ptrdiff_t place = (ptrdiff_t)batch * s.batch + (ptrdiff_t)i * s.ld + col;
  float x[8], r[8];
  trm__read_some(x, s.x + row * (size_t)s.cols + col, count, whole_x);
  trm__read_some(r, (const trm_bf16 *)s.residual + place, count, whole);
#pragma unroll
  for (int e = 0; e < 8; e++) {
    size_t at = s.by_column ? batch * (size_t)s.cols + (size_t)(col + e) : row;
    r[e] += trm__round_to<trm_bf16>(e < count ? x[e] * s.scale[at] : 0.0f);
  }
  trm__write_some((trm_bf16 *)s.c + place, r, count, whole);
}

} // namespace

extern "C" void trm__cuda_gate(trm__cuda_queue *q, void *act, float *squares, const void *gu, size_t rows, int inner) {
  size_t units = rows * (size_t)(inner / 8);
  trm_launch(q, gate_rows, blocks_for(units), THREADS, 0, (const trm_bf16 *)gu, (trm_bf16 *)act, squares, units);
}

extern "C" void trm__cuda_gate_backward(trm__cuda_queue *q, void *dgu, void *act, const void *gu, const void *da,
                                        size_t rows, int inner) {
  size_t units = rows * (size_t)(inner / 8);
  trm_launch(q, gate_rows_backward, blocks_for(units), THREADS, 0, (const trm_bf16 *)gu, (const trm_bf16 *)da,
             (trm_bf16 *)dgu, (trm_bf16 *)act, units);
}

extern "C" void trm__cuda_add_scaled(trm__cuda_queue *q, const trm__cuda_scaled *s) {
  int across = (s->cols + 7) / 8;
  size_t units = (size_t)s->batches * (size_t)s->rows * (size_t)across;
  bool whole = (((size_t)s->c | (size_t)s->residual | (size_t)s->ld * 2 | (size_t)s->batch * 2) & 15) == 0;
  bool whole_x = s->cols % 4 == 0 && ((size_t)s->x & 15) == 0;
  trm_launch(q, add_scaled, blocks_for(units), THREADS, 0, *s, units, across, whole, whole_x);
}
