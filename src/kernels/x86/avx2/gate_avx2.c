/* The activation of gate.inc.h for AVX2. */
#include "kernels/x86/avx2/avx2.h"

#include "kernels/simd/gate.inc.h"
