/* The matrix product of gemm.inc.h for AVX-512. */
#include "kernels/x86/avx512.h"

#include "kernels/simd/gemm.inc.h"
