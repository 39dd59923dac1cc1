/* The operations of device_backend.h, which includes this file: each keeps its arguments, whose addresses are
 * translated at once, and calls the CPU's operation when its turn comes. */
#ifndef TRM_TESTS_SUPPORT_DEVICE_OPERATIONS_H
#define TRM_TESTS_SUPPORT_DEVICE_OPERATIONS_H

typedef struct weights_prepare_args {
  trm__weights *w;
  trm__weights_view master;
} weights_prepare_args;
static void weights_prepare_run(trm__backend *be, void *args) {
  weights_prepare_args *a = args;
  be->weights_prepare(be, a->w, &a->master);
}
static void device_weights_prepare(trm__backend *be, trm__weights *w, const trm__weights_view *master) {
  weights_prepare_args a = {w, device_view(be, master)};
  device_push(be, weights_prepare_run, &a, sizeof a);
}

typedef struct embed_forward_args {
  trm__weights *w;
  int b;
  const int32_t *tokens;
  const trm__real *rows;
  trm__act *e;
} embed_forward_args;
static void embed_forward_run(trm__backend *be, void *args) {
  embed_forward_args *a = args;
  be->embed_forward(be, a->w, a->b, a->tokens, a->rows, a->e);
}
static void device_embed_forward(trm__backend *be, trm__weights *w, int b, const int32_t *tokens, const trm__real *rows,
                                 trm__act *e) {
  embed_forward_args a = {w, b, AT(tokens), AT(rows), AT(e)};
  device_push(be, embed_forward_run, &a, sizeof a);
}

typedef struct embed_backward_args {
  trm__weights *w;
  int b;
  const int32_t *tokens;
  const trm__act *de;
  trm__weights_view grads;
  trm__real *drows;
} embed_backward_args;
static void embed_backward_run(trm__backend *be, void *args) {
  embed_backward_args *a = args;
  be->embed_backward(be, a->w, a->b, a->tokens, a->de, &a->grads, a->drows);
}
static void device_embed_backward(trm__backend *be, trm__weights *w, int b, const int32_t *tokens, const trm__act *de,
                                  const trm__weights_view *grads, trm__real *drows) {
  embed_backward_args a = {w, b, AT(tokens), AT(de), device_view(be, grads), AT(drows)};
  device_push(be, embed_backward_run, &a, sizeof a);
}

typedef struct inject_args {
  int b;
  const trm__weights *w;
  trm__act *h;
  const trm__act *in;
  const trm__act *p;
  const trm__act *q;
} inject_args;
static void inject_run(trm__backend *be, void *args) {
  inject_args *a = args;
  be->inject(be, a->b, a->w, a->h, a->in, a->p, a->q);
}
static void device_inject(trm__backend *be, int b, const trm__weights *w, trm__act *h, const trm__act *in,
                          const trm__act *p, const trm__act *q) {
  inject_args a = {b, w, AT(h), AT(in), AT(p), AT(q)};
  device_push(be, inject_run, &a, sizeof a);
}

typedef struct accumulate_args {
  int b;
  const trm__weights *w;
  trm__act *to;
  const trm__act *from;
} accumulate_args;
static void accumulate_run(trm__backend *be, void *args) {
  accumulate_args *a = args;
  be->accumulate(be, a->b, a->w, a->to, a->from);
}
static void device_accumulate(trm__backend *be, int b, const trm__weights *w, trm__act *to, const trm__act *from) {
  accumulate_args a = {b, w, AT(to), AT(from)};
  device_push(be, accumulate_run, &a, sizeof a);
}

typedef struct mix_forward_args {
  trm__weights *w;
  int layer;
  int b;
  const trm__act *in;
  trm__act *out;
  void *saved;
  int recompute;
} mix_forward_args;
static void mix_forward_run(trm__backend *be, void *args) {
  mix_forward_args *a = args;
  be->mix_forward(be, a->w, a->layer, a->b, a->in, a->out, a->saved, a->recompute);
}
static void device_mix_forward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                               void *saved, int recompute) {
  mix_forward_args a = {w, layer, b, AT(in), AT(out), AT(saved), recompute};
  device_push(be, mix_forward_run, &a, sizeof a);
}

typedef struct mix_backward_args {
  trm__weights *w;
  int layer;
  int b;
  const trm__act *in;
  const trm__act *out;
  void *saved;
  int recompute;
  trm__act *d;
  trm__weights_view grads;
} mix_backward_args;
static void mix_backward_run(trm__backend *be, void *args) {
  mix_backward_args *a = args;
  be->mix_backward(be, a->w, a->layer, a->b, a->in, a->out, a->saved, a->recompute, a->d, &a->grads);
}
static void device_mix_backward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in,
                                const trm__act *out, void *saved, int recompute, trm__act *d,
                                const trm__weights_view *grads) {
  mix_backward_args a = {w, layer, b, AT(in), AT(out), AT(saved), recompute, AT(d), device_view(be, grads)};
  device_push(be, mix_backward_run, &a, sizeof a);
}

typedef struct mlp_forward_args {
  trm__weights *w;
  int layer;
  int b;
  const trm__act *in;
  trm__act *out;
  void *saved;
  int recompute;
} mlp_forward_args;
static void mlp_forward_run(trm__backend *be, void *args) {
  mlp_forward_args *a = args;
  be->mlp_forward(be, a->w, a->layer, a->b, a->in, a->out, a->saved, a->recompute);
}
static void device_mlp_forward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                               void *saved, int recompute) {
  mlp_forward_args a = {w, layer, b, AT(in), AT(out), AT(saved), recompute};
  device_push(be, mlp_forward_run, &a, sizeof a);
}

typedef struct mlp_backward_args {
  trm__weights *w;
  int layer;
  int b;
  const trm__act *in;
  const trm__act *out;
  void *saved;
  int recompute;
  trm__act *d;
  trm__weights_view grads;
} mlp_backward_args;
static void mlp_backward_run(trm__backend *be, void *args) {
  mlp_backward_args *a = args;
  be->mlp_backward(be, a->w, a->layer, a->b, a->in, a->out, a->saved, a->recompute, a->d, &a->grads);
}
static void device_mlp_backward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in,
                                const trm__act *out, void *saved, int recompute, trm__act *d,
                                const trm__weights_view *grads) {
  mlp_backward_args a = {w, layer, b, AT(in), AT(out), AT(saved), recompute, AT(d), device_view(be, grads)};
  device_push(be, mlp_backward_run, &a, sizeof a);
}

static size_t device_mix_saved(trm__backend *be, const trm__dims *dims, int b, int recompute) {
  trm__backend *inner = ((device *)be)->inner;
  return inner->mix_saved_bytes(inner, dims, b, recompute);
}
static size_t device_mlp_saved(trm__backend *be, const trm__dims *dims, int b, int recompute) {
  trm__backend *inner = ((device *)be)->inner;
  return inner->mlp_saved_bytes(inner, dims, b, recompute);
}

typedef struct heads_args {
  trm__weights *w;
  int b;
  trm__heads heads;
  trm__weights_view grads;
} heads_args;
static void heads_run(trm__backend *be, void *args) {
  heads_args *a = args;
  if (a->heads.d) a->heads.grads = &a->grads;
  be->heads(be, a->w, a->b, &a->heads);
}
static void device_heads(trm__backend *be, trm__weights *w, int b, const trm__heads *h) {
  heads_args a = {.w = w, .b = b, .heads = *h};
  a.heads.y = AT(h->y), a.heads.logits = AT(h->logits), a.heads.q = AT(h->q), a.heads.labels = AT(h->labels);
  a.heads.steps = AT(h->steps), a.heads.stats = AT(h->stats), a.heads.d = AT(h->d);
  a.heads.dlogits = AT(h->dlogits), a.heads.dq = AT(h->dq);
  if (h->d) a.grads = device_view(be, h->grads);
  device_push(be, heads_run, &a, sizeof a);
}

typedef struct refill_args {
  trm__weights *w;
  int b;
  const uint8_t *halted;
  const trm__real *y0;
  const trm__real *z0;
  trm__act *y;
  trm__act *z;
} refill_args;
static void refill_run(trm__backend *be, void *args) {
  refill_args *a = args;
  be->refill(be, a->w, a->b, a->halted, a->y0, a->z0, a->y, a->z);
}
static void device_refill(trm__backend *be, trm__weights *w, int b, const uint8_t *halted, const trm__real *y0,
                          const trm__real *z0, trm__act *y, trm__act *z) {
  refill_args a = {w, b, AT(halted), AT(y0), AT(z0), AT(y), AT(z)};
  device_push(be, refill_run, &a, sizeof a);
}

typedef struct noise_args {
  trm__weights *w;
  int b;
  trm__act *x;
  double sigma;
  uint64_t seed;
  const uint64_t *index;
  uint64_t offset;
  const uint8_t *mask;
} noise_args;
static void noise_run(trm__backend *be, void *args) {
  noise_args *a = args;
  be->noise(be, a->w, a->b, a->x, a->sigma, a->seed, a->index, a->offset, a->mask);
}
static void device_noise(trm__backend *be, trm__weights *w, int b, trm__act *x, double sigma, uint64_t seed,
                         const uint64_t *index, uint64_t offset, const uint8_t *mask) {
  noise_args a = {w, b, AT(x), sigma, seed, AT(index), offset, AT(mask)};
  device_push(be, noise_run, &a, sizeof a);
}

typedef struct distance_args {
  trm__weights *w;
  int b;
  const trm__act *x, *was;
  double *out;
} distance_args;
static void distance_run(trm__backend *be, void *args) {
  distance_args *a = args;
  be->distance(be, a->w, a->b, a->x, a->was, a->out);
}
static void device_distance(trm__backend *be, trm__weights *w, int b, const trm__act *x, const trm__act *was,
                            double *out) {
  distance_args a = {w, b, AT(x), AT(was), AT(out)};
  device_push(be, distance_run, &a, sizeof a);
}

typedef struct blend_args {
  trm__weights *w;
  int b;
  trm__act *x;
  double keep;
  const trm__act *other;
  double take;
} blend_args;
static void blend_run(trm__backend *be, void *args) {
  blend_args *a = args;
  be->blend(be, a->w, a->b, a->x, a->keep, a->other, a->take);
}
static void device_blend(trm__backend *be, trm__weights *w, int b, trm__act *x, double keep, const trm__act *other,
                         double take) {
  blend_args a = {w, b, AT(x), keep, AT(other), take};
  device_push(be, blend_run, &a, sizeof a);
}

typedef struct merge_args {
  trm__weights *w;
  trm__merge_kind kind;
  int k;
  int b;
  const trm__act *from;
  const trm__real *q;
  trm__act *to;
} merge_args;
static void merge_run(trm__backend *be, void *args) {
  merge_args *a = args;
  be->merge(be, a->w, a->kind, a->k, a->b, a->from, a->q, a->to);
}
static void device_merge(trm__backend *be, trm__weights *w, trm__merge_kind kind, int k, int b, const trm__act *from,
                         const trm__real *q, trm__act *to) {
  merge_args a = {w, kind, k, b, AT(from), AT(q), AT(to)};
  device_push(be, merge_run, &a, sizeof a);
}

typedef struct winners_args {
  int k;
  int b;
  const trm__example_stats *stats;
  int32_t *winner;
} winners_args;
static void winners_run(trm__backend *be, void *args) {
  winners_args *a = args;
  be->winners(be, a->k, a->b, a->stats, a->winner);
}
static void device_winners(trm__backend *be, int k, int b, const trm__example_stats *stats, int32_t *winner) {
  winners_args a = {k, b, AT(stats), AT(winner)};
  device_push(be, winners_run, &a, sizeof a);
}

typedef struct pick_args {
  trm__weights *w;
  int k;
  int b;
  const int32_t *winner;
  const trm__act *from;
  trm__act *to;
} pick_args;
static void pick_run(trm__backend *be, void *args) {
  pick_args *a = args;
  be->pick(be, a->w, a->k, a->b, a->winner, a->from, a->to);
}
static void device_pick(trm__backend *be, trm__weights *w, int k, int b, const int32_t *winner, const trm__act *from,
                        trm__act *to) {
  pick_args a = {w, k, b, AT(winner), AT(from), AT(to)};
  device_push(be, pick_run, &a, sizeof a);
}

static trm__slots device_slots(trm__backend *be, const trm__slots *s) {
  return (trm__slots){s->count, s->seq_len, AT(s->inputs), AT(s->labels), AT(s->ids), AT(s->steps), AT(s->halted)};
}
static trm__update_log device_log(trm__backend *be, const trm__update_log *l) {
  return (trm__update_log){l->entries, l->count, AT(l->state), AT(l->stats), AT(l->steps), AT(l->halted)};
}

typedef struct admit_args {
  trm__slots slots;
  const int32_t *inputs;
  const int32_t *labels;
  const int32_t *ids;
} admit_args;
static void admit_run(trm__backend *be, void *args) {
  admit_args *a = args;
  be->admit(be, &a->slots, a->inputs, a->labels, a->ids);
}
static void device_admit(trm__backend *be, const trm__slots *slots, const int32_t *inputs, const int32_t *labels,
                         const int32_t *ids) {
  admit_args a = {device_slots(be, slots), AT(inputs), AT(labels), AT(ids)};
  device_push(be, admit_run, &a, sizeof a);
}

typedef struct gather_rows_args {
  trm__real *rows;
  const trm__real *table;
  int table_rows;
  int ndim;
  const int32_t *ids;
  int b;
} gather_rows_args;
static void gather_rows_run(trm__backend *be, void *args) {
  gather_rows_args *a = args;
  be->gather_rows(be, a->rows, a->table, a->table_rows, a->ndim, a->ids, a->b);
}
static void device_gather_rows(trm__backend *be, trm__real *rows, const trm__real *table, int table_rows, int ndim,
                               const int32_t *ids, int b) {
  gather_rows_args a = {AT(rows), AT(table), table_rows, ndim, AT(ids), b};
  device_push(be, gather_rows_run, &a, sizeof a);
}

typedef struct update_begin_args {
  trm__update_state *state;
  trm__update_rule rule;
  uint64_t *index;
  int count;
} update_begin_args;
static void update_begin_run(trm__backend *be, void *args) {
  update_begin_args *a = args;
  be->update_begin(be, a->state, &a->rule, a->index, a->count);
}
static void device_update_begin(trm__backend *be, trm__update_state *state, const trm__update_rule *rule,
                                uint64_t *index, int count) {
  update_begin_args a = {AT(state), *rule, AT(index), count};
  device_push(be, update_begin_run, &a, sizeof a);
}

typedef struct update_judge_args {
  trm__update_state *state;
  trm__update_rule rule;
  const trm__example_stats *stats;
  const trm__real *grads;
  size_t n;
} update_judge_args;
static void update_judge_run(trm__backend *be, void *args) {
  update_judge_args *a = args;
  be->update_judge(be, a->state, &a->rule, a->stats, a->grads, a->n);
}
static void device_update_judge(trm__backend *be, trm__update_state *state, const trm__update_rule *rule,
                                const trm__example_stats *stats, const trm__real *grads, size_t n) {
  update_judge_args a = {AT(state), *rule, AT(stats), AT(grads), n};
  device_push(be, update_judge_run, &a, sizeof a);
}

typedef struct update_end_args {
  const trm__update_state *state;
  trm__update_rule rule;
  const trm__example_stats *stats;
  trm__slots slots;
  trm__update_log log;
} update_end_args;
static void update_end_run(trm__backend *be, void *args) {
  update_end_args *a = args;
  be->update_end(be, a->state, &a->rule, a->stats, &a->slots, &a->log);
}
static void device_update_end(trm__backend *be, const trm__update_state *state, const trm__update_rule *rule,
                              const trm__example_stats *stats, const trm__slots *slots, const trm__update_log *log) {
  update_end_args a = {AT(state), *rule, AT(stats), device_slots(be, slots), device_log(be, log)};
  device_push(be, update_end_run, &a, sizeof a);
}

typedef struct dense_args {
  const trm__update_state *state;
  int runs;
  trm__dense run[DEVICE_RUNS];
} dense_args;
static void dense_run(trm__backend *be, void *args) {
  dense_args *a = args;
  be->dense(be, a->state, a->run, a->runs);
}
static void device_dense(trm__backend *be, const trm__update_state *state, const trm__dense *run, int runs) {
  dense_args a = {.state = AT(state), .runs = runs};
  if (runs > DEVICE_RUNS) device_fault("too many runs");
  for (int i = 0; i < runs; i++) {
    const trm__dense *r = &run[i];
    a.run[i] = *r;
    a.run[i].p = AT(r->p), a.run[i].m = AT(r->m), a.run[i].v = AT(r->v), a.run[i].ema = AT(r->ema);
    a.run[i].g = AT(r->g);
  }
  device_push(be, dense_run, &a, sizeof a);
}
static size_t device_muon_scratch(trm__backend *be, int rows, int cols) {
  trm__backend *inner = ((device *)be)->inner;
  return inner->muon_scratch(inner, rows, cols);
}

typedef struct muon_args {
  const trm__update_state *state;
  trm__real *p;
  trm__real *m;
  trm__real *ema;
  const trm__real *g;
  int rows;
  int cols;
  double lr;
  double momentum;
  double weight_decay;
  trm__real *scratch;
} muon_args;
static void muon_run(trm__backend *be, void *args) {
  muon_args *a = args;
  be->muon(be, a->state, a->p, a->m, a->ema, a->g, a->rows, a->cols, a->lr, a->momentum, a->weight_decay, a->scratch);
}
static void device_muon(trm__backend *be, const trm__update_state *state, trm__real *p, trm__real *m, trm__real *ema,
                        const trm__real *g, int rows, int cols, double lr, double momentum, double weight_decay,
                        trm__real *scratch) {
  muon_args a = {AT(state), AT(p), AT(m), AT(ema), AT(g), rows, cols, lr, momentum, weight_decay, AT(scratch)};
  device_push(be, muon_run, &a, sizeof a);
}

typedef struct sign_sgd_rows_args {
  const trm__update_state *state;
  trm__real *table;
  int table_rows;
  int ndim;
  const trm__real *drows;
  const int32_t *ids;
  int b;
  double lr;
  double weight_decay;
  trm__real *scratch;
} sign_sgd_rows_args;
static void sign_sgd_rows_run(trm__backend *be, void *args) {
  sign_sgd_rows_args *a = args;
  be->sign_sgd_rows(be, a->state, a->table, a->table_rows, a->ndim, a->drows, a->ids, a->b, a->lr, a->weight_decay,
                    a->scratch);
}
static void device_sign_sgd_rows(trm__backend *be, const trm__update_state *state, trm__real *table, int table_rows,
                                 int ndim, const trm__real *drows, const int32_t *ids, int b, double lr,
                                 double weight_decay, trm__real *scratch) {
  sign_sgd_rows_args a = {AT(state), AT(table), table_rows, ndim, AT(drows), AT(ids), b, lr, weight_decay, AT(scratch)};
  device_push(be, sign_sgd_rows_run, &a, sizeof a);
}

typedef struct add_args {
  trm__real *to;
  const trm__real *from;
  size_t n;
} add_args;
static void add_run(trm__backend *be, void *args) {
  add_args *a = args;
  be->add(be, a->to, a->from, a->n);
}
static void device_add(trm__backend *be, trm__real *to, const trm__real *from, size_t n) {
  add_args a = {AT(to), AT(from), n};
  device_push(be, add_run, &a, sizeof a);
}

static double device_sum_squares(trm__backend *be, const trm__real *x, size_t n) {
  trm__backend *inner = ((device *)be)->inner;
  device_flush(be, "sum_squares");
  return inner->sum_squares(inner, AT(x), n);
}

#endif
