/* The table of kernels for AVX2. */
#include "kernels/x86/avx2.h"

#include "kernels/simd/table.inc.h"
