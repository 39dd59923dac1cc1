/* Damping, latent noise and winner takes all: each against the plain step that it must be equal to, bit for bit. */
#include "support/model_fixture.h"

enum { B = 3, K = 3 };

static const uint64_t names[B] = {7, 3, 1000000007};

static trm_model_config config_of(int mixer, int bf16) {
  trm_model_config c = fixture_config(mixer, mixer ? TRM_POS_NONE : TRM_POS_ROPE, 1);
  c.forward_dtype = bf16 ? TRM_BFLOAT16 : TRM_FLOAT32;
  return c;
}

static size_t numbers_of(const fixture *f) {
  return (size_t)f->b * f->act;
}

static const trm__loss loss = {TRM_LOSS_STABLEMAX, 0.1, 0.5, 1.0 / B, 0};

/* What a training step leaves. */
typedef struct result {
  trm__real *y, *z, *grads, *drows;
  trm__example_stats stats[B];
} result;

static result result_new(const fixture *f, size_t latents) {
  size_t n = numbers_of(f);
  return (result){.y = calloc(n, sizeof(trm__real)),
                  .z = calloc(latents * n, sizeof(trm__real)),
                  .grads = calloc(f->params.trained, sizeof(trm__real)),
                  .drows = calloc((size_t)f->b * (size_t)f->params.dims.emb_ndim, sizeof(trm__real))};
}

static void result_free(result *r) {
  void *all[] = {r->y, r->z, r->grads, r->drows};
  for (int i = 0; i < 4; i++) free(all[i]);
}

static void write_state(const fixture *f, trm__real *to, const trm__real *from, size_t n) {
  f->be->act_write(f->be, &f->params.dims, (trm__act *)to, from, n);
}

static result plain_step(fixture *f, const trm__real *z) {
  result r = result_new(f, 1);
  write_state(f, r.y, f->y0, numbers_of(f));
  write_state(f, r.z, z, numbers_of(f));
  trm__network_train_step(f->net, B, f->tokens, f->rows, f->labels, NULL, &loss, (trm__act *)r.y, (trm__act *)r.z,
                          r.grads, r.drows, r.stats, NULL, NULL);
  return r;
}

static void check_equal(const fixture *f, const result *a, const result *b) {
  size_t n = numbers_of(f) * sizeof(trm__real);
  assert_memory_equal(a->y, b->y, n);
  assert_memory_equal(a->grads, b->grads, f->params.trained * sizeof(trm__real));
  assert_memory_equal(a->drows, b->drows, (size_t)f->b * (size_t)f->params.dims.emb_ndim * sizeof(trm__real));
  assert_memory_equal(a->stats, b->stats, sizeof a->stats);
}

/* K latents against K plain steps: each keeps its own z, and the rest is what a batch of the winners gives. */
static void check_best(const trm_model_config *config, int latents, double noise) {
  fixture f;
  fixture_open(&f, config, NULL, 2, B, 1);
  f.latents = latents;
  fixture_network(&f, 1, 0);
  trm__network_set_noise(f.net, &(trm__network_noise){noise, 5, names, 4});
  size_t n = numbers_of(&f), all = (size_t)latents * n;
  trm__real *z0 = fixture_reals(all, 6, 4, 1), *winners = calloc(n, sizeof *winners);
  result best = result_new(&f, (size_t)latents), each[K];
  write_state(&f, best.y, f.y0, n);
  write_state(&f, best.z, z0, all);
  trm__network_train_step_best(f.net, B, f.tokens, f.rows, f.labels, NULL, &loss, (trm__act *)best.y,
                               (trm__act *)best.z, n * sizeof *z0, best.grads, best.drows, best.stats);
  int seen[K] = {0};
  for (int k = 0; k < latents; k++) {
    each[k] = plain_step(&f, z0 + (size_t)k * n);
    assert_memory_equal(best.z + (size_t)k * n, each[k].z, n * sizeof *z0);
  }
  for (int i = 0; i < B; i++) {
    int winner = 0;
    for (int k = 1; k < latents; k++)
      if (each[k].stats[i].lm_loss < each[winner].stats[i].lm_loss) winner = k;
    seen[winner]++;
    memcpy(winners + (size_t)i * f.act, z0 + (size_t)winner * n + (size_t)i * f.act, f.act * sizeof *z0);
  }
  if (latents > 1) assert_true(seen[0] < B); /* otherwise nothing would be tested */
  result expected = plain_step(&f, winners);
  check_equal(&f, &best, &expected);
  for (int k = 0; k < latents; k++) result_free(&each[k]);
  result_free(&best);
  result_free(&expected);
  free(z0);
  free(winners);
  fixture_close(&f);
}

static void test_best(void **state) {
  (void)state;
  for (int i = 0; i < 8; i++) {
    trm_model_config config = config_of(i % 2, i / 2 % 2);
    check_best(&config, i / 4 ? 1 : K, 0);
    config.damping = 0.05;
    config.activation = TRM_ACT_RMS_GATE;
    check_best(&config, K, 0.2);
  }
}

typedef struct last_call {
  int number;
  trm__real *h;
  size_t n;
} last_call;

static void keep_call(void *context, int call, const trm__act *h, int b) {
  last_call *c = context;
  if (call == c->number) memcpy(c->h, h, (size_t)b * c->n * sizeof *c->h);
}

/* z of the second latent cycle is the mix of f, z and the numbers that its place in the stream names. */
static void check_second_cycle(double damping, double sigma) {
  fixture f;
  trm_model_config config = config_of(1, 0);
  config.damping = damping;
  fixture_open(&f, &config, NULL, 2, B, 0);
  size_t n = numbers_of(&f);
  trm__real *z1 = calloc(n, sizeof *z1), *f2 = calloc(n, sizeof *f2);
  last_call keep = {1, f2, f.act};
  trm__network_set_noise(f.net, &(trm__network_noise){sigma, 5, names, 6});
  trm__network_set_cycles(f.net, 1, 1);
  trm__network_step(f.net, B, f.tokens, f.rows, f.y, f.z, f.logits, f.q);
  memcpy(z1, f.z, n * sizeof *z1);
  fixture_rewind(&f);
  trm__network_set_cycles(f.net, 2, 1);
  trm__network_observe(f.net, keep_call, &keep);
  trm__network_step(f.net, B, f.tokens, f.rows, f.y, f.z, f.logits, f.q);
  for (int i = 0; i < B; i++) {
    trm__rng rng = trm__rng_make(5, TRM__RNG_NOISE, names[i]);
    uint64_t skip = 6 + f.act + f.act % 2;
    for (uint64_t j = 0; j < skip; j++) (void)trm__rng_normal(&rng);
    for (size_t j = (size_t)i * f.act; j < (size_t)(i + 1) * f.act; j++) {
      double want =
          damping * (double)z1[j] + (1 - damping) * (double)f2[j] + (sigma != 0 ? sigma * trm__rng_normal(&rng) : 0);
      double got = (double)((trm__real *)f.z)[j];
      if (!(fabs(got - want) <= 1e-6 * (1 + fabs(want)))) fail_msg("z[%zu] is %.9g, expected %.9g", j, got, want);
    }
  }
  free(z1);
  free(f2);
  fixture_close(&f);
}

static void test_latent_cycles(void **state) {
  (void)state;
  check_second_cycle(0, 0.5);
  check_second_cycle(0.3, 0);
  check_second_cycle(0.05, 0.01);
}

/* An example's noise follows its name, not its place. */
static void test_neighbours(void **state) {
  (void)state;
  fixture f;
  trm_model_config config = config_of(0, 0);
  config.damping = 0.05;
  fixture_open(&f, &config, NULL, 2, B, 0);
  size_t S = (size_t)f.params.dims.S, ndim = (size_t)f.params.dims.emb_ndim, one = f.act * sizeof(trm__real);
  trm__network_set_noise(f.net, &(trm__network_noise){0.1, 5, names, 0});
  trm__network_step(f.net, B, f.tokens, f.rows, f.y, f.z, f.logits, f.q);
  trm__real *z = calloc(numbers_of(&f), sizeof *z);
  memcpy(z, f.z, B * one);
  for (size_t i = 0; i < B; i++) {
    fixture_rewind(&f);
    trm__network_set_noise(f.net, &(trm__network_noise){0.1, 5, names + i, 0});
    trm__network_step(f.net, 1, f.tokens + i * S, f.rows + i * ndim, f.y + i * one, f.z + i * one, f.logits, f.q);
    assert_memory_equal(f.z + i * one, z + i * f.act, one);
  }
  fixture_rewind(&f);
  trm__network_set_noise(f.net, NULL);
  trm__network_step(f.net, B, f.tokens, f.rows, f.y, f.z, f.logits, f.q);
  assert_memory_not_equal(f.z, z, B * one);
  free(z);
  fixture_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_best),
      cmocka_unit_test(test_latent_cycles),
      cmocka_unit_test(test_neighbours),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
