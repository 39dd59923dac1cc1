/* The sizes of a core's caches, from which the matrix products take their blocks. Blocks do not change results. */
#ifndef TRM_KERNELS_CACHES_H
#define TRM_KERNELS_CACHES_H

#include <stddef.h>

typedef struct trm__caches {
  size_t l1, l2; /* bytes of data */
} trm__caches;

/* What the products use: 32 KiB and 512 KiB until trm__caches_read has asked the machine (select.c does). */
extern trm__caches trm__caches_used;

void trm__caches_read(void);

#endif
