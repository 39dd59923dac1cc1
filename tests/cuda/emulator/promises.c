/* What tools/cuda_emulator/README.md promises beyond emulate.c: every order that the rules allow comes up, memory is
 * poisoned before it is written and after it is freed, operations that do not fit together end the process, limits are
 * those of the device that is pretended, and a dry device checks everything and carries out nothing. */
#include "support/check.h"

#include <sys/mman.h>

#include "cuda_runtime_api.h"
#include "emulate_control.h"

#include "promises_kernels.h"

#define OK(call) assert_string_equal(cudaGetErrorName(call), "cudaSuccess")
#define FAILS(call, error) assert_string_equal(cudaGetErrorName(call), #error)

enum { SEEDS = 40 };

static trm__cuda_queue queue(cudaStream_t stream) {
  return (trm__cuda_queue){.stream = stream, .sms = 4, .capability = 90};
}

static int quiet(void) { /* keeps expected messages and core files out of the way; a file for the message */
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  signal(SIGSEGV, SIG_DFL);
  return !freopen("promises-message.txt", "w", stderr);
}

static void message_has(const char *text) {
  char message[2048] = "";
  FILE *file = fopen("promises-message.txt", "r");
  assert_non_null(file);
  message[fread(message, 1, sizeof message - 1, file)] = 0;
  fclose(file);
  remove("promises-message.txt");
  if (!strstr(message, text)) fail_msg("no \"%s\" in: %s", text, message);
}

/* -- orders -------------------------------------------------------------------------------------------------------- */

/* Fills context [512] with the order of 512 threads; the first number is the seed, 0: the environment's. */
static int take_places(void *context) {
  int *places = context, counter = 0;
  if (places[0]) emulate_seed((uint64_t)places[0]);
  trm__cuda_queue q = queue(NULL);
  launch_place(&q, &counter, places, 8, 64);
  return q.fault || counter != 512;
}

static int take_places_as_told(void *context) {
  return setenv("TRM_EMULATE_SEED", "23", 1) || take_places(context);
}

/* First: the variable is read once, at the first use of a process. */
static void environment_sets_the_seed(void **state) {
  (void)state;
  size_t bytes = 3 * 512 * sizeof(int);
  int *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(shared != MAP_FAILED);
  int *told = shared, *same = shared + 512, *other = shared + 1024;
  same[0] = 23;
  other[0] = 24;
  assert_int_equal(check_in_child(take_places_as_told, told), 0);
  assert_int_equal(check_in_child(take_places, same), 0);
  assert_int_equal(check_in_child(take_places, other), 0);
  assert_memory_equal(told, same, 512 * sizeof(int));
  assert_memory_not_equal(told, other, 512 * sizeof(int));
  munmap(shared, bytes);
}

/* Blocks that lean on the order of their numbers are caught by most seeds. */
static void blocks_have_no_order(void **state) {
  (void)state;
  int wrong = 0;
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    int sums[9] = {0};
    emulate_seed(seed);
    trm__cuda_queue q = queue(NULL);
    launch_chain(&q, sums, 8);
    wrong += sums[8] != 8;
  }
  assert_true(wrong > SEEDS / 2);
}

/* Two nodes of a graph that nothing orders come in either order; two that an event orders never change places. */
static void graphs_draw_an_order(void **state) {
  (void)state;
  for (int ordered = 0; ordered < 2; ordered++) {
    int seen[2] = {0, 0}, *x = NULL, value = 0;
    cudaStream_t first, second;
    cudaEvent_t fork, join;
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    emulate_reset();
    OK(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking));
    OK(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking));
    OK(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
    OK(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));
    OK(cudaMalloc((void **)&x, sizeof *x));
    trm__cuda_queue q = queue(first), p = queue(second);
    OK(cudaStreamBeginCapture(first, cudaStreamCaptureModeRelaxed));
    OK(cudaMemsetAsync(x, 0, sizeof *x, first));
    if (!ordered) OK(cudaEventRecord(fork, first));
    launch_affine(&q, x, 2, 1);
    if (ordered) OK(cudaEventRecord(fork, first));
    OK(cudaStreamWaitEvent(second, fork, 0));
    launch_affine(&p, x, 3, 0);
    OK(cudaEventRecord(join, second));
    OK(cudaStreamWaitEvent(first, join, 0));
    OK(cudaStreamEndCapture(first, &graph));
    OK(cudaGraphInstantiate(&exec, graph, 0));
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
      emulate_seed(seed);
      OK(cudaGraphLaunch(exec, first));
      OK(cudaStreamSynchronize(first));
      OK(cudaMemcpy(&value, x, sizeof value, cudaMemcpyDeviceToHost));
      assert_true(value == 1 || value == 3); /* of 0: 3 (2 x + 1), or 2 (3 x) + 1 */
      seen[value == 3]++;
    }
    if (ordered) assert_int_equal(seen[1], SEEDS);
    else assert_true(seen[0] > 5 && seen[1] > 5);
    OK(cudaGraphExecDestroy(exec));
    OK(cudaGraphDestroy(graph));
    OK(cudaEventDestroy(fork));
    OK(cudaEventDestroy(join));
    OK(cudaFree(x));
    OK(cudaStreamDestroy(first));
    OK(cudaStreamDestroy(second));
  }
}

/* Pinned memory is read when the copy runs, other memory before the call returns; eager streams run in the call. */
static void copies_read_late(void **state) {
  (void)state;
  int late[2] = {0, 0};
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    for (int eager = 0; eager < 2; eager++) {
      int *x = NULL, *pinned = NULL, plain = 7, seen = 0;
      cudaStream_t stream;
      emulate_reset();
      emulate_seed(seed);
      emulate_eager(eager);
      OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
      OK(cudaMalloc((void **)&x, sizeof *x));
      OK(cudaMallocHost((void **)&pinned, sizeof *pinned));
      *pinned = 5;
      OK(cudaMemcpyAsync(x, pinned, sizeof *x, cudaMemcpyHostToDevice, stream));
      *pinned = 6;
      OK(cudaMemcpyAsync(&seen, x, sizeof seen, cudaMemcpyDeviceToHost, stream)); /* waits: not pinned */
      assert_true(seen == 5 || seen == 6);
      late[eager] += seen == 6;
      OK(cudaMemcpyAsync(x, &plain, sizeof *x, cudaMemcpyHostToDevice, stream));
      plain = 8;
      OK(cudaMemcpyAsync(&seen, x, sizeof seen, cudaMemcpyDeviceToHost, stream));
      assert_int_equal(seen, 7);
      OK(cudaFree(x));
      OK(cudaFreeHost(pinned));
      OK(cudaStreamDestroy(stream));
    }
  }
  assert_true(late[0] > SEEDS / 2);
  assert_int_equal(late[1], 0);
  emulate_reset();
}

/* -- poison and guards --------------------------------------------------------------------------------------------- */

static int only(const unsigned char *x, int value, size_t bytes) {
  for (size_t i = 0; i < bytes; i++)
    if (x[i] != value) return 0;
  return 1;
}

static void memory_is_poisoned(void **state) {
  (void)state;
  unsigned char seen[4 * 100], *x = NULL, *pinned = NULL;
  emulate_reset();
  trm__cuda_queue q = queue(NULL);
  OK(cudaMalloc((void **)&x, 333));
  OK(cudaMemcpy(seen, x, 333, cudaMemcpyDeviceToHost));
  assert_true(only(seen, 0xff, 333)); /* NaN, of any type */
  OK(cudaMemset(x, 1, 333));
  OK(cudaFree(x));
  OK(cudaMalloc((void **)&x, 333)); /* most likely where it was */
  launch_copy(&q, seen, x, 333);
  assert_true(only(seen, 0xff, 333));
  OK(cudaFree(x));
  OK(cudaMallocHost((void **)&pinned, 10));
  assert_true(only(pinned, 0xff, 10));
  OK(cudaFreeHost(pinned));
  memset(seen, 1, sizeof seen);
  launch_untouched(&q, seen, 4, 100);
  assert_true(only(seen, 0xff, sizeof seen)); /* nothing is left by the block before */
}

#ifndef __SANITIZE_ADDRESS__ /* it ends the process at the read */
static int read_freed(void *context) {
  unsigned char *x = NULL, *out = context;
  if (cudaMalloc((void **)&x, 64) != cudaSuccess || cudaMemset(x, 1, 64) != cudaSuccess) return 1;
  if (cudaFree(x) != cudaSuccess) return 2;
  trm__cuda_queue q = queue(NULL);
  launch_copy(&q, out, x, 64);
  return only(out, 1, 64) ? 3 : 0;
}
#endif

static int free_inside(void *context) {
  (void)context;
  unsigned char *x = NULL;
  if (quiet() || cudaMalloc((void **)&x, 64) != cudaSuccess) return 1;
  return cudaFree(x + 16) == cudaSuccess;
}

static int write_beside(void *context) {
  unsigned char *x = NULL;
  if (quiet() || cudaMalloc((void **)&x, 64) != cudaSuccess) return 1;
  x[*(int *)context] = 3; /* as the host, which on a card could not */
  emulate_check_guards();
  return cudaFree(x) != cudaSuccess;
}

static void misuse_of_memory_is_found(void **state) {
  (void)state;
  unsigned char out[64] = {0};
#ifndef __SANITIZE_ADDRESS__
  assert_int_equal(check_in_child(read_freed, out), 0);
#endif
  assert_int_equal(check_in_child(free_inside, out), 1000 + SIGABRT);
  message_has("cudaFree of a pointer into device memory");
  int inside = 63, beyond = 64;
  assert_int_equal(check_in_child(write_beside, &inside), 0);
  remove("promises-message.txt");
#ifndef __SANITIZE_ADDRESS__
  assert_int_equal(check_in_child(write_beside, &beyond), 1000 + SIGABRT);
  message_has("a byte 0 beyond it was written (seen by emulate_check_guards)");
#else
  assert_int_not_equal(check_in_child(write_beside, &beyond), 0);
  remove("promises-message.txt");
#endif
}

/* -- operations that do not fit together --------------------------------------------------------------------------- */

static int do_wrong(void *kind) {
  static _Alignas(16) unsigned char from[32];
  if (quiet()) return 1;
  trm__cuda_queue q = queue(NULL);
  launch_wrong(&q, *(int *)kind, from);
  return 0;
}

static void wrong_operations_end_the_process(void **state) {
  (void)state;
  const char *texts[] = {[MIXED_OPERATIONS] = "while others of its 32 threads are at",
                         [PARTIAL_MASK] = "only whole warps may",
                         [MIXED_BARRIERS] = "by an earlier thread",
                         [MISALIGNED_COPY] = "at offset 4 of shared memory, not a multiple of 16",
                         [UNALIGNED_SOURCE] = "not aligned to 16 bytes"};
  for (int kind = 0; kind < (int)(sizeof texts / sizeof *texts); kind++) {
    assert_int_equal(check_in_child(do_wrong, &kind), 1000 + SIGABRT);
    message_has(texts[kind]);
  }
}

/* -- the device that is pretended ---------------------------------------------------------------------------------- */

static int grid_fault(int blocks, int threads, int shared) {
  unsigned count = 0;
  trm__cuda_queue q = queue(NULL);
  launch_grid(&q, &count, blocks, threads, shared);
  return q.fault;
}

static void limits_hold(void **state) {
  (void)state;
  emulate_reset();
  emulate_multiprocessors(3);
  emulate_resident(2);
  assert_int_equal(grid_fault(6, 32, 0), 0);
  assert_int_equal(grid_fault(7, 32, 0), cudaErrorCooperativeLaunchTooLarge);
  emulate_resident(32);
  assert_int_equal(grid_fault(6, 1024, 0), 0); /* 2,048 threads a multiprocessor */
  assert_int_equal(grid_fault(7, 1024, 0), cudaErrorCooperativeLaunchTooLarge);
  assert_int_equal(grid_fault(6, 32, 100 << 10), 0); /* 227 KiB */
  assert_int_equal(grid_fault(7, 32, 100 << 10), cudaErrorCooperativeLaunchTooLarge);
  emulate_capability(8, 6);
  assert_int_equal(grid_fault(1, 32, 99 << 10), 0);
  assert_int_equal(grid_fault(1, 32, 100 << 10), cudaErrorInvalidValue);
  emulate_reset();
  long before = emulate_calls(), launches = emulate_launches();
  OK(cudaDeviceSynchronize());
  assert_int_equal(emulate_calls(), before + 1);
  assert_int_equal(grid_fault(1, 32, 0), 0);
  assert_int_equal(emulate_launches(), launches + 1);
}

static void devices(void **state) {
  (void)state;
  int count = -1;
  void *at = NULL;
  cudaDeviceProp prop;
  emulate_reset();
  OK(cudaGetDeviceCount(&count));
  assert_int_equal(count, 1);
  emulate_devices(0);
  FAILS(cudaGetDeviceCount(&count), cudaErrorNoDevice);
  assert_int_equal(count, 0);
  emulate_reset();
  emulate_driver(11040);
  FAILS(cudaGetDeviceCount(&count), cudaErrorInsufficientDriver);
  FAILS(cudaMalloc(&at, 8), cudaErrorInsufficientDriver);
  emulate_reset();
  emulate_capability(7, 5);
  OK(cudaGetDeviceProperties(&prop, 0));
  assert_int_equal(prop.major * 10 + prop.minor, 75);
  FAILS(cudaGetDeviceProperties(&prop, 1), cudaErrorInvalidDevice);
  emulate_memory(1000);
  FAILS(cudaMalloc(&at, 1001), cudaErrorMemoryAllocation);
  FAILS(cudaGetLastError(), cudaErrorMemoryAllocation);
  OK(cudaGetLastError());
  emulate_fail_allocation(2);
  OK(cudaMalloc(&at, 10));
  OK(cudaFree(at));
  FAILS(cudaMallocHost(&at, 10), cudaErrorMemoryAllocation);
  emulate_reset();
}

typedef struct watched {
  int count;
  emulate_launch last;
} watched;

static void watch(void *context, const emulate_launch *launch) {
  watched *w = context;
  w->count++;
  w->last = *launch;
}

/* 64 GiB, which the host does not have to have: nothing runs, all is checked and told. */
static void dry_devices_check_and_tell(void **state) {
  (void)state;
  size_t huge = (size_t)64 << 30;
  unsigned char *x = NULL, host[16] = {9};
  watched seen = {0};
  emulate_reset();
  emulate_dry(1);
  emulate_memory(huge);
  emulate_watch(watch, &seen);
  OK(cudaMalloc((void **)&x, huge));
  assert_int_equal(emulate_is_device(x + huge - 1), 1);
  assert_true(emulate_device_bytes() == huge);
  FAILS(cudaMemcpy(x + huge - 8, host, 16, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  OK(cudaMemset(x, 0, huge));
  OK(cudaMemcpy(host, x, 16, cudaMemcpyDeviceToHost));
  assert_int_equal(host[0], 9);
  trm__cuda_queue q = queue(NULL);
  launch_untouched(&q, x, 5, 2048);
  assert_int_equal(q.fault, 0);
  assert_int_equal(seen.count, 1);
  assert_string_equal(seen.last.name, "untouched");
  assert_int_equal(seen.last.grid[0], 5);
  assert_int_equal(seen.last.threads, 32);
  assert_int_equal(seen.last.shared, 2048);
  launch_untouched(&q, x, 5, 228 << 10);
  assert_int_equal(q.fault, cudaErrorInvalidValue);
  assert_int_equal(seen.count, 1);
  OK(cudaFree(x));
  emulate_dry(0);
  emulate_reset();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(environment_sets_the_seed),
      cmocka_unit_test(blocks_have_no_order),
      cmocka_unit_test(graphs_draw_an_order),
      cmocka_unit_test(copies_read_late),
      cmocka_unit_test(memory_is_poisoned),
      cmocka_unit_test(misuse_of_memory_is_found),
      cmocka_unit_test(wrong_operations_end_the_process),
      cmocka_unit_test(limits_hold),
      cmocka_unit_test(devices),
      cmocka_unit_test(dry_devices_check_and_tell),
  };
  emulate_protect(0);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
