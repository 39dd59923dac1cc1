/* The CPU backend's table and its trivial operations: memory and conversion, which are the host's own. Activations are
 * trm__real numbers; under dims.bf16 every stored one is representable in bf16. */
#include "backend/cpu/cpu.h"
#include "base/status.h"

/* -- memory ----------------------------------------------------------------------------------------------------- */

static void cpu_close(trm__backend *be) {
  trm__free(((trm__cpu *)be)->products);
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

#define PAGE 4096

/* Whole pages a worker, which then lie on its memory node. */
static trm_status cpu_open_products(trm__cpu *cpu, int threads, trm_error *err) {
  size_t page = PAGE / sizeof(trm__real);
  cpu->product_size = (trm__isa_scratch(&cpu->choice) + page - 1) / page * page;
  cpu->products = trm__calloc((size_t)threads * cpu->product_size, sizeof *cpu->products);
  if (cpu->products) return TRM_OK;
  return trm__fail_memory(err, "backend cpu", (size_t)threads * cpu->product_size * sizeof *cpu->products);
}

trm_status trm__backend_cpu(trm__backend **out, const trm__isa_choice *choice, trm__pool *pool, trm_error *err) {
  trm__cpu *cpu = trm__calloc(1, sizeof *cpu);
  if (!cpu) return trm__fail_memory(err, "backend cpu", sizeof *cpu);
  cpu->choice = *choice;
  trm__isa_kernels(&cpu->kernels, choice, TRM__ISA_TYPE(TRM_FLOAT32));
  trm_status status = cpu_open_products(cpu, trm__pool_threads(pool), err);
  if (status) {
    trm__free(cpu);
    return status;
  }
  cpu->backend = (trm__backend){.name = "cpu",
                                .kernels = &cpu->kernels,
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
                                .inject = trm__cpu_inject,
                                .accumulate = trm__cpu_accumulate,
                                .mix_saved_bytes = cpu_mix_saved,
                                .mix_forward = cpu_mix_forward,
                                .mix_backward = cpu_mix_backward,
                                .mlp_saved_bytes = trm__cpu_mlp_saved,
                                .mlp_forward = trm__cpu_mlp_forward,
                                .mlp_backward = trm__cpu_mlp_backward,
                                .heads = trm__cpu_heads,
                                .lattice = &trm__cpu_lattice,
                                .refill = trm__cpu_refill,
                                .noise = trm__cpu_noise,
                                .distance = trm__cpu_distance,
                                .blend = trm__cpu_blend,
                                .merge = trm__cpu_merge,
                                .winners = trm__cpu_winners,
                                .pick = trm__cpu_pick,
                                .admit = trm__cpu_admit,
                                .gather_rows = trm__cpu_gather_rows,
                                .update_begin = trm__cpu_update_begin,
                                .update_judge = trm__cpu_update_judge,
                                .update_end = trm__cpu_update_end,
                                .add = trm__cpu_add,
                                .sum_squares = trm__cpu_sum_squares,
                                .dense = trm__cpu_dense,
                                .muon_scratch = trm__cpu_muon_scratch,
                                .muon = trm__cpu_muon,
                                .sign_sgd_rows = trm__cpu_sign_sgd_rows};
  *out = &cpu->backend;
  return TRM_OK;
}
