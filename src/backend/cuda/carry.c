/* The carry between supervision steps, and the element-wise operations of the recursion: one kernel each. */
#include "backend/cuda/gpu.h"

static size_t gpu_state_size(const trm__weights *w) {
  return (size_t)w->dims.L * (size_t)w->dims.D;
}

static void gpu_inject(trm__backend *be, int b, const trm__weights *w, trm__act *h, const trm__act *in,
                       const trm__act *p, const trm__act *q) {
  trm__cuda_inject(&trm__gpu_of(be)->queue, w->type, h, in, p, q, (size_t)b * gpu_state_size(w));
}

static void gpu_accumulate(trm__backend *be, int b, const trm__weights *w, trm__act *to, const trm__act *from) {
  trm__cuda_inject(&trm__gpu_of(be)->queue, w->type, to, to, from, NULL, (size_t)b * gpu_state_size(w));
}

static void gpu_refill(trm__backend *be, trm__weights *w, int b, const uint8_t *halted, const trm__real *y0,
                       const trm__real *z0, trm__act *y, trm__act *z) {
  trm__cuda_refill(&trm__gpu_of(be)->queue, w->type, b, w->dims.L, w->dims.D, halted, y0, z0, y, z);
}

static void gpu_noise(trm__backend *be, trm__weights *w, int b, trm__act *x, double sigma, uint64_t seed,
                      const uint64_t *index, uint64_t offset, const uint8_t *mask) {
  trm__cuda_noise(&trm__gpu_of(be)->queue, w->type, b, gpu_state_size(w), x, sigma, seed, index, offset, mask);
}

static void gpu_distance(trm__backend *be, trm__weights *w, int b, const trm__act *x, const trm__act *was,
                         double *out) {
  trm__cuda_distance(&trm__gpu_of(be)->queue, w->type, b, gpu_state_size(w), x, was, out);
}

static void gpu_blend(trm__backend *be, trm__weights *w, int b, trm__act *x, double keep, const trm__act *other,
                      double take) {
  trm__cuda_blend(&trm__gpu_of(be)->queue, w->type, x, keep, other, take, (size_t)b * gpu_state_size(w));
}

static void gpu_merge(trm__backend *be, trm__weights *w, trm__merge_kind kind, int k, int b, const trm__act *from,
                      const trm__real *q, trm__act *to) {
  trm__cuda_merge(&trm__gpu_of(be)->queue, w->type, (int)kind, k, b, gpu_state_size(w), from, q, to);
}

static void gpu_winners(trm__backend *be, int k, int b, const trm__example_stats *stats, int32_t *winner) {
  trm__cuda_winners(&trm__gpu_of(be)->queue, k, b, stats, winner);
}

static void gpu_pick(trm__backend *be, trm__weights *w, int k, int b, const int32_t *winner, const trm__act *from,
                     trm__act *to) {
  trm__cuda_pick(&trm__gpu_of(be)->queue, w->type, k, b, gpu_state_size(w), winner, from, to);
}

static void gpu_admit(trm__backend *be, const trm__slots *slots, const int32_t *inputs, const int32_t *labels,
                      const int32_t *ids) {
  trm__cuda_admit(&trm__gpu_of(be)->queue, slots->count, slots->seq_len, slots->inputs, slots->labels, slots->ids,
                  slots->steps, slots->halted, inputs, labels, ids);
}

static void gpu_gather_rows(trm__backend *be, trm__real *rows, const trm__real *table, int table_rows, int ndim,
                            const int32_t *ids, int b) {
  trm__cuda_gather_rows(&trm__gpu_of(be)->queue, rows, table, table_rows, ndim, ids, b);
}

void trm__gpu_carry_table(trm__backend *be) {
  be->inject = gpu_inject;
  be->accumulate = gpu_accumulate;
  be->refill = gpu_refill;
  be->noise = gpu_noise;
  be->distance = gpu_distance;
  be->blend = gpu_blend;
  be->merge = gpu_merge;
  be->winners = gpu_winners;
  be->pick = gpu_pick;
  be->admit = gpu_admit;
  be->gather_rows = gpu_gather_rows;
}
