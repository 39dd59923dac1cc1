/* int8.inc.h over bytes, 8 wide on AVX2. */
#include "dot_bytes.h"
#include "kernels/x86/avx2/avx2.h"

#undef NAME
#define NAME(operation) trm__bytes_##operation
#define UNIT 4
#define OFFSET 128U

static inline vf v_dot_whole(vf x, vf b, vf sum) {
  return dot_bytes(x, b, sum);
}

#include "kernels/x86/avx2/bytes_avx2.h"

#include "kernels/simd/int8.inc.h"

extern const trm__offer trm__offer_bytes;
const trm__offer trm__offer_bytes = {.kernels = {.product = {[TRM_INT8] = &NAME(int8)}}};
