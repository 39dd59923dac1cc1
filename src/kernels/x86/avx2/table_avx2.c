/* The tables of kernels for AVX2, and for AVX2 with AVX-VNNI. */
#include "kernels/x86/avx2/avx2.h"

extern const trm__product trm__avx2_int8, trm__avxvnni_int8;

#define ISA "avx2"
#define TABLE trm__kernels_avx2
#define PRODUCTS                                                                                                       \
  { &trm__avx2_f32, NULL, &trm__avx2_int8 }
#include "kernels/simd/table.inc.h"
#undef ISA
#undef TABLE
#undef PRODUCTS

#define ISA "avxvnni"
#define TABLE trm__kernels_avxvnni
#define PRODUCTS                                                                                                       \
  { &trm__avx2_f32, NULL, &trm__avxvnni_int8 }
#include "kernels/simd/table.inc.h"
