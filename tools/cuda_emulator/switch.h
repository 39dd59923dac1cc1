/* Changing stacks: trm_switch(&mine, other) keeps the callee's registers on this stack, its pointer in mine, and goes
 * on where other stopped. A fresh stack begins in trm::enter, which must not return. */
#ifndef TRM_CUDA_EMULATOR_SWITCH_H
#define TRM_CUDA_EMULATOR_SWITCH_H

#include <stdint.h>

extern "C" void trm_switch(void **mine, void *other);

#if defined(__x86_64__)
asm(".text\n"
    ".globl trm_switch\n"
    ".hidden trm_switch\n"
    ".type trm_switch, @function\n"
    "trm_switch:\n"
    "  pushq %rbp\n"
    "  pushq %rbx\n"
    "  pushq %r12\n"
    "  pushq %r13\n"
    "  pushq %r14\n"
    "  pushq %r15\n"
    "  movq %rsp, (%rdi)\n"
    "  movq %rsi, %rsp\n"
    "  popq %r15\n"
    "  popq %r14\n"
    "  popq %r13\n"
    "  popq %r12\n"
    "  popq %rbx\n"
    "  popq %rbp\n"
    "  ret\n"
    ".size trm_switch, .-trm_switch\n");

/* top: 16-byte aligned end of the stack. */
static inline void *trm_fresh_stack(unsigned char *top, void (*enter)()) {
  void **at = (void **)top;
  *--at = nullptr; /* the return address that enter never uses; keeps the alignment a call would give */
  *--at = (void *)enter;
  for (int i = 0; i < 6; i++) *--at = nullptr;
  return at;
}

#elif defined(__aarch64__)
asm(".text\n"
    ".globl trm_switch\n"
    ".hidden trm_switch\n"
    ".type trm_switch, %function\n"
    "trm_switch:\n"
    "  sub sp, sp, #160\n"
    "  stp x19, x20, [sp, #0]\n"
    "  stp x21, x22, [sp, #16]\n"
    "  stp x23, x24, [sp, #32]\n"
    "  stp x25, x26, [sp, #48]\n"
    "  stp x27, x28, [sp, #64]\n"
    "  stp x29, x30, [sp, #80]\n"
    "  stp d8, d9, [sp, #96]\n"
    "  stp d10, d11, [sp, #112]\n"
    "  stp d12, d13, [sp, #128]\n"
    "  stp d14, d15, [sp, #144]\n"
    "  mov x9, sp\n"
    "  str x9, [x0]\n"
    "  mov sp, x1\n"
    "  ldp x19, x20, [sp, #0]\n"
    "  ldp x21, x22, [sp, #16]\n"
    "  ldp x23, x24, [sp, #32]\n"
    "  ldp x25, x26, [sp, #48]\n"
    "  ldp x27, x28, [sp, #64]\n"
    "  ldp x29, x30, [sp, #80]\n"
    "  ldp d8, d9, [sp, #96]\n"
    "  ldp d10, d11, [sp, #112]\n"
    "  ldp d12, d13, [sp, #128]\n"
    "  ldp d14, d15, [sp, #144]\n"
    "  add sp, sp, #160\n"
    "  ret\n"
    ".size trm_switch, .-trm_switch\n");

static inline void *trm_fresh_stack(unsigned char *top, void (*enter)()) {
  uint64_t *at = (uint64_t *)(top - 160);
  for (int i = 0; i < 20; i++) at[i] = 0;
  at[11] = (uint64_t)enter; /* x30 */
  return at;
}

#else
#error "threads of emulated kernels need a switch of stacks for this processor"
#endif

#endif
