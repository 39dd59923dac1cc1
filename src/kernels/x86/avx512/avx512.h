/* What the AVX-512 files share: names trm__avx512_*, 16 lanes, a tile of 14 x 32 sums (28 of 32 registers). Rows of A
 * are packed first: 14 row pointers would not fit into the general registers. */
#ifndef TRM_KERNELS_X86_AVX512_AVX512_H
#define TRM_KERNELS_X86_AVX512_AVX512_H

#include "kernels/isa.h"
#include "kernels/x86/avx512/vec_avx512.h"

#define NAME(operation) trm__avx512_##operation
#define MR 14
#define HEIGHTS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#define PACK_ALWAYS 1

#include "kernels/simd/names.inc.h"
#include "kernels/simd/vec_math.inc.h"

#endif
