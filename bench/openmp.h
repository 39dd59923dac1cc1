/* OpenMP's run time (libgomp), loaded when it is there: its threads are oneDNN's, and its fork and join is what the
 * pool is compared with. The compiler need not know OpenMP. */
#ifndef TRM_BENCH_OPENMP_H
#define TRM_BENCH_OPENMP_H

#include "measure.h"

int openmp_load(void); /* 0 when there is no libgomp */
void openmp_set_threads(int threads);

/* One empty parallel region on `threads` threads. */
typedef struct openmp_region {
  int threads;
} openmp_region;
contestant openmp_contestant(openmp_region *r);

#endif
