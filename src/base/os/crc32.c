/* CRC-32 (IEEE 802.3, as zip and PNG use it), eight bytes a step: table k holds the effect of a byte that is followed
 * by k zero bytes (Kounavis and Berry, "A systematic approach to building high performance software-based CRC
 * generators", 2005). */
#include <pthread.h>
#include <string.h>

#include "base/os/file.h"

static uint32_t crc_table[8][256];
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static void crc_make_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    crc_table[0][i] = crc;
  }
  for (int k = 1; k < 8; k++)
    for (uint32_t i = 0; i < 256; i++)
      crc_table[k][i] = crc_table[k - 1][i] >> 8 ^ crc_table[0][crc_table[k - 1][i] & 255];
}

static uint32_t crc_word(const unsigned char *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t trm__crc32(uint32_t crc, const void *data, size_t size) {
  pthread_once(&crc_once, crc_make_table);
  const unsigned char *p = data;
  crc = ~crc;
  for (; size >= 8; size -= 8, p += 8) {
    uint32_t a = crc ^ crc_word(p), b = crc_word(p + 4);
    crc = crc_table[7][a & 255] ^ crc_table[6][a >> 8 & 255] ^ crc_table[5][a >> 16 & 255] ^ crc_table[4][a >> 24] ^
          crc_table[3][b & 255] ^ crc_table[2][b >> 8 & 255] ^ crc_table[1][b >> 16 & 255] ^ crc_table[0][b >> 24];
  }
  for (; size; size--) crc = crc >> 8 ^ crc_table[0][(crc ^ *p++) & 255];
  return ~crc;
}
