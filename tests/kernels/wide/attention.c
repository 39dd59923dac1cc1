/* attention.inc.h, 16 wide on AVX2. */
#include "wide.h"

extern const trm__product trm__wide_bf16;

#define BF16 &trm__wide_bf16
#include "kernels/simd/attention.inc.h"
