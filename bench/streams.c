/* Kernels that stream through memory, on one thread: GB/s against plain C. The arrays are those of one 9x9 Sudoku and
 * lie in the L2 cache; the optimizers' do not. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "bench.h"
#include "numbers.h"

enum { POSITIONS = 97, HIDDEN = 512, HEAD_DIM = 64, ARRAYS = 5 };

trm__real *numbers(size_t n, double low, double high) {
  static uint64_t state = 1;
  trm__real *x = trm__calloc(n, sizeof *x);
  if (!x) {
    fprintf(stderr, "bench: no memory for %zu numbers\n", n);
    exit(4);
  }
  for (size_t i = 0; i < n; i++) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    x[i] = (trm__real)(low + (high - low) * (double)(state >> 40) * 0x1p-24);
  }
  return x;
}

typedef struct stream {
  const trm__kernels *kernels;
  void (*fn)(const struct stream *);
  trm__real *x[ARRAYS]; /* numbers in -1..1, the last in 0.5..1 */
  int rows, cols;
  size_t n;
} stream;

static const trm__adam adam = {.lr = 1e-4, .beta1 = 0.9, .beta2 = 0.95, .weight_decay = 1, .eps = 1e-8, .t = 10};

static void pack(const stream *s) {
  const trm__product *p = s->kernels->product[TRM_FLOAT32];
  p->pack_b(s->x[0], s->x[1], s->cols, 1, s->rows, s->cols, 0, 0, (s->cols + p->nr - 1) / p->nr);
}
static void pack_transposed(const stream *s) {
  const trm__product *p = s->kernels->product[TRM_FLOAT32];
  p->pack_b(s->x[0], s->x[1], 1, s->rows, s->rows, s->cols, 0, 0, (s->cols + p->nr - 1) / p->nr);
}
static void pack_rows(const stream *s, trm_dtype type) {
  const trm__product *p = s->kernels->product[type];
  if (p) p->pack_a(s->x[0], trm__words(p, s->cols), s->x[2], s->x[1], s->cols, s->rows, s->cols);
}
static void pack_rows_bf16(const stream *s) {
  pack_rows(s, TRM_BFLOAT16);
}
static void pack_rows_int8(const stream *s) {
  pack_rows(s, TRM_INT8);
}
static void swiglu_backward(const stream *s) {
  s->kernels->swiglu_backward(s->x[0], s->x[1], s->x[2], s->x[3], s->rows, s->cols);
}
static void rms_rows(const stream *s) {
  s->kernels->rms_rows(s->x[0], s->x[4], s->x[1], s->rows, s->cols, 1e-5, 0);
}
static void rms_rows_round(const stream *s) {
  s->kernels->rms_rows(s->x[0], s->x[4], s->x[1], s->rows, s->cols, 1e-5, 1);
}
static void rms_rows_backward(const stream *s) {
  s->kernels->rms_rows_backward(s->x[0], s->x[1], s->x[2], s->x[4], s->rows, s->cols);
}
static void rms_cols(const stream *s) {
  s->kernels->rms_cols(s->x[0], s->x[4], s->x[1], s->rows, s->cols, 1e-5, 0, 0, s->cols);
}
static void rms_cols_backward(const stream *s) {
  s->kernels->rms_cols_backward(s->x[0], s->x[1], s->x[2], s->x[4], s->rows, s->cols, 0, s->cols);
}
static void inject(const stream *s) {
  s->kernels->inject(s->x[0], s->x[1], s->x[2], s->n, 0);
}
static void sum_squares(const stream *s) {
  volatile double keep = s->kernels->sum_squares(s->x[1], s->n);
  (void)keep;
}
static void rope(const stream *s) {
  s->kernels->rope(s->x[0], s->cols, s->x[1], s->x[2], s->rows, s->cols / HEAD_DIM, HEAD_DIM, 0, 0);
}
static void adam_atan2(const stream *s) {
  s->kernels->adam_atan2(s->x[0], s->x[1], s->x[4], s->x[3], s->n, &adam);
}
static void adamw(const stream *s) {
  s->kernels->adamw(s->x[0], s->x[1], s->x[4], s->x[3], s->n, &adam);
}
static void ema(const stream *s) {
  s->kernels->ema(s->x[0], s->x[1], s->n, 0.999);
}

/* bytes: read or written for each number. type: of the product that must exist. */
static const struct {
  const char *name;
  void (*fn)(const stream *);
  int rows, cols;
  double bytes;
  trm_dtype type;
} cases[] = {
    {"pack B", pack, HIDDEN, 3072, 8, TRM_FLOAT32},
    {"pack B, transposed", pack_transposed, HIDDEN, 3072, 8, TRM_FLOAT32},
    {"pack rows to bf16", pack_rows_bf16, POSITIONS, HIDDEN, 6, TRM_BFLOAT16},
    {"pack rows to int8", pack_rows_int8, POSITIONS, HIDDEN, 5, TRM_INT8},
    {"gate backward", swiglu_backward, POSITIONS, 1536, 24, TRM_FLOAT32},
    {"norm of rows", rms_rows, POSITIONS, HIDDEN, 12, TRM_FLOAT32},
    {"norm of rows, rounded", rms_rows_round, POSITIONS, HIDDEN, 12, TRM_FLOAT32},
    {"norm of rows, backward", rms_rows_backward, POSITIONS, HIDDEN, 20, TRM_FLOAT32},
    {"norm of columns", rms_cols, POSITIONS, HIDDEN, 12, TRM_FLOAT32},
    {"norm of columns, backward", rms_cols_backward, POSITIONS, HIDDEN, 20, TRM_FLOAT32},
    {"inject", inject, POSITIONS, HIDDEN, 16, TRM_FLOAT32},
    {"sum of squares", sum_squares, POSITIONS, HIDDEN, 4, TRM_FLOAT32},
    {"rotary positions", rope, POSITIONS, 1024, 8, TRM_FLOAT32},
    {"Adam-atan2", adam_atan2, 1024, 1024, 28, TRM_FLOAT32},
    {"AdamW", adamw, 1024, 1024, 28, TRM_FLOAT32},
    {"EMA", ema, 1024, 1024, 12, TRM_FLOAT32},
};

static double stream_seconds(void *context, int runs) {
  const stream *s = context;
  double start = measure_thread_clock();
  for (int r = 0; r < runs; r++) s->fn(s);
  return measure_thread_clock() - start;
}

void bench_streams(bench *b) {
  table_section(&b->table, "kernels that stream", "");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (!b->kernels->product[cases[i].type] || !trm__offer_ref.kernels.product[cases[i].type]) continue;
    size_t n = (size_t)cases[i].rows * (size_t)cases[i].cols;
    stream ours = {.kernels = b->kernels, .fn = cases[i].fn, .rows = cases[i].rows, .cols = cases[i].cols, .n = n};
    for (int a = 0; a < ARRAYS; a++) ours.x[a] = numbers(2 * n + 4096, a == ARRAYS - 1 ? 0.5 : -1, 1);
    stream plain = ours;
    plain.kernels = &trm__offer_ref.kernels;
    double bytes = (double)n * cases[i].bytes;
    contestant all[] = {{.seconds = stream_seconds, .context = &ours, .amount = bytes},
                        {.seconds = stream_seconds, .context = &plain, .amount = bytes, .rough = 1}};
    measured results[2];
    table_progress(&b->table, "%s", cases[i].name);
    measure_in_turn(all, 2, &b->kernel_budget, results);
    row r = row_empty();
    snprintf(r.what, sizeof r.what, "%s, %dx%d", cases[i].name, cases[i].rows, cases[i].cols);
    r.threads = 1;
    r.rate = 1e-9 * results[0].rate;
    r.unit = "GB/s";
    r.plain_c = results[1].relative;
    table_add(&b->table, &r);
    for (int a = 0; a < ARRAYS; a++) trm__free(ours.x[a]);
  }
}
