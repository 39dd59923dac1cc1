/* Faults of the CUDA backend: the first failure stays in the queue, nothing is launched after it, and synchronize
 * reports it each time it is asked. */
#include <stdio.h>

#include "backend/cuda/gpu.h"
#include "base/status.h"

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
static int fault_is_lost(cudaError_t error) {
  return error == cudaErrorDevicesUnavailable || error == cudaErrorECCUncorrectable || error == cudaErrorNoDevice ||
         error == cudaErrorUnknown;
}

static trm_status fault_status(cudaError_t error) {
  if (error == cudaErrorMemoryAllocation) return TRM_E_MEMORY;
  if (error == cudaErrorNoKernelImageForDevice) return TRM_E_UNSUPPORTED;
  return fault_is_lost(error) ? TRM_E_IO : TRM_E_INTERNAL;
}

static const char *fault_advice(const trm__gpu *gpu, cudaError_t error) {
  if (fault_is_lost(error))
    return "the card was lost; saved checkpoints stand: look at it with nvidia-smi, then --resume";
  if (fault_status(error) == TRM_E_UNSUPPORTED)
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
  return trm__fail(err, fault_status(error), gpu->name, "%s%s%s failed on %s: %s (%s); %s",
                   q->launch[3] ? "kernel " : "", q->kernel, launch, gpu->model, cudaGetErrorString(error),
                   cudaGetErrorName(error), fault_advice(gpu, error));
}

trm_status trm__gpu_synchronize(trm__backend *be, trm_error *err) {
  trm__gpu *gpu = trm__gpu_of(be);
  if (!gpu->queue.fault) trm__gpu_did(gpu, cudaStreamSynchronize(gpu->stream), "an operation before this point");
  return trm__gpu_report(gpu, err);
}
