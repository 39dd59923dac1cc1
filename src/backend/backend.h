/* A backend: the dozen block-level operations that the network, its training and the engine are made of. The network
 * (src/model) is written once over this table; a backend fuses inside a block as it likes.
 *
 * Buffers live on the backend's device. trm__act is storage of activations (state, gradients of the state): act_bytes
 * bytes a number, the layout in each comment; code above the backend only offsets such pointers by whole numbers of
 * elements. Weights, gradients of weights and optimizer state are trm__real. Shapes use SPEC.md's letters. */
#ifndef TRM_BACKEND_H
#define TRM_BACKEND_H

#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>

#include "base/pool.h"
#include "kernels/kernels.h"

typedef unsigned char trm__act;

#define TRM__MAX_LAYERS 64

typedef enum trm__positions { TRM__POS_NONE, TRM__POS_ROPE, TRM__POS_LEARNED } trm__positions;

typedef struct trm__dims {
  int S, P, L, D, V;   /* tokens, prefix, positions L = P + S, hidden size, vocabulary */
  int heads, head_dim; /* attention; 0 with the mixer */
  int layers;
  int mixer;            /* 1: mixer layers, 0: attention layers */
  int inner_d, inner_l; /* I(D), I(L) (mixer only) */
  int emb_ndim;         /* numbers of a puzzle row, 0: none; at most P*D */
  trm__positions positions;
  double eps, rope_theta;
  int bf16; /* forward type bfloat16 */
  int int8; /* the layers' products in int8, everything else in fp32; solving only */
} trm__dims;

/* Pointers into one flat array: the weights, or their gradients, or any array of that shape. Row-major, [out][in].
 * NULL where the configuration has none. */
typedef struct trm__layer_view {
  trm__real *mix_in;  /* mixer: gate_up [2*I(L)][L]; attention: qkv [3*D][D] */
  trm__real *mix_out; /* mixer: down [L][I(L)];      attention: o [D][D] */
  trm__real *mlp_in;  /* gate_up [2*I(D)][D] */
  trm__real *mlp_out; /* down [D][I(D)] */
} trm__layer_view;
typedef struct trm__weights_view {
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

typedef enum trm__loss_kind { TRM__LOSS_STABLEMAX, TRM__LOSS_SOFTMAX } trm__loss_kind;
typedef struct trm__loss {
  trm__loss_kind kind;
  double label_smoothing; /* eps: (1-eps) nll(label) + eps * mean over V of nll */
  double halt_weight;     /* 0.5 in the original */
  double grad_scale;      /* 1 / global batch */
} trm__loss;

/* One example's result of a supervision step. Sums and means as in SPEC.md, Losses. */
typedef struct trm__example_stats {
  double lm_loss;   /* mean over labelled tokens; 0 when none is labelled */
  double halt_loss; /* BCE of q_halt against exact */
  double q_halt;    /* the logit */
  int32_t labelled; /* tokens with a label */
  int32_t right;    /* of these, argmax equal to the label (first maximum wins) */
  int32_t exact;    /* right == labelled (so 1 when none is labelled) */
} trm__example_stats;

typedef enum trm__copy_kind { TRM__COPY_TO_DEVICE, TRM__COPY_TO_HOST, TRM__COPY_ON_DEVICE } trm__copy_kind;
typedef enum trm__merge_kind { TRM__MERGE_MEAN, TRM__MERGE_BEST, TRM__MERGE_WEIGHTED } trm__merge_kind;

typedef struct trm__backend trm__backend;

struct trm__backend {
  const char *name;            /* "cpu" */
  size_t act_bytes;            /* bytes of one activation number */
  const trm__kernels *kernels; /* CPU backends; NULL otherwise */
  trm__pool *pool;             /* CPU backends; borrowed */

  void (*close)(trm__backend *be);

  /* -- memory ------------------------------------------------------------------------------------------------- */
  void *(*alloc)(trm__backend *be, size_t bytes); /* zeroed, aligned; NULL without memory */
  void (*free)(trm__backend *be, void *p);
  void (*copy)(trm__backend *be, void *to, const void *from, size_t bytes, trm__copy_kind kind);
  void (*zero)(trm__backend *be, void *p, size_t bytes);
  trm_status (*synchronize)(trm__backend *be, trm_error *err); /* waits; reports a device fault */
  /* Conversion between activation storage and trm__real on the host, n numbers. */
  void (*act_read)(trm__backend *be, trm__real *to, const trm__act *from, size_t n);
  void (*act_write)(trm__backend *be, trm__act *to, const trm__real *from, size_t n);

  /* -- weights ------------------------------------------------------------------------------------------------ */
  trm_status (*weights_open)(trm__backend *be, trm__weights **out, const trm__dims *dims, int training, int max_batch,
                             trm_error *err); /* allocates all scratch too: nothing is allocated after it */
  void (*weights_close)(trm__backend *be, trm__weights **w);
  size_t (*weights_bytes)(trm__backend *be, const trm__dims *dims, int training, int max_batch); /* predicts it */
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

  /* -- heads: logits [b][S][V] and q [b][2] (halt, continue) from y [b][L][D] ---------------------------------- */
  void (*head_forward)(trm__backend *be, trm__weights *w, int b, const trm__act *y, trm__real *logits, trm__real *q);
  /* labels [b][S], outside 0..V-1: ignored. stats [b] on the host. dlogits [b][S][V], dq [b][2]: gradients of
   * grad_scale * (lm + halt_weight * halt); NULL: not computed. */
  void (*head_loss)(trm__backend *be, trm__weights *w, int b, const trm__real *logits, const trm__real *q,
                    const int32_t *labels, const trm__loss *loss, trm__example_stats *stats, trm__real *dlogits,
                    trm__real *dq);
  void (*head_backward)(trm__backend *be, trm__weights *w, int b, const trm__act *y, const trm__real *dlogits,
                        const trm__real *dq, trm__act *d, const trm__weights_view *grads); /* d overwritten */

  /* -- carry -------------------------------------------------------------------------------------------------- */
  /* Slots with halted[i] != 0 get y0, z0 [D] at every position. halted: host. */
  void (*refill)(trm__backend *be, trm__weights *w, int b, const uint8_t *halted, const trm__real *y0,
                 const trm__real *z0, trm__act *y, trm__act *z);
  /* x [b][L][D] += sigma * normal; example i draws from the stream (seed, noise, index[i]). index: host. */
  void (*noise)(trm__backend *be, trm__weights *w, int b, trm__act *x, double sigma, uint64_t seed,
                const uint64_t *index);
  /* from [k][b][L][D], q [k][b] (host) -> to [b][L][D]: mean, the one of largest q, or softmax(q)-weighted mean */
  void (*merge)(trm__backend *be, trm__weights *w, trm__merge_kind kind, int k, int b, const trm__act *from,
                const trm__real *q, trm__act *to);

  /* -- optimizers, all on trm__real [n] on the device ----------------------------------------------------------- */
  double (*sum_squares)(trm__backend *be, const trm__real *x, size_t n);
  void (*scale)(trm__backend *be, trm__real *x, double s, size_t n);
  void (*adam_atan2)(trm__backend *be, trm__real *p, trm__real *m, trm__real *v, const trm__real *g, size_t n,
                     const trm__adam *c);
  void (*adamw)(trm__backend *be, trm__real *p, trm__real *m, trm__real *v, const trm__real *g, size_t n,
                const trm__adam *c);
  /* One matrix [rows][cols]; momentum buffer m; scratch muon_scratch(rows, cols) numbers. */
  size_t (*muon_scratch)(trm__backend *be, int rows, int cols);
  void (*muon)(trm__backend *be, trm__real *p, trm__real *m, const trm__real *g, int rows, int cols, double lr,
               double momentum, double weight_decay, trm__real *scratch);
  /* Sparse sign-SGD: table [*][ndim]; drows [b][ndim] of identifiers ids [b] (host); equal ids are summed in batch
   * order; every row seen is decayed and stepped once. Ids outside 0..table_rows-1 are ignored. */
  void (*sign_sgd_rows)(trm__backend *be, trm__real *table, int table_rows, int ndim, const trm__real *drows,
                        const int32_t *ids, int b, double lr, double weight_decay, trm__real *scratch /* [ndim] */);
  void (*ema)(trm__backend *be, trm__real *shadow, const trm__real *p, size_t n, double decay);
};

/* The CPU backend over a kernel table and a pool, both borrowed. */
trm_status trm__backend_cpu(trm__backend **out, const trm__kernels *kernels, trm__pool *pool, trm_error *err);

/* By name: "cpu" (NULL means "cpu"). TRM_E_USAGE with the known names otherwise. */
trm_status trm__backend_open(trm__backend **out, const char *name, const trm__kernels *kernels, trm__pool *pool,
                             trm_error *err);
void trm__backend_close(trm__backend **be);
const char *trm__backend_names(void);

#endif
