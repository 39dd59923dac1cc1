/* The host's side of kernels/cuda/product/wgmma.cuh. Operands are found as the hardware finds them, from the
 * descriptor's bits alone: each number's address from the two distances, then the swizzle, which exchanges bits 4-6 of
 * the address with their exclusive or with bits 7-9; that of 64 bytes bits 4-5 with bits 7-8. Each thread makes its own
 * sums of a product, some products at once and some as late as the wait allows, so that tiles which come too late or go
 * too early show in the numbers. */
#ifndef TRM_CUDA_EMULATOR_WGMMA_EMULATE_H
#define TRM_CUDA_EMULATOR_WGMMA_EMULATE_H

struct trm_wgmma_product {
  float (*acc)[4];
  int blocks; /* of 8 columns */
  bool outer_a, outer_b;
  uint64_t a, b;
  int group;            /* number of commits before it */
  const uint32_t *held; /* A in registers, NULL: in shared memory */
  uint32_t quad[4][4];  /* what the four lanes of the same rows held */
};

struct trm_wgmma_flight {
  enum { MOST = 64 };
  trm_wgmma_product product[MOST];
  int begin = 0, end = 0, groups = 0;
};

TRM_DEVICE uint32_t trm_shared_address(const void *shared) {
  return (uint32_t)((const unsigned char *)shared - trm::self->shared);
}

/* Number (row, k) of the operand that a descriptor tells, k < 16; mn_major: of its stored transpose. */
TRM_DEVICE float trm__wgmma_number(uint64_t descriptor, bool mn_major, int row, int k) {
  uint32_t start = (uint32_t)(descriptor & 0x3fff) << 4, leading = (uint32_t)(descriptor >> 16 & 0x3fff) << 4;
  uint32_t stride = (uint32_t)(descriptor >> 32 & 0x3fff) << 4;
  uint64_t mode = descriptor >> 62;
  if (mode != 1 && !(mode == 2 && !mn_major))
    trm::fail("wgmma with swizzle mode %d: only 128 bytes is emulated, and 64 along k", (int)mode);
  if (descriptor >> 49 & 7) trm::fail("wgmma with a base offset");
  uint32_t at = mn_major
                    ? (uint32_t)(row / 64) * leading + (uint32_t)(k / 8) * stride + (uint32_t)(k % 8) * 128 +
                          (uint32_t)(row % 64) * 2
                    : (uint32_t)(row / 8) * stride + (uint32_t)(row % 8) * (mode == 1 ? 128 : 64) + (uint32_t)k * 2;
  at += start;
  at ^= (at >> 7 & (mode == 1 ? 7 : 3)) << 4;
  if (at + 2 > trm::self->shared_bytes) trm::fail("wgmma reads byte %u of %zu", at, trm::self->shared_bytes);
  trm_bf16 x;
  memcpy(&x, trm::self->shared + at, sizeof x);
  return trm_to_float(x);
}

/* Number (row, k) of the held operand, row being the lane's first row or 8 more. */
TRM_DEVICE float trm__wgmma_held_number(const trm_wgmma_product &w, int upper, int k) {
  uint32_t word = w.quad[k % 8 / 2][upper + k / 8 * 2];
  return k & 1 ? trm_high_float(word) : trm_low_float(word);
}

TRM_DEVICE void trm__wgmma_run(const trm_wgmma_product &w) {
  int thread = (int)threadIdx.x % 128, row = thread / 32 * 16 + thread % 32 / 4, col = thread % 4 * 2;
  if (w.held && memcmp(w.held, w.quad[thread % 4], sizeof w.quad[0]) != 0)
    trm::fail("registers of a wgmma under way changed");
  for (int k = 0; k < 16; k++) {
    float a[2];
    for (int upper = 0; upper < 2; upper++)
      a[upper] = w.held ? trm__wgmma_held_number(w, upper, k) : trm__wgmma_number(w.a, w.outer_a, row + 8 * upper, k);
    for (int j = 0; j < w.blocks; j++)
      for (int e = 0; e < 2; e++) {
        float b = trm__wgmma_number(w.b, w.outer_b, 8 * j + col + e, k);
        w.acc[j][e] += a[0] * b;
        w.acc[j][2 + e] += a[1] * b;
      }
  }
}

TRM_DEVICE void trm__wgmma_drain(trm_wgmma_flight &flight, int groups) {
  while (flight.begin < flight.end && flight.groups - flight.product[flight.begin].group > groups)
    trm__wgmma_run(flight.product[flight.begin++]);
  if (flight.begin == flight.end) flight.begin = flight.end = 0;
}

template <int TA, int TB, int NT>
TRM_DEVICE void trm_wgmma(trm_wgmma_flight &flight, float (&acc)[NT][4], uint64_t a, uint64_t b) {
  if (flight.end == trm_wgmma_flight::MOST) trm::fail("too many wgmma under way");
  flight.product[flight.end++] = {acc, NT, TA != 0, TB != 0, a, b, flight.groups, nullptr, {}};
  if ((flight.groups + (int)blockIdx.x) % 3 == 0) trm__wgmma_drain(flight, -1);
}
template <int TB, int NT>
TRM_DEVICE void trm_wgmma_held(trm_wgmma_flight &flight, float (&acc)[NT][4], const uint32_t (&a)[4], uint64_t b) {
  if (flight.end == trm_wgmma_flight::MOST) trm::fail("too many wgmma under way");
  trm_wgmma_product w = {acc, NT, false, TB != 0, 0, b, flight.groups, a, {}};
  for (int lane = 0; lane < 4; lane++)
    for (int r = 0; r < 4; r++)
      w.quad[lane][r] = (uint32_t)trm::shuffle(a[r], (int)threadIdx.x % 32 / 4 * 4 + lane, 0xffffffffu);
  flight.product[flight.end++] = w;
  if ((flight.groups + (int)blockIdx.x) % 3 == 0) trm__wgmma_drain(flight, -1);
}
TRM_DEVICE void trm_wgmma_fence(void) {}
TRM_DEVICE void trm_wgmma_commit(trm_wgmma_flight &flight) {
  flight.groups++;
}
template <int N> TRM_DEVICE void trm_wgmma_wait(trm_wgmma_flight &flight) {
  trm__wgmma_drain(flight, N);
}
TRM_DEVICE void trm_proxy_fence(void) {}
template <int NT> TRM_DEVICE void trm_wgmma_settle(float (&)[NT][4]) {}

#endif
