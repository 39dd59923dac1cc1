/* The mixer's forward pass in one kernel; which of its variants runs. */
#include "kernels/cuda/mixer_fused.h"

#include "kernels/cuda/device.cuh"

namespace {

/* What a block needs for L = 128; the most of both variants. */
enum { MOST_L = 128, SHARED = 90112 };

} // namespace

int trm__cuda_mixer_fused_supported(const trm__cuda_queue *q, trm__cuda_type type, int L, int D, int I) {
  return type == TRM__CUDA_BF16 && q->capability >= 80 && q->shared_per_block >= SHARED && L >= 1 && L <= MOST_L &&
         D >= 64 && D % 64 == 0 && I >= 64 && I % 64 == 0;
}

void trm__cuda_mixer_fused(trm__cuda_queue *q, const trm__cuda_mixer *m) {
  trm__cuda_mixer_mma(q, m);
}
