#include "kernels/cuda/device.cuh"

#include "cublaslt.h"

namespace {

struct handle {
  int made;
};

struct desc {
  int32_t transposed[2]; /* A, B */
};

struct layout {
  int type;
  int64_t rows, cols, ld;
  int32_t batches;
  int64_t step;
};

struct preference {
  size_t workspace;
  uint32_t reductions, alignment[4];
};

long plans, objects;
int refusal, failure, absence;

enum { INVALID = 7 };

/* -- products ------------------------------------------------------------------------------------------------------ */

struct matrix {
  layout l;
  const void *x;
};

float read(const matrix &m, int64_t batch, int64_t row, int64_t col) {
  int64_t at = batch * m.l.step + col * m.l.ld + row;
  return m.l.type == TRM__LT_F32 ? ((const float *)m.x)[at] : trm_to_float(((const trm_bf16 *)m.x)[at]);
}

void write(const matrix &m, int64_t batch, int64_t row, int64_t col, float value) {
  int64_t at = batch * m.l.step + col * m.l.ld + row;
  if (m.l.type == TRM__LT_F32) ((float *)m.x)[at] = value;
  else ((trm_bf16 *)m.x)[at] = trm_from_float<trm_bf16>(value);
}

/* A column of a batch's result a thread. */
TRM_KERNEL multiply(desc how, matrix a, matrix b, matrix c, matrix d, float alpha, float beta, float *workspace) {
  int64_t column = (int64_t)blockIdx.x * blockDim.x + threadIdx.x, batch = column / d.l.cols;
  if (column == 0) workspace[0] = 1;
  if (batch >= d.l.batches) return;
  int64_t k = how.transposed[0] ? a.l.rows : a.l.cols, j = column % d.l.cols;
  for (int64_t i = 0; i < d.l.rows; i++) {
    float sum = 0;
    for (int64_t p = 0; p < k; p++)
      sum += (how.transposed[0] ? read(a, batch, p, i) : read(a, batch, i, p)) *
             (how.transposed[1] ? read(b, batch, j, p) : read(b, batch, p, j));
    sum *= alpha;
    if (beta != 0) sum += beta * read(c, batch, i, j);
    write(d, batch, i, j, sum);
  }
}

bool misaligned(const void *x, const layout *l) {
  size_t step = l->batches > 1 ? (size_t)l->step * (l->type == TRM__LT_F32 ? 4 : 2) : 0;
  return (((size_t)x | step) & 15) != 0;
}

bool agree(const desc *how, const layout *a, const layout *b, const layout *c, const layout *d) {
  int64_t rows = how->transposed[0] ? a->cols : a->rows, k = how->transposed[0] ? a->rows : a->cols;
  int64_t cols = how->transposed[1] ? b->rows : b->cols, other = how->transposed[1] ? b->cols : b->rows;
  for (const layout *l : {a, b, c, d})
    if (l->ld < l->rows || l->batches != d->batches || l->rows < 1 || l->cols < 1) return false;
  return k == other && rows == d->rows && cols == d->cols && c->rows == rows && c->cols == cols && c->type == d->type &&
         a->type == TRM__LT_BF16 && b->type == TRM__LT_BF16;
}

uint64_t stamp(const layout *a, const layout *b, const layout *d) {
  return (uint64_t)(a->ld * 31 + b->ld * 37 + d->rows * 41 + d->cols * 43 + d->batches);
}

int heuristic(void *, void *how, void *a, void *b, void *c, void *d, void *wanted, int count, trm__lt_found *found,
              int *out) {
  const preference *p = (const preference *)wanted;
  plans++;
  *out = 0;
  if (refusal) return refusal;
  if (count < 1 || !agree((desc *)how, (layout *)a, (layout *)b, (layout *)c, (layout *)d)) return INVALID;
  if (p->reductions != TRM__LT_REDUCTION_COMPUTE_TYPE) return INVALID;
  for (uint32_t alignment : p->alignment)
    if (alignment != 16) return INVALID;
  *found = trm__lt_found();
  found->algorithm.data[0] = stamp((layout *)a, (layout *)b, (layout *)d);
  found->workspace = p->workspace;
  *out = 1;
  return 0;
}

int matmul(void *, void *how, const void *alpha, const void *a, void *la, const void *b, void *lb, const void *beta,
           const void *c, void *lc, void *d, void *ld, const trm__lt_algorithm *algorithm, void *workspace,
           size_t bytes, void *stream) {
  matrix ma = {*(layout *)la, a}, mb = {*(layout *)lb, b}, mc = {*(layout *)lc, c}, md = {*(layout *)ld, d};
  if (failure) return failure;
  if (!agree((desc *)how, &ma.l, &mb.l, &mc.l, &md.l) || !workspace || bytes < 4) return INVALID;
  if (algorithm->data[0] != stamp(&ma.l, &mb.l, &md.l)) return INVALID;
  for (const matrix &m : {ma, mb, mc, md})
    if (misaligned(m.x, &m.l)) return INVALID;
  trm__cuda_queue q = {};
  q.stream = stream;
  unsigned columns = (unsigned)(md.l.cols * md.l.batches);
  trm_launch(&q, multiply, dim3((columns + 31) / 32), 32, 0, *(desc *)how, ma, mb, mc, md, *(const float *)alpha,
             *(const float *)beta, (float *)workspace);
  return q.fault ? 13 : 0;
}

/* -- objects ------------------------------------------------------------------------------------------------------- */

template <class T> int make(void **to) {
  *to = new T();
  objects++;
  return 0;
}

template <class T> int destroy(void *x) {
  delete (T *)x;
  objects--;
  return 0;
}

int create(void **to) {
  return absence ? absence : make<handle>(to);
}

int make_desc(void **to, int compute_type, int scale_type) {
  return compute_type == TRM__LT_COMPUTE_F32 && scale_type == TRM__LT_F32 ? make<desc>(to) : INVALID;
}

int make_layout(void **to, int type, uint64_t rows, uint64_t cols, int64_t ld) {
  if (type != TRM__LT_F32 && type != TRM__LT_BF16) return INVALID;
  make<layout>(to);
  *(layout *)*to = {type, (int64_t)rows, (int64_t)cols, ld, 1, 0};
  return 0;
}

template <class T> int set(T *to, const void *value, size_t bytes) {
  if (bytes != sizeof *to) return INVALID;
  memcpy(to, value, bytes);
  return 0;
}

int set_desc(void *x, int attribute, const void *value, size_t bytes) {
  desc *d = (desc *)x;
  if (attribute == TRM__LT_DESC_TRANSA) return set(&d->transposed[0], value, bytes);
  return attribute == TRM__LT_DESC_TRANSB ? set(&d->transposed[1], value, bytes) : (int)INVALID;
}

int set_layout(void *x, int attribute, const void *value, size_t bytes) {
  layout *l = (layout *)x;
  if (attribute == TRM__LT_LAYOUT_BATCHES) return set(&l->batches, value, bytes);
  return attribute == TRM__LT_LAYOUT_BATCH_STEP ? set(&l->step, value, bytes) : (int)INVALID;
}

int set_preference(void *x, int attribute, const void *value, size_t bytes) {
  preference *p = (preference *)x;
  int matrix = attribute - TRM__LT_PREFERENCE_ALIGNMENT_A;
  if (attribute == TRM__LT_PREFERENCE_WORKSPACE) return set(&p->workspace, value, bytes);
  if (attribute == TRM__LT_PREFERENCE_REDUCTIONS) return set(&p->reductions, value, bytes);
  return matrix >= 0 && matrix < 4 ? set(&p->alignment[matrix], value, bytes) : (int)INVALID;
}

} // namespace

extern "C" const trm__lt_api *emulate_cublaslt(void) {
  static const trm__lt_api api = {create,         destroy<handle>, make_desc,  destroy<desc>,    set_desc,
                                  make_layout,    destroy<layout>, set_layout, make<preference>, destroy<preference>,
                                  set_preference, heuristic,       matmul};
  return &api;
}

extern "C" long emulate_cublaslt_plans(void) {
  return plans;
}
extern "C" long emulate_cublaslt_objects(void) {
  return objects;
}
extern "C" void emulate_cublaslt_refuse(int status) {
  refusal = status;
}
extern "C" void emulate_cublaslt_fail(int status) {
  failure = status;
}
extern "C" void emulate_cublaslt_absent(int status) {
  absence = status;
}
