/* SHA-256 as FIPS 180-4 writes it; its names (a to h, W, K, the sigmas) are kept. */
#include "base/sha256.h"

#include <stdio.h>
#include <string.h>

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t sha256_rotate(uint32_t x, int n) {
  return x >> n | x << (32 - n);
}

static uint32_t sha256_word(const unsigned char *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void sha256_block(uint32_t state[8], const unsigned char *block) {
  uint32_t W[64];
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6],
           h = state[7];
  for (int t = 0; t < 16; t++) W[t] = sha256_word(block + 4 * t);
  for (int t = 16; t < 64; t++) {
    uint32_t x = W[t - 15], y = W[t - 2];
    uint32_t sigma0 = sha256_rotate(x, 7) ^ sha256_rotate(x, 18) ^ x >> 3,
             sigma1 = sha256_rotate(y, 17) ^ sha256_rotate(y, 19) ^ y >> 10;
    W[t] = sigma1 + W[t - 7] + sigma0 + W[t - 16];
  }
  for (int t = 0; t < 64; t++) {
    uint32_t sum1 = sha256_rotate(e, 6) ^ sha256_rotate(e, 11) ^ sha256_rotate(e, 25), choice = (e & f) ^ (~e & g);
    uint32_t sum0 = sha256_rotate(a, 2) ^ sha256_rotate(a, 13) ^ sha256_rotate(a, 22),
             majority = (a & b) ^ (a & c) ^ (b & c);
    uint32_t first = h + sum1 + choice + K[t] + W[t], second = sum0 + majority;
    h = g, g = f, f = e, e = d + first;
    d = c, c = b, b = a, a = first + second;
  }
  const uint32_t add[8] = {a, b, c, d, e, f, g, h};
  for (int i = 0; i < 8; i++) state[i] += add[i];
}

/* The first 32 bits of the fractional parts of the square roots of the first eight primes. */
void trm__sha256_begin(trm__sha256 *sha) {
  *sha = (trm__sha256){
      .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void trm__sha256_add(trm__sha256 *sha, const void *data, size_t size) {
  const unsigned char *from = data;
  size_t filled = sha->size % sizeof sha->block;
  if (!size) return; /* data may be NULL */
  sha->size += size;
  if (filled) {
    size_t part = sizeof sha->block - filled < size ? sizeof sha->block - filled : size;
    memcpy(sha->block + filled, from, part);
    from += part, size -= part;
    if (filled + part < sizeof sha->block) return;
    sha256_block(sha->state, sha->block);
  }
  for (; size >= sizeof sha->block; from += sizeof sha->block, size -= sizeof sha->block)
    sha256_block(sha->state, from);
  memcpy(sha->block, from, size);
}

/* After the message a bit 1, zeros, and its length in bits in the last 8 bytes of a block. */
void trm__sha256_end(trm__sha256 *sha, char hex[TRM__SHA256_HEX]) {
  static const unsigned char pad[64] = {0x80};
  uint64_t bits = 8 * sha->size;
  unsigned char length[8];
  size_t filled = sha->size % sizeof sha->block;
  for (int i = 0; i < 8; i++) length[i] = (unsigned char)(bits >> (56 - 8 * i));
  trm__sha256_add(sha, pad, filled < 56 ? 56 - filled : 120 - filled);
  trm__sha256_add(sha, length, sizeof length);
  for (int i = 0; i < 8; i++) (void)snprintf(hex + 8 * i, 9, "%08x", (unsigned)sha->state[i]);
}
