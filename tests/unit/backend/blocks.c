/* Every forward operation of the CPU backend, with every instruction set of this machine, against plain loops in double
 * on odd sizes: more columns than a mixer block, more rows than a panel and than a chunk. */
#include "unit/backend/support.h"

typedef struct shape {
  int mixer, S, P, D, heads, V, b;
  trm_pos_encodings positions;
  trm_activation activation;
  int prenorm;
} shape;

static const shape shapes[] = {
    {1, 3, 0, 5, 0, 4, 1, TRM_POS_NONE, TRM_ACT_SILU, 0},
    {1, 9, 2, 70, 0, 11, 3, TRM_POS_LEARNED, TRM_ACT_SILU, 0},
    {1, 81, 16, 131, 0, 11, 2, TRM_POS_NONE, TRM_ACT_SILU, 0},
    {1, 1, 0, 1, 0, 2, 2, TRM_POS_NONE, TRM_ACT_SILU, 0},
    {0, 7, 1, 12, 2, 5, 1, TRM_POS_ROPE, TRM_ACT_SILU, 0},
    {0, 13, 3, 66, 3, 33, 4, TRM_POS_LEARNED, TRM_ACT_SILU, 0},
    {0, 50, 1, 40, 5, 17, 19, TRM_POS_ROPE, TRM_ACT_SILU, 0},
    {0, 1, 0, 2, 1, 2, 1, TRM_POS_NONE, TRM_ACT_SILU, 0},
    {1, 10, 1, 17, 0, 6, 90, TRM_POS_LEARNED, TRM_ACT_SILU, 0},
    {1, 3, 0, 5, 0, 4, 1, TRM_POS_NONE, TRM_ACT_RMS_GATE, 0},
    {1, 81, 16, 131, 0, 11, 2, TRM_POS_NONE, TRM_ACT_RMS_GATE, 0},
    {0, 50, 1, 40, 5, 17, 19, TRM_POS_ROPE, TRM_ACT_RMS_GATE, 0},
    {1, 10, 1, 17, 0, 6, 90, TRM_POS_NONE, TRM_ACT_RMS_GATE, 0},
    {0, 7, 1, 12, 2, 5, 1, TRM_POS_NONE, TRM_ACT_SILU, 1},
    {0, 50, 1, 40, 5, 17, 19, TRM_POS_ROPE, TRM_ACT_SILU, 1},
    {0, 81, 1, 132, 4, 11, 11, TRM_POS_NONE, TRM_ACT_RMS_GATE, 1},
};

static void each_case(void (*test)(bench *t, const shape *c)) {
  for (int i = 0; isa_at(i); i++) {
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
      const shape *c = &shapes[k];
      trm__dims dims = make_dims(c->mixer, c->S, c->P, c->D, c->heads, c->V, c->positions);
      dims.activation = c->activation;
      dims.prenorm = c->prenorm;
      bench t;
      open_backend(&t, isa_at(i), 2);
      open_weights(&t, &dims, 0, c->b);
      test(&t, c);
      close_bench(&t);
    }
  }
}

static void compare_blocks(bench *t, const shape *c) {
  trm__dims *s = &t->dims;
  size_t n = state_size(s, c->b);
  trm__real *in = numbers(n, 3, 1), *out = numbers(n + 1, 4, 1);
  double *flat = to_double(t->flat, t->count);
  for (int layer = 0; layer < 2; layer++) {
    double *expected = to_double(in, n);
    plain_layer weights = plain_layer_at(t, flat, layer);
    trm__real guard = out[n];
    t->be->mlp_forward(t->be, t->w, layer, c->b, (trm__act *)in, (trm__act *)out, NULL, 0);
    plain_mlp(s, &weights, c->b, expected);
    check_close("mlp", out, expected, n, exactness());
    trm__free(expected);
    expected = to_double(in, n);
    t->be->mix_forward(t->be, t->w, layer, c->b, (trm__act *)in, (trm__act *)out, NULL, 0);
    plain_mix(s, &weights, c->b, expected);
    check_close("mix", out, expected, n, exactness());
    assert_memory_equal(&guard, &out[n], sizeof guard);
    trm__free(expected);
  }
  trm__free(in);
  trm__free(out);
  trm__free(flat);
}

static void blocks_match(void **state) {
  (void)state;
  each_case(compare_blocks);
}

/* With memory for the backward pass the outputs are the same bits. */
static void compare_saving(bench *t, const shape *c) {
  trm__dims *s = &t->dims;
  size_t n = state_size(s, c->b);
  trm__real *in = numbers(n, 3, 1), *out = numbers(n, 4, 1), *again = numbers(n, 5, 1);
  for (int recompute = 0; recompute < 2; recompute++) {
    size_t mix = t->be->mix_saved_bytes(t->be, s, c->b, recompute),
           mlp = t->be->mlp_saved_bytes(t->be, s, c->b, recompute);
    void *saved = trm__calloc(mix > mlp ? mix : mlp, 1);
    t->be->mix_forward(t->be, t->w, 1, c->b, (trm__act *)in, (trm__act *)out, NULL, 0);
    t->be->mix_forward(t->be, t->w, 1, c->b, (trm__act *)in, (trm__act *)again, saved, recompute);
    assert_memory_equal(out, again, n * sizeof *out);
    t->be->mlp_forward(t->be, t->w, 1, c->b, (trm__act *)in, (trm__act *)out, NULL, 0);
    t->be->mlp_forward(t->be, t->w, 1, c->b, (trm__act *)in, (trm__act *)again, saved, recompute);
    assert_memory_equal(out, again, n * sizeof *out);
    trm__free(saved);
  }
  trm__free(in);
  trm__free(out);
  trm__free(again);
}

static void saving_changes_nothing(void **state) {
  (void)state;
  each_case(compare_saving);
}

/* -- embedding and heads ---------------------------------------------------------------------------------------- */

static void plain_embed(const bench *t, int b, const int32_t *tokens, const trm__real *rows, double *e) {
  const trm__dims *s = &t->dims;
  for (int i = 0; i < b * s->L; i++) {
    int p = i % s->L, example = i / s->L;
    for (int j = 0; j < s->D; j++) {
      double x = 0;
      if (p < s->P) {
        int at = p * s->D + j;
        if (rows && at < s->emb_ndim) x = (double)rows[example * s->emb_ndim + at];
      } else {
        int32_t token = tokens[example * s->S + p - s->P];
        x = (double)t->view.embed[(token < 0 || token >= s->V ? 0 : token) * s->D + j];
      }
      if (t->view.embed_pos) x = 0.707106781 * (x + (double)t->view.embed_pos[p * s->D + j]);
      e[(size_t)i * (size_t)s->D + (size_t)j] = sqrt(s->D) * x;
    }
  }
}

static int32_t *make_tokens(const trm__dims *s, int b) {
  int32_t *tokens = trm__calloc((size_t)(b * s->S), sizeof *tokens);
  trm__rng rng = trm__rng_make(11, TRM__RNG_TEST, 1);
  for (int i = 0; i < b * s->S; i++) tokens[i] = (int32_t)trm__rng_below(&rng, (uint32_t)s->V + 2) - 1;
  return tokens;
}

static void compare_embedding(bench *t, const shape *c) {
  trm__dims *s = &t->dims;
  size_t n = state_size(s, c->b);
  int32_t *tokens = make_tokens(s, c->b);
  trm__real *rows = numbers((size_t)(c->b * s->emb_ndim), 12, 1), *e = numbers(n, 13, 1);
  double *expected = doubles(n);
  for (int with_rows = 0; with_rows < 2; with_rows++) {
    t->be->embed_forward(t->be, t->w, c->b, tokens, with_rows ? rows : NULL, (trm__act *)e);
    plain_embed(t, c->b, tokens, with_rows ? rows : NULL, expected);
    check_close("embedding", e, expected, n, 1e-6);
  }
  trm__free(tokens);
  trm__free(rows);
  trm__free(e);
  trm__free(expected);
}

static void embedding_matches(void **state) {
  (void)state;
  each_case(compare_embedding);
}

static void compare_heads(bench *t, const shape *c) {
  trm__dims *s = &t->dims;
  size_t n = state_size(s, c->b), tokens = (size_t)(c->b * s->S), V = (size_t)s->V;
  trm__real *y = numbers(n, 14, 1), *logits = numbers(tokens * V, 15, 1), *q = numbers(2 * (size_t)c->b, 16, 1);
  double *flat = to_double(t->flat, t->count), *state = to_double(y, n), *expected = doubles(tokens * V),
         *expected_q = doubles(2 * (size_t)c->b);
  const trm__heads heads = {.y = (trm__act *)y, .logits = logits, .q = q};
  t->be->heads(t->be, t->w, c->b, &heads);
  for (int i = 0; i < c->b; i++) {
    double *first = state + state_size(s, i);
    for (int p = 0; p < s->S; p++)
      times(flat + (t->view.lm_head - t->flat), s->V, s->D, first + (s->P + p) * s->D, 1,
            expected + (size_t)(i * s->S + p) * V, 1);
    times(flat + (t->view.q_weight - t->flat), 2, s->D, first, 1, expected_q + 2 * i, 1);
    for (int j = 0; j < 2; j++) expected_q[2 * i + j] += (double)t->view.q_bias[j];
  }
  check_close("logits", logits, expected, tokens * V, exactness());
  check_close("q", q, expected_q, 2 * (size_t)c->b, exactness());
  trm__free(y);
  trm__free(logits);
  trm__free(q);
  trm__free(state);
  trm__free(expected);
  trm__free(expected_q);
  trm__free(flat);
}

static void heads_match(void **state) {
  (void)state;
  each_case(compare_heads);
}

/* -- the recursion's additions ---------------------------------------------------------------------------------- */

static void compare_inject(bench *t, const shape *c) {
  size_t n = state_size(&t->dims, c->b);
  trm__real *in = numbers(n, 20, 1), *p = numbers(n, 21, 1), *q = numbers(n, 22, 1), *h = numbers(n, 23, 1);
  double *expected = doubles(n);
  for (size_t i = 0; i < n; i++) expected[i] = (double)in[i] + (double)p[i] + (double)q[i];
  t->be->inject(t->be, c->b, t->w, (trm__act *)h, (trm__act *)in, (trm__act *)p, (trm__act *)q);
  check_close("inject", h, expected, n, 1e-6);
  memcpy(h, in, n * sizeof *h);
  t->be->inject(t->be, c->b, t->w, (trm__act *)h, (trm__act *)h, (trm__act *)p, NULL);
  for (size_t i = 0; i < n; i++) expected[i] = (double)in[i] + (double)p[i];
  check_close("inject one in place", h, expected, n, 1e-6);
  t->be->accumulate(t->be, c->b, t->w, (trm__act *)h, (trm__act *)q);
  for (size_t i = 0; i < n; i++) expected[i] += (double)q[i];
  check_close("accumulate", h, expected, n, 1e-6);
  trm__free(in);
  trm__free(p);
  trm__free(q);
  trm__free(h);
  trm__free(expected);
}

static void injection_matches(void **state) {
  (void)state;
  each_case(compare_inject);
}

/* A mixer case of the table has more examples than a chunk; the first weights must not linger in the packing. */
static void prepare_renews(void **state) {
  (void)state;
  trm__dims dims = make_dims(1, 9, 1, 20, 0, 7, TRM_POS_NONE);
  size_t n = state_size(&dims, 2);
  bench t;
  open_backend(&t, "ref", 1);
  open_weights(&t, &dims, 1, 2);
  fill(t.flat, t.count, 99, 0.4);
  t.be->weights_prepare(t.be, t.w, &t.view);
  trm__real *in = numbers(n, 3, 1), *out = numbers(n, 4, 1);
  double *flat = to_double(t.flat, t.count), *expected = to_double(in, n);
  plain_layer weights = plain_layer_at(&t, flat, 0);
  t.be->mlp_forward(t.be, t.w, 0, 2, (trm__act *)in, (trm__act *)out, NULL, 0);
  plain_mlp(&dims, &weights, 2, expected);
  check_close("mlp after prepare", out, expected, n, exactness());
  trm__free(expected);
  expected = to_double(in, n);
  t.be->mix_forward(t.be, t.w, 0, 2, (trm__act *)in, (trm__act *)out, NULL, 0);
  plain_mix(&dims, &weights, 2, expected);
  check_close("mixer after prepare", out, expected, n, exactness());
  trm__free(expected);
  trm__free(flat);
  trm__free(in);
  trm__free(out);
  close_bench(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_match), cmocka_unit_test(saving_changes_nothing), cmocka_unit_test(embedding_matches),
      cmocka_unit_test(heads_match),  cmocka_unit_test(injection_matches),      cmocka_unit_test(prepare_renews),
  };
  return cmocka_run_group_tests_name("backend blocks", tests, NULL, NULL);
}
