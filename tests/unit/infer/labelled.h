/* A dataset whose labels are made from a model's own answers, so that everything that an evaluation counts is known. */
#ifndef TRM_TESTS_UNIT_INFER_LABELLED_H
#define TRM_TESTS_UNIT_INFER_LABELLED_H

#include "unit/infer/support.h"

#include "data/dataset.h"

enum { N = 60, STEPS = 3 };

static int32_t inputs[N * CELLS], identifiers[N], answers[N * CELLS];
static trm_solution solutions[N];

typedef struct labelled {
  trm_dataset dataset;
  int32_t inputs[N * CELLS], labels[N * CELLS], identifiers[N];
  int64_t indices[N + 1];
  double ratings[N];
} labelled;

/* Every third puzzle has one wrong label, every fifth cell of all has none. Ratings run over all bands. */
static inline void make_dataset(labelled *d) {
  static const double ratings[] = {0, 1, 10, 10.5, 25, 26, 50, 51, 100, 101, 1e6};
  memset(d, 0, sizeof *d);
  memcpy(d->inputs, inputs, sizeof inputs);
  memcpy(d->labels, answers, sizeof answers);
  memcpy(d->identifiers, identifiers, sizeof identifiers);
  for (int i = 0; i < N; i++) {
    for (int s = 4; s < CELLS; s += 5) d->labels[i * CELLS + s] = -100;
    if (i % 3 == 0) d->labels[i * CELLS] = (answers[i * CELLS] + 1) % TOKENS;
    d->ratings[i] = ratings[i % 11];
    d->indices[i + 1] = i + 1;
  }
  d->dataset = (trm_dataset){.ignore_label_id = -100,
                             .info = {.examples = N,
                                      .puzzles = N,
                                      .groups = N,
                                      .identifiers = IDENTIFIERS,
                                      .seq_len = CELLS,
                                      .vocab_size = TOKENS,
                                      .task = trm_task_sudoku(4),
                                      .has_ratings = 1,
                                      .rating_name = "rating"},
                             .inputs32 = d->inputs,
                             .labels32 = d->labels,
                             .identifiers = d->identifiers,
                             .puzzle_indices = d->indices,
                             .group_indices = d->indices,
                             .ratings = d->ratings};
}

/* A model, its answers as a dataset's labels, and a solver of the dataset. */
typedef struct setup {
  fixture f;
  trm_solver *solver;
  trm_eval_result r;
  trm_error err;
} setup;

static labelled data;

static inline void setup_solver(setup *t, int64_t batch, int halt) {
  trm_solver_close(&t->solver);
  t->solver = fixture_solver(&t->f, batch, STEPS, halt, 0);
}

static inline void setup_open(setup *t, int halt) {
  memset(t, 0, sizeof *t);
  fixture_open(&t->f, 1, 2, NULL);
  setup_solver(t, 4, halt);
  CHECK_OK(trm_solve(t->solver, N, inputs, identifiers, answers, solutions, NULL, NULL, &t->err), t->err);
  setup_solver(t, 8, halt);
  make_dataset(&data);
}

static inline void setup_close(setup *t) {
  trm_solver_close(&t->solver);
  fixture_close(&t->f);
}

#endif
