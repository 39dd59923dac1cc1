/* Parts of the first call's first layer (first_call.sample0.layers.0.*), which the original's hooks caught: position 0
 * of example 0, or channel 0 for the parts of the mixer. Products, activation, norms and attention come from the
 * kernels, in the order of docs/spec.md, Layers; the whole layer comes from the backend's blocks. */
#ifndef GOLDEN_MODULES_H
#define GOLDEN_MODULES_H

#include "golden/machine.h"

#define TRACE "trace_step1_f32"
#define PART "first_call.sample0.layers.0."

/* The first numbers of a matrix against a part of the trace. */
static void compare_part(golden_set *g, const char *name, const trm__real *first, int n) {
  char full[KEY];
  snprintf(full, sizeof full, "%s%s", PART, name);
  double *v = real_values(first, (size_t)n);
  compare(g, TRACE, full, v, (size_t)n, 2e-6);
  free(v);
}

static trm__real *reals(size_t n) {
  return must(calloc(n, sizeof(trm__real)));
}

/* x [rows][k] times the transpose of w [n][k]. With act not NULL the outputs are gates and ups, and act [rows][n/2]
 * receives silu(gate) * up. */
static trm__real *product(const machine *m, const trm__real *x, int rows, const trm__real *w, int n, int k,
                          trm__real *act) {
  const trm__kernels *kernels = m->kernels;
  const trm__product *f32 = kernels->product[TRM_FLOAT32];
  int gate = act != NULL, half = gate ? f32->nr / 2 : f32->nr, columns = gate ? n / 2 : n;
  trm__real *packed = reals(f32->packed_size(k, n, gate)), *out = reals((size_t)rows * (size_t)n);
  f32->pack_b(packed, w, 1, k, k, n, gate, 0, (columns + half - 1) / half);
  trm__gemm p = {.m = rows, .n = n, .k = k, .a = x, .a_rs = k, .a_cs = 1, .b = packed, .c = out, .c_rs = n, .m1 = rows};
  p.n1 = columns;
  p.epilogue = gate ? TRM__EPI_GATE_N : TRM__EPI_STORE;
  p.act = act;
  p.act_rs = n / 2;
  p.scratch = reals(f32->scratch + 1);
  f32->gemm(&p);
  free(p.scratch);
  free(packed);
  return out;
}

/* h [rows][width] becomes rms(h + swiglu(h)). */
static void swiglu_parts(golden_set *g, const machine *m, const trm__dims *d, const char *name, trm__real *h, int rows,
                         int width, int inner, const trm__real *w_in, const trm__real *w_out) {
  char part[64];
  trm__real *act = reals((size_t)rows * (size_t)inner);
  trm__real *gates = product(m, h, rows, w_in, 2 * inner, width, act);
  trm__real *out = product(m, act, rows, w_out, width, inner, NULL);
  snprintf(part, sizeof part, "%s.gate_up_proj", name);
  compare_part(g, part, gates, 2 * inner);
  snprintf(part, sizeof part, "%s.down_proj", name);
  compare_part(g, part, out, width);
  compare_part(g, name, out, width);
  m->kernels->add(h, out, (size_t)rows * (size_t)width);
  m->kernels->rms_rows(h, NULL, h, rows, width, d->eps, 0);
  free(act);
  free(gates);
  free(out);
}

static void turn(const machine *m, const trm__dims *d, trm__real *qkv) {
  size_t half = (size_t)d->head_dim / 2;
  trm__real *cosines = reals((size_t)d->L * half), *sines = reals((size_t)d->L * half);
  for (size_t p = 0; p < (size_t)d->L; p++)
    for (size_t i = 0; i < half; i++) {
      double angle = (double)p * pow(d->rope_theta, -2.0 * (double)i / d->head_dim);
      cosines[p * half + i] = (trm__real)cos(angle);
      sines[p * half + i] = (trm__real)sin(angle);
    }
  for (int i = 0; i < 2; i++)
    m->kernels->rope(qkv + i * d->D, 3 * d->D, cosines, sines, d->L, d->heads, d->head_dim, 0, 0);
  free(cosines);
  free(sines);
}

/* h [L][D] becomes rms(h + W_o attention(h)). */
static void attention_parts(golden_set *g, const machine *m, const trm__dims *d, const trm__layer_view *w,
                            trm__real *h) {
  const trm__kernels *kernels = m->kernels;
  trm__real *qkv = product(m, h, d->L, w->mix_in, 3 * d->D, d->D, NULL);
  trm__real *mixed = reals((size_t)d->L * (size_t)d->D);
  compare_part(g, "self_attn.qkv_proj", qkv, 3 * d->D);
  if (d->positions == TRM_POS_ROPE) turn(m, d, qkv);
  trm__real *scratch = reals(kernels->attention_scratch(d->L, d->head_dim));
  for (int head = 0; head < d->heads; head++) {
    trm__real *q = qkv + head * d->head_dim;
    trm__attention a = {.rows = d->L, .head_dim = d->head_dim, .q = q, .k = q + d->D, .v = q + 2 * d->D};
    a.scale = (trm__real)(1 / sqrt((double)d->head_dim));
    a.ld = 3 * d->D;
    a.out = mixed + head * d->head_dim;
    a.out_ld = d->D;
    a.scratch = scratch;
    kernels->attention(&a);
  }
  trm__real *out = product(m, mixed, d->L, w->mix_out, d->D, d->D, NULL);
  compare_part(g, "self_attn.o_proj", out, d->D);
  compare_part(g, "self_attn", out, d->D);
  kernels->add(h, out, (size_t)d->L * (size_t)d->D);
  kernels->rms_rows(h, NULL, h, d->L, d->D, d->eps, 0);
  free(qkv);
  free(mixed);
  free(scratch);
  free(out);
}

static void transpose(trm__real *to, const trm__real *from, int rows, int cols) {
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < cols; c++)
      to[(size_t)c * (size_t)rows + (size_t)r] = from[(size_t)r * (size_t)cols + (size_t)c];
}

static void mixer_parts(golden_set *g, const machine *m, const trm__dims *d, const trm__layer_view *w, trm__real *h) {
  trm__real *turned = reals((size_t)d->L * (size_t)d->D);
  transpose(turned, h, d->L, d->D);
  swiglu_parts(g, m, d, "mlp_t", turned, d->D, d->L, d->inner_l, w->mix_in, w->mix_out);
  transpose(h, turned, d->D, d->L);
  free(turned);
}

static void layer_by_blocks(golden_set *g, const machine *m, const trm__dims *d, const trm__weights_view *view,
                            const trm__real *h) {
  trm__backend *be = m->backend;
  trm__weights *w = NULL;
  trm__dims exact = *d; /* the configuration may ask for bfloat16 */
  exact.bf16 = 0;
  size_t n = (size_t)d->L * (size_t)d->D;
  size_t bytes = n * be->act_bytes(be, &exact);
  if (be->weights_open(be, &w, &exact, 0, 1, NULL)) exit(1);
  be->weights_prepare(be, w, view);
  trm__act *in = device_bytes(bytes), *out = device_bytes(bytes);
  trm__real *result = reals(n);
  be->act_write(be, &exact, in, h, n);
  be->mix_forward(be, w, 0, 1, in, out, NULL, 0);
  be->mlp_forward(be, w, 0, 1, out, in, NULL, 0);
  be->act_read(be, &exact, result, in, n);
  double *v = real_values(result, (size_t)d->D);
  compare(g, TRACE, "first_call.sample0.layers.0", v, (size_t)d->D, 2e-6);
  free(v);
  free(result);
  drop_device(in);
  drop_device(out);
  be->weights_close(be, &w);
}

static void compare_modules(golden_set *g, subject *s, machine *m) {
  const trm__dims *d = &s->params.dims;
  size_t n = (size_t)d->L * (size_t)d->D;
  trm__weights_view view = trm__params_view(&s->params, s->weights.flat);
  double *e = values(g, TRACE, "input_embeddings", (size_t)g->batch * n);
  if (!e) return;
  trm__real *h = reals(n);
  for (size_t i = 0; i < n; i++) {
    size_t channel = i % (size_t)d->D;
    h[i] = (trm__real)e[i] + s->weights.start[channel] + s->weights.start[(size_t)d->D + channel];
  }
  trm__real *flat = to_device(s->weights.flat, s->params.trained * sizeof *flat);
  trm__weights_view on_device = trm__params_view(&s->params, flat);
  layer_by_blocks(g, m, d, &on_device, h);
  drop_device(flat);
  if (d->mixer) mixer_parts(g, m, d, &view.layer[0], h);
  else attention_parts(g, m, d, &view.layer[0], h);
  swiglu_parts(g, m, d, "mlp", h, d->L, d->D, d->inner_d, view.layer[0].mlp_in, view.layer[0].mlp_out);
  free(h);
  free(e);
}

#endif
