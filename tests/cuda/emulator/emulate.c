/* The emulated device itself: what threads compute together, that it is as late as it may be, that graphs replay, and
 * that each planted fault is found. */
#include "support/check.h"

#include "cuda_runtime_api.h"
#include "emulate_control.h"

#include "emulate_kernels.h"

static trm__cuda_queue queue(cudaStream_t stream) {
  return (trm__cuda_queue){.stream = stream, .sms = 4, .capability = 90};
}

/* -- threads ------------------------------------------------------------------------------------------------------- */

static int reversed(const int *in, const int *out, int blocks, int threads) {
  for (int b = 0; b < blocks; b++)
    for (int i = 0; i < threads; i++)
      if (out[b * threads + i] != in[b * threads + threads - 1 - i]) return 0;
  return 1;
}

static void barriers(void **state) {
  (void)state;
  static int in[4096], out[4096];
  for (int i = 0; i < 4096; i++) in[i] = 7 * i + 1;
  int threads[] = {1, 31, 32, 33, 96, 256, 1000}, without = 0;
  for (uint64_t seed = 1; seed <= 8; seed++) {
    emulate_seed(seed);
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
      trm__cuda_queue q = queue(NULL);
      memset(out, 0xee, sizeof out);
      launch_reverse(&q, out, in, 3, threads[t], 1);
      assert_int_equal(q.fault, 0);
      assert_true(reversed(in, out, 3, threads[t]));
      memset(out, 0xee, sizeof out);
      launch_reverse(&q, out, in, 3, threads[t], 0);
      if (threads[t] > 1) without += !reversed(in, out, 3, threads[t]);
    }
  }
  assert_int_equal(without, 48); /* a missing barrier shows every time */
}

static void warps(void **state) {
  (void)state;
  int out[96][8];
  double sums[96];
  unsigned long long words[96];
  trm__cuda_queue q = queue(NULL);
  launch_shuffles(&q, out[0], sums, words, 96);
  for (int i = 0; i < 96; i++) {
    int lane = i % 32, base = i - lane, other = lane ^ 9;
    assert_int_equal(out[i][0], 1000 + base + 5);
    assert_int_equal(out[i][1], 1000 + base + (lane ^ 6));
    assert_int_equal(out[i][2], 1000 + base + (lane < 29 ? lane + 3 : lane));
    assert_int_equal(out[i][3], 1000 + base + (lane < 3 ? lane : lane - 3));
    assert_int_equal((unsigned)out[i][4], 0x49249249u);
    assert_int_equal(out[i][5], 1);
    assert_int_equal(out[i][6], 0);
    assert_int_equal(out[i][7], 1000 + base + (other / 8 > lane / 8 ? lane : other));
    assert_true(sums[i] == 0.25 * (32 * base + 496));
    assert_true(words[i] == ((unsigned long long)(base + 31 - lane) << 40 | 7u));
  }
}

static uint16_t bf16(float x) { /* of numbers that fit */
  uint32_t u;
  memcpy(&u, &x, 4);
  return (uint16_t)(u >> 16);
}

static void tensor_cores(void **state) {
  (void)state;
  _Alignas(16) uint16_t a[16][16], bt[8][16], b[16][8];
  float x[16][16], y[16][8], c[16][8];
  for (int i = 0; i < 16; i++)
    for (int k = 0; k < 16; k++) a[i][k] = bf16(x[i][k] = (float)((i * 37 + k * 11) % 64 - 30));
  for (int k = 0; k < 16; k++)
    for (int j = 0; j < 8; j++) b[k][j] = bt[j][k] = bf16(y[k][j] = (float)((k * 29 + j * 53) % 128 - 60));
  for (int transposed = 0; transposed < 2; transposed++) {
    trm__cuda_queue q = queue(NULL);
    memset(c, 0xff, sizeof c);
    launch_product(&q, c[0], a, bt, b, transposed, 1);
    for (int i = 0; i < 16; i++)
      for (int j = 0; j < 8; j++) {
        float sum = 0;
        for (int k = 0; k < 16; k++) sum += x[i][k] * y[k][j];
        if (!(c[i][j] == sum)) fail_msg("c[%d][%d] is %g, expected %g", i, j, (double)c[i][j], (double)sum);
      }
    launch_product(&q, c[0], a, bt, b, transposed, 0); /* does not wait for b's copy */
    for (int i = 0; i < 128; i++) assert_true(isnan(c[i / 8][i % 8]));
  }
}

static void late_copies(void **state) {
  (void)state;
  _Alignas(16) unsigned char from[16];
  int seen[64][6];
  memset(from, 0x21, sizeof from);
  trm__cuda_queue q = queue(NULL);
  launch_late(&q, seen[0], from, 64);
  for (int i = 0; i < 64; i++) {
    int expected[6] = {0xff, 0x21, 0xff, 0x21, 0xff, 0};
    assert_memory_equal(seen[i], expected, sizeof expected);
  }
}

static void named_barriers(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 10; seed++) {
    int out[64];
    emulate_seed(seed);
    trm__cuda_queue q = queue(NULL);
    launch_named(&q, out);
    for (int i = 0; i < 64; i++) assert_int_equal(out[i], 3 * (63 - i));
  }
}

static void whole_grid(void **state) {
  (void)state;
  emulate_multiprocessors(8);
  for (int blocks = 1; blocks <= 8; blocks += 7) {
    int out[8], words[8];
    unsigned count = 0;
    trm__cuda_queue q = queue(NULL);
    launch_across(&q, out, words, &count, blocks);
    assert_int_equal(q.fault, 0);
    for (int i = 0; i < blocks; i++) {
      assert_int_equal(out[i], blocks * (blocks + 1) / 2);
      assert_int_equal(words[i], -1);
    }
  }
  emulate_reset();
}

/* -- a device with two streams ------------------------------------------------------------------------------------- */

#define OK(call) assert_string_equal(cudaGetErrorName(call), "cudaSuccess")
#define FAILS(call, error) assert_string_equal(cudaGetErrorName(call), #error)

typedef struct rig {
  cudaStream_t stream, other;
  int *device, *host; /* [64]; host is pinned */
} rig;

static void open_rig(rig *r) {
  emulate_reset();
  OK(cudaStreamCreateWithFlags(&r->stream, cudaStreamNonBlocking));
  OK(cudaStreamCreateWithFlags(&r->other, cudaStreamNonBlocking));
  OK(cudaMalloc((void **)&r->device, 64 * sizeof(int)));
  OK(cudaMallocHost((void **)&r->host, 64 * sizeof(int)));
  OK(cudaMemset(r->device, 0, 64 * sizeof(int)));
  memset(r->host, 0, 64 * sizeof(int));
}

static void close_rig(rig *r) {
  OK(cudaFree(r->device));
  OK(cudaFreeHost(r->host));
  OK(cudaStreamDestroy(r->stream));
  OK(cudaStreamDestroy(r->other));
  assert_int_equal(emulate_device_bytes(), 0);
  assert_int_equal(emulate_host_bytes(), 0);
}

/* -- faults -------------------------------------------------------------------------------------------------------- */

static int quiet(void) { /* keeps expected messages and cores out of the way; a file for the message */
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  signal(SIGSEGV, SIG_DFL);
  return !freopen("emulate-message.txt", "w", stderr);
}

static int lonely(void *kind) {
  if (quiet()) return 1;
  trm__cuda_queue q = queue(NULL);
  launch_lonely(&q, *(int *)kind);
  return 0;
}

typedef struct stray_case {
  long at; /* in 100 bytes of device memory */
  int shared_bytes, shared_at;
} stray_case;

static int stray(void *context) {
  const stray_case *c = context;
  void *memory = NULL;
  if (quiet() || cudaMalloc(&memory, 100) != cudaSuccess) return 1;
  trm__cuda_queue q = queue(NULL);
  launch_stray(&q, memory, c->at, c->shared_bytes, c->shared_at);
  cudaFree(memory);
  return 0;
}

static int beyond(void *out) { /* AddressSanitizer ends it */
  void *memory = NULL;
  if (quiet() || cudaMalloc(&memory, 7 * sizeof(float)) != cudaSuccess) return 1;
  trm__cuda_queue q = queue(NULL);
  launch_beyond(&q, out, memory, 7);
  for (int i = 0; i < 5; i++)
    if (!isnan(((float *)out)[i])) return 2 + i;
  cudaFree(memory);
  return 0;
}

static int fenced_stray(void *context) {
  emulate_fence(1);
  return stray(context);
}

typedef struct beside {
  int fence, protect, more;
} beside;

/* Reads `more` numbers beyond eight of device memory, in a kernel: 0 where nothing stops it. */
static int read_beside(void *context) {
  const beside *c = context;
  int *memory = NULL, out[16];
  if (quiet()) return 1;
  emulate_protect(c->protect);
  emulate_fence(c->fence);
  if (cudaMalloc((void **)&memory, 8 * sizeof *memory) != cudaSuccess) return 1;
  if (c->fence && (uintptr_t)memory % 64 != 32) return 2; /* aligned to more than it promises */
  trm__cuda_queue q = queue(NULL);
  launch_reverse(&q, out, memory, 1, 8 + c->more, 1);
  return cudaFree(memory) != cudaSuccess || emulate_device_bytes() != 0;
}

/* Reads device memory as the host: 0: with emulate_protect off, and copies work with it on. */
static int peek(void *context) {
  int protect = *(int *)context, value = 0, *more[8];
  rig r;
  if (quiet()) return 1;
  emulate_protect(protect);
  open_rig(&r);
  for (int i = 0; i < 8; i++) OK(cudaMalloc((void **)&more[i], 3000 * (size_t)(i + 1)));
  for (int i = 0; i < 8; i += 2) OK(cudaFree(more[i]));
  for (int i = 0; i < 8; i += 2) OK(cudaMalloc((void **)&more[i], 2900 * (size_t)(8 - i)));
  trm__cuda_queue q = queue(r.stream);
  for (int i = 0; i < 8; i++) {
    OK(cudaMemset(more[i], 0, 256));
    launch_add(&q, more[i], 5 + i, 64);
  }
  OK(cudaStreamSynchronize(r.stream));
  for (int i = 0; i < 8; i++) {
    OK(cudaMemcpy(&value, more[i], sizeof value, cudaMemcpyDeviceToHost));
    if (value != 5 + i) return 2;
  }
  value = *(volatile int *)r.device;
  for (int i = 0; i < 8; i++) OK(cudaFree(more[i]));
  close_rig(&r);
  return value;
}

static void message_has(const char *text) {
  char message[2048] = "";
  FILE *file = fopen("emulate-message.txt", "r");
  assert_non_null(file);
  size_t length = fread(message, 1, sizeof message - 1, file);
  message[length] = 0;
  fclose(file);
  if (!strstr(message, text)) fail_msg("no \"%s\" in: %s", text, message);
}

static void faults_are_found(void **state) {
  (void)state;
  const char *texts[] = {"emulated kernel lonely: deadlock: 63 threads", "a vote or __syncwarp",
                         "emulated kernel lonely: deadlock", "at offset 8 of shared memory, not a multiple of 16"};
  for (int kind = 0; kind < 4; kind++) {
    assert_int_equal(check_in_child(lonely, &kind), 1000 + SIGABRT);
    message_has(texts[kind]);
  }
  stray_case inside[] = {{0, 0, 0}, {99, 0, 0}, {5, 40, 39}};
  for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) assert_int_equal(check_in_child(stray, &inside[i]), 0);
  stray_case outside[] = {{100, 0, 0}, {-1, 0, 0}, {150, 0, 0}, {5, 40, 40}, {5, 0, 1}, {5, 40, -1}, {-400, 0, 0}};
  for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
    if (check_in_child(stray, &outside[i]) == 0) fail_msg("stray write %zu went unnoticed", i);
  float out[5] = {0};
#ifdef __SANITIZE_ADDRESS__
  assert_int_not_equal(check_in_child(beyond, out), 0);
  message_has("AddressSanitizer");
#else
  assert_int_equal(check_in_child(beyond, out), 0);
#endif
  int protect = 0;
  assert_int_equal(check_in_child(peek, &protect), 0);
  protect = 1;
  assert_int_not_equal(check_in_child(peek, &protect), 0);
  remove("emulate-message.txt");
}

/* AddressSanitizer notices what is read or written between memory and page too, or where no page is. */
static void fences_stop_reads(void **state) {
  (void)state;
  for (int protect = 0; protect < 2; protect++) {
    beside inside = {1, protect, 0}, outside = {1, protect, 1}, open = {0, protect, 1};
    assert_int_equal(check_in_child(read_beside, &inside), 0);
    assert_int_equal(check_in_child(read_beside, &outside), 1000 + SIGSEGV);
#ifndef __SANITIZE_ADDRESS__
    assert_int_equal(check_in_child(read_beside, &open), 0);
#else
    assert_int_not_equal(check_in_child(read_beside, &open), 0);
#endif
  }
  stray_case inside = {99, 0, 0}, between = {105, 0, 0}, outside = {112, 0, 0}, before = {-1, 0, 0};
  assert_int_equal(check_in_child(fenced_stray, &inside), 0);
  assert_int_equal(check_in_child(fenced_stray, &outside), 1000 + SIGSEGV);
#ifndef __SANITIZE_ADDRESS__
  assert_int_equal(check_in_child(fenced_stray, &between), 1000 + SIGABRT);
  message_has("a byte 5 beyond it was written");
  assert_int_equal(check_in_child(fenced_stray, &before), 1000 + SIGABRT);
#else
  assert_int_not_equal(check_in_child(fenced_stray, &between), 0);
  assert_int_not_equal(check_in_child(fenced_stray, &before), 0);
#endif
  remove("emulate-message.txt");
}

/* -- streams, events, graphs --------------------------------------------------------------------------------------- */

static void streams_are_late(void **state) {
  (void)state;
  int early = 0, unordered = 0;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    rig r;
    cudaEvent_t event;
    open_rig(&r);
    emulate_seed(seed);
    trm__cuda_queue q = queue(r.stream), p = queue(r.other);
    launch_add(&q, r.device, 5, 64);
    OK(cudaMemcpyAsync(r.host, r.device, 64 * sizeof(int), cudaMemcpyDeviceToHost, r.stream));
    early += r.host[63] == 5;
    OK(cudaStreamSynchronize(r.stream));
    assert_int_equal(r.host[63], 5);

    launch_add(&q, r.device, 5, 64); /* the other stream should wait for this */
    OK(cudaMemcpyAsync(r.host, r.device, 64 * sizeof(int), cudaMemcpyDeviceToHost, r.other));
    OK(cudaStreamSynchronize(r.other));
    unordered += r.host[0] == 5;

    OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    launch_add(&q, r.device, 1, 64);
    OK(cudaEventRecord(event, r.stream));
    OK(cudaStreamWaitEvent(r.other, event, 0));
    launch_add(&p, r.device, 100, 64);
    OK(cudaMemcpyAsync(r.host, r.device, 64 * sizeof(int), cudaMemcpyDeviceToHost, r.other));
    OK(cudaStreamSynchronize(r.other));
    assert_int_equal(r.host[9], 111);
    launch_add(&q, r.device, 1, 64);
    OK(cudaEventRecord(event, r.stream));
    cudaError_t asked;
    for (int n = 0; (asked = cudaEventQuery(event)) == cudaErrorNotReady; n++) assert_true(n < 100);
    OK(asked);
    assert_int_equal(r.device[9], 112);
    OK(cudaEventDestroy(event));
    close_rig(&r);
  }
  assert_true(early < 10);
  assert_true(unordered > 10);
}

static void graphs_replay(void **state) {
  (void)state;
  rig r;
  cudaEvent_t fork, join;
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  open_rig(&r);
  OK(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
  OK(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));
  trm__cuda_queue q = queue(r.stream), p = queue(r.other);
  OK(cudaStreamBeginCapture(r.stream, cudaStreamCaptureModeThreadLocal));
  OK(cudaMemsetAsync(r.device, 0, 32 * sizeof(int), r.stream));
  OK(cudaEventRecord(fork, r.stream));
  OK(cudaStreamWaitEvent(r.other, fork, 0));
  launch_add(&p, r.device + 32, 2, 32);
  launch_add(&q, r.device, 3, 32);
  OK(cudaEventRecord(join, r.other));
  OK(cudaStreamWaitEvent(r.stream, join, 0));
  OK(cudaMemcpyAsync(r.host, r.device, 64 * sizeof(int), cudaMemcpyDeviceToHost, r.stream));
  OK(cudaStreamEndCapture(r.stream, &graph));
  assert_int_equal(q.fault | p.fault, 0);
  OK(cudaDeviceSynchronize());
  assert_int_equal(r.device[40], 0); /* nothing ran */
  size_t nodes = 0;
  OK(cudaGraphGetNodes(graph, NULL, &nodes));
  assert_int_equal(nodes, 4);
  OK(cudaGraphInstantiate(&exec, graph, 0));
  OK(cudaGraphDestroy(graph));
  for (int n = 1; n <= 5; n++) {
    OK(cudaGraphLaunch(exec, r.stream));
    OK(cudaStreamSynchronize(r.stream));
    assert_int_equal(r.host[0], 3);
    assert_int_equal(r.host[40], 2 * n);
  }
  OK(cudaGraphExecDestroy(exec));
  OK(cudaEventDestroy(fork));
  OK(cudaEventDestroy(join));
  close_rig(&r);
}

static void captures_refuse(void **state) {
  (void)state;
  rig r;
  int plain[64] = {0};
  void *more = NULL;
  cudaEvent_t event;
  cudaGraph_t graph = NULL;
  open_rig(&r);
  OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  for (int kind = 0; kind < 6; kind++) {
    OK(cudaStreamBeginCapture(r.stream, cudaStreamCaptureModeGlobal));
    trm__cuda_queue q = queue(r.stream), p = queue(r.other);
    launch_add(&q, r.device, 1, 64);
    if (kind == 0) FAILS(cudaStreamSynchronize(r.stream), cudaErrorStreamCaptureUnsupported);
    if (kind == 1) FAILS(cudaMalloc(&more, 8), cudaErrorStreamCaptureUnsupported);
    if (kind == 2) FAILS(cudaMemcpy(plain, r.device, 8, cudaMemcpyDeviceToHost), cudaErrorStreamCaptureUnsupported);
    if (kind == 3) {
      OK(cudaEventRecord(event, r.stream));
      FAILS(cudaEventSynchronize(event), cudaErrorCapturedEvent);
    }
    if (kind == 4) {
      OK(cudaEventRecord(event, r.stream));
      OK(cudaStreamWaitEvent(r.other, event, 0));
      launch_add(&p, r.device, 1, 64); /* nobody waits for this */
    }
    if (kind == 5) FAILS(cudaDeviceSynchronize(), cudaErrorStreamCaptureUnsupported);
    if (kind == 4) FAILS(cudaStreamEndCapture(r.stream, &graph), cudaErrorStreamCaptureUnjoined);
    else FAILS(cudaStreamEndCapture(r.stream, &graph), cudaErrorStreamCaptureInvalidated);
    assert_null(graph);
  }
  OK(cudaMemcpy(plain, r.device, sizeof plain, cudaMemcpyDeviceToHost));
  assert_int_equal(plain[0], 0);
  OK(cudaEventDestroy(event));
  close_rig(&r);
}

/* -- what goes wrong
 * --------------------------------------------------------------------------------------------------- */

static void launches_fail(void **state) {
  (void)state;
  int x[64] = {0};
  emulate_reset();
  trm__cuda_queue q = queue(NULL);
  launch_add(&q, x, 1, 64);
  assert_int_equal(q.fault, 0);
  launch_ticket(&q, (unsigned *)x, x, 1, 1025);
  assert_int_equal(q.fault, cudaErrorInvalidConfiguration);
  assert_string_equal(q.kernel, "ticket");
  assert_int_equal(q.launch[3], 1025);
  launch_add(&q, x, 1, 64); /* left out */
  assert_int_equal(x[1], 1);

  rig r;
  open_rig(&r);
  emulate_fail_launch("add", 2, cudaErrorLaunchOutOfResources);
  q = queue(r.stream);
  launch_add(&q, r.device, 1, 64);
  assert_int_equal(q.fault, 0);
  launch_add(&q, r.device, 1, 64);
  assert_int_equal(q.fault, cudaErrorLaunchOutOfResources);

  emulate_fault_kernel("add", 1, cudaErrorIllegalAddress);
  q = queue(r.stream);
  q.check = 1;
  launch_add(&q, r.device, 1, 64);
  assert_int_equal(q.fault, cudaErrorIllegalAddress);
  FAILS(cudaMemcpy(r.host, r.device, 4, cudaMemcpyDeviceToHost), cudaErrorIllegalAddress); /* for good */
  emulate_reset();
  emulate_lose_device(2, cudaErrorDevicesUnavailable);
  OK(cudaMemset(r.device, 0, 4));
  FAILS(cudaMemset(r.device, 0, 4), cudaErrorDevicesUnavailable);
  FAILS(cudaStreamSynchronize(r.stream), cudaErrorDevicesUnavailable);
  emulate_reset();
  FAILS(cudaMemcpy(r.device, r.host, 8, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  FAILS(cudaMemcpy(r.device + 60, r.host, 20, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  int blocks[64];
  unsigned many = 0;
  q = queue(NULL);
  launch_across(&q, blocks, blocks, &many, 4 * 32 + 1);
  assert_int_equal(q.fault, cudaErrorCooperativeLaunchTooLarge);
  close_rig(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(barriers),         cmocka_unit_test(warps),
      cmocka_unit_test(tensor_cores),     cmocka_unit_test(late_copies),
      cmocka_unit_test(named_barriers),   cmocka_unit_test(whole_grid),
      cmocka_unit_test(graphs_replay),    cmocka_unit_test(captures_refuse),
      cmocka_unit_test(streams_are_late), cmocka_unit_test(launches_fail),
      cmocka_unit_test(faults_are_found), cmocka_unit_test(fences_stop_reads),
  };
  emulate_protect(0);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
