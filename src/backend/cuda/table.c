/* The CUDA backend's table, and its opening and closing. */
#include "backend/cuda/gpu.h"
#include "base/status.h"

/* Length of the arrays whose norm takes the scratch that opening allocates. */
#define NORM_NUMBERS ((size_t)16 << 20)

/* -- blocks -------------------------------------------------------------------------------------------------------- */

static size_t gpu_mix_saved(trm__backend *be, const trm__dims *dims, int b, int recompute) {
  (void)be;
  return dims->mixer ? trm__gpu_mixer_saved(dims, b, recompute) : trm__gpu_attention_saved(dims, b, recompute);
}

static void gpu_mix_forward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                            void *saved, int recompute) {
  if (w->dims.mixer) trm__gpu_mixer_forward(trm__gpu_of(be), w, layer, b, in, out, saved, recompute);
  else trm__gpu_attention_forward(trm__gpu_of(be), w, layer, b, in, out, saved, recompute);
}

static void gpu_mix_backward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in,
                             const trm__act *out, void *saved, int recompute, trm__act *d,
                             const trm__weights_view *grads) {
  if (w->dims.mixer) trm__gpu_mixer_backward(trm__gpu_of(be), w, layer, b, in, out, saved, recompute, d, grads);
  else trm__gpu_attention_backward(trm__gpu_of(be), w, layer, b, in, out, saved, recompute, d, grads);
}

/* -- opening and closing ------------------------------------------------------------------------------------------- */

static void gpu_close(trm__backend *be) {
  trm__gpu *gpu = trm__gpu_of(be);
  if (gpu->stream) (void)cudaStreamSynchronize(gpu->stream);
  trm__gpu_lt_close(gpu);
  trm__gpu_free(be, gpu->partial);
  trm__gpu_free(be, gpu->sum);
  trm__gpu_ring_close(gpu);
  if (gpu->stream) (void)cudaStreamDestroy(gpu->stream);
  trm__free(gpu->blocks);
  trm__free(gpu);
}

static void gpu_fill_table(trm__gpu *gpu) {
  trm__backend *be = &gpu->backend;
  *be = (trm__backend){.name = gpu->name,
                       .close = gpu_close,
                       .alloc = trm__gpu_alloc,
                       .free = trm__gpu_free,
                       .memory_available = trm__gpu_memory_available,
                       .memory_used = trm__gpu_memory_used,
                       .no_memory = trm__gpu_no_memory,
                       .copy = trm__gpu_copy,
                       .zero = trm__gpu_zero,
                       .synchronize = trm__gpu_synchronize,
                       .act_bytes = trm__gpu_act_bytes,
                       .act_read = trm__gpu_act_read,
                       .act_write = trm__gpu_act_write,
                       .weights_open = trm__gpu_weights_open,
                       .weights_close = trm__gpu_weights_close,
                       .weights_bytes = trm__gpu_weights_bytes,
                       .weights_prepare = trm__gpu_weights_prepare,
                       .embed_forward = trm__gpu_embed_forward,
                       .embed_backward = trm__gpu_embed_backward,
                       .mix_saved_bytes = gpu_mix_saved,
                       .mix_forward = gpu_mix_forward,
                       .mix_backward = gpu_mix_backward,
                       .mlp_saved_bytes = trm__gpu_mlp_saved,
                       .mlp_forward = trm__gpu_mlp_forward,
                       .mlp_backward = trm__gpu_mlp_backward,
                       .cycles = trm__gpu_cycles,
                       .heads = trm__gpu_heads};
  trm__gpu_carry_table(be);
  trm__gpu_update_table(be);
  if (gpu->queue.check) return; /* waiting after a launch and recording it exclude each other */
  be->record_begin = trm__gpu_record_begin;
  be->record_end = trm__gpu_record_end;
  be->replay = trm__gpu_replay;
  be->recording_close = trm__gpu_recording_close;
}

static trm_status gpu_open_buffers(trm__gpu *gpu, trm_error *err) {
  cudaError_t error = cudaStreamCreateWithFlags(&gpu->stream, cudaStreamNonBlocking);
  if (error != cudaSuccess) {
    (void)cudaGetLastError();
    return trm__fail(err, TRM_E_UNSUPPORTED, gpu->name, "%s cannot be used: %s (%s); does another program hold it?",
                     gpu->model, cudaGetErrorString(error), cudaGetErrorName(error));
  }
  gpu->queue.stream = gpu->stream;
  trm_status status = trm__gpu_ring_open(gpu, err);
  if (status) return status;
  gpu->partial_count = trm__cuda_norm_scratch(NORM_NUMBERS);
  gpu->partial = trm__gpu_alloc(&gpu->backend, gpu->partial_count * sizeof *gpu->partial);
  gpu->sum = gpu->partial ? trm__gpu_alloc(&gpu->backend, sizeof *gpu->sum) : NULL;
  if (!gpu->sum) return trm__gpu_no_memory(&gpu->backend, err, "buffers", gpu->partial_count * sizeof *gpu->partial);
  return TRM_OK;
}

trm_status trm__backend_cuda(trm__backend **out, const char *name, trm_error *err) {
  trm__gpu_choice choice;
  trm_status status = trm__gpu_parse(&choice, name, err);
  if (status) return status;
  trm__gpu *gpu = trm__calloc(1, sizeof *gpu);
  if (!gpu) return trm__fail_memory(err, "backend cuda", sizeof *gpu);
  status = trm__gpu_choose(gpu, &choice, err);
  if (status) {
    trm__free(gpu);
    return status;
  }
  gpu_fill_table(gpu);
  status = gpu_open_buffers(gpu, err);
  if (!status && choice.lt) status = trm__gpu_lt_open(gpu, choice.lt, err);
  if (!status) *out = &gpu->backend;
  else gpu_close(&gpu->backend);
  return status;
}
