/* Solving: one puzzle, and many through the engine with halting. What 1,000 puzzles should cost is (steps taken) x
 * (cost of a step of a full batch) / slots; the engine's share is that against the time measured.
 *
 * The model is untrained, but its halting head is random, so puzzles halt at different steps. The threshold is set so
 * that a third of the steps halts. How fast a step is does not depend on the weights. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trm/solve.h>
#include <trm/train.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "bench.h"
#include "cases.h"
#include "infer/engine.h"
#include "model/file/model_file.h"

enum { PUZZLES = 1000, MOST_STEPS = 16, LOGITS = 4096 };
#define HALTING 0.33 /* of the steps */
enum { A_CARDS_SLOTS = 256 };

typedef struct engine_job {
  const char *preset;
  const forward_type *type;
  trm_model_config config;
  trm_model *model;
  int64_t puzzles, batch;    /* batch: slots */
  int32_t *inputs, *answers; /* [puzzles][S] */
  trm_solution *solutions;   /* [puzzles] */
  double logits[LOGITS];     /* of q, as seen in the calibration */
  int seen;
  double threshold;
  measure_clock now;
} engine_job;

/* A model file with random weights, halting head included; opened and removed. */
static trm_status open_model(engine_job *j, trm_error *err) {
  char path[64];
  trm__params params = {0};
  trm__weight_set set = {0};
  trm_status status = trm__params_open(&params, &j->config, err);
  if (!status) status = trm__weight_set_open(&set, &params, err);
  if (status) goto done;
  trm__weight_set_init(&set, &params, 1);
  trm__rng rng = trm__rng_make(1, TRM__RNG_TEST, 0);
  trm__weights_view view = trm__params_view(&params, set.flat);
  for (int64_t i = 0; i < j->config.hidden_size; i++) view.q_weight[i] = (trm__real)trm__rng_normal(&rng);
  view.q_bias[0] = 0;
  snprintf(path, sizeof path, "/tmp/trm-bench-%ld.safetensors", (long)getpid());
  const trm__model_write what = {
      .config = &j->config, .params = &params, .weights = &set, .variant = "raw", .dtype = TRM__ST_F32};
  status = trm__model_save(path, &what, NULL, err);
  if (!status) status = trm_model_open(&j->model, path, err);
  remove(path);
done:
  trm__weight_set_close(&set);
  trm__params_close(&params);
  return status;
}

static trm_status open_puzzles(engine_job *j, int64_t most, trm_error *err) {
  size_t n = (size_t)most, S = (size_t)j->config.seq_len;
  j->inputs = trm__calloc(n * S, sizeof *j->inputs);
  j->answers = trm__calloc(n * S, sizeof *j->answers);
  j->solutions = trm__calloc(n, sizeof *j->solutions);
  if (!j->inputs || !j->answers || !j->solutions) {
    *err = (trm_error){.code = TRM_E_MEMORY, .where = "bench", .message = "no memory for puzzles"};
    return TRM_E_MEMORY;
  }
  trm__rng rng = trm__rng_make(2, TRM__RNG_TEST, 0);
  for (size_t i = 0; i < n * S; i++) j->inputs[i] = (int32_t)trm__rng_below(&rng, (uint32_t)j->config.vocab_size);
  return TRM_OK;
}

static void job_close(engine_job *j) {
  trm__free(j->inputs), trm__free(j->answers), trm__free(j->solutions);
  trm_model_close(&j->model);
}

static int watch(void *context, const trm_step *step) {
  engine_job *j = context;
  if (j->seen < LOGITS) j->logits[j->seen++] = (double)step->q;
  return 0;
}

/* Seconds of solving n puzzles; negative when it failed. */
static double solve(engine_job *j, trm_solver *solver, int64_t n, int watched, trm_error *err) {
  double start = j->now();
  trm_status status = trm_solve(solver, n, j->inputs, NULL, j->answers, j->solutions, watched ? watch : NULL, j, err);
  return status ? -1 : j->now() - start;
}

/* halt 0: never, by a threshold that no logit reaches; the head is asked all the same. */
static trm_status open_solver(const bench *b, const engine_job *j, trm_solver **solver, int64_t batch, int64_t steps,
                              int halt, trm_error *err) {
  trm_solver_config config = trm_solver_config_default();
  config.batch = batch;
  config.max_steps = steps;
  config.halt_threshold = halt ? j->threshold : 1000;
  return trm_solver_open(solver, b->all, j->model, &config, err);
}

/* A full batch without halting: the cost of its step, and which logits occur. */
typedef struct full_batch {
  engine_job *j;
  trm_solver *solver;
  int64_t steps;
} full_batch;

static double full_seconds(void *context, int runs) {
  full_batch *f = context;
  trm_error err;
  double seconds = 0;
  for (int r = 0; r < runs; r++) {
    double one = solve(f->j, f->solver, f->j->batch, 1, &err);
    if (one < 0) return -1;
    seconds += one;
  }
  return seconds;
}

static int descending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

static void choose_threshold(engine_job *j) {
  qsort(j->logits, (size_t)j->seen, sizeof *j->logits, descending);
  j->threshold = j->logits[(int)(HALTING * j->seen)];
}

/* -- the rows ------------------------------------------------------------------------------------------------------ */

typedef struct solving {
  engine_job *j;
  trm_solver *solver;
  int64_t puzzles;
} solving;

static double solving_seconds(void *context, int runs) {
  const solving *s = context;
  trm_error err;
  double seconds = 0;
  for (int r = 0; r < runs; r++) {
    double one = solve(s->j, s->solver, s->puzzles, 0, &err);
    if (one < 0) return -1;
    seconds += one;
  }
  return seconds;
}

static int64_t steps_taken(const engine_job *j, int64_t n) {
  int64_t steps = 0;
  for (int64_t i = 0; i < n; i++) steps += j->solutions[i].steps;
  return steps;
}

static void common(const bench *b, const engine_job *j, row *r, double steps, double seconds) {
  r->type = type_name(j->type->type);
  r->threads = b->threads;
  r->rate = 1e-9 * steps * case_operations(&j->config, 1, 0) / seconds;
  r->unit = j->type->type == TYPE_INT8 ? "GOP/s" : "GFLOP/s";
  r->name_of[0] = "steps", r->more[0] = steps;
  r->name_of[1] = "seconds", r->more[1] = seconds;
}

/* One puzzle alone to the step limit, beside as many steps of the peer's network: all 16, or as many as fit. */
static trm_status bench_single(bench *b, engine_job *j, trm_error *err) {
  int64_t steps = (int64_t)(b->run_seconds * 0.7 * b->ceiling_rate / case_operations(&j->config, 1, 0));
  steps = steps < 1 ? 1 : steps > MOST_STEPS ? MOST_STEPS : steps;
  trm_solver *solver = NULL;
  trm_status status = open_solver(b, j, &solver, 1, steps, 0, err);
  if (status) return status;
  solving alone = {j, solver, 1};
  double operations = (double)steps * case_operations(&j->config, 1, 0);
  ceiling_run top;
  pytorch_case product, torch = {b->torch, &j->config, j->type->torch, 1, 0, b->threads, 0};
  contestant all[3] = {{.seconds = solving_seconds, .context = &alone, .amount = operations}};
  measured m[3] = {{NAN, NAN, NAN}, {NAN, NAN, NAN}, {NAN, NAN, NAN}}, found[3];
  int count = 1, top_at = 0, torch_at = 0;
  if (bench_ceiling(b, j->type->type, &top, &product, &all[count])) top_at = count++;
  if (b->torch && torch.dtype)
    all[count] = pytorch_contestant(&torch, case_operations(&j->config, 1, 0)), torch_at = count++;
  measure_in_turn(all, count, &b->network_budget, found);
  m[0] = found[0];
  if (top_at) m[1] = found[top_at];
  if (torch_at) m[2] = found[torch_at];
  row r = row_empty();
  snprintf(r.what, sizeof r.what, "%s, one puzzle, %d step%s", j->preset, (int)steps, steps > 1 ? "s" : "");
  common(b, j, &r, (double)steps, m[0].seconds);
  r.share = m[1].relative;
  r.torch = m[2].relative;
  snprintf(r.note, sizeof r.note, "%.3g s a puzzle", m[0].seconds);
  table_add(&b->table, &r);
  trm_solver_close(&solver);
  return TRM_OK;
}

/* On a device: the peer's seconds for all of the puzzles at once with all steps, as the original evaluates. */
static double peer_solving(bench *b, const engine_job *j) {
  if (!b->torch || !b->device || !j->type->torch) return NAN;
  pytorch_case torch = {b->torch, &j->config, j->type->torch, (int)j->puzzles, 0, b->threads, 0};
  contestant c = pytorch_contestant(&torch, 1);
  measured m;
  measure_in_turn(&c, 1, &b->network_budget, &m);
  return MOST_STEPS * m.seconds;
}

/* Seconds of a step of a full batch of j->batch. */
static trm_status step_of_full_batch(const bench *b, engine_job *j, double *seconds, trm_error *err) {
  full_batch full = {j, NULL, 2};
  trm_status status = open_solver(b, j, &full.solver, j->batch, full.steps, 0, err);
  if (!status) *seconds = full_seconds(&full, 2) / 2 / (double)full.steps;
  trm_solver_close(&full.solver);
  return status;
}

/* Many puzzles once. All 1,000 leave the batch to the engine; what a full batch costs is measured after it. */
static trm_status bench_many(bench *b, engine_job *j, trm_error *err) {
  trm_solver *solver = NULL;
  trm_status status =
      open_solver(b, j, &solver, j->puzzles == PUZZLES && !b->device ? 0 : j->batch, MOST_STEPS, 1, err);
  if (status) return status;
  double seconds = solve(j, solver, j->puzzles, 0, err), step = 0, steps = (double)steps_taken(j, j->puzzles);
  j->batch = trm_solver_last_stats(solver).batch;
  trm_solver_close(&solver);
  status = seconds < 0 ? err->code : step_of_full_batch(b, j, &step, err);
  if (status) return status;
  double expected = steps / (double)j->batch * step;
  row r = row_empty();
  snprintf(r.what, sizeof r.what, "%s, %d puzzles, %d at once", j->preset, (int)j->puzzles, (int)j->batch);
  common(b, j, &r, steps, seconds);
  r.name_of[2] = "engine_share", r.more[2] = expected / seconds;
  r.name_of[3] = "puzzles", r.more[3] = (double)j->puzzles;
  r.name_of[4] = "batch", r.more[4] = (double)j->batch;
  r.torch = peer_solving(b, j) / seconds;
  snprintf(r.note, sizeof r.note, "%.1f %% of what %d steps cost in full batches; %.3g s", 100 * expected / seconds,
           (int)steps, seconds);
  table_add(&b->table, &r);
  return TRM_OK;
}

/* As many of the 1,000 puzzles as fit in the time; slots so few that the batch is full nearly all the time. */
static void plan(const bench *b, engine_job *j, double second_a_step) {
  double steps_each = 1 / HALTING;
  double fit = b->engine_seconds / (second_a_step * steps_each);
  j->puzzles = b->mode == MODE_TINY ? 20 : fit < PUZZLES ? (int64_t)fit : PUZZLES;
  if (j->puzzles < 4) j->puzzles = 4;
  while (!b->device && j->batch > 1 && j->puzzles < 8 * j->batch) j->batch /= 2;
}

static trm_status bench_solving(bench *b, const char *preset, const forward_type *type, trm_error *err) {
  engine_job *j = trm__calloc(1, sizeof *j);
  trm_solver *chosen = NULL;
  double ignored;
  if (!j) return TRM_E_MEMORY;
  j->preset = preset, j->type = type, j->now = b->network_clock;
  table_progress(&b->table, "%s, solving, %s", preset, type_name(type->type));
  trm_status status = case_config(b, preset, type, &j->config, err);
  j->config.num_puzzle_identifiers = 1;
  if (!status) status = open_model(j, err);
  if (!status) status = open_puzzles(j, PUZZLES, err);
  if (!status) status = open_solver(b, j, &chosen, 0, 1, 0, err); /* how many slots the engine chooses */
  if (status) goto done;
  j->batch = b->device && b->mode != MODE_TINY ? A_CARDS_SLOTS : chosen->slots;
  trm_solver_close(&chosen);
  plan(b, j, case_operations(&j->config, 1, 0) / (0.7 * b->ceiling_rate));
  status = step_of_full_batch(b, j, &ignored, err); /* shows which logits occur */
  if (status) goto done;
  choose_threshold(j);
  status = bench_single(b, j, err);
  if (!status) status = bench_many(b, j, err);
done:
  trm_solver_close(&chosen);
  job_close(j);
  trm__free(j);
  return status;
}

int bench_engine(bench *b) {
  static const char *const small = "sudoku-9x9"; /* the demo's: 1,000 puzzles of it take seconds */
  trm_error err = {0};
  trm_status status = TRM_OK;
  table_section(&b->table, "solving with halting",
                "untrained weights: one puzzle takes all its steps; of many, a third of the steps halts");
  for (int t = 0; t < forward_type_count && !status; t++) {
    if (!case_has_type(b, &forward_types[t])) continue;
    if (!b->device) status = bench_solving(b, small, &forward_types[t], &err);
    for (int p = 0; p < network_preset_count && !status; p++)
      if (b->presets ? bench_wants(b, network_presets[p].name) : network_presets[p].solves > (b->mode == MODE_QUICK))
        status = bench_solving(b, network_presets[p].name, &forward_types[t], &err);
  }
  if (status) fprintf(stderr, "bench: %s: %s\n", err.where, err.message);
  return !status;
}
