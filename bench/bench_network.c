/* Whole networks: supervision steps a second and GFLOP/s, forward and training, for the full-size configurations. The
 * operations are counted by SPEC's formulas (matrix products and attention, two a multiply-add), so the rate is
 * comparable with any other implementation of the same network. bench/network.py runs this beside PyTorch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trm/train.h>

#include "backend/runtime.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/network.h"

typedef struct bench_case {
  const char *preset;
  int batch, training;
} bench_case;

static const bench_case cases[] = {
    {"sudoku-mlp", 1, 0}, {"sudoku-mlp", 8, 0}, {"sudoku-mlp", 8, 1}, {"sudoku-att", 1, 0}, {"sudoku-att", 8, 0},
    {"sudoku-att", 8, 1}, {"maze", 1, 0},       {"maze", 2, 1},       {"arc", 1, 0},
};

typedef struct bench_state {
  trm__network *net;
  trm__params params;
  trm__weight_set weights;
  int32_t *tokens, *labels;
  trm__act *y, *z;
  trm__real *logits, *q, *grads, *rows, *drows;
  trm__example_stats *stats;
} bench_state;

static void state_close(bench_state *s) {
  trm__free(s->tokens), trm__free(s->labels), trm__free(s->y), trm__free(s->z), trm__free(s->logits), trm__free(s->q);
  trm__free(s->grads), trm__free(s->rows), trm__free(s->drows), trm__free(s->stats);
  trm__weight_set_close(&s->weights);
  trm__network_close(&s->net);
  trm__params_close(&s->params);
}

static trm_status state_open(bench_state *s, trm_runtime *rt, const trm_model_config *config, const bench_case *c,
                             trm_error *err) {
  memset(s, 0, sizeof *s);
  trm_status st = trm__params_open(&s->params, config, err);
  if (st) return st;
  const trm__dims *d = &s->params.dims;
  trm__network_plan plan = {.max_batch = c->batch, .training = c->training};
  if ((st = trm__network_open(&s->net, config, &s->params, rt->backend, &plan, err))) return st;
  if ((st = trm__weight_set_open(&s->weights, &s->params, err))) return st;
  trm__weight_set_init(&s->weights, &s->params, 1);
  trm__network_prepare(s->net, s->weights.flat);
  size_t b = (size_t)c->batch, tokens = b * (size_t)d->S, state = b * (size_t)d->L * (size_t)d->D;
  s->tokens = trm__calloc(tokens, sizeof *s->tokens);
  s->labels = trm__calloc(tokens, sizeof *s->labels);
  s->y = trm__calloc(state, rt->backend->act_bytes);
  s->z = trm__calloc(state, rt->backend->act_bytes);
  s->logits = trm__calloc(tokens * (size_t)d->V, sizeof *s->logits);
  s->q = trm__calloc(2 * b, sizeof *s->q);
  s->grads = trm__calloc(s->params.trained, sizeof *s->grads);
  s->rows = trm__calloc(b * (size_t)d->emb_ndim, sizeof *s->rows);
  s->drows = trm__calloc(b * (size_t)d->emb_ndim, sizeof *s->drows);
  s->stats = trm__calloc(b, sizeof *s->stats);
  trm__rng rng = trm__rng_make(1, TRM__RNG_TEST, 0);
  for (size_t i = 0; i < tokens; i++) s->tokens[i] = s->labels[i] = (int32_t)trm__rng_below(&rng, (uint32_t)d->V);
  uint8_t *all = trm__calloc(b, 1);
  memset(all, 1, b);
  trm__network_refill(s->net, c->batch, all, s->weights.start, s->y, s->z);
  trm__free(all);
  return TRM_OK;
}

static void one_step(bench_state *s, const bench_case *c) {
  const trm__loss loss = {TRM__LOSS_STABLEMAX, 0, 0.5, 1.0 / c->batch};
  if (c->training)
    trm__network_train_step(s->net, c->batch, s->tokens, s->rows, s->labels, &loss, s->y, s->z, s->grads, s->drows,
                            s->stats, NULL, NULL);
  else trm__network_step(s->net, c->batch, s->tokens, s->rows, s->y, s->z, s->logits, s->q);
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Median seconds of one step over `repeats` timed runs after one to warm up. */
static double median_seconds(bench_state *s, const bench_case *c, int repeats) {
  double t[64];
  one_step(s, c);
  for (int i = 0; i < repeats; i++) {
    double begin = trm__clock();
    one_step(s, c);
    t[i] = trm__clock() - begin;
  }
  qsort(t, (size_t)repeats, sizeof t[0], by_value);
  return t[repeats / 2];
}

/* Usage: bench_network [--json] [--threads N] [--isa MASK] [--repeats N] [PRESET...] */
int main(int argc, char **argv) {
  trm_error err = {0};
  trm_runtime_config rc = trm_runtime_config_default();
  int json = 0, repeats = 5, first = 1, printed = 0;
  for (; first < argc && argv[first][0] == '-'; first++) {
    if (!strcmp(argv[first], "--json")) json = 1;
    else if (!strcmp(argv[first], "--threads") && first + 1 < argc) rc.threads = atoi(argv[++first]);
    else if (!strcmp(argv[first], "--isa") && first + 1 < argc) rc.isa = argv[++first];
    else if (!strcmp(argv[first], "--repeats") && first + 1 < argc) repeats = atoi(argv[++first]);
    else return fprintf(stderr, "bench_network: unknown option %s\n", argv[first]), 2;
  }
  if (repeats < 1 || repeats > 64) return fprintf(stderr, "bench_network: --repeats is 1 to 64\n"), 2;
  trm_runtime *rt = NULL;
  if (trm_runtime_open(&rt, &rc, &err)) return fprintf(stderr, "%s: %s\n", err.where, err.message), 4;
  trm_runtime_info info = trm_runtime_describe(rt);
  if (json) printf("{\"threads\": %d, \"isa\": \"%s\", \"dtype\": \"float32\", \"cases\": [", info.threads, info.isa);
  else
    printf("%d threads, %s, float32, medians of %d\n%-12s %-9s %5s %12s %10s\n", info.threads, info.isa, repeats,
           "config", "pass", "batch", "examples/s", "GFLOP/s");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const bench_case *c = &cases[i];
    int wanted = first == argc;
    for (int a = first; a < argc; a++) wanted |= !strcmp(argv[a], c->preset);
    if (!wanted) continue;
    trm_model_config config;
    trm_train_config train;
    bench_state s;
    if (trm_preset_apply(c->preset, &config, &train, &err)) goto fail;
    config.forward_dtype = TRM_FLOAT32;
    if (state_open(&s, rt, &config, c, &err)) goto fail;
    double seconds = median_seconds(&s, c, repeats), rate = c->batch / seconds;
    trm_model_cost cost = trm_model_config_cost(&config);
    double gflops = rate * (c->training ? cost.training_step : cost.step) * 1e-9;
    const char *pass = c->training ? "training" : "forward";
    if (json)
      printf("%s\n  {\"config\": \"%s\", \"pass\": \"%s\", \"batch\": %d, \"examples_per_second\": %.4g, \"gflops\": "
             "%.4g}",
             printed++ ? "," : "", c->preset, pass, c->batch, rate, gflops);
    else printf("%-12s %-9s %5d %12.2f %10.1f\n", c->preset, pass, c->batch, rate, gflops);
    fflush(stdout);
    state_close(&s);
  }
  if (json) printf("\n]}\n");
  trm_runtime_close(&rt);
  return 0;
fail:
  fprintf(stderr, "%s: %s\n", err.where, err.message);
  return 4;
}
