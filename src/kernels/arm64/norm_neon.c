/* Norms of norm.inc.h for NEON. */
#include "kernels/arm64/neon.h"

#include "kernels/simd/norm.inc.h"
