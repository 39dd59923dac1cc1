/* The fp32 matrix product of f32.inc.h for AVX2. */
#include "kernels/x86/avx2/avx2.h"

#include "kernels/simd/f32.inc.h"
