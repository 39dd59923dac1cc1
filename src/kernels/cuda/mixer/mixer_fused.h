/* The variants of the fused mixer: what trm__cuda_mixer_fused chooses from, and what tests name directly. */
#ifndef TRM_KERNELS_CUDA_MIXER_MIXER_FUSED_H
#define TRM_KERNELS_CUDA_MIXER_MIXER_FUSED_H

#include "kernels/cuda/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

void trm__cuda_mixer_mma(trm__cuda_queue *q, const trm__cuda_mixer *m);
/* L from 65 on; blocks of 256 channels, over L = 104 of 128. */
void trm__cuda_mixer_wgmma(trm__cuda_queue *q, const trm__cuda_mixer *m);

#ifdef __cplusplus
}
#endif
#endif
