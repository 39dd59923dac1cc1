/* What this machine can do at most: multiply-adds in registers for each type of number, and reading from its caches
 * and memory. Shares in the table are shares of these, measured beside each row. */
#ifndef TRM_BENCH_CEILINGS_H
#define TRM_BENCH_CEILINGS_H

#include <stddef.h>

#include "base/pool.h"
#include "kernels/isa.h"
#include "measure.h"

typedef enum number_type { TYPE_FLOAT32, TYPE_BFLOAT16, TYPE_INT8, NUMBER_TYPES } number_type;
const char *type_name(number_type type); /* "f32", "bf16", "int8" */

typedef struct ceiling {
  const char *name; /* "VFMADD, 256 bits" */
  const char *isa;  /* of the kernels that use it first (kernels/select.c) */
  number_type type;
  double (*chains)(int rounds); /* independent chains of multiply-adds in registers; returns the operations done */
} ceiling;

size_t ceilings_count(void); /* those that this machine can run, the fastest of a type last */
const ceiling *ceilings_at(size_t index);
/* The one that these kernels are judged by: the last of its type whose instruction set they use; without one that of
 * float32, with which such kernels compute. */
const ceiling *ceiling_of(number_type type, const trm__kernels *kernels);

/* As a contestant: the ceiling on every thread of a pool (NULL: on this thread, by its own clock). */
typedef struct ceiling_run {
  const ceiling *ceiling;
  trm__pool *pool;
  double operations; /* of one run */
} ceiling_run;
contestant ceiling_contestant(ceiling_run *run, const ceiling *c, trm__pool *pool);

typedef struct cache_sizes {
  size_t l1, l2, l3; /* bytes; 0: unknown */
} cache_sizes;
cache_sizes cache_sizes_read(void);

/* As a contestant: each thread of the pool reads `bytes` of its own memory. */
typedef struct reading {
  trm__pool *pool;
  size_t bytes;
  unsigned char **memory; /* [threads] */
  int threads;
} reading;
int reading_open(reading *r, trm__pool *pool, size_t bytes); /* 0 without memory */
void reading_close(reading *r);
contestant reading_contestant(reading *r);

#endif
