/* The CPU backend's table: memory, conversion, the element-wise operations of the recursion, and how work is cut into
 * tasks. Activations are trm__real numbers; under dims.bf16 every stored one is representable in bf16. */
#include "backend/cpu/cpu.h"
#include "base/status.h"

/* -- cutting work ----------------------------------------------------------------------------------------------- */

static int panel_tiles(const trm__backend *be) {
  return trm__max_int(1, TRM__PANEL_ROWS / be->kernels->mr);
}

int trm__cpu_panel_rows(const trm__backend *be) {
  return panel_tiles(be) * be->kernels->mr;
}

int trm__cpu_row_tasks(const trm__backend *be, int rows) {
  int tiles = trm__ceil_div(rows, be->kernels->mr), threads = trm__pool_threads(be->pool);
  int tasks = trm__ceil_div(tiles, panel_tiles(be));
  return trm__min_int(tiles, trm__ceil_div(tasks, threads) * threads);
}

trm__range trm__cpu_row_range(const trm__backend *be, int rows, int tasks, int task) {
  int mr = be->kernels->mr, tiles = trm__ceil_div(rows, mr);
  int begin = (int)((int64_t)tiles * task / tasks) * mr;
  int end = trm__min_int(rows, (int)((int64_t)tiles * (task + 1) / tasks) * mr);
  return (trm__range){begin, end - begin};
}

typedef struct spans_job {
  size_t n;
  trm__span_fn fn;
  void *context;
} spans_job;

static void spans_task(void *context, int task, int worker) {
  (void)worker;
  const spans_job *job = context;
  size_t begin = (size_t)task * TRM__GRAIN, left = job->n - begin;
  job->fn(job->context, begin, left < TRM__GRAIN ? left : TRM__GRAIN);
}

void trm__cpu_spans(trm__backend *be, size_t n, trm__span_fn fn, void *context) {
  spans_job job = {n, fn, context};
  trm__pool_run(be->pool, (int)((n + TRM__GRAIN - 1) / TRM__GRAIN), spans_task, &job);
}

/* -- products ---------------------------------------------------------------------------------------------------- */

const trm__product *trm__cpu_layer_product(const trm__backend *be, const trm__dims *dims, int training) {
  const trm__product *const *product = be->kernels->product;
  if (dims->int8) return training ? NULL : product[TRM__INT8];
  return dims->bf16 && product[TRM__BF16] ? product[TRM__BF16] : product[TRM__F32];
}

int trm__cpu_panels(const trm__backend *be, int n, int gate) {
  int nr = be->kernels->nr;
  return gate ? trm__ceil_div(n / 2, nr / 2) : trm__ceil_div(n, nr);
}

size_t trm__cpu_left_size(const trm__product *product, int rows, int k) {
  if (product->type == TRM__F32) return 0;
  return (size_t)rows * ((size_t)trm__words(product, k) + (product->type == TRM__INT8));
}

trm__left trm__cpu_left(const trm__product *product, trm__real *to, const trm__real *a, ptrdiff_t ld, int rows, int k) {
  if (product->type == TRM__F32) return (trm__left){a, ld, 1, NULL};
  ptrdiff_t words = trm__words(product, k);
  trm__real *scale = to + rows * words;
  product->pack_a(to, words, scale, a, ld, rows, k);
  return (trm__left){to, words, 1, scale};
}

trm__gemm trm__cpu_product_f32(const trm__backend *be, int m, int n, int k, const trm__real *a, ptrdiff_t a_rs,
                               const trm__real *b, trm__real *c, ptrdiff_t c_rs) {
  return trm__cpu_product(be->kernels->product[TRM__F32], m, n, k, (trm__left){a, a_rs, 1, NULL}, b, c, c_rs);
}

trm__gemm trm__cpu_product(const trm__product *product, int m, int n, int k, trm__left a, const trm__real *b,
                           trm__real *c, ptrdiff_t c_rs) {
  return (trm__gemm){.m = m,
                     .n = n,
                     .k = trm__words(product, k),
                     .a = a.words,
                     .a_rs = a.rs,
                     .a_cs = a.cs,
                     .a_scale = a.scale,
                     .b = b,
                     .c = c,
                     .c_rs = c_rs,
                     .epilogue = TRM__EPI_STORE,
                     .m1 = m,
                     .n1 = n};
}

/* -- memory ----------------------------------------------------------------------------------------------------- */

static void cpu_close(trm__backend *be) {
  trm__free(be);
}

static void *cpu_alloc(trm__backend *be, size_t bytes) {
  (void)be;
  return trm__calloc(bytes, 1);
}

static void cpu_free(trm__backend *be, void *p) {
  (void)be;
  trm__free(p);
}

static void cpu_copy(trm__backend *be, void *to, const void *from, size_t bytes, trm__copy_kind kind) {
  (void)be, (void)kind;
  if (bytes) memcpy(to, from, bytes);
}

static void cpu_zero(trm__backend *be, void *p, size_t bytes) {
  (void)be;
  if (bytes) memset(p, 0, bytes);
}

static trm_status cpu_synchronize(trm__backend *be, trm_error *err) {
  (void)be, (void)err;
  return TRM_OK;
}

static size_t cpu_act_bytes(const trm__backend *be, const trm__dims *dims) {
  (void)be, (void)dims;
  return sizeof(trm__real);
}

static void cpu_act_read(trm__backend *be, const trm__dims *dims, trm__real *to, const trm__act *from, size_t n) {
  (void)be, (void)dims;
  if (n) memcpy(to, from, n * sizeof(trm__real));
}

static void cpu_act_write(trm__backend *be, const trm__dims *dims, trm__act *to, const trm__real *from, size_t n) {
  (void)be, (void)dims;
  if (n) memcpy(to, from, n * sizeof(trm__real));
}

/* -- element-wise ----------------------------------------------------------------------------------------------- */

typedef struct inject_job {
  const trm__kernels *kernels;
  trm__real *h;
  const trm__real *in, *p, *q;
  int round;
} inject_job;

static void inject_span(void *context, size_t begin, size_t count) {
  const inject_job *job = context;
  trm__real *h = job->h + begin;
  if (job->h != job->in) memcpy(h, job->in + begin, count * sizeof *h);
  job->kernels->inject(h, job->p + begin, job->q ? job->q + begin : NULL, count, job->round);
}

static void cpu_inject(trm__backend *be, int b, const trm__weights *w, trm__act *h, const trm__act *in,
                       const trm__act *p, const trm__act *q) {
  inject_job job = {be->kernels,          (trm__real *)h,       (const trm__real *)in,
                    (const trm__real *)p, (const trm__real *)q, w->dims.bf16};
  trm__cpu_spans(be, (size_t)b * (size_t)w->dims.L * (size_t)w->dims.D, inject_span, &job);
}

static void accumulate_span(void *context, size_t begin, size_t count) {
  const inject_job *job = context;
  job->kernels->add(job->h + begin, job->in + begin, count);
}

static void cpu_accumulate(trm__backend *be, int b, const trm__weights *w, trm__act *to, const trm__act *from) {
  inject_job job = {.kernels = be->kernels, .h = (trm__real *)to, .in = (const trm__real *)from};
  trm__cpu_spans(be, (size_t)b * (size_t)w->dims.L * (size_t)w->dims.D, accumulate_span, &job);
}

/* -- mixer or attention ----------------------------------------------------------------------------------------- */

static size_t cpu_mix_saved(trm__backend *be, const trm__dims *dims, int b, int recompute) {
  (void)be;
  return dims->mixer ? trm__cpu_mixer_saved(dims, b, recompute) : trm__cpu_attention_saved(dims, b, recompute);
}

static void cpu_mix_forward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                            void *saved, int recompute) {
  if (w->dims.mixer) trm__cpu_mixer_forward(be, w, layer, b, in, out, saved, recompute);
  else trm__cpu_attention_forward(be, w, layer, b, in, out, saved, recompute);
}

static void cpu_mix_backward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in,
                             const trm__act *out, void *saved, int recompute, trm__act *d,
                             const trm__weights_view *grads) {
  if (w->dims.mixer) trm__cpu_mixer_backward(be, w, layer, b, in, out, saved, recompute, d, grads);
  else trm__cpu_attention_backward(be, w, layer, b, in, out, saved, recompute, d, grads);
}

trm_status trm__backend_cpu(trm__backend **out, const trm__kernels *kernels, trm__pool *pool, trm_error *err) {
  trm__cpu *cpu = trm__calloc(1, sizeof *cpu);
  if (!cpu) return trm__fail_memory(err, "backend cpu", sizeof *cpu);
  cpu->backend = (trm__backend){.name = "cpu",
                                .kernels = kernels,
                                .pool = pool,
                                .on_host = 1,
                                .close = cpu_close,
                                .alloc = cpu_alloc,
                                .free = cpu_free,
                                .copy = cpu_copy,
                                .zero = cpu_zero,
                                .synchronize = cpu_synchronize,
                                .act_bytes = cpu_act_bytes,
                                .act_read = cpu_act_read,
                                .act_write = cpu_act_write,
                                .weights_open = trm__cpu_weights_open,
                                .weights_close = trm__cpu_weights_close,
                                .weights_bytes = trm__cpu_weights_bytes,
                                .weights_prepare = trm__cpu_weights_prepare,
                                .embed_forward = trm__cpu_embed_forward,
                                .embed_backward = trm__cpu_embed_backward,
                                .inject = cpu_inject,
                                .accumulate = cpu_accumulate,
                                .mix_saved_bytes = cpu_mix_saved,
                                .mix_forward = cpu_mix_forward,
                                .mix_backward = cpu_mix_backward,
                                .mlp_saved_bytes = trm__cpu_mlp_saved,
                                .mlp_forward = trm__cpu_mlp_forward,
                                .mlp_backward = trm__cpu_mlp_backward,
                                .heads = trm__cpu_heads,
                                .refill = trm__cpu_refill,
                                .noise = trm__cpu_noise,
                                .blend = trm__cpu_blend,
                                .merge = trm__cpu_merge,
                                .winners = trm__cpu_winners,
                                .pick = trm__cpu_pick,
                                .admit = trm__cpu_admit,
                                .gather_rows = trm__cpu_gather_rows,
                                .update_begin = trm__cpu_update_begin,
                                .update_judge = trm__cpu_update_judge,
                                .update_end = trm__cpu_update_end,
                                .sum_squares = trm__cpu_sum_squares,
                                .dense = trm__cpu_dense,
                                .muon_scratch = trm__cpu_muon_scratch,
                                .muon = trm__cpu_muon,
                                .sign_sgd_rows = trm__cpu_sign_sgd_rows};
  *out = &cpu->backend;
  return TRM_OK;
}
