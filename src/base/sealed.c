/* Sealed blocks: see sealed.h. */
#include "base/sealed.h"

#include <string.h>

#include "base/os/file.h"

#define SUMMED_FROM 16

static uint32_t seal_sum(const void *bytes, size_t size) {
  return trm__crc32(0, (const unsigned char *)bytes + SUMMED_FROM, size - SUMMED_FROM);
}

void trm__seal_put(void *bytes, size_t size, const char magic[8], uint32_t format) {
  trm__seal seal = {.format = format, .size = size};
  memcpy(seal.magic, magic, sizeof seal.magic);
  memcpy(bytes, &seal, sizeof seal);
  seal.crc = seal_sum(bytes, size);
  memcpy(bytes, &seal, sizeof seal);
}

const char *trm__seal_fault(const void *bytes, size_t size, const char magic[8], uint32_t format, const char *other) {
  trm__seal seal;
  if (size < sizeof seal) return "cut short";
  memcpy(&seal, bytes, sizeof seal);
  if (memcmp(seal.magic, magic, sizeof seal.magic) != 0) return other;
  if (seal.format != format) return "a format that this version does not know";
  if (seal.size != size) return "cut short, or longer than it says";
  return seal.crc == seal_sum(bytes, size) ? NULL : "damaged: its checksum does not match";
}
