/* What the AVX2 files share: names trm__avx2_*, 8 lanes, a tile of 6 x 16 sums (12 of 16 registers). Rows of A are
 * read by broadcast where they lie. */
#ifndef TRM_KERNELS_X86_AVX2_AVX2_H
#define TRM_KERNELS_X86_AVX2_AVX2_H

#include "kernels/isa.h"
#include "kernels/x86/avx2/vec_avx2.h"

#define NAME(operation) trm__avx2_##operation
#define MR 6
#define HEIGHTS(X) X(1) X(2) X(3) X(4) X(5) X(6)
#define PACK_ALWAYS 0

#include "kernels/simd/names.inc.h"
#include "kernels/simd/vec_math.inc.h"

#endif
