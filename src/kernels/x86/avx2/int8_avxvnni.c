/* The int8 product of int8.inc.h for AVX-VNNI: bytes, those of A unsigned, 8 lanes. */
#include "kernels/x86/avx2/avx2.h"

#undef NAME
#define NAME(operation) trm__avxvnni_##operation
#define UNIT 4
#define OFFSET 128U

static inline vf v_dot_whole(vf x, vf b, vf sum) {
  return _mm256_castsi256_ps(
      _mm256_dpbusd_avx_epi32(_mm256_castps_si256(sum), _mm256_castps_si256(x), _mm256_castps_si256(b)));
}

#include "kernels/x86/avx2/bytes_avx2.h"

#include "kernels/simd/int8.inc.h"
