/* The CUDA backend's table, its opening and closing, and its faults: the first failure stays in the queue, nothing is
 * launched after it, and synchronize reports it each time it is asked. */
#include <stdio.h>

#include "backend/cuda/gpu.h"
#include "base/status.h"

/* Numbers of a norm's scratch that opening allocates. */
#define NORM_NUMBERS ((size_t)16 << 20)

/* -- faults -------------------------------------------------------------------------------------------------------- */

int trm__gpu_did(trm__gpu *gpu, cudaError_t error, const char *what) {
  trm__cuda_queue *q = &gpu->queue;
  if (error == cudaSuccess) return !q->fault;
  (void)cudaGetLastError();
  if (q->fault) return 0;
  q->fault = (int)error;
  q->kernel = what;
  q->launch[0] = q->launch[1] = q->launch[2] = q->launch[3] = 0;
  return 0;
}

/* The card itself is gone or broken, rather than a kernel wrong. */
static int is_lost(cudaError_t error) {
  return error == cudaErrorDevicesUnavailable || error == cudaErrorECCUncorrectable || error == cudaErrorNoDevice ||
         error == cudaErrorUnknown;
}

static trm_status status_of(cudaError_t error) {
  if (error == cudaErrorMemoryAllocation) return TRM_E_MEMORY;
  if (error == cudaErrorNoKernelImageForDevice) return TRM_E_UNSUPPORTED;
  return is_lost(error) ? TRM_E_IO : TRM_E_INTERNAL;
}

static const char *advice(const trm__gpu *gpu, cudaError_t error) {
  if (is_lost(error)) return "the card was lost; saved checkpoints stand: look at it with nvidia-smi, then --resume";
  if (status_of(error) == TRM_E_UNSUPPORTED)
    return "this build has no code for the card: build with its architecture in TRM_CUDA_ARCHS";
  if (gpu->queue.launch[3]) return "saved checkpoints stand";
  return "saved checkpoints stand; with the device option ',check' (as in --device cuda:0,check) the message names the "
         "kernel that fails";
}

trm_status trm__gpu_report(const trm__gpu *gpu, trm_error *err) {
  const trm__cuda_queue *q = &gpu->queue;
  cudaError_t error = (cudaError_t)q->fault;
  char launch[80] = "";
  if (!q->fault) return TRM_OK;
  if (q->launch[3])
    (void)snprintf(launch, sizeof launch, " (%d x %d x %d blocks of %d threads)", q->launch[0], q->launch[1],
                   q->launch[2], q->launch[3]);
  return trm__fail(err, status_of(error), gpu->name, "%s%s%s failed on %s: %s (%s); %s", q->launch[3] ? "kernel " : "",
                   q->kernel, launch, gpu->model, cudaGetErrorString(error), cudaGetErrorName(error),
                   advice(gpu, error));
}

static trm_status synchronize(trm__backend *be, trm_error *err) {
  trm__gpu *gpu = trm__gpu_of(be);
  if (!gpu->queue.fault) trm__gpu_did(gpu, cudaStreamSynchronize(gpu->stream), "an operation before this point");
  return trm__gpu_report(gpu, err);
}

/* -- blocks -------------------------------------------------------------------------------------------------------- */

static size_t mix_saved(trm__backend *be, const trm__dims *dims, int b, int recompute) {
  (void)be;
  return dims->mixer ? trm__gpu_mixer_saved(dims, b, recompute) : trm__gpu_attention_saved(dims, b, recompute);
}

static void mix_forward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                        void *saved, int recompute) {
  if (w->dims.mixer) trm__gpu_mixer_forward(trm__gpu_of(be), w, layer, b, in, out, saved, recompute);
  else trm__gpu_attention_forward(trm__gpu_of(be), w, layer, b, in, out, saved, recompute);
}

static void mix_backward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, const trm__act *out,
                         void *saved, int recompute, trm__act *d, const trm__weights_view *grads) {
  if (w->dims.mixer) trm__gpu_mixer_backward(trm__gpu_of(be), w, layer, b, in, out, saved, recompute, d, grads);
  else trm__gpu_attention_backward(trm__gpu_of(be), w, layer, b, in, out, saved, recompute, d, grads);
}

/* -- opening and closing ------------------------------------------------------------------------------------------- */

static void close_backend(trm__backend *be) {
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

static void fill_table(trm__gpu *gpu) {
  trm__backend *be = &gpu->backend;
  *be = (trm__backend){.name = gpu->name,
                       .close = close_backend,
                       .alloc = trm__gpu_alloc,
                       .free = trm__gpu_free,
                       .memory_available = trm__gpu_memory_available,
                       .memory_used = trm__gpu_memory_used,
                       .no_memory = trm__gpu_no_memory,
                       .copy = trm__gpu_copy,
                       .zero = trm__gpu_zero,
                       .synchronize = synchronize,
                       .act_bytes = trm__gpu_act_bytes,
                       .act_read = trm__gpu_act_read,
                       .act_write = trm__gpu_act_write,
                       .weights_open = trm__gpu_weights_open,
                       .weights_close = trm__gpu_weights_close,
                       .weights_bytes = trm__gpu_weights_bytes,
                       .weights_prepare = trm__gpu_weights_prepare,
                       .embed_forward = trm__gpu_embed_forward,
                       .embed_backward = trm__gpu_embed_backward,
                       .mix_saved_bytes = mix_saved,
                       .mix_forward = mix_forward,
                       .mix_backward = mix_backward,
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

static trm_status open_buffers(trm__gpu *gpu, trm_error *err) {
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
  fill_table(gpu);
  status = open_buffers(gpu, err);
  if (!status && choice.lt) status = trm__gpu_lt_open(gpu, choice.lt, err);
  if (!status) *out = &gpu->backend;
  else close_backend(&gpu->backend);
  return status;
}
