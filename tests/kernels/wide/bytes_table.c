/* The AVX2 table with bytes whose products AVX2 computes: AVX-VNNI's template. */
#include "kernels/x86/avx2/avx2.h"

extern const trm__product trm__bytes_int8;

#define ISA "avxvnni on avx2"
#define TABLE trm__kernels_bytes
#define PRODUCTS                                                                                                       \
  { &trm__avx2_f32, NULL, &trm__bytes_int8 }
#include "kernels/simd/table.inc.h"
