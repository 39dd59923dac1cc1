/* Streams, events and graphs of the emulated device, and what tests set. A captured graph keeps, for each node, the
 * nodes it must follow; a launch draws an order that keeps to these. */
#include "device.h"

#include <stdio.h>
#include <string.h>

using namespace trm;

/* -- streams ------------------------------------------------------------------------------------------------------- */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) {
  call c;
  if (c.error) return c.end();
  auto s = std::make_shared<stream_state>();
  s->nonblocking = flags & cudaStreamNonBlocking;
  device.streams.push_back(s);
  *stream = (cudaStream_t)s.get();
  return c.end();
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  call c;
  stream_state *s = find_stream(stream);
  if (!s) return c.end(cudaErrorInvalidResourceHandle);
  if (s->capture && s->capture->origin == s) device.captures--;
  advance(*s, s->issued);
  device.streams.remove_if([=](const std::shared_ptr<stream_state> &x) { return x.get() == s; });
  return c.end();
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  call c;
  if (c.error) return c.end();
  if (!stream) {
    if (cudaError_t error = unsafe()) return c.end(error);
    drain_all(true);
    return c.end();
  }
  stream_state *s = find_stream(stream);
  if (!s) return c.end(cudaErrorInvalidResourceHandle);
  if (s->capture) {
    s->capture->invalid = true;
    return c.end(cudaErrorStreamCaptureUnsupported);
  }
  advance(*s, s->issued);
  return c.end();
}

/* -- events -------------------------------------------------------------------------------------------------------- */

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned) {
  call c;
  if (c.error) return c.end();
  *event = (cudaEvent_t) new event_state();
  return c.end();
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  call c;
  if (!event) return c.end(cudaErrorInvalidResourceHandle);
  delete (event_state *)event;
  return c.end();
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  call c;
  if (c.error) return c.end();
  event_state *e = (event_state *)event;
  if (!e) return c.end(cudaErrorInvalidResourceHandle);
  if (stream && !find_stream(stream)) return c.end(cudaErrorInvalidResourceHandle);
  stream_state *s = find_stream(stream);
  if (s && s->capture) {
    e->capture = s->capture;
    e->captured_in = s;
    e->nodes = s->tail;
    return c.end();
  }
  e->capture.reset();
  cudaError_t error = push(stream, []() {});
  e->recorded = true;
  e->stream.reset();
  e->ticket = 0;
  for (auto &x : device.streams)
    if (x.get() == s) {
      e->stream = x;
      e->ticket = s->issued;
    }
  return c.end(error);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  call c;
  if (c.error) return c.end();
  event_state *e = (event_state *)event;
  if (!e) return c.end(cudaErrorInvalidResourceHandle);
  if (e->capture) {
    e->capture->invalid = true;
    return c.end(cudaErrorCapturedEvent);
  }
  if (e->stream) advance(*e->stream, e->ticket);
  return c.end();
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  call c;
  if (c.error) return c.end();
  event_state *e = (event_state *)event;
  if (!e) return c.end(cudaErrorInvalidResourceHandle);
  if (e->capture) {
    e->capture->invalid = true;
    return c.end(cudaErrorCapturedEvent);
  }
  if (!e->stream || e->stream->done >= e->ticket) return c.end();
  uint64_t left = e->ticket - e->stream->done;
  advance(*e->stream, e->stream->done + random_number() % (left + 1));
  return c.end(e->stream->done >= e->ticket ? cudaSuccess : cudaErrorNotReady);
}

/* A capturing stream that waits for an event of another stream's capture, or joins it. */
static cudaError_t wait_captured(stream_state *s, event_state *e) {
  if (s->capture && !e->capture) return cudaErrorStreamCaptureIsolation;
  if (!e->capture->made) return cudaErrorCapturedEvent;
  if (s->capture && s->capture != e->capture) return cudaErrorStreamCaptureMerge;
  if (!s->capture) {
    if (s->done != s->issued) advance(*s, s->issued);
    s->capture = e->capture;
    s->tail.clear();
    s->joined = false;
  }
  s->tail.insert(s->tail.end(), e->nodes.begin(), e->nodes.end());
  if (s == s->capture->origin && e->captured_in != s && e->captured_in->tail == e->nodes) e->captured_in->joined = true;
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  call c;
  if (c.error) return c.end();
  event_state *e = (event_state *)event;
  stream_state *s = find_stream(stream);
  if (!e || (stream && !s)) return c.end(cudaErrorInvalidResourceHandle);
  if (s && (s->capture || e->capture)) return c.end(wait_captured(s, e));
  if (!e->recorded || !e->stream) return c.end();
  auto other = e->stream;
  uint64_t ticket = e->ticket;
  return c.end(push(stream, [=]() { advance(*other, ticket); }));
}

/* -- graphs -------------------------------------------------------------------------------------------------------- */

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  call c;
  if (c.error) return c.end();
  stream_state *s = find_stream(stream);
  if (!s) return c.end(stream ? cudaErrorInvalidResourceHandle : cudaErrorStreamCaptureUnsupported);
  if (s->capture) return c.end(cudaErrorIllegalState);
  s->capture = std::make_shared<capturing>();
  s->capture->made = std::make_shared<graph>();
  s->capture->origin = s;
  s->capture->mode = mode;
  s->tail.clear();
  device.captures++;
  return c.end();
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out) {
  call c;
  *out = nullptr;
  stream_state *s = find_stream(stream);
  if (!s || !s->capture) return c.end(cudaErrorIllegalState);
  auto capture = s->capture;
  if (capture->origin != s) return c.end(cudaErrorStreamCaptureUnmatched);
  bool joined = true;
  for (auto &x : device.streams)
    if (x->capture == capture) {
      joined = joined && (x.get() == s || x->joined);
      x->capture.reset();
      x->tail.clear();
      x->joined = true;
    }
  device.captures--;
  auto made = std::move(capture->made);
  capture->made.reset();
  if (c.error) return c.end();
  if (capture->invalid) return c.end(cudaErrorStreamCaptureInvalidated);
  if (!joined) return c.end(cudaErrorStreamCaptureUnjoined);
  *out = (cudaGraph_t) new std::shared_ptr<graph>(made);
  return c.end();
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t made, unsigned long long) {
  call c;
  if (c.error) return c.end();
  if (!made) return c.end(cudaErrorInvalidValue);
  *exec = (cudaGraphExec_t) new std::shared_ptr<graph>(std::make_shared<graph>(**(std::shared_ptr<graph> *)made));
  return c.end();
}

static void run_graph(const graph &g) {
  std::vector<size_t> waits(g.nodes.size()), ready;
  std::vector<std::vector<size_t>> then(g.nodes.size());
  for (size_t i = 0; i < g.nodes.size(); i++) {
    waits[i] = g.nodes[i].after.size();
    for (size_t before : g.nodes[i].after) then[before].push_back(i);
    if (waits[i] == 0) ready.push_back(i);
  }
  while (!ready.empty()) {
    size_t at = random_number() % ready.size(), i = ready[at];
    ready[at] = ready.back();
    ready.pop_back();
    if (device.sticky) return;
    g.nodes[i].run();
    for (size_t next : then[i])
      if (--waits[next] == 0) ready.push_back(next);
  }
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  call c;
  if (c.error) return c.end();
  if (!exec) return c.end(cudaErrorInvalidValue);
  auto g = *(std::shared_ptr<graph> *)exec;
  stream_state *s = find_stream(stream);
  if (s && s->capture) return c.end(cudaErrorStreamCaptureUnsupported); /* a card allows it; nothing here needs it */
  return c.end(push(stream, [=]() { run_graph(*g); }));
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  call c;
  delete (std::shared_ptr<graph> *)exec;
  return c.end();
}

cudaError_t cudaGraphDestroy(cudaGraph_t made) {
  call c;
  delete (std::shared_ptr<graph> *)made;
  return c.end();
}

cudaError_t cudaGraphGetNodes(cudaGraph_t made, cudaGraphNode_t *nodes, size_t *count) {
  call c;
  if (!made || nodes) return c.end(cudaErrorInvalidValue);
  *count = (*(std::shared_ptr<graph> *)made)->nodes.size();
  return c.end();
}

/* -- control ------------------------------------------------------------------------------------------------------- */

static void plan(planned &p, const char *text, long nth, cudaError_t error) {
  snprintf(p.text, sizeof p.text, "%s", text);
  p.nth = nth;
  p.error = error;
}

void emulate_reset(void) {
  device.count = 1;
  emulate_capability(9, 0);
  device.multiprocessors = 4;
  device.resident = 32;
  device.driver = CUDART_VERSION;
  device.total = (size_t)2 << 30;
  device.eager = false;
  device.watch = nullptr;
  device.sticky = last_error = cudaSuccess;
  device.calls = device.fail_allocation = device.lose_at = 0;
  plan(device.refuse, "", 0, cudaSuccess);
  plan(device.fault, "", 0, cudaSuccess);
}

void emulate_devices(int count) {
  device.count = count;
}

void emulate_capability(int major, int minor) {
  device.major = major;
  device.minor = minor;
  int version = 10 * major + minor;
  bool large = version == 80 || version == 87; /* of its generation: data centres and robots */
  device.shared_per_block = 1024 * (size_t)(version >= 120  ? 99
                                            : version >= 90 ? 227
                                            : large         ? 163
                                            : version > 80  ? 99
                                                            : 64);
}

void emulate_multiprocessors(int count) {
  device.multiprocessors = count;
}

void emulate_resident(int blocks) {
  device.resident = blocks;
}

void emulate_driver(int version) {
  device.driver = version;
}

void emulate_memory(size_t total) {
  device.total = total;
}

void emulate_fail_allocation(long nth) {
  device.fail_allocation = nth;
}

void emulate_lose_device(long nth, cudaError_t error) {
  device.lose_at = nth ? device.calls + nth : 0;
  device.lose_error = error;
}

long emulate_calls(void) {
  return device.calls;
}

void emulate_fail_launch(const char *text, long nth, cudaError_t error) {
  plan(device.refuse, text, nth, error);
}

void emulate_fault_kernel(const char *text, long nth, cudaError_t error) {
  plan(device.fault, text, nth, error);
}

void emulate_eager(int eager) {
  device.eager = eager;
}

void emulate_watch(void (*fn)(void *context, const emulate_launch *launch), void *context) {
  device.watch = fn;
  device.watch_context = context;
}

long emulate_launches(void) {
  return device.launches;
}

size_t emulate_device_bytes(void) {
  return device.used;
}

size_t emulate_host_bytes(void) {
  return device.pinned_used;
}

int emulate_is_device(const void *at) {
  return in_device(at, 1) == 1;
}

void emulate_check_guards(void) {
  check_all_guards("by emulate_check_guards");
}
