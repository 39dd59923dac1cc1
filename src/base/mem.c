/* Counted, aligned, zeroed memory. Each block has one cache line in front of it that holds its size, so that freeing
 * can count down; the block's end is the allocation's end, so that sanitizers see every byte written past it.
 *
 * A large block comes from the kernel as zero pages that nobody has touched. A page gets its memory when a thread first
 * writes to it, on the memory node of that thread's core: a worker's scratch, or the part of an array that the worker
 * fills, lies near that worker, and what is never used takes no memory. Huge pages are asked for, because products walk
 * over more weights than the TLB holds small pages. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/status.h"
#include "base/text/numbers.h"

/* Blocks of this size and more are mapped. Address sanitizers know nothing of mappings: they get all blocks from
 * malloc. */
#if defined(__SANITIZE_ADDRESS__)
#define MAPPED_BYTES SIZE_MAX
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MAPPED_BYTES SIZE_MAX
#endif
#endif
#ifndef MAPPED_BYTES
#define MAPPED_BYTES ((size_t)2 << 20) /* the size of a huge page */
#endif

static atomic_size_t mem_used, mem_peak;
static atomic_size_t mem_counted, mem_failing; /* allocations since trm__mem_fail_at; which of them fails, 0 for none */

int trm__mul_size(size_t a, size_t b, size_t *product) {
  return !__builtin_mul_overflow(a, b, product);
}

static size_t *mem_size(void *p) {
  return (size_t *)(void *)((unsigned char *)p - TRM__ALIGN);
}

static void mem_count_up(size_t bytes) {
  size_t now = atomic_fetch_add(&mem_used, bytes) + bytes;
  size_t peak = atomic_load(&mem_peak);
  while (now > peak && !atomic_compare_exchange_weak(&mem_peak, &peak, now)) {
  }
}

static void *mem_map(size_t bytes) {
  void *raw = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return NULL;
  (void)madvise(raw, bytes, MADV_HUGEPAGE); /* a wish: kernels without huge pages refuse it */
  return raw;
}

/* bytes uninitialised bytes (zeroed from MAPPED_BYTES on), or NULL. */
static void *mem_allocate(size_t bytes) {
  size_t number = atomic_fetch_add(&mem_counted, 1) + 1;
  if (number == atomic_load(&mem_failing)) return NULL;
  void *raw = NULL;
  if (bytes > (size_t)PTRDIFF_MAX - TRM__ALIGN) return NULL;
  if (bytes >= MAPPED_BYTES) raw = mem_map(bytes + TRM__ALIGN);
  else if (posix_memalign(&raw, TRM__ALIGN, bytes + TRM__ALIGN)) raw = NULL;
  if (!raw) return NULL;
  void *p = (unsigned char *)raw + TRM__ALIGN;
  *mem_size(p) = bytes;
  mem_count_up(bytes);
  return p;
}

void *trm__calloc(size_t count, size_t size) {
  size_t bytes;
  if (!trm__mul_size(count, size, &bytes)) return NULL;
  void *p = mem_allocate(bytes);
  if (p && bytes < MAPPED_BYTES) memset(p, 0, bytes);
  return p;
}

void *trm__realloc(void *p, size_t count, size_t size) {
  size_t bytes;
  if (!trm__mul_size(count, size, &bytes)) return NULL;
  void *grown = mem_allocate(bytes);
  if (!grown || !p) return grown;
  size_t old = *mem_size(p);
  memcpy(grown, p, old < bytes ? old : bytes);
  trm__free(p);
  return grown;
}

void trm__free(void *p) {
  if (!p) return;
  size_t bytes = *mem_size(p);
  void *raw = (unsigned char *)p - TRM__ALIGN;
  atomic_fetch_sub(&mem_used, bytes);
  if (bytes >= MAPPED_BYTES) (void)munmap(raw, bytes + TRM__ALIGN);
  else free(raw);
}

char *trm__strdup(const char *s) {
  size_t bytes = strlen(s) + 1;
  char *copy = mem_allocate(bytes);
  if (copy) memcpy(copy, s, bytes);
  return copy;
}

char *trm__format(const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int length = trm__vprint(NULL, 0, format, args);
  va_end(args);
  char *text = length < 0 ? NULL : mem_allocate((size_t)length + 1);
  if (text) trm__vprint(text, (size_t)length + 1, format, again);
  va_end(again);
  return text;
}

size_t trm__mem_used(void) {
  return atomic_load(&mem_used);
}

size_t trm__mem_peak(void) {
  return atomic_load(&mem_peak);
}

void trm__mem_reset_peak(void) {
  atomic_store(&mem_peak, atomic_load(&mem_used));
}

size_t trm__mem_fail_at(size_t countdown) {
  size_t before = atomic_exchange(&mem_counted, 0);
  atomic_store(&mem_failing, countdown);
  return before;
}

void *trm__arena_take(trm__arena *arena, size_t count, size_t size) {
  size_t bytes, start, end;
  if (arena->used == SIZE_MAX || !trm__mul_size(count, size, &bytes) ||
      __builtin_add_overflow(arena->used, (size_t)TRM__ALIGN - 1, &start)) {
    arena->used = SIZE_MAX;
    return NULL;
  }
  start &= ~((size_t)TRM__ALIGN - 1);
  if (__builtin_add_overflow(start, bytes, &end)) {
    arena->used = SIZE_MAX;
    return NULL;
  }
  arena->used = end;
  return arena->base && end <= arena->size ? arena->base + start : NULL;
}

trm_status trm__arena_alloc(trm__arena *arena, trm_error *err) {
  arena->base = arena->used == SIZE_MAX ? NULL : trm__calloc(arena->used, 1);
  if (!arena->base) return trm__fail_memory(err, "arena", arena->used);
  arena->size = arena->used;
  arena->used = 0;
  return TRM_OK;
}

void trm__arena_free(trm__arena *arena) {
  trm__free(arena->base);
  *arena = (trm__arena){0};
}
