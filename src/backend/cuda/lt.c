/* cuBLASLt as a provider of the bf16 products (device option "cublaslt"), loaded at run time. The library's epilogues
 * are used for nothing but adding: what else an epilogue does is a kernel after a stored product
 * (kernels/cuda/product/unfused.cu).
 *
 * A plan holds what the library needs for one shape: descriptors and the first algorithm that its heuristic names for a
 * fixed workspace, 16-byte aligned operands, and sums in parts that are kept whole and added in order; so a shape has
 * the same bits each time on the same card. A plan is made when a shape is met first, which takes only work of the
 * host and so may happen while the stream is recorded.
 *
 * The library stores matrices by columns: our row-major c [m][n] is its c [n][m], whose left operand is our B. A
 * transposed result is its c [m][n], with our A on the left, and nothing need be transposed.
 *
 * Rounding differs from our kernels' in one place: a residual without a scale is added to the sum before it is rounded
 * (once) rather than after. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "backend/cuda/gpu.h"
#include "backend/cuda/lt.h"
#include "base/status.h"

#define WORKSPACE ((size_t)32 << 20)
#define ALIGNMENT 16
#define LISTS 256

/* What a plan is for; numbers of one kind, so that all bytes count. [3]: left, right, result. */
typedef struct lt_shape {
  int64_t rows, cols, k, batches; /* of the result as the library sees it */
  int64_t transposed[2];
  int64_t ld[3], step[3];
  int64_t f32, accumulate; /* the result's type; it is added to another */
} lt_shape;

typedef struct lt_plan {
  struct lt_plan *next;
  lt_shape shape;
  void *desc, *layout[3];
  trm__lt_algorithm algorithm;
  int usable; /* the library has an algorithm */
} lt_plan;

struct trm__gpu_lt {
  trm__cuda_provider provider; /* first: one is a trm__gpu_lt */
  trm__lt_api api;
  void *handle, *preference, *workspace;
  int products; /* bits 1 << trm__cuda_epilogue */
  lt_plan *lists[LISTS];
  long taken;
};

/* -- the library --------------------------------------------------------------------------------------------------- */

static const char *const lt_usual_libraries[] = {"libcublasLt.so.13", "libcublasLt.so.12", NULL};
static const char *const *lt_libraries = lt_usual_libraries;
static const trm__lt_api *lt_stand_in;

void trm__gpu_lt_stand_in(const trm__lt_api *api) {
  lt_stand_in = api;
}

void trm__gpu_lt_libraries(const char *const *names) {
  lt_libraries = names ? names : lt_usual_libraries;
}

static const struct {
  const char *name;
  size_t offset;
} lt_functions[] = {{"cublasLtCreate", offsetof(trm__lt_api, create)},
                    {"cublasLtDestroy", offsetof(trm__lt_api, destroy)},
                    {"cublasLtMatmulDescCreate", offsetof(trm__lt_api, desc_create)},
                    {"cublasLtMatmulDescDestroy", offsetof(trm__lt_api, desc_destroy)},
                    {"cublasLtMatmulDescSetAttribute", offsetof(trm__lt_api, desc_set)},
                    {"cublasLtMatrixLayoutCreate", offsetof(trm__lt_api, layout_create)},
                    {"cublasLtMatrixLayoutDestroy", offsetof(trm__lt_api, layout_destroy)},
                    {"cublasLtMatrixLayoutSetAttribute", offsetof(trm__lt_api, layout_set)},
                    {"cublasLtMatmulPreferenceCreate", offsetof(trm__lt_api, preference_create)},
                    {"cublasLtMatmulPreferenceDestroy", offsetof(trm__lt_api, preference_destroy)},
                    {"cublasLtMatmulPreferenceSetAttribute", offsetof(trm__lt_api, preference_set)},
                    {"cublasLtMatmulAlgoGetHeuristic", offsetof(trm__lt_api, heuristic)},
                    {"cublasLtMatmul", offsetof(trm__lt_api, matmul)}};

int trm__gpu_lt_load(trm__lt_api *api, const char *const *names, char why[256]) {
  void *library = NULL;
  for (; !library && *names; names++) {
    library = dlopen(*names, RTLD_NOW | RTLD_LOCAL);
    if (!library) (void)snprintf(why, 256, "%.255s", dlerror());
  }
  for (size_t i = 0; library && i < sizeof lt_functions / sizeof *lt_functions; i++) {
    void *function = dlsym(library, lt_functions[i].name);
    memcpy((char *)api + lt_functions[i].offset, &function, sizeof function);
    if (function) continue;
    (void)snprintf(why, 256, "%s is not in it", lt_functions[i].name);
    (void)dlclose(library);
    library = NULL;
  }
  return library != NULL;
}

/* -- plans --------------------------------------------------------------------------------------------------------- */

static int lt_set_batches(trm__gpu_lt *lt, void *layout, int64_t batches, int64_t step) {
  int32_t count = (int32_t)batches;
  if (batches == 1) return TRM__LT_SUCCESS;
  int status = lt->api.layout_set(layout, TRM__LT_LAYOUT_BATCHES, &count, sizeof count);
  return status ? status : lt->api.layout_set(layout, TRM__LT_LAYOUT_BATCH_STEP, &step, sizeof step);
}

/* How layout i is stored: an operand, so many of whose numbers belong to each p of the sum, or the result. */
static int lt_make_layout(trm__gpu_lt *lt, lt_plan *p, int i) {
  const lt_shape *s = &p->shape;
  int64_t of = i == 0 ? s->rows : s->cols, rows = s->rows, cols = s->cols;
  int along = i == 0 ? s->transposed[0] == 1 : s->transposed[1] == 0; /* the sum's index runs down the columns */
  if (i < 2) rows = along ? s->k : of, cols = along ? of : s->k;
  int status = lt->api.layout_create(&p->layout[i], i == 2 && s->f32 ? TRM__LT_F32 : TRM__LT_BF16, (uint64_t)rows,
                                     (uint64_t)cols, s->ld[i]);
  return status ? status : lt_set_batches(lt, p->layout[i], s->batches, s->step[i]);
}

static int lt_make_desc(trm__gpu_lt *lt, lt_plan *p) {
  int status = lt->api.desc_create(&p->desc, TRM__LT_COMPUTE_F32, TRM__LT_F32);
  for (int i = 0; i < 2 && !status; i++) {
    int32_t transposed = (int32_t)p->shape.transposed[i];
    status = lt->api.desc_set(p->desc, i ? TRM__LT_DESC_TRANSB : TRM__LT_DESC_TRANSA, &transposed, sizeof transposed);
  }
  return status;
}

static void lt_fill_plan(trm__gpu_lt *lt, lt_plan *p) {
  trm__lt_found found = {0};
  int count = 0, status = lt_make_desc(lt, p);
  for (int i = 0; i < 3 && !status; i++) status = lt_make_layout(lt, p, i);
  if (!status)
    status = lt->api.heuristic(lt->handle, p->desc, p->layout[0], p->layout[1], p->layout[2], p->layout[2],
                               lt->preference, 1, &found, &count);
  p->usable = !status && count == 1 && found.state == TRM__LT_SUCCESS && found.workspace <= WORKSPACE;
  p->algorithm = found.algorithm;
}

/* FNV-1a */
static unsigned lt_list_of(const lt_shape *s) {
  uint64_t hash = 14695981039346656037U;
  for (size_t i = 0; i < sizeof *s; i++) hash = (hash ^ ((const unsigned char *)s)[i]) * 1099511628211U;
  return (unsigned)(hash >> 32) % LISTS;
}

/* NULL: the host has no memory. */
static const lt_plan *lt_plan_for(trm__gpu_lt *lt, const lt_shape *s) {
  lt_plan **at = &lt->lists[lt_list_of(s)];
  while (*at && memcmp(&(*at)->shape, s, sizeof *s) != 0) at = &(*at)->next;
  if (*at) return *at;
  lt_plan *made = trm__calloc(1, sizeof *made);
  if (!made) return NULL;
  made->shape = *s;
  lt_fill_plan(lt, made);
  *at = made;
  return made;
}

static void lt_free_plan(trm__gpu_lt *lt, lt_plan *p) {
  for (int i = 0; i < 3; i++)
    if (p->layout[i]) (void)lt->api.layout_destroy(p->layout[i]);
  if (p->desc) (void)lt->api.desc_destroy(p->desc);
  trm__free(p);
}

/* -- one product --------------------------------------------------------------------------------------------------- */

/* Where the sums go: to = sums, or addend + sums where there is one (which may be `to`). */
typedef struct lt_target {
  void *to;
  const void *addend;
  ptrdiff_t ld, batch;
  int f32, transposed; /* stored [n][m] */
} lt_target;

static int lt_aligned(const void *p, ptrdiff_t step, int bytes) {
  return ((uintptr_t)p | (size_t)step * (size_t)bytes) % ALIGNMENT == 0;
}

static int lt_fits(const trm__cuda_product *p, const lt_target *t) {
  ptrdiff_t a_step = p->batches > 1 ? p->a.batch : 0, b_step = p->batches > 1 ? p->b.batch : 0;
  ptrdiff_t step = p->batches > 1 ? t->batch : 0;
  int bytes = t->f32 ? 4 : 2;
  return lt_aligned(p->a.x, a_step, 2) && lt_aligned(p->b.x, b_step, 2) && p->a.ld % 8 == 0 && p->b.ld % 8 == 0 &&
         lt_aligned(t->to, step, bytes) && lt_aligned(t->addend, 0, bytes);
}

static lt_shape lt_shape_of(const trm__cuda_product *p, const lt_target *t) {
  const trm__cuda_operand *left = t->transposed ? &p->a : &p->b, *right = t->transposed ? &p->b : &p->a;
  lt_shape s = {.rows = t->transposed ? p->m : p->n,
                .cols = t->transposed ? p->n : p->m,
                .k = p->k,
                .batches = p->batches,
                .transposed = {left->layout == TRM__CUDA_INNER, right->layout == TRM__CUDA_OUTER},
                .ld = {left->ld, right->ld, t->ld},
                .f32 = t->f32,
                .accumulate = t->addend != NULL};
  if (p->batches == 1) return s;
  s.step[0] = left->batch;
  s.step[1] = right->batch;
  s.step[2] = t->batch;
  return s;
}

static void lt_note_fault(trm__cuda_queue *q, int status) {
  cudaError_t error = status ? cudaErrorLaunchFailure : cudaSuccess;
  if (!error && q->check) error = cudaStreamSynchronize(q->stream);
  if (!error || q->fault) return;
  q->fault = (int)error;
  q->kernel = "cublasLtMatmul";
  q->launch[0] = q->launch[1] = q->launch[2] = q->launch[3] = 0;
}

/* 0: not one that the library makes; nothing was launched. */
static int lt_product(trm__gpu_lt *lt, trm__cuda_queue *q, const trm__cuda_product *p, const lt_target *t) {
  const float alpha = 1, beta = t->addend ? 1 : 0;
  if (!lt_fits(p, t)) return 0;
  lt_shape s = lt_shape_of(p, t);
  const lt_plan *made = lt_plan_for(lt, &s);
  if (!made || !made->usable) return 0;
  const void *left = t->transposed ? p->a.x : p->b.x, *right = t->transposed ? p->b.x : p->a.x;
  lt_note_fault(q, lt->api.matmul(lt->handle, made->desc, &alpha, left, made->layout[0], right, made->layout[1], &beta,
                                  t->addend ? t->addend : t->to, made->layout[2], t->to, made->layout[2],
                                  &made->algorithm, lt->workspace, WORKSPACE, q->stream));
  lt->taken++;
  return 1;
}

/* -- epilogues ----------------------------------------------------------------------------------------------------- */

static size_t lt_rows(const trm__cuda_product *p) {
  return (size_t)p->batches * (size_t)p->m;
}

/* The product alone, rows of n elements after each other. NULL: no room for it. */
static lt_target lt_dense_target(const trm__cuda_product *p, void *to, int f32, int transposed) {
  int fits_room = lt_rows(p) * (size_t)p->n * (f32 ? 4 : 2) <= p->room_bytes;
  return (lt_target){.to = to          ? to
                           : fits_room ? p->room
                                       : NULL,
                     .ld = transposed ? p->m : p->n,
                     .batch = (ptrdiff_t)p->m * p->n,
                     .f32 = f32,
                     .transposed = transposed};
}

static int lt_gate(trm__gpu_lt *lt, trm__cuda_queue *q, const trm__cuda_product *p) {
  lt_target t = lt_dense_target(p, p->gu, 0, 0);
  if (!t.to || !lt_product(lt, q, p, &t)) return 0;
  trm__cuda_gate(q, p->act, p->squares, t.to, lt_rows(p), p->n / 2);
  return 1;
}

static int lt_gate_backward(trm__gpu_lt *lt, trm__cuda_queue *q, const trm__cuda_product *p) {
  lt_target t = lt_dense_target(p, p->act, 0, 0);
  if (!t.to || !lt_product(lt, q, p, &t)) return 0;
  trm__cuda_gate_backward(q, p->gu, p->act, p->gu_in, t.to, lt_rows(p), p->n);
  return 1;
}

static int lt_residual(trm__gpu_lt *lt, trm__cuda_queue *q, const trm__cuda_product *p, int transposed) {
  if (!p->scale) {
    lt_target t = {p->c, p->residual, p->c_ld, p->c_batch, 0, transposed};
    return lt_product(lt, q, p, &t);
  }
  lt_target t = lt_dense_target(p, NULL, 1, transposed);
  if (!t.to || !lt_product(lt, q, p, &t)) return 0;
  trm__cuda_scaled scaled = {.batches = p->batches,
                             .rows = transposed ? p->n : p->m,
                             .cols = transposed ? p->m : p->n,
                             .by_column = transposed,
                             .x = t.to,
                             .scale = p->scale,
                             .residual = p->residual,
                             .c = p->c,
                             .ld = p->c_ld,
                             .batch = p->batches > 1 ? p->c_batch : 0};
  trm__cuda_add_scaled(q, &scaled);
  return 1;
}

static int lt_residual_norm(trm__gpu_lt *lt, trm__cuda_queue *q, const trm__cuda_product *p) {
  int together = p->c_ld == p->m && (p->batches == 1 || p->c_batch == (ptrdiff_t)p->m * p->n);
  if (!together || !lt_residual(lt, q, p, 1)) return 0;
  trm__cuda_rms_cols(q, p->type, p->c, p->inv, p->c, p->batches, p->n, p->m, p->eps);
  return 1;
}

static int lt_multiply(trm__cuda_provider *provider, trm__cuda_queue *q, const trm__cuda_product *p) {
  trm__gpu_lt *lt = (trm__gpu_lt *)provider;
  if (q->fault) return 1;
  if (p->type != TRM_BFLOAT16 || !(lt->products & 1 << p->epilogue)) return 0;
  lt_target stored = {p->c, NULL, p->c_ld, p->c_batch, 0, 0};
  switch (p->epilogue) {
  case TRM__CUDA_STORE:
    return lt_product(lt, q, p, &stored);
  case TRM__CUDA_GATE:
    return lt_gate(lt, q, p);
  case TRM__CUDA_GATE_BACKWARD:
    return lt_gate_backward(lt, q, p);
  case TRM__CUDA_RESIDUAL:
  case TRM__CUDA_RESIDUAL_T:
    return lt_residual(lt, q, p, p->epilogue == TRM__CUDA_RESIDUAL_T);
  case TRM__CUDA_RESIDUAL_NORM_T:
    return lt_residual_norm(lt, q, p);
  default:
    return 0;
  }
}

/* Sums over batches are nothing that the library has. */
static int lt_weight_gradient(trm__cuda_provider *provider, trm__cuda_queue *q, const trm__cuda_product *p,
                              float *partial, float *to, int interleaved) {
  trm__gpu_lt *lt = (trm__gpu_lt *)provider;
  if (q->fault) return 1;
  if (p->type != TRM_BFLOAT16 || p->batches > 1 || !(lt->products & 1 << TRM__CUDA_PARTIAL)) return 0;
  int direct = !interleaved && lt_aligned(to, 0, 4);
  lt_target t = {.to = direct ? to : partial, .addend = direct ? to : NULL, .ld = p->n, .f32 = 1};
  if (!lt_product(lt, q, p, &t)) return 0;
  if (!direct) trm__cuda_add_partials(q, partial, to, p->m, p->n, 1, interleaved);
  return 1;
}

/* -- opening and closing ------------------------------------------------------------------------------------------- */

static int lt_set_preference(trm__gpu_lt *lt) {
  size_t bytes = WORKSPACE;
  uint32_t reductions = TRM__LT_REDUCTION_COMPUTE_TYPE, alignment = ALIGNMENT;
  int status = lt->api.preference_create(&lt->preference);
  if (!status) status = lt->api.preference_set(lt->preference, TRM__LT_PREFERENCE_WORKSPACE, &bytes, sizeof bytes);
  if (!status)
    status = lt->api.preference_set(lt->preference, TRM__LT_PREFERENCE_REDUCTIONS, &reductions, sizeof reductions);
  for (int i = 0; i < 4 && !status; i++)
    status = lt->api.preference_set(lt->preference, TRM__LT_PREFERENCE_ALIGNMENT_A + i, &alignment, sizeof alignment);
  return status;
}

static trm_status lt_open_library(trm__gpu *gpu, trm__gpu_lt *lt, trm_error *err) {
  char why[256] = "";
  if (lt_stand_in) lt->api = *lt_stand_in;
  else if (!trm__gpu_lt_load(&lt->api, lt_libraries, why))
    return trm__fail(
        err, TRM_E_UNSUPPORTED, gpu->name,
        "the option cublaslt needs NVIDIA's libcublasLt.so.13 or .12 (%s); install cuBLAS of CUDA 13 or 12, "
        "name its folder in LD_LIBRARY_PATH, or leave the option out",
        why);
  int status = lt->api.create(&lt->handle);
  if (!status) status = lt_set_preference(lt);
  if (status)
    return trm__fail(err, TRM_E_UNSUPPORTED, gpu->name,
                     "cuBLASLt cannot be used on %s (cublasStatus_t %d); leave the option cublaslt out", gpu->model,
                     status);
  return TRM_OK;
}

trm_status trm__gpu_lt_open(trm__gpu *gpu, int products, trm_error *err) {
  trm__gpu_lt *lt = gpu->lt = trm__calloc(1, sizeof *lt);
  if (!lt) return trm__fail_memory(err, "cublaslt", sizeof *lt);
  lt->provider = (trm__cuda_provider){lt_multiply, lt_weight_gradient};
  lt->products = products;
  trm_status status = lt_open_library(gpu, lt, err);
  if (status) return status;
  lt->workspace = trm__gpu_alloc(&gpu->backend, WORKSPACE);
  if (!lt->workspace) return trm__gpu_no_memory(&gpu->backend, err, "cuBLASLt's workspace", WORKSPACE);
  gpu->queue.provider = &lt->provider;
  return TRM_OK;
}

void trm__gpu_lt_close(trm__gpu *gpu) {
  trm__gpu_lt *lt = gpu->lt;
  if (!lt) return;
  for (int i = 0; i < LISTS; i++) {
    for (lt_plan *p = lt->lists[i], *next; p; p = next) {
      next = p->next;
      lt_free_plan(lt, p);
    }
  }
  if (lt->preference) (void)lt->api.preference_destroy(lt->preference);
  if (lt->handle) (void)lt->api.destroy(lt->handle);
  trm__gpu_free(&gpu->backend, lt->workspace);
  trm__free(lt);
  gpu->lt = NULL;
  gpu->queue.provider = NULL;
}

long trm__gpu_lt_taken(const trm__gpu *gpu) {
  return gpu->lt ? gpu->lt->taken : 0;
}

void trm__gpu_lt_needs(const trm__weights *w, trm__gpu_needs *needs, int each, int inner, int out, int examples) {
  if (!w->lt) return;
  size_t rows = (size_t)examples * (size_t)each;
  trm__gpu_grow(&needs->room, rows * 2 * (size_t)inner * w->width);
  if (w->dims.activation == TRM_ACT_RMS_GATE) trm__gpu_grow(&needs->room, rows * (size_t)out * sizeof(float));
}
