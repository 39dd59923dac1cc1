/* Muon (Jordan 2024): the step is the momentum's nearest semi-orthogonal matrix, found by five Newton-Schulz steps
 *   X <- a X + (b A + c A A) X,  A = X X^T,  from X = G / |G|.
 * X [r][c] has r <= c (the matrix or its transpose), so that A is the small square. All sums are in fp32: the original
 * rounds to bf16 for the speed of a GPU's bf16 products, which a CPU does not have, and the iteration does not need it.
 */
#include "backend/cpu/cpu.h"

#define NS_A 3.4445
#define NS_B (-4.7750)
#define NS_C 2.0315
#define NS_STEPS 5
#define NS_EPS 1e-7 /* added to the norm, so that a zero gradient gives a zero step */

typedef struct muon_job {
  trm__backend *be;
  int r, c;
  trm__real *x, *next; /* [r][c] */
  trm__real *square;   /* A [r][r] */
  trm__real *poly;     /* b A + c A A [r][r] */
  trm__real *packed;   /* right operand of the product at hand */
  trm__gemm product;   /* ... and the product, whose rows the tasks share */
  const trm__real *pack_from;
  ptrdiff_t pack_rs, pack_cs;
} muon_job;

static void muon_plan(trm__backend *be, int rows, int cols, trm__arena *arena, muon_job *job) {
  const trm__product *f32 = be->kernels->product[TRM_FLOAT32];
  int r = trm__min_int(rows, cols), c = trm__max_int(rows, cols);
  size_t size = (size_t)r * (size_t)c, square = (size_t)r * (size_t)r;
  size_t packed = f32->packed_size(r, c, 0), transposed = f32->packed_size(c, r, 0);
  *job = (muon_job){.be = be, .r = r, .c = c};
  job->x = trm__cpu_take(arena, size);
  job->next = trm__cpu_take(arena, size);
  job->square = trm__cpu_take(arena, square);
  job->poly = trm__cpu_take(arena, square);
  job->packed = trm__cpu_take(arena, packed > transposed ? packed : transposed);
}

size_t trm__cpu_muon_scratch(trm__backend *be, int rows, int cols) {
  trm__arena measure = {0};
  muon_job job;
  muon_plan(be, rows, cols, &measure, &job);
  return measure.used / sizeof(trm__real);
}

static void muon_pack_task(void *context, int task, int worker) {
  (void)worker;
  const muon_job *job = context;
  job->be->kernels->product[TRM_FLOAT32]->pack_b(job->packed, job->pack_from, job->pack_rs, job->pack_cs,
                                                 job->product.k, job->product.n, 0, task, task + 1);
}

static void muon_product_task(void *context, int task, int worker) {
  const muon_job *job = context;
  const trm__product *f32 = job->be->kernels->product[TRM_FLOAT32];
  trm__gemm g = job->product;
  trm__range r = trm__cpu_row_range(f32, g.m, trm__cpu_row_tasks(job->be, f32, g.m), task);
  g.m0 = r.begin;
  g.m1 = r.begin + r.count;
  trm__cpu_multiply(job->be, f32, &g, worker);
}

/* to [m][n] = (or +=) a [m][k] times B(p, j) = b[p*b_rs + j*b_cs]. */
static void muon_multiply(muon_job *job, int m, int n, int k, const trm__real *a, const trm__real *b, ptrdiff_t b_rs,
                          ptrdiff_t b_cs, trm__real *to, trm__epilogue epilogue) {
  job->product = trm__cpu_product_f32(job->be->kernels, m, n, k, a, k, job->packed, to, n);
  job->product.epilogue = epilogue;
  job->pack_from = b;
  job->pack_rs = b_rs;
  job->pack_cs = b_cs;
  const trm__product *f32 = job->be->kernels->product[TRM_FLOAT32];
  trm__cpu_run(job->be, job->be->kernels, trm__cpu_panels(f32, n, 0), muon_pack_task, job);
  trm__cpu_run(job->be, job->be->kernels, trm__cpu_row_tasks(job->be, f32, m), muon_product_task, job);
}

static void muon_newton_schulz(muon_job *job) {
  trm__backend *be = job->be;
  int r = job->r, c = job->c;
  size_t size = (size_t)r * (size_t)c, square = (size_t)r * (size_t)r;
  trm__cpu_scale(be, job->x, 1 / (sqrt(trm__cpu_sum_squares(be, job->x, size)) + NS_EPS), size);
  for (int step = 0; step < NS_STEPS; step++) {
    muon_multiply(job, r, r, c, job->x, job->x, 1, c, job->square, TRM__EPI_STORE);
    memcpy(job->poly, job->square, square * sizeof *job->poly);
    trm__cpu_scale(be, job->poly, NS_B / NS_C, square);
    muon_multiply(job, r, r, r, job->square, job->square, r, 1, job->poly, TRM__EPI_ADD);
    trm__cpu_scale(be, job->poly, NS_C, square);
    memcpy(job->next, job->x, size * sizeof *job->next);
    trm__cpu_scale(be, job->next, NS_A, size);
    muon_multiply(job, r, c, r, job->poly, job->x, c, 1, job->next, TRM__EPI_ADD);
    trm__real *done = job->x;
    job->x = job->next;
    job->next = done;
  }
}

/* Momentum, and its Nesterov look-ahead into x; gradients are multiplied by scale first. */
static void muon_momentum(muon_job *job, trm__real *m, const trm__real *g, int rows, int cols, double momentum,
                          double scale) {
  trm__real mu = (trm__real)momentum, clip = (trm__real)scale;
  for (int i = 0; i < rows; i++) {
    for (int j = 0; j < cols; j++) {
      size_t at = (size_t)i * (size_t)cols + (size_t)j;
      trm__real d = clip * g[at];
      m[at] = mu * m[at] + (1 - mu) * d;
      job->x[rows <= cols ? at : (size_t)j * (size_t)rows + (size_t)i] = mu * m[at] + (1 - mu) * d;
    }
  }
}

void trm__cpu_muon(trm__backend *be, const trm__update_state *state, trm__real *p, trm__real *m, trm__real *ema,
                   const trm__real *g, int rows, int cols, double lr, double momentum, double weight_decay,
                   trm__real *scratch) {
  if (state->diverged != TRM__SOUND) return;
  trm__arena arena = {.base = (unsigned char *)scratch,
                      .size = trm__cpu_muon_scratch(be, rows, cols) * sizeof *scratch};
  muon_job job;
  muon_plan(be, rows, cols, &arena, &job);
  muon_momentum(&job, m, g, rows, cols, momentum, state->grad_scale);
  muon_newton_schulz(&job);
  lr *= state->factor;
  trm__real keep = (trm__real)(1 - lr * weight_decay), step = (trm__real)(lr * sqrt(fmax(1, (double)rows / cols)));
  for (int i = 0; i < rows; i++) {
    for (int j = 0; j < cols; j++) {
      size_t at = (size_t)i * (size_t)cols + (size_t)j;
      p[at] = keep * p[at] - step * job.x[rows <= cols ? at : (size_t)j * (size_t)rows + (size_t)i];
    }
  }
  trm__cpu_average(be, ema, p, (size_t)rows * (size_t)cols, state->ema_decay);
}
