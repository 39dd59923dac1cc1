/* What the files of the CPU backend share: prepared weights, scratch memory, and how work is cut into tasks.
 *
 * Main idea: a block is a row-wise or column-wise pipeline of products, so one task carries a strip of rows (channel
 * MLP, attention's projections) or of columns (mixer) through a whole block with its intermediates in the L2 cache.
 * Weight gradients need all rows: the first phase leaves its operands in the layouts that the product wants, and the
 * second cuts the gradient among tasks, each of which sums over all rows in ascending order. So no sum is ever
 * split over threads, and results do not depend on how many there are.
 *
 * Order of the files: table.c calls the operations, they call products.c, arrays.c and outer.c, and all use cut.c. */
#ifndef TRM_BACKEND_CPU_CPU_H
#define TRM_BACKEND_CPU_CPU_H

#include <math.h>
#include <string.h>

#include "backend/backend.h"
#include "base/mem.h"

/* Rows of a strip at most: act [48][I(D)] then stays in the L2 cache. */
#define TRM__STRIP_ROWS 48
/* Columns of a mixer's strip. Part of the layout of saved activations, so a constant. */
#define TRM__MIX_COLS 64
/* Rows whose weight gradients are summed at a time: bounds scratch, and is small enough for the L3 cache. The order of
 * summation depends on it, so it is a constant too. */
#define TRM__CHUNK_ROWS 768
/* Elements that one task of an element-wise operation takes: a span. */
#define TRM__GRAIN 16384
/* Partial sums of sum_squares: their number depends on n alone. */
#define TRM__PARTIALS 256

/* A left operand: words, and INT8's scales of its rows. */
typedef struct trm__left {
  const trm__real *words;
  ptrdiff_t rs, cs;
  const trm__real *scale;
} trm__left;

/* One weight matrix W [rows][cols] (out, in) in the layouts that its products want.
 * Channel products (state on the left): forward is pack_b of W^T (k = cols, n = rows), backward pack_b of W (k = rows,
 * n = cols). Mixer products (weights on the left): forward is W, backward W^T, as left operands. backward is NULL
 * unless training. */
typedef struct trm__matrix {
  int rows, cols;
  int gate; /* channel products: gates and ups interleaved by panel */
  trm__real *forward, *backward;
} trm__matrix;

typedef struct trm__cpu_layer {
  trm__matrix mix_in, mix_out, mlp_in, mlp_out;
} trm__cpu_layer;

struct trm__weights {
  trm__dims dims;
  int training, max_batch;
  trm__kernels kernels;        /* for the forward type */
  const trm__product *product; /* of the layers; the heads' is TRM_FLOAT32 */
  trm__arena arena;            /* everything below */
  trm__real *embed;            /* [V][D] */
  trm__real *embed_pos;        /* [L][D] or NULL */
  trm__real *q_weight;         /* [2][D] */
  trm__real *q_bias;           /* [2] */
  trm__lattice_view lattice;   /* but for head, which is lm_head */
  trm__matrix lm_head;         /* channel product, V outputs; of the lattice recursion 2 C */
  trm__real *cosines;          /* [L][head_dim/2], RoPE only */
  trm__real *sines;
  trm__cpu_layer layer[TRM__MAX_LAYERS];
  unsigned char *shared; /* one operation's intermediates, visible to all workers */
  size_t shared_bytes;
  unsigned char *worker; /* [threads][worker_bytes]: one task's intermediates */
  size_t worker_bytes;
};

typedef struct trm__cpu {
  trm__backend backend; /* first: a trm__backend * is a trm__cpu * */
  trm__isa_choice choice;
  trm__kernels kernels; /* what backend.kernels points to */
  double partial[TRM__PARTIALS];
  trm__real *products; /* [threads][product_size]: what the products of each worker's tasks work in */
  size_t product_size;
} trm__cpu;

/* -- cutting work (cut.c) --------------------------------------------------------------------------------------- */

typedef struct trm__range {
  int begin, count;
} trm__range;

static inline int trm__ceil_div(int a, int b) {
  return (a + b - 1) / b;
}
static inline int trm__min_int(int a, int b) {
  return a < b ? a : b;
}
static inline int trm__max_int(int a, int b) {
  return a > b ? a : b;
}

/* Strips: whole tiles of mr rows, at most TRM__STRIP_ROWS, evenly spread over a multiple of the threads. */
int trm__cpu_strip_rows(const trm__product *product); /* the most rows of a strip */
int trm__cpu_row_tasks(const trm__backend *be, const trm__product *product, int rows);
trm__range trm__cpu_row_range(const trm__product *product, int rows, int tasks, int task);

/* trm__pool_run for tasks that call these kernels: their threads are set up for them. */
void trm__cpu_run(const trm__backend *be, const trm__kernels *kernels, int tasks, trm__task_fn fn, void *context);

/* Runs fn(context, begin, count), which calls these kernels, over 0..n-1 in spans of TRM__GRAIN. */
typedef void (*trm__span_fn)(void *context, size_t begin, size_t count);
void trm__cpu_spans(const trm__backend *be, const trm__kernels *kernels, size_t n, trm__span_fn fn, void *context);

/* The most examples and rows in a chunk of a batch of max_batch. */
int trm__cpu_chunk_examples(const trm__dims *dims, int max_batch);
int trm__cpu_chunk_rows(const trm__dims *dims, int max_batch);

/* -- products (products.c) -------------------------------------------------------------------------------------- */

/* The layers' product for a forward type; NULL: the kernels have none that can train so. */
const trm__product *trm__cpu_layer_product(const trm__kernels *kernels, const trm__dims *dims, int training);
int trm__cpu_panels(const trm__product *product, int n, int gate); /* panels of pack_b */

/* Rows a [rows][k], ld apart, as left operand: where they lie, or packed into `to`, which takes
 * trm__cpu_left_size words (none for TRM_FLOAT32). */
size_t trm__cpu_left_size(const trm__product *product, int rows, int k);
trm__left trm__cpu_left(const trm__product *product, trm__real *to, const trm__real *a, ptrdiff_t ld, int rows, int k);

/* A product that stores all of C [m][n] = A B, sums over k elements; callers change what differs. */
trm__gemm trm__cpu_product(const trm__product *product, int m, int n, int k, trm__left a, const trm__real *b,
                           trm__real *c, ptrdiff_t c_rs);
/* The same of fp32 numbers, A's rows a_rs apart. */
trm__gemm trm__cpu_product_f32(const trm__kernels *kernels, int m, int n, int k, const trm__real *a, ptrdiff_t a_rs,
                               const trm__real *b, trm__real *c, ptrdiff_t c_rs);

/* The product, in a task of this worker. */
void trm__cpu_multiply(const trm__backend *be, const trm__product *product, trm__gemm *g, int worker);

/* -- scratch ---------------------------------------------------------------------------------------------------- */

/* An operation describes its intermediates by a plan function over an arena: with base NULL it measures, over the
 * memory of the prepared weights it hands out. */
static inline trm__arena trm__cpu_shared(const trm__weights *w) {
  return (trm__arena){.base = w->shared, .size = w->shared_bytes};
}
static inline trm__arena trm__cpu_worker(const trm__weights *w, int worker) {
  return (trm__arena){.base = w->worker + (size_t)worker * w->worker_bytes, .size = w->worker_bytes};
}
static inline trm__real *trm__cpu_take(trm__arena *arena, size_t count) {
  return trm__arena_take(arena, count, sizeof(trm__real));
}

/* Bytes that each operation takes at most, for a whole open (dims, training, max_batch and product of w are set): grown
 * into *shared and *worker. */
void trm__cpu_mixer_scratch(const trm__weights *w, size_t *shared, size_t *worker);
void trm__cpu_attention_scratch(const trm__weights *w, size_t *shared, size_t *worker);
void trm__cpu_mlp_scratch(const trm__weights *w, size_t *shared, size_t *worker);
static inline void trm__cpu_grow(size_t *bytes, size_t need) {
  *bytes = need > *bytes ? need : *bytes;
}

/* -- weight gradients (outer.c) --------------------------------------------------------------------------------- */

/* Columns of an embedding's or a head's gradient that one task sums. */
#define TRM__GRAD_COLS 64

/* to += scale * from; the compiler makes vectors of it. For gradients too small to be worth a packed product. */
static inline void trm__add_scaled(trm__real *to, const trm__real *from, trm__real scale, int n) {
  for (int i = 0; i < n; i++) to[i] += scale * from[i];
}

/* Spreads src [rows][cols] (row stride ld) as rows k0.. (a multiple of the word's elements) of a matrix of k rows in
 * column blocks: dst [block][words of k][width], the last block padded with zeros. With width nr this is pack_b's
 * layout; with trm__cpu_outer_width that of the left operand below. */
void trm__cpu_spread(const trm__product *product, trm__real *dst, int k, int k0, int width, const trm__real *src,
                     ptrdiff_t ld, int rows, int cols);
int trm__cpu_outer_width(const trm__product *product);
size_t trm__cpu_spread_size(const trm__product *product, int k, int width, int cols); /* words */

/* c [m][n] += sum over k rows of (a [k][m])^T b [k][n], both spread (widths trm__cpu_outer_width and nr). */
typedef struct trm__outer {
  const trm__real *a, *b;
  trm__real *c;
  int m, n;
} trm__outer;
void trm__cpu_outer(const trm__backend *be, const trm__weights *w, const trm__outer *outer, int count, int k);

/* -- flat arrays (arrays.c) ------------------------------------------------------------------------------------- */

double trm__cpu_sum_squares(trm__backend *be, const trm__real *x, size_t n); /* in an order that depends on n alone */
void trm__cpu_scale(trm__backend *be, trm__real *x, double s, size_t n);
void trm__cpu_add(trm__backend *be, trm__real *to, const trm__real *from, size_t n);
/* ema = decay ema + (1 - decay) p over the pool, ema NULL: nothing; and the same for a span of one task. A decay of 0
 * copies, so that whatever was there before leaves no trace. */
void trm__cpu_average(trm__backend *be, trm__real *ema, const trm__real *p, size_t n, double decay);
void trm__cpu_average_run(const trm__kernels *kernels, trm__real *ema, const trm__real *p, size_t n, double decay);

/* -- the operations, one file each ------------------------------------------------------------------------------- */

trm_status trm__cpu_weights_open(trm__backend *be, trm__weights **out, const trm__dims *dims, int training,
                                 int max_batch, trm_error *err);
void trm__cpu_weights_close(trm__backend *be, trm__weights **w);
size_t trm__cpu_weights_bytes(trm__backend *be, const trm__dims *dims, int training, int max_batch);
void trm__cpu_weights_prepare(trm__backend *be, trm__weights *w, const trm__weights_view *master);

void trm__cpu_inject(trm__backend *be, int b, const trm__weights *w, trm__act *h, const trm__act *in, const trm__act *p,
                     const trm__act *q);
void trm__cpu_accumulate(trm__backend *be, int b, const trm__weights *w, trm__act *to, const trm__act *from);

void trm__cpu_embed_forward(trm__backend *be, trm__weights *w, int b, const int32_t *tokens, const trm__real *rows,
                            trm__act *e);
void trm__cpu_embed_backward(trm__backend *be, trm__weights *w, int b, const int32_t *tokens, const trm__act *de,
                             const trm__weights_view *grads, trm__real *drows);

size_t trm__cpu_mixer_saved(const trm__dims *dims, int b, int recompute);
void trm__cpu_mixer_forward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                            void *saved, int recompute);
void trm__cpu_mixer_backward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in,
                             const trm__act *out, void *saved, int recompute, trm__act *d,
                             const trm__weights_view *grads);
size_t trm__cpu_attention_saved(const trm__dims *dims, int b, int recompute);
void trm__cpu_attention_forward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                                void *saved, int recompute);
void trm__cpu_attention_backward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in,
                                 const trm__act *out, void *saved, int recompute, trm__act *d,
                                 const trm__weights_view *grads);
size_t trm__cpu_mlp_saved(trm__backend *be, const trm__dims *dims, int b, int recompute);
void trm__cpu_mlp_forward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                          void *saved, int recompute);
void trm__cpu_mlp_backward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, const trm__act *out,
                           void *saved, int recompute, trm__act *d, const trm__weights_view *grads);

extern const trm__lattice_ops trm__cpu_lattice;
/* The places of w->lattice, in the arena; and its numbers from the master's, into places that were planned. */
void trm__cpu_lattice_plan(trm__arena *arena, const trm__dims *dims, trm__lattice_view *view);
void trm__cpu_lattice_fill(const trm__dims *dims, const trm__lattice_view *to, const trm__lattice_view *from);

void trm__cpu_heads(trm__backend *be, trm__weights *w, int b, const trm__heads *h);
void trm__cpu_loss(trm__backend *be, trm__weights *w, int b, const trm__heads *h); /* the part after logits and q */

void trm__cpu_refill(trm__backend *be, trm__weights *w, int b, const uint8_t *halted, const trm__real *y0,
                     const trm__real *z0, trm__act *y, trm__act *z);
void trm__cpu_distance(trm__backend *be, trm__weights *w, int b, const trm__act *x, const trm__act *was, double *out);
void trm__cpu_noise(trm__backend *be, trm__weights *w, int b, trm__act *x, double sigma, uint64_t seed,
                    const uint64_t *index, uint64_t offset, const uint8_t *mask);
void trm__cpu_blend(trm__backend *be, trm__weights *w, int b, trm__act *x, double keep, const trm__act *other,
                    double take);
void trm__cpu_merge(trm__backend *be, trm__weights *w, trm__merge_kind kind, int k, int b, const trm__act *from,
                    const trm__real *q, trm__act *to);
void trm__cpu_winners(trm__backend *be, int k, int b, const trm__example_stats *stats, int32_t *winner);
void trm__cpu_pick(trm__backend *be, trm__weights *w, int k, int b, const int32_t *winner, const trm__act *from,
                   trm__act *to);

void trm__cpu_admit(trm__backend *be, const trm__slots *slots, const int32_t *inputs, const int32_t *labels,
                    const int32_t *ids);
void trm__cpu_gather_rows(trm__backend *be, trm__real *rows, const trm__real *table, int table_rows, int ndim,
                          const int32_t *ids, int b);
void trm__cpu_update_begin(trm__backend *be, trm__update_state *state, const trm__update_rule *rule, uint64_t *index,
                           int count);
void trm__cpu_update_judge(trm__backend *be, trm__update_state *state, const trm__update_rule *rule,
                           const trm__example_stats *stats, const trm__real *grads, size_t n);
void trm__cpu_update_end(trm__backend *be, const trm__update_state *state, const trm__update_rule *rule,
                         const trm__example_stats *stats, const trm__slots *slots, const trm__update_log *log);

void trm__cpu_dense(trm__backend *be, const trm__update_state *state, const trm__dense *run, int runs);
size_t trm__cpu_muon_scratch(trm__backend *be, int rows, int cols);
void trm__cpu_muon(trm__backend *be, const trm__update_state *state, trm__real *p, trm__real *m, trm__real *ema,
                   const trm__real *g, int rows, int cols, double lr, double momentum, double weight_decay,
                   trm__real *scratch);
void trm__cpu_sign_sgd_rows(trm__backend *be, const trm__update_state *state, trm__real *table, int table_rows,
                            int ndim, const trm__real *drows, const int32_t *ids, int b, double lr, double weight_decay,
                            trm__real *scratch);

#endif
