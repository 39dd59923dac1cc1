/* Philox 4x32-10 and what is drawn from it. The counter of a block is (index low, index high, block low, purpose and
 * block high), the key is the seed. Normals invert the cumulative distribution, one number a draw, so that a stream's
 * position never depends on the values drawn. */
#include "base/rng.h"

#include <math.h>

/* J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. */
void trm__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)c0 * 0xD2511F53u, p1 = (uint64_t)c2 * 0xCD9E8D57u;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

trm__rng trm__rng_make(uint64_t seed, uint32_t purpose, uint64_t index) {
  return (trm__rng){.key = seed, .stream = {purpose, index}};
}

uint32_t trm__rng_u32(trm__rng *rng) {
  if (rng->left == 0) {
    uint64_t index = rng->stream[1], block = rng->block++;
    uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)block,
                           (uint32_t)(rng->stream[0] + (block >> 32 << 16))};
    trm__philox(counter, (uint32_t[2]){(uint32_t)rng->key, (uint32_t)(rng->key >> 32)}, rng->word);
    rng->left = 4;
  }
  return rng->word[4 - rng->left--];
}

uint64_t trm__rng_u64(trm__rng *rng) {
  uint64_t low = trm__rng_u32(rng);
  return low | (uint64_t)trm__rng_u32(rng) << 32;
}

/* D. Lemire, "Fast random integer generation in an interval", 2019: rejects the few words that would bias. */
uint32_t trm__rng_below(trm__rng *rng, uint32_t n) {
  uint64_t product = (uint64_t)trm__rng_u32(rng) * n;
  if ((uint32_t)product < n) {
    uint32_t threshold = (uint32_t)(0u - n) % n;
    while ((uint32_t)product < threshold) product = (uint64_t)trm__rng_u32(rng) * n;
  }
  return (uint32_t)(product >> 32);
}

double trm__rng_unit(trm__rng *rng) {
  return (double)(trm__rng_u64(rng) >> 11) * 0x1p-53;
}

static double rng_polynomial(const double c[8], double x) {
  double sum = c[7];
  for (int i = 6; i >= 0; i--) sum = sum * x + c[i];
  return sum;
}

/* Quantile of the standard normal for 0 < p < 1, relative error about 1e-16.
 * M. J. Wichura, algorithm AS 241 (PPND16), Applied Statistics 37 (1988). */
double trm__normal_quantile(double p) {
  static const double a[8] = {3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3,
                              1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                              3.3430575583588128105e+4, 2.5090809287301226727e+3};
  static const double b[8] = {1.0,
                              4.2313330701600911252e+1,
                              6.8718700749205790830e+2,
                              5.3941960214247511077e+3,
                              2.1213794301586595867e+4,
                              3.9307895800092710610e+4,
                              2.8729085735721942674e+4,
                              5.2264952788528545610e+3};
  static const double c[8] = {1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
                              3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
                              2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static const double d[8] = {1.0,
                              2.05319162663775882187e0,
                              1.67638483018380384940e0,
                              6.89767334985100004550e-1,
                              1.48103976427480074590e-1,
                              1.51986665636164571966e-2,
                              5.47593808499534494600e-4,
                              1.05075007164441684324e-9};
  static const double e[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
                              2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                              2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static const double f[8] = {1.0,
                              5.99832206555887937690e-1,
                              1.36929880922735805310e-1,
                              1.48753612908506148525e-2,
                              7.86869131145613259100e-4,
                              1.84631831751005468180e-5,
                              1.42151175831644588870e-7,
                              2.04426310338993978564e-15};
  double q = p - 0.5;
  if (fabs(q) <= 0.425) {
    double r = 0.180625 - q * q;
    return q * rng_polynomial(a, r) / rng_polynomial(b, r);
  }
  double r = sqrt(-log(q < 0 ? p : 1 - p));
  double x = r <= 5 ? rng_polynomial(c, r - 1.6) / rng_polynomial(d, r - 1.6)
                    : rng_polynomial(e, r - 5) / rng_polynomial(f, r - 5);
  return q < 0 ? -x : x;
}

/* Uniform strictly between 0 and 1: the middle of one of 2^52 equal parts. */
static double rng_open_unit(trm__rng *rng) {
  return ((double)(trm__rng_u64(rng) >> 12) + 0.5) * 0x1p-52;
}

double trm__rng_normal(trm__rng *rng) {
  return trm__normal_quantile(rng_open_unit(rng));
}

double trm__rng_trunc_normal(trm__rng *rng, double std) {
  const double below = 0.022750131948179207;    /* probability under -2 */
  const double deviation = 0.87962566103423978; /* of the standard normal cut at -2 and 2 */
  double x = trm__normal_quantile(below + (1 - 2 * below) * rng_open_unit(rng));
  return fmin(2, fmax(-2, x)) * (std / deviation);
}

void trm__rng_shuffle(trm__rng *rng, uint32_t *items, uint32_t n) {
  for (uint32_t i = n; i > 1; i--) {
    uint32_t j = trm__rng_below(rng, i), item = items[i - 1];
    items[i - 1] = items[j];
    items[j] = item;
  }
}
