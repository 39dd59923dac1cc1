/* Which kernels this machine can run: the instructions that CPUID reports, and the registers that the operating system
 * saves (XGETBV), asked once. */
#include "kernels/kernels.h"

#include <string.h>

#if defined(__x86_64__) && !defined(TRM_DOUBLE)
#define HAVE_X86 1
#else
#define HAVE_X86 0
#endif

enum { LEVEL_REF, LEVEL_AVX2, LEVEL_AVX512 };

#if HAVE_X86
#include <cpuid.h>

extern const trm__kernels trm__kernels_avx2, trm__kernels_avx512;

/* Bits of XCR0: SSE and AVX state, and the three parts of AVX-512 state. */
#define XCR0_AVX 0x06U
#define XCR0_AVX512 0xe6U

static unsigned saved_registers(void) {
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE)) return 0;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static int machine_level(void) {
  unsigned saved = saved_registers();
  __builtin_cpu_init();
  if ((saved & XCR0_AVX) != XCR0_AVX || !__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    return LEVEL_REF;
  if ((saved & XCR0_AVX512) != XCR0_AVX512 || !__builtin_cpu_supports("avx512f") ||
      !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
    return LEVEL_AVX2;
  return LEVEL_AVX512;
}
#else
static int machine_level(void) {
  return LEVEL_REF;
}
#endif

static const trm__kernels *table(int level) {
#if HAVE_X86
  if (level == LEVEL_AVX2) return &trm__kernels_avx2;
  if (level == LEVEL_AVX512) return &trm__kernels_avx512;
#endif
  return level == LEVEL_REF ? &trm__kernels_ref : NULL;
}

const trm__kernels *trm__kernels_get(const char *mask) {
  static const char *const names[] = {"ref", "avx2", "avx512"};
  int best = machine_level();
  if (!mask || strcmp(mask, "auto") == 0) return table(best);
  for (int level = LEVEL_REF; level <= LEVEL_AVX512; level++) {
    if (strcmp(mask, names[level]) == 0) return level <= best ? table(level) : NULL;
  }
  return NULL;
}

const char *trm__kernels_available(void) {
  static const char *const lists[] = {"ref", "ref avx2", "ref avx2 avx512"};
  return lists[machine_level()];
}
