/* What the files of the CUDA backend share. Names of this layer begin with trm__gpu; trm__cuda names are the kernels'
 * (kernels/cuda/cuda.h).
 *
 * Main idea: every operation puts kernels into one stream and returns. Nothing is allocated after weights_open, sums
 * have an order that depends on shapes alone, and all launches are in one queue, so the same calls give the same bits
 * and a sequence of them can be recorded as a graph. The first failure is kept in the queue; from then on nothing is
 * launched any more, and synchronize reports it.
 *
 * Blocks go through the batch in chunks of examples: without gradients so that what lies between two products stays in
 * the L2 cache, in the backward pass so that scratch does not grow with the batch. */
#ifndef TRM_BACKEND_CUDA_GPU_H
#define TRM_BACKEND_CUDA_GPU_H

#include <cuda_runtime_api.h>

#include "backend/backend.h"
#include "base/mem.h"
#include "kernels/cuda/cuda.h"

/* Bytes between two products of a block going forward: half of a data centre card's L2 cache. With 97 positions of 512
 * elements that is 86 or 87 examples, whose MLP makes 132 tiles of 128 x 256 in its second product and six times as
 * many in its first, as many as such a card has multiprocessors. A constant, so that bits do not depend on the card's
 * size.
 */
#define TRM__GPU_FORWARD_BYTES ((size_t)25 << 20)
/* Scratch of a chunk going backward: 256 examples of a mixer with 97 positions, 512 channels and 512 activations, whose
 * kernels are bound by memory. Chunks small enough for the L2 cache would read less, but make so many more launches,
 * each of a wave or less, and partial sums of gradients that they lose; sizes between gain nothing, since a cache that
 * is read in the order it was written in has lost the beginning of what is larger (docs/performance.md, CUDA). */
#define TRM__GPU_BACKWARD_BYTES ((size_t)384 << 20)
#define TRM__GPU_ALIGN 256 /* bytes, of every device buffer */

/* Pinned memory through which numbers go to the device: pieces follow each other round the ring, and each has an event
 * that says when the device has read it. */
#define TRM__GPU_RING_BYTES ((size_t)8 << 20)
#define TRM__GPU_RING_PIECES 64
typedef struct trm__gpu_ring {
  unsigned char *memory;
  size_t head; /* where the next piece begins, if it fits */
  int oldest, count;
  struct {
    size_t begin, end;
    cudaEvent_t read;
  } piece[TRM__GPU_RING_PIECES];
} trm__gpu_ring;

/* What is allocated on the device, to be counted. */
typedef struct trm__gpu_block {
  void *p;
  size_t bytes;
} trm__gpu_block;

typedef struct trm__gpu_lt trm__gpu_lt;

typedef struct trm__gpu {
  trm__backend backend; /* first: a trm__backend * is a trm__gpu * */
  trm__cuda_queue queue;
  cudaStream_t stream;
  int device;
  int recording;
  int separate, unfused; /* see trm__gpu_choice */
  char name[32];         /* "cuda:0" */
  char model[64];        /* the card's */
  trm__gpu_ring ring;
  size_t forward_bytes, backward_bytes; /* the two constants above; tests make them smaller */
  double *partial;                      /* of norms */
  size_t partial_count;
  double *sum;     /* [1] */
  trm__gpu_lt *lt; /* cuBLASLt; NULL: not asked for */
  trm__gpu_block *blocks;
  int block_count, block_room;
  size_t used; /* bytes of all blocks */
} trm__gpu;

/* The backend behind an operation; makes its card the calling thread's. */
static inline trm__gpu *trm__gpu_of(trm__backend *be) {
  trm__gpu *gpu = (trm__gpu *)be;
  (void)cudaSetDevice(gpu->device);
  return gpu;
}

/* -- faults (fault.c) ---------------------------------------------------------------------------------------------- */

/* Keeps the first failure of a call of the runtime, named `what`; whether there has been none so far. */
int trm__gpu_did(trm__gpu *gpu, cudaError_t error, const char *what);
/* The kept failure as an error that says what it means and what helps; TRM_OK without one. */
trm_status trm__gpu_report(const trm__gpu *gpu, trm_error *err);
trm_status trm__gpu_synchronize(trm__backend *be, trm_error *err);

/* -- opening (open.c) ----------------------------------------------------------------------------------------- */

/* A device's name taken apart. */
typedef struct trm__gpu_choice {
  int device;
  int check;    /* wait after every launch */
  int chunk;    /* MiB between two products of a block going forward; 0: no limit; negative: the constant */
  int separate; /* no kernel of whole recursion cycles */
  int unfused;  /* mixers as two products */
  int sm80;     /* only code that every card since capability 8.0 runs */
  int lt;       /* products by cuBLASLt: bits 1 << trm__cuda_epilogue */
} trm__gpu_choice;
trm_status trm__gpu_parse(trm__gpu_choice *choice, const char *name, trm_error *err);
trm_status trm__gpu_choose(trm__gpu *gpu, const trm__gpu_choice *choice, trm_error *err);

/* -- cuBLASLt as a provider of products (lt.c) ---------------------------------------------------------------- */

/* products: as in trm__gpu_choice. What it made is closed by trm__gpu_lt_close, after a failure too. */
trm_status trm__gpu_lt_open(trm__gpu *gpu, int products, trm_error *err);
void trm__gpu_lt_close(trm__gpu *gpu);
long trm__gpu_lt_taken(const trm__gpu *gpu); /* products that it was given */

/* -- memory (memory.c) ---------------------------------------------------------------------------------------- */

trm_status trm__gpu_ring_open(trm__gpu *gpu, trm_error *err);
void trm__gpu_ring_close(trm__gpu *gpu);
void *trm__gpu_alloc(trm__backend *be, size_t bytes);
void trm__gpu_free(trm__backend *be, void *p);
/* TRM_E_MEMORY: `bytes` for `what` are not there; says what is, and what helps. */
trm_status trm__gpu_no_memory(trm__backend *be, trm_error *err, const char *what, size_t bytes);
size_t trm__gpu_memory_available(trm__backend *be);
size_t trm__gpu_memory_used(trm__backend *be);
void trm__gpu_copy(trm__backend *be, void *to, const void *from, size_t bytes, trm__copy_kind kind);
void trm__gpu_zero(trm__backend *be, void *p, size_t bytes);
size_t trm__gpu_act_bytes(const trm__backend *be, const trm__dims *dims);
void trm__gpu_act_read(trm__backend *be, const trm__dims *dims, trm__real *to, const trm__act *from, size_t n);
void trm__gpu_act_write(trm__backend *be, const trm__dims *dims, trm__act *to, const trm__real *from, size_t n);

/* -- recording (graph.c) -------------------------------------------------------------------------------------- */

trm_status trm__gpu_record_begin(trm__backend *be, trm_error *err);
trm_status trm__gpu_record_end(trm__backend *be, trm__recording **out, trm_error *err);
void trm__gpu_replay(trm__backend *be, trm__recording *recording);
void trm__gpu_recording_close(trm__backend *be, trm__recording **recording);

/* -- weights (weights.c) -------------------------------------------------------------------------------------- */

/* One weight matrix W [rows][cols] (out, in) in the forward type: forward [rows][ld] is W, backward [cols][ld_t] its
 * transpose (NULL unless training). ld and ld_t are multiples of 8 and what lies beyond is zero. gate: rows
 * interleaved. */
typedef struct trm__gpu_matrix {
  int rows, cols, gate;
  int ld, ld_t;
  void *forward, *backward;
} trm__gpu_matrix;

typedef struct trm__gpu_layer {
  trm__gpu_matrix mix_in, mix_out, mlp_in, mlp_out;
} trm__gpu_layer;

struct trm__weights {
  trm__dims dims;
  int training, max_batch;
  size_t forward_bytes, backward_bytes; /* the backend's */
  int lt;                               /* cuBLASLt may make products */
  int solves;                           /* whole recursion cycles are one kernel */
  int mixes;                            /* mixers are one kernel going forward */
  trm_dtype type;
  size_t width;     /* bytes of an element */
  trm__arena arena; /* of device memory: everything below */
  float *embed;     /* [V][D]; this and the next four are fp32 copies */
  float *embed_pos; /* [L][D] or NULL */
  float *lm_head;   /* [V][D] */
  float *q_weight;  /* [2][D] */
  float *q_bias;    /* [2] */
  float *cosines;   /* [L][head_dim/2], RoPE only */
  float *sines;
  trm__gpu_layer layer[TRM__MAX_LAYERS];
  unsigned char *scratch; /* one operation's intermediates */
  size_t scratch_bytes;
  unsigned char *room; /* of products that cuBLASLt makes; NULL without it */
  size_t room_bytes;
  float *partial; /* of weight gradients */
  float *work;    /* of attention's backward pass, embedding and heads */
  void *solve;    /* of the kernel of whole cycles: its own, as it expects it as it was left */
};

trm_status trm__gpu_weights_open(trm__backend *be, trm__weights **out, const trm__dims *dims, int training,
                                 int max_batch, trm_error *err);
void trm__gpu_weights_close(trm__backend *be, trm__weights **w);
size_t trm__gpu_weights_bytes(trm__backend *be, const trm__dims *dims, int training, int max_batch);
void trm__gpu_weights_prepare(trm__backend *be, trm__weights *w, const trm__weights_view *master);

/* -- scratch (products.c) ------------------------------------------------------------------------------------------ */

/* An operation describes its intermediates by a plan function over an arena of device addresses: with base NULL it
 * measures, over the scratch of the prepared weights it hands out. */

static inline trm__arena trm__gpu_scratch(const trm__weights *w) {
  return (trm__arena){.base = w->scratch, .size = w->scratch_bytes};
}
void *trm__gpu_take(trm__arena *arena, size_t count, size_t size);
static inline float *trm__gpu_take_floats(trm__arena *arena, size_t count) {
  return trm__gpu_take(arena, count, sizeof(float));
}
static inline void *trm__gpu_take_acts(trm__arena *arena, const trm__weights *w, size_t count) {
  return trm__gpu_take(arena, count, w->width);
}

/* What operations take at most, for a whole open (dims, training, max_batch, type, width of w are set); each grows it.
 */
typedef struct trm__gpu_needs {
  size_t scratch, room; /* bytes */
  size_t partial, work; /* floats */
} trm__gpu_needs;
static inline void trm__gpu_grow(size_t *have, size_t need) {
  *have = need > *have ? need : *have;
}
/* Room for products of cuBLASLt of a gated block: `each` rows an example, `inner` gates and `out` results a row. */
void trm__gpu_lt_needs(const trm__weights *w, trm__gpu_needs *needs, int each, int inner, int out, int examples);
void trm__gpu_mixer_needs(const trm__weights *w, trm__gpu_needs *needs);
void trm__gpu_attention_needs(const trm__weights *w, trm__gpu_needs *needs);
void trm__gpu_mlp_needs(const trm__weights *w, trm__gpu_needs *needs);
void trm__gpu_ends_needs(const trm__weights *w, trm__gpu_needs *needs); /* embedding and heads */

/* Examples in a chunk when each takes example_bytes: as many as fit into limit, at least one, at most b. Scratch is
 * planned for that many; a batch is cut into as few chunks as that allows, all alike. */
int trm__gpu_most(int b, size_t example_bytes, size_t limit);
int trm__gpu_chunk(int b, size_t example_bytes, size_t limit);

/* -- products (products.c)
 * ------------------------------------------------------------------------------------------------------ */

static inline trm__cuda_operand trm__gpu_inner(const void *x, ptrdiff_t ld, ptrdiff_t batch) {
  return (trm__cuda_operand){x, ld, batch, TRM__CUDA_INNER};
}
static inline trm__cuda_operand trm__gpu_outer(const void *x, ptrdiff_t ld, ptrdiff_t batch) {
  return (trm__cuda_operand){x, ld, batch, TRM__CUDA_OUTER};
}
/* W, and W^T, as right operand. */
static inline trm__cuda_operand trm__gpu_forward(const trm__gpu_matrix *matrix) {
  return trm__gpu_inner(matrix->forward, matrix->ld, 0);
}
static inline trm__cuda_operand trm__gpu_backward(const trm__gpu_matrix *matrix) {
  return trm__gpu_inner(matrix->backward, matrix->ld_t, 0);
}
/* A product of one batch that stores; callers change what differs. */
trm__cuda_product trm__gpu_product(const trm__weights *w, int m, int n, int k, trm__cuda_operand a, trm__cuda_operand b,
                                   void *c, ptrdiff_t c_ld);

/* A weight gradient to [m][n], summed over batches and k. need_gradient: for any number of examples up to `most`, each
 * of which is a batch of k, or adds k rows to one batch (`rows`). */
void trm__gpu_need_gradient(const trm__weights *w, trm__gpu_needs *needs, int m, int n, int k, int rows, int most);
void trm__gpu_gradient(trm__gpu *gpu, const trm__weights *w, int m, int n, int k, int batches, trm__cuda_operand a,
                       trm__cuda_operand b, trm__real *to, int interleaved);

/* -- gated rows: the middle of channel MLP and mixer (gated.c) ------------------------------------------------ */

/* `each` rows an example (L of the MLP, D of the mixer), `inner` numbers a row. */
typedef struct trm__gpu_gated {
  int each, inner;
  /* saved */
  unsigned char *gu; /* [rows][2*inner] interleaved; NULL: not kept */
  float *inv;        /* [rows] of the block's norm; NULL: not kept */
  float *scale;      /* [rows], RMS_GATE only */
  /* scratch of a chunk */
  unsigned char *act; /* [rows][inner] */
  float *squares;     /* [rows][inner / 64], RMS_GATE only */
} trm__gpu_gated;

size_t trm__gpu_gated_saved(const trm__weights *w, int each, int inner, int b, int recompute);
/* Pointers of the chunk that begins at example i of a batch of b. */
void trm__gpu_gated_split(trm__gpu_gated *gated, const trm__weights *w, void *saved, int recompute, int b, int i);
void trm__gpu_gated_plan_forward(trm__gpu_gated *gated, const trm__weights *w, trm__arena *scratch, int examples);
void trm__gpu_gated_plan_backward(trm__gpu_gated *gated, const trm__weights *w, trm__arena *scratch, int examples);
int trm__gpu_gated_forward_chunk(const trm__weights *w, int each, int inner, int b); /* trm__gpu_chunk */
int trm__gpu_gated_backward_chunk(const trm__weights *w, int each, int inner, int b);
/* out: results a row. rows: as in trm__gpu_need_gradient. fused: one kernel, which needs nothing, goes forward. */
void trm__gpu_gated_needs(const trm__weights *w, trm__gpu_needs *needs, int each, int inner, int out, int rows,
                          int fused);
/* p: m, n, k, batches, a, b of in x W_gate_up. act, and gu and scale where they are kept. */
void trm__gpu_gated_forward(trm__gpu *gpu, const trm__weights *w, const trm__gpu_gated *gated, trm__cuda_product p);
/* p: of dpre x W_down. gu becomes its gradient; act is what W_down was given. */
void trm__gpu_gated_backward(trm__gpu *gpu, const trm__weights *w, const trm__gpu_gated *gated, trm__cuda_product p);

/* -- the operations, one file each --------------------------------------------------------------------------------- */

/* Whether one kernel is a whole mixer going forward: for all batches of these weights or none, so that a batch's size
 * changes no bits. Not for so few examples as trm__gpu_solves is for, whose blocks would leave most of a card idle. */
int trm__gpu_mixes(const trm__gpu *gpu, const trm__weights *w);
size_t trm__gpu_mixer_saved(const trm__dims *dims, int b, int recompute);
void trm__gpu_mixer_forward(trm__gpu *gpu, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                            void *saved, int recompute);
void trm__gpu_mixer_backward(trm__gpu *gpu, trm__weights *w, int layer, int b, const trm__act *in, const trm__act *out,
                             void *saved, int recompute, trm__act *d, const trm__weights_view *grads);
size_t trm__gpu_attention_saved(const trm__dims *dims, int b, int recompute);
void trm__gpu_attention_forward(trm__gpu *gpu, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                                void *saved, int recompute);
void trm__gpu_attention_backward(trm__gpu *gpu, trm__weights *w, int layer, int b, const trm__act *in,
                                 const trm__act *out, void *saved, int recompute, trm__act *d,
                                 const trm__weights_view *grads);
size_t trm__gpu_mlp_saved(trm__backend *be, const trm__dims *dims, int b, int recompute);
void trm__gpu_mlp_forward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                          void *saved, int recompute);
void trm__gpu_mlp_backward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, const trm__act *out,
                           void *saved, int recompute, trm__act *d, const trm__weights_view *grads);

void trm__gpu_embed_forward(trm__backend *be, trm__weights *w, int b, const int32_t *tokens, const trm__real *rows,
                            trm__act *e);
void trm__gpu_embed_backward(trm__backend *be, trm__weights *w, int b, const int32_t *tokens, const trm__act *de,
                             const trm__weights_view *grads, trm__real *drows);
void trm__gpu_heads(trm__backend *be, trm__weights *w, int b, const trm__heads *h);

/* Whole recursion cycles in one kernel (solve.c), for networks that are opened for so few examples: each of these
 * steps has the same bits, whoever shares it. */
#define TRM__GPU_SOLVE_MOST 2
int trm__gpu_solves(const trm__gpu *gpu, const trm__weights *w);
size_t trm__gpu_solve_bytes(const trm__weights *w);
int trm__gpu_cycles(trm__backend *be, trm__weights *w, int b, int n, int T, const trm__act *e, trm__act *y,
                    trm__act *z);

/* Fill in the table's operations on the carry, and those of an update. */
void trm__gpu_carry_table(trm__backend *be);
void trm__gpu_update_table(trm__backend *be);

#endif
