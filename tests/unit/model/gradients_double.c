/* Gradients of a training step against central differences, in double on the plain C kernels, for every kind of
 * network. Each tensor is moved along random directions and at single numbers. With one recursion cycle the carry is
 * constant, as in the backward pass, so the differences see exactly what the gradient claims; that earlier cycles have
 * no gradient is tested by itself. */
#include "support/model_fixture.h"

typedef struct grad_case {
  const char *name;
  int mixer, positions, prefix;
  trm_loss_type kind;
  double smoothing;
  int activation;
  double damping, noise;
  int latents; /* 0: without winner takes all */
} grad_case;

static const grad_case cases[] = {
    {"mixer with prefix", 1, TRM_POS_NONE, 1, TRM_LOSS_STABLEMAX, 0, TRM_ACT_SILU, 0, 0, 0},
    {"mixer without prefix, learned positions", 1, TRM_POS_LEARNED, 0, TRM_LOSS_SOFTMAX, 0, TRM_ACT_SILU, 0, 0, 0},
    {"mixer, rotary positions asked for", 1, TRM_POS_ROPE, 1, TRM_LOSS_STABLEMAX, 0.1, TRM_ACT_SILU, 0, 0, 0},
    {"rotary positions with prefix", 0, TRM_POS_ROPE, 1, TRM_LOSS_STABLEMAX, 0, TRM_ACT_SILU, 0, 0, 0},
    {"rotary positions without prefix", 0, TRM_POS_ROPE, 0, TRM_LOSS_SOFTMAX, 0.2, TRM_ACT_SILU, 0, 0, 0},
    {"learned positions with prefix", 0, TRM_POS_LEARNED, 1, TRM_LOSS_SOFTMAX, 0, TRM_ACT_SILU, 0, 0, 0},
    {"learned positions without prefix", 0, TRM_POS_LEARNED, 0, TRM_LOSS_STABLEMAX, 0.3, TRM_ACT_SILU, 0, 0, 0},
    {"no positions with prefix", 0, TRM_POS_NONE, 1, TRM_LOSS_STABLEMAX, 0, TRM_ACT_SILU, 0, 0, 0},
    {"no positions without prefix", 0, TRM_POS_NONE, 0, TRM_LOSS_STABLEMAX, 0, TRM_ACT_SILU, 0, 0, 0},
    {"rms-gated mixer", 1, TRM_POS_NONE, 1, TRM_LOSS_STABLEMAX, 0.2, TRM_ACT_RMS_GATE, 0, 0, 0},
    {"rms-gated attention", 0, TRM_POS_ROPE, 1, TRM_LOSS_SOFTMAX, 0, TRM_ACT_RMS_GATE, 0, 0, 0},
    {"damped mixer", 1, TRM_POS_NONE, 1, TRM_LOSS_STABLEMAX, 0, TRM_ACT_SILU, 0.3, 0, 0},
    {"damped and noisy attention", 0, TRM_POS_ROPE, 1, TRM_LOSS_STABLEMAX, 0, TRM_ACT_SILU, 0.05, 0.1, 0},
    {"noisy mixer", 1, TRM_POS_NONE, 0, TRM_LOSS_STABLEMAX, 0, TRM_ACT_SILU, 0, 0.3, 0},
    {"the best of three", 1, TRM_POS_NONE, 1, TRM_LOSS_STABLEMAX, 0, TRM_ACT_SILU, 0, 0, 3},
    {"the best of two, with all there is", 0, TRM_POS_ROPE, 1, TRM_LOSS_SOFTMAX, 0.2, TRM_ACT_RMS_GATE, 0.1, 0.2, 2},
};

/* A network, what it is trained with, and the carry of all latents. */
typedef struct trial {
  fixture f;
  trm__loss loss;
  int latents;
  trm__real *z0; /* [latents][b][L][D] */
  trm__act *z;
  trm__real *unused; /* gradients that nobody looks at */
} trial;

static const uint64_t noise_index[3] = {11, 5, 1000000007};

static void open_trial(trial *t, const grad_case *c) {
  trm_model_config config = fixture_config(c->mixer, c->positions, c->prefix);
  trm__network_noise noise = {c->noise, 3, noise_index, 8};
  config.activation = c->activation;
  config.damping = c->damping;
  memset(t, 0, sizeof *t);
  fixture_open(&t->f, &config, "ref", 1, 3, 1);
  t->loss = (trm__loss){c->kind, c->smoothing, 0.5, 1.0 / 3, 0};
  t->latents = t->f.latents = c->latents;
  if (c->latents) fixture_network(&t->f, 1, 0);
  for (int s = 0; s < t->f.params.dims.S; s++) t->f.labels[s] = -100; /* an example without any label */
  trm__network_set_cycles(t->f.net, 2, 1);
  trm__network_set_noise(t->f.net, &noise);
  size_t n = (size_t)(c->latents + 1) * (size_t)t->f.b * t->f.act;
  t->z0 = fixture_reals(n, 6, 4, 1);
  t->z = calloc(n, sizeof(trm__real));
  t->unused = calloc(t->f.params.trained, sizeof *t->unused);
}

static void close_trial(trial *t) {
  free(t->z0);
  free(t->z);
  free(t->unused);
  fixture_close(&t->f);
}

/* The training step from the start. */
static void learn(trial *t, trm__real *grads, trm__real *drows, trm__example_stats *stats) {
  fixture *f = &t->f;
  size_t one = (size_t)f->b * f->act;
  fixture_rewind(f);
  if (!t->latents) {
    trm__network_train_step(f->net, f->b, f->tokens, f->rows, f->labels, NULL, &t->loss, f->y, f->z, grads, drows,
                            stats, NULL, NULL);
    return;
  }
  f->be->act_write(f->be, &f->params.dims, t->z, t->z0, (size_t)t->latents * one);
  trm__network_train_step_best(f->net, f->b, f->tokens, f->rows, f->labels, NULL, &t->loss, f->y, t->z,
                               one * sizeof(trm__real), grads, drows, stats);
}

static double loss_at(trial *t) {
  fixture *f = &t->f;
  trm__example_stats stats[3];
  trm__network_prepare(f->net, f->set.flat);
  if (t->latents) learn(t, t->unused, NULL, stats);
  else {
    fixture_rewind(f);
    trm__network_step(f->net, f->b, f->tokens, f->rows, f->y, f->z, f->logits, f->q);
    trm__network_loss(f->net, f->b, f->logits, f->q, f->labels, &t->loss, stats);
  }
  double sum = 0;
  for (int i = 0; i < f->b; i++) sum += stats[i].lm_loss + t->loss.halt_weight * stats[i].halt_loss;
  return sum * t->loss.grad_scale;
}

/* The derivative along direction (NULL: along number `at` alone) against the gradient's claim. */
static void check_along(trial *t, trm__real *x, const trm__real *grad, size_t n, const trm__real *direction, size_t at,
                        const char *what) {
  const double h = 2e-6;
  trm__real *kept = malloc(n * sizeof *kept);
  double claim = 0, size = 0, value[2];
  memcpy(kept, x, n * sizeof *kept);
  for (int side = 0; side < 2; side++) {
    double step = side ? -h : h;
    for (size_t i = 0; i < n; i++) x[i] = kept[i] + (trm__real)step * (direction ? direction[i] : (trm__real)(i == at));
    value[side] = loss_at(t);
  }
  memcpy(x, kept, n * sizeof *kept);
  free(kept);
  for (size_t i = 0; i < n; i++) {
    claim += (double)grad[i] * (double)(direction ? direction[i] : (trm__real)(i == at));
    size += (double)grad[i] * (double)grad[i];
  }
  double found = (value[0] - value[1]) / (2 * h), scale = fmax(fabs(claim), sqrt(size));
  if (!(fabs(found - claim) <= 2e-6 * scale + 1e-9))
    fail_msg("%s: the gradient says %.10g, differences say %.10g (number %zu)", what, claim, found, at);
}

static void check_tensor(trial *t, trm__real *x, const trm__real *grad, size_t n, uint64_t seed, const char *what) {
  trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, 11);
  for (uint64_t k = 0; k < 3; k++) {
    trm__real *direction = fixture_reals(n, seed, 20 + k, 1);
    check_along(t, x, grad, n, direction, 0, what);
    free(direction);
  }
  for (int k = 0; k < 4; k++) check_along(t, x, grad, n, NULL, trm__rng_below(&rng, (uint32_t)n), what);
}

static void check_case(const grad_case *c) {
  trial t;
  open_trial(&t, c);
  const fixture *f = &t.f;
  trm__example_stats stats[3];
  size_t rows = (size_t)f->b * (size_t)f->params.dims.emb_ndim;
  trm__real *grads = calloc(f->params.trained, sizeof *grads), *drows = calloc(rows + 1, sizeof *drows);
  learn(&t, grads, rows ? drows : NULL, stats);
  for (int i = 0; i < f->params.count; i++) {
    const trm__param *p = &f->params.item[i];
    char what[200];
    snprintf(what, sizeof what, "%s: %s", c->name, p->name);
    if (p->kind == TRM__PARAM_MATRIX || p->kind == TRM__PARAM_OTHER)
      check_tensor(&t, f->set.flat + p->offset, grads + p->offset, (size_t)p->rows * (size_t)p->cols, (uint64_t)i,
                   what);
  }
  if (rows) check_tensor(&t, f->rows, drows, rows, 77, "puzzle rows");
  free(grads);
  free(drows);
  close_trial(&t);
}

static void test_finite_differences(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_case(&cases[i]);
}

/* Gradients of three cycles are those of the last one from the carry that two cycles without gradients leave. */
static void test_earlier_cycles_are_detached(void **state) {
  (void)state;
  fixture f;
  trm_model_config config = fixture_config(1, TRM_POS_NONE, 1);
  trm__loss loss = {TRM_LOSS_STABLEMAX, 0, 0.5, 1, 0};
  trm__example_stats stats[3];
  fixture_open(&f, &config, "ref", 1, 3, 1);
  size_t n = f.params.trained;
  trm__real *whole = calloc(n, sizeof *whole), *last = calloc(n, sizeof *last);
  trm__network_set_cycles(f.net, 2, 3);
  trm__network_train_step(f.net, f.b, f.tokens, f.rows, f.labels, NULL, &loss, f.y, f.z, whole, NULL, stats, NULL,
                          NULL);
  fixture_rewind(&f);
  trm__network_set_cycles(f.net, 2, 2);
  trm__network_step(f.net, f.b, f.tokens, f.rows, f.y, f.z, f.logits, f.q);
  trm__network_set_cycles(f.net, 2, 1);
  trm__network_train_step(f.net, f.b, f.tokens, f.rows, f.labels, NULL, &loss, f.y, f.z, last, NULL, stats, NULL, NULL);
  assert_memory_equal(whole, last, n * sizeof *whole);
  free(whole);
  free(last);
  fixture_close(&f);
}

/* Gradients are added to what is there, so slices of a batch can follow one another. */
static void test_gradients_accumulate(void **state) {
  (void)state;
  fixture f;
  trm_model_config config = fixture_config(0, TRM_POS_ROPE, 1);
  trm__loss loss = {TRM_LOSS_STABLEMAX, 0, 0.5, 0.25, 0};
  trm__example_stats stats[4];
  fixture_open(&f, &config, "ref", 1, 4, 1);
  size_t n = f.params.trained, one = f.act * f.be->act_bytes(f.be, &f.params.dims), S = (size_t)f.params.dims.S;
  trm__real *whole = calloc(n, sizeof *whole), *parts = calloc(n, sizeof *parts);
  trm__network_train_step(f.net, 4, f.tokens, f.rows, f.labels, NULL, &loss, f.y, f.z, whole, NULL, stats, NULL, NULL);
  fixture_rewind(&f);
  for (size_t i = 0; i < 4; i += 2)
    trm__network_train_step(f.net, 2, f.tokens + i * S, f.rows + i * 11, f.labels + i * S, NULL, &loss, f.y + i * one,
                            f.z + i * one, parts, NULL, stats + i, NULL, NULL);
  check_close_double((double *)whole, (double *)parts, n, 1e-12, "gradients in two slices");
  free(whole);
  free(parts);
  fixture_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_finite_differences),
      cmocka_unit_test(test_earlier_cycles_are_detached),
      cmocka_unit_test(test_gradients_accumulate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
