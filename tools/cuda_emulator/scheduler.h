/* Between the two halves of the emulated device: scheduler.cpp runs kernels, device.cpp keeps memory and streams. */
#ifndef TRM_CUDA_EMULATOR_SCHEDULER_H
#define TRM_CUDA_EMULATOR_SCHEDULER_H

#include <functional>
#include <stdint.h>

#include "kernels/cuda/cuda.h"

#include "emulate.h"

#if defined(__SANITIZE_ADDRESS__) /* gcc */
#define TRM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TRM_ASAN 1
#endif
#endif
#ifdef TRM_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define TRM_ASAN 0
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)0)
#endif

namespace trm {

void run_grid(const char *name, dim3 size, int threads, size_t shared, bool cooperative, std::function<void()> &body);
uint64_t random_number();

/* Bytes around memory that nobody may touch: whoever reads them gets NaN, of any type. */
static inline unsigned char guard_byte(const unsigned char *at) {
  return (uintptr_t)at & 1 ? 0xff : 0xf5;
}
static inline void fill_guard(unsigned char *at, size_t bytes) {
  ASAN_UNPOISON_MEMORY_REGION(at, bytes);
  for (size_t i = 0; i < bytes; i++) at[i] = guard_byte(at + i);
  ASAN_POISON_MEMORY_REGION(at, bytes);
}
/* The first of [at, at + bytes) that was written, or NULL. */
static inline const unsigned char *broken_guard(const unsigned char *at, size_t bytes) {
  const unsigned char *found = nullptr;
  ASAN_UNPOISON_MEMORY_REGION(at, bytes);
  for (size_t i = bytes; i-- > 0;)
    if (at[i] != guard_byte(at + i)) found = at + i;
  ASAN_POISON_MEMORY_REGION(at, bytes);
  return found;
}

} /* namespace trm */

#endif
