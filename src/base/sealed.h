/* A block of bytes that says what it is and whether it is whole, in memory as on disk. It begins, little-endian, with
 *
 *   offset  bytes
 *        0      8  which kind of block
 *        8      4  u32, its format's number
 *       12      4  u32, CRC-32 (IEEE) of all bytes from 16 on
 *       16      8  u64, bytes of the whole
 */
#ifndef TRM_BASE_SEALED_H
#define TRM_BASE_SEALED_H

#include <stddef.h>
#include <stdint.h>

typedef struct trm__seal {
  char magic[8];
  uint32_t format, crc;
  uint64_t size;
} trm__seal;

/* Writes the beginning of a block whose other bytes are there. size: of the whole, at least a trm__seal. */
void trm__seal_put(void *bytes, size_t size, const char magic[8], uint32_t format);
/* What is wrong with a block, or NULL. size may be any. other: what is said of another kind
 * of block, "not a state of trm". */
const char *trm__seal_fault(const void *bytes, size_t size, const char magic[8], uint32_t format, const char *other);

#endif
