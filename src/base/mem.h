/* Memory: every allocation of the library goes through here, so that tests can make each one fail in turn and so
 * that a run's memory can be counted. Products of sizes are checked for overflow. */
#ifndef TRM_BASE_MEM_H
#define TRM_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>

#define TRM__ALIGN 64 /* bytes: a cache line, and the widest vector register */

/* count * size zeroed bytes aligned to TRM__ALIGN, or NULL (overflow included). Zero bytes give a valid pointer. */
void *trm__calloc(size_t count, size_t size);
void *trm__realloc(void *p, size_t count, size_t size); /* p from this file or NULL; new bytes are not zeroed */
void trm__free(void *p);                                /* accepts NULL */
char *trm__strdup(const char *s);                       /* this and the next: NULL without memory; trm__free */
char *trm__format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* false when a * b overflows. */
int trm__mul_size(size_t a, size_t b, size_t *product);

/* Bytes now allocated and the highest value so far; for memory predictions that are tested. */
size_t trm__mem_used(void);
size_t trm__mem_peak(void);
void trm__mem_reset_peak(void);

/* Tests: the countdown-th allocation from now fails, once; 0 switches it off. Returns how many allocations were
 * counted since the last call. */
size_t trm__mem_fail_at(size_t countdown);

/* An arena: buffers planned once and freed together. First pass (base NULL) only measures, second hands out. */
typedef struct trm__arena {
  unsigned char *base;
  size_t size, used;
} trm__arena;

/* count * size bytes aligned to TRM__ALIGN; NULL while measuring (base == NULL), used grows all the same.
 * An overflow makes used SIZE_MAX, which trm__arena_alloc then refuses. */
void *trm__arena_take(trm__arena *arena, size_t count, size_t size);
trm_status trm__arena_alloc(trm__arena *arena, trm_error *err); /* after measuring: allocates used bytes, rewinds */
void trm__arena_free(trm__arena *arena);

#endif
