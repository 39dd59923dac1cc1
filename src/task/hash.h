/* Hashes of token arrays: FNV-1a over 32-bit tokens, then the finalizer of SplitMix64, so that all bits are spread. */
#ifndef TRM_TASK_HASH_H
#define TRM_TASK_HASH_H

#include <stdint.h>

#define TRM__HASH_START 0xcbf29ce484222325u

static inline uint64_t trm__hash_token(uint64_t hash, int32_t token) {
  return (hash ^ (uint32_t)token) * 0x100000001b3u;
}

static inline uint64_t trm__hash_finish(uint64_t hash) {
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
  return hash ^ (hash >> 31);
}

#endif
