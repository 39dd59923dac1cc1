/* The mixer's forward pass in one kernel; which of its variants runs.
 *
 * As two products the activations [b*D][I] are written and read: 5.3 times the state for L = 97, I = 512. Here they
 * never leave registers, as the probabilities in flash attention: what is [channels][I] of a block is made and used up
 * a few columns at a time.
 *
 * What is expected of an H100 at b = 768, L = 97, D = I = 512 (predicted from its rates, not measured): the two
 * products are 117 GFLOP, 132 with L padded to 112 and 104, so 0.13 ms of wgmma at its peak, of mma.sync, which reaches
 * about 0.6 of it, 0.22 ms. 201 million activations need an exponential and a reciprocal each, 0.11 ms of the special
 * function units, and about 14 instructions, 0.1 ms of issue slots, both beside the tensor cores as far as warps
 * overlap. Memory moves the state in and out, 152 MB or 0.05 ms, and with gates and ups kept 805 MB more, 0.3 ms in
 * all. The weights (0.3 MB) come from the L2 cache once a block: 0.92 GB with blocks of 128 channels, 0.46 GB with 256,
 * 0.17 and 0.09 ms beside the rest. Together:
 *
 *                     wgmma     mma.sync   two products
 *   gu not kept       0.2 ms    0.3 ms     0.35 ms (1.03 GB; less where chunks keep act in the L2 cache)
 *   gu kept           0.35 ms   0.4 ms     0.65 ms (1.84 GB) */
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

int trm__cuda_mixer_fused_supported(const trm__cuda_queue *q, trm__cuda_type type, int L, int D, int I) {
  return type == TRM__CUDA_BF16 && q->capability >= 80 && q->shared_per_block >= SHARED && L >= 1 && L <= MOST_L &&
         D >= 64 && D % 64 == 0 && I >= 64 && I % 64 == 0;
}

void trm__cuda_mixer_fused(trm__cuda_queue *q, const trm__cuda_mixer *m) {
  if (m->b < 1) return;
  if (wgmma_fits(q, m)) trm__cuda_mixer_wgmma(q, m);
  else trm__cuda_mixer_mma(q, m);
}
