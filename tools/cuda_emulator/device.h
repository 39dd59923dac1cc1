/* The emulated device's state, for device.cpp (launches, devices, errors), memory.cpp and
 * streams.cpp (streams, events, graphs, control). */
#ifndef TRM_CUDA_EMULATOR_DEVICE_H
#define TRM_CUDA_EMULATOR_DEVICE_H

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/cuda/cuda.h"

#include "emulate_control.h"
#include "scheduler.h"

namespace trm {

typedef std::function<void()> work;

struct node {
  work run;
  std::vector<size_t> after; /* nodes that come before it */
};

struct graph {
  std::vector<node> nodes;
};

struct stream_state;

struct capturing {
  std::shared_ptr<graph> made;
  stream_state *origin;
  cudaStreamCaptureMode mode;
  bool invalid = false;
};

struct stream_state {
  bool nonblocking = false;
  std::deque<work> queue;
  uint64_t issued = 0, done = 0; /* counts of work */
  std::shared_ptr<capturing> capture;
  std::vector<size_t> tail; /* nodes of the capture that the next one follows */
  bool joined = true;       /* by the stream in which the capture began */
};

struct event_state {
  std::shared_ptr<stream_state> stream; /* NULL: not recorded, or the default stream */
  uint64_t ticket = 0;
  bool recorded = false;
  std::shared_ptr<capturing> capture;
  std::vector<size_t> nodes;
  stream_state *captured_in = nullptr;
};

struct planned { /* what goes wrong */
  char text[64];
  long nth;
  cudaError_t error;
};

struct device_state {
  std::recursive_mutex mutex;
  int count = 1, major = 9, minor = 0, multiprocessors = 4, resident = 32, driver = CUDART_VERSION;
  size_t shared_per_block = 227 * 1024, total = (size_t)2 << 30;
  size_t used = 0, pinned_used = 0;
  std::map<uintptr_t, size_t> memory, pinned;
  std::list<std::shared_ptr<stream_state>> streams;
  int captures = 0;
  bool eager = false, dry = false;
  void (*watch)(void *, const emulate_launch *) = nullptr;
  void *watch_context = nullptr;
  cudaError_t sticky = cudaSuccess;
  long calls = 0, launches = 0, fail_allocation = 0, lose_at = 0;
  cudaError_t lose_error = cudaSuccess;
  planned refuse = {}, fault = {};
};

extern device_state device;

/* While one of these lives, device memory can be touched. */
struct touching {
  touching();
  ~touching();
};
void protect_as_environment_says();
unsigned char *arena_take(size_t bytes);
void arena_give(unsigned char *at, size_t bytes);
unsigned char *fenced_take(size_t front, size_t bytes);
size_t fenced_behind(const unsigned char *at, size_t bytes, size_t most);
bool fenced_give(unsigned char *at, size_t front, size_t bytes);
extern thread_local cudaError_t last_error;

/* A call of the runtime. error: why it must not go on. end() returns error, or else result, and remembers it. */
struct call {
  explicit call(bool alive = true);
  cudaError_t end(cudaError_t result = cudaSuccess);
  std::unique_lock<std::recursive_mutex> lock;
  cudaError_t error;
};

void progress();
void advance(stream_state &s, uint64_t ticket);
void drain_all(bool blocking_only);
stream_state *find_stream(cudaStream_t stream);
cudaError_t push(cudaStream_t stream, work w);
cudaError_t unsafe();
int in_device(const void *at, size_t bytes);
bool in_pinned(const void *at, size_t bytes);
void check_all_guards(const char *when);

} /* namespace trm */

#endif
