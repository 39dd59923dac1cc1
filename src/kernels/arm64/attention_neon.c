/* Rotary positions and attention of attention.inc.h for NEON. */
#include "kernels/arm64/neon.h"

#include "kernels/simd/attention.inc.h"
