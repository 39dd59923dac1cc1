/* The emulated device behind cuda_runtime_api.h: memory with guards, streams whose work is late, events, graphs. A
 * stream is a queue of closures; what waits for it runs them, after what they wait for in other streams. Any other call
 * runs a few at random. One lock is held in all calls, and kernels run under it. */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>

namespace trm {

device_state device;
thread_local cudaError_t last_error;

/* -- entering and leaving a call ----------------------------------------------------------------------------------- */

call::call(bool alive) : lock(device.mutex), error(cudaSuccess) {
  device.calls++;
  protect_as_environment_says();
  if (device.lose_at && device.calls >= device.lose_at) device.sticky = device.lose_error;
  if (alive && !device.sticky) {
    if (device.driver < CUDART_VERSION) error = cudaErrorInsufficientDriver;
    else if (device.count == 0) error = cudaErrorNoDevice;
  }
  if (!error) error = device.sticky;
  if (!error && random_number() % 16 == 0) progress();
}

cudaError_t call::end(cudaError_t result) {
  if (!result) result = error;
  if (!result) result = device.sticky;
  if (result) last_error = result;
  return result;
}

/* Some work of some stream. */
void progress() {
  if (device.streams.empty()) return;
  size_t chosen = random_number() % device.streams.size(), n = 0;
  for (auto &s : device.streams)
    if (n++ == chosen) {
      auto keep = s;
      size_t steps = random_number() % 4;
      while (steps-- && !keep->queue.empty()) advance(*keep, keep->done + 1);
      return;
    }
}

/* -- streams ------------------------------------------------------------------------------------------------------- */

void advance(stream_state &s, uint64_t ticket) {
  if (s.done >= ticket || s.queue.empty()) return;
  touching t;
  while (s.done < ticket && !s.queue.empty()) {
    work w = std::move(s.queue.front());
    s.queue.pop_front();
    if (!device.sticky) w();
    s.done++;
  }
}

void drain_all(bool blocking_only) {
  auto all = device.streams;
  for (auto &s : all)
    if (!blocking_only || !s->nonblocking) advance(*s, s->issued);
}

stream_state *find_stream(cudaStream_t stream) {
  if (!stream) return nullptr;
  for (auto &s : device.streams)
    if ((cudaStream_t)s.get() == stream) return s.get();
  return nullptr;
}

cudaError_t push(cudaStream_t stream, work w) {
  if (!stream) { /* the default stream */
    if (device.captures) return cudaErrorStreamCaptureImplicit;
    drain_all(true);
    touching t;
    if (!device.sticky) w();
    return device.sticky;
  }
  stream_state *s = find_stream(stream);
  if (!s) return cudaErrorInvalidResourceHandle;
  if (s->capture) {
    graph &g = *s->capture->made;
    g.nodes.push_back({std::move(w), s->tail});
    s->tail.assign(1, g.nodes.size() - 1);
    s->joined = false;
    return cudaSuccess;
  }
  s->queue.push_back(std::move(w));
  s->issued++;
  if (device.eager || s->queue.size() > 2048) advance(*s, s->issued);
  return device.sticky;
}

/* What must not be called while anything is captured: spoils the capture, as on a card. */
cudaError_t unsafe() {
  if (!device.captures) return cudaSuccess;
  bool spoiled = false;
  for (auto &s : device.streams)
    if (s->capture && s->capture->mode != cudaStreamCaptureModeRelaxed) spoiled = s->capture->invalid = true;
  return spoiled ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

/* -- launches ------------------------------------------------------------------------------------------------------ */

namespace {

/* Blocks that a multiprocessor holds at once; registers are not looked at. */
size_t resident(int threads, size_t shared) {
  size_t by_shared = device.shared_per_block / (shared ? shared : 1), by_threads = 2048u / (unsigned)threads;
  size_t most = by_shared < by_threads ? by_shared : by_threads;
  return most < (size_t)device.resident ? most : (size_t)device.resident;
}

cudaError_t check_launch(dim3 grid, int threads, size_t shared, bool cooperative) {
  if (threads < 1 || threads > 1024 || grid.x < 1 || grid.y < 1 || grid.z < 1 || grid.x > 0x7fffffffu ||
      grid.y > 65535 || grid.z > 65535)
    return cudaErrorInvalidConfiguration;
  if (shared > device.shared_per_block) return cudaErrorInvalidValue;
  if (cooperative && (size_t)grid.x * grid.y * grid.z > resident(threads, shared) * (size_t)device.multiprocessors)
    return cudaErrorCooperativeLaunchTooLarge;
  return cudaSuccess;
}

bool strikes(planned &p, const char *name) {
  return p.nth && strstr(name, p.text) && --p.nth == 0;
}

} /* namespace */

cudaError_t launch(void *stream, const char *name, dim3 grid, int threads, size_t shared, bool cooperative,
                   std::function<void()> body) {
  call c;
  if (c.error) return c.end();
  cudaError_t error = check_launch(grid, threads, shared, cooperative);
  if (!error && strikes(device.refuse, name)) error = device.refuse.error;
  if (error) return c.end(error);
  return c.end(push((cudaStream_t)stream, [=]() mutable {
    device.launches++;
    if (device.watch) {
      const emulate_launch seen = {name, {grid.x, grid.y, grid.z}, threads, shared};
      device.watch(device.watch_context, &seen);
    }
    if (strikes(device.fault, name)) {
      device.sticky = device.fault.error;
      return;
    }
    if (device.dry) return;
    run_grid(name, grid, threads, shared, cooperative, body);
    check_all_guards("after a launch");
  }));
}

} /* namespace trm */

using namespace trm;

/* -- errors and devices -------------------------------------------------------------------------------------------- */

#define ERRORS(X)                                                                                                      \
  X(cudaSuccess, "no error")                                                                                           \
  X(cudaErrorInvalidValue, "invalid argument")                                                                         \
  X(cudaErrorMemoryAllocation, "out of memory")                                                                        \
  X(cudaErrorInitializationError, "initialization error")                                                              \
  X(cudaErrorInvalidConfiguration, "invalid configuration argument")                                                   \
  X(cudaErrorInvalidMemcpyDirection, "invalid copy direction for memcpy")                                              \
  X(cudaErrorInsufficientDriver, "CUDA driver version is insufficient for CUDA runtime version")                       \
  X(cudaErrorDevicesUnavailable, "CUDA-capable device(s) is/are busy or unavailable")                                  \
  X(cudaErrorInvalidDeviceFunction, "invalid device function")                                                         \
  X(cudaErrorNoDevice, "no CUDA-capable device is detected")                                                           \
  X(cudaErrorInvalidDevice, "invalid device ordinal")                                                                  \
  X(cudaErrorNoKernelImageForDevice, "no kernel image is available for execution on the device")                       \
  X(cudaErrorECCUncorrectable, "uncorrectable ECC error encountered")                                                  \
  X(cudaErrorInvalidResourceHandle, "invalid resource handle")                                                         \
  X(cudaErrorIllegalState, "the operation cannot be performed in the present state")                                   \
  X(cudaErrorNotReady, "device not ready")                                                                             \
  X(cudaErrorIllegalAddress, "an illegal memory access was encountered")                                               \
  X(cudaErrorLaunchOutOfResources, "too many resources requested for launch")                                          \
  X(cudaErrorLaunchTimeout, "the launch timed out and was terminated")                                                 \
  X(cudaErrorLaunchFailure, "unspecified launch failure")                                                              \
  X(cudaErrorCooperativeLaunchTooLarge, "too many blocks in cooperative launch")                                       \
  X(cudaErrorNotSupported, "operation not supported")                                                                  \
  X(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing")                             \
  X(cudaErrorStreamCaptureInvalidated, "operation failed due to a previous error during capture")                      \
  X(cudaErrorStreamCaptureMerge, "operation would result in a merge of separate capture sequences")                    \
  X(cudaErrorStreamCaptureUnmatched, "capture was not ended in the same stream as it began")                           \
  X(cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work")                                              \
  X(cudaErrorStreamCaptureIsolation, "dependency created on uncaptured work in another stream")                        \
  X(cudaErrorStreamCaptureImplicit, "operation would make the legacy stream depend on a capturing blocking stream")    \
  X(cudaErrorCapturedEvent, "operation not permitted on an event last recorded in a capturing stream")                 \
  X(cudaErrorStreamCaptureWrongThread, "attempt to terminate a thread-local capture sequence from another thread")     \
  X(cudaErrorUnknown, "unknown error")

const char *cudaGetErrorName(cudaError_t error) {
  switch (error) {
#define CASE(name, text)                                                                                               \
  case name:                                                                                                           \
    return #name;
    ERRORS(CASE)
#undef CASE
  }
  return "unrecognized error code";
}

const char *cudaGetErrorString(cudaError_t error) {
  switch (error) {
#define CASE(name, text)                                                                                               \
  case name:                                                                                                           \
    return text;
    ERRORS(CASE)
#undef CASE
  }
  return "unrecognized error code";
}

cudaError_t cudaGetLastError(void) {
  std::lock_guard<std::recursive_mutex> lock(device.mutex);
  cudaError_t error = last_error;
  last_error = device.sticky;
  return error;
}

cudaError_t cudaRuntimeGetVersion(int *version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) {
  *version = device.driver;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *count) {
  call c;
  *count = c.error ? 0 : device.count;
  return c.end();
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *prop, int number) {
  call c;
  if (c.error) return c.end();
  if (number < 0 || number >= device.count) return c.end(cudaErrorInvalidDevice);
  cudaDeviceProp p = {};
  snprintf(p.name, sizeof p.name, "Emulated device");
  p.totalGlobalMem = device.total;
  p.sharedMemPerBlock = 48 * 1024;
  p.sharedMemPerBlockOptin = device.shared_per_block;
  p.sharedMemPerMultiprocessor = device.shared_per_block + 1024;
  p.reservedSharedMemPerBlock = 1024;
  p.regsPerBlock = p.regsPerMultiprocessor = 65536;
  p.warpSize = 32;
  p.maxThreadsPerBlock = 1024;
  p.maxThreadsPerMultiProcessor = 2048;
  p.maxBlocksPerMultiProcessor = 32;
  p.maxThreadsDim[0] = p.maxThreadsDim[1] = 1024;
  p.maxThreadsDim[2] = 64;
  p.maxGridSize[0] = 0x7fffffff;
  p.maxGridSize[1] = p.maxGridSize[2] = 65535;
  p.major = device.major;
  p.minor = device.minor;
  p.multiProcessorCount = device.multiprocessors;
  p.concurrentKernels = p.unifiedAddressing = p.cooperativeLaunch = 1;
  p.asyncEngineCount = 3;
  p.l2CacheSize = 50 << 20;
  *prop = p;
  return c.end();
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int number) {
  cudaDeviceProp p;
  cudaError_t error = cudaGetDeviceProperties(&p, number);
  if (error) return error;
  switch (attribute) {
  case cudaDevAttrMaxThreadsPerBlock:
    *value = p.maxThreadsPerBlock;
    break;
  case cudaDevAttrMaxSharedMemoryPerBlock:
    *value = (int)p.sharedMemPerBlock;
    break;
  case cudaDevAttrWarpSize:
    *value = p.warpSize;
    break;
  case cudaDevAttrMultiProcessorCount:
    *value = p.multiProcessorCount;
    break;
  case cudaDevAttrL2CacheSize:
    *value = p.l2CacheSize;
    break;
  case cudaDevAttrComputeCapabilityMajor:
    *value = p.major;
    break;
  case cudaDevAttrComputeCapabilityMinor:
    *value = p.minor;
    break;
  case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
    *value = (int)p.sharedMemPerMultiprocessor;
    break;
  case cudaDevAttrCooperativeLaunch:
    *value = p.cooperativeLaunch;
    break;
  case cudaDevAttrMaxSharedMemoryPerBlockOptin:
    *value = (int)p.sharedMemPerBlockOptin;
    break;
  default:
    return cudaErrorInvalidValue;
  }
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int number) {
  call c;
  return c.end(c.error || (number >= 0 && number < device.count) ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t cudaGetDevice(int *number) {
  call c;
  *number = 0;
  return c.end();
}

cudaError_t cudaDeviceSynchronize(void) {
  call c;
  if (c.error) return c.end();
  if (cudaError_t error = unsafe()) return c.end(error);
  drain_all(false);
  return c.end();
}

cudaError_t cudaFuncSetAttribute(const void *, cudaFuncAttribute, int) {
  call c;
  return c.end();
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *, int threads, size_t shared) {
  call c;
  if (c.error) return c.end();
  if (!blocks || threads < 1 || threads > 1024) return c.end(cudaErrorInvalidValue);
  *blocks = (int)resident(threads, shared);
  return c.end();
}
