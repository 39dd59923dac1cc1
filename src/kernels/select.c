/* Which kernels this machine can run, asked once: on x86-64 the instructions that CPUID reports and the registers that
 * the operating system saves (XGETBV), on 64-bit ARM what the kernel says of the processor (getauxval). */
#include "kernels/kernels.h"

#include "kernels/caches.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__) && !defined(TRM_DOUBLE)
#define HAVE_X86 1
#else
#define HAVE_X86 0
#endif
#if defined(__aarch64__) && !defined(TRM_DOUBLE)
#define HAVE_ARM64 1
#else
#define HAVE_ARM64 0
#endif

/* Tables from worst to best, and the names of those that this machine runs. */
typedef struct level {
  const trm__kernels *table;
  int runs;
} level;

#if HAVE_X86
#include <cpuid.h>

extern const trm__kernels trm__kernels_avx2, trm__kernels_avxvnni, trm__kernels_avx512, trm__kernels_avx512vnni,
    trm__kernels_avx512bf16;

static level select_levels[] = {{&trm__kernels_ref, 1},        {&trm__kernels_avx2, 0},
                                {&trm__kernels_avxvnni, 0},    {&trm__kernels_avx512, 0},
                                {&trm__kernels_avx512vnni, 0}, {&trm__kernels_avx512bf16, 0}};

/* Bits of XCR0: SSE and AVX state, and the three parts of AVX-512 state. */
#define XCR0_AVX 0x06U
#define XCR0_AVX512 0xe6U

/* CPUID 1: FMA and OSXSAVE in ecx. CPUID 7.0: AVX2, AVX512F, DQ, BW, VL in ebx, AVX512_VNNI in ecx. CPUID 7.1: AVX_VNNI
 * and AVX512_BF16 in eax. */
#define FMA_OSXSAVE (1U << 12 | 1U << 27)
#define AVX2 (1U << 5)
#define AVX512 (1U << 16 | 1U << 17 | 1U << 30 | 1U << 31)
#define AVX512_VNNI (1U << 11)
#define AVX_VNNI (1U << 4)
#define AVX512_BF16 (1U << 5)

static int select_has_all(unsigned bits, unsigned wanted) {
  return (bits & wanted) == wanted;
}

static unsigned select_saved_registers(void) {
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static void select_find_levels(void) {
  unsigned eax, ebx, ecx, edx, more, ignored;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !select_has_all(ecx, FMA_OSXSAVE)) return;
  unsigned saved = select_saved_registers();
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return;
  if (eax < 1 || !__get_cpuid_count(7, 1, &more, &ignored, &ignored, &ignored)) more = 0;
  int avx2 = select_has_all(saved, XCR0_AVX) && select_has_all(ebx, AVX2);
  int avx512 = avx2 && select_has_all(saved, XCR0_AVX512) && select_has_all(ebx, AVX512);
  int runs[] = {1, avx2, avx2 && select_has_all(more, AVX_VNNI), avx512, avx512 && select_has_all(ecx, AVX512_VNNI), 0};
  runs[5] = runs[4] && select_has_all(more, AVX512_BF16);
  for (int i = 0; i < 6; i++) select_levels[i].runs = runs[i];
}
#elif HAVE_ARM64
#include <sys/auxv.h>

extern const trm__kernels trm__kernels_neon, trm__kernels_neondot, trm__kernels_neonbf16;

static level select_levels[] = {
    {&trm__kernels_ref, 1}, {&trm__kernels_neon, 1}, {&trm__kernels_neondot, 0}, {&trm__kernels_neonbf16, 0}};

/* Linux, arch/arm64/include/uapi/asm/hwcap.h */
#define HAS_DOT_PRODUCT (1UL << 20) /* HWCAP_ASIMDDP */
#define HAS_BF16 (1UL << 14)        /* HWCAP2_BF16 */

static void select_find_levels(void) {
  select_levels[2].runs = (getauxval(AT_HWCAP) & HAS_DOT_PRODUCT) != 0;
  select_levels[3].runs = select_levels[2].runs && (getauxval(AT_HWCAP2) & HAS_BF16) != 0;
}
#else
static level select_levels[] = {{&trm__kernels_ref, 1}};

static void select_find_levels(void) {}
#endif

enum { LEVELS = sizeof select_levels / sizeof select_levels[0] };

static char select_available_names[128];
static pthread_once_t select_once = PTHREAD_ONCE_INIT;

static void select_ask(void) {
  trm__caches_read();
  select_find_levels();
  for (int i = 0; i < LEVELS; i++) {
    if (!select_levels[i].runs) continue;
    size_t used = strlen(select_available_names);
    (void)snprintf(select_available_names + used, sizeof select_available_names - used, "%s%s", i > 0 ? " " : "",
                   select_levels[i].table->isa);
  }
}

const trm__kernels *trm__kernels_get(const char *name) {
  pthread_once(&select_once, select_ask);
  int free_choice = !name || strcmp(name, "auto") == 0;
  for (int i = LEVELS - 1; i >= 0; i--) {
    if (select_levels[i].runs && (free_choice || strcmp(name, select_levels[i].table->isa) == 0))
      return select_levels[i].table;
  }
  return NULL;
}

const char *trm__kernels_names(void) {
  return "ref avx2 avxvnni avx512 avx512vnni avx512bf16 neon neondot neonbf16";
}

const char *trm__kernels_available(void) {
  pthread_once(&select_once, select_ask);
  return select_available_names;
}
