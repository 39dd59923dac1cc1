/* base/rng.c on the device: the same words, the same units, and normals whose double arithmetic may differ in the last
 * place. Sources are named there. */
#ifndef TRM_KERNELS_CUDA_UPDATE_RANDOM_CUH
#define TRM_KERNELS_CUDA_UPDATE_RANDOM_CUH

#include "base/rng.h"
#include "kernels/cuda/device.cuh"

struct trm_stream {
  uint64_t seed, index;
  uint32_t purpose;
};

struct trm_words {
  uint32_t w[4];
};

/* Block `block` of a stream: its words 4*block and on. */
TRM_DEVICE trm_words trm_philox(const trm_stream &s, uint64_t block) {
  uint32_t c0 = (uint32_t)s.index, c1 = (uint32_t)(s.index >> 32), c2 = (uint32_t)block;
  uint32_t c3 = (uint32_t)(s.purpose + (block >> 32 << 16));
  uint32_t k0 = (uint32_t)s.seed, k1 = (uint32_t)(s.seed >> 32);
#pragma unroll
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)c0 * 0xD2511F53u, p1 = (uint64_t)c2 * 0xCD9E8D57u;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

TRM_DEVICE uint64_t trm_u64(uint32_t low, uint32_t high) {
  return low | (uint64_t)high << 32;
}
/* trm__rng_unit of those two words. */
TRM_DEVICE double trm_unit(uint32_t low, uint32_t high) {
  return (double)(trm_u64(low, high) >> 11) * 0x1p-53;
}

/* trm__rng_below of a stream's words from `word` on. */
TRM_DEVICE uint32_t trm_below(const trm_stream &s, uint64_t word, uint32_t n) {
  uint32_t threshold = (0u - n) % n;
  for (;; word++) {
    trm_words w = trm_philox(s, word / 4);
    uint32_t x = word % 4 == 0 ? w.w[0] : word % 4 == 1 ? w.w[1] : word % 4 == 2 ? w.w[2] : w.w[3];
    uint64_t product = (uint64_t)x * n;
    if ((uint32_t)product >= threshold) return (uint32_t)(product >> 32);
  }
}

/* The highest power first. */
TRM_DEVICE double trm_polynomial(double x, double c7, double c6, double c5, double c4, double c3, double c2, double c1,
                                 double c0) {
  return ((((((c7 * x + c6) * x + c5) * x + c4) * x + c3) * x + c2) * x + c1) * x + c0;
}

/* Quantile of the standard normal for 0 < p < 1 (algorithm AS 241). */
TRM_DEVICE double trm_normal_quantile(double p) {
  double q = p - 0.5;
  if (fabs(q) <= 0.425) {
    double r = 0.180625 - q * q;
    return q *
           trm_polynomial(r, 2.5090809287301226727e+3, 3.3430575583588128105e+4, 6.7265770927008700853e+4,
                          4.5921953931549871457e+4, 1.3731693765509461125e+4, 1.9715909503065514427e+3,
                          1.3314166789178437745e+2, 3.3871328727963666080e0) /
           trm_polynomial(r, 5.2264952788528545610e+3, 2.8729085735721942674e+4, 3.9307895800092710610e+4,
                          2.1213794301586595867e+4, 5.3941960214247511077e+3, 6.8718700749205790830e+2,
                          4.2313330701600911252e+1, 1.0);
  }
  double r = sqrt(-log(q < 0 ? p : 1 - p)), x;
  if (r <= 5)
    x = trm_polynomial(r - 1.6, 7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
                       1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
                       4.63033784615654529590e0, 1.42343711074968357734e0) /
        trm_polynomial(r - 1.6, 1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
                       1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
                       2.05319162663775882187e0, 1.0);
  else
    x = trm_polynomial(r - 5, 2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
                       2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
                       5.46378491116411436990e0, 6.65790464350110377720e0) /
        trm_polynomial(r - 5, 2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
                       7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
                       5.99832206555887937690e-1, 1.0);
  return q < 0 ? -x : x;
}

/* trm__rng_normal of two words. */
TRM_DEVICE double trm_normal(uint32_t low, uint32_t high) {
  return trm_normal_quantile(((double)(trm_u64(low, high) >> 12) + 0.5) * 0x1p-52);
}

#endif
