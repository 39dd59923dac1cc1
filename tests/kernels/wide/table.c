/* table.inc.h, 16 wide on AVX2: once with the products of 16-bit words, once with those of the bytes and bf16; and the
 * 8-wide table with bytes. */
#include "wide.h"

extern const trm__product trm__wide_bf16, trm__wide_int8, trm__wide_bytes_int8;

#define ISA "avx512 on avx2"
#define TABLE trm__kernels_wide
#define PRODUCTS                                                                                                       \
  { &trm__wide_f32, NULL, &trm__wide_int8 }
#include "kernels/simd/table.inc.h"
#undef ISA
#undef TABLE
#undef PRODUCTS

#define ISA "avx512bf16 on avx2"
#define TABLE trm__kernels_wide_bf16
#define PRODUCTS                                                                                                       \
  { &trm__wide_f32, &trm__wide_bf16, &trm__wide_bytes_int8 }
#include "kernels/simd/table.inc.h"
