/* Embedding, heads and the carry of the CUDA backend against the CPU's: the same calls on both, the same results. */
#include "cuda/backend/support.h"

static const shape shapes[] = {
    {"prefix", 1, 11, 2, 24, 0, 5, 64, 64, 3, TRM_POS_NONE, TRM_ACT_SILU},
    {"learned", 0, 7, 1, 64, 1, 11, 64, 0, 2, TRM_POS_LEARNED, TRM_ACT_SILU},
    {"no prefix", 1, 13, 0, 40, 0, 12, 64, 64, 1, TRM_POS_LEARNED, TRM_ACT_SILU},
    {"many words", 1, 5, 0, 8, 0, 300, 64, 64, 2, TRM_POS_NONE, TRM_ACT_SILU},
};

static int32_t *random_ints(size_t n, uint64_t seed, int from, int below) {
  int32_t *x = trm__calloc(n + 1, sizeof *x);
  trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, 1);
  for (size_t i = 0; i < n; i++) x[i] = from + (int32_t)trm__rng_below(&rng, (uint32_t)(below - from));
  return x;
}

/* What a test leaves to be compared: up to ten arrays of numbers, or of bytes that must be equal. */
typedef struct outcome {
  struct {
    const char *what;
    void *x;
    size_t n;
    double tolerance; /* negative: bytes */
  } part[10];
  int parts;
} outcome;

static void add_part(outcome *o, const char *what, void *x, size_t n, double tolerance) {
  assert_true(o->parts < 10);
  o->part[o->parts].what = what;
  o->part[o->parts].x = x;
  o->part[o->parts].n = n;
  o->part[o->parts++].tolerance = tolerance;
}

static void compare_outcomes(const char *name, outcome *found, outcome *expected) {
  char what[128];
  assert_int_equal(found->parts, expected->parts);
  for (int i = 0; i < found->parts; i++) {
    snprintf(what, sizeof what, "%s: %s", name, found->part[i].what);
    if (found->part[i].tolerance >= 0)
      compare(what, found->part[i].x, expected->part[i].x, found->part[i].n, found->part[i].tolerance);
    else if (memcmp(found->part[i].x, expected->part[i].x, found->part[i].n) != 0) fail_msg("%s differs", what);
    trm__free(found->part[i].x);
    trm__free(expected->part[i].x);
  }
}

static void each(void (*test)(side *s, const shape *c, outcome *o)) {
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    for (int bf16 = 0; bf16 < 2; bf16++) {
      trm__dims dims = dims_of(&shapes[i], bf16);
      outcome o[2] = {{.parts = 0}, {.parts = 0}};
      char name[64];
      for (int k = 0; k < 2; k++) {
        side s;
        open_side(&s, k ? "cpu" : "cuda");
        open_weights(&s, &dims, 1, shapes[i].b);
        test(&s, &shapes[i], &o[k]);
        close_side(&s);
      }
      snprintf(name, sizeof name, "%s, %s", shapes[i].name, bf16 ? "bf16" : "fp32");
      compare_outcomes(name, &o[0], &o[1]);
    }
  }
}

static void run_embedding(side *s, const shape *c, outcome *o) {
  trm__dims *d = &s->dims;
  size_t n = state_size(d, c->b), rows = (size_t)c->b * (size_t)d->emb_ndim, words = (size_t)(c->b * d->S);
  int32_t *host_tokens = random_ints(words, 3, -1, d->V + 1), *tokens = put(s, host_tokens, words * sizeof *tokens);
  trm__real *host_rows = numbers(rows, 4, 1), *host_de = numbers(n, 5, 1);
  trm__real *row = rows ? put(s, host_rows, rows * sizeof *row) : NULL;
  trm__real *drows = rows ? poisoned(s, rows * sizeof *drows) : NULL;
  trm__act *e = poisoned_act(s, n), *bare = poisoned_act(s, n), *de = put_act(s, host_de, n);
  s->be->embed_forward(s->be, s->w, c->b, tokens, row, e);
  s->be->embed_forward(s->be, s->w, c->b, tokens, NULL, bare);
  s->be->embed_backward(s->be, s->w, c->b, tokens, de, &s->grads, drows);
  s->be->embed_backward(s->be, s->w, c->b, tokens, de, &s->grads, NULL);
  add_part(o, "e", get_act(s, e, n), n, d->bf16 ? 0.005 : 1e-6);
  add_part(o, "e without rows", get_act(s, bare, n), n, d->bf16 ? 0.005 : 1e-6);
  add_part(o, "gradients", get(s, s->grad, s->count * sizeof(trm__real)), s->count, d->bf16 ? 0.01 : 1e-5);
  if (rows) add_part(o, "gradients of rows", get(s, drows, rows * sizeof *drows), rows, d->bf16 ? 0.01 : 1e-6);
  trm__free(host_tokens);
  trm__free(host_rows);
  trm__free(host_de);
}

static void embedding(void **state) {
  (void)state;
  each(run_embedding);
}

/* stats as numbers. */
static trm__real *stats_of(side *s, const trm__example_stats *device, int b) {
  trm__example_stats *stats = get(s, device, (size_t)b * sizeof *stats);
  trm__real *x = trm__calloc(6 * (size_t)b, sizeof *x);
  for (int i = 0; i < b; i++) {
    x[6 * i] = (trm__real)stats[i].lm_loss;
    x[6 * i + 1] = (trm__real)stats[i].halt_loss;
    x[6 * i + 2] = (trm__real)stats[i].q_halt;
    x[6 * i + 3] = (trm__real)stats[i].labelled;
    x[6 * i + 4] = (trm__real)stats[i].right;
    x[6 * i + 5] = (trm__real)stats[i].exact;
  }
  trm__free(stats);
  return x;
}

static void run_heads(side *s, const shape *c, outcome *o) {
  trm__dims *d = &s->dims;
  size_t n = state_size(d, c->b), words = (size_t)(c->b * d->S), all = words * (size_t)d->V, b = (size_t)c->b;
  trm__real *host_y = numbers(n, 5, 1);
  int32_t *host_labels = random_ints(words, 6, -1, d->V + 1), host_steps[8] = {3, 0, 1};
  size_t real = sizeof(trm__real);
  for (int kind = 0; kind < 2; kind++) {
    trm__heads h = {.y = put_act(s, host_y, n),
                    .logits = poisoned(s, all * real),
                    .q = poisoned(s, 2 * b * real),
                    .labels = put(s, host_labels, words * sizeof(int32_t)),
                    .loss = {kind ? TRM_LOSS_SOFTMAX : TRM_LOSS_STABLEMAX, kind ? 0.1 : 0, 0.5, 0.25, kind ? 0.9 : 0},
                    .steps = kind ? put(s, host_steps, b * sizeof(int32_t)) : NULL,
                    .stats = poisoned(s, b * sizeof(trm__example_stats)),
                    .d = poisoned_act(s, n),
                    .dlogits = poisoned(s, all * real),
                    .dq = poisoned(s, 2 * b * real),
                    .grads = &s->grads};
    double tolerance = d->bf16 ? 0.02 : 2e-5;
    s->be->heads(s->be, s->w, c->b, &h);
    add_part(o, "logits", get(s, h.logits, all * real), all, tolerance);
    add_part(o, "q", get(s, h.q, 2 * b * real), 2 * b, tolerance);
    if (!d->bf16) add_part(o, "stats", stats_of(s, h.stats, c->b), 6 * b, tolerance);
    add_part(o, "d", get_act(s, h.d, n), n, tolerance);
    if (kind) add_part(o, "gradients", get(s, s->grad, s->count * real), s->count, tolerance);
  }
  trm__free(host_y);
  trm__free(host_labels);
}

static void heads(void **state) {
  (void)state;
  each(run_heads);
}

/* Without labels; then loss alone of what was given, without gradients. */
static void run_parts_of_heads(side *s, const shape *c, outcome *o) {
  trm__dims *d = &s->dims;
  size_t n = state_size(d, c->b), words = (size_t)(c->b * d->S), all = words * (size_t)d->V, b = (size_t)c->b;
  size_t real = sizeof(trm__real);
  trm__real *host_y = numbers(n, 5, 1), *host_logits = numbers(all, 7, 3), *host_q = numbers(2 * b, 8, 2);
  int32_t *host_labels = random_ints(words, 6, 0, d->V);
  trm__heads h = {.y = put_act(s, host_y, n), .logits = poisoned(s, all * real), .q = poisoned(s, 2 * b * real)};
  s->be->heads(s->be, s->w, c->b, &h);
  add_part(o, "logits", get(s, h.logits, all * real), all, d->bf16 ? 0.02 : 2e-5);
  add_part(o, "q", get(s, h.q, 2 * b * real), 2 * b, d->bf16 ? 0.02 : 2e-5);
  h = (trm__heads){.logits = put(s, host_logits, all * real),
                   .q = put(s, host_q, 2 * b * real),
                   .labels = put(s, host_labels, words * sizeof(int32_t)),
                   .loss = {TRM_LOSS_STABLEMAX, 0, 0.5, 1, 0},
                   .stats = poisoned(s, b * sizeof(trm__example_stats))};
  s->be->heads(s->be, s->w, c->b, &h);
  add_part(o, "stats", stats_of(s, h.stats, c->b), 6 * b, 1e-6);
  add_part(o, "given logits", get(s, h.logits, all * real), all * real, -1);
  add_part(o, "gradients stay", get(s, s->grad, s->count * real), s->count * real, -1);
  trm__free(host_y);
  trm__free(host_logits);
  trm__free(host_q);
  trm__free(host_labels);
}

static void parts_of_heads(void **state) {
  (void)state;
  each(run_parts_of_heads);
}

/* -- the carry ----------------------------------------------------------------------------------------------------- */

static void run_elements(side *s, const shape *c, outcome *o) {
  trm__dims *d = &s->dims;
  size_t n = state_size(d, c->b), D = (size_t)d->D;
  double tolerance = d->bf16 ? 0.005 : 1e-6;
  trm__real *x[4], *start = numbers(2 * D, 9, 1);
  trm__act *a[4];
  uint8_t host_halted[4] = {1, 0, 1, 0};
  uint64_t host_index[4] = {3, (uint64_t)1 << 40, 7, 9};
  for (uint64_t i = 0; i < 4; i++) {
    x[i] = numbers(n, 10 + i, 1);
    a[i] = put_act(s, x[i], n);
  }
  uint8_t *halted = put(s, host_halted, (size_t)c->b);
  uint64_t *index = put(s, host_index, (size_t)c->b * sizeof *index);
  trm__real *place = put(s, start, 2 * D * sizeof *start);
  s->be->inject(s->be, c->b, s->w, a[0], a[1], a[2], a[3]);
  s->be->inject(s->be, c->b, s->w, a[1], a[1], a[2], NULL);
  s->be->accumulate(s->be, c->b, s->w, a[2], a[3]);
  s->be->noise(s->be, s->w, c->b, a[0], 0.5, 42, index, 6, halted);
  s->be->noise(s->be, s->w, c->b, a[1], 0.5, 42, index, 0, NULL);
  s->be->blend(s->be, s->w, c->b, a[1], 0.75, a[0], 0.25);
  s->be->blend(s->be, s->w, c->b, a[0], 0.75, a[0], 0.5);
  s->be->refill(s->be, s->w, c->b, halted, place, place + D, a[2], a[3]);
  double *out = poisoned(s, 2 * (size_t)c->b * sizeof *out), *far;
  s->be->distance(s->be, s->w, c->b, a[0], a[1], out);
  trm__real *distances = numbers(2 * (size_t)c->b, 1, 1);
  far = get(s, out, 2 * (size_t)c->b * sizeof *out);
  for (int i = 0; i < 2 * c->b; i++) distances[i] = (trm__real)far[i];
  add_part(o, "distances", distances, 2 * (size_t)c->b, d->bf16 ? 0.02 : 1e-5);
  trm__free(far);
  for (int i = 0; i < 4; i++) add_part(o, "an array", get_act(s, a[i], n), n, tolerance);
  for (int i = 0; i < 4; i++) trm__free(x[i]);
  trm__free(start);
}

static void elements(void **state) {
  (void)state;
  each(run_elements);
}

static void run_latents(side *s, const shape *c, outcome *o) {
  trm__dims *d = &s->dims;
  enum { K = 3 };
  size_t n = state_size(d, c->b), b = (size_t)c->b;
  trm__real *host_from = numbers(K * n, 11, 1), *host_q = numbers(K * b, 12, 2);
  trm__example_stats host_stats[K * 4];
  memset(host_stats, 0, sizeof host_stats);
  for (size_t i = 0; i < K * b; i++) host_stats[i].lm_loss = i % 4 == 1 ? (double)NAN : (double)(i * 7 % 5);
  trm__act *from = put_act(s, host_from, K * n);
  trm__real *q = put(s, host_q, K * b * sizeof *q);
  trm__example_stats *stats = put(s, host_stats, K * b * sizeof *stats);
  int32_t *winner = poisoned(s, b * sizeof *winner);
  for (int kind = 0; kind < 3; kind++) {
    trm__act *to = poisoned_act(s, n);
    s->be->merge(s->be, s->w, (trm__merge_kind)kind, K, c->b, from, q, to);
    add_part(o, "merged", get_act(s, to, n), n, d->bf16 ? 0.005 : 1e-6);
  }
  trm__act *picked = poisoned_act(s, n);
  s->be->winners(s->be, K, c->b, stats, winner);
  s->be->pick(s->be, s->w, K, c->b, winner, from, picked);
  add_part(o, "winners", get(s, winner, b * sizeof *winner), b * sizeof *winner, -1);
  add_part(o, "picked", get_act(s, picked, n), n * sizeof(trm__real), -1);
  trm__free(host_from);
  trm__free(host_q);
}

static void latents(void **state) {
  (void)state;
  each(run_latents);
}

static void run_slots(side *s, const shape *c, outcome *o) {
  enum { B = 5, ROWS = 7, NDIM = 12 };
  size_t S = (size_t)s->dims.S, ints = B * S * sizeof(int32_t);
  (void)c;
  int32_t *words[4], ids[2][B] = {{1, 2, 3, 4, 5}, {6, -1, ROWS, 0, 2}}, steps[B] = {4, 5, 6, 7, 8};
  uint8_t halted[B] = {0, 1, 0, 0, 255};
  for (uint64_t i = 0; i < 4; i++) words[i] = random_ints(B * S, 20 + i, 0, 9);
  trm__real *host_table = numbers(ROWS * NDIM, 30, 1), *table = put(s, host_table, ROWS * NDIM * sizeof *table);
  trm__slots slots = {B,
                      (int)S,
                      put(s, words[0], ints),
                      put(s, words[1], ints),
                      put(s, ids[0], sizeof ids[0]),
                      put(s, steps, sizeof steps),
                      put(s, halted, sizeof halted)};
  int32_t *new_ids = put(s, ids[1], sizeof ids[1]);
  trm__real *rows = poisoned(s, B * NDIM * sizeof *rows), *drows = put(s, host_table, B * NDIM * sizeof *drows);
  s->be->admit(s->be, &slots, put(s, words[2], ints), put(s, words[3], ints), new_ids);
  s->be->gather_rows(s->be, rows, table, ROWS, NDIM, new_ids, B);
  static const trm__update_state sound = {.t = 1, .factor = 0.5, .grad_scale = 1};
  static const int32_t repeated[B] = {6, 2, 6, -3, 2};
  s->be->sign_sgd_rows(s->be, put(s, &sound, sizeof sound), table, ROWS, NDIM, drows, put(s, repeated, sizeof repeated),
                       B, 0.1, 0.2, keep(s, NDIM * sizeof *rows));
  add_part(o, "inputs", get(s, slots.inputs, ints), ints, -1);
  add_part(o, "labels", get(s, slots.labels, ints), ints, -1);
  add_part(o, "ids", get(s, slots.ids, sizeof steps), sizeof steps, -1);
  add_part(o, "steps", get(s, slots.steps, sizeof steps), sizeof steps, -1);
  add_part(o, "halted", get(s, slots.halted, sizeof halted), sizeof halted, -1);
  add_part(o, "rows", get(s, rows, B * NDIM * sizeof *rows), B * NDIM * sizeof *rows, -1);
  add_part(o, "table", get(s, table, ROWS * NDIM * sizeof *rows), ROWS * NDIM, 1e-6);
  for (int i = 0; i < 4; i++) trm__free(words[i]);
  trm__free(host_table);
}

static void slots(void **state) {
  (void)state;
  each(run_slots);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(embedding), cmocka_unit_test(heads),   cmocka_unit_test(parts_of_heads),
      cmocka_unit_test(elements),  cmocka_unit_test(latents), cmocka_unit_test(slots),
  };
  return cmocka_run_group_tests_name("cuda ends and carry", tests, NULL, NULL);
}
