/* What the tests of the lattice recursion share: a small network with weights, and batches of half-solved states, all
 * drawn from a seed. */
#ifndef TRM_TESTS_SUPPORT_LATTICE_FIXTURE_H
#define TRM_TESTS_SUPPORT_LATTICE_FIXTURE_H

#include "support/check.h"
#include "support/isa.h"

#include "base/rng.h"
#include "model/lattice.h"

static inline trm_model_config lattice_config(int side, int hidden, int loops) {
  trm_model_config c = trm_model_config_default();
  c.recursion = TRM_RECURSION_LATTICE;
  c.seq_len = side * side;
  c.vocab_size = side + 2;
  c.num_puzzle_identifiers = 1;
  c.puzzle_emb_ndim = c.puzzle_emb_len = 0;
  c.hidden_size = hidden;
  c.num_heads = 2;
  c.L_layers = 2;
  c.H_cycles = 1;
  c.L_cycles = loops;
  c.pos_encodings = TRM_POS_NONE;
  return c;
}

typedef struct lattice_fixture {
  trm_model_config config;
  trm__pool *pool;
  trm__backend *be;
  trm__params params;
  trm__weight_set set;
  trm__lattice *net;
  int b;
  int32_t *sets, *solution; /* [b][S] */
  uint8_t *open;            /* [b][S] */
  trm__real *logits, *conflict, *grads;
  trm__example_stats *stats;
  trm__lattice_batch batch;
} lattice_fixture;

/* Random states: some cells single, some with the value lost, which is a conflict; the last example has no solution. */
static inline void lattice_fixture_data(lattice_fixture *f, uint64_t seed) {
  int S = f->params.dims.S, C = f->params.dims.values;
  trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, 3);
  for (int i = 0; i < f->b * S; i++) {
    int32_t value = 1 << trm__rng_below(&rng, (uint32_t)C);
    f->open[i] = trm__rng_below(&rng, 3) > 0;
    f->sets[i] = f->open[i] ? value | (int32_t)trm__rng_below(&rng, 1u << C) : value;
    f->solution[i] = i / S == f->b - 1 ? 0 : value;
    if (i / S == 0 && i % 5 == 0) f->sets[i] &= ~value;
    if (i / S == 0 || i / S == f->b - 1) f->open[i] = 0; /* conflicted */
  }
}

static inline void lattice_fixture_open(lattice_fixture *f, const trm_model_config *config, const char *isa,
                                        int threads, int b, int training) {
  trm_error err;
  trm__isa_choice choice;
  memset(f, 0, sizeof *f);
  f->config = *config;
  f->b = b;
  assert_true(isa_choose(&choice, isa));
  CHECK_OK(trm__pool_open(&f->pool, threads, &err), err);
  CHECK_OK(trm__backend_cpu(&f->be, &choice, f->pool, &err), err);
  CHECK_OK(trm__params_open(&f->params, config, &err), err);
  CHECK_OK(trm__weight_set_open(&f->set, &f->params, &err), err);
  trm__weight_set_init(&f->set, &f->params, 5);
  trm__lattice_plan plan = {.max_batch = b, .loops = training ? (int)config->L_cycles : 0};
  CHECK_OK(trm__lattice_open(&f->net, config, &f->params, f->be, &plan, &err), err);
  trm__lattice_prepare(f->net, f->set.flat);
  size_t cells = (size_t)b * (size_t)f->params.dims.S, C = (size_t)f->params.dims.values;
  f->sets = calloc(cells, sizeof *f->sets);
  f->solution = calloc(cells, sizeof *f->solution);
  f->open = calloc(cells, sizeof *f->open);
  f->logits = calloc(cells * 2 * C, sizeof *f->logits);
  f->conflict = calloc((size_t)b, sizeof *f->conflict);
  f->stats = calloc((size_t)b, sizeof *f->stats);
  f->grads = calloc(f->params.trained, sizeof *f->grads);
  lattice_fixture_data(f, 6);
  f->batch = (trm__lattice_batch){.b = b,
                                  .sets = f->sets,
                                  .solution = f->solution,
                                  .open = f->open,
                                  .loss = {4, 0.5, 1 / (double)(cells / (size_t)b * C), 0.02, 1, 0.1, 1.0 / b},
                                  .stats = f->stats,
                                  .logits = f->logits,
                                  .conflict = f->conflict};
}

static inline void lattice_fixture_close(lattice_fixture *f) {
  trm__lattice_close(&f->net);
  trm__weight_set_close(&f->set);
  trm__params_close(&f->params);
  trm__backend_close(&f->be);
  trm__pool_close(&f->pool);
  void *all[] = {f->sets, f->solution, f->open, f->logits, f->conflict, f->stats, f->grads};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

#endif
