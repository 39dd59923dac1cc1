/* What the NEON files share: names trm__neon_*, 4 lanes, a tile of 12 x 8 sums (24 of 32 registers). Rows of A are
 * packed first, as for AVX-512. */
#ifndef TRM_KERNELS_NEON_H
#define TRM_KERNELS_NEON_H

#include "kernels/arm64/vec_neon.h"
#include "kernels/isa.h"

#define NAME(operation) trm__neon_##operation
#define MR 12
#define HEIGHTS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#define PACK_ALWAYS 1

#include "kernels/simd/names.inc.h"
#include "kernels/simd/vec_math.inc.h"

#endif
