/* The mixer's forward pass in one kernel; which of its variants runs.
 *
 * As two products the activations [b*D][I] are written and read: 5.3 times the state for L = 97, I = 512. Here they
 * never leave registers, as the probabilities in flash attention: what is [channels][I] of a block is made and used up
 * a few columns at a time.
 *
 * What bounds it: the products, beside which each activation needs an exponential and a reciprocal of the special
 * function units; with gates and ups kept, memory. The weights come from the L2 cache once a block, so wider blocks
 * read them less often (docs/performance.md, CUDA). */
#include "kernels/cuda/mixer/mixer_fused.h"

#include "kernels/cuda/device.cuh"

namespace {

/* SHARED: what mma needs at most; cards with wgmma have enough for it. */
enum { MOST_L = 128, SHARED = 90112, LEAST_WGMMA_L = 65, FOUR_GROUPS_L = 104 };

/* wgmma's blocks are twice as large: it is taken where they have all their channels and there is one for every
 * multiprocessor. */
bool wgmma_fits(const trm__cuda_queue *q, const trm__cuda_mixer *m) {
  int channels = m->L <= FOUR_GROUPS_L ? 256 : 128;
  return q->wgmma && m->L >= LEAST_WGMMA_L && m->D % channels == 0 && (long)m->b * (m->D / channels) >= q->sms;
}

} // namespace

int trm__cuda_mixer_fused_supported(const trm__cuda_queue *q, trm_dtype type, int L, int D, int I) {
  return type == TRM_BFLOAT16 && q->capability >= 80 && q->shared_per_block >= SHARED && L >= 1 && L <= MOST_L &&
         D >= 64 && D % 64 == 0 && I >= 64 && I % 64 == 0;
}

void trm__cuda_mixer_fused(trm__cuda_queue *q, const trm__cuda_mixer *m) {
  if (m->b < 1) return;
  if (wgmma_fits(q, m)) trm__cuda_mixer_wgmma(q, m);
  else trm__cuda_mixer_mma(q, m);
}
