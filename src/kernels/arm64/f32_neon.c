/* The fp32 matrix product of f32.inc.h for NEON. */
#include "kernels/arm64/neon.h"

#include "kernels/simd/f32.inc.h"
