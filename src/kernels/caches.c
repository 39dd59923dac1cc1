/* The sizes of a core's caches as the machine tells them; where it does not, the values below stay. */
#include "kernels/caches.h"

#include "base/os/machine.h"

trm__caches trm__caches_used = {.l1 = 32768, .l2 = 524288};

void trm__caches_read(void) {
  size_t l1 = trm__cache_bytes(1), l2 = trm__cache_bytes(2);
  if (l1 >= 8192 && l2 >= l1) trm__caches_used = (trm__caches){l1, l2};
}
