/* What the files of the attention kernels share: arguments as kernels take them, and the tensor-core versions'
 * launchers. */
#ifndef TRM_KERNELS_CUDA_ATTENTION_ATTENTION_CUH
#define TRM_KERNELS_CUDA_ATTENTION_ATTENTION_CUH

#include "kernels/cuda/device.cuh"

#define TRM_LOG2E 1.4426950408889634f
#define TRM_LN2 0.6931471805599453f

/* One launch. Block index: tile + tiles * (head + heads * example), so that neighbours share keys and values in L2. */
template <class T> struct attention_args {
  const T *qkv; /* [b][L][3*heads*d] */
  T *out;       /* [b][L][heads*d] */
  float *lse;   /* [b][heads][L] */
  const T *dout;
  T *dqkv;
  float *sums; /* [b][heads][L]: sum over j of dout_j out_j */
  int L, heads, d, tiles;
  float scale; /* 1/sqrt(d) */
};

/* One head of one example. */
template <class T> struct attention_head {
  const T *q, *k, *v;
  T *dq, *dk, *dv;
  ptrdiff_t ld; /* of the six */
  T *out;
  const T *dout;
  ptrdiff_t out_ld;
  float *lse, *sums; /* [L] */
  int tile;
};

template <class T> TRM_DEVICE attention_head<T> attention_find(const attention_args<T> &a) {
  int width = a.heads * a.d, head = (int)blockIdx.x / a.tiles;
  size_t example = (size_t)(head / a.heads);
  int column = head % a.heads * a.d;
  attention_head<T> h;
  h.tile = (int)blockIdx.x % a.tiles;
  h.ld = 3 * (ptrdiff_t)width;
  h.out_ld = width;
  size_t in = example * (size_t)a.L * (size_t)(3 * width) + (size_t)column;
  size_t out = example * (size_t)a.L * (size_t)width + (size_t)column;
  h.q = a.qkv + in;
  h.k = h.q + width;
  h.v = h.k + width;
  h.dq = a.dqkv ? a.dqkv + in : nullptr;
  h.dk = a.dqkv ? h.dq + width : nullptr;
  h.dv = a.dqkv ? h.dk + width : nullptr;
  h.out = a.out + out;
  h.dout = a.dout ? a.dout + out : nullptr;
  h.lse = a.lse ? a.lse + (size_t)head * (size_t)a.L : nullptr;
  h.sums = a.sums ? a.sums + (size_t)head * (size_t)a.L : nullptr;
  return h;
}

template <class T> static inline attention_args<T> attention_arguments(const trm__cuda_attention *a, int tile_rows) {
  attention_args<T> args = {(const T *)a->qkv, (T *)a->out, a->lse, (const T *)a->dout,
                            (T *)a->dqkv,      a->scratch,  a->L,   a->heads,
                            a->head_dim,       0,           1.0f};
  args.tiles = (a->L + tile_rows - 1) / tile_rows;
  args.scale = (float)(1.0 / sqrt((double)a->head_dim));
  return args;
}

/* bf16 and head_dim 64 (attention_bf16.cu, attention_bf16_backward.cu). */
void trm__cuda_attention_bf16(trm__cuda_queue *q, const trm__cuda_attention *a);
void trm__cuda_attention_bf16_backward(trm__cuda_queue *q, const trm__cuda_attention *a);

#endif
