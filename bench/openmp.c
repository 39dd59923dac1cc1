/* libgomp by its documented entry points (openmp.h). */
#include "openmp.h"

#include <dlfcn.h>
#include <string.h>

typedef void (*set_threads_fn)(int threads);
typedef void (*parallel_fn)(void (*fn)(void *), void *data, unsigned threads, unsigned flags);

static set_threads_fn set_threads;
static parallel_fn parallel;

/* dlsym gives an object pointer; copying the bytes is the one conversion that both C and POSIX accept. */
static void find(void *library, const char *name, void *function, size_t size) {
  void *symbol = dlsym(library, name);
  memcpy(function, &symbol, size);
}

int openmp_load(void) {
  if (parallel) return 1;
  void *library = dlopen("libgomp.so.1", RTLD_NOW | RTLD_GLOBAL); /* the same one that oneDNN is linked with */
  if (!library) return 0;
  find(library, "omp_set_num_threads", &set_threads, sizeof set_threads);
  find(library, "GOMP_parallel", &parallel, sizeof parallel);
  return parallel && set_threads;
}

void openmp_set_threads(int threads) {
  if (openmp_load()) set_threads(threads);
}

static void nothing(void *data) {
  (void)data;
}

static double region_seconds(void *context, int runs) {
  const openmp_region *r = context;
  double start = measure_wall_clock();
  for (int i = 0; i < runs; i++) parallel(nothing, NULL, (unsigned)r->threads, 0);
  return measure_wall_clock() - start;
}

contestant openmp_contestant(openmp_region *r) {
  return (contestant){.seconds = region_seconds, .context = r, .amount = 1, .lingers = 1};
}
