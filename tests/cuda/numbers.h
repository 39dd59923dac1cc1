/* What tests of CUDA kernels share: numbers in either forward type, arrays on the device between guards, and a queue.
 * The same code runs on a card and in emulation. */
#ifndef TRM_TESTS_CUDA_NUMBERS_H
#define TRM_TESTS_CUDA_NUMBERS_H

#include "check.h"

#include <cuda_runtime_api.h>

#include "base/rng.h"
#include "kernels/cuda/cuda.h"

#if __has_include("emulate_control.h")
#include "emulate_control.h"
#else
static inline void emulate_seed(uint64_t seed) {
  (void)seed;
}
#endif

#define NUMBERS_GUARD 256 /* bytes on each side */

static inline void numbers_ok(int error, const char *what) {
  if (error) fail_msg("%s: CUDA error %d", what, error);
}

static inline size_t numbers_size(trm__cuda_type type) {
  return type == TRM__CUDA_BF16 ? 2 : 4;
}

static inline float numbers_round(float x) { /* to the nearest bf16, ties to even; x is finite */
  uint32_t u;
  memcpy(&u, &x, 4);
  u = (u + 0x7fffu + (u >> 16 & 1u)) & 0xffff0000u;
  memcpy(&x, &u, 4);
  return x;
}
static inline float numbers_rounded(trm__cuda_type type, float x) {
  return type == TRM__CUDA_BF16 ? numbers_round(x) : x;
}

/* An array of bytes on the device, all ones (NaN in both types), between guards. */
static inline void *numbers_alloc(size_t bytes) {
  unsigned char *p = NULL;
  numbers_ok((int)cudaMalloc((void **)&p, bytes + 2 * NUMBERS_GUARD), "cudaMalloc");
  numbers_ok((int)cudaMemset(p, 0x5a, bytes + 2 * NUMBERS_GUARD), "cudaMemset");
  numbers_ok((int)cudaMemset(p + NUMBERS_GUARD, 0xff, bytes), "cudaMemset");
  return p + NUMBERS_GUARD;
}

/* Looks at the guards. */
static inline void numbers_free(void *array, size_t bytes, const char *what) {
  unsigned char *p = (unsigned char *)array - NUMBERS_GUARD, guard[NUMBERS_GUARD];
  for (int side = 0; side < 2; side++) {
    numbers_ok((int)cudaMemcpy(guard, p + (side ? NUMBERS_GUARD + bytes : 0), NUMBERS_GUARD, cudaMemcpyDeviceToHost),
               "cudaMemcpy");
    for (int i = 0; i < NUMBERS_GUARD; i++)
      if (guard[i] != 0x5a) fail_msg("%s: byte %d %s it was written", what, i, side ? "behind" : "of those before");
  }
  numbers_ok((int)cudaFree(p), "cudaFree");
}

/* n numbers of a type; bf16 are cut off, so give rounded ones. */
static inline void numbers_write(trm__cuda_type type, void *to, const float *x, size_t n) {
  if (type == TRM__CUDA_F32) {
    numbers_ok((int)cudaMemcpy(to, x, 4 * n, cudaMemcpyHostToDevice), "cudaMemcpy");
    return;
  }
  uint16_t *bits = malloc(2 * n + 1);
  for (size_t i = 0; i < n; i++) {
    uint32_t u;
    memcpy(&u, x + i, 4);
    bits[i] = (uint16_t)(u >> 16);
  }
  numbers_ok((int)cudaMemcpy(to, bits, 2 * n, cudaMemcpyHostToDevice), "cudaMemcpy");
  free(bits);
}
static inline void numbers_read(trm__cuda_type type, float *x, const void *from, size_t n) {
  if (type == TRM__CUDA_F32) {
    numbers_ok((int)cudaMemcpy(x, from, 4 * n, cudaMemcpyDeviceToHost), "cudaMemcpy");
    return;
  }
  uint16_t *bits = malloc(2 * n + 1);
  numbers_ok((int)cudaMemcpy(bits, from, 2 * n, cudaMemcpyDeviceToHost), "cudaMemcpy");
  for (size_t i = 0; i < n; i++) {
    uint32_t u = (uint32_t)bits[i] << 16;
    memcpy(x + i, &u, 4);
  }
  free(bits);
}

/* n normal numbers times `deviation`, rounded to the type. */
static inline float *numbers_random(trm__cuda_type type, size_t n, float deviation, uint64_t seed) {
  float *x = malloc(4 * n + 4);
  trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, 0);
  for (size_t i = 0; i < n; i++) x[i] = numbers_rounded(type, deviation * (float)trm__rng_normal(&rng));
  return x;
}

/* The same on the device. */
static inline void *numbers_upload(trm__cuda_type type, const float *x, size_t n) {
  void *p = numbers_alloc(n * numbers_size(type));
  numbers_write(type, p, x, n);
  return p;
}

/* The distance of x from the reference over the reference's length; NaN when there is one. */
static inline double numbers_distance(const float *x, const double *reference, size_t n) {
  double off = 0, all = 0;
  for (size_t i = 0; i < n; i++) {
    off += ((double)x[i] - reference[i]) * ((double)x[i] - reference[i]);
    all += reference[i] * reference[i];
  }
  return sqrt(off) / (sqrt(all) + 1e-30);
}
static inline void numbers_near(const float *x, const double *reference, size_t n, double tolerance, const char *what) {
  double distance = numbers_distance(x, reference, n);
  if (!(distance <= tolerance)) fail_msg("%s: distance %.3g, allowed %.3g", what, distance, tolerance);
}

/* The default stream of the first device, waiting after each launch. */
static inline trm__cuda_queue numbers_queue(void) {
  trm__cuda_queue q = {0};
  int major = 0, minor = 0;
  numbers_ok((int)cudaDeviceGetAttribute(&q.sms, cudaDevAttrMultiProcessorCount, 0), "device");
  numbers_ok((int)cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0), "device");
  numbers_ok((int)cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0), "device");
  numbers_ok((int)cudaDeviceGetAttribute(&q.shared_per_block, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0), "device");
  q.capability = 10 * major + minor;
  q.check = 1;
  return q;
}
static inline void numbers_finish(const trm__cuda_queue *q) {
  numbers_ok((int)cudaDeviceSynchronize(), "waiting");
  if (q->fault) fail_msg("%s: CUDA error %d", q->kernel, q->fault);
}

#endif
