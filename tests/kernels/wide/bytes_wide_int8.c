/* int8.inc.h over bytes, 16 wide on AVX2. */
#include "dot_bytes.h"
#include "wide.h"

#undef NAME
#define NAME(operation) trm__wide_bytes_##operation
#define UNIT 4
#define OFFSET 128U

static inline vf v_dot_whole(vf x, vf b, vf sum) {
  return (vf){dot_bytes(x.l, b.l, sum.l), dot_bytes(x.h, b.h, sum.h)};
}
static inline vf v_join(const vf q[UNIT]) {
  int32_t whole[UNIT][VW];
  unsigned char bytes[VW][UNIT];
  memcpy(whole, q, sizeof whole);
  for (int i = 0; i < VW; i++) {
    for (int e = 0; e < UNIT; e++) bytes[i][e] = (unsigned char)(whole[e][i] & 0xff);
  }
  vf words;
  memcpy(&words, bytes, sizeof words);
  return words;
}
static inline void v_narrow(float *words, vf q) {
  int32_t whole[VW];
  unsigned char narrow[VW];
  memcpy(whole, &q, sizeof whole);
  for (int i = 0; i < VW; i++) narrow[i] = (unsigned char)(whole[i] & 0xff);
  memcpy(words, narrow, sizeof narrow);
}

#include "kernels/simd/int8.inc.h"
