/* The matrix product of gemm.inc.h for AVX2. */
#include "kernels/x86/avx2.h"

#include "kernels/simd/gemm.inc.h"
