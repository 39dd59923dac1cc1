/* On x86-64 the instructions that CPUID reports and the registers that the operating system saves, on 64-bit ARM what
 * the kernel says of the processor. */
#include "kernels/processor.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

#define OSXSAVE (1U << 27)

static uint64_t processor_saved_registers(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

static void processor_read(uint64_t *words) {
  unsigned eax, ebx, ecx, edx, ignored;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return;
  words[TRM__CPUID_1_ECX] = ecx;
  if (ecx & OSXSAVE) words[TRM__XCR0] = processor_saved_registers();
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return;
  words[TRM__CPUID_7_0_EBX] = ebx;
  words[TRM__CPUID_7_0_ECX] = ecx;
  words[TRM__CPUID_7_0_EDX] = edx;
  if (eax >= 1 && __get_cpuid_count(7, 1, &eax, &ignored, &ignored, &ignored)) words[TRM__CPUID_7_1_EAX] = eax;
}
#elif defined(__aarch64__)
#include <sys/auxv.h>

static void processor_read(uint64_t *words) {
  words[TRM__HWCAP] = getauxval(AT_HWCAP);
  words[TRM__HWCAP2] = getauxval(AT_HWCAP2);
}
#else
static void processor_read(uint64_t *words) {
  (void)words;
}
#endif

void trm__processor_read(uint64_t words[TRM__CPU_WORDS]) {
  memset(words, 0, TRM__CPU_WORDS * sizeof *words);
  processor_read(words);
}
