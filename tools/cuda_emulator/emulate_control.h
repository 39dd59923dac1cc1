/* For tests: what device cuda_runtime_api.h here pretends to be, and what goes wrong with it. Plain C. */
#ifndef TRM_CUDA_EMULATOR_CONTROL_H
#define TRM_CUDA_EMULATOR_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "cuda_runtime_api.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A card of capability 9.0 with 4 multiprocessors, 227 KiB of shared memory a block and 2 GiB, all well; no call
 * counted, no fault. Streams, events and memory that exist stay. */
void emulate_reset(void);

void emulate_devices(int count);               /* 0: none, cudaErrorNoDevice */
void emulate_capability(int major, int minor); /* sets the shared memory of a block as well */
void emulate_multiprocessors(int count);
void emulate_resident(int blocks); /* a multiprocessor holds at most these at once; 32 */
void emulate_driver(int version); /* 13000; older than the runtime's 13000: cudaErrorInsufficientDriver; 0: no driver */
void emulate_memory(size_t total);

/* Counted from now on, 1: the next. 0: never. */
void emulate_fail_allocation(long nth); /* of cudaMalloc and cudaMallocHost */
/* From the nth call of any function on all fail with error, as when a card falls off the bus. */
void emulate_lose_device(long nth, cudaError_t error);
long emulate_calls(void); /* made since emulate_reset */

/* The nth launch of a kernel whose name contains text: refused at once, ... */
void emulate_fail_launch(const char *text, long nth, cudaError_t error);
/* ... or taken, and found by what waits for it next; the device is of no use afterwards, as after an illegal address.
 */
void emulate_fault_kernel(const char *text, long nth, cudaError_t error);

/* The order of threads, blocks and streams; TRM_EMULATE_SEED before the first use. */
void emulate_seed(uint64_t seed);
/* 1: streams run at once. 0 (as at the start): late. */
void emulate_eager(int eager);

/* 1: only kernels, copies and memsets can touch device memory; the host's code gets SIGSEGV, as on a card. To be called
 * while there is none. 0 (as at the start, unless TRM_EMULATE_PROTECT is set): all can. */
void emulate_protect(int on);

/* 1: device memory is addresses alone, of any size, and nothing that is put into a stream is carried out; launches and
 * copies are checked all the same. For what would take too long or too much memory. To be called while there is no
 * device memory. */
void emulate_dry(int on);

/* Told of every kernel that runs, or would: dry ones, and those of graphs. NULL: nobody. */
typedef struct emulate_launch {
  const char *name;
  unsigned grid[3];
  int threads;
  size_t shared;
} emulate_launch;
void emulate_watch(void (*fn)(void *context, const emulate_launch *launch), void *context);

/* 1: what cudaMalloc gives from now on ends, rounded up to 16 bytes, at an unreadable page, and is aligned to no more
 * than these 16. 0 (as at the start): it is not. */
void emulate_fence(int on);

/* Counts since the start of the process. */
long emulate_launches(void);         /* kernels that ran, those of graphs as well */
size_t emulate_device_bytes(void);   /* that cudaMalloc gave and nobody freed */
size_t emulate_host_bytes(void);     /* cudaMallocHost */
int emulate_is_device(const void *); /* points into memory of cudaMalloc */
/* Ends the process when bytes next to anything that cudaMalloc gave were written. */
void emulate_check_guards(void);

#ifdef __cplusplus
}
#endif
#endif
