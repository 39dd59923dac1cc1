/* Ceilings (ceilings.h). Each function below is compiled for its own instruction set by a target attribute, so that
 * this file needs no flags, and runs only where there are kernels that use it. The instructions are written
 * out: twelve chains stay in registers at any optimization level and cover latency times throughput. */
#include "ceilings.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { CHAINS = 12, CHAIN_ROUNDS = 20000 };

#if defined(__x86_64__)
#define SCRATCH "xmm15" /* of pairs of instructions: the product */
#else
#define SCRATCH "v31"
#endif

/* clang-format off */
#define EACH_CHAIN(X, ...)                                                                                             \
  X(c0, __VA_ARGS__) X(c1, __VA_ARGS__) X(c2, __VA_ARGS__) X(c3, __VA_ARGS__) X(c4, __VA_ARGS__) X(c5, __VA_ARGS__)    \
  X(c6, __VA_ARGS__) X(c7, __VA_ARGS__) X(c8, __VA_ARGS__) X(c9, __VA_ARGS__) X(c10, __VA_ARGS__) X(c11, __VA_ARGS__)
/* clang-format on */
#define START(c, x) __typeof__(x) c = x;
#define STEP(c, kind, text) __asm__ volatile(text : "+" kind(c) : kind(x), kind(y) : SCRATCH);
/* lanes: multiply-adds of one instruction or pair, text: %0 += %1 * %2, kind: the letter of its registers. */
#define CHAINS_FUNCTION(name, target_text, vector, lanes, kind, text)                                                  \
  __attribute__((target(target_text))) static double name(int rounds) {                                                \
    vector x = {0}, y = {0};                                                                                           \
    EACH_CHAIN(START, x)                                                                                               \
    for (int r = 0; r < rounds; r++) {                                                                                 \
      EACH_CHAIN(STEP, kind, text)                                                                                     \
    }                                                                                                                  \
    return 2.0 * (lanes)*CHAINS * rounds;                                                                              \
  }

typedef float v16 __attribute__((vector_size(16)));

#if defined(__x86_64__)
typedef float v32 __attribute__((vector_size(32)));
typedef float v64 __attribute__((vector_size(64)));

CHAINS_FUNCTION(sse2_f32, "sse2", v16, 4, "x", "movaps %1, %%xmm15\n\tmulps %2, %%xmm15\n\taddps %%xmm15, %0")
CHAINS_FUNCTION(avx2_f32, "avx2,fma", v32, 8, "x", "vfmadd231ps %2, %1, %0")
CHAINS_FUNCTION(avx2_int16, "avx2", v32, 16, "x", "vpmaddwd %2, %1, %%ymm15\n\tvpaddd %%ymm15, %0, %0")
CHAINS_FUNCTION(avxvnni_int8, "avx2", v32, 32, "x", "%{vex%} vpdpbusd %2, %1, %0")
CHAINS_FUNCTION(avx512_f32, "avx512f", v64, 16, "v", "vfmadd231ps %2, %1, %0")
CHAINS_FUNCTION(avx512_bf16, "avx512f", v64, 32, "v", "vdpbf16ps %2, %1, %0")
CHAINS_FUNCTION(avx512_int16, "avx512f", v64, 32, "v", "vpmaddwd %2, %1, %%zmm15\n\tvpaddd %%zmm15, %0, %0")
CHAINS_FUNCTION(avx512_int8, "avx512f", v64, 64, "v", "vpdpbusd %2, %1, %0")

/* Best of a type last. */
static const ceiling known[] = {
    {"MULPS, ADDPS, 128 bits", "ref", TYPE_FLOAT32, sse2_f32},
    {"VFMADD, 256 bits", "avx2", TYPE_FLOAT32, avx2_f32},
    {"VFMADD, 512 bits", "avx512", TYPE_FLOAT32, avx512_f32},
    {"VDPBF16PS, 512 bits", "avx512bf16", TYPE_BFLOAT16, avx512_bf16},
    {"VPMADDWD, VPADDD, 256 bits", "avx2", TYPE_INT8, avx2_int16},
    {"VPDPBUSD, 256 bits", "avxvnni", TYPE_INT8, avxvnni_int8},
    {"VPMADDWD, VPADDD, 512 bits", "avx512", TYPE_INT8, avx512_int16},
    {"VPDPBUSD, 512 bits", "avx512vnni", TYPE_INT8, avx512_int8},
};
#elif defined(__aarch64__)
CHAINS_FUNCTION(neon_f32, "arch=armv8-a", v16, 4, "w", "fmla %0.4s, %1.4s, %2.4s")
CHAINS_FUNCTION(neon_int16, "arch=armv8-a", v16, 4, "w", "smlal %0.4s, %1.4h, %2.4h")
CHAINS_FUNCTION(neon_int8, "arch=armv8.2-a+dotprod", v16, 16, "w", "sdot %0.4s, %1.16b, %2.16b")
CHAINS_FUNCTION(neon_bf16, "arch=armv8.2-a+bf16", v16, 8, "w", "bfdot %0.4s, %1.8h, %2.8h")

static const ceiling known[] = {
    {"FMLA, 128 bits", "ref", TYPE_FLOAT32, neon_f32},
    {"BFDOT, 128 bits", "neonbf16", TYPE_BFLOAT16, neon_bf16},
    {"SMLAL, 128 bits", "neon", TYPE_INT8, neon_int16},
    {"SDOT, 128 bits", "neondot", TYPE_INT8, neon_int8},
};
#else
#error "give this machine a ceiling: a chain of its multiply-adds"
#endif

enum { KNOWN = sizeof known / sizeof *known };

const char *type_name(number_type type) {
  static const char *const names[] = {"f32", "bf16", "int8"};
  return names[type];
}

/* Whether an instruction set is among the sets of the library's table. */
static int is_in(trm__isa_set sets, const char *isa) {
  const trm__isa_table *table = trm__isa_table_built_in();
  for (int i = 0; i < table->count; i++)
    if (strcmp(table->line[i].name, isa) == 0) return sets >> i & 1;
  return 0;
}

size_t ceilings_count(void) {
  size_t count = 0;
  for (size_t i = 0; i < KNOWN; i++) count += (size_t)is_in(trm__isa_table_built_in()->present, known[i].isa);
  return count;
}

const ceiling *ceilings_at(size_t index) {
  for (size_t i = 0; i < KNOWN; i++)
    if (is_in(trm__isa_table_built_in()->present, known[i].isa) && index-- == 0) return &known[i];
  return NULL;
}

const ceiling *ceiling_of(number_type type, const trm__kernels *kernels) {
  const ceiling *best = NULL;
  for (size_t i = 0; i < KNOWN; i++)
    if (known[i].type == type && is_in(kernels->sets, known[i].isa)) best = &known[i];
  return best || type == TYPE_FLOAT32 ? best : ceiling_of(TYPE_FLOAT32, kernels);
}

static void chains_task(void *context, int task, int worker) {
  (void)task, (void)worker;
  ((const ceiling_run *)context)->ceiling->chains(CHAIN_ROUNDS);
}

static double chains_seconds(void *context, int runs) {
  ceiling_run *run = context;
  double start = run->pool ? measure_wall_clock() : measure_thread_clock();
  for (int r = 0; r < runs; r++) {
    if (run->pool) trm__pool_run(run->pool, trm__pool_threads(run->pool), chains_task, run);
    else run->ceiling->chains(CHAIN_ROUNDS);
  }
  return (run->pool ? measure_wall_clock() : measure_thread_clock()) - start;
}

contestant ceiling_contestant(ceiling_run *run, const ceiling *c, trm__pool *pool) {
  double operations = c->chains(1) * CHAIN_ROUNDS * (pool ? trm__pool_threads(pool) : 1);
  *run = (ceiling_run){c, pool, operations};
  return (contestant){.seconds = chains_seconds, .context = run, .amount = operations};
}

/* -- memory -------------------------------------------------------------------------------------------------------- */

/* Bytes in a file such as "512K" or "32768K"; 0 when it cannot be read. */
static size_t size_in_file(const char *path) {
  FILE *f = fopen(path, "r");
  unsigned long size = 0;
  char unit = 0;
  if (!f) return 0;
  int got = fscanf(f, "%lu%c", &size, &unit);
  fclose(f);
  if (got < 1) return 0;
  return (size_t)size << (unit == 'K' ? 10 : unit == 'M' ? 20 : 0);
}

/* The kernel's account first: sysconf counts an AMD L3 cache once for every core that shares it. */
cache_sizes cache_sizes_read(void) {
  static const char *const names[] = {"index0", "index2", "index3"};
  size_t size[3];
  for (int i = 0; i < 3; i++) {
    char path[100];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/%s/size", names[i]);
    size[i] = size_in_file(path);
  }
  return (cache_sizes){size[0], size[1], size[2]};
}

#if defined(__x86_64__)
#define VECTORS "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7"
#else
#define VECTORS "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7"
#endif
#define READ_LOOP(load, width)                                                                                         \
  for (size_t i = 0; i < bytes; i += 8 * (width)) {                                                                    \
    const unsigned char *q = p + i;                                                                                    \
    __asm__ volatile(load : : "r"(q) : "memory", VECTORS);                                                             \
  }

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void read_avx2(const unsigned char *p, size_t bytes) {
  READ_LOOP("vmovaps (%0), %%ymm0\n\tvmovaps 32(%0), %%ymm1\n\tvmovaps 64(%0), %%ymm2\n\tvmovaps 96(%0), %%ymm3\n\t"
            "vmovaps 128(%0), %%ymm4\n\tvmovaps 160(%0), %%ymm5\n\tvmovaps 192(%0), %%ymm6\n\t"
            "vmovaps 224(%0), %%ymm7\n\tvzeroupper",
            (size_t)32)
}
static void read_sse2(const unsigned char *p, size_t bytes) {
  READ_LOOP("movaps (%0), %%xmm0\n\tmovaps 16(%0), %%xmm1\n\tmovaps 32(%0), %%xmm2\n\tmovaps 48(%0), %%xmm3\n\t"
            "movaps 64(%0), %%xmm4\n\tmovaps 80(%0), %%xmm5\n\tmovaps 96(%0), %%xmm6\n\tmovaps 112(%0), %%xmm7",
            (size_t)16)
}
static void read_all(const unsigned char *p, size_t bytes) {
  if (is_in(trm__isa_table_built_in()->present, "avx2")) read_avx2(p, bytes);
  else read_sse2(p, bytes);
}
#elif defined(__aarch64__)
static void read_all(const unsigned char *p, size_t bytes) {
  READ_LOOP("ldp q0, q1, [%0]\n\tldp q2, q3, [%0, 32]\n\tldp q4, q5, [%0, 64]\n\tldp q6, q7, [%0, 96]", (size_t)16)
}
#endif

static void reading_task(void *context, int task, int worker) {
  const reading *r = context;
  (void)task;
  read_all(r->memory[worker], r->bytes);
}

/* Each worker reads what lies in its own core's cache; on one thread no pool is asked. */
static double reading_seconds(void *context, int runs) {
  reading *r = context;
  double start = measure_wall_clock();
  for (int i = 0; i < runs; i++) trm__pool_run(r->pool, r->threads, reading_task, r);
  return measure_wall_clock() - start;
}

int reading_open(reading *r, trm__pool *pool, size_t bytes) {
  *r = (reading){.pool = pool, .bytes = bytes / 256 * 256, .threads = trm__pool_threads(pool)};
  r->memory = trm__calloc((size_t)r->threads, sizeof *r->memory);
  for (int i = 0; r->memory && i < r->threads; i++) {
    r->memory[i] = trm__calloc(r->bytes, 1);
    if (!r->memory[i]) return 0;
    memset(r->memory[i], 1, r->bytes);
  }
  return r->memory != NULL;
}

void reading_close(reading *r) {
  for (int i = 0; r->memory && i < r->threads; i++) trm__free(r->memory[i]);
  trm__free(r->memory);
  r->memory = NULL;
}

contestant reading_contestant(reading *r) {
  return (contestant){.seconds = reading_seconds, .context = r, .amount = (double)r->bytes * r->threads};
}
