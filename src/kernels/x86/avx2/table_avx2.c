/* All kernels for AVX2, and what AVX-VNNI does better. */
#include "kernels/x86/avx2/avx2.h"

extern const trm__product trm__avx2_int8, trm__avxvnni_int8;

#define OFFER trm__offer_avx2
#define PRODUCTS                                                                                                       \
  { &trm__avx2_f32, NULL, &trm__avx2_int8 }
#include "kernels/simd/table.inc.h"

extern const trm__offer trm__offer_avxvnni;
const trm__offer trm__offer_avxvnni = {.kernels.product = {[TRM_INT8] = &trm__avxvnni_int8}};
