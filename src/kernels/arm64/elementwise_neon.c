/* Element-wise kernels of elementwise.inc.h for NEON. */
#include "kernels/arm64/neon.h"

#include "kernels/simd/elementwise.inc.h"
