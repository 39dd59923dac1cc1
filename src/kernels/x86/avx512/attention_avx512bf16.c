/* Attention of attention.inc.h for AVX-512, with bf16 products where they are asked for. */
#include "kernels/x86/avx512/avx512.h"

#undef NAME
#define NAME(operation) trm__avx512bf16_##operation
extern const trm__product trm__avx512_f32, trm__avx512bf16_bf16;

#include "kernels/simd/names.inc.h"

#define F32 trm__avx512_f32
#define BF16 &trm__avx512bf16_bf16
#include "kernels/simd/attention.inc.h"
