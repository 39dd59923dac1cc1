/* Rotary positions and attention of attention.inc.h for AVX-512. */
#include "kernels/x86/avx512/avx512.h"

#include "kernels/simd/attention.inc.h"
