/* Optimizers and the moving average through the backend's operations, on the stored gradients of steps 1, 2, 3. Each
 * starts again from the set's weights. Results are stored whole or as their first 256 numbers. */
#ifndef GOLDEN_OPTIMIZERS_H
#define GOLDEN_OPTIMIZERS_H

#include "golden/gradients.h"

#define OPTIMIZER_BOUND 1e-6

static double option(golden_set *g, const char *name, double otherwise) {
  json_t *value = json_object_get(json_object_get(g->meta, "optimizer"), name);
  return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* All of an array of n numbers with the set's constants. */
static trm__dense dense_options(golden_set *g, trm__dense_kind kind, size_t n) {
  json_t *betas = json_object_get(json_object_get(g->meta, "optimizer"), "betas");
  trm__dense c = {.kind = kind,
                  .n = n,
                  .lr = option(g, "lr", 1e-3),
                  .beta1 = 0.9,
                  .beta2 = 0.95,
                  .weight_decay = option(g, "weight_decay", 0.1),
                  .eps = option(g, "adamw_eps", 1e-8)};
  if (json_array_size(betas) == 2) {
    c.beta1 = json_number_value(json_array_get(betas, 0));
    c.beta2 = json_number_value(json_array_get(betas, 1));
  }
  return c;
}

/* Compares an array of the parameters' shape with tensors named by the format ("%s" is the parameter), whole and, with
 * the format of heads, the first 256 numbers. */
static void compare_flat(golden_set *g, const trm__params *params, const trm__real *flat, const char *whole,
                         const char *head) {
  char name[KEY];
  for (int i = 0; i < params->count; i++) {
    const trm__param *p = &params->item[i];
    size_t n = (size_t)p->rows * (size_t)p->cols;
    if (p->kind != TRM__PARAM_MATRIX && p->kind != TRM__PARAM_OTHER) continue;
    double *v = device_values(flat + p->offset, n);
    snprintf(name, sizeof name, "%s%s", whole, p->name);
    compare(g, "optim", name, v, n, OPTIMIZER_BOUND);
    const char *at = strchr(head, '%');
    snprintf(name, sizeof name, "%.*s%s%s", (int)(at - head), head, p->name, at + 1);
    compare(g, "optim", name, v, n < 256 ? n : 256, OPTIMIZER_BOUND);
    free(v);
  }
}

/* The stored gradients of step k as one array on the device; 0 when any is missing. */
static int load_gradients(golden_set *g, const trm__params *params, int k, trm__real *flat) {
  char stem[32];
  snprintf(stem, sizeof stem, "grads_step%d_f32", k);
  for (int i = 0; i < params->count; i++) {
    const trm__param *p = &params->item[i];
    if (p->kind != TRM__PARAM_MATRIX && p->kind != TRM__PARAM_OTHER) continue;
    const trm__st_tensor *t = find(g, stem, p->name);
    size_t n = (size_t)p->rows * (size_t)p->cols;
    if (!t || t->elements != n) return 0;
    trm__real *host = must(malloc(n * sizeof *host));
    trm__st_read_real(t, host);
    update_device(flat + p->offset, host, n * sizeof *host);
    free(host);
  }
  return 1;
}

typedef enum optimizer { ADAM_ATAN2, ADAMW } optimizer;

typedef struct optimizer_state {
  trm__real *p, *m, *v, *g, *shadow; /* device [trained] */
  trm__update_state *state;          /* device */
} optimizer_state;

static optimizer_state state_open(const subject *s) {
  size_t bytes = s->params.trained * sizeof(trm__real);
  return (optimizer_state){.p = to_device(s->weights.flat, bytes),
                           .m = device_bytes(bytes),
                           .v = device_bytes(bytes),
                           .g = device_bytes(bytes),
                           .shadow = to_device(s->weights.flat, bytes),
                           .state = device_bytes(sizeof(trm__update_state))};
}

static void state_close(optimizer_state *o) {
  void *all[] = {o->p, o->m, o->v, o->g, o->shadow, o->state};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) drop_device(all[i]);
}

static void run_optimizer(golden_set *g, subject *s, machine *m, optimizer kind) {
  trm__backend *be = m->backend;
  optimizer_state o = state_open(s);
  trm__dense c = dense_options(g, kind == ADAMW ? TRM__DENSE_ADAMW : TRM__DENSE_ADAM_ATAN2, s->params.trained);
  c.p = o.p, c.m = o.m, c.v = o.v, c.g = o.g, c.ema = kind == ADAM_ATAN2 ? o.shadow : NULL;
  trm__update_state state = {.factor = 1, .grad_scale = 1, .ema_decay = option(g, "ema_rate", 0.999)};
  const char *word = kind == ADAMW ? "adamw" : "adam_atan2";
  char whole[64], head[64];
  for (int k = 1; k <= 3 && load_gradients(g, &s->params, k, o.g); k++) {
    state.t = k;
    update_device(o.state, &state, sizeof state);
    be->dense(be, o.state, &c, 1);
    snprintf(whole, sizeof whole, "%s.step%d.param.", word, k);
    snprintf(head, sizeof head, "%s.step%d.param_head256.%%", word, k);
    compare_flat(g, &s->params, o.p, whole, head);
    snprintf(whole, sizeof whole, "adam.step%d.exp_avg.", k);
    snprintf(head, sizeof head, "adam.step%d.exp_avg.%%.head256", k);
    compare_flat(g, &s->params, o.m, whole, head);
    snprintf(whole, sizeof whole, "adam.step%d.exp_avg_sq.", k);
    snprintf(head, sizeof head, "adam.step%d.exp_avg_sq.%%.head256", k);
    compare_flat(g, &s->params, o.v, whole, head);
    if (kind == ADAM_ATAN2) {
      snprintf(whole, sizeof whole, "ema.step%d.", k);
      snprintf(head, sizeof head, "ema.step%d.%%.head256", k);
      compare_flat(g, &s->params, o.shadow, whole, head);
    }
  }
  state_close(&o);
}

/* The puzzle table after sign-SGD on the stored rows' gradients. */
static void run_sign_sgd(golden_set *g, subject *s, machine *m) {
  int B = g->batch;
  size_t ndim = (size_t)s->params.dims.emb_ndim, n = s->params.puzzle;
  int32_t *ids = input_ints(g, "data", "puzzle_identifiers", (size_t)B);
  if (!n || !ids) {
    free(ids);
    return;
  }
  trm__real *table = to_device(s->weights.puzzle, n * sizeof *table), *scratch = device_bytes(ndim * sizeof *scratch);
  trm__real *drows = device_bytes((size_t)B * ndim * sizeof *drows);
  trm__real *host = must(calloc((size_t)B * ndim, sizeof *host));
  int32_t *on_device = to_device(ids, (size_t)B * sizeof *ids);
  trm__update_state *state = device_bytes(sizeof *state);
  for (int k = 1; k <= 3; k++) {
    char stem[32], name[64];
    snprintf(stem, sizeof stem, "grads_step%d_f32", k);
    const trm__st_tensor *t = find(g, stem, LOCAL);
    if (!t || t->elements != (size_t)B * ndim) break;
    trm__st_read_real(t, host);
    update_device(drows, host, (size_t)B * ndim * sizeof *host);
    update_device(state, &(trm__update_state){.t = k, .factor = 1}, sizeof *state);
    m->backend->sign_sgd_rows(m->backend, state, table, (int)(n / ndim), (int)ndim, drows, on_device, B,
                              option(g, "puzzle_emb_lr", 1e-2), option(g, "puzzle_emb_weight_decay", 0.1), scratch);
    double *v = device_values(table, n);
    snprintf(name, sizeof name, "signsgd.step%d.puzzle_emb.weights", k);
    compare(g, "optim", name, v, n, OPTIMIZER_BOUND);
    free(v);
  }
  void *device[] = {table, scratch, drows, on_device, state};
  for (size_t i = 0; i < sizeof device / sizeof *device; i++) drop_device(device[i]);
  free(host);
  free(ids);
}

static void compare_optimizers(golden_set *g, subject *s, machine *m) {
  golden_file *f = find_file(g, "optim");
  if (!f) return;
  run_optimizer(g, s, m, ADAM_ATAN2);
  run_optimizer(g, s, m, ADAMW);
  run_sign_sgd(g, s, m);
  for (size_t i = 0; i < f->st.count; i++) {
    const char *name = f->st.tensor[i].name;
    if (strncmp(name, "adam_atan2_lucidrains.", 22) == 0)
      skip(g, "optim", name, "lucidrains' variant is another optimizer, which trm does not offer");
    else skip(g, "optim", name, "the gradients it follows from are not stored");
  }
}

#endif
