/* All kernels for AVX-512, and what its VNNI and BF16 do better. */
#include "kernels/x86/avx512/avx512.h"

extern const trm__product trm__avx512_int8, trm__avx512vnni_int8, trm__avx512bf16_bf16;

#define OFFER trm__offer_avx512
#define PRODUCTS                                                                                                       \
  { &trm__avx512_f32, NULL, &trm__avx512_int8 }
#include "kernels/simd/table.inc.h"

extern const trm__offer trm__offer_avx512vnni, trm__offer_avx512bf16;
const trm__offer trm__offer_avx512vnni = {.kernels.product = {[TRM_INT8] = &trm__avx512vnni_int8}};

#undef NAME
#define NAME(operation) trm__avx512bf16_##operation
#include "kernels/simd/names.inc.h"

const trm__offer trm__offer_avx512bf16 = {.kernels = {.product = {[TRM_BFLOAT16] = &NAME(bf16)},
                                                      .attention_scratch = NAME(attention_scratch),
                                                      .attention = NAME(attention),
                                                      .attention_backward = NAME(attention_backward)}};
