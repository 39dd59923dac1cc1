/* Opening a solver - weights to the device, buffers planned once - and trm_solve over arrays (include/trm/solve.h). */
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/mem.h"
#include "base/status.h"
#include "infer/engine.h"
#include "infer/lattice/deducer.h"
#include "infer/request.h"
#include "infer/search/search.h"
#include "infer/values.h"
#include "model/file/checksum.h"
#include "model/file/model_file.h"
#include "model/halting.h"

/* When the configuration leaves the batch open, there are as many slots as fit in SLOT_MEMORY, at most MOST_SLOTS. More
 * do not help: one puzzle already keeps the arithmetic units busy, a few more hide what is serial in a step. A device
 * needs many puzzles to be busy: up to DEVICE_SLOTS, in 1 / DEVICE_PART of its free memory. */
#define SLOT_MEMORY ((size_t)256 << 20) /* bytes */
#define MOST_SLOTS 32
#define DEVICE_SLOTS 1024
#define DEVICE_PART 8

static trm_status solver_check_config(const trm_solver_config *c, trm_error *err) {
  if (c->batch < 0 || c->batch > 65536)
    return trm__fail(err, TRM_E_USAGE, "batch", "%lld, expected 0 to 65536", (long long)c->batch);
  if (c->dtype < TRM_SOLVE_MODEL || c->dtype > TRM_SOLVE_INT8)
    return trm__fail(err, TRM_E_USAGE, "dtype", "%d is none of trm_solver_dtype", c->dtype);
  if (c->puzzles < 0) return trm__fail(err, TRM_E_USAGE, "puzzles", "%lld, expected 0 or more", (long long)c->puzzles);
  if (!(c->fixed_point >= 0 && c->fixed_point <= 10))
    return trm__fail(err, TRM_E_USAGE, "fixed_point", "%g, expected 0 to 10; 0: never", c->fixed_point);
  if (c->keep != TRM_KEEP_LAST && c->keep != TRM_KEEP_BEST)
    return trm__fail(err, TRM_E_USAGE, "keep", "%d is none of trm_keep", c->keep);
  if (c->parallel_latents < 1 || c->parallel_latents > 64)
    return trm__fail(err, TRM_E_USAGE, "parallel_latents", "%lld, expected 1 to 64", (long long)c->parallel_latents);
  if (c->merge < TRM_MERGE_AVERAGE || c->merge > TRM_MERGE_WEIGHTED)
    return trm__fail(err, TRM_E_USAGE, "merge", "%d is none of trm_merge", c->merge);
  if (!(c->latent_spread >= 0 && c->latent_spread <= 100))
    return trm__fail(err, TRM_E_USAGE, "latent_spread", "%g, expected 0 to 100", c->latent_spread);
  if (!(c->damping < 1)) return trm__fail(err, TRM_E_USAGE, "damping", "%g, expected less than 1", c->damping);
  if (!(c->start_noise >= 0 && c->start_noise <= 100))
    return trm__fail(err, TRM_E_USAGE, "start_noise", "%g, expected 0 to 100", c->start_noise);
  if (!(c->latent_noise >= 0 && c->latent_noise <= 100))
    return trm__fail(err, TRM_E_USAGE, "latent_noise", "%g, expected 0 to 100", c->latent_noise);
  return TRM_OK;
}

static int solver_slots_in_memory(const trm_solver *s) {
  trm__backend *be = s->backend;
  size_t memory = be->memory_available ? be->memory_available(be) / DEVICE_PART : SLOT_MEMORY;
  for (int b = be->on_host ? MOST_SLOTS : DEVICE_SLOTS; b > 1; b /= 2) {
    trm__network_plan plan = {.max_batch = b};
    if (trm__network_bytes(&s->model, be, &plan) <= memory) return b;
  }
  return 1;
}

static int solver_choose_slots(const trm_solver *s, const trm__plan *plan) {
  int usual = s->model.recursion == TRM_RECURSION_LATTICE ? TRM__DEDUCER_SLOTS : solver_slots_in_memory(s);
  int slots = s->config.batch ? (int)s->config.batch : usual;
  int64_t most = s->config.puzzles * (!plan->on ? 1 : plan->votes ? plan->share : trm__plan_most(plan));
  return most && most < slots ? (int)most : slots;
}

/* -- buffers ------------------------------------------------------------------------------------------------------- */

static void *solver_alloc_device(trm_solver *s, size_t count, size_t size, int *failed) {
  size_t bytes;
  void *p = trm__mul_size(count, size, &bytes) ? s->backend->alloc(s->backend, bytes) : NULL;
  if (!p) *failed = 1;
  return p;
}

static void *solver_alloc_host(size_t count, size_t size, int *failed) {
  void *p = trm__calloc(count, size);
  if (!p) *failed = 1;
  return p;
}

static trm_status solver_open_buffers(trm_solver *s, trm_error *err) {
  const trm__dims *d = &s->params.dims;
  size_t n = (size_t)s->slots, S = (size_t)d->S, logits = n * S * (size_t)d->V, ndim = (size_t)d->emb_ndim;
  size_t state = n * (size_t)d->L * (size_t)d->D, act = s->backend->act_bytes(s->backend, d);
  int failed = 0;
  s->start = solver_alloc_device(s, 2 * (size_t)d->D, sizeof *s->start, &failed);
  s->y = solver_alloc_device(s, state, act, &failed);
  s->z = solver_alloc_device(s, state, act, &failed);
  if (s->params.puzzle) s->rows = solver_alloc_device(s, n * ndim, sizeof *s->rows, &failed);
  s->tokens = solver_alloc_device(s, n * S, sizeof *s->tokens, &failed);
  s->labels = solver_alloc_device(s, n * S, sizeof *s->labels, &failed);
  s->logits = solver_alloc_device(s, logits, sizeof *s->logits, &failed);
  s->q = solver_alloc_device(s, n * 2, sizeof *s->q, &failed);
  s->starts = solver_alloc_device(s, n, sizeof *s->starts, &failed);
  if (s->has_rules) s->question = solver_alloc_host(n * S, sizeof *s->question, &failed);
  s->noise_index = solver_alloc_device(s, n, sizeof *s->noise_index, &failed);
  s->noise_name = solver_alloc_host(n, sizeof *s->noise_name, &failed);
  size_t K = s->config.parallel_latents > 1 ? (size_t)s->config.parallel_latents : 0;
  if (K) {
    s->candidate_y = solver_alloc_device(s, K * state, act, &failed);
    s->candidate_z = solver_alloc_device(s, K * state, act, &failed);
    s->candidate_q = solver_alloc_device(s, K * n, sizeof *s->candidate_q, &failed);
    s->candidate_q_host = solver_alloc_host(K * n, sizeof *s->candidate_q_host, &failed);
  }
  if (s->config.change || s->config.fixed_point > 0) {
    s->was_y = solver_alloc_device(s, state, act, &failed);
    s->was_z = solver_alloc_device(s, state, act, &failed);
    s->moved = solver_alloc_device(s, 4 * n, sizeof *s->moved, &failed);
    s->moved_host = solver_alloc_host(4 * n, sizeof *s->moved_host, &failed);
  }
  if (s->config.keep == TRM_KEEP_BEST) {
    s->best_logits = solver_alloc_host(logits, sizeof *s->best_logits, &failed);
    s->best_scores = solver_alloc_host(n, sizeof *s->best_scores, &failed);
    s->best_answer = solver_alloc_host(S, sizeof *s->best_answer, &failed);
    s->best_confidence = solver_alloc_host(S, sizeof *s->best_confidence, &failed);
  }
  s->scores = solver_alloc_device(s, n, sizeof *s->scores, &failed);
  s->slot = solver_alloc_host(n, sizeof *s->slot, &failed);
  s->fresh = solver_alloc_host(n, sizeof *s->fresh, &failed);
  s->marked = solver_alloc_host(n, sizeof *s->marked, &failed);
  s->token_host = solver_alloc_host(S, sizeof *s->token_host, &failed);
  s->label_host = solver_alloc_host(S, sizeof *s->label_host, &failed);
  s->answer = solver_alloc_host(S, sizeof *s->answer, &failed);
  s->confidence = solver_alloc_host(S, sizeof *s->confidence, &failed);
  s->logits_host = solver_alloc_host(logits, sizeof *s->logits_host, &failed);
  s->q_host = solver_alloc_host(n * 2, sizeof *s->q_host, &failed);
  s->scores_host = solver_alloc_host(n, sizeof *s->scores_host, &failed);
  if (failed) return trm__backend_no_memory(s->backend, err, s->path, 2 * (state * act + logits * sizeof(trm__real)));
  return TRM_OK;
}

/* Prepares the network's weights from the set. A device needs a copy of the set for as long as that takes. */
static trm_status solver_prepare(trm_solver *s, const trm__weight_set *set, trm_error *err) {
  trm__backend *be = s->backend;
  int on_host = be->on_host;
  size_t bytes = s->params.trained * sizeof *set->flat;
  trm__real *flat = on_host ? set->flat : be->alloc(be, bytes);
  if (!flat) return trm__backend_no_memory(be, err, s->path, bytes);
  if (!on_host) be->copy(be, flat, set->flat, bytes, TRM__COPY_TO_DEVICE);
  trm__network_prepare(s->network, flat);
  be->copy(be, s->start, set->start, 2 * (size_t)s->params.dims.D * sizeof *s->start, TRM__COPY_TO_DEVICE);
  trm_status status = be->synchronize(be, err);
  if (!on_host) be->free(be, flat);
  return status;
}

/* Opens the network and puts the model's weights into it. Of the weight set only the puzzle rows are kept. */
static trm_status solver_open_network(trm_solver *s, const trm_model *model, trm_error *err) {
  trm__weight_set set = {0};
  trm__network_plan plan = {.max_batch = s->slots};
  trm_status status = trm__network_open(&s->network, &s->model, &s->params, s->backend, &plan, err);
  if (!status) status = trm__weight_set_open(&set, &s->params, err);
  if (status) return status;
  trm__model_read(model, &set);
  status = solver_prepare(s, &set, err);
  if (!status) {
    s->puzzle_rows = set.puzzle;
    set.puzzle = NULL;
  }
  trm__weight_set_close(&set);
  return status;
}

/* What takes supervision steps, or passes. */
static trm_status solver_open_steps(trm_solver *s, const trm_model *model, trm_error *err) {
  trm_status status = solver_open_buffers(s, err);
  return status ? status : solver_open_network(s, model, err);
}

static trm_status solver_open_lattice(trm_solver *s, const trm_model *model, const trm__plan *plan, trm_error *err) {
  int failed = 0;
  s->token_host = solver_alloc_host((size_t)s->params.dims.S, sizeof *s->token_host, &failed);
  if (failed) return trm__fail_memory(err, s->path, (size_t)s->params.dims.S * sizeof *s->token_host);
  return trm__deducer_open(&s->deducer, s, model, plan, err);
}

/* What the options of a search come to. Without any, a task that cannot be read is no obstacle. */
static trm_status solver_plan(trm_solver *s, int voters, trm__plan *plan, trm_error *err) {
  const trm_solver_config *c = &s->config;
  trm_task task;
  int wanted = s->model.recursion == TRM_RECURSION_LATTICE || c->search || c->level || c->votes != 1 ||
               c->rollouts != 1 || c->noise_control || voters > 1;
  trm_status status = trm_solver_task(s, &task, wanted ? err : NULL);
  if (status && !wanted) task = (trm_task){.vocab_size = 2};
  else if (status) return status;
  if (s->model.recursion == TRM_RECURSION_LATTICE) return trm__plan_make_lattice(plan, c, &task, c->max_steps, err);
  return trm__plan_make(plan, c, &task, c->max_steps, trm_model_config_cost(&s->model).step, voters, err);
}

/* The task, whose rules may halt. A file that names none that can be is refused only where rules are wanted. */
static trm_status solver_put_rules(trm_solver *s, trm_error *err) {
  int wanted = s->config.rules_halt || s->config.judge;
  trm_status status = trm_solver_task(s, &s->task, wanted ? err : NULL);
  s->has_rules = !status && trm_task_rules(&s->task);
  return wanted ? status : TRM_OK;
}

/* The bounds that say when more steps do not help, where they are asked for. */
static trm_status solver_put_hopeless(trm_solver *s, const trm_model *model, trm_error *err) {
  if (!s->config.stop_hopeless) return TRM_OK;
  s->hopeless = trm_model_get_hopeless(model);
  if (!s->hopeless.count)
    return trm__fail(err, TRM_E_USAGE, "stop_hopeless",
                     "%s has learned no bounds; trm eval MODEL VALID --choose-threshold --write puts them into it",
                     s->path);
  if (s->config.max_steps <= s->hopeless.count + 1) return TRM_OK;
  return trm__fail(err, TRM_E_USAGE, "stop_hopeless",
                   "the bounds of %s hold for %d steps at most, found max_steps %lld", s->path, s->hopeless.count + 1,
                   (long long)s->config.max_steps);
}

/* Of a file that has none it is computed. */
static trm_status solver_read_checksum(trm_solver *s, const trm_model *model, trm_error *err) {
  const char *known = trm_model_get_checksum(model);
  if (!known) return trm__model_checksum_of(s->checksum, &model->st, s->path, err);
  memcpy(s->checksum, known, sizeof s->checksum);
  return TRM_OK;
}

static void solver_put_values(trm_solver *s, const trm_solver_values *values) {
  s->values = *values;
  s->config.max_steps = values->max_steps.value;
  s->config.halt_threshold = values->halt_threshold.value;
  s->model.H_cycles = values->H_cycles.value;
  s->model.L_cycles = values->L_cycles.value;
}

trm_status trm__solver_config_read(trm_solver_config *whole, const trm_solver_config *config, trm_error *err) {
  static const trm__config_form form = TRM__CONFIG_FORM(trm_solver_config, puzzles);
  *whole = trm_solver_config_default();
  return trm__config_read(whole, config, &form, err);
}

trm_status trm__solver_open(trm_solver **out, trm_runtime *runtime, const trm_model *model,
                            const trm_solver_config *config, int voters, trm_error *err) {
  trm_solver *s = NULL;
  trm_solver_values values;
  trm__plan plan = {0};
  trm_status status = solver_check_config(config, err);
  if (!status) status = trm_model_values(model, config, &values, err);
  if (status) return status;
  s = trm__calloc(1, sizeof *s);
  if (!s) return trm__fail_memory(err, model->path, sizeof *s);
  s->backend = runtime->backend;
  s->clock = trm__clock;
  s->costs.thorough = !runtime->backend->on_host;
  s->config = *config;
  s->model = *trm_model_get_config(model);
  s->loss = model->loss;
  if (config->dtype != TRM_SOLVE_MODEL) s->model.forward_dtype = config->dtype - TRM_SOLVE_FLOAT32 + TRM_FLOAT32;
  if (config->damping >= 0) s->model.damping = config->damping;
  solver_put_values(s, &values);
  const char *task = trm_model_get_metadata(model, "trm.task");
  s->path = trm__strdup(model->path ? model->path : "model");
  s->task_text = task ? trm__strdup(task) : NULL;
  if (!s->path || (task && !s->task_text)) {
    status = trm__fail_memory(err, model->path, 0);
    goto done;
  }
  if ((status = solver_read_checksum(s, model, err))) goto done;
  if ((status = solver_put_rules(s, err))) goto done;
  if ((status = solver_plan(s, voters, &plan, err))) goto done;
  if ((status = solver_put_hopeless(s, model, err))) goto done;
  if ((status = trm__params_open(&s->params, &s->model, err))) goto done;
  s->slots = solver_choose_slots(s, &plan);
  status = s->params.dims.values ? solver_open_lattice(s, model, &plan, err) : solver_open_steps(s, model, err);
  if (!status) status = trm__search_open(&s->search, s, &plan, err);
done:
  if (status) trm_solver_close(&s);
  else *out = s;
  return status;
}

trm_status trm_solver_open(trm_solver **out, trm_runtime *runtime, const trm_model *model,
                           const trm_solver_config *config, trm_error *err) {
  trm_solver_config whole;
  trm_status status = trm__solver_config_read(&whole, config, err);
  return status ? status : trm__solver_open(out, runtime, model, &whole, 1, err);
}

void trm_solver_close(trm_solver **solver) {
  trm_solver *s = solver ? *solver : NULL;
  if (!s) return;
  for (int i = 0; i < s->voters; i++) trm_solver_close(&s->voter[i]);
  trm__free(s->voter);
  trm__search_close(&s->search);
  trm__network_close(&s->network);
  trm__deducer_close(&s->deducer);
  void *device_buffers[] = {s->start,  s->y,     s->z,           s->rows,        s->tokens,      s->labels,
                            s->logits, s->q,     s->starts,      s->scores,      s->noise_index, s->was_y,
                            s->was_z,  s->moved, s->candidate_y, s->candidate_z, s->candidate_q};
  for (size_t i = 0; i < sizeof device_buffers / sizeof *device_buffers; i++)
    if (device_buffers[i]) s->backend->free(s->backend, device_buffers[i]);
  void *host_buffers[] = {s->slot,
                          s->fresh,
                          s->marked,
                          s->token_host,
                          s->label_host,
                          s->answer,
                          s->confidence,
                          s->logits_host,
                          s->q_host,
                          s->scores_host,
                          s->puzzle_rows,
                          s->path,
                          s->task_text,
                          s->noise_name,
                          s->question,
                          s->best_logits,
                          s->best_scores,
                          s->best_answer,
                          s->best_confidence,
                          s->moved_host,
                          s->candidate_q_host};
  for (size_t i = 0; i < sizeof host_buffers / sizeof *host_buffers; i++) trm__free(host_buffers[i]);
  trm__params_close(&s->params);
  trm__free(s);
  *solver = NULL;
}

const trm_model_config *trm_solver_model_config(const trm_solver *solver) {
  return &solver->model;
}

trm_solver_values trm_solver_get_values(const trm_solver *solver) {
  return solver->values;
}

int64_t trm_solver_get_search(const trm_solver *solver) {
  int64_t steps;
  const trm__plan *plan = solver->search ? trm__search_plan(solver->search) : NULL;
  if (!plan || !plan->votes) return plan ? plan->budget : 0;
  steps = plan->share * solver->config.max_steps;
  for (int i = 0; i < solver->voters; i++) steps += plan->share * solver->voter[i]->config.max_steps;
  return steps;
}

int trm_solver_get_level(const trm_solver *solver) {
  return solver->search ? trm__search_plan(solver->search)->level : TRM_LEVEL_A;
}

trm_solve_stats trm_solver_last_stats(const trm_solver *solver) {
  return solver->stats;
}

/* -- solving arrays ------------------------------------------------------------------------------------------------ */

typedef struct arrays {
  size_t S;
  int64_t puzzles;
  const int32_t *inputs, *identifiers;
  int32_t *answers;
  trm_solution *solutions;
} arrays;

static trm_source_answer solver_array_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  const arrays *a = context;
  (void)wait;
  if (number == a->puzzles) return TRM_SOURCE_END;
  memcpy(puzzle->tokens, a->inputs + (size_t)number * a->S, a->S * sizeof *puzzle->tokens);
  puzzle->identifier = a->identifiers ? a->identifiers[number] : 0;
  return TRM_SOURCE_PUZZLE;
}

static void solver_array_leave(void *context, const trm_leave *leave) {
  const arrays *a = context;
  size_t i = (size_t)leave->puzzle;
  if (leave->answer) memcpy(a->answers + i * a->S, leave->answer, a->S * sizeof *a->answers);
  if (a->solutions) a->solutions[i] = *leave->solution;
}

/* What the caller finds for a puzzle when the call is stopped before its first step. */
static void solver_array_clear(const arrays *a, int64_t n) {
  if (a->answers != a->inputs && n) memcpy(a->answers, a->inputs, (size_t)n * a->S * sizeof *a->answers);
  for (int64_t i = 0; i < n && a->solutions; i++) a->solutions[i] = (trm_solution){.cancelled = 1};
}

trm_status trm_solve_source(trm_solver *solver, const trm_source *source, trm_step_fn step, void *context,
                            trm_error *err) {
  static const trm__config_form form = TRM__CONFIG_FORM(trm_source, leave);
  trm__job job = {.source = trm_source_default(), .step = step, .step_context = context};
  trm_status status = trm__config_read(&job.source, source, &form, err);
  if (status) return status;
  if (!job.source.next || !job.source.leave)
    return trm__fail(err, TRM_E_USAGE, "trm_solve_source", "a source needs the functions next and leave");
  return solver->search ? trm__search_run(solver->search, &job, err) : trm__engine_run(solver, &job, err);
}

trm_status trm_solve(trm_solver *solver, int64_t n, const int32_t *inputs, const int32_t *identifiers, int32_t *answers,
                     trm_solution *solutions, trm_step_fn step, void *context, trm_error *err) {
  if (n < 0) return trm__fail(err, TRM_E_USAGE, "trm_solve", "%lld puzzles", (long long)n);
  arrays a = {(size_t)solver->model.seq_len, n, inputs, identifiers, answers, solutions};
  for (int64_t i = 0; i < n; i++) {
    trm_status status =
        trm__request_check_tokens(solver, i, inputs + (size_t)i * a.S, identifiers ? identifiers[i] : 0, err);
    if (status) return status;
  }
  solver_array_clear(&a, n);
  trm_source source = trm_source_default();
  source.puzzles = n;
  source.context = &a;
  source.next = solver_array_next;
  source.leave = solver_array_leave;
  return trm_solve_source(solver, &source, step, context, err);
}
