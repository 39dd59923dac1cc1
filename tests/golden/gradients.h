/* Gradients of loss / batch for every parameter and for each example's puzzle row (local_weights), one training step
 * from each stored carry. */
#ifndef GOLDEN_GRADIENTS_H
#define GOLDEN_GRADIENTS_H

#include "golden/machine.h"

#define LOCAL "inner.puzzle_emb.local_weights"

/* grad_deviation_f32_vs_f64.step<k>.<name>, else the worst recorded for the step, else 0. */
static double gradient_record(golden_set *g, int k, const char *name) {
  char step[16];
  snprintf(step, sizeof step, "step%d", k);
  json_t *list = json_object_get(json_object_get(g->meta, "grad_deviation_f32_vs_f64"), step);
  json_t *value = json_array_get(json_object_get(list, name), 1);
  if (json_is_number(value)) return json_number_value(value);
  const char *key;
  double worst = 0;
  json_object_foreach(list, key, value) worst = fmax(worst, json_number_value(json_array_get(value, 1)));
  return worst;
}

static void compare_gradient(golden_set *g, int k, const char *name, const trm__real *ours, size_t n) {
  char f32[32], f64[32], carry[64];
  double *v = device_values(ours, n), record = gradient_record(g, k, name);
  snprintf(carry, sizeof carry, "step%d.carry_out.z_H", k);
  if (g->runs_on) record = fmax(record, recorded(g, carry, "f32"));
  double bound = bound_f32(record);
  snprintf(f32, sizeof f32, "grads_step%d_f32", k);
  snprintf(f64, sizeof f64, "grads_step%d_f64", k);
  compare(g, f32, name, v, n, bound);
  compare(g, f64, name, v, n, IS_DOUBLE && !g->runs_on ? 3e-7 : bound); /* stored in float32 */
  free(v);
}

static int has_gradients(golden_set *g, int k) {
  char f32[32], f64[32];
  snprintf(f32, sizeof f32, "grads_step%d_f32", k);
  snprintf(f64, sizeof f64, "grads_step%d_f64", k);
  return find_file(g, f32) || find_file(g, f64);
}

/* The carry that step k starts from: the stored one, else trm's own after k - 1 steps. */
static void reach_step(golden_set *g, bench *b, int k) {
  g->runs_on = !load_carry(b, g, k);
  if (!g->runs_on) return;
  load_carry(b, g, 1);
  for (int i = 1; i < k; i++) trm__network_step(b->net, b->B, b->inputs, b->rows, b->y, b->z, b->logits, b->q);
}

static void run_gradient_step(golden_set *g, bench *b, int k) {
  const trm__params *params = &b->s->params;
  size_t B = (size_t)b->B;
  trm__loss loss = {TRM_LOSS_STABLEMAX, 0, 0.5, 1.0 / b->B, 0};
  trm__real *grads = device_bytes(params->trained * sizeof *grads);
  trm__real *drows = b->ndim ? device_bytes(B * b->ndim * sizeof *drows) : NULL;
  trm__example_stats *stats = device_bytes(B * sizeof *stats);
  trm__network_train_step(b->net, b->B, b->inputs, b->rows, b->labels, NULL, &loss, b->y, b->z, grads, drows, stats,
                          NULL, NULL);
  for (int i = 0; i < params->count; i++) {
    const trm__param *p = &params->item[i];
    if (p->kind == TRM__PARAM_MATRIX || p->kind == TRM__PARAM_OTHER)
      compare_gradient(g, k, p->name, grads + p->offset, (size_t)p->rows * (size_t)p->cols);
  }
  if (drows) compare_gradient(g, k, LOCAL, drows, B * b->ndim);
  drop_device(grads);
  drop_device(drows);
  drop_device(stats);
}

static void compare_gradients(golden_set *g, subject *s, machine *m) {
  bench b;
  int any = 0;
  for (int k = 1; k <= 99; k++) any = any || has_gradients(g, k);
  if (!any) return;
  bench_open(&b, g, s, m, 0, 1);
  for (int k = 1; k <= 99 && b.inputs && b.labels; k++) {
    if (!has_gradients(g, k)) continue;
    reach_step(g, &b, k);
    run_gradient_step(g, &b, k);
  }
  g->runs_on = 0;
  bench_close(&b);
}

#endif
