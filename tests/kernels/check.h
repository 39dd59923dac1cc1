/* What the kernel tests share: the variants this machine can run, buffers between guard pages, random numbers and
 * comparisons that a NaN fails. */
#ifndef TRM_TESTS_KERNELS_CHECK_H
#define TRM_TESTS_KERNELS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernels/isa.h"

#ifdef TRM_TEST_WIDE
extern const trm__offer trm__offer_bytes, trm__offer_wide, trm__offer_wide_bf16;
#endif

/* The library's lines, and those of the 16-lane templates over pairs of AVX2 vectors, which run wherever AVX2 does. */
static inline trm__isa_table *variant_table(void) {
  static trm__isa lines[TRM__ISA_MOST];
  static trm__isa_table table;
  if (table.count) return &table;
  const trm__isa_table *built_in = trm__isa_table_built_in();
  int count = built_in->count;
  memcpy(lines, built_in->line, (size_t)count * sizeof *lines);
#ifdef TRM_TEST_WIDE
  lines[count++] = (trm__isa){.name = "avxvnni on avx2", .needs = "avx2", .offer = &trm__offer_bytes};
  lines[count++] = (trm__isa){.name = "avx512 on avx2", .needs = "avx2", .offer = &trm__offer_wide};
  lines[count++] = (trm__isa){.name = "avx512bf16 on avx2", .needs = "avx512 on avx2", .offer = &trm__offer_wide_bf16};
#endif
  trm__isa_table_open(&table, lines, count);
  return &table;
}

/* The kernels of the i-th line with what it needs, plain C first; NULL after the last. */
static inline const trm__kernels *variant(int i) {
  static trm__kernels made[TRM__ISA_MOST];
  trm__isa_table *table = variant_table();
  for (int line = 0; line < table->count; line++) {
    if (!(table->present >> line & 1) || i-- > 0) continue;
    const trm__isa_choice choice = {table, trm__isa_with_needs(table, line)};
    if (!made[line].isa[0]) trm__isa_kernels(&made[line], &choice, TRM__ISA_ALL_TYPES);
    return &made[line];
  }
  return NULL;
}

/* n floats that end at an unreadable page, after a page part filled with a canary and another unreadable page: reading
 * or writing past the end stops the test, writing before the start is found by guarded_free. */
typedef struct guarded {
  float *x;
  size_t n;
  unsigned char *map;
  size_t map_size, page;
} guarded;

#define CANARY 0xa5

static inline guarded guarded_new(size_t n) {
  guarded g = {.n = n, .page = (size_t)sysconf(_SC_PAGESIZE)};
  size_t inside = (n * sizeof(float) + 64 + g.page - 1) / g.page * g.page;
  g.map_size = inside + 2 * g.page;
  g.map = mmap(NULL, g.map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(g.map != MAP_FAILED);
  memset(g.map + g.page, CANARY, inside);
  assert_int_equal(mprotect(g.map, g.page, PROT_NONE), 0);
  assert_int_equal(mprotect(g.map + g.page + inside, g.page, PROT_NONE), 0);
  g.x = (float *)(void *)(g.map + g.page + inside - n * sizeof(float));
  return g;
}

static inline void guarded_free(guarded *g) {
  for (unsigned char *p = g->map + g->page; p < (unsigned char *)g->x; p++) assert_int_equal(*p, CANARY);
  munmap(g->map, g->map_size);
  g->map = NULL;
}

static uint64_t check_state = 1;

static inline uint64_t random_bits(void) {
  uint64_t z = (check_state += 0x9e3779b97f4a7c15U);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}
static inline int random_below(int n) {
  return (int)(random_bits() % (uint64_t)n);
}
static inline float random_real(void) {
  return (float)(random_bits() >> 40) * 0x1p-23F - 1;
} /* [-1, 1) */

typedef enum fill_kind {
  FILL_UNIT,
  FILL_WHOLE,
  FILL_ZERO,
  FILL_HUGE,
  FILL_SUBNORMAL,
  FILL_WIDE,
  FILL_TINY,
  FILL_SMALL,
  FILL_LARGEST
} fill_kind;

/* FILL_WHOLE: whole numbers -3..3, so that sums are exact. FILL_WIDE: magnitudes from 1e-20 to 1e20. */
static inline void fill(float *x, size_t n, fill_kind kind) {
  for (size_t i = 0; i < n; i++) {
    float r = random_real();
    if (kind == FILL_WHOLE) x[i] = (float)(random_below(7) - 3);
    else if (kind == FILL_ZERO) x[i] = 0;
    else if (kind == FILL_HUGE) x[i] = r * 1e18F;
    else if (kind == FILL_SUBNORMAL) x[i] = r * 1e-39F;
    else if (kind == FILL_TINY) x[i] = r * 1e-38F;
    else if (kind == FILL_SMALL) x[i] = r * 1e-6F;
    else if (kind == FILL_LARGEST) x[i] = r * 1e38F;
    else if (kind == FILL_WIDE) x[i] = r * powf(10, 20 * random_real());
    else x[i] = r;
  }
}

static inline guarded guarded_filled(size_t n, fill_kind kind) {
  guarded g = guarded_new(n);
  fill(g.x, n, kind);
  return g;
}

static inline guarded guarded_copy(const float *x, size_t n) {
  guarded g = guarded_new(n);
  if (n) memcpy(g.x, x, n * sizeof *x);
  return g;
}

static inline float to_bf16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (isnan(x)) return x;
  uint32_t low = bits & 0xffffU, kept = bits & 0xffff0000U;
  if (low > 0x8000U || (low == 0x8000U && (kept & 0x10000U))) kept += 0x10000U;
  memcpy(&x, &kept, sizeof x);
  return x;
}

/* Equal, or both NaN, or within tolerance. */
static inline int close_to(double got, double want, double tolerance) {
  if (isnan(want)) return isnan(got);
  if (isinf(want) || isinf(got)) return got == want;
  return fabs(got - want) <= tolerance;
}

#define CHECK_CLOSE(got, want, tolerance, ...)                                                                         \
  do {                                                                                                                 \
    double got_ = (got), want_ = (want), tolerance_ = (tolerance);                                                     \
    if (!close_to(got_, want_, tolerance_)) {                                                                          \
      print_error(__VA_ARGS__);                                                                                        \
      print_error(": got %.9g, want %.9g, tolerance %.3g\n", got_, want_, tolerance_);                                 \
      fail();                                                                                                          \
    }                                                                                                                  \
  } while (0)

#endif
