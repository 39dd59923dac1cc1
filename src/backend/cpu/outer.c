/* Weight gradients of channel products: dW += dOut^T In over all rows of a chunk. The rows come in any order of tasks,
 * so each task leaves its part in place (spread), and the product is then split over tiles of dW. */
#include "backend/cpu/cpu.h"

/* Columns of dW that one task takes: its right operand is then read from the L3 cache once for trm__cpu_outer_width
 * rows. */
#define OUTER_COLS 512

int trm__cpu_outer_width(const trm__product *product) {
  return trm__cpu_strip_rows(product);
}

size_t trm__cpu_spread_size(const trm__product *product, int k, int width, int cols) {
  return (size_t)trm__ceil_div(cols, width) * (size_t)width * (size_t)trm__words(product, k);
}

void trm__cpu_spread(const trm__product *product, trm__real *dst, int k, int k0, int width, const trm__real *src,
                     ptrdiff_t ld, int rows, int cols) {
  size_t words = (size_t)trm__words(product, k), first = (size_t)(k0 / product->unit);
  for (int c = 0; c < cols; c += width) {
    trm__real *to = dst + ((size_t)(c / width) * words + first) * (size_t)width;
    product->spread(to, width, src + c, ld, rows, trm__min_int(width, cols - c));
  }
}

typedef struct outer_job {
  const trm__backend *be;
  const trm__product *product;
  const trm__outer *outer;
  int k;
} outer_job;

static int outer_col_tasks(const trm__outer *outer) {
  return trm__ceil_div(outer->n, OUTER_COLS);
}

static int outer_tasks(const trm__product *product, const trm__outer *outer) {
  return trm__ceil_div(outer->m, trm__cpu_outer_width(product)) * outer_col_tasks(outer);
}

static void outer_task(void *context, int task, int worker) {
  const outer_job *job = context;
  const trm__outer *outer = job->outer;
  for (; task >= outer_tasks(job->product, outer); outer++) task -= outer_tasks(job->product, outer);
  int width = trm__cpu_outer_width(job->product), block = task / outer_col_tasks(outer),
      n0 = task % outer_col_tasks(outer) * OUTER_COLS;
  int m0 = block * width;
  size_t words = (size_t)trm__words(job->product, job->k);
  trm__left left = {outer->a + (size_t)block * words * (size_t)width, 1, width, NULL};
  trm__gemm g = trm__cpu_product(job->product, trm__min_int(width, outer->m - m0), outer->n, job->k, left, outer->b,
                                 outer->c + (size_t)m0 * (size_t)outer->n, outer->n);
  g.epilogue = TRM__EPI_ADD;
  g.n0 = n0;
  g.n1 = trm__min_int(outer->n, n0 + OUTER_COLS);
  trm__cpu_multiply(job->be, job->product, &g, worker);
}

void trm__cpu_outer(const trm__backend *be, const trm__weights *w, const trm__outer *outer, int count, int k) {
  const trm__product *product = w->product;
  outer_job job = {be, product, outer, k};
  int tasks = 0;
  for (int i = 0; i < count; i++) tasks += outer_tasks(product, &outer[i]);
  trm__cpu_run(be, &w->kernels, tasks, outer_task, &job);
}
