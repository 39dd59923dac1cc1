/* What all matrix products of this folder share: how a product is cut into tiles, one a block, and what becomes of a
 * tile's sums. The variants (plain, mma.sync, wgmma) differ in how sums are made, but keep them in the same places:
 * acc[a][j] of a warp is a block of 16 rows (row0 + a*STRIDE ...) and 8 columns (col0 + 8*j ...) as mma.m16n8k16 leaves
 * it, lane l having rows l/4 and l/4 + 8 and columns 2*(l%4) and the next.
 *
 * The sums go, rounded to the forward type, to shared memory (the stage) and from there in runs of eight elements to
 * where they belong: so every access to global memory is 16 bytes a thread along rows, gates meet their ups, and
 * transposed results are written along their rows too. Only partial sums (fp32) go straight from the fragments. */
#ifndef TRM_KERNELS_CUDA_PRODUCT_PRODUCT_CUH
#define TRM_KERNELS_CUDA_PRODUCT_PRODUCT_CUH

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/product/product.h"

/* How a product is cut. A block has one tile of one batch, or with splits one tile of one part of the sum over all
 * batches' steps along k. Tiles beside each other in n come first, so that they meet in the cache over A. */
struct trm__tiling {
  int across;     /* tiles beside each other in n */
  int tiles;      /* of a batch */
  int steps;      /* along k of a batch */
  int splits;     /* 0: none */
  float *partial; /* [splits][m][n] */
};

struct trm__place {
  int m0, n0, batch, split;
  int count;     /* steps */
  int k0, first; /* where the first step begins: along k, and in which batch */
};

static inline trm__tiling trm__tiling_of(const trm__cuda_product *p, int bm, int bn, int bk, int splits,
                                         float *partial) {
  trm__tiling t;
  t.across = (p->n + bn - 1) / bn;
  t.tiles = t.across * ((p->m + bm - 1) / bm);
  t.steps = (p->k + bk - 1) / bk;
  t.splits = splits;
  t.partial = partial;
  return t;
}

static inline dim3 trm__tiling_grid(const trm__cuda_product *p, const trm__tiling *t) {
  return dim3((unsigned)t->tiles * (unsigned)(t->splits ? t->splits : p->batches));
}

template <int BM, int BN, int BK>
TRM_DEVICE trm__place trm__place_of(const trm__cuda_product &p, const trm__tiling &t, int block) {
  int tile = block % t.tiles, unit = block / t.tiles;
  trm__place at;
  at.m0 = tile / t.across * BM;
  at.n0 = tile % t.across * BN;
  at.batch = at.first = t.splits ? 0 : unit;
  at.split = unit;
  at.count = t.steps;
  at.k0 = 0;
  if (t.splits) {
    int64_t all = (int64_t)t.steps * p.batches;
    int64_t begin = all * unit / t.splits, end = all * (unit + 1) / t.splits;
    at.count = (int)(end - begin);
    at.first = (int)(begin / t.steps);
    at.k0 = (int)(begin % t.steps) * BK;
  }
  return at;
}

/* -- eight elements -------------------------------------------------------------------------------------------------
 */

TRM_DEVICE void trm__read8(float v[8], const float *from) {
  float4 low = *(const float4 *)from, high = *(const float4 *)(from + 4);
  v[0] = low.x, v[1] = low.y, v[2] = low.z, v[3] = low.w;
  v[4] = high.x, v[5] = high.y, v[6] = high.z, v[7] = high.w;
}
TRM_DEVICE void trm__read8(float v[8], const trm_bf16 *from) {
  uint4 words = *(const uint4 *)from;
  v[0] = trm_low_float(words.x), v[1] = trm_high_float(words.x);
  v[2] = trm_low_float(words.y), v[3] = trm_high_float(words.y);
  v[4] = trm_low_float(words.z), v[5] = trm_high_float(words.z);
  v[6] = trm_low_float(words.w), v[7] = trm_high_float(words.w);
}
TRM_DEVICE void trm__write8(float *to, const float v[8]) {
  *(float4 *)to = make_float4(v[0], v[1], v[2], v[3]);
  *(float4 *)(to + 4) = make_float4(v[4], v[5], v[6], v[7]);
}
TRM_DEVICE void trm__write8(trm_bf16 *to, const float v[8]) {
  *(uint4 *)to = make_uint4(trm_pack_bf16(v[0], v[1]), trm_pack_bf16(v[2], v[3]), trm_pack_bf16(v[4], v[5]),
                            trm_pack_bf16(v[6], v[7]));
}
/* As they lie in memory. */
template <class T> struct trm__eight;
template <> struct __attribute__((aligned(16), may_alias)) trm__eight<float> { float x[8]; };
template <> struct __attribute__((aligned(16), may_alias)) trm__eight<trm_bf16> { uint32_t x[4]; };
TRM_DEVICE void trm__spread8(float v[8], const trm__eight<float> &from) {
#pragma unroll
  for (int e = 0; e < 8; e++) v[e] = from.x[e];
}
TRM_DEVICE void trm__spread8(float v[8], const trm__eight<trm_bf16> &from) {
#pragma unroll
  for (int e = 0; e < 4; e++) v[2 * e] = trm_low_float(from.x[e]), v[2 * e + 1] = trm_high_float(from.x[e]);
}
TRM_DEVICE void trm__pack8(trm__eight<float> &to, const float v[8]) {
#pragma unroll
  for (int e = 0; e < 8; e++) to.x[e] = v[e];
}
TRM_DEVICE void trm__pack8(trm__eight<trm_bf16> &to, const float v[8]) {
#pragma unroll
  for (int e = 0; e < 4; e++) to.x[e] = trm_pack_bf16(v[2 * e], v[2 * e + 1]);
}
/* Lanes 2i and 2i + 1: the even one's second becomes what the odd one's first was, and the other way round. All lanes
 * of the warp. */
template <class T> TRM_DEVICE void trm__exchange8(trm__eight<T> &first, trm__eight<T> &second, bool odd) {
#pragma unroll
  for (unsigned e = 0; e < sizeof first.x / sizeof *first.x; e++) {
    auto got = __shfl_xor_sync(0xffffffffu, odd ? first.x[e] : second.x[e], 1);
    if (odd) first.x[e] = got;
    else second.x[e] = got;
  }
}
/* The first `count` of eight; whole says that all eight addresses are 16-byte aligned runs. */
template <class T> TRM_DEVICE void trm__read_some(float v[8], const T *from, int count, bool whole) {
  if (whole && count >= 8) {
    trm__read8(v, from);
  } else {
#pragma unroll
    for (int e = 0; e < 8; e++) v[e] = e < count ? trm_to_float(from[e]) : 0.0f;
  }
}
template <class T> TRM_DEVICE void trm__write_some(T *to, const float v[8], int count, bool whole) {
  if (whole && count >= 8) {
    trm__write8(to, v);
  } else {
#pragma unroll
    for (int e = 0; e < 8; e++)
      if (e < count) to[e] = trm_from_float<T>(v[e]);
  }
}
TRM_DEVICE void trm__put2(float *to, float a, float b) {
  *(float2 *)to = make_float2(a, b);
}
TRM_DEVICE void trm__put2(trm_bf16 *to, float a, float b) {
  *(uint32_t *)to = trm_pack_bf16(a, b);
}
template <class T> TRM_DEVICE float trm__round_to(float x) {
  return trm_to_float(trm_from_float<T>(x));
}

/* 1 / (1 + exp(-x)); for bf16 results with the short instructions, whose error of a few fp32 ulps does not show. */
template <class T> TRM_DEVICE float trm__sigmoid_for(float x);
template <> TRM_DEVICE_SPECIAL float trm__sigmoid_for<float>(float x) {
  return 1.0f / (1.0f + expf(-x));
}
template <> TRM_DEVICE_SPECIAL float trm__sigmoid_for<trm_bf16>(float x) {
  return __fdividef(1.0f, 1.0f + __expf(-x));
}

/* -- what becomes of a tile ---------------------------------------------------------------------------------------- */

/* That the squares of a row are summed in: the same for all shapes, as bits are. */
enum { TRM__NORM_PARTS = 4 };

/* BM x BN elements of T by THREADS threads. Rows of the stage are eight elements longer than the tile's, so that the
 * fragments of a warp go to different banks. */
template <class T, int BM, int BN, int THREADS> struct trm__finish {
  enum {
    PITCH = BN + 8,
    PITCH_T = BM + 8, /* of the stage of transposed results, [BN][BM] */
    STAGE = BM * PITCH > BN *PITCH_T ? BM *PITCH : BN *PITCH_T,
    PARTS = TRM__NORM_PARTS,
    TURNS = BM * BN / 8 / THREADS, /* eight elements a thread each */
    BYTES = STAGE * (int)sizeof(T) + (PARTS + 1) * BM * (int)sizeof(float)
  };

  const trm__cuda_product &p;
  const trm__place &at;
  T *stage;
  int thread;

  TRM_METHOD trm__finish(const trm__cuda_product &product, const trm__place &place, unsigned char *shared)
      : p(product), at(place), stage((T *)shared), thread((int)threadIdx.x) {}

  TRM_METHOD bool aligned() const { /* c and residual: every eighth element is at a multiple of 16 bytes */
    size_t steps = (size_t)p.c_ld | (p.batches > 1 ? (size_t)p.c_batch : 0);
    return (((size_t)p.c | (size_t)p.residual | steps * sizeof(T)) & 15) == 0;
  }

  template <int MT, int NT, int STRIDE>
  TRM_METHOD void put(const float (&acc)[MT][NT][4], int row0, int col0, bool transposed) {
    int lane = thread & 31;
    row0 += lane >> 2;
    col0 += (lane & 3) * 2;
#pragma unroll
    for (int a = 0; a < MT; a++) {
#pragma unroll
      for (int h = 0; h < 2; h++) {
        int row = row0 + a * STRIDE + 8 * h;
        float scale = p.scale && at.m0 + row < p.m ? p.scale[(size_t)at.batch * p.m + at.m0 + row] : 1.0f;
#pragma unroll
        for (int j = 0; j < NT; j++) {
          float x = acc[a][j][2 * h] * scale, y = acc[a][j][2 * h + 1] * scale;
          if (transposed) {
            T *to = stage + (col0 + 8 * j) * PITCH_T + row;
            to[0] = trm_from_float<T>(x);
            to[PITCH_T] = trm_from_float<T>(y);
          } else {
            trm__put2(stage + row * PITCH + col0 + 8 * j, x, y);
          }
        }
      }
    }
  }

  /* STORE, RESIDUAL */
  TRM_METHOD void rows(int begin, int end) {
    bool whole = aligned();
    for (int turn = begin; turn < end; turn++) {
      int q = turn * THREADS + thread;
      int row = q / (BN / 8), col = q % (BN / 8) * 8, i = at.m0 + row, j = at.n0 + col;
      if (i >= p.m || j >= p.n) continue;
      ptrdiff_t place = at.batch * p.c_batch + i * p.c_ld + j;
      float v[8], r[8];
      trm__read8(v, stage + row * PITCH + col);
      if (p.epilogue == TRM__CUDA_RESIDUAL) {
        trm__read_some(r, (const T *)p.residual + place, p.n - j, whole);
#pragma unroll
        for (int e = 0; e < 8; e++) v[e] = r[e] + v[e];
      }
      trm__write_some((T *)p.c + place, v, p.n - j, whole);
    }
  }

  /* RESIDUAL_T; keep: the result stays in the stage instead. */
  TRM_METHOD void columns(int begin, int end, bool keep) {
    bool whole = aligned();
    for (int turn = begin; turn < end; turn++) {
      int q = turn * THREADS + thread;
      int col = q / (BM / 8), row = q % (BM / 8) * 8, i = at.m0 + row, j = at.n0 + col;
      if (i >= p.m || j >= p.n) continue;
      ptrdiff_t place = at.batch * p.c_batch + j * p.c_ld + i;
      float v[8], r[8];
      T *staged = stage + col * PITCH_T + row;
      trm__read8(v, staged);
      trm__read_some(r, (const T *)p.residual + place, p.m - i, whole);
#pragma unroll
      for (int e = 0; e < 8; e++) v[e] = r[e] + v[e];
      if (keep) trm__write8(staged, v);
      else trm__write_some((T *)p.c + place, v, p.m - i, whole);
    }
  }

  /* RESIDUAL_NORM_T, after columns(..., true): all n elements of a row are in the stage. */
  TRM_METHOD void normed_columns() {
    float *part = (float *)(stage + STAGE), *inverse = part + PARTS * BM;
    __syncthreads();
    for (int u = thread; u < PARTS * BM; u += THREADS) {
      int row = u % BM, each = (p.n + PARTS - 1) / PARTS, j0 = u / BM * each;
      float sum = 0;
      for (int j = j0; j < j0 + each && j < p.n; j++) {
        float x = trm_to_float(stage[j * PITCH_T + row]);
        sum += x * x;
      }
      part[u] = sum;
    }
    __syncthreads();
    if (thread < BM) {
      float sum = 0;
      for (int e = 0; e < PARTS; e++) sum += part[e * BM + thread];
      float r = 1.0f / sqrtf(sum / (float)p.n + (float)p.eps);
      inverse[thread] = r;
      if (p.inv && at.m0 + thread < p.m) p.inv[(size_t)at.batch * p.m + at.m0 + thread] = r;
    }
    __syncthreads();
    bool whole = aligned();
    for (int q = thread; q < BN * (BM / 8); q += THREADS) {
      int col = q / (BM / 8), row = q % (BM / 8) * 8, i = at.m0 + row;
      if (i >= p.m || col >= p.n) continue;
      float v[8];
      trm__read8(v, stage + col * PITCH_T + row);
#pragma unroll
      for (int e = 0; e < 8; e++) v[e] *= inverse[row + e];
      trm__write_some((T *)p.c + at.batch * p.c_batch + col * p.c_ld + i, v, p.m - i, whole);
    }
  }

  /* GATE: the stage as it is, along rows. */
  TRM_METHOD void gates_and_ups(int begin, int end) {
    for (int turn = begin; turn < end; turn++) {
      int q = turn * THREADS + thread;
      int row = q / (BN / 8), col = q % (BN / 8) * 8, i = at.m0 + row, j = at.n0 + col;
      if (i >= p.m || j >= p.n) continue;
      *(trm__eight<T> *)((T *)p.gu + ((size_t)at.batch * p.m + i) * p.n + j) =
          *(const trm__eight<T> *)(stage + row * PITCH + col);
    }
  }

  /* GATE: 16 columns of the stage, gates and their ups, a thread. Eight threads have 64 activations of a row. */
  TRM_METHOD void gate(int begin, int end) {
    size_t inner = (size_t)p.n / 2, row_base = (size_t)at.batch * p.m + at.m0;
    for (int turn = begin; turn < end; turn++) {
      int q = turn * THREADS + thread;
      if (BM * BN / 16 < THREADS && q >= BM * BN / 16) return;
      int row = q / (BN / 16), unit = q % (BN / 16), j = at.n0 + 16 * unit;
      bool inside = at.m0 + row < p.m && j < p.n;
      float g[8], u[8], sum = 0;
      trm__read8(g, stage + row * PITCH + 16 * unit);
      trm__read8(u, stage + row * PITCH + 16 * unit + 8);
#pragma unroll
      for (int e = 0; e < 8; e++) {
        float product = g[e] * u[e];
        sum += product * product;
        g[e] = trm__round_to<T>(g[e] * trm__sigmoid_for<T>(g[e])) * u[e];
      }
      if (inside) trm__write8((T *)p.act + (row_base + row) * inner + j / 2, g);
      if (p.squares) {
        for (int bit = 1; bit < 8; bit *= 2) sum += __shfl_xor_sync(0xffffffffu, sum, bit);
        if (inside && unit % 8 == 0) p.squares[(row_base + row) * (inner / 64) + j / 128] = sum;
      }
    }
  }

  /* GATE_BACKWARD: silu'(g) = s (1 + g (1 - s)), s = sigmoid(g). The threads of a row move its gates and ups as they
   * lie in memory, half of the row at a time, so that what a warp reads or writes at once are whole lines. Thread l has
   * eight gates (l even) or ups of octet l / 2 of either half; exchanged with its neighbour's it has both of one. */
  TRM_METHOD void gate_backward(int begin, int end) {
    enum { ROW = BN / 8 }; /* threads */
    static_assert(ROW <= 32 && ROW % 2 == 0, "a row is one warp's");
    int lane = thread % ROW, left = lane / 2, right = left + ROW / 2;
    bool odd = lane & 1;
    int octet = odd ? right : left;
    for (int turn = begin; turn < end; turn++) {
      int row = (turn * THREADS + thread) / ROW, i = at.m0 + row;
      bool in_left = i < p.m && at.n0 + 8 * left < p.n, in_right = i < p.m && at.n0 + 8 * right < p.n;
      size_t place = ((size_t)at.batch * p.m + i) * p.n + at.n0;
      const T *from = (const T *)p.gu_in + 2 * place + 8 * lane;
      trm__eight<T> first = {}, second = {};
      if (in_left) first = *(const trm__eight<T> *)from;
      if (in_right) second = *(const trm__eight<T> *)(from + 8 * ROW);
      trm__exchange8<T>(first, second, odd);
      float d[8], g[8], u[8], a[8];
      trm__read8(d, stage + row * PITCH + 8 * octet);
      trm__spread8(g, first);
      trm__spread8(u, second);
#pragma unroll
      for (int e = 0; e < 8; e++) {
        float s = trm__sigmoid_for<T>(g[e]), silu = g[e] * s;
        a[e] = trm__round_to<T>(silu) * u[e];
        g[e] = d[e] * u[e] * (s * (1.0f + g[e] * (1.0f - s)));
        u[e] = d[e] * silu;
      }
      trm__pack8(first, g);
      trm__pack8(second, u);
      trm__exchange8<T>(first, second, odd);
      T *to = (T *)p.gu + 2 * place + 8 * lane;
      if (in_left) *(trm__eight<T> *)to = first;
      if (in_right) *(trm__eight<T> *)(to + 8 * ROW) = second;
      if (p.act && (odd ? in_right : in_left)) trm__write8((T *)p.act + place + 8 * octet, a);
    }
  }

  template <int MT, int NT, int STRIDE>
  TRM_METHOD void partial(float *to, const float (&acc)[MT][NT][4], int row0, int col0) {
    int lane = thread & 31;
    row0 += at.m0 + (lane >> 2);
    col0 += at.n0 + (lane & 3) * 2;
    to += (size_t)at.split * p.m * p.n;
    bool pairs = p.n % 2 == 0;
#pragma unroll
    for (int a = 0; a < MT; a++) {
#pragma unroll
      for (int h = 0; h < 2; h++) {
        int i = row0 + a * STRIDE + 8 * h;
        if (i >= p.m) continue;
        float *row = to + (size_t)i * p.n;
#pragma unroll
        for (int j = 0; j < NT; j++) {
          int col = col0 + 8 * j;
          if (pairs && col < p.n) {
            trm__put2(row + col, acc[a][j][2 * h], acc[a][j][2 * h + 1]);
          } else {
            if (col < p.n) row[col] = acc[a][j][2 * h];
            if (col + 1 < p.n) row[col + 1] = acc[a][j][2 * h + 1];
          }
        }
      }
    }
  }

  TRM_METHOD bool transposed() const {
    return p.epilogue == TRM__CUDA_RESIDUAL_T || p.epilogue == TRM__CUDA_RESIDUAL_NORM_T;
  }

  /* Turns begin..end-1 of what is staged, by all threads; not RESIDUAL_NORM_T. */
  TRM_METHOD void turns(int begin, int end) {
    switch (p.epilogue) {
    case TRM__CUDA_GATE:
      if (p.gu) gates_and_ups(begin, end);
      return gate((begin + 1) / 2, (end + 1) / 2);
    case TRM__CUDA_GATE_BACKWARD:
      return gate_backward(begin, end);
    case TRM__CUDA_RESIDUAL_T:
      return columns(begin, end, false);
    default:
      return rows(begin, end);
    }
  }

  /* All of it. All threads, when none has copies under way; what the tiles took of shared memory may become the stage.
   */
  template <int STRIDE, int MT, int NT>
  TRM_METHOD void run(const trm__tiling &t, const float (&acc)[MT][NT][4], int row0, int col0) {
    if (t.splits) return partial<MT, NT, STRIDE>(t.partial, acc, row0, col0);
    __syncthreads();
    put<MT, NT, STRIDE>(acc, row0, col0, transposed());
    __syncthreads();
    if (p.epilogue != TRM__CUDA_RESIDUAL_NORM_T) return turns(0, TURNS);
    columns(0, TURNS, true);
    normed_columns();
  }
};

#endif
