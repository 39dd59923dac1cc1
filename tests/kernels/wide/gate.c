/* gate.inc.h, 16 wide on AVX2. */
#include "wide.h"

#include "kernels/simd/gate.inc.h"
