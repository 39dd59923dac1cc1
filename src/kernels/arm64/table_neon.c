/* The tables of kernels for NEON: plain, with dot products, with dot products and bf16. */
#include "kernels/arm64/neon.h"

extern const trm__product trm__neon_int8, trm__neondot_int8, trm__neonbf16_bf16;

#define ISA "neon"
#define TABLE trm__kernels_neon
#define PRODUCTS                                                                                                       \
  { &trm__neon_f32, NULL, &trm__neon_int8 }
#include "kernels/simd/table.inc.h"
#undef ISA
#undef TABLE
#undef PRODUCTS

#define ISA "neondot"
#define TABLE trm__kernels_neondot
#define PRODUCTS                                                                                                       \
  { &trm__neon_f32, NULL, &trm__neondot_int8 }
#include "kernels/simd/table.inc.h"
#undef ISA
#undef TABLE
#undef PRODUCTS

#undef ATTENTION
#define ATTENTION(operation) trm__neonbf16_##operation
size_t ATTENTION(attention_scratch)(int rows, int head_dim);
void ATTENTION(attention)(const trm__attention *a);
void ATTENTION(attention_backward)(const trm__attention *a);

#define ISA "neonbf16"
#define TABLE trm__kernels_neonbf16
#define PRODUCTS                                                                                                       \
  { &trm__neon_f32, &trm__neonbf16_bf16, &trm__neondot_int8 }
#include "kernels/simd/table.inc.h"
