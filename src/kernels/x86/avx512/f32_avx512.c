/* The fp32 matrix product of f32.inc.h for AVX-512. */
#include "kernels/x86/avx512/avx512.h"

#include "kernels/simd/f32.inc.h"
