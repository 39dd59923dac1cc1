/* Arrays of numbers for the benchmark's kernels; without memory it ends the program. */
#ifndef TRM_BENCH_NUMBERS_H
#define TRM_BENCH_NUMBERS_H

#include <stddef.h>

#include "kernels/kernels.h"

trm__real *numbers(size_t n, double low, double high); /* trm__free */

#endif
