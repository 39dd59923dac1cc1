/* oneDNN's matrix product as a contestant: C = AB with B in the layout that the library likes best (prepared before
 * the clock starts, as ours), on the number of threads given. Without the library when this was built every function
 * says so. */
#ifndef TRM_BENCH_ONEDNN_H
#define TRM_BENCH_ONEDNN_H

#include "ceilings.h"
#include "measure.h"

const char *onednn_version(void); /* "oneDNN 2.6.3"; NULL when it was not there at build time */

typedef struct onednn onednn;
/* m x n, sum over k; a_transposed: A is stored [k][m]. Types: f32 x f32 -> f32, bf16 x bf16 -> bf16, u8 x s8 -> s32.
 * NULL when the library has only its reference code for it on this machine, or none. */
onednn *onednn_open(number_type type, int m, int n, int k, int a_transposed, int threads);
void onednn_close(onednn **p);
contestant onednn_contestant(onednn *p);

#endif
