/* Optimizers of optim.inc.h for NEON. */
#include "kernels/arm64/neon.h"

#include "kernels/simd/optim.inc.h"
