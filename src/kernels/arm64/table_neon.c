/* All kernels for NEON, and what dot products and bf16 do better. */
#include "kernels/arm64/neon.h"

extern const trm__product trm__neon_int8, trm__neondot_int8, trm__neonbf16_bf16;

#define OFFER trm__offer_neon
#define PRODUCTS                                                                                                       \
  { &trm__neon_f32, NULL, &trm__neon_int8 }
#include "kernels/simd/table.inc.h"

extern const trm__offer trm__offer_neondot, trm__offer_neonbf16;
const trm__offer trm__offer_neondot = {.kernels.product = {[TRM_INT8] = &trm__neondot_int8}};

#undef NAME
#define NAME(operation) trm__neonbf16_##operation
#include "kernels/simd/names.inc.h"

const trm__offer trm__offer_neonbf16 = {.kernels = {.product = {[TRM_BFLOAT16] = &NAME(bf16)},
                                                    .attention_scratch = NAME(attention_scratch),
                                                    .attention = NAME(attention),
                                                    .attention_backward = NAME(attention_backward)}};
