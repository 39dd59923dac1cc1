/* The operations of elementwise.inc.h for AVX-512. */
#include "kernels/x86/avx512/avx512.h"

#include "kernels/simd/elementwise.inc.h"
