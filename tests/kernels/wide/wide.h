/* The AVX-512 variant's template and tile over pairs of AVX2 vectors, under names of its own. */
#include "kernels/isa.h"

#include "vec_pair.h"

#define NAME(operation) trm__wide_##operation
#define MR 14
#define HEIGHTS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#define PACK_ALWAYS 1

#include "kernels/simd/names.inc.h"
#include "kernels/simd/vec_math.inc.h"
