/* Whole networks: one supervision step of each published configuration, forward and training, in every number type
 * that the model knows, on all threads; against the ceiling, PyTorch and ourselves on one thread. Training is the step
 * with its gradients; the optimizer's share is under one in a hundred and is among the kernels that stream. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <trm/train.h>

#include "base/mem.h"
#include "base/rng.h"
#include "bench.h"
#include "cases.h"
#include "model/network.h"
#include "train/memory.h"

/* A network with its buffers on one runtime. */
typedef struct network_state {
  trm__backend *backend;
  trm__network *net;
  trm__params params;
  trm__weight_set weights;
  int batch, training;
  measure_clock now;
  int32_t *tokens, *labels;
  trm__act *y, *z;
  trm__real *logits, *q, *grads, *rows, *drows;
  trm__example_stats *stats;
  uint8_t *fresh;
} network_state;

static void state_close(network_state *s) {
  trm__free(s->tokens), trm__free(s->labels), trm__free(s->y), trm__free(s->z), trm__free(s->logits), trm__free(s->q);
  trm__free(s->grads), trm__free(s->rows), trm__free(s->drows), trm__free(s->stats), trm__free(s->fresh);
  trm__weight_set_close(&s->weights);
  trm__network_close(&s->net);
  trm__params_close(&s->params);
}

static void *array(size_t n, size_t size, int *failed) {
  void *p = trm__calloc(n, size);
  if (!p) *failed = 1;
  return p;
}

static trm_status state_buffers(network_state *s, trm_error *err) {
  const trm__dims *d = &s->params.dims;
  size_t b = (size_t)s->batch, tokens = b * (size_t)d->S, state = b * (size_t)d->L * (size_t)d->D;
  int failed = 0;
  s->tokens = array(tokens, sizeof *s->tokens, &failed);
  s->labels = array(tokens, sizeof *s->labels, &failed);
  s->y = array(state, s->backend->act_bytes(s->backend, &s->params.dims), &failed);
  s->z = array(state, s->backend->act_bytes(s->backend, &s->params.dims), &failed);
  s->logits = array(tokens * (size_t)d->V, sizeof *s->logits, &failed);
  s->q = array(2 * b, sizeof *s->q, &failed);
  if (s->training) s->grads = array(s->params.trained, sizeof *s->grads, &failed);
  s->rows = array(b * (size_t)d->emb_ndim, sizeof *s->rows, &failed);
  s->drows = array(b * (size_t)d->emb_ndim, sizeof *s->drows, &failed);
  s->stats = array(b, sizeof *s->stats, &failed);
  s->fresh = array(b, 1, &failed);
  if (failed) {
    *err = (trm_error){.code = TRM_E_MEMORY, .where = "bench", .message = "no memory for a network's buffers"};
    return TRM_E_MEMORY;
  }
  trm__rng rng = trm__rng_make(1, TRM__RNG_TEST, 0);
  for (size_t i = 0; i < tokens; i++) s->tokens[i] = s->labels[i] = (int32_t)trm__rng_below(&rng, (uint32_t)d->V);
  memset(s->fresh, 1, b);
  return TRM_OK;
}

static trm_status state_open(network_state *s, const bench *b, trm_runtime *runtime, const trm_model_config *config,
                             int batch, int training, trm_error *err) {
  *s = (network_state){.backend = runtime->backend, .batch = batch, .training = training, .now = b->network_clock};
  trm__network_plan plan = {.max_batch = batch, .training = training};
  trm_status status = trm__params_open(&s->params, config, err);
  if (!status) status = trm__network_open(&s->net, config, &s->params, runtime->backend, &plan, err);
  if (!status) status = trm__weight_set_open(&s->weights, &s->params, err);
  if (!status) status = state_buffers(s, err);
  if (status) return status;
  trm__weight_set_init(&s->weights, &s->params, 1);
  trm__network_prepare(s->net, s->weights.flat);
  trm__network_refill(s->net, batch, s->fresh, s->weights.start, s->y, s->z);
  return TRM_OK;
}

static double state_seconds(void *context, int runs) {
  network_state *s = context;
  const trm__loss loss = {TRM__LOSS_STABLEMAX, 0, 0.5, 1.0 / s->batch, 0};
  double start = s->now();
  for (int r = 0; r < runs; r++) {
    if (s->training)
      trm__network_train_step(s->net, s->batch, s->tokens, s->rows, s->labels, NULL, &loss, s->y, s->z, s->grads,
                              s->drows, s->stats, NULL, NULL);
    else trm__network_step(s->net, s->batch, s->tokens, s->rows, s->y, s->z, s->logits, s->q);
  }
  return s->now() - start;
}

/* The largest batch whose network, twice when there is a second on one thread, fits in half of the memory. */
static int fitting_batch(const bench *b, const trm_model_config *config, const network_case *c) {
  size_t room = (size_t)(trm__memory_available() / 4);
  int batch = c->batch;
  for (; batch > 1 && room; batch /= 2) {
    trm__network_plan plan = {.max_batch = batch, .training = c->training};
    if (trm__network_bytes(config, b->all->backend, &plan) <= room) break;
  }
  return batch;
}

enum { OURS, CEILING, ONE_THREAD, TORCH, TORCH_F32, CONTESTANTS };

typedef struct network_job {
  const char *preset;
  const forward_type *type;
  const network_case *c;
  trm_model_config config;
  double example;          /* operations of a whole step of one example */
  int batch, calls, whole; /* as measured: examples, calls of the network in a step, and in a whole step */
} network_job;

static void add_row(bench *b, const network_job *j, const measured *m) {
  const measured absent = {NAN, NAN, NAN};
  row r = row_empty();
  snprintf(r.what, sizeof r.what, "%s, %s, batch %d", j->preset, j->c->training ? "training" : "forward", j->batch);
  r.type = type_name(j->type->type);
  r.threads = b->threads;
  r.rate = 1e-9 * m[OURS].rate;
  r.unit = j->type->type == TYPE_INT8 ? "GOP/s" : "GFLOP/s";
  r.share = m[CEILING].relative;
  r.one_thread = m[ONE_THREAD].relative;
  r.torch = m[TORCH].relative;
  r.torch_f32 = j->type->type == TYPE_FLOAT32 ? absent.relative : m[TORCH_F32].relative;
  r.name_of[0] = "examples_per_second", r.more[0] = m[OURS].rate / j->example;
  r.name_of[1] = "calls_measured", r.more[1] = j->calls;
  r.name_of[2] = "calls_of_a_step", r.more[2] = j->whole;
  size_t used = 0;
  if (j->batch != j->c->batch) used += (size_t)snprintf(r.note, sizeof r.note, "instead of batch %d; ", j->c->batch);
  if (j->calls != j->whole) snprintf(r.note + used, sizeof r.note - used, "%d of %d calls", j->calls, j->whole);
  table_add(&b->table, &r);
}

/* Contestants keep their place in `results`; those that do not take part are NaN. */
static void run_job(bench *b, const network_job *j, network_state *all_threads, network_state *one_thread) {
  double operations = case_operations(&j->config, j->batch, j->c->training);
  ceiling_run top;
  pytorch_case torch = {b->torch, &j->config, j->type->torch, j->batch, j->c->training, b->threads}, torch_f32 = torch;
  torch_f32.dtype = "float32";
  contestant all[CONTESTANTS];
  int place[CONTESTANTS], count = 0;
  all[count] = (contestant){.seconds = state_seconds, .context = all_threads, .amount = operations},
  place[count++] = OURS;
  all[count] = ceiling_contestant(&top, ceiling_of(j->type->type, b->kernels->isa), bench_pool(b));
  place[count++] = CEILING;
  if (one_thread)
    all[count] = (contestant){.seconds = state_seconds, .context = one_thread, .amount = operations},
    place[count++] = ONE_THREAD;
  if (b->torch && torch.dtype) all[count] = pytorch_contestant(&torch, operations), place[count++] = TORCH;
  if (b->torch && j->type->type != TYPE_FLOAT32)
    all[count] = pytorch_contestant(&torch_f32, operations), place[count++] = TORCH_F32;
  measured found[CONTESTANTS], results[CONTESTANTS];
  for (int i = 0; i < CONTESTANTS; i++) results[i] = (measured){NAN, NAN, NAN};
  measure_in_turn(all, count, &b->network_budget, found);
  for (int i = 0; i < count; i++) results[place[i]] = found[i];
  add_row(b, j, results);
}

static trm_status bench_network(bench *b, const char *preset, const forward_type *type, const network_case *c,
                                trm_error *err) {
  network_job j = {.preset = preset, .type = type, .c = c};
  network_state all = {0}, one = {0};
  trm_status status = case_config(b, preset, type, &j.config, err);
  if (status) return status;
  j.example = case_operations(&j.config, 1, c->training);
  j.batch = fitting_batch(b, &j.config, c);
  case_fit(b, c, &j.config, &j.batch, &j.calls, &j.whole);
  if (case_operations(&j.config, j.batch, c->training) > 12 * b->run_seconds * b->ceiling_rate) {
    table_remark(&b->table, "%s, %s, batch %d, %s: left out, it takes too long for this mode", preset,
                 c->training ? "training" : "forward", c->batch, type_name(type->type));
    return TRM_OK;
  }
  table_progress(&b->table, "%s, %s, batch %d, %s", preset, c->training ? "training" : "forward", j.batch,
                 type_name(type->type));
  int alone = c->one_thread && b->threads > 1;
  status = state_open(&all, b, b->all, &j.config, j.batch, c->training, err);
  if (!status && alone) status = state_open(&one, b, b->one, &j.config, j.batch, c->training, err);
  if (!status) run_job(b, &j, &all, alone ? &one : NULL);
  state_close(&all);
  state_close(&one);
  return status;
}

int bench_networks(bench *b) {
  trm_error err = {0};
  table_section(&b->table, "networks, one supervision step", b->torch ? pytorch_describe(b->torch) : "NO PyTorch");
  for (int t = 0; t < forward_type_count; t++) {
    for (int p = 0; p < network_preset_count && case_has_type(b, &forward_types[t]); p++) {
      if (b->mode != MODE_FULL && !network_presets[p].quick) continue;
      for (int c = 0; c < network_case_count; c++) {
        if (network_cases[c].training && !forward_types[t].trains) continue;
        if (!bench_network(b, network_presets[p].name, &forward_types[t], &network_cases[c], &err)) continue;
        fprintf(stderr, "bench: %s: %s\n", err.where, err.message);
        return 0;
      }
    }
    char why[200];
    if (b->torch && pytorch_take_refusal(b->torch, why, sizeof why))
      table_remark(&b->table, "PyTorch: %s, so there is no ratio to it", why);
  }
  return 1;
}
