/* The norms of norm.inc.h for AVX-512. */
#include "kernels/x86/avx512/avx512.h"

#include "kernels/simd/norm.inc.h"
