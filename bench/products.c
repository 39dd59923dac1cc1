/* The matrix products of the full-size networks and the attention heads, for each number type that the chosen kernels
 * have, on one thread: our product with its epilogue, against the ceiling, plain C and oneDNN's bare product. Operands
 * are packed before the clock starts, for us and for oneDNN. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/kernels/cases.h"
#include "base/mem.h"
#include "bench.h"
#include "numbers.h"
#include "onednn.h"

enum { POSITIONS = 97, HEAD_DIM = 64 };

/* One side of a product: a table's own packing of the same numbers. */
typedef struct operands {
  const trm__product *product;
  trm__gemm gemm;
  trm__real *a, *scale, *b;
} operands;

typedef struct product_case {
  const gemm_case *shape;
  int batch, m, n, k;
  trm__real *a, *b, *out;
} product_case;

static void operands_close(operands *o) {
  trm__free(o->a), trm__free(o->scale), trm__free(o->b), trm__free(o->gemm.scratch);
}

/* 0 when the type has no such product: gradients are not computed in int8. */
static int operands_open(operands *o, const trm__kernels *kernels, trm_dtype type, const product_case *c) {
  const trm__product *p = kernels->product[type];
  int gate = c->shape->epilogue == TRM__EPI_GATE_N, words = p ? trm__words(p, c->k) : 0;
  *o = (operands){.product = p};
  if (!p || (type == TRM_INT8 && strstr(c->shape->name, "gradient"))) return 0;
  o->gemm = case_gemm(c->shape, c->batch, c->a, NULL, c->out, c->out);
  o->gemm.k = words;
  o->gemm.scratch = numbers(p->scratch, 0, 0);
  size_t size = p->packed_size(c->k, c->n, gate);
  o->b = numbers(size, 0, 0);
  /* Panels: all of those that as many columns need. */
  int panels = (c->n + p->nr - 1) / p->nr;
  if (gate) panels = (c->n / 2 + p->nr / 2 - 1) / (p->nr / 2);
  p->pack_b(o->b, c->b, c->n, 1, c->k, c->n, gate, 0, panels);
  o->gemm.b = o->b;
  if (type == TRM_FLOAT32) return 1;
  o->a = numbers((size_t)c->m * (size_t)words, 0, 0);
  o->scale = numbers((size_t)c->m, 1, 1);
  o->gemm.a = o->a;
  o->gemm.a_scale = o->scale;
  if (c->shape->a_transposed) {
    p->spread(o->a, c->m, c->a, c->m, c->k, c->m);
    o->gemm.a_rs = 1, o->gemm.a_cs = c->m;
  } else {
    p->pack_a(o->a, words, o->scale, c->a, c->k, c->m, c->k);
    o->gemm.a_rs = words, o->gemm.a_cs = 1;
  }
  return 1;
}

static double product_seconds(void *context, int runs) {
  const operands *o = context;
  double start = measure_thread_clock();
  for (int r = 0; r < runs; r++) o->product->gemm(&o->gemm);
  return measure_thread_clock() - start;
}

/* Contestants: ours, the ceiling, plain C, and oneDNN where it has the type. */
static void measure_product(bench *b, trm_dtype type, const product_case *c) {
  double operations = 2.0 * c->m * c->n * c->k;
  operands ours, plain;
  if (!operands_open(&ours, b->kernels, type, c)) return;
  if (!operands_open(&plain, &trm__offer_ref.kernels, type, c)) plain = (operands){0};
  ceiling_run top;
  onednn *peer = onednn_open((number_type)type, c->m, c->n, c->k, c->shape->a_transposed, 1);
  contestant all[4] = {{.seconds = product_seconds, .context = &ours, .amount = operations},
                       ceiling_contestant(&top, ceiling_of((number_type)type, b->kernels), NULL)};
  int count = 2, at_plain = 0, at_peer = 0;
  if (plain.product)
    all[at_plain = count++] =
        (contestant){.seconds = product_seconds, .context = &plain, .amount = operations, .rough = 1};
  if (peer) all[at_peer = count++] = onednn_contestant(peer);
  measured results[4];
  measure_in_turn(all, count, &b->kernel_budget, results);
  row r = row_empty();
  snprintf(r.what, sizeof r.what, "%s, %dx%dx%d", c->shape->name, c->m, c->n, c->k);
  r.type = type_name((number_type)type);
  r.threads = 1;
  r.rate = 1e-9 * results[0].rate;
  r.unit = type == TRM_INT8 ? "GOP/s" : "GFLOP/s";
  r.share = results[1].relative;
  if (at_plain) r.plain_c = results[at_plain].relative;
  if (at_peer) r.onednn = results[at_peer].relative;
  table_add(&b->table, &r);
  onednn_close(&peer);
  operands_close(&ours);
  operands_close(&plain);
}

static void bench_product(bench *b, trm_dtype type, const gemm_case *shape, int batch) {
  product_case c = {.shape = shape, .batch = batch, .m = case_size(shape->m, batch), .n = shape->n};
  c.k = case_size(shape->k, batch);
  c.a = numbers((size_t)c.m * (size_t)c.k, -1, 1);
  c.b = numbers((size_t)c.k * (size_t)c.n, -0.05, 0.05);
  c.out = numbers((size_t)c.m * (size_t)c.n, -1, 1);
  table_progress(&b->table, "product: %s, batch %d, %s", shape->name, batch, type_name((number_type)type));
  measure_product(b, type, &c);
  trm__free(c.a), trm__free(c.b), trm__free(c.out);
}

/* -- attention ----------------------------------------------------------------------------------------------------- */

typedef struct head {
  const trm__kernels *kernels;
  trm__attention attention;
  int backward;
} head;

static double head_seconds(void *context, int runs) {
  const head *h = context;
  double start = measure_thread_clock();
  for (int r = 0; r < runs; r++) {
    if (h->backward) h->kernels->attention_backward(&h->attention);
    else h->kernels->attention(&h->attention);
  }
  return measure_thread_clock() - start;
}

/* Operations: two products of rows x rows x head_dim forward, five backward (the weights are computed again). */
static void bench_head(bench *b, trm_dtype type, int rows, int backward) {
  size_t n = (size_t)rows * HEAD_DIM;
  trm__real *x[8];
  for (int i = 0; i < 8; i++) x[i] = numbers(n, -1, 1);
  const trm__attention attention = {.type = type,
                                    .rows = rows,
                                    .head_dim = HEAD_DIM,
                                    .scale = (trm__real)0.125,
                                    .q = x[0],
                                    .k = x[1],
                                    .v = x[2],
                                    .ld = HEAD_DIM,
                                    .out = x[3],
                                    .out_ld = HEAD_DIM,
                                    .dout = x[4],
                                    .dq = x[5],
                                    .dk = x[6],
                                    .dv = x[7]};
  head ours = {b->kernels, attention, backward}, plain = {&trm__offer_ref.kernels, attention, backward};
  ours.attention.scratch = numbers(b->kernels->attention_scratch(rows, HEAD_DIM), 0, 0);
  plain.attention.scratch = numbers(trm__offer_ref.kernels.attention_scratch(rows, HEAD_DIM), 0, 0);
  double operations = 2.0 * rows * rows * HEAD_DIM * (backward ? 5 : 2);
  ceiling_run top;
  number_type judged = backward ? TYPE_FLOAT32 : (number_type)type;
  contestant all[] = {{.seconds = head_seconds, .context = &ours, .amount = operations},
                      ceiling_contestant(&top, ceiling_of(judged, b->kernels), NULL),
                      {.seconds = head_seconds, .context = &plain, .amount = operations, .rough = 1}};
  measured results[3];
  table_progress(&b->table, "attention head, %d rows, %s", rows, type_name((number_type)type));
  measure_in_turn(all, 3, &b->kernel_budget, results);
  row r = row_empty();
  snprintf(r.what, sizeof r.what, "attention head%s, %dx%d", backward ? ", backward" : "", rows, HEAD_DIM);
  r.type = type_name((number_type)type);
  r.threads = 1;
  r.rate = 1e-9 * results[0].rate;
  r.unit = "GFLOP/s";
  r.share = results[1].relative;
  r.plain_c = results[2].relative;
  table_add(&b->table, &r);
  for (int i = 0; i < 8; i++) trm__free(x[i]);
  trm__free(ours.attention.scratch), trm__free(plain.attention.scratch);
}

void bench_products(bench *b) {
  table_section(&b->table, "products of the networks (rows x columns x sum)",
                onednn_version() ? "ours with epilogue, oneDNN's bare; operands packed beforehand" : "NO oneDNN");
  for (int type = 0; type < TRM__DTYPES; type++) {
    if (!b->kernels->product[type]) continue;
    for (int batch = 1; batch <= (b->mode == MODE_TINY ? 1 : 8); batch += 7) {
      for (int i = 0; i < GEMM_CASES; i++) {
        int varies = gemm_cases[i].m == CASE_ROWS || gemm_cases[i].k == CASE_ROWS;
        if (batch == 1 || varies) bench_product(b, (trm_dtype)type, &gemm_cases[i], batch);
      }
    }
    if (type == TRM_INT8) continue; /* attention stays above int8 */
    bench_head(b, (trm_dtype)type, POSITIONS, 0);
    if (b->mode != MODE_TINY) bench_head(b, (trm_dtype)type, 916, 0);
  }
  bench_head(b, TRM_FLOAT32, POSITIONS, 1);
  if (b->mode != MODE_TINY) bench_head(b, TRM_FLOAT32, 916, 1);
}
