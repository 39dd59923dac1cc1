/* The variants of a matrix product: what trm__cuda_multiply and trm__cuda_weight_gradient choose from, and what tests
 * and other kernels name directly. splits 0 and partial NULL; or a sum in parts, partial [splits][m][n]. */
#ifndef TRM_KERNELS_CUDA_PRODUCT_PRODUCT_H
#define TRM_KERNELS_CUDA_PRODUCT_PRODUCT_H

#include "kernels/cuda/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Any type and alignment. */
void trm__cuda_product_plain(trm__cuda_queue *q, const trm__cuda_product *p, int splits, float *partial);
/* bf16, operands aligned as cuda.h says. shape: one of these, or -1 for the one that suits. SMALL and TINY have fewer
 * than 128 columns and can neither make squares nor norms; splits want LARGE. */
enum trm__mma_shape { TRM__MMA_LARGE, TRM__MMA_SMALL, TRM__MMA_FLAT, TRM__MMA_TINY };
void trm__cuda_product_mma(trm__cuda_queue *q, const trm__cuda_product *p, int splits, float *partial, int shape);
/* STREAM: neither splits nor norms. */
enum trm__wgmma_shape { TRM__WGMMA_128, TRM__WGMMA_256, TRM__WGMMA_STREAM };
void trm__cuda_product_wgmma(trm__cuda_queue *q, const trm__cuda_product *p, int splits, float *partial, int shape);
/* The one that suits. */
void trm__cuda_product_any(trm__cuda_queue *q, const trm__cuda_product *p, int splits, float *partial);

#ifdef __cplusplus
}
#endif
#endif
