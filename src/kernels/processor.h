/* What processor and operating system say of themselves, as the words in which they say it. */
#ifndef TRM_KERNELS_PROCESSOR_H
#define TRM_KERNELS_PROCESSOR_H

#include <stdint.h>

/* Words of another processor's kind are 0. */
typedef enum trm__cpu_word {
  TRM__CPUID_1_ECX, /* x86-64: leaf, subleaf and register of CPUID */
  TRM__CPUID_7_0_EBX,
  TRM__CPUID_7_0_ECX,
  TRM__CPUID_7_0_EDX,
  TRM__CPUID_7_1_EAX,
  TRM__XCR0,  /* x86-64: registers that the operating system saves (XGETBV) */
  TRM__HWCAP, /* 64-bit ARM: what Linux says in its auxiliary vector */
  TRM__HWCAP2,
  TRM__CPU_WORDS
} trm__cpu_word;

void trm__processor_read(uint64_t words[TRM__CPU_WORDS]);

#endif
