/* All kernels 16 wide on AVX2, with the product of 16-bit words; and what words of bytes and of bf16 add to them. */
#include "wide.h"

extern const trm__product trm__wide_bf16, trm__wide_int8, trm__wide_bytes_int8;

#define OFFER trm__offer_wide
#define PRODUCTS                                                                                                       \
  { &trm__wide_f32, NULL, &trm__wide_int8 }
#include "kernels/simd/table.inc.h"

extern const trm__offer trm__offer_wide_bf16;
const trm__offer trm__offer_wide_bf16 = {.kernels = {.product = {NULL, &trm__wide_bf16, &trm__wide_bytes_int8}}};
