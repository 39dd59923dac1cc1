/* Attention of attention.inc.h for NEON, with bf16 products where they are asked for. */
#include "kernels/arm64/neon.h"

#undef NAME
#define NAME(operation) trm__neonbf16_##operation
extern const trm__product trm__neon_f32, trm__neonbf16_bf16;

#include "kernels/simd/names.inc.h"

#define F32 trm__neon_f32
#define BF16 &trm__neonbf16_bf16
#include "kernels/simd/attention.inc.h"
