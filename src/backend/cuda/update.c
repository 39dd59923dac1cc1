/* A training update's bookkeeping and the optimizers: kernels that read their rates from device memory. */
#include "backend/cuda/gpu.h"

/* Scratch of a norm over n elements. What opening planned is enough for most; a longer array gets more, except while
 * recording, where nothing may be allocated. */
static double *gpu_norm_scratch(trm__gpu *gpu, size_t n) {
  size_t need = trm__cuda_norm_scratch(n);
  if (need <= gpu->partial_count) return gpu->partial;
  if (gpu->recording) {
    trm__gpu_did(gpu, cudaErrorMemoryAllocation, "scratch of a norm while recording");
    return NULL;
  }
  double *larger = trm__gpu_alloc(&gpu->backend, need * sizeof *larger);
  if (!larger) {
    trm__gpu_did(gpu, cudaErrorMemoryAllocation, "scratch of a norm");
    return NULL;
  }
  trm__gpu_free(&gpu->backend, gpu->partial);
  gpu->partial = larger;
  gpu->partial_count = need;
  return larger;
}

static void gpu_update_begin(trm__backend *be, trm__update_state *state, const trm__update_rule *rule, uint64_t *index,
                             int count) {
  trm__cuda_update_begin(&trm__gpu_of(be)->queue, state, rule, index, count);
}

static void gpu_update_judge(trm__backend *be, trm__update_state *state, const trm__update_rule *rule,
                             const trm__example_stats *stats, const trm__real *grads, size_t n) {
  trm__gpu *gpu = trm__gpu_of(be);
  double *partial = gpu_norm_scratch(gpu, n);
  if (partial) trm__cuda_update_judge(&gpu->queue, state, rule, stats, grads, n, partial);
}

static void gpu_update_end(trm__backend *be, const trm__update_state *state, const trm__update_rule *rule,
                           const trm__example_stats *stats, const trm__slots *slots, const trm__update_log *log) {
  trm__cuda_update_end(&trm__gpu_of(be)->queue, state, rule, stats, slots, log);
}

static void gpu_dense(trm__backend *be, const trm__update_state *state, const trm__dense *run, int runs) {
  trm__cuda_dense(&trm__gpu_of(be)->queue, state, run, runs);
}

static size_t gpu_muon_scratch(trm__backend *be, int rows, int cols) {
  (void)be;
  return trm__cuda_muon_scratch(rows, cols);
}

static void gpu_muon(trm__backend *be, const trm__update_state *state, trm__real *p, trm__real *m, trm__real *ema,
                     const trm__real *g, int rows, int cols, double lr, double momentum, double weight_decay,
                     trm__real *scratch) {
  trm__cuda_muon(&trm__gpu_of(be)->queue, state, p, m, ema, g, rows, cols, lr, momentum, weight_decay, scratch);
}

static void gpu_sign_sgd_rows(trm__backend *be, const trm__update_state *state, trm__real *table, int table_rows,
                              int ndim, const trm__real *drows, const int32_t *ids, int b, double lr,
                              double weight_decay, trm__real *scratch) {
  (void)scratch;
  trm__cuda_sign_sgd_rows(&trm__gpu_of(be)->queue, state, table, table_rows, ndim, drows, ids, b, lr, weight_decay);
}

static void gpu_add(trm__backend *be, trm__real *to, const trm__real *from, size_t n) {
  trm__cuda_add(&trm__gpu_of(be)->queue, to, from, n);
}

static double gpu_sum_squares(trm__backend *be, const trm__real *x, size_t n) {
  trm__gpu *gpu = trm__gpu_of(be);
  double sum = 0, *partial = gpu_norm_scratch(gpu, n);
  if (!partial) return sum;
  trm__cuda_sum_squares(&gpu->queue, x, n, partial, gpu->sum);
  trm__gpu_copy(be, &sum, gpu->sum, sizeof sum, TRM__COPY_TO_HOST);
  return sum;
}

void trm__gpu_update_table(trm__backend *be) {
  be->update_begin = gpu_update_begin;
  be->update_judge = gpu_update_judge;
  be->update_end = gpu_update_end;
  be->dense = gpu_dense;
  be->muon_scratch = gpu_muon_scratch;
  be->muon = gpu_muon;
  be->sign_sgd_rows = gpu_sign_sgd_rows;
  be->add = gpu_add;
  be->sum_squares = gpu_sum_squares;
}
