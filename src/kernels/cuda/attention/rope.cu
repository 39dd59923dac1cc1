/* Rotary positions, half-split: numbers j and j + d/2 of a head turn by the angle of their row and j. In place, one
 * read and one write of q and k: bounded by memory. A thread takes four neighbouring j, or one where d/2 is not a
 * multiple of four. */
#include "kernels/cuda/device.cuh"

template <class T, int N> struct alignas(sizeof(T) * N) neighbours { T x[N]; };

/* One thread for N pairs; threads: rows (b L) x heads x pairs / N. */
template <class T, int N>
TRM_KERNEL __launch_bounds__(256) rope(T *x, ptrdiff_t ld, const float *cosines, const float *sines, size_t threads,
                                       int L, int heads, int pairs, float sign) {
  typedef neighbours<T, N> several;
  typedef neighbours<float, N> angles;
  size_t thread = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= threads) return;
  int groups = pairs / N, j = (int)(thread % (size_t)groups) * N;
  size_t head = thread / (size_t)groups % (size_t)heads, row = thread / (size_t)groups / (size_t)heads;
  size_t angle = row % (size_t)L * (size_t)pairs + (size_t)j;
  T *left = x + (ptrdiff_t)row * ld + (ptrdiff_t)head * 2 * pairs + j, *right = left + pairs;
  several a = *(const several *)left, b = *(const several *)right;
  angles c = *(const angles *)(cosines + angle), s = *(const angles *)(sines + angle);
#pragma unroll
  for (int i = 0; i < N; i++) {
    float u = trm_to_float(a.x[i]), v = trm_to_float(b.x[i]), sine = sign * s.x[i];
    a.x[i] = trm_from_float<T>(u * c.x[i] - v * sine);
    b.x[i] = trm_from_float<T>(v * c.x[i] + u * sine);
  }
  *(several *)left = a;
  *(several *)right = b;
}

template <class T>
static void rope_launch(trm__cuda_queue *q, T *x, ptrdiff_t ld, const float *cosines, const float *sines, int b, int L,
                        int heads, int pairs, int backward) {
  bool four = pairs % 4 == 0 && ld % 4 == 0;
  size_t threads = (size_t)b * (size_t)L * (size_t)heads * (size_t)(four ? pairs / 4 : pairs);
  dim3 grid((unsigned)((threads + 255) / 256));
  float sign = backward ? -1.0f : 1.0f;
  if (four) trm_launch(q, (rope<T, 4>), grid, 256, 0, x, ld, cosines, sines, threads, L, heads, pairs, sign);
  else trm_launch(q, (rope<T, 1>), grid, 256, 0, x, ld, cosines, sines, threads, L, heads, pairs, sign);
}

/* Pointers are aligned to four elements, as whole arrays are. head_dim is even. */
extern "C" void trm__cuda_rope(trm__cuda_queue *q, trm_dtype type, void *x, ptrdiff_t ld, const float *cosines,
                               const float *sines, int b, int L, int heads, int head_dim, int backward) {
  if (type == TRM_BFLOAT16) rope_launch(q, (trm_bf16 *)x, ld, cosines, sines, b, L, heads, head_dim / 2, backward);
  else rope_launch(q, (float *)x, ld, cosines, sines, b, L, heads, head_dim / 2, backward);
}
