/* The kernels for NVIDIA GPUs as C sees them: each function here puts one or a few launches into a queue and returns at
 * once. Plain C in kernels/ref is the specification of what they compute; this header says shapes and what differs.
 *
 * Activations are stored in the forward type (fp32 or bf16), all sums are fp32 (norms, losses and update numbers where
 * said: double). Under bf16 every stored tensor is rounded once, at the places that kernels.h marks with `round`.
 * Nothing here allocates, and every sum has an order that depends on shapes alone, so that the same call gives the same
 * bits each time: no atomics on floats. Shapes include the number of examples: with more of them products take wgmma
 * instead of mma.sync, and an example's bits stay the same only where the card sums alike in both
 * (tests/cuda/kernels/variants.c reports it).
 *
 * Pointers are device pointers unless said. Shapes use the letters of docs/spec.md, Symbols; a "row" is one position of
 * one example. bf16 products want leading dimensions that are multiples of 8 and 16-byte aligned operands.
 *
 * The sources are CUDA C++ kept to what device.cuh offers, so that tests can compile them for the host as well. */
#ifndef TRM_KERNELS_CUDA_H
#define TRM_KERNELS_CUDA_H

#include <stddef.h>
#include <stdint.h>
#include <trm/model.h>

#ifdef __cplusplus
extern "C" {
#endif

struct trm__cuda_provider;

/* Where launches go, and the first that failed. One a backend. */
typedef struct trm__cuda_queue {
  void *stream;                        /* cudaStream_t */
  int sms;                             /* multiprocessors */
  int capability;                      /* 80, 90, ...: compute capability times ten */
  int shared_per_block;                /* bytes, with opt-in */
  int wgmma;                           /* products may use sm_90a code */
  int check;                           /* wait after every launch, so that a fault is found where it happens */
  int fault;                           /* cudaError_t of the first failure, 0: none; later launches are left out */
  const char *kernel;                  /* its kernel; a static string */
  int launch[4];                       /* its blocks (x, y, z) and threads */
  struct trm__cuda_provider *provider; /* of products, asked before the kernels here; NULL: none */
} trm__cuda_queue;

/* -- matrix products ----------------------------------------------------------------------------------------------- */

/* x(r, p), p being the sum's index: INNER x[r*ld + p], OUTER x[p*ld + r]. */
typedef enum trm__cuda_layout { TRM__CUDA_INNER, TRM__CUDA_OUTER } trm__cuda_layout;

typedef struct trm__cuda_operand {
  const void *x;
  ptrdiff_t ld;    /* elements */
  ptrdiff_t batch; /* elements from one batch to the next; 0: the same for all */
  trm__cuda_layout layout;
} trm__cuda_operand;

/* What becomes of acc(i, j) = sum over p of A(i, p) B(j, p). [m] of a batch follow each other in every [m] array below,
 * so row i of batch b is row b*m + i. "Interleaved": columns 16q..16q+7 are the gates of 8q..8q+7, the next eight their
 * ups; W_gate_up is packed so that products come out interleaved. */
typedef enum trm__cuda_epilogue {
  TRM__CUDA_STORE,      /* c[i][j] = acc */
  TRM__CUDA_GATE,       /* acc is [m][2I] interleaved (n = 2I): gu [m][2I] = acc unless NULL; act [m][I] = silu(g) * u
                           from the rounded g and u, silu rounded; squares [m][I / 64] unless NULL: sums of (g u)^2
                           over each 64 columns, fp32 */
  TRM__CUDA_RESIDUAL,   /* c[i][j] = residual[i][j] + round(acc * scale[i]) (scale NULL: 1) */
  TRM__CUDA_RESIDUAL_T, /* the same, c and residual stored [batch][n][m]: c[j*ld + i] */
  TRM__CUDA_RESIDUAL_NORM_T, /* ... and then the norm over the n elements of each row: c is what RESIDUAL_T stores,
                               times r = 1/sqrt(mean + eps) of that row; inv [m] = r unless NULL. n <= 128 */
  TRM__CUDA_GATE_BACKWARD,   /* acc is da [m][I] (n = I), rounded: from gu [m][2I] dgu [m][2I], interleaved both (may be
                                the same), and act [m][I] = silu(g) * u unless NULL */
  TRM__CUDA_PARTIAL          /* weight gradients, see below */
} trm__cuda_epilogue;

typedef struct trm__cuda_product {
  trm_dtype type;
  int m, n, k;
  int batches; /* at least 1 */
  trm__cuda_operand a, b;
  trm__cuda_epilogue epilogue;
  void *c;
  ptrdiff_t c_ld, c_batch; /* elements; *_T: of [n][m] */
  const void *residual;    /* ld and batch of c; may be c */
  const float *scale;      /* [m], of the RESIDUAL epilogues; NULL otherwise */
  float *inv;              /* [m] */
  double eps;
  void *gu, *act;    /* contiguous rows, 16-byte aligned; I is a multiple of 8, with squares of 64 */
  const void *gu_in; /* GATE_BACKWARD */
  float *squares;    /* GATE */
  void *room;        /* scratch for a provider; NULL: none */
  size_t room_bytes;
} trm__cuda_product;

/* m, n, k, batches >= 1. A and B beyond their m, n and k are never read, so that nothing needs padding but to make ld
 * and batch of bf16 operands multiples of 8 and x 16-byte aligned; operands that are not are multiplied without tensor
 * cores, slowly. kernels/cuda/product/product.h has the variants. */
void trm__cuda_multiply(trm__cuda_queue *q, const trm__cuda_product *p);

/* Weight gradients: to [m][n] (fp32, row-major) += sum over batches and p of A(i, p) B(j, p). The sum is cut into
 * trm__cuda_splits parts by shape alone; partial [splits][m][n] holds them, and they are added in order. interleaved: i
 * is an interleaved gate or up, and is stored where its gate (0..m/2-1) or up (m/2..m-1) belongs. */
int trm__cuda_splits(trm_dtype type, int m, int n, int k, int batches);
void trm__cuda_weight_gradient(trm__cuda_queue *q, const trm__cuda_product *p, float *partial, float *to,
                               int interleaved);

/* Another library's products. Each function puts what trm__cuda_multiply or trm__cuda_weight_gradient would do into the
 * stream and returns 1, or does nothing at all and returns 0. */
typedef struct trm__cuda_provider {
  int (*multiply)(struct trm__cuda_provider *provider, trm__cuda_queue *q, const trm__cuda_product *p);
  int (*weight_gradient)(struct trm__cuda_provider *provider, trm__cuda_queue *q, const trm__cuda_product *p,
                         float *partial, float *to, int interleaved);
} trm__cuda_provider;

/* What providers need besides products: the epilogues alone, bf16. GATE: gu [rows][2*inner] interleaved. */
void trm__cuda_gate(trm__cuda_queue *q, void *act, float *squares, const void *gu, size_t rows, int inner);
/* GATE_BACKWARD of da [rows][inner]; act (NULL: left out) may be da, dgu may be gu. */
void trm__cuda_gate_backward(trm__cuda_queue *q, void *dgu, void *act, const void *gu, const void *da, size_t rows,
                             int inner);
/* c = residual + round(x scale): x [batches][rows][cols] fp32; c and residual (may be c) bf16, rows ld and batches
 * `batch` apart. scale [batches][rows], by_column: [batches][cols]. */
typedef struct trm__cuda_scaled {
  int batches, rows, cols, by_column;
  const float *x, *scale;
  const void *residual;
  void *c;
  ptrdiff_t ld, batch;
} trm__cuda_scaled;
void trm__cuda_add_scaled(trm__cuda_queue *q, const trm__cuda_scaled *s);
/* to [m][n] += partial [splits][m][n], added in order; interleaved as above. */
void trm__cuda_add_partials(trm__cuda_queue *q, const float *partial, float *to, int m, int n, int splits,
                            int interleaved);

/* src [rows][cols] fp32 -> dst of a type: dst[r*ld + c], or with transpose dst[c*ld + r], where r is the interleaved
 * place of row r when interleave is set. What dst has beyond is set to zero: dst is [rows][ld], or with transpose
 * [cols][ld]. Up to 32 matrices are one launch. */
typedef struct trm__cuda_packing {
  void *dst;
  const float *src;
  ptrdiff_t ld;
  int rows, cols; /* at least 1 */
  trm_dtype type;
  int transpose, interleave;
} trm__cuda_packing;
void trm__cuda_pack(trm__cuda_queue *q, const trm__cuda_packing *matrix, int count);

/* -- the mixer, whole ---------------------------------------------------------------------------------------------- */

/* out = rms over positions of (in + W_down a), [g; u] = W_gate_up in, a = silu(g) u, for every channel of every
 * example: what GATE and then RESIDUAL_NORM_T make of a layer, rounded at the same places, without storing a. bf16
 * alone, L at most 128, D and I multiples of 64; all operands 16-byte aligned, the weights' ld multiples of 8. What the
 * weights have beyond L columns of W_gate_up is not read. */
typedef struct trm__cuda_mixer {
  int b, L, D, I;
  const void *in;             /* [b][L][D] */
  void *out;                  /* [b][L][D]; may be in */
  const void *gate_up, *down; /* [2I][gate_up_ld] interleaved rows, [L][down_ld] */
  ptrdiff_t gate_up_ld, down_ld;
  double eps;
  int rms_gate;       /* W_down a is multiplied by scale = 1/sqrt(mean over I of (g u)^2 + eps) before it is rounded */
  void *gu;           /* [b*D][2I] interleaved = g and u; NULL: not kept */
  float *inv, *scale; /* [b*D], of the norm and of rms_gate; NULL: not kept */
} trm__cuda_mixer;
int trm__cuda_mixer_fused_supported(const trm__cuda_queue *q, trm_dtype type, int L, int D, int I);
/* Only what is supported. */
void trm__cuda_mixer_fused(trm__cuda_queue *q, const trm__cuda_mixer *m);

/* -- attention ----------------------------------------------------------------------------------------------------- */

/* qkv [b][L][3*heads*head_dim] after RoPE -> out [b][L][heads*head_dim]; lse [b][heads][L] fp32 unless NULL: the log of
 * the sum of exp(scaled score), natural. Not causal; scale 1/sqrt(head_dim). Scores are never stored. Any L >= 1 and
 * head_dim a multiple of 8 up to 128; tensor cores for bf16 and head_dim 64 (others: plain). */
typedef struct trm__cuda_attention {
  trm_dtype type;
  int b, L, heads, head_dim;
  const void *qkv;
  void *out;
  float *lse;
  /* backward: out and lse are given */
  const void *dout; /* [b][L][heads*head_dim] */
  void *dqkv;       /* [b][L][3*heads*head_dim], overwritten */
  float *scratch;   /* trm__cuda_attention_scratch elements */
} trm__cuda_attention;
void trm__cuda_attention_forward(trm__cuda_queue *q, const trm__cuda_attention *a);
size_t trm__cuda_attention_scratch(trm_dtype type, int b, int L, int heads, int head_dim);
void trm__cuda_attention_backward(trm__cuda_queue *q, const trm__cuda_attention *a);
/* In place on the first `heads` heads of x [b][L][ld]: half-split rotation in fp32 (docs/spec.md, Rotary positions);
 * cosines and sines [L][head_dim/2]; backward: the inverse rotation. */
void trm__cuda_rope(trm__cuda_queue *q, trm_dtype type, void *x, ptrdiff_t ld, const float *cosines, const float *sines,
                    int b, int L, int heads, int head_dim, int backward);

/* -- a whole supervision step for a few examples ------------------------------------------------------------------- */

#define TRM__CUDA_SOLVE_LAYERS 4

/* y, z [b][L][D] bf16 -> after T times (n times z = f(z, y + e), then y = f(y, z)), in place, with mixer layers and
 * SILU. The same numbers as the separate kernels give, up to the order of sums. */
typedef struct trm__cuda_solve {
  int b, L, D, inner_l, inner_d, layers, n, T;
  int rms_gate; /* 0: SILU */
  double eps;
  struct {
    const void *mix_in;  /* [2*inner_l][L rounded up to 8], interleaved rows, zero-padded */
    const void *mix_out; /* [L][inner_l] */
    const void *mlp_in;  /* [2*inner_d][D], interleaved rows */
    const void *mlp_out; /* [D][inner_d] */
  } layer[TRM__CUDA_SOLVE_LAYERS];
  void *y, *z;
  const void *e;
  void *scratch; /* trm__cuda_solve_scratch bytes, zeroed before the first step that uses them; not shared by streams */
} trm__cuda_solve;
/* Whether the kernel covers these shapes on this device (0: not); pointers are not looked at. L up to 112, D a multiple
 * of 128, inner widths of 256. */
int trm__cuda_solve_supported(const trm__cuda_queue *q, const trm__cuda_solve *s);
/* Whether the calling thread's card takes the launch: it may be one that others share, or be cut into parts. */
int trm__cuda_solve_fits(const trm__cuda_queue *q, const trm__cuda_solve *s);
size_t trm__cuda_solve_scratch(const trm__cuda_solve *s);
void trm__cuda_solve_step(trm__cuda_queue *q, const trm__cuda_solve *s); /* one cooperative launch */

/* -- norms and activations ----------------------------------------------------------------------------------------- */

/* x [rows][cols] -> y (may be x) = x r, inv [rows] = r unless NULL. Backward: dx = r (dy - y mean(dy y)); dx may be dy.
 */
void trm__cuda_rms_rows(trm__cuda_queue *q, trm_dtype type, void *y, float *inv, const void *x, int rows, int cols,
                        double eps);
void trm__cuda_rms_rows_backward(trm__cuda_queue *q, trm_dtype type, void *dx, const void *dy, const void *y,
                                 const float *inv, int rows, int cols);
/* The same down the columns of [b][rows][cols]: inv [b][cols]. */
void trm__cuda_rms_cols(trm__cuda_queue *q, trm_dtype type, void *y, float *inv, const void *x, int b, int rows,
                        int cols, double eps);
void trm__cuda_rms_cols_backward(trm__cuda_queue *q, trm_dtype type, void *dx, const void *dy, const void *y,
                                 const float *inv, int b, int rows, int cols);
/* RMS_GATE: scale [rows] = 1/sqrt(sum of squares [rows][inner / 64] / inner + eps). */
void trm__cuda_gate_scale(trm__cuda_queue *q, float *scale, const float *squares, int rows, int inner, double eps);
/* RMS_GATE backward: a = silu(g) u scale. gu [rows][2*inner] interleaved, da [rows][inner], scale [rows] -> dgu (may be
 * gu), act [rows][inner] = a (may be da). */
void trm__cuda_rms_gate_backward(trm__cuda_queue *q, trm_dtype type, void *dgu, void *act, const void *gu,
                                 const void *da, const float *scale, int rows, int inner);

/* -- element-wise, n elements of the forward type -------------------------------------------------------------------
 */

void trm__cuda_inject(trm__cuda_queue *q, trm_dtype type, void *h, const void *in, const void *a, const void *b,
                      size_t n); /* h = in + (a + b), b may be NULL */
void trm__cuda_blend(trm__cuda_queue *q, trm_dtype type, void *x, double keep, const void *other, double take,
                     size_t n); /* x = keep x + take other; other may be x */
void trm__cuda_convert(trm__cuda_queue *q, trm_dtype type, void *x, float *f32, size_t n, int to_f32);

/* -- embedding and heads ------------------------------------------------------------------------------------------- */

typedef struct trm__cuda_embed {
  trm_dtype type;
  int b, S, P, D, V, ndim;
  const int32_t *tokens;      /* [b][S]; out of 0..V-1 reads row 0 */
  const float *rows;          /* [b][ndim]; NULL: zeros */
  const float *table;         /* [V][D], rounded to the forward type where it is read */
  const float *positions;     /* [L][D]; NULL: none */
  void *e;                    /* out [b][L][D] */
  const void *de;             /* backward [b][L][D] */
  float *dtable, *dpositions; /* added to */
  float *drows;               /* [b][ndim] overwritten; NULL: skipped */
  float *partial;             /* trm__cuda_embed_scratch elements */
} trm__cuda_embed;
void trm__cuda_embed_forward(trm__cuda_queue *q, const trm__cuda_embed *e);
size_t trm__cuda_embed_scratch(int b, int S, int P, int D, int V, int positions);
void trm__cuda_embed_backward(trm__cuda_queue *q, const trm__cuda_embed *e);

/* trm__heads of backend/backend.h, in one launch for logits, q, loss, metrics, dlogits, dq and d, and one or two for
 * the gradients of the heads' weights. stats is an array of trm__example_stats (its bytes). */
typedef struct trm__cuda_heads {
  trm_dtype type;
  int b, S, P, D, V;
  const void *y;                            /* [b][L][D]; NULL: logits and q are given */
  const float *lm_head, *q_weight, *q_bias; /* [V][D], [2][D], [2] fp32; rounded to the forward type */
  float *logits, *q;                        /* [b][S][V], [b][2] */
  const int32_t *labels;                    /* NULL: no loss */
  int softmax;                              /* 0: stablemax */
  double label_smoothing, halt_weight, grad_scale, step_decay;
  const int32_t *steps;
  void *stats;
  void *d;
  float *dlogits, *dq;
  float *dlm_head, *dq_weight, *dq_bias; /* added to */
  float *partial;                        /* trm__cuda_heads_scratch elements */
} trm__cuda_heads;
size_t trm__cuda_heads_scratch(int b, int S, int D, int V);
void trm__cuda_heads_run(trm__cuda_queue *q, const trm__cuda_heads *h);

/* -- carry --------------------------------------------------------------------------------------------------------- */

void trm__cuda_refill(trm__cuda_queue *q, trm_dtype type, int b, int L, int D, const uint8_t *halted, const float *y0,
                      const float *z0, void *y, void *z);
/* The numbers of base/rng.h, stream (seed, TRM__RNG_NOISE, index[i]), from number offset (even) on; state: elements of
 * one example. mask NULL: all. */
void trm__cuda_noise(trm__cuda_queue *q, trm_dtype type, int b, size_t state, void *x, double sigma, uint64_t seed,
                     const uint64_t *index, uint64_t offset, const uint8_t *mask);
void trm__cuda_distance(trm__cuda_queue *q, trm_dtype type, int b, size_t state, const void *x, const void *was,
                        double *out);
void trm__cuda_merge(trm__cuda_queue *q, trm_dtype type, int kind, int k, int b, size_t state, const void *from,
                     const float *logits, void *to); /* kind: trm__merge_kind; logits [k][b] */
void trm__cuda_winners(trm__cuda_queue *q, int k, int b, const void *stats, int32_t *winner);
void trm__cuda_pick(trm__cuda_queue *q, trm_dtype type, int k, int b, size_t state, const int32_t *winner,
                    const void *from, void *to);
void trm__cuda_admit(trm__cuda_queue *q, int count, int S, int32_t *inputs, int32_t *labels, int32_t *ids,
                     int32_t *steps, uint8_t *halted, const int32_t *new_inputs, const int32_t *new_labels,
                     const int32_t *new_ids);
void trm__cuda_gather_rows(trm__cuda_queue *q, float *rows, const float *table, int table_rows, int ndim,
                           const int32_t *ids, int b);

/* -- updates and optimizers: state, rule, slots, log and run as in backend/backend.h (structs of plain numbers and
 * device pointers; rule, slots, log and run lie on the host)
 * -------------------------------------------------------------------- */

struct trm__update_state;
struct trm__update_rule;
struct trm__slots;
struct trm__update_log;
struct trm__dense;
void trm__cuda_update_begin(trm__cuda_queue *q, struct trm__update_state *state, const struct trm__update_rule *rule,
                            uint64_t *index, int count);
/* partial: trm__cuda_norm_scratch(n) elements */
size_t trm__cuda_norm_scratch(size_t n);
void trm__cuda_update_judge(trm__cuda_queue *q, struct trm__update_state *state, const struct trm__update_rule *rule,
                            const void *stats, const float *grads, size_t n, double *partial);
void trm__cuda_update_end(trm__cuda_queue *q, const struct trm__update_state *state,
                          const struct trm__update_rule *rule, const void *stats, const struct trm__slots *slots,
                          const struct trm__update_log *log);
void trm__cuda_dense(trm__cuda_queue *q, const struct trm__update_state *state, const struct trm__dense *run, int runs);
size_t trm__cuda_muon_scratch(int rows, int cols); /* floats */
void trm__cuda_muon(trm__cuda_queue *q, const struct trm__update_state *state, float *p, float *m, float *ema,
                    const float *g, int rows, int cols, double lr, double momentum, double weight_decay,
                    float *scratch);
void trm__cuda_sign_sgd_rows(trm__cuda_queue *q, const struct trm__update_state *state, float *table, int table_rows,
                             int ndim, const float *drows, const int32_t *ids, int b, double lr, double weight_decay);
void trm__cuda_add(trm__cuda_queue *q, float *to, const float *from, size_t n); /* to += from */
/* sum [1] = the sum of squares of x [n]. */
void trm__cuda_sum_squares(trm__cuda_queue *q, const float *x, size_t n, double *partial, double *sum);

#ifdef __cplusplus
}
#endif
#endif
