/* A backend: the dozen block-level operations that the network, its training and the engine are made of. The network
 * (src/model) is written once over this table; a backend fuses inside a block as it likes.
 *
 * Buffers live on the backend's device unless a comment says host. trm__act is storage of activations (state, gradients
 * of the state): act_bytes(dims) bytes an element, the layout in each comment; code above the backend only offsets such
 * pointers by whole numbers of elements. Weights, gradients of weights and optimizer state are trm__real. Shapes use
 * the letters of docs/spec.md, Symbols.
 *
 * Operations take effect in the order of the calls, but a device may be behind: only copies to the host and synchronize
 * wait. So nothing in a training update is decided on the host: what varies from one update to the next (its number,
 * the rates, whether the run has diverged, who halts) is in device memory, and an update is the same sequence of calls
 * each time, which a backend can record once and replay. */
#ifndef TRM_BACKEND_H
#define TRM_BACKEND_H

#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>
#include <trm/model.h>
#include <trm/train.h>

#include "base/pool.h"
#include "kernels/isa.h"
#include "kernels/update.h"

typedef unsigned char trm__act;

#define TRM__MAX_LAYERS 64
#define TRM__LATTICE_VALUES 16 /* of a cell at most: a candidate set is a mask */

/* What trm_activation means for [g; u] = W_gate_up v. SILU: silu(g) * u. RMS_GATE ("Speed is Confidence", arXiv
 * 2601.19085): sigmoid(g) * rms(g * u), the norm over the inner width: silu(g) * u * r with r = 1/sqrt(mean((g u)^2) +
 * eps), one r a row (mixer: a channel). */
typedef struct trm__dims {
  int S, P, L, D, V;   /* tokens, prefix, positions L = P + S, hidden size, vocabulary */
  int heads, head_dim; /* attention; 0 with the mixer */
  int layers;
  int mixer;            /* 1: mixer layers, 0: attention layers */
  int inner_d, inner_l; /* I(D), I(L) (mixer only) */
  int emb_ndim;         /* elements of a puzzle row, 0: none; at most P*D */
  trm_pos_encodings positions;
  trm_activation activation;
  double eps, rope_theta;
  int bf16;        /* forward type bfloat16 */
  int int8;        /* the layers' products in int8, everything else in fp32; solving only */
  int prenorm;     /* attention and channel MLP: out = in + f(rms(in)) in place of rms(in + f(in)) */
  int values;      /* C, values that a cell may have: the lattice recursion; 0: the ordinary one */
  int rows, width; /* of the grid; with the lattice recursion rows * width = S */
} trm__dims;

/* Pointers into one flat array: the weights, or their gradients, or any array of that shape. Row-major, [out][in].
 * NULL where the configuration has none. */
typedef struct trm__layer_view {
  trm__real *mix_in;  /* mixer: gate_up [2*I(L)][L]; attention: qkv [3*D][D] */
  trm__real *mix_out; /* mixer: down [L][I(L)];      attention: o [D][D] */
  trm__real *mlp_in;  /* gate_up [2*I(D)][D] */
  trm__real *mlp_out; /* down [D][I(D)] */
} trm__layer_view;
/* Of the lattice recursion, in place of the first five below. */
typedef struct trm__lattice_view {
  trm__real *sets, *sets_bias;         /* [C][D], [D]: a set's embedding is the sum of its values' rows and the bias */
  trm__real *row, *column;             /* [rows][D], [width][D] */
  trm__real *token;                    /* [D]: the conflict token */
  trm__real *head, *head_bias;         /* [2 C][D], [2 C]: keep, then digit */
  trm__real *conflict, *conflict_bias; /* [D], [1] */
} trm__lattice_view;
typedef struct trm__weights_view {
  trm__lattice_view lattice;
  trm__real *embed;     /* [V][D] */
  trm__real *embed_pos; /* [L][D], learned positions only */
  trm__real *lm_head;   /* [V][D] */
  trm__real *q_weight;  /* [2][D] */
  trm__real *q_bias;    /* [2] */
  trm__layer_view layer[TRM__MAX_LAYERS];
} trm__weights_view;

/* Prepared weights: a backend's own copy (rounded to the forward type, packed), renewed by prepare after each update.
 */
typedef struct trm__weights trm__weights;

typedef struct trm__loss {
  trm_loss_type kind;
  double label_smoothing; /* eps: (1-eps) nll(label) + eps * mean over V of nll */
  double halt_weight;     /* 0.5 in the original */
  double grad_scale;      /* 1 / global batch */
  double step_decay;      /* gradients of an example that has had k steps count step_decay^k; 0 and 1: all alike */
} trm__loss;

/* The heads: logits [b][S][V] and q [b][2] (halt, continue) from y, then the loss and its gradients, as far as asked.
 */
typedef struct trm__heads {
  const trm__act *y;     /* [b][L][D]; NULL: logits and q are given */
  trm__real *logits, *q; /* [b][S][V], [b][2]; never NULL */
  const int32_t *labels; /* [b][S], outside 0..V-1: ignored; NULL: no loss, and nothing below is used */
  trm__loss loss;
  const int32_t *steps;           /* [b]: supervision steps before this one; NULL: all 0 */
  trm__example_stats *stats;      /* [b] */
  trm__act *d;                    /* [b][L][D]: gradient of y, overwritten; NULL: no gradients */
  trm__real *dlogits, *dq;        /* [b][S][V], [b][2]: scratch of the gradients; hold d loss / d logits afterwards */
  const trm__weights_view *grads; /* added to */
} trm__heads;

/* The lattice recursion's heads after a loop (docs/spec.md, Lattice): logits from h and the conflict token, and with
 * sets the loss and its gradients in the logits' places. */
typedef struct trm__lattice_loss {
  double keep_true, keep_false;                   /* weights of the keep loss where the target is 1, and 0 */
  double keep_scale, digit_scale, conflict_scale; /* of each term: its weight / what it is a mean over, in stats */
  double conflict_weight;                         /* of the conflict loss in the gradients */
  double grad_scale;                              /* of all gradients */
} trm__lattice_loss;
typedef struct trm__lattice_heads {
  const trm__act *h;               /* [b][S][D] */
  const trm__act *t;               /* [b][L][D]: the conflict token is at position 0 */
  trm__real *logits;               /* [b][S][2 C]: keep, then digit; with sets their gradients */
  trm__real *conflict;             /* [b], likewise */
  trm__real *last, *last_conflict; /* where the logits stay before the loss; NULL: nowhere */
  const int32_t *sets, *solution;  /* [b][S] masks: the states, and of each cell its value, 0: none; NULL: no loss */
  const uint8_t *open;             /* [b][S]: 1 where the digit is asked */
  trm__lattice_loss loss;
  trm__example_stats *stats; /* [b]: parts are added to lm_loss (keep and digit) and halt_loss (conflict) */
  double *digit_loss;        /* [b]: the digit's part of lm_loss, added to; NULL: not wanted */
} trm__lattice_heads;

typedef struct trm__backend trm__backend;

/* Operations of the lattice recursion, beside the blocks. States of cells h are [b][S][D], those of a loop t [b][L][D]
 * with the conflict token at position 0. */
typedef struct trm__lattice_ops {
  /* h0 = the embeddings of sets [b][S] (bit v: value v may be there); and back: grads are added to */
  void (*embed)(trm__backend *be, trm__weights *w, int b, const int32_t *sets, trm__act *h0);
  void (*embed_backward)(trm__backend *be, trm__weights *w, int b, const int32_t *sets, const trm__act *dh0,
                         const trm__weights_view *grads);
  /* sum = h + h0 (h NULL: h0 + h0), t = [token, sum + row + column] */
  void (*enter)(trm__backend *be, trm__weights *w, int b, const trm__act *h, const trm__act *h0, trm__act *sum,
                trm__act *t);
  /* dt [b][L][D]: d (of sum) += its cells, and dh0 += d, of the first loop twice; grads are added to */
  void (*enter_backward)(trm__backend *be, trm__weights *w, int b, int first, const trm__act *dt, trm__act *d,
                         trm__act *dh0, const trm__weights_view *grads);
  /* h = rms(sum + cells of t); inv [b][S] */
  void (*leave)(trm__backend *be, trm__weights *w, int b, const trm__act *sum, const trm__act *t, trm__act *h,
                trm__real *inv);
  /* d: from the gradient of h to that of sum, which is that of t's cells too: dt's cells are overwritten */
  void (*leave_backward)(trm__backend *be, trm__weights *w, int b, const trm__act *h, const trm__real *inv, trm__act *d,
                         trm__act *dt);
  void (*heads)(trm__backend *be, trm__weights *w, int b, const trm__lattice_heads *heads);
  /* From gradients in logits and conflict: d (of h) is added to, dt's token is overwritten, grads are added to. */
  void (*heads_backward)(trm__backend *be, trm__weights *w, int b, const trm__lattice_heads *heads, trm__act *d,
                         trm__act *dt, const trm__weights_view *grads);
} trm__lattice_ops;

/* A recorded sequence of operations; the backend's. */
typedef struct trm__recording trm__recording;

typedef enum trm__copy_kind { TRM__COPY_TO_DEVICE, TRM__COPY_TO_HOST, TRM__COPY_ON_DEVICE } trm__copy_kind;

struct trm_device_info;

struct trm__backend {
  const char *name;            /* "cpu", "cuda" */
  const trm__kernels *kernels; /* CPU backends: what is computed without weights, in fp32; NULL otherwise */
  trm__pool *pool;             /* CPU backends; borrowed */
  int on_host; /* device memory is the host's: pointers may be read and written, copies may be left out */

  void (*close)(trm__backend *be);

  /* -- memory ------------------------------------------------------------------------------------------------- */
  void *(*alloc)(trm__backend *be, size_t bytes); /* zeroed, aligned; NULL without memory */
  void (*free)(trm__backend *be, void *p);
  /* TO_DEVICE: `from` may be changed as soon as the call returns. TO_HOST: waits for all operations before it. */
  void (*copy)(trm__backend *be, void *to, const void *from, size_t bytes, trm__copy_kind kind);
  void (*zero)(trm__backend *be, void *p, size_t bytes);
  size_t (*memory_available)(trm__backend *be); /* bytes that may still be allocated; NULL: the host's memory */
  size_t (*memory_used)(trm__backend *be);      /* bytes that alloc gave and nobody freed; NULL: the host's memory */
  /* Why alloc gave NULL for `what`, and what helps: fills err, never TRM_OK. NULL: nothing to add. */
  trm_status (*no_memory)(trm__backend *be, trm_error *err, const char *what, size_t bytes);
  trm_status (*synchronize)(trm__backend *be, trm_error *err);        /* waits; reports a device fault */
  size_t (*act_bytes)(const trm__backend *be, const trm__dims *dims); /* of one activation */
  /* Conversion between activation storage on the device and trm__real on the host, n elements. */
  void (*act_read)(trm__backend *be, const trm__dims *dims, trm__real *to, const trm__act *from, size_t n);
  void (*act_write)(trm__backend *be, const trm__dims *dims, trm__act *to, const trm__real *from, size_t n);

  /* -- recording: all operations between begin and end are kept, not carried out; only those whose arguments are on the
   *    device or the same each time may be called (no copies from or to the host). NULL where nothing is gained. -- */
  trm_status (*record_begin)(trm__backend *be, trm_error *err);
  trm_status (*record_end)(trm__backend *be, trm__recording **out, trm_error *err);
  void (*replay)(trm__backend *be, trm__recording *recording);
  void (*recording_close)(trm__backend *be, trm__recording **recording);

  /* -- weights ------------------------------------------------------------------------------------------------ */
  trm_status (*weights_open)(trm__backend *be, trm__weights **out, const trm__dims *dims, int training, int max_batch,
                             trm_error *err); /* allocates all scratch too: nothing is allocated after it */
  void (*weights_close)(trm__backend *be, trm__weights **w);
  size_t (*weights_bytes)(trm__backend *be, const trm__dims *dims, int training, int max_batch); /* predicts it */
  /* The same memory each time: recordings made before go on with the new weights. */
  void (*weights_prepare)(trm__backend *be, trm__weights *w, const trm__weights_view *master);

  /* -- embedding: tokens [b][S] (out of range reads row 0), rows [b][emb_ndim] (NULL: zeros) -> e [b][L][D] ------ */
  void (*embed_forward)(trm__backend *be, trm__weights *w, int b, const int32_t *tokens, const trm__real *rows,
                        trm__act *e);
  /* de [b][L][D] -> grads.embed, grads.embed_pos are added to; drows [b][emb_ndim] is overwritten (NULL: skipped) */
  void (*embed_backward)(trm__backend *be, trm__weights *w, int b, const int32_t *tokens, const trm__act *de,
                         const trm__weights_view *grads, trm__real *drows);

  /* -- blocks: in, out [b][L][D], never the same buffer. saved: saved_bytes() bytes that backward needs, NULL at
   *    inference. d [b][L][D]: gradient of out on entry, of in on return. grads are added to. ----------------- */
  void (*inject)(trm__backend *be, int b, const trm__weights *w, trm__act *h, const trm__act *in, const trm__act *p,
                 const trm__act *q); /* h = in + (p + q), q may be NULL, h may be in; n = b*L*D */
  void (*accumulate)(trm__backend *be, int b, const trm__weights *w, trm__act *to, const trm__act *from); /* to += */

  size_t (*mix_saved_bytes)(trm__backend *be, const trm__dims *dims, int b, int recompute);
  void (*mix_forward)(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                      void *saved, int recompute); /* mixer or attention, with residual and norm */
  void (*mix_backward)(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, const trm__act *out,
                       void *saved, int recompute, trm__act *d, const trm__weights_view *grads);

  size_t (*mlp_saved_bytes)(trm__backend *be, const trm__dims *dims, int b, int recompute);
  void (*mlp_forward)(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                      void *saved, int recompute); /* channel MLP, with residual and norm */
  void (*mlp_backward)(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, const trm__act *out,
                       void *saved, int recompute, trm__act *d, const trm__weights_view *grads);

  /* Without gradients: T times (n times z = f(z, y + e), then y = f(y, z)), f being inject and all layers' blocks. 0:
   * nothing was done, and the blocks are to be called one by one. NULL: always so. */
  int (*cycles)(trm__backend *be, trm__weights *w, int b, int n, int T, const trm__act *e, trm__act *y, trm__act *z);

  /* -- heads --------------------------------------------------------------------------------------------------- */
  void (*heads)(trm__backend *be, trm__weights *w, int b, const trm__heads *h);

  const trm__lattice_ops *lattice; /* NULL: the backend has no lattice recursion */

  /* -- carry -------------------------------------------------------------------------------------------------- */
  /* Slots with halted[i] != 0 get y0, z0 [D] at every position. */
  void (*refill)(trm__backend *be, trm__weights *w, int b, const uint8_t *halted, const trm__real *y0,
                 const trm__real *z0, trm__act *y, trm__act *z);
  /* x [b][L][D] += sigma * normal; example i draws from the stream (seed, noise, index[i]), from its number `offset` on
   * (even). Only where mask [b] is not 0 (NULL: everywhere). */
  void (*noise)(trm__backend *be, trm__weights *w, int b, trm__act *x, double sigma, uint64_t seed,
                const uint64_t *index, uint64_t offset, const uint8_t *mask);
  /* How far x [b][L][D] is from was: out [b][2] = the sums of squares of x - was and of x over each example */
  void (*distance)(trm__backend *be, trm__weights *w, int b, const trm__act *x, const trm__act *was, double *out);
  /* x = keep * x + take * other, n = b*L*D; other may be x */
  void (*blend)(trm__backend *be, trm__weights *w, int b, trm__act *x, double keep, const trm__act *other, double take);
  /* from [k][b][L][D], q [k][b] -> to [b][L][D]: mean, the one of largest q, or softmax(q)-weighted mean */
  void (*merge)(trm__backend *be, trm__weights *w, trm__merge_kind kind, int k, int b, const trm__act *from,
                const trm__real *q, trm__act *to);

  /* Winner takes all: winner[i] = the candidate of smallest lm_loss among stats [k][b] (the first; NaN loses), and
   * to [b][L][D] = from [winner[i]][i]. */
  void (*winners)(trm__backend *be, int k, int b, const trm__example_stats *stats, int32_t *winner);
  void (*pick)(trm__backend *be, trm__weights *w, int k, int b, const int32_t *winner, const trm__act *from,
               trm__act *to);
  /* Halted slots take the candidate of the same number: inputs, labels [count][S], ids [count]; their steps become 0.
   * Nobody is halted afterwards. After refill, which needs to know who was. */
  void (*admit)(trm__backend *be, const trm__slots *slots, const int32_t *inputs, const int32_t *labels,
                const int32_t *ids);
  /* rows [b][ndim] = table[ids[i]]; zeros for an id outside 0..table_rows-1. */
  void (*gather_rows)(trm__backend *be, trm__real *rows, const trm__real *table, int table_rows, int ndim,
                      const int32_t *ids, int b);

  /* -- a training update ----------------------------------------------------------------------------------------- */
  /* t += 1, and the schedule at t; index [count] = t * rule->batch + rule->first + i, names of noise (NULL: skipped) */
  void (*update_begin)(trm__backend *be, trm__update_state *state, const trm__update_rule *rule, uint64_t *index,
                       int count);
  /* Losses over stats [rule->batch] in slot order, the norm of grads [n] in a fixed order, clipping's scale, and
   * whether the run has diverged (then t is taken back). */
  void (*update_judge)(trm__backend *be, trm__update_state *state, const trm__update_rule *rule,
                       const trm__example_stats *stats, const trm__real *grads, size_t n);
  /* Halting (docs/spec.md, Adaptive computation): steps += 1 and who halts, from stats [slots->count] of this rank's
   * slots; then the log's entry. */
  void (*update_end)(trm__backend *be, const trm__update_state *state, const trm__update_rule *rule,
                     const trm__example_stats *stats, const trm__slots *slots, const trm__update_log *log);

  /* -- optimizers: all do nothing in an update that diverged ------------------------------------------------------- */
  void (*dense)(trm__backend *be, const trm__update_state *state, const trm__dense *run, int runs);
  /* One matrix [rows][cols]; momentum buffer m; scratch muon_scratch(rows, cols) elements; ema as in trm__dense. */
  size_t (*muon_scratch)(trm__backend *be, int rows, int cols);
  void (*muon)(trm__backend *be, const trm__update_state *state, trm__real *p, trm__real *m, trm__real *ema,
               const trm__real *g, int rows, int cols, double lr, double momentum, double weight_decay,
               trm__real *scratch);
  /* Sparse sign-SGD: table [*][ndim]; drows [b][ndim] of identifiers ids [b]; equal ids are summed in batch order;
   * every row seen is decayed and stepped once. Ids outside 0..table_rows-1 are ignored. */
  void (*sign_sgd_rows)(trm__backend *be, const trm__update_state *state, trm__real *table, int table_rows, int ndim,
                        const trm__real *drows, const int32_t *ids, int b, double lr, double weight_decay,
                        trm__real *scratch /* [ndim] */);
  /* to [n] += from [n] */
  void (*add)(trm__backend *be, trm__real *to, const trm__real *from, size_t n);
  /* The sum of squares of x [n] in double, in a fixed order; to the host. */
  double (*sum_squares)(trm__backend *be, const trm__real *x, size_t n);
};

/* The CPU backend over a kernel table and a pool, both borrowed. */
trm_status trm__backend_cpu(trm__backend **out, const trm__isa_choice *choice, trm__pool *pool, trm_error *err);

/* A CUDA backend: "cuda" or "cuda:N", options behind commas ("cuda:0,check"). TRM_E_UNSUPPORTED in builds without CUDA
 * (TRM_CUDA_ENABLED). */
trm_status trm__backend_cuda(trm__backend **out, const char *name, trm_error *err);

/* trm_devices. */
int trm__cuda_devices(struct trm_device_info *list, int most, trm_error *why);

/* By name: "cpu" (NULL means "cpu"), "cuda", "cuda:N". TRM_E_USAGE with the known names otherwise, TRM_E_UNSUPPORTED
 * for what this build or machine lacks. */
trm_status trm__backend_open(trm__backend **out, const char *name, const trm__isa_choice *choice, trm__pool *pool,
                             trm_error *err);
void trm__backend_close(trm__backend **be);

/* TRM_E_MEMORY after alloc gave NULL, with what the backend knows. */
trm_status trm__backend_no_memory(trm__backend *be, trm_error *err, const char *what, size_t bytes);

#endif
