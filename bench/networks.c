/* Whole networks: one supervision step of each published configuration, forward and training, in every number type
 * that the model knows, on all threads; against the ceiling, PyTorch and ourselves on one thread. Training is the step
 * with its gradients; the optimizer's share is under one in a hundred and is among the kernels that stream. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <trm/train.h>

#include "base/mem.h"
#include "base/os/machine.h"
#include "base/rng.h"
#include "bench.h"
#include "cases.h"
#include "model/network.h"
#include "train/plan.h"

/* A network on one runtime with its buffers, which lie on the runtime's device. */
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
  trm__real *flat, *start; /* the weights on the device */
} network_state;

static void state_close(network_state *s) {
  void *on_device[] = {s->tokens, s->labels, s->y,     s->z,     s->logits, s->q,    s->grads,
                       s->rows,   s->drows,  s->stats, s->fresh, s->flat,   s->start};
  for (size_t i = 0; s->backend && i < sizeof on_device / sizeof *on_device; i++)
    if (on_device[i]) s->backend->free(s->backend, on_device[i]);
  trm__weight_set_close(&s->weights);
  trm__network_close(&s->net);
  trm__params_close(&s->params);
  *s = (network_state){0};
}

static void *array(const network_state *s, size_t n, size_t size, int *failed) {
  void *p = s->backend->alloc(s->backend, (n ? n : 1) * size);
  if (!p) *failed = 1;
  return p;
}

static trm_status no_memory(trm_error *err) {
  *err = (trm_error){.code = TRM_E_MEMORY, .where = "bench", .message = "no memory for a network's buffers"};
  return TRM_E_MEMORY;
}

static trm_status state_buffers(network_state *s, trm_error *err) {
  const trm__dims *d = &s->params.dims;
  size_t b = (size_t)s->batch, tokens = b * (size_t)d->S, state = b * (size_t)d->L * (size_t)d->D;
  int failed = 0;
  s->tokens = array(s, tokens, sizeof *s->tokens, &failed);
  s->labels = array(s, tokens, sizeof *s->labels, &failed);
  s->y = array(s, state, s->backend->act_bytes(s->backend, &s->params.dims), &failed);
  s->z = array(s, state, s->backend->act_bytes(s->backend, &s->params.dims), &failed);
  s->logits = array(s, tokens * (size_t)d->V, sizeof *s->logits, &failed);
  s->q = array(s, 2 * b, sizeof *s->q, &failed);
  if (s->training) s->grads = array(s, s->params.trained, sizeof *s->grads, &failed);
  s->rows = array(s, b * (size_t)d->emb_ndim, sizeof *s->rows, &failed);
  s->drows = array(s, b * (size_t)d->emb_ndim, sizeof *s->drows, &failed);
  s->stats = array(s, b, sizeof *s->stats, &failed);
  s->fresh = array(s, b, 1, &failed);
  s->flat = array(s, s->params.trained, sizeof *s->flat, &failed);
  s->start = array(s, 2 * (size_t)d->D, sizeof *s->start, &failed);
  return failed ? no_memory(err) : TRM_OK;
}

/* Random tokens, which are their own labels, fresh slots and random weights. */
static trm_status state_fill(network_state *s, trm_error *err) {
  const trm__dims *d = &s->params.dims;
  trm__backend *be = s->backend;
  size_t b = (size_t)s->batch, n = b * (size_t)d->S;
  int32_t *tokens = trm__calloc(n, sizeof *tokens);
  uint8_t *fresh = trm__calloc(b, 1);
  trm_status status = tokens && fresh ? TRM_OK : no_memory(err);
  if (status) goto done;
  trm__rng rng = trm__rng_make(1, TRM__RNG_TEST, 0);
  for (size_t i = 0; i < n; i++) tokens[i] = (int32_t)trm__rng_below(&rng, (uint32_t)d->V);
  memset(fresh, 1, b);
  trm__weight_set_init(&s->weights, &s->params, 1);
  be->copy(be, s->tokens, tokens, n * sizeof *tokens, TRM__COPY_TO_DEVICE);
  be->copy(be, s->labels, tokens, n * sizeof *tokens, TRM__COPY_TO_DEVICE);
  be->copy(be, s->fresh, fresh, b, TRM__COPY_TO_DEVICE);
  be->copy(be, s->flat, s->weights.flat, s->params.trained * sizeof *s->flat, TRM__COPY_TO_DEVICE);
  be->copy(be, s->start, s->weights.start, 2 * (size_t)d->D * sizeof *s->start, TRM__COPY_TO_DEVICE);
  trm__network_prepare(s->net, s->flat);
  trm__network_refill(s->net, s->batch, s->fresh, s->start, s->y, s->z);
  status = be->synchronize(be, err);
done:
  trm__free(tokens);
  trm__free(fresh);
  return status;
}

static trm_status state_open(network_state *s, const bench *b, trm_runtime *runtime, const trm_model_config *config,
                             int batch, int training, trm_error *err) {
  *s = (network_state){.backend = runtime->backend, .batch = batch, .training = training, .now = b->network_clock};
  trm__network_plan plan = {.max_batch = batch, .training = training};
  trm_status status = trm__params_open(&s->params, config, err);
  if (!status) status = trm__network_open(&s->net, config, &s->params, runtime->backend, &plan, err);
  if (!status) status = trm__weight_set_open(&s->weights, &s->params, err);
  if (!status) status = state_buffers(s, err);
  return status ? status : state_fill(s, err);
}

static double state_seconds(void *context, int runs) {
  network_state *s = context;
  const trm__loss loss = {TRM_LOSS_STABLEMAX, 0, 0.5, 1.0 / s->batch, 0};
  double start = s->now();
  for (int r = 0; r < runs; r++) {
    if (s->training)
      trm__network_train_step(s->net, s->batch, s->tokens, s->rows, s->labels, NULL, &loss, s->y, s->z, s->grads,
                              s->drows, s->stats, NULL, NULL);
    else trm__network_step(s->net, s->batch, s->tokens, s->rows, s->y, s->z, s->logits, s->q);
  }
  trm_error err;
  return s->backend->synchronize(s->backend, &err) ? -1 : s->now() - start;
}

/* The largest batch whose network, twice when there is a second on one thread, fits in half of the memory. On a card:
 * in so much that the peer fits beside it. */
static int fitting_batch(const bench *b, const trm_model_config *config, const network_case *c) {
  int on_card = b->device && strcmp(b->device, "cpu") != 0;
  size_t room = on_card ? (size_t)36 << 30 : (size_t)(trm__memory_available() / 4);
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
  if (j->calls != j->whole)
    used += (size_t)snprintf(r.note + used, sizeof r.note - used, "%d of %d calls; ", j->calls, j->whole);
  if (b->torch && b->device) snprintf(r.note + used, sizeof r.note - used, "%s", pytorch_how(b->torch));
  else if (used) r.note[used - 2] = 0;
  table_add(&b->table, &r);
}

/* Contestants keep their place in `results`; those that do not take part are NaN. */
static void run_job(bench *b, const network_job *j, network_state *all_threads, network_state *one_thread) {
  double operations = case_operations(&j->config, j->batch, j->c->training);
  ceiling_run top;
  pytorch_case product;
  pytorch_case torch = {b->torch, &j->config, j->type->torch, j->batch, j->c->training, b->threads, 0},
               torch_f32 = torch;
  torch_f32.dtype = "float32";
  contestant all[CONTESTANTS];
  int place[CONTESTANTS], count = 0;
  all[count] = (contestant){.seconds = state_seconds, .context = all_threads, .amount = operations},
  place[count++] = OURS;
  if (bench_ceiling(b, j->type->type, &top, &product, &all[count])) place[count++] = CEILING;
  if (one_thread)
    all[count] = (contestant){.seconds = state_seconds, .context = one_thread, .amount = operations},
    place[count++] = ONE_THREAD;
  if (b->torch && torch.dtype) all[count] = pytorch_contestant(&torch, operations), place[count++] = TORCH;
  if (b->torch && !b->device && j->type->type != TYPE_FLOAT32)
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
  if (status != TRM_E_MEMORY || !b->device) return status;
  table_remark(&b->table, "%s, batch %d: no memory for it", preset, j.batch);
  return TRM_OK;
}

int bench_networks(bench *b) {
  trm_error err = {0};
  int case_count;
  const network_case *cases = network_cases_of(b, &case_count);
  table_section(&b->table, "networks, one supervision step", b->torch ? pytorch_describe(b->torch) : "NO PyTorch");
  for (int t = 0; t < forward_type_count; t++) {
    for (int p = 0; p < network_preset_count && case_has_type(b, &forward_types[t]); p++) {
      if (b->presets ? !bench_wants(b, network_presets[p].name) : b->mode != MODE_FULL && !network_presets[p].quick)
        continue;
      for (int c = 0; c < case_count; c++) {
        if (cases[c].training && !forward_types[t].trains) continue;
        if (!bench_network(b, network_presets[p].name, &forward_types[t], &cases[c], &err)) continue;
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
