/* Recording: what is launched between begin and end is captured from the stream as a graph, which replay then launches
 * as a whole. */
#include "backend/cuda/gpu.h"
#include "base/status.h"

struct trm__recording {
  cudaGraphExec_t exec;
};

trm_status trm__gpu_record_begin(trm__backend *be, trm_error *err) {
  trm__gpu *gpu = trm__gpu_of(be);
  if (gpu->queue.fault) return trm__gpu_report(gpu, err);
  if (gpu->recording) return trm__fail(err, TRM_E_INTERNAL, gpu->name, "a recording is begun inside another");
  if (!trm__gpu_did(gpu, cudaStreamBeginCapture(gpu->stream, cudaStreamCaptureModeRelaxed), "beginning to record"))
    return trm__gpu_report(gpu, err);
  gpu->recording = 1;
  return TRM_OK;
}

trm_status trm__gpu_record_end(trm__backend *be, trm__recording **out, trm_error *err) {
  trm__gpu *gpu = trm__gpu_of(be);
  if (!gpu->recording) return trm__fail(err, TRM_E_INTERNAL, gpu->name, "a recording is ended that was not begun");
  gpu->recording = 0;
  cudaGraph_t graph = NULL;
  trm__recording *recording = trm__calloc(1, sizeof *recording);
  cudaError_t error = cudaStreamEndCapture(gpu->stream, &graph);
  trm__gpu_did(gpu, error, "recording");
  if (recording && !gpu->queue.fault)
    trm__gpu_did(gpu, cudaGraphInstantiate(&recording->exec, graph, 0), "making a recording ready");
  if (graph) (void)cudaGraphDestroy(graph);
  if (recording && !gpu->queue.fault) {
    *out = recording;
    return TRM_OK;
  }
  int no_memory = !recording;
  trm__free(recording);
  return no_memory ? trm__fail_memory(err, "recording", sizeof *recording) : trm__gpu_report(gpu, err);
}

void trm__gpu_replay(trm__backend *be, trm__recording *recording) {
  trm__gpu *gpu = trm__gpu_of(be);
  if (gpu->queue.fault) return;
  trm__gpu_did(gpu, cudaGraphLaunch(recording->exec, gpu->stream), "replaying a recording");
}

void trm__gpu_recording_close(trm__backend *be, trm__recording **recording) {
  trm__gpu *gpu = trm__gpu_of(be);
  if (!recording || !*recording) return;
  (void)cudaStreamSynchronize(gpu->stream);
  (void)cudaGraphExecDestroy((*recording)->exec);
  trm__free(*recording);
  *recording = NULL;
}
