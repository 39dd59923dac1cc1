/* Between the two halves of the emulated device: scheduler.cpp runs kernels, device.cpp keeps memory and streams. */
#ifndef TRM_TESTS_CUDA_SCHEDULER_H
#define TRM_TESTS_CUDA_SCHEDULER_H

#include <functional>
#include <stdint.h>

#include "kernels/cuda/cuda.h"

#include "emulate.h"

namespace trm {

void run_grid(const char *name, dim3 size, int threads, size_t shared, bool cooperative, std::function<void()> &body);
uint64_t random_number();

} /* namespace trm */

#endif
