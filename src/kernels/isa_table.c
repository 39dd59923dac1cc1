/* The library's instruction sets: one line each, from worst to best, for all processors. A line declares what its files
 * define, trm__offer_NAME. */
#include "kernels/isa.h"

#include "kernels/caches.h"

/* Where a set's files are compiled: its offer, elsewhere NULL. The double build has plain C alone. */
#define ANY(there, elsewhere) there
#if defined(__x86_64__) && !defined(TRM_DOUBLE)
#define X86(there, elsewhere) there
#else
#define X86(there, elsewhere) elsewhere
#endif
#if defined(__aarch64__) && !defined(TRM_DOUBLE)
#define ARM64(there, elsewhere) there
#else
#define ARM64(there, elsewhere) elsewhere
#endif

/* Bits of a word. In CPUID.1 ecx: FMA 12, OSXSAVE 27. XCR0: SSE and AVX registers 1, 2, parts of AVX-512's 5 to 7.
 * CPUID.7.0 ebx: AVX2 5, AVX512F 16, DQ 17, BW 30, VL 31; ecx: AVX512_VNNI 11. CPUID.7.1 eax: AVX_VNNI 4, AVX512_BF16
 * 5. Linux, arch/arm64/include/uapi/asm/hwcap.h: HWCAP_ASIMD 1, HWCAP_ASIMDDP 20, HWCAP2_BF16 14. */
#define BIT(n) (UINT64_C(1) << (n))
#define WORD(word, bits) [TRM__##word] = (bits)
#define INT8 TRM__ISA_TYPE(TRM_INT8)
#define BF16_INT8 (TRM__ISA_TYPE(TRM_BFLOAT16) | INT8) /* int8 computes attention in bf16 */

#define AVX2 WORD(CPUID_1_ECX, BIT(12) | BIT(27)), WORD(XCR0, BIT(1) | BIT(2)), WORD(CPUID_7_0_EBX, BIT(5))
#define AVX512 WORD(XCR0, BIT(5) | BIT(6) | BIT(7)), WORD(CPUID_7_0_EBX, BIT(16) | BIT(17) | BIT(30) | BIT(31))

#define LINES(LINE)                                                                                                    \
  LINE(ref, ANY, .needs = NULL)                                                                                        \
  LINE(avx2, X86, .words = {AVX2})                                                                                     \
  LINE(avxvnni, X86, .needs = "avx2", .words = {WORD(CPUID_7_1_EAX, BIT(4))}, .types = INT8)                           \
  LINE(avx512, X86, .needs = "avx2", .words = {AVX512})                                                                \
  LINE(avx512vnni, X86, .needs = "avx512", .words = {WORD(CPUID_7_0_ECX, BIT(11))}, .types = INT8)                     \
  LINE(avx512bf16, X86, .needs = "avx512vnni", .words = {WORD(CPUID_7_1_EAX, BIT(5))}, .types = BF16_INT8)             \
  LINE(neon, ARM64, .words = {WORD(HWCAP, BIT(1))})                                                                    \
  LINE(neondot, ARM64, .needs = "neon", .words = {WORD(HWCAP, BIT(20))}, .types = INT8)                                \
  LINE(neonbf16, ARM64, .needs = "neondot", .words = {WORD(HWCAP2, BIT(14))}, .types = BF16_INT8)

#define DECLARE(set, where, ...) where(extern const trm__offer trm__offer_##set;, )
#define FILL(set, where, ...) {.name = #set, .offer = where(&trm__offer_##set, NULL), __VA_ARGS__},

LINES(DECLARE)

static const trm__isa isa_lines[] = {LINES(FILL)};

static trm__isa_table isa_built_in;
static pthread_once_t isa_once = PTHREAD_ONCE_INIT;

static void isa_open_built_in(void) {
  trm__caches_read();
  trm__isa_table_open(&isa_built_in, isa_lines, sizeof isa_lines / sizeof *isa_lines);
}

trm__isa_table *trm__isa_table_built_in(void) {
  pthread_once(&isa_once, isa_open_built_in);
  return &isa_built_in;
}
