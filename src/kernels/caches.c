/* The sizes of a core's caches as the C library knows them; where it does not, the values below stay. */
#include "kernels/caches.h"

#include <unistd.h>

trm__caches trm__caches_used = {.l1 = 32768, .l2 = 524288};

void trm__caches_read(void) {
#ifdef _SC_LEVEL1_DCACHE_SIZE
  long l1 = sysconf(_SC_LEVEL1_DCACHE_SIZE), l2 = sysconf(_SC_LEVEL2_CACHE_SIZE);
  if (l1 >= 8192 && l2 >= l1) trm__caches_used = (trm__caches){(size_t)l1, (size_t)l2};
#endif
}
