/* The table of kernels for AVX-512. */
#include "kernels/x86/avx512.h"

#include "kernels/simd/table.inc.h"
