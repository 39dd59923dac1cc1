/* SHA-256 (FIPS 180-4) over a stream of bytes: begin, add as often as wanted, end. It tells damage and names versions
 * of a model (model/file/checksum.h); nothing secret is derived from it. */
#ifndef TRM_BASE_SHA256_H
#define TRM_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct trm__sha256 {
  uint32_t state[8];
  uint64_t size;           /* bytes so far */
  unsigned char block[64]; /* the last size % 64 of them */
} trm__sha256;

void trm__sha256_begin(trm__sha256 *sha);
void trm__sha256_add(trm__sha256 *sha, const void *data, size_t size);
#define TRM__SHA256_HEX 65
void trm__sha256_end(trm__sha256 *sha, char hex[TRM__SHA256_HEX]); /* 64 digits, lower case */

#endif
