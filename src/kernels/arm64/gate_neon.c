/* The activation of gate.inc.h for NEON. */
#include "kernels/arm64/neon.h"

#include "kernels/simd/gate.inc.h"
