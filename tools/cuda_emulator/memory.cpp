/* Memory of the emulated device: allocation with guards and poison around it, copies and memsets, which go into streams
 * like all other work. Where the bytes lie is arena.cpp's. */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace trm {

/* -- guards -------------------------------------------------------------------------------------------------------- */

namespace {

const size_t guard_bytes = 512;

/* near: only the bytes close to the memory, for a check after each launch. */
void check_guards_of(const unsigned char *at, size_t bytes, size_t near, const char *when) {
  if (const unsigned char *found = broken_guard(at - near, near))
    fail("device memory of %zu bytes: a byte %td before it was written (seen %s)", bytes, at - found, when);
  if (const unsigned char *found = broken_guard(at + bytes, fenced_behind(at, bytes, near)))
    fail("device memory of %zu bytes: a byte %td beyond it was written (seen %s)", bytes, found - at - (ptrdiff_t)bytes,
         when);
}

} /* namespace */

void check_all_guards(const char *when) {
  if (device.dry) return;
  touching t;
  for (auto &m : device.memory) check_guards_of((const unsigned char *)m.first, m.second, 64, when);
}

/* Whether [at, at + bytes) lies in one piece of device memory; -1: partly. */
int in_device(const void *at, size_t bytes) {
  auto m = device.memory.upper_bound((uintptr_t)at);
  if (m == device.memory.begin()) return 0;
  --m;
  uintptr_t offset = (uintptr_t)at - m->first;
  if (offset > m->second || (offset == m->second && m->second)) return 0;
  return offset + bytes <= m->second ? 1 : -1;
}

bool in_pinned(const void *at, size_t bytes) {
  auto m = device.pinned.upper_bound((uintptr_t)at);
  if (m == device.pinned.begin()) return false;
  --m;
  return (uintptr_t)at + bytes <= m->first + m->second;
}

} /* namespace trm */

using namespace trm;

/* -- the runtime's functions --------------------------------------------------------------------------------------- */

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total) {
  call c;
  if (c.error) return c.end();
  *total = device.total;
  *free_bytes = device.used < device.total ? device.total - device.used : 0;
  return c.end();
}

cudaError_t cudaMalloc(void **pointer, size_t size) {
  call c;
  if (c.error) return c.end();
  if (cudaError_t error = unsafe()) return c.end(error);
  if (size == 0) {
    *pointer = nullptr;
    return c.end();
  }
  if (device.fail_allocation && --device.fail_allocation == 0) return c.end(cudaErrorMemoryAllocation);
  if (device.used + size > device.total) return c.end(cudaErrorMemoryAllocation);
  touching t;
  unsigned char *at = fenced_take(guard_bytes, size);
  at = at ? at - guard_bytes : arena_take(2 * guard_bytes + size);
  if (!at) return c.end(cudaErrorMemoryAllocation);
  if (!device.dry) {
    fill_guard(at, guard_bytes);
    memset(at + guard_bytes, 0xff, size);
    fill_guard(at + guard_bytes + size, fenced_behind(at + guard_bytes, size, guard_bytes));
  }
  device.memory[(uintptr_t)(at + guard_bytes)] = size;
  device.used += size;
  *pointer = at + guard_bytes;
  return c.end();
}

cudaError_t cudaFree(void *pointer) {
  call c;
  if (!pointer) return c.end();
  auto m = device.memory.find((uintptr_t)pointer);
  if (m == device.memory.end()) {
    if (in_device(pointer, 1)) fail("cudaFree of a pointer into device memory, not to its start");
    return c.end(cudaErrorInvalidValue);
  }
  if (cudaError_t error = unsafe()) return c.end(error);
  drain_all(false);
  touching t;
  unsigned char *at = (unsigned char *)pointer;
  if (!device.dry) {
    check_guards_of(at, m->second, guard_bytes, "when it was freed");
    ASAN_UNPOISON_MEMORY_REGION(at - guard_bytes, guard_bytes + m->second + fenced_behind(at, m->second, guard_bytes));
    memset(at, 0xdd, m->second);
  }
  device.used -= m->second;
  if (!fenced_give(at, guard_bytes, m->second)) arena_give(at - guard_bytes, 2 * guard_bytes + m->second);
  device.memory.erase(m);
  return c.end(); /* a lost device's error, but the memory is gone */
}

cudaError_t cudaMallocHost(void **pointer, size_t size) {
  call c;
  if (c.error) return c.end();
  if (cudaError_t error = unsafe()) return c.end(error);
  if (device.fail_allocation && --device.fail_allocation == 0) return c.end(cudaErrorMemoryAllocation);
  void *at = size ? aligned_alloc(4096, (size + 4095) / 4096 * 4096) : nullptr;
  if (size && !at) return c.end(cudaErrorMemoryAllocation);
  if (size) {
    memset(at, 0xff, size);
    device.pinned[(uintptr_t)at] = size;
    device.pinned_used += size;
  }
  *pointer = at;
  return c.end();
}

cudaError_t cudaFreeHost(void *pointer) {
  call c;
  if (!pointer) return c.end();
  auto m = device.pinned.find((uintptr_t)pointer);
  if (m == device.pinned.end()) return c.end(cudaErrorInvalidValue);
  if (cudaError_t error = unsafe()) return c.end(error);
  drain_all(false);
  device.pinned_used -= m->second;
  device.pinned.erase(m);
  free(pointer);
  return c.end();
}

/* The kind that pointers have; -1: they run over the end of their memory, or kind says otherwise. */
static int kind_of(const void *dst, const void *src, size_t count, cudaMemcpyKind kind) {
  int to = in_device(dst, count), from = in_device(src, count);
  if (to < 0 || from < 0) {
    fprintf(stderr, "emulated device: a copy of %zu bytes runs over the end of device memory\n", count);
    return -1;
  }
  int found = to     ? from ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice
              : from ? cudaMemcpyDeviceToHost
                     : cudaMemcpyHostToHost;
  if (kind != cudaMemcpyDefault && found != (int)kind) {
    fprintf(stderr, "emulated device: a copy of kind %d between pointers of kind %d\n", (int)kind, found);
    return -1;
  }
  return found;
}

static void move(void *dst, const void *src, size_t count) {
  if (!device.dry) memmove(dst, src, count);
}

cudaError_t cudaMemcpy(void *dst, const void *src, size_t count, cudaMemcpyKind kind) {
  call c;
  if (c.error) return c.end();
  if (cudaError_t error = unsafe()) return c.end(error);
  if (count == 0) return c.end();
  if (kind_of(dst, src, count, kind) < 0) return c.end(cudaErrorInvalidValue);
  return c.end(push(nullptr, [=]() { move(dst, src, count); }));
}

cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t count, cudaMemcpyKind kind, cudaStream_t stream) {
  call c;
  if (c.error) return c.end();
  if (count == 0) return c.end();
  int found = kind_of(dst, src, count, kind);
  if (found < 0) return c.end(cudaErrorInvalidValue);
  bool pageable_source = found == cudaMemcpyHostToDevice && !in_pinned(src, count);
  bool pageable_target = (found == cudaMemcpyDeviceToHost || found == cudaMemcpyHostToHost) && !in_pinned(dst, count);
  stream_state *s = find_stream(stream);
  if (s && s->capture && (pageable_source || pageable_target)) return c.end(cudaErrorStreamCaptureUnsupported);
  if (pageable_source) { /* staged before the call returns */
    std::string staged((const char *)src, count);
    return c.end(push(stream, [=]() { move(dst, staged.data(), count); }));
  }
  cudaError_t error = push(stream, [=]() { move(dst, src, count); });
  if (s && pageable_target) advance(*s, s->issued); /* returns when it is there */
  return c.end(error);
}

cudaError_t cudaMemset(void *pointer, int value, size_t count) {
  return cudaMemsetAsync(pointer, value, count, nullptr);
}

cudaError_t cudaMemsetAsync(void *pointer, int value, size_t count, cudaStream_t stream) {
  call c;
  if (c.error || count == 0) return c.end();
  if (in_device(pointer, count) != 1 && !in_pinned(pointer, count)) {
    fprintf(stderr, "emulated device: memset of %zu bytes that are not device memory\n", count);
    return c.end(cudaErrorInvalidValue);
  }
  return c.end(push(stream, [=]() {
    if (!device.dry) memset(pointer, value, count);
  }));
}
