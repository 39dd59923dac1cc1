/* The tables of kernels for AVX-512: plain, with VNNI, with VNNI and BF16. */
#include "kernels/x86/avx512/avx512.h"

extern const trm__product trm__avx512_int8, trm__avx512vnni_int8, trm__avx512bf16_bf16;

#define ISA "avx512"
#define TABLE trm__kernels_avx512
#define PRODUCTS                                                                                                       \
  { &trm__avx512_f32, NULL, &trm__avx512_int8 }
#include "kernels/simd/table.inc.h"
#undef ISA
#undef TABLE
#undef PRODUCTS

#define ISA "avx512vnni"
#define TABLE trm__kernels_avx512vnni
#define PRODUCTS                                                                                                       \
  { &trm__avx512_f32, NULL, &trm__avx512vnni_int8 }
#include "kernels/simd/table.inc.h"
#undef ISA
#undef TABLE
#undef PRODUCTS

#undef ATTENTION
#define ATTENTION(operation) trm__avx512bf16_##operation
size_t ATTENTION(attention_scratch)(int rows, int head_dim);
void ATTENTION(attention)(const trm__attention *a);
void ATTENTION(attention_backward)(const trm__attention *a);

#define ISA "avx512bf16"
#define TABLE trm__kernels_avx512bf16
#define PRODUCTS                                                                                                       \
  { &trm__avx512_f32, &trm__avx512bf16_bf16, &trm__avx512vnni_int8 }
#include "kernels/simd/table.inc.h"
