/* What the tests of the network share: small configurations of each kind, and a network with weights, data and carry,
 * all drawn from a seed. */
#ifndef TRM_TESTS_SUPPORT_MODEL_FIXTURE_H
#define TRM_TESTS_SUPPORT_MODEL_FIXTURE_H

#include "support/check.h"
#include "support/isa.h"

#include "base/rng.h"
#include "model/network.h"

static inline trm_model_config fixture_config(int mixer, int positions, int prefix) {
  trm_model_config c = trm_model_config_default();
  c.seq_len = 7;
  c.vocab_size = 5;
  c.hidden_size = 8;
  c.num_heads = 2;
  c.L_layers = 2;
  c.H_cycles = 2;
  c.L_cycles = 2;
  c.mlp_t = mixer;
  c.pos_encodings = positions;
  c.num_puzzle_identifiers = prefix ? 3 : 0;
  c.puzzle_emb_ndim = prefix ? 11 : 0; /* one whole vector and three numbers of the next */
  c.puzzle_emb_len = prefix ? 2 : 0;
  return c;
}

typedef struct fixture {
  trm_model_config config;
  trm__pool *pool;
  trm__backend *be;
  trm__params params;
  trm__weight_set set;
  trm__network *net;
  int b, latents;    /* latents: of winner takes all */
  size_t act, logit; /* numbers of one example's state and logits */
  int32_t *tokens, *labels;
  trm__real *rows, *logits, *q, *y0, *z0; /* y0, z0: the carry that steps start from */
  trm__act *y, *z;
} fixture;

static inline trm__real *fixture_reals(size_t n, uint64_t seed, uint64_t index, double scale) {
  trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, index);
  trm__real *x = calloc(n + 1, sizeof *x);
  assert_non_null(x);
  for (size_t i = 0; i < n; i++) x[i] = (trm__real)(scale * trm__rng_normal(&rng));
  return x;
}

static inline void fixture_machine(fixture *f, const char *isa, int threads) {
  trm_error err;
  trm__isa_choice choice;
  assert_true(isa_choose(&choice, isa));
  CHECK_OK(trm__pool_open(&f->pool, threads, &err), err);
  CHECK_OK(trm__backend_cpu(&f->be, &choice, f->pool, &err), err);
}

/* Weights with heads that say something: the original starts W_q at zero. */
static inline void fixture_weights(fixture *f, uint64_t seed) {
  trm_error err;
  CHECK_OK(trm__params_open(&f->params, &f->config, &err), err);
  CHECK_OK(trm__weight_set_open(&f->set, &f->params, &err), err);
  trm__weight_set_init(&f->set, &f->params, seed);
  trm__weights_view v = trm__params_view(&f->params, f->set.flat);
  trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, 99);
  for (int i = 0; i < 2 * f->params.dims.D; i++) v.q_weight[i] = (trm__real)(0.3 * trm__rng_normal(&rng));
  v.q_bias[0] = (trm__real)0.2;
  v.q_bias[1] = (trm__real)-0.1;
}

static inline void fixture_data(fixture *f, uint64_t seed) {
  const trm__dims *d = &f->params.dims;
  size_t b = (size_t)f->b, S = (size_t)d->S;
  trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, 7);
  f->act = (size_t)d->L * (size_t)d->D;
  f->logit = S * (size_t)d->V;
  f->tokens = calloc(b * S, sizeof(int32_t));
  f->labels = calloc(b * S, sizeof(int32_t));
  for (size_t i = 0; i < b * S; i++) {
    f->tokens[i] = (int32_t)trm__rng_below(&rng, (uint32_t)d->V);
    f->labels[i] = trm__rng_below(&rng, 4) == 0 ? -100 : (int32_t)trm__rng_below(&rng, (uint32_t)d->V);
  }
  f->rows = d->emb_ndim ? fixture_reals(b * (size_t)d->emb_ndim, seed, 1, 0.3) : NULL;
  f->y0 = fixture_reals(b * f->act, seed, 2, 1);
  f->z0 = fixture_reals(b * f->act, seed, 3, 1);
  f->y = f->be->alloc(f->be, b * f->act * f->be->act_bytes(f->be, &f->params.dims));
  f->z = f->be->alloc(f->be, b * f->act * f->be->act_bytes(f->be, &f->params.dims));
  f->logits = calloc(b * f->logit, sizeof(trm__real));
  f->q = calloc(b * 2, sizeof(trm__real));
}

/* The carry back to where it was. */
static inline void fixture_rewind(fixture *f) {
  f->be->act_write(f->be, &f->params.dims, f->y, f->y0, (size_t)f->b * f->act);
  f->be->act_write(f->be, &f->params.dims, f->z, f->z0, (size_t)f->b * f->act);
}

static inline void fixture_network(fixture *f, int training, int recompute) {
  trm_error err;
  trm__network_plan plan = {.max_batch = f->b, .training = training, .recompute = recompute, .latents = f->latents};
  trm__network_close(&f->net);
  CHECK_OK(trm__network_open(&f->net, &f->config, &f->params, f->be, &plan, &err), err);
  trm__network_prepare(f->net, f->set.flat);
}

static inline void fixture_open(fixture *f, const trm_model_config *config, const char *isa, int threads, int b,
                                int training) {
  memset(f, 0, sizeof *f);
  f->config = *config;
  f->b = b;
  fixture_machine(f, isa, threads);
  fixture_weights(f, 5);
  fixture_data(f, 6);
  fixture_network(f, training, 0);
  fixture_rewind(f);
}

static inline void fixture_close(fixture *f) {
  trm__network_close(&f->net);
  f->be->free(f->be, f->y);
  f->be->free(f->be, f->z);
  trm__weight_set_close(&f->set);
  trm__params_close(&f->params);
  trm__backend_close(&f->be);
  trm__pool_close(&f->pool);
  void *all[] = {f->tokens, f->labels, f->rows, f->y0, f->z0, f->logits, f->q};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

#endif
