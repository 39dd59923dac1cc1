/* One element at a time: injection, blending, conversion. All are bound by memory bandwidth. */
#include "kernels/cuda/block/vec.cuh"

enum { THREADS = 256, BLOCKS_A_SM = 16 };

/* Carries o out on all n elements, W at a time; the last n % W one by one. */
template <int W, class OP> TRM_KERNEL __launch_bounds__(THREADS) each(OP o, size_t n) {
  size_t step = (size_t)gridDim.x * THREADS, vectors = n / W, first = (size_t)blockIdx.x * THREADS + threadIdx.x;
  for (size_t i = first; i < vectors; i += step) OP::template run<W>(o, i * W);
  for (size_t i = vectors * W + first; i < n; i += step) OP::template run<1>(o, i);
}

template <int W, class OP> static void each_launch(trm__cuda_queue *q, const OP &o, size_t n, bool aligned) {
  unsigned blocks = trm_blocks(n, THREADS * (aligned ? W : 1)), most = (unsigned)(BLOCKS_A_SM * q->sms);
  dim3 grid(blocks < most || !most ? blocks : most);
  if (n && aligned) trm_launch(q, (each<W, OP>), grid, THREADS, 0, o, n);
  else if (n) trm_launch(q, (each<1, OP>), grid, THREADS, 0, o, n);
}

/* -- h = in + (a + b) ---------------------------------------------------------------------------------------------- */

template <class T> struct inject_op {
  T *h;
  const T *in, *a, *b;

  template <int W> TRM_DEVICE void run(const inject_op &o, size_t at) {
    float x[W], sum[W], other[W];
    trm_read(x, o.in + at);
    trm_read(sum, o.a + at);
    if (o.b) {
      trm_read(other, o.b + at);
#pragma unroll
      for (int j = 0; j < W; j++) sum[j] = trm_round<T>(sum[j] + other[j]);
    }
#pragma unroll
    for (int j = 0; j < W; j++) x[j] += sum[j];
    trm_write(o.h + at, x);
  }
};

template <class T>
static void inject(trm__cuda_queue *q, void *h, const void *in, const void *a, const void *b, size_t n) {
  inject_op<T> o = {(T *)h, (const T *)in, (const T *)a, (const T *)b};
  each_launch<trm_width<T>>(q, o, n, trm_aligned(h, in, a, b));
}

extern "C" void trm__cuda_inject(trm__cuda_queue *q, trm_dtype type, void *h, const void *in, const void *a,
                                 const void *b, size_t n) {
  if (type == TRM_BFLOAT16) inject<trm_bf16>(q, h, in, a, b, n);
  else inject<float>(q, h, in, a, b, n);
}

/* -- x = keep x + take other --------------------------------------------------------------------------------------- */

template <class T> struct blend_op {
  T *x;
  const T *other;
  float keep, take;

  template <int W> TRM_DEVICE void run(const blend_op &o, size_t at) {
    float x[W], other[W];
    trm_read(x, o.x + at);
    trm_read(other, o.other + at);
#pragma unroll
    for (int j = 0; j < W; j++) x[j] = o.keep * x[j] + o.take * other[j];
    trm_write(o.x + at, x);
  }
};

template <class T>
static void blend(trm__cuda_queue *q, void *x, double keep, const void *other, double take, size_t n) {
  blend_op<T> o = {(T *)x, (const T *)other, (float)keep, (float)take};
  each_launch<trm_width<T>>(q, o, n, trm_aligned(x, other));
}

extern "C" void trm__cuda_blend(trm__cuda_queue *q, trm_dtype type, void *x, double keep, const void *other,
                                double take, size_t n) {
  if (type == TRM_BFLOAT16) blend<trm_bf16>(q, x, keep, other, take, n);
  else blend<float>(q, x, keep, other, take, n);
}

/* -- storage to fp32 and back -------------------------------------------------------------------------------------- */

template <class FROM, class TO> struct convert_op {
  TO *to;
  const FROM *from;

  template <int W> TRM_DEVICE void run(const convert_op &o, size_t at) {
    float x[W];
    trm_read(x, o.from + at);
    trm_write(o.to + at, x);
  }
};

template <class T> static void convert(trm__cuda_queue *q, void *x, float *f32, size_t n, int to_f32) {
  bool aligned = trm_aligned(x, f32);
  if (to_f32) each_launch<trm_width<T>>(q, convert_op<T, float>{f32, (const T *)x}, n, aligned);
  else each_launch<trm_width<T>>(q, convert_op<float, T>{(T *)x, f32}, n, aligned);
}

extern "C" void trm__cuda_convert(trm__cuda_queue *q, trm_dtype type, void *x, float *f32, size_t n, int to_f32) {
  if (type == TRM_BFLOAT16) convert<trm_bf16>(q, x, f32, n, to_f32);
  else convert<float>(q, x, f32, n, to_f32);
}
